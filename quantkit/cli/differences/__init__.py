"""What changed between two files of one kind: runs, calibrations, models."""
