"""A probe as files: ours, ONNX, scikit-learn, with a sealed card."""
