"""`python -m trainer`: trains a classifier on labelled reviews, and writes a run directory."""
