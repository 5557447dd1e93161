"""`sentiment-tui doctor`: what prediction finds on this machine, and what mends it."""

import platform
from pathlib import Path

from models.console import UserError, tr, unavailable_error
from models.cores import available_cores, instructions, quota
from models.locations import Device
from models.predictor import Predictor
from models.session import installed, providers

_PACKAGES = ("sentiment-tui", "onnxruntime", "onnxruntime-gpu", "tokenizers", "numpy", "textual")


Fact = tuple[str, str]


def examine(model: Path, device: Device) -> tuple[list[Fact], UserError | OSError | None]:
    """Return what was found, as names and values, and what is wrong, with what mends it.

    Args:
        model: the file to open.
        device: the device that was asked for.
    """
    found = _machine()
    try:
        offered = ", ".join(providers())
        found.append((tr("providers offered"), offered))
        predictor = Predictor.open(model, device=device)
    except (UserError, OSError) as error:
        return found, error
    found.append((tr("asked for, got"), f"{device}, {predictor.device}"))
    found += _model(predictor)
    for_cpu = device == "cpu" or predictor.manifest.precision == "int8"  # no CUDA kernels for that
    if for_cpu or predictor.device != "cpu" or not installed("onnxruntime-gpu"):
        return found, None
    return found, unavailable_error(
        "onnxruntime-gpu is installed, and the CPU is used: sentiment-tui doctor --device "
        "cuda says why"
    )


def _machine() -> list[Fact]:
    granted = quota()
    note = "" if granted is None else tr(" (the cgroup grants {count:g})", count=granted)
    found = [(tr("Python"), f"{platform.python_version()}, {platform.platform()}")]
    for name in _PACKAGES:
        found.append((name, installed(name) or "-"))
    found.append((tr("cores"), f"{available_cores()}{note}"))
    found.append((tr("instructions"), ", ".join(instructions()) or tr("unknown")))
    return found


def _model(predictor: Predictor) -> list[Fact]:
    manifest = predictor.manifest
    slow = tr(" (exact without VNNI, but slower)") if predictor.overflows else ""
    kind = f"{manifest.precision}, {manifest.target}, {manifest.encoder}{slow}"
    found = [
        (tr("model"), f"{predictor.path}: {kind}"),
        (tr("digest"), manifest.digest),
    ]
    for name, count in predictor.nodes.items():
        found.append((tr("nodes on {name}", name=name), str(count)))
    return found
