"""From a run directory to one `.onnx` file, read from top to bottom."""

import os
from dataclasses import asdict, dataclass, field
from dataclasses import replace as changed
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import onnx

from export.graph import Census, census, check_census, fuse, trace
from export.parity import (
    Agreement,
    check_close,
    check_exact,
    compare,
    spread,
    torch_probabilities,
)
from export.probes import PROBES
from export.search import candidates
from export.sources import Source, open_source
from models.command import ExitCode, UserError
from models.i18n import tr
from models.manifest import Manifest
from models.predictor import Predictor
from models.run_directory import Row
from models.tokens import Tokenizer
from models.vetting import digest

Precision = Literal["fp32", "fp16", "int8", "auto"]
Target = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Settings:
    """What an export is asked to do.

    Attributes:
        run: the run directory, or a classifier in the Hugging Face format.
        output: the file to write.
        opset: of the standard operators.
        precision: "auto" is int8 where the gates allow integer arithmetic, else fp32; for CUDA
            it is fp16.
        target: the device that the graph is made for.
        encoder: where the encoder is now, if it moved.
        dev: see `export.sources.open_source`.
        force: replace an existing file.
    """

    run: Path
    output: Path
    opset: int = 17
    precision: Precision = "fp32"
    target: Target = "cpu"
    encoder: str | None = None
    dev: Path | None = None
    force: bool = False


@dataclass(frozen=True)
class Exported:
    """What was written, as read back from the file.

    Attributes:
        path: of the file.
        size: in bytes.
        precision: of the file.
        census: what the graph holds.
        agreement: with torch.
        tried: the int8 candidates, by the bits of their activations; the last of them is the one
            that was kept, if any.
    """

    path: Path
    size: int
    precision: str
    census: Census
    agreement: Agreement
    tried: list[tuple[int, Agreement]] = field(default_factory=list)


def export(settings: Settings) -> Exported:
    """Write the model, and prove it before it gets its name.

    Raises:
        UserError: as `open_source`; USAGE, a precision that the target has no use for;
            CANNOT_CREATE, the output exists; CONFIG, the written file fails a gate, and stays as
            `NAME.rejected.onnx`.
    """
    _check(settings)
    source = open_source(settings.run, settings.encoder, settings.dev)
    tokenizer = Tokenizer(source.facts["tokenizer"], source.facts["max_length"])
    exact = trace(source.module, opset=settings.opset, token_types=tokenizer.has_token_types)
    settings.output.parent.mkdir(parents=True, exist_ok=True)
    draft = settings.output.with_name(f".{settings.output.stem}.{os.getpid()}.onnx")
    try:
        try:
            done = _prove(settings, source, tokenizer, exact, draft)
        except UserError:
            if draft.exists():
                draft.replace(settings.output.with_suffix(".rejected.onnx"))
            raise
        draft.replace(settings.output)
    finally:
        draft.unlink(missing_ok=True)
    return done


def _check(settings: Settings) -> None:
    if settings.output.exists() and not settings.force:
        raise UserError(
            ExitCode.CANNOT_CREATE,
            tr(
                "{path} exists; name another --output, or --force to replace it",
                path=settings.output,
            ),
        )
    if settings.target == "cpu" and settings.precision == "fp16":
        raise UserError(
            ExitCode.USAGE,
            tr("fp16 is for --target cuda: on CPUs ONNX Runtime computes it in fp32, with casts"),
        )
    if settings.target == "cuda" and settings.precision == "int8":
        raise UserError(
            ExitCode.USAGE,
            tr("int8 is for --target cpu: ONNX Runtime has no CUDA kernels for it; take fp16"),
        )


def _prove(
    settings: Settings, source: Source, tokenizer: Tokenizer, exact: onnx.ModelProto, draft: Path
) -> Exported:
    """Write the draft in the precision asked for, and hold it against its gates."""
    precision = settings.precision
    tried: list[tuple[int, Agreement]] = []
    if settings.target == "cuda":
        precision = "fp16" if precision == "auto" else precision
        exact = fuse(exact, heads=source.heads, hidden=source.hidden, fp16=precision == "fp16")
    elif precision in ("int8", "auto"):
        rows = _answered(source, tokenizer)
        for bits, model in candidates(exact, tokenizer, rows):
            if precision == "auto" and bits == 32:
                break  # smaller, but as slow as fp32
            found = _write(settings, source, "int8", model, draft)
            agreement = compare(_open(draft), rows)
            tried.append((bits, agreement))
            if agreement.passes:
                found = _write(settings, source, "int8", model, draft, agreement)
                return Exported(
                    settings.output, draft.stat().st_size, "int8", found, agreement, tried
                )
        if precision == "int8":
            check_close(agreement)
        precision = "fp32"
    found = _write(settings, source, precision, exact, draft)
    texts = [*PROBES, *spread(source.rows)]
    expected = torch_probabilities(source.reference, tokenizer, texts, source.temperature)
    agreement = check_exact(_open(draft), expected, texts, precision)
    found = _write(settings, source, precision, exact, draft, agreement)
    return Exported(settings.output, draft.stat().st_size, precision, found, agreement, tried)


def _open(draft: Path) -> Predictor:
    # On the CPU, where torch answered; an fp16 graph is computed there with casts.
    return Predictor.open(draft, device="cpu", proving=True)


def _answered(source: Source, tokenizer: Tokenizer) -> list[Row]:
    """Return the dev rows with torch's answers."""
    if not source.rows:
        raise UserError(
            ExitCode.USAGE,
            tr("int8 is held against labelled texts: name some with --dev FILE.jsonl"),
        )
    if source.rows[0].probabilities:
        return source.rows
    texts = [row.text for row in source.rows]
    answers = torch_probabilities(source.reference, tokenizer, texts, source.temperature)
    return [
        changed(row, probabilities=answer.tolist())
        for row, answer in zip(source.rows, answers, strict=True)
    ]


def _write(
    settings: Settings,
    source: Source,
    precision: str,
    model: onnx.ModelProto,
    draft: Path,
    agreement: Agreement | None = None,
) -> Census:
    """Write the draft with its metadata, and return what it holds, read back from it."""
    proof = {} if agreement is None else asdict(agreement)
    proof.pop("speed", None)  # of this moment; the same run is to give the same bytes
    manifest = Manifest(
        **source.facts,
        precision=precision,
        target=settings.target,
        digest=digest(model, source.facts["tokenizer"], source.facts["labels"]),
        version=version("sentiment-tui"),
        proof=proof,
    )
    del model.metadata_props[:]
    for key, value in manifest.to_metadata().items():
        model.metadata_props.add(key=key, value=value)
    draft.write_bytes(model.SerializeToString(deterministic=True))
    onnx.checker.check_model(draft, full_check=True)
    found = census(onnx.load(draft))
    token_types = len(model.graph.input) == 3
    whole = source.layers - (source.facts["pooling"] == "cls")
    fused = whole if settings.target == "cuda" else None
    check_census(found, opset=settings.opset, token_types=token_types, fused_layers=fused)
    return found
