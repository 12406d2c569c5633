"""From files to a checked ONNX model: what is read, and what is refused."""
