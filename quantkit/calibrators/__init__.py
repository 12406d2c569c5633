"""Threshold rules: from a histogram to the range worth keeping."""
