"""What a model is: classifier, run directory, one-file model, and the predictor that runs it."""

import os

# ONNX Runtime (1.32) tells its maker that it is used, unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
