"""What is said of a finished run: scores, calibration, card, and pictures."""
