"""Whatever standard output can encode, a command says what it has to say."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("encoding", ["latin-1", "gb2312"])
def test_help_has_no_character_that_ends_it(encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    program = "from tui.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "classify", "--help"],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"--label-everything" in done.stdout
