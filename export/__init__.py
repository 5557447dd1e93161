"""`python -m export`: turns a run directory into one ONNX file that is the whole model."""
