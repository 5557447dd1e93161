"""From a run directory to one `.onnx` file, read from top to bottom."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import onnx

from export.graph import Census, census, fuse, trace
from export.parity import Agreement, check_close, check_exact, compare, spread
from export.quantization import FORMS, REDUCED, WEIGHTS_ONLY, candidates
from export.sources import Source, open_source
from models.console.command import ExitCode, UserError
from models.cores import instructions
from models.manifest import Manifest
from models.predictor import Predictor
from models.vetting import RefusedError, model_digest, validate

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
        tried: what was held against torch, and how it agreed: int8 candidates by what they multiply
            in integers, other precisions by name. The last of them was kept.
    """

    path: Path
    size: int
    precision: str
    census: Census
    tried: list[tuple[str, Agreement]]

    @property
    def agreement(self) -> Agreement:
        """Of what was kept."""
        return self.tried[-1][1]


def export(settings: Settings) -> Exported:
    """Write the model, and prove it before it gets its name.

    Raises:
        UserError: as `open_source`; USAGE, a precision that the target has no use for;
            CANNOT_CREATE, the output exists; CONFIG, the written file fails a gate, and stays as
            `NAME.rejected.onnx`.
    """
    _check(settings)
    source = open_source(settings.run, settings.encoder, settings.dev)
    exact = trace(source.module, source.inputs, opset=settings.opset)
    settings.output.parent.mkdir(parents=True, exist_ok=True)
    draft = settings.output.with_name(f".{settings.output.stem}.{os.getpid()}.onnx")
    try:
        try:
            done = _prove(settings, source, exact, draft)
        except UserError:
            if draft.exists():
                draft.replace(settings.output.with_suffix(".rejected.onnx"))
            raise
        draft.replace(settings.output)
    finally:
        draft.unlink(missing_ok=True)
    return done


def _check(settings: Settings) -> None:
    if settings.output.is_dir() or (settings.output.exists() and not settings.force):
        raise UserError(
            ExitCode.CANNOT_CREATE,
            "{path} exists; name another --output, or --force to replace it",
            path=settings.output,
        )
    if settings.target == "cpu" and settings.precision == "fp16":
        raise UserError(
            ExitCode.USAGE,
            "fp16 is for --target cuda: on CPUs ONNX Runtime computes it in fp32, with casts",
        )
    if settings.target == "cuda" and settings.precision == "int8":
        raise UserError(
            ExitCode.USAGE,
            "int8 is for --target cpu: ONNX Runtime has no CUDA kernels for it; take fp16",
        )


def _prove(settings: Settings, source: Source, exact: onnx.ModelProto, draft: Path) -> Exported:
    """Write the draft in the precision asked for, and hold it against its gates."""
    precision = settings.precision
    tried: list[tuple[str, Agreement]] = []
    if settings.target == "cuda":
        precision = "fp16" if precision == "auto" else precision
        config = source.config
        exact = fuse(
            exact,
            heads=config.num_attention_heads,
            hidden=config.hidden_size,
            fp16=precision == "fp16",
        )
    elif precision in ("int8", "auto"):
        if not source.rows:
            raise UserError(
                ExitCode.USAGE,
                "int8 is held against labelled texts: name some with --dev FILE",
            )
        texts = source.alone([row.text for row in source.rows])
        for row, batch in zip(source.rows, texts, strict=True):
            if not row.probabilities:
                row.probabilities.extend(source.answer(batch)[0].tolist())
        sample = list(source.alone(spread(source.rows)))
        for form, model in candidates(exact, sample, source.last):
            if precision == "auto" and form == WEIGHTS_ONLY:
                break  # smaller, but as slow as fp32
            found, agreement = _attempt(
                *(settings, source, "int8", model, draft),
                lambda file: compare(file, source.rows),
                reduce_range=FORMS[form].largest <= REDUCED,
            )
            tried.append((form, agreement))
            if agreement.passes:
                return Exported(settings.output, draft.stat().st_size, "int8", found, tried)
        if precision == "int8":
            check_close(agreement)
        precision = "fp32"
    found, agreement = _attempt(
        settings, source, precision, exact, draft, lambda file: check_exact(file, source, precision)
    )
    tried.append((precision, agreement))
    return Exported(settings.output, draft.stat().st_size, precision, found, tried)


def _attempt(
    settings: Settings,
    source: Source,
    precision: str,
    model: onnx.ModelProto,
    draft: Path,
    gate: Callable[[Predictor], Agreement],
    **facts: object,
) -> tuple[Census, Agreement]:
    """Write the draft, hold it against torch, and write what that measured into its metadata."""
    _write(settings, source, precision, model, draft, **facts)
    # On the CPU, where torch answered; an fp16 graph is computed there with casts.
    agreement = gate(Predictor.open_unchecked(draft))
    proof: dict[str, object] = asdict(agreement)
    del proof["speed"]  # of this moment; the same run is to give the same bytes
    if precision == "int8":
        proof["instructions"] = instructions()  # that it was chosen on
    return _write(settings, source, precision, model, draft, proof=proof, **facts), agreement


def write_model(model: onnx.ModelProto, manifest: Manifest, path: Path) -> None:
    """Write a graph and what it says of itself; the same of both gives the same bytes."""
    del model.metadata_props[:]
    for key, value in manifest.to_metadata().items():
        model.metadata_props.add(key=key, value=value)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _write(
    settings: Settings,
    source: Source,
    precision: str,
    model: onnx.ModelProto,
    draft: Path,
    **facts: Any,
) -> Census:
    """Write the draft with its metadata, and return what it holds, read back from it."""
    manifest = Manifest(
        **source.facts,
        **facts,
        precision=precision,
        target=settings.target,
        digest=model_digest(model, source.facts["tokenizer"], source.facts["labels"]),
        version=version("sentiment-tui"),
    )
    write_model(model, manifest, draft)
    onnx.checker.check_model(draft, full_check=True)
    try:
        validate(draft)
    except RefusedError as error:
        raise UserError(
            ExitCode.CONFIG,
            "{name} becomes a graph that sentiment-tui does not open: {reason}",
            name=source.facts["encoder"],
            reason=error,
        ) from error
    found = census(onnx.load(draft))
    inputs = tuple(f"{name} int64 [batch, sequence]" for name in source.inputs)
    found.check(opset=settings.opset, inputs=inputs, answer="Softmax")
    if settings.target == "cuda":  # all whole layers are fused
        found.check(Attention=source.config.num_hidden_layers - (source.last is not None))
    return found
