"""The work of `quantkit build`: a TensorRT engine in a file."""
