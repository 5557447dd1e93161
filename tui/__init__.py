"""`sentiment-tui`: the terminal app, and `sentiment-tui classify` for files and pipes."""
