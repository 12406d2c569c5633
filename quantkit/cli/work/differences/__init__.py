"""The work of `quantkit diff`: what changed between two files of one kind: runs, calibrations, models."""
