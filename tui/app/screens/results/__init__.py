"""A file run on the screen: its progress, and its results to filter, correct and save."""

from tui.app.screens.results.screen import ResultsScreen

__all__ = ["ResultsScreen"]
