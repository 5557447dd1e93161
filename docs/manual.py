"""Writes the man pages and the shell completions: `python docs/manual.py FOLDER`.

Both come from the commands themselves: share/man/man1 has a page for each, share/ the completions
of bash, zsh and fish where those shells look for them.
"""

import sys
from importlib.metadata import version
from pathlib import Path

from click.shell_completion import get_completion_class
from click_man.core import write_man_pages

from tui.cli import COMPLETE, EXIT_CODES, PROGRAM, cli

COMPLETIONS = {
    "bash": f"bash-completion/completions/{PROGRAM}",
    "zsh": f"zsh/site-functions/_{PROGRAM}",
    "fish": f"fish/vendor_completions.d/{PROGRAM}.fish",
}


def main(folder: Path) -> None:
    """Write everything under `folder`, as under /usr/share."""
    pages = folder / "man" / "man1"
    pages.mkdir(parents=True, exist_ok=True)
    write_man_pages(PROGRAM, cli, version=version(PROGRAM), target_dir=str(pages))
    status = [f".TP\n\\fB{code:d}\\fP\n{meaning}\n" for code, meaning in EXIT_CODES.items()]
    for page in pages.glob("*.1"):
        with page.open("a", encoding="utf-8") as file:
            file.write("\n.SH EXIT STATUS\n" + "".join(status))
    for shell, name in COMPLETIONS.items():
        complete = get_completion_class(shell)
        assert complete is not None
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(complete(cli, {}, PROGRAM, COMPLETE).source(), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
