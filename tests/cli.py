"""Runs a command line inside the test process, as a shell would see it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import click
import pytest

from models.console.command import run


@dataclass(frozen=True)
class Result:
    """What a shell sees of a command."""

    code: int
    stdout: str
    stderr: str


Invoke = Callable[..., Result]


def invoker(
    command: click.Command, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Invoke:
    """Return a function that runs `command` with its arguments."""

    def invoke(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["program", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as caught:
            run(command, "program")
        out, err = capfd.readouterr()
        assert isinstance(caught.value.code, int)
        return Result(int(caught.value.code), out, err)

    return invoke
