"""From labelled reviews to a run directory, read from top to bottom."""

import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.classifier import Classifier, Pooling
from models.command import ExitCode, UserError
from models.encoder import Encoder, load_encoder
from models.i18n import tr
from models.run_directory import (
    Run,
    load_classifier,
    new_run,
    read_run,
    write_json,
    write_rows,
    write_run,
)
from models.tokens import Tokenizer
from trainer.card import model_card
from trainer.data import Data, load_data
from trainer.evaluation import rows_of, score
from trainer.features import encode
from trainer.head import Fit, HeadSettings, fit_head
from trainer.report import say, show_scores


@dataclass(frozen=True)
class Settings:
    """What a training is asked to do; written to `run.json` as it is."""

    encoder: str
    data: tuple[str, ...]
    output: Path
    pooling: Pooling = "cls"
    max_length: int = 350
    labels: tuple[str, ...] | None = None
    text_column: str | None = None
    label_column: str | None = None
    encoding: str | None = None
    device: str = "auto"
    force: bool = False
    head: HeadSettings = field(default_factory=HeadSettings)


def train(settings: Settings) -> None:
    """Train a head on the frozen encoder, and write the run directory.

    Raises:
        UserError: as `load_data`, `load_encoder` and `new_run`; USAGE, the max length is more than
            the encoder reads.
    """
    with new_run(settings.output, force=settings.force) as folder:
        data = load_data(
            settings.data,
            labels=settings.labels,
            text_column=settings.text_column,
            label_column=settings.label_column,
            encoding=settings.encoding,
        )
        rows = ", ".join(f"{name} {len(split):,}" for name, split in data.splits.items())
        say(tr("data: {rows}; labels: {labels}", rows=rows, labels=data.labels))

        encoder = load_encoder(settings.encoder)
        _check_max_length(settings.max_length, encoder)
        device = choose_device(settings.device)
        classifier = Classifier(
            encoder.module, encoder.hidden, len(data.labels), settings.pooling
        ).to(device)
        classifier.eval().requires_grad_(requires_grad=False)
        head_parameters = sum(weights.numel() for weights in classifier.head.parameters())
        say(
            tr(
                "encoder: {name}, frozen; the head trains {count} parameters; device: {device}",
                name=encoder.name,
                count=f"{head_parameters:,}",
                device=device,
            )
        )

        started = time.monotonic()
        tokenizer = Tokenizer(encoder.tokenizer, settings.max_length)
        features = {
            name: encode(classifier, tokenizer, split.texts, title=name)
            for name, split in data.splits.items()
        }
        encoded = time.monotonic()
        fit = fit_head(
            features["train"],
            torch.from_numpy(data.splits["train"].labels),
            features["dev"],
            torch.from_numpy(data.splits["dev"].labels),
            classes=len(data.labels),
            settings=settings.head,
        )
        fitted = time.monotonic()
        say(
            tr(
                "encoded once in {encode:.1f} s; {epochs} epochs of the head in {fit:.1f} s; "
                "the best on dev: epoch {best}",
                encode=encoded - started,
                epochs=settings.head.epochs,
                fit=fitted - encoded,
                best=fit.best_epoch,
            )
        )

        probabilities = {
            name: fit.head.logits(features[name]).softmax(dim=1) for name in ("dev", "test")
        }
        metrics = score_splits(probabilities, data)
        run = _describe(
            settings, data, encoder, fit, head_parameters, encoded - started, fitted - encoded
        )
        write_run(folder, run, fit.head, encoder.tokenizer)
        write_json(folder / "metrics.json", {**metrics, "history": fit.history})
        for name, answers in probabilities.items():
            write_rows(folder / f"{name}.jsonl", rows_of(data.splits[name], answers))
        card = model_card(settings.output.name, run, metrics)
        (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    show_scores(metrics)
    say(tr("the run is in {path}; next: python -m export --opset 17", path=settings.output))


@torch.inference_mode()
def evaluate_run(
    run_directory: Path,
    data: tuple[str, ...],
    split: str,
    *,
    encoder: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    encoding: str | None = None,
    device: str = "auto",
) -> dict[str, Any]:
    """Score a finished run on one split, end to end: the encoder runs over its texts again.

    Raises:
        UserError: as `read_run`, `load_data` and `load_classifier`.
    """
    run = read_run(run_directory)
    rows = load_data(
        data,
        labels=run.labels,
        text_column=text_column,
        label_column=label_column,
        encoding=encoding,
        wanted=(split,),
    )
    classifier, loaded = load_classifier(run_directory, run, encoder)
    classifier.to(choose_device(device))
    tokenizer = Tokenizer(loaded.tokenizer, run.max_length)
    features = encode(classifier, tokenizer, rows.splits[split].texts, title=split)
    logits = classifier.head.cpu()(features)
    return score(logits.softmax(dim=1), rows.splits[split], rows.labels, train=None)


def score_splits(probabilities: Mapping[str, Tensor], data: Data) -> dict[str, Any]:
    """Score some splits; see `trainer.evaluation.score`."""
    train_split = data.splits.get("train")
    return {
        name: score(answers, data.splits[name], data.labels, train_split)
        for name, answers in probabilities.items()
    }


def choose_device(wanted: str) -> torch.device:
    """Return the device: "auto" takes CUDA where torch finds it.

    Raises:
        UserError: UNAVAILABLE, CUDA was asked for and torch does not find it.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError(
            ExitCode.UNAVAILABLE,
            tr("device cuda was asked for, but torch finds no CUDA device; use --device cpu"),
        )
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def _check_max_length(max_length: int, encoder: Encoder) -> None:
    if max_length > encoder.max_positions:
        raise UserError(
            ExitCode.USAGE,
            tr(
                "--max-length {asked} is more than {encoder} reads: {limit} tokens",
                asked=max_length,
                encoder=encoder.name,
                limit=encoder.max_positions,
            ),
        )


def _describe(
    settings: Settings,
    data: Data,
    encoder: Encoder,
    fit: Fit,
    head_parameters: int,
    encode_seconds: float,
    fit_seconds: float,
) -> Run:
    return Run(
        labels=list(data.labels.names),
        pooling=settings.pooling,
        max_length=settings.max_length,
        encoder=encoder.name,
        encoder_source=encoder.source,
        encoder_digest=encoder.digest(),
        data=list(settings.data),
        data_fingerprint=data.fingerprint(),
        settings=asdict(settings.head),
        outcome={
            "head_parameters": head_parameters,
            "best_epoch": fit.best_epoch,
            "encode_seconds": round(encode_seconds, 1),
            "fit_seconds": round(fit_seconds, 1),
        },
        versions={
            "python": platform.python_version(),
            **{
                name: version(name)
                for name in ("torch", "transformers", "tokenizers", "sentiment-tui")
            },
        },
    )
