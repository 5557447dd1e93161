"""`sentiment-tui doctor`: what prediction finds on this machine, and what mends it."""

import platform
from pathlib import Path

from models.console.command import UserError, reason_of
from models.console.i18n import tr
from models.cores import available_cores, instructions, quota
from models.locations import Device
from models.predictor import Predictor
from models.session import installed, providers

_PACKAGES = ("sentiment-tui", "onnxruntime", "onnxruntime-gpu", "tokenizers", "numpy", "textual")


def examine(model: Path, device: Device) -> tuple[list[tuple[str, str]], list[str]]:
    """Return what was found, as names and values, and what is wrong, with what mends it.

    Args:
        model: the file to open.
        device: asked for.
    """
    granted, sets = quota(), instructions()
    note = "" if granted is None else tr(" (the cgroup grants {count:g})", count=granted)
    found = [
        (tr("Python"), f"{platform.python_version()}, {platform.platform()}"),
        *((name, installed(name) or "-") for name in _PACKAGES),
        (tr("cores"), f"{available_cores()}{note}"),
        (tr("instructions"), ", ".join(sets) or tr("unknown")),
    ]
    try:
        found.append((tr("providers offered"), ", ".join(providers())))
        predictor = Predictor.open(model, device=device)
    except (UserError, OSError) as error:
        return found, [reason_of(error)]
    manifest = predictor.manifest
    slow = tr(" (exact without VNNI, but slower)") if predictor.overflows else ""
    found += [
        (tr("asked for, got"), f"{device}, {predictor.device}"),
        (
            tr("model"),
            f"{model}: {manifest.precision}, {manifest.target}, {manifest.encoder}{slow}",
        ),
        (tr("digest"), manifest.digest),
        *((tr("nodes on {name}", name=name), f"{n}") for name, n in predictor.nodes.items()),
    ]
    problems = []
    if installed("onnxruntime-gpu") and predictor.device == "cpu":
        problems.append(
            tr(
                "onnxruntime-gpu is installed, and the CPU is used: sentiment-tui doctor --device "
                "cuda says why"
            )
        )
    return found, problems
