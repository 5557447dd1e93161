"""The command that installs what is missing, into the environment that runs this."""

import re
import shlex
import sys
from importlib.metadata import requires
from importlib.util import find_spec


def install(*requirements: str) -> str:
    """Return the command for some packages; uv's environments have no pip of their own."""
    words = [sys.executable, "-m", "pip", "install"]
    if find_spec("pip") is None:
        words = ["uv", "pip", "install", "--python", sys.executable]
    return shlex.join([*words, *requirements])


def install_extra_of(module: str) -> str | None:
    """Return the command for the smallest extra that brings a module; None where none does."""
    extras: dict[str, list[str]] = {}
    for line in requires("sentiment-tui") or ():
        requirement, marker, extra = line.partition("; extra == ")
        if marker:
            extras.setdefault(extra, []).append(requirement)
    brings = re.compile(rf"{module}\b")
    fitting = []
    for requirements in extras.values():
        if any(brings.match(one.replace("-", "_")) for one in requirements):
            fitting.append(requirements)
    return install(*min(fitting, key=len)) if fitting else None
