"""How the commands speak: errors and exit codes, display, help, and words."""
