"""Measurements: how accurate, how fast, how large; and the built-in model's recipe."""
