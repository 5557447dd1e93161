"""The rows of a run by columns of the input."""

from tui.app.screens.groups.screen import GroupsScreen, ask_column

__all__ = ["GroupsScreen", "ask_column"]
