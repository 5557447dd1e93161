"""The code stays as small and as plain as benchmarks/shape.py says."""

import pytest

from benchmarks import shape

FILES = [file for package in shape.PACKAGES for file in shape.files_of(shape.ROOT / package)]


def test_no_file_is_long() -> None:
    assert not [str(f.path) for f in FILES if f.lines > shape.MAX_FILE_LINES]


def test_no_function_is_long_or_branches_much() -> None:
    functions = [function for file in FILES for function in file.functions]
    assert len(functions) > 500
    assert not [str(f) for f in functions if f.lines > shape.MAX_FUNCTION_LINES]
    assert not [str(f) for f in functions if f.complexity > shape.MAX_COMPLEXITY]


@pytest.mark.parametrize("package", shape.PACKAGES)
def test_a_line_of_code_says_one_thing(package: str) -> None:
    files = shape.files_of(shape.ROOT / package)
    tokens = sum(file.tokens for file in files)
    code_lines = sum(file.code_lines for file in files)
    assert tokens <= shape.MAX_DENSITY[package] * code_lines
