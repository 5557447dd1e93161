"""Classifies files and pipes; knows no screen."""
