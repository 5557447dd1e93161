"""Reads tables of texts, record by record."""
