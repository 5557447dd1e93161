"""How the commands speak: errors and exit codes, display, help, and words."""

from models.console.command import (
    ExitCode,
    UserError,
    cannot_create_error,
    complain,
    config_error,
    data_error,
    no_input_error,
    print_json,
    reason_of,
    require_file,
    unavailable_error,
    usage_error,
)
from models.console.display import aligned, display, encodable, one_line
from models.console.i18n import language, tr

__all__ = [
    "ExitCode",
    "UserError",
    "aligned",
    "cannot_create_error",
    "complain",
    "config_error",
    "data_error",
    "display",
    "encodable",
    "language",
    "no_input_error",
    "one_line",
    "print_json",
    "reason_of",
    "require_file",
    "tr",
    "unavailable_error",
    "usage_error",
]
