"""From a run directory to one `.onnx` file, read from top to bottom."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import onnx

from export.classifier import ExportableClassifier
from export.graph import GraphSummary, fuse, summarise
from export.parity import (
    Agreement,
    check_close,
    check_exact,
    compare,
)
from export.quantization import FORMS, REDUCED, WEIGHTS_ONLY, candidates
from export.sources import load_source
from models.console import (
    ExitCode,
    UserError,
    cannot_create_error,
    config_error,
    tr,
    usage_error,
)
from models.console.narration import narrate
from models.cores import instructions
from models.files import draft_of
from models.manifest import Manifest
from models.predictor import Predictor
from models.run_directory import sample_by_length
from models.tracing import trace
from models.trial import check_padding, check_size
from models.untrusted import RefusedError
from models.vetting import model_digest, validate

Precision = Literal["fp32", "fp16", "int8", "auto"]
Target = Literal["cpu", "cuda"]

CALIBRATED = 256
"""Number of dev texts that show how large activations get, for int8."""


@dataclass(frozen=True)
class ExportSettings:
    """Options of an export.

    Attributes:
        run: the run directory, or a classifier in the Hugging Face format.
        output: the file to write.
        opset: version of the standard operators.
        precision: "auto" is int8 where the gates allow integer arithmetic, else fp32; for CUDA
            it is fp16.
        target: the device that the graph is made for.
        encoder: where the encoder is now, if it moved.
        dev: see `export.sources.load_source`.
        label_map: likewise.
        force: replace an existing file.
    """

    run: Path
    output: Path
    opset: int = 17
    precision: Precision = "fp32"
    target: Target = "cpu"
    encoder: str | None = None
    dev: Path | None = None
    label_map: str | None = None
    force: bool = False


@dataclass(frozen=True)
class Exported:
    """The written file, as read back from the disk.

    Attributes:
        path: path of the file.
        size: size of the file in bytes.
        precision: precision of the file.
        summary: signature and operators of its graph.
        tried: each candidate that was compared with torch, and how it agreed: int8 candidates by
            the name of their form, other precisions by their own. The last of them was kept.
    """

    path: Path
    size: int
    precision: str
    summary: GraphSummary
    tried: list[tuple[str, Agreement]]

    @property
    def agreement(self) -> Agreement:
        """The agreement of the candidate that was kept."""
        return self.tried[-1][1]


def export(settings: ExportSettings) -> Exported:
    """Write the model, and prove it before it gets its name.

    Raises:
        UserError: as `load_source`; USAGE, a precision that the target has no use for;
            CANNOT_CREATE, the output exists; CONFIG, the written file fails a gate, and stays as
            `NAME.rejected.onnx`, or could not be made.
    """
    _check(settings)
    source = load_source(settings.run, settings.encoder, settings.dev, settings.label_map)
    check_size(source.encoder)
    check_padding(lambda texts: source.outputs(source.batch(texts))[1], source.encoder)
    model = trace(source.module, source.encoder, source.inputs, opset=settings.opset)
    with draft_of(settings.output) as path:
        draft = _Draft(path, settings, source)
        try:
            precision = _write_proven(draft, model)
        except UserError:
            if path.exists():
                path.replace(settings.output.with_suffix(".rejected.onnx"))
            raise
        size = path.stat().st_size
        return Exported(settings.output, size, precision, draft.summary, draft.tried)


def _check(settings: ExportSettings) -> None:
    """Raise UserError for what can be known to fail before anything is loaded."""
    if settings.output.is_dir() or (settings.output.exists() and not settings.force):
        raise cannot_create_error(
            "{path} exists; name another --output, or --force to replace it",
            path=settings.output,
        )
    if settings.target == "cpu" and settings.precision == "fp16":
        raise usage_error(
            "fp16 is for --target cuda: on CPUs ONNX Runtime computes it in fp32, with casts",
        )
    if settings.target == "cuda" and settings.precision == "int8":
        raise usage_error(
            "int8 is for --target cpu: ONNX Runtime has no CUDA kernels for it; take fp16",
        )


def _write_proven(draft: "_Draft", model: onnx.ModelProto) -> str:
    """Write the draft in the precision asked for, proven against torch; return that precision."""
    precision = draft.settings.precision
    source = draft.source
    if draft.settings.target == "cuda":
        precision = "fp16" if precision == "auto" else precision
        model = fuse(model, source.encoder.config, fp16=precision == "fp16")
    elif precision in ("int8", "auto"):
        try:
            if _write_int8(draft, model):
                return "int8"
        except UserError as error:
            if precision == "int8" or error.code is not ExitCode.CONFIG:
                raise
            narrate(tr("fp32 it is, as int8 cannot be made: {reason}", reason=error))
        precision = "fp32"
    draft.prove(model, precision, lambda file: check_exact(file, source, precision))
    return precision


def _write_int8(draft: "_Draft", model: onnx.ModelProto) -> bool:
    """Write the first int8 candidate that passes the gate; return whether there was one.

    Raises:
        UserError: USAGE, there are no labelled texts; CONFIG, int8 was asked for and none passes.
    """
    source = draft.source
    if not source.dev:
        raise usage_error(
            "int8 is held against labelled texts: name some with --dev FILE",
        )
    # At most every other one: the rest shows the gate what texts do that set no scale.
    size = min(CALIBRATED, (len(source.dev) + 1) // 2)
    sample = list(source.alone([row.text for row in sample_by_length(source.dev, size)]))
    for form, candidate in candidates(model, sample, source.short_layer):
        if draft.settings.precision == "auto" and form == WEIGHTS_ONLY:
            break  # smaller, but as slow as fp32
        is_reduced = FORMS[form].largest <= REDUCED
        agreement = draft.prove(
            candidate, "int8", lambda file: compare(file, source), form, reduce_range=is_reduced
        )
        if agreement.passes:
            return True
    if draft.settings.precision == "int8":
        check_close(agreement)
    return False


@dataclass
class _Draft:
    """The file that is being written, until it gets its name.

    Attributes:
        path: path of the draft.
        settings: options of the export.
        source: the classifier that the file is made from.
        tried: see `Exported`.
        summary: signature and operators of the graph that was written.
    """

    path: Path
    settings: ExportSettings
    source: ExportableClassifier
    tried: list[tuple[str, Agreement]] = field(default_factory=list)
    summary: GraphSummary = field(init=False)

    def prove(
        self,
        model: onnx.ModelProto,
        precision: str,
        gate: Callable[[Predictor], Agreement],
        form: str | None = None,
        **facts: Any,
    ) -> Agreement:
        """Write a graph, compare it with torch, and add what that measured to its metadata.

        Args:
            model: the graph.
            precision: precision of the graph.
            gate: compares the file with torch.
            form: name of the int8 form.
            facts: more fields of the manifest.
        """
        self._write(model, precision, facts)
        # On the CPU, as torch; an fp16 graph is computed there with casts.
        agreement = gate(Predictor.open_unchecked(self.path))
        self.tried.append((form or precision, agreement))
        proof: dict[str, object] = asdict(agreement)
        del proof["speed"]  # differs each time, and the same run is to give the same bytes
        if precision == "int8":
            proof["instructions"] = instructions()  # of the processor that chose it
        self._write(model, precision, facts | {"proof": proof})
        return agreement

    def _write(self, model: onnx.ModelProto, precision: str, facts: dict[str, Any]) -> None:
        """Write a graph with its metadata, and check what can be read back from the disk."""
        known = self.source.facts
        manifest = Manifest(
            **known,
            **facts,
            review=self.source.review,
            precision=precision,
            target=self.settings.target,
            digest=model_digest(model, known["tokenizer"], known["labels"]),
            version=version("sentiment-tui"),
        )
        write_model(model, manifest, self.path)
        onnx.checker.check_model(self.path, full_check=True)
        try:
            validate(self.path)
        except RefusedError as error:
            raise config_error(
                "{name} becomes a graph that sentiment-tui does not open: {reason}",
                name=known["encoder"],
                reason=error,
            ) from error
        self.summary = summarise(onnx.load(self.path, format="protobuf"))
        self.summary.check(opset=self.settings.opset, last_operator="Softmax")
        if self.settings.target == "cuda":
            is_short = self.source.short_layer is not None
            layers = self.source.encoder.config.num_hidden_layers
            self.summary.check(Attention=layers - is_short)


def write_model(model: onnx.ModelProto, manifest: Manifest, path: Path) -> None:
    """Write a graph and its manifest; the same two give the same bytes."""
    del model.metadata_props[:]
    for key, value in manifest.to_metadata().items():
        model.metadata_props.add(key=key, value=value)
    path.write_bytes(model.SerializeToString(deterministic=True))
