"""What a model is: classifier, run directory, one-file model, and the predictor that runs it."""
