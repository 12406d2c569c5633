"""The work of `quantkit cache`: calibration caches shown, checked, compared and converted."""
