"""A file before it is classified: what was recognised of it, and what can be changed."""

from tui.app.screens.file.screen import FileScreen

__all__ = ["FileScreen"]
