"""The runtime starts fast because of what it does not import; a child process shows that."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TRAINING = {"torch", "transformers", "datasets", "onnx", "optimum", "safetensors"}


def imported_by(*arguments: object) -> set[str]:
    """Run `sentiment-tui` with some arguments, and return the packages it had imported."""
    code = (
        "import atexit, sys\n"
        "names = lambda: print(*{m.partition('.')[0] for m in sys.modules}, file=sys.stderr)\n"
        "atexit.register(names)\n"
        "from tui.cli import main\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


def test_classify_imports_no_training_library_and_no_screen(model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\n很好\n", encoding="utf-8")
    output = tmp_path / "out.csv"
    names = imported_by("classify", tmp_path / "a.csv", "--model", model, "-o", output)
    assert "onnxruntime" in names
    assert not names & {*TRAINING, "textual", "pyarrow", "python_calamine", "xlsxwriter"}


def test_help_imports_not_even_numpy() -> None:
    names = imported_by("--help")
    assert not names & {*TRAINING, "textual", "numpy", "onnxruntime", "tokenizers"}


@pytest.mark.parametrize("program", ["export", "trainer"])
def test_the_help_of_a_program_waits_for_no_library(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", program, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    modules = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines()]
    names = {module.partition(".")[0] for module in modules}
    assert "click" in names
    assert not names & {*TRAINING, "textual", "numpy", "onnxruntime", "tokenizers"}


@pytest.mark.parametrize("program", ["export", "trainer"])
@pytest.mark.parametrize("name", ["models.py", "models/__init__.py"])
def test_a_folder_that_has_models_of_its_own_is_no_place_to_import_from(
    tmp_path: Path, program: str, name: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("raise SystemExit('this is not ours')\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", program, "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: ")


def test_the_app_imports_no_training_library() -> None:
    code = "import sys, tui.app.app; print(*{m.partition('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = set(done.stdout.split())
    assert "textual" in names
    assert not names & {*TRAINING, "onnxruntime"}


@pytest.mark.parametrize("package", ["export", "models", "trainer", "tui"])
def test_the_root_of_a_package_imports_nothing(package: str) -> None:
    code = (
        f"import sys; before = set(sys.modules); import {package}; print(set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{{'{package}'}}"


def test_onnx_runtime_tells_nobody_that_it_is_used(tmp_path: Path) -> None:
    """It keeps an id of the machine, and what it is about to tell, in the user's cache."""
    program = (
        "from models.locations import BUILTIN\n"
        "from models.predictor import Predictor\n"
        "Predictor.open(BUILTIN).predict(['好'])\n"
    )
    kept = {name: value for name, value in os.environ.items() if name[:4] not in ("ORT_", "XDG_")}
    subprocess.run([sys.executable, "-c", program], env={**kept, "HOME": str(tmp_path)}, check=True)
    assert not [path for path in tmp_path.rglob("*") if "icrosoft" in path.name]
