"""Copying text, and telling truthfully how."""

from contextlib import suppress
from typing import TYPE_CHECKING

import pyperclip

from models.console import tr
from tui.app.threads import run_in_thread

if TYPE_CHECKING:
    from tui.app.app import SentimentApp

_MAX_OSC52 = 74_000  # bytes that terminals are known to take in one sequence


def copy(app: "SentimentApp", text: str) -> None:
    """Copy `text` to the clipboards that can be reached, and say which those were."""
    app.run_worker(_copy(app, text), description="copy")


async def _copy(app: "SentimentApp", text: str) -> None:
    """Copy by a program of this machine, which may hang, and by the terminal.

    OSC 52 reaches the terminal's clipboard also over SSH, but no terminal says whether it obeyed.
    """
    data = text.encode("utf-8", "replace")  # half a surrogate pair has no encoding
    ways = []
    with suppress(pyperclip.PyperclipException, OSError):
        await run_in_thread(lambda: pyperclip.copy(data.decode()))
        ways.append(tr("the clipboard of this machine"))
    if len(data) <= _MAX_OSC52:
        app.copy_to_clipboard(data.decode())
        ways.append(tr("the terminal (OSC 52), if it allows that"))
    if ways:
        app.notify(
            tr("Copied {count} characters with {ways}", count=len(text), ways=", ".join(ways))
        )
    else:
        app.notify(tr("Too long to copy: {count} characters. Save it instead.", count=len(text)))
