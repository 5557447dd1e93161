"""How large and how dense is the code? Tokens, lines and complexity of the four packages.

    python benchmarks/shape.py [FOLDER ...]

A token is what the tokenizer of Python gives, but for comments, docstrings, line ends and
indentation; a code line is a line that has one. Complexity is radon's, of functions and methods.
tests/test_shape.py holds the code to the limits below.
"""

import ast
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radon.complexity import cc_visit

ROOT = Path(__file__).parent.parent
PACKAGES = ("models", "trainer", "export", "tui")

MAX_FILE_LINES = 350
MAX_FUNCTION_LINES = 60
MAX_COMPLEXITY = 15
MAX_DENSITY = {"models": 8.5, "trainer": 8.9, "export": 9.2, "tui": 8.9}
"""Most tokens a code line of a package; formulas, as trainer and export have them, are dense."""

LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


@dataclass(frozen=True)
class Function:
    """A function or method, with the file it is in."""

    path: Path
    name: str
    lines: int
    complexity: int

    def __str__(self) -> str:
        return f"{self.path}: {self.name}: {self.lines} lines, complexity {self.complexity}"


@dataclass(frozen=True)
class File:
    """A Python file, counted."""

    path: Path
    lines: int
    code_lines: int
    tokens: int
    functions: tuple[Function, ...]


def count(path: Path) -> File:
    """Count a file."""
    source = path.read_text(encoding="utf-8")
    docstrings = set(_docstring_starts(ast.parse(source)))
    code_lines: set[int] = set()
    tokens = 0
    with path.open("rb") as file:
        next(stream := tokenize.tokenize(file.readline))  # the encoding
        for token in stream:
            if token.type in LAYOUT or token.start in docstrings:
                continue
            tokens += 1
            code_lines.update(range(token.start[0], token.end[0] + 1))
    functions = tuple(_functions(path, cc_visit(source)))
    return File(path, source.count("\n"), len(code_lines), tokens, functions)


def _docstring_starts(tree: ast.Module) -> Iterator[tuple[int, int]]:
    """Yield where strings stand that are statements: docstrings, also those of constants."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                yield node.lineno, node.col_offset


def _functions(path: Path, blocks: list[Any]) -> Iterator[Function]:
    for block in blocks:
        if hasattr(block, "methods"):  # a class: radon lists its methods beside it too
            continue
        lines = block.endline - block.lineno + 1
        yield Function(path, block.fullname, lines, block.complexity)


def files_of(folder: Path) -> list[File]:
    """Count every Python file below a folder."""
    return [count(path) for path in sorted(folder.rglob("*.py"))]


def main(folders: list[Path]) -> None:
    """Print a row for each folder, and what is over a limit."""
    everything: list[File] = []
    print("| | files | lines | code lines | tokens | tokens a line | complexity |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for folder in folders:
        found = files_of(folder)
        everything += found
        _row(folder.name, found)
    _row("all", everything)
    print()
    for file in everything:
        if file.lines > MAX_FILE_LINES:
            print(f"{file.path}: {file.lines} lines")
        for function in file.functions:
            if function.lines > MAX_FUNCTION_LINES or function.complexity > MAX_COMPLEXITY:
                print(function)


def _row(name: str, files: list[File]) -> None:
    tokens = sum(file.tokens for file in files)
    code_lines = sum(file.code_lines for file in files)
    lines = sum(file.lines for file in files)
    complexities = [function.complexity for file in files for function in file.functions]
    average = sum(complexities) / max(1, len(complexities))
    density = tokens / max(1, code_lines)
    print(
        f"| {name} | {len(files)} | {lines:,} | {code_lines:,} | {tokens:,} "
        f"| {density:.2f} | {average:.2f} |"
    )


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:] or PACKAGES])
