"""Where models and runs are; light enough to ask before anything heavy is imported."""

from pathlib import Path
from typing import Literal

Device = Literal["auto", "cpu", "cuda"]

BUILTIN = Path(__file__).with_name("builtin.onnx")
"""The model that comes with the program."""

LATEST = Path("runs/latest")
"""Link to the newest finished run."""


def newest_model(folder: Path) -> Path:
    """Return the newest `*.onnx` of `folder`, or the built-in model where there is none."""
    found = [
        path
        for path in folder.glob("[!.]*.onnx")
        if path.is_file()
        and not path.name.endswith(".rejected.onnx")
        and path.resolve() != BUILTIN.resolve()
    ]
    return max(found, key=lambda path: path.stat().st_mtime_ns, default=BUILTIN)


def model_path(model: str | None) -> Path:
    """Return the model that was named: a file or "builtin"; None is the newest one here."""
    if model is None:
        return newest_model(Path("models"))
    return BUILTIN if model == "builtin" else Path(model)
