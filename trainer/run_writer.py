"""Writes the run directory of a finished training."""

import platform
import shutil
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from models.run_directory import PROVEN, Run, new_run, write_json, write_rows, write_run
from trainer.data.dataset import Data, Split
from trainer.fitting import logs_of
from trainer.frozen import Fitted
from trainer.loading import Loaded, count_parameters
from trainer.report.calibration import tempered
from trainer.report.card import model_card
from trainer.report.plots import draw_pictures
from trainer.report.suspects import FILE, Suspect, write_suspects

_PACKAGES = ("torch", "transformers", "tokenizers", "sentiment-tui")


def write(
    loaded: Loaded,
    fitted: Fitted,
    temperature: float,
    metrics: dict[str, Any],
    suspects: list[Suspect] | None,
) -> None:
    """Write the run directory, whole or not at all; then remove the checkpoint.

    Args:
        loaded: the material of the training.
        fitted: the result of the training.
        temperature: the one fitted on dev.
        metrics: scores by split.
        suspects: rows whose labels the others doubt.

    Raises:
        UserError: as `new_run`.
    """
    settings, measured = fitted.settings, loaded.data.measured
    if suspects is not None:
        fitted.outcome["suspects"] = len(suspects)
    run = _describe(loaded, fitted, temperature)
    with new_run(settings.output, force=settings.force) as folder:
        write_run(folder, run, loaded.classifier.head.cpu(), loaded.encoder)
        if settings.changes_encoder:
            loaded.encoder.save(folder / "encoder")
        if fitted.checkpoint and settings.tensorboard:
            shutil.move(logs_of(fitted.checkpoint), folder / "tensorboard")
        scores = metrics | fitted.frozen_scores
        write_json(folder / "metrics.json", scores | {"history": fitted.history})
        audited = {"max_length": settings.max_length, "remarks": loaded.data.remarks}
        write_json(folder / "audit.json", audited | {"splits": loaded.audited})
        answers = {}
        for name, logits in fitted.logits.items():
            labels = measured[name].labels
            own = tempered(logits, temperature)
            write_rows(folder / f"{name}.jsonl", measured[name].texts, labels, own)
            unseen = tempered(fitted.unseen_logits[name], temperature)
            answers[name] = (unseen.numpy(), labels)
        more = _more_to_prove(loaded.data)
        write_rows(folder / "train.jsonl", more.texts, more.labels, torch.empty(len(more), 0))
        if suspects is not None:
            write_suspects(folder / FILE, suspects)
        draw_pictures(folder, fitted.history, fitted.best_epoch, answers)
        card = model_card(settings.output.name, run, metrics)
        (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    if fitted.checkpoint:
        fitted.checkpoint.unlink(missing_ok=True)  # an equal training may have ended before


def _more_to_prove(data: Data) -> Split:
    """Return rows of train, evenly spaced, that make `PROVEN` texts of those of dev."""
    train, dev = data.splits["train"], set(data.measured["dev"].texts)
    fresh = np.flatnonzero([text not in dev for text in train.texts])
    count = min(max(PROVEN - len(dev), 0), len(fresh))
    return train.take(fresh[np.linspace(0, len(fresh) - 1, count).astype(int)])


def _describe(loaded: Loaded, fitted: Fitted, temperature: float) -> Run:
    """Return the content of `run.json`."""
    classifier, encoder, settings = loaded.classifier, loaded.encoder, fitted.settings
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        versions[package] = version(package)
    outcome = {
        "parameters": count_parameters(classifier),
        "head_parameters": count_parameters(classifier.head),
        "best_epoch": fitted.best_epoch,
        **fitted.outcome,
    }
    return Run(
        labels=list(loaded.data.labels.names),
        pooling=classifier.pooling,
        max_length=settings.max_length,
        encoder=encoder.name,
        encoder_source=encoder.source,
        encoder_digest=encoder.digest(),
        data=list(settings.data),
        data_fingerprint=loaded.data.fingerprint(),
        settings=settings.choices(),
        outcome=outcome,
        versions=versions,
        temperature=temperature,
    )
