"""Run directories: the result of a training, and all that an export needs.

    runs/NAME/
        run.json             how the model was made: enough to rebuild it and to repeat the run
        head.safetensors     `weight` [C, H] and `bias` [C], float32
        tokenizer.json       of the encoder
        encoder/             the encoder, if it was trained; a frozen one stays where it is
        metrics.json         scores by split
        dev.jsonl test.jsonl text, label and calibrated probabilities, a line for each row; of a
                             run that was cross-validated, dev is train, as the classifier answers
        suspects.csv         rows whose labels the other rows doubt
        MODEL_CARD.md        with its pictures: learning-curve.png, confusion.png,
                             reliability.png, coverage.png
    runs/latest              link to the newest finished run

Safetensors and JSON: nothing here is pickled. The directory appears whole or not at all.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models.arrays import Int64
from models.classifier import Classifier, Pooling, inputs
from models.console import cannot_create_error, data_error, display, no_input_error, tr
from models.console.narration import narrate
from models.encoder import Encoder, load_encoder
from models.files import json_bytes
from models.locations import LATEST
from models.tokenizer import Tokenizer

SAMPLE = 48
"""Number of dev texts that a loaded classifier is held against, and then its fp32 file."""

PROVEN = 1000
"""Number of texts of dev, and else of train, that an int8 file is held against, if there are."""

DRIFT = 1e-3
"""Largest difference in a probability from what its run recorded: float32 on any device and by any
version of torch stays far below.
"""


@dataclass(frozen=True)
class Run:
    """The content of `run.json`.

    Attributes:
        labels: names of the labels, in the order of the head's outputs.
        pooling: how the encoder's vectors become the one that the head reads.
        max_length: number of tokens that longer texts are cut to.
        encoder: name of the encoder, fit to be published.
        encoder_source: folder or hub id to load the encoder from.
        encoder_digest: `Encoder.digest` of what must be found there.
        data: arguments of `--data`.
        data_fingerprint: SHA-256 of the rows of every split.
        settings: options that decide the result.
        outcome: best epoch, times and the like.
        versions: versions of Python, torch, transformers and this project.
        temperature: divisor of the head's outputs before the softmax.
    """

    labels: list[str]
    pooling: Pooling
    max_length: int
    encoder: str
    encoder_source: str
    encoder_digest: str
    data: list[str]
    data_fingerprint: str
    settings: dict[str, Any]
    outcome: dict[str, Any]
    versions: dict[str, str]
    temperature: float


@dataclass(frozen=True)
class ScoredRow:
    """One line of `dev.jsonl` or `test.jsonl`.

    Attributes:
        text: the text.
        label: id of its true label.
        probabilities: calibrated probabilities, in the order of the labels.
    """

    text: str
    label: int
    probabilities: list[float]


def refuse_existing(path: Path, *, force: bool) -> None:
    """Raise UserError CANNOT_CREATE where `new_run` would, before a training takes hours."""
    if path.name == LATEST.name:
        raise cannot_create_error(
            "{path} is the name of the link to the newest run; name another --output",
            path=path,
        )
    if path.exists() and not (path / "run.json").is_file():
        raise cannot_create_error("{path} exists and is no run; name another --output", path=path)
    if path.exists() and not force:
        raise cannot_create_error(
            "{path} exists; name another --output, or --force to replace the run",
            path=path,
        )


@contextmanager
def disk_errors() -> Iterator[None]:
    """Raise OSError where safetensors cannot write: its own error says it of damaged files, too."""
    try:
        yield
    except safetensors.SafetensorError as error:
        raise OSError(str(error)) from error


@contextmanager
def new_run(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Give a folder to write a run into, and put it in place at `path` when the body succeeds.

    Also moves the link `latest` beside it. If the body fails, nothing is left.

    Raises:
        UserError: CANNOT_CREATE, `path` exists and `force` is not given, or is no run directory.
    """
    refuse_existing(path, force=force)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)  # left by a training that was killed while writing
    draft.mkdir()
    try:
        with disk_errors():
            yield draft
        # safetensors lets nobody else read what it writes
        for weights in draft.rglob("*.safetensors"):
            shutil.copymode(draft / "run.json", weights)
        old = path.with_name(f"{draft.name}.old")
        if path.exists():
            path.rename(old)
        draft.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    link = path.with_name(f".latest.{os.getpid()}")
    link.unlink(missing_ok=True)
    link.symlink_to(path.name, target_is_directory=True)
    link.replace(path.with_name("latest"))


def write_run(folder: Path, run: Run, head: nn.Linear, encoder: Encoder) -> None:
    """Write `run.json`, `head.safetensors` and `tokenizer.json`."""
    write_json(folder / "run.json", asdict(run))
    save_file(head.state_dict(), folder / "head.safetensors")
    (folder / "tokenizer.json").write_text(encoder.tokenizer, encoding="utf-8")


