"""Candidates against a reference, on the same samples: metrics, paired statistics, latency."""
