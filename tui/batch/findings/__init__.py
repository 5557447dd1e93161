"""Findings: answers in columns, and what is to be found in them."""