def write_json(path: Path, document: object) -> None:
    """Write an indented JSON document, for people and programs."""
    path.write_bytes(json_bytes(document, indent=2))


def read_json(path: Path) -> Any:
    """Read a document that `write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_rows(path: Path, texts: Iterable[str], labels: Int64, probabilities: Tensor) -> None:
    """Write `dev.jsonl` or `test.jsonl`; `probabilities` are `[rows, C]`."""
    with path.open("wb") as file:
        for row in map(ScoredRow, texts, labels.tolist(), probabilities.tolist()):
            file.write(json_bytes(asdict(row)))


def read_rows(path: Path) -> list[ScoredRow]:
    """Read `dev.jsonl` or `test.jsonl`.

    Raises:
        UserError: DATA, it is damaged.
    """
    try:
        with path.open("rb") as file:
            return [ScoredRow(**json.loads(line)) for line in file]
    except (OSError, TypeError, ValueError) as error:
        raise data_error("{path} is damaged: {reason}", path=path, reason=error) from error


def sample_by_length(rows: Sequence[ScoredRow], size: int = SAMPLE) -> list[ScoredRow]:
    """Return some rows, evenly spread over the lengths, shortest and longest included."""
    by_text = {row.text: row for row in rows}
    texts = sorted(by_text, key=lambda text: (len(text), text))
    places = np.linspace(0, len(texts) - 1, min(size, len(texts))).round().astype(int)
    return [by_text[texts[place]] for place in places]


def read_run(folder: Path) -> Run:
    """Read `run.json`.

    Raises:
        UserError: NO_INPUT, there is no run; DATA, its `run.json` is damaged.
    """
    path = folder / "run.json"
    if not path.is_file():
        raise no_input_error(
            "no finished run in {path}: expected {file}; train one with python -m trainer",
            path=folder,
            file="run.json",
        )
    try:
        document = read_json(path)
        document.pop("uncertain_below", None)  # of runs from before there were levels
        run = Run(**document)
        if not run.temperature > 0:
            raise ValueError(f"temperature {run.temperature}")
        if run.pooling not in get_args(Pooling):
            raise ValueError(f"pooling {run.pooling!r}")
    except (ValueError, AttributeError, TypeError) as error:
        raise data_error("{path} is damaged: {reason}", path=path, reason=repr(error)) from error
    return run


def load_classifier(
    folder: Path, run: Run, encoder_source: str | None = None, *, for_export: bool = False
) -> tuple[Classifier, Encoder]:
    """Rebuild the trained classifier, in evaluation mode, and hold it against its own answers.

    Args:
        folder: the run directory.
        run: what `read_run` read from it.
        encoder_source: where the encoder is now, if it moved; None is the run directory, or else
            what `run.json` names.
        for_export: see `load_pretrained`.

    Raises:
        UserError: as `load_encoder` and `read_rows`; DATA, the encoder is not the one of the run,
            the head is damaged, or the answers are not those that the run recorded.
    """
    trained = folder / "encoder"
    source = encoder_source or run.encoder_source
    if encoder_source is None and trained.is_dir():
        source = str(trained)
    encoder = load_encoder(source, for_export=for_export)
    digest, former = encoder.digests()
    if run.encoder_digest not in (digest, former):
        raise data_error(
            "{path} is not the encoder that {run} was trained on: its weights, tokenizer or "
            "config.json differ; name the right one with --encoder",
            path=encoder.source,
            run=folder,
        )
    if run.encoder_digest == former:
        narrate(tr("{run} has no digest of config.json: its answers are compared", run=folder))
    classifier = Classifier(encoder.module, encoder.hidden, len(run.labels), run.pooling)
    try:
        classifier.head.load_state_dict(load_file(folder / "head.safetensors"))
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        raise data_error(
            "{path} is damaged: {reason}",
            path=folder / "head.safetensors",
            reason=error,
        ) from error
    _check_answers(folder, run, classifier.eval(), Tokenizer(encoder.tokenizer, run.max_length))
    return classifier, encoder


@torch.inference_mode()
def _check_answers(folder: Path, run: Run, classifier: Classifier, tokenizer: Tokenizer) -> None:
    """Raise UserError DATA unless a classifier answers `SAMPLE` dev texts as its run recorded."""
    for row in sample_by_length(read_rows(folder / "dev.jsonl")):
        batch = inputs(tokenizer, tokenizer.encode([row.text]), np.array([0]))
        answer = (classifier(**batch) / run.temperature).softmax(dim=1)[0]
        difference = float((answer - torch.tensor(row.probabilities)).abs().max())
        if not difference <= DRIFT:
            raise data_error(
                "{run} does not answer as when it was trained: expected at most {limit:.0e} in any "
                "probability of dev.jsonl, found {found:.1e} for the text {text}. The config.json "
                "of its encoder has changed, or what torch and transformers make of it",
                run=folder,
                limit=DRIFT,
                found=difference,
                text=repr(display(row.text, limit=40)),
            )
