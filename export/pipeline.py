"""From a run directory to one `.onnx` file, read from top to bottom."""

import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import onnx

from export.graph import Census, census, check_census, digest, fold_temperature, trace
from export.parity import (
    Agreement,
    check_close,
    check_exact,
    spread,
    torch_probabilities,
)
from export.probes import PROBES
from export.quantization import quantize
from models.command import ExitCode, UserError
from models.i18n import tr
from models.manifest import Manifest
from models.predictor import Predictor
from models.run_directory import Run, load_classifier, read_json, read_rows, read_run
from models.tokens import Tokenizer

Precision = Literal["fp32", "int8"]


@dataclass(frozen=True)
class Settings:
    """What an export is asked to do.

    Attributes:
        run: the run directory.
        output: the file to write.
        opset: of the standard operators.
        precision: of the weights.
        encoder: where the encoder is now, if it moved.
        force: replace an existing file.
    """

    run: Path
    output: Path
    opset: int
    precision: Precision
    encoder: str | None = None
    force: bool = False


@dataclass(frozen=True)
class Exported:
    """What was written, as read back from the file."""

    path: Path
    size: int
    census: Census
    agreement: Agreement


def export(settings: Settings) -> Exported:
    """Write the model, and prove it before it gets its name.

    Raises:
        UserError: as `read_run` and `load_classifier`; CANNOT_CREATE, the output exists; CONFIG,
            the written file fails a gate, and stays as `NAME.rejected.onnx`.
    """
    if settings.output.exists() and not settings.force:
        raise UserError(
            ExitCode.CANNOT_CREATE,
            tr(
                "{path} exists; name another --output, or --force to replace it",
                path=settings.output,
            ),
        )
    run = read_run(settings.run)
    rows = read_rows(settings.run / "dev.jsonl")
    classifier, encoder = load_classifier(settings.run, run, settings.encoder, for_export=True)
    fold_temperature(classifier, run.temperature)
    tokenizer = Tokenizer(encoder.tokenizer, run.max_length)
    exact = trace(classifier, opset=settings.opset, token_types=tokenizer.has_token_types)
    model = quantize(exact) if settings.precision == "int8" else exact
    manifest = _manifest(run, settings, encoder.tokenizer, model)
    del model.metadata_props[:]
    for key, value in manifest.to_metadata().items():
        model.metadata_props.add(key=key, value=value)

    settings.output.parent.mkdir(parents=True, exist_ok=True)
    draft = settings.output.with_name(f".{settings.output.stem}.{os.getpid()}.onnx")
    try:
        draft.write_bytes(model.SerializeToString(deterministic=True))
        onnx.checker.check_model(draft, full_check=True)
        found = census(onnx.load(draft))
        try:
            check_census(found, opset=settings.opset, token_types=tokenizer.has_token_types)
            predictor = Predictor.open(draft, device="cpu")
            if settings.precision == "int8":
                agreement = check_close(predictor, rows)
            else:
                texts = [*PROBES, *spread(rows)]
                expected = torch_probabilities(classifier, tokenizer, texts)
                agreement = check_exact(predictor, expected, texts)
        except UserError:
            draft.replace(settings.output.with_suffix(".rejected.onnx"))
            raise
        draft.replace(settings.output)
    finally:
        draft.unlink(missing_ok=True)
    return Exported(settings.output, settings.output.stat().st_size, found, agreement)


def _manifest(run: Run, settings: Settings, tokenizer: str, model: onnx.ModelProto) -> Manifest:
    quality: dict[str, Any] = read_json(settings.run / "metrics.json")
    quality.pop("history")
    return Manifest(
        labels=tuple(run.labels),
        tokenizer=tokenizer,
        max_length=run.max_length,
        pooling=run.pooling,
        precision=settings.precision,
        encoder=run.encoder,
        data=run.data_fingerprint,
        quality=quality,
        digest=digest(model, tokenizer, run.labels),
        version=version("sentiment-tui"),
        uncertain_below=run.uncertain_below,
    )
