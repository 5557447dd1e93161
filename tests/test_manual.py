"""The man pages and completions are whole, for they are made from the commands."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from models.console import ExitCode
from tui.cli import COMPLETE, PROGRAM, cli

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("share")
    runpy.run_path(str(ROOT / "docs" / "manual.py"))["main"](folder)
    return folder


def test_the_man_page_has_every_option_and_every_exit_code(share: Path) -> None:
    page = (share / "man" / "man1" / f"{PROGRAM}-classify.1").read_text(encoding="utf-8")
    page = page.replace("\\-", "-")
    for parameter in cli.commands["classify"].params:
        if isinstance(parameter, click.Option):
            assert all(name in page for name in parameter.opts), parameter.name
    for code in ExitCode:
        assert f"\\fB{code.value}\\fP" in page, code


def test_a_shell_completes_commands_and_options(share: Path) -> None:
    assert (share / f"fish/vendor_completions.d/{PROGRAM}.fish").read_text()
    assert (share / f"zsh/site-functions/_{PROGRAM}").read_text()
    bash = shutil.which("bash")
    assert bash is not None
    function = share / f"bash-completion/completions/{PROGRAM}"
    subprocess.run([bash, "-n", function], check=True)
    done = subprocess.run(
        [sys.executable, "-c", "from tui.cli import main; main()"],
        env={
            **os.environ,
            COMPLETE: "bash_complete",
            "COMP_WORDS": f"{PROGRAM} classify --q",
            "COMP_CWORD": "2",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["plain,--quoting", "plain,--quiet"]
