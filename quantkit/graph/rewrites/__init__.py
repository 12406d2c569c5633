"""The same mathematics in operators that have integer kernels."""
