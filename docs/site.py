"""Lays out the pages of the site: `python docs/site.py FOLDER` copies docs, and writes the options.

The reference of options is made from the commands themselves, in both languages.
"""

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click

ROOT = Path(__file__).parent.parent
LOCALES = {"reference.md": "C.UTF-8", "reference.zh.md": "zh_CN.UTF-8"}
TITLES = {"reference.md": "Options", "reference.zh.md": "全部选项"}
COMMANDS = {
    "sentiment-tui": "tui.cli:cli",
    "python -m trainer": "trainer.__main__:main",
    "python -m export": "export.__main__:main",
}
WIDTH = 100


def main(folder: Path) -> None:
    """Write all pages into a folder."""
    shutil.copytree(ROOT / "docs", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copy(ROOT / "CHANGELOG.md", folder / "changelog.md")
    for name, locale in LOCALES.items():  # the language counts from the start of a process
        page = subprocess.run(  # noqa: S603
            [sys.executable, __file__, "--reference", TITLES[name]],
            env=os.environ | {"LC_ALL": locale, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        (folder / name).write_text(page.stdout, encoding="utf-8")


def reference() -> Iterator[str]:
    """Yield the lines of a page that has the help of every command."""
    from models.console import help

    help.speak()
    for program, place in COMMANDS.items():
        module, _, name = place.partition(":")
        command = getattr(importlib.import_module(module), name)
        for called, one in commands(program, command):
            with one.make_context(called, [], resilient_parsing=True) as context:
                context.terminal_width = WIDTH
                yield from ("", f"## {called}", "", "```text", one.get_help(context), "```")


def commands(called: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """Yield a command and those under it, with what they are called."""
    yield called, command
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            if not one.hidden:
                yield from commands(f"{called} {name}", one)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--reference":
        print(f"# {sys.argv[2]}", *reference(), sep="\n")  # noqa: T201
    elif len(sys.argv) == 2:
        main(Path(sys.argv[1]))
    else:
        sys.exit(__doc__)
