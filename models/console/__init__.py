"""How the commands speak: errors and exit codes, display, help, and words."""

from models.console.command import ExitCode, UserError, complain, reason_of, require_file
from models.console.display import aligned, display, encodable, one_line
from models.console.i18n import language, tr

__all__ = [
    "ExitCode",
    "UserError",
    "aligned",
    "complain",
    "display",
    "encodable",
    "language",
    "one_line",
    "reason_of",
    "require_file",
    "tr",
]
