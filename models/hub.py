"""The hub: whether it can be reached, and whether a name is one of its ids at all."""

import difflib
import os
import re
import ssl
import sys
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from models.console import tr, usage_error

SECONDS = 10
"""Time in which the hub must answer; its libraries would try for half a minute and more."""


_ID = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
"""What a name on the hub may be: of a user and a thing, in letters, digits, and . _ -"""


def is_offline() -> bool:
    """Whether the libraries of the hub take only what they have loaded before."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def ask(kind: str, name: str) -> None:
    """Take its libraries offline where the hub does not answer, to what was loaded before.

    To be called before they are imported, which is when they look.

    Args:
        kind: "models" or "datasets".
        name: id of one of them.

    Raises:
        UserError: USAGE, HF_ENDPOINT is no address.
    """
    if is_offline():
        return
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    if not endpoint.startswith(("http://", "https://")):
        raise usage_error(
            "HF_ENDPOINT: expected an address such as https://huggingface.co, found {found}",
            found=endpoint,
        )
    try:
        urlopen(Request(f"{endpoint}/api/{kind}/{name}", method="HEAD"), timeout=SECONDS).close()  # noqa: S310 - a web address, or the user's own
    except HTTPError:
        return  # an answer
    except (OSError, HTTPException) as error:
        if isinstance(error, URLError) and isinstance(error.reason, ssl.SSLError):
            return  # they have other certificates than Python
        os.environ["HF_HUB_OFFLINE"] = "1"
        if constants := sys.modules.get("huggingface_hub.constants"):
            constants.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]


def is_path(name: str) -> bool:
    """Whether a name is that of a file or folder, there or not: its folder is, or no id has it."""
    if name.startswith((".", "/", "~")) or not _ID.fullmatch(name):
        return True
    return "/" in name and Path(name).parent.is_dir()


def alike(name: str) -> str:
    """Return a hint at what has almost the name of a file or folder that is not there, or ""."""
    path = Path(name)
    names = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    found = difflib.get_close_matches(path.name, names, n=1)
    return tr("; there is {path}", path=path.parent / found[0]) if found else ""
