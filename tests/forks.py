"""Commands in forks of one process, which has imported what takes seconds: torch."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[1]

# Each line of input is the folder, the code and the arguments of a command, which is started at
# once. An empty line waits for all that were started, and prints their exit codes.
_SERVER = """
def serve():
    import json, os, sys

    children = []
    for line in sys.stdin:
        if not line.strip():
            codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
            children.clear()
            print(json.dumps(codes), flush=True)
            continue
        folder, code, arguments = json.loads(line)
        if child := os.fork():
            children.append(child)
            continue
        os.chdir(folder)
        for number, name in (1, "stdout"), (2, "stderr"):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        exec(code, globals() | {"arguments": arguments})
        sys.exit()

serve()
"""


class Forks:
    """A process that imports once, and forks for each command.

    A command is code, which finds its `arguments` as a list of words. What it says goes to the file
    `stderr` of its folder, or `stdout`.

    Args:
        imports: the code that runs before any fork.
        env: as of `subprocess.Popen`.
    """

    def __init__(self, imports: str, env: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", imports + _SERVER],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def start(self, code: str, *arguments: object, cwd: Path) -> None:
        """Start a command in a folder."""
        self._send(json.dumps([str(cwd), code, list(map(str, arguments))]))

    def wait(self) -> list[int]:
        """Wait for all that were started, and return their exit codes."""
        self._send("")
        assert self._process.stdout is not None
        codes: list[int] = json.loads(self._process.stdout.readline())
        return codes

    def run(self, code: str, *arguments: object, cwd: Path) -> int:
        """Run a command in a folder, and return its exit code."""
        self.start(code, *arguments, cwd=cwd)
        (ended,) = self.wait()
        return ended

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        print(line, file=self._process.stdin, flush=True)
