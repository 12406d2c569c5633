"""Reading, preparing and rewriting ONNX graphs; knows no runtime."""
