"""Trained models as files for other programs: C with the weights in it, and ONNX."""
