"""Sources of representative samples, and what is done to them first."""
