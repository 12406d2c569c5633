"""The parts of `quantkit cache`."""
