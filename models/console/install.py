"""Commands to say: what installs what is missing here, and this program again."""

import re
import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path


def install(*requirements: str) -> str:
    """Return the command for some packages; uv's environments have no pip of their own."""
    words = [sys.executable, "-m", "pip", "install"]
    if find_spec("pip") is None:
        words = ["uv", "pip", "install", "--python", sys.executable]
    return shlex.join([*words, *requirements])


def again(*words: object) -> str:
    """Return a command of this program, by its mere name where that finds it."""
    program = sys.argv[0]
    if shutil.which(Path(program).name) == program:
        program = Path(program).name
    return shlex.join([program, *map(str, words)])


def install_extra_of(module: str) -> str | None:
    """Return the command for the smallest extra that brings a module; None where none does."""
    from importlib.metadata import requires  # takes 30 ms

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
