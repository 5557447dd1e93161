"""Copies text, and tells truthfully how."""

import shutil
import subprocess

from textual.app import App

from models.console.i18n import tr

_TOOLS = (["wl-copy"], ["xclip", "-selection", "clipboard"], ["pbcopy"], ["clip.exe"])
_MOST = 74_000  # bytes that terminals are known to take in one OSC 52 sequence


def copy(app: App[None], text: str) -> str:
    """Copy `text` to the clipboards that can be reached, and say which those were.

    OSC 52 asks the terminal, also over SSH, and no terminal answers whether it obeyed; a tool of
    this machine does answer, and reaches the clipboard of this machine only.
    """
    data = text.encode("utf-8", "replace")  # half a surrogate pair has no encoding
    ways = [tool[0] for tool in _TOOLS if shutil.which(tool[0]) and _ran(tool, data)][:1]
    if len(data) <= _MOST:
        app.copy_to_clipboard(data.decode())
        ways.append(tr("the terminal (OSC 52), if it allows that"))
    if not ways:
        return tr("Too long to copy: {count} characters. Save it instead.", count=len(text))
    return tr("Copied {count} characters with {ways}", count=len(text), ways=", ".join(ways))


def _ran(tool: list[str], data: bytes) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - one of the commands above
            tool, input=data, timeout=2, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return done.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
