"""Trains the head, and then the encoder where it is to be trained."""

import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.console.i18n import tr
from trainer import distributed
from trainer.batches import TrainingRows
from trainer.checkpoint import precision_of
from trainer.console import say
from trainer.data.audit import class_weights
from trainer.features import cached_features, predict_logits
from trainer.finetune import finetune
from trainer.head import Fit, LabelledFeatures, search_head
from trainer.loading import Loaded
from trainer.report.scores import best_of, score_splits
from trainer.settings import TrainingSettings
from trainer.teacher import soft_labels

CACHE = ".features"
"""Folder of cached features, beside the runs; it can be deleted at any time."""

CHECKPOINTS = ".checkpoints"
"""Folder of unfinished trainings, beside the runs: the same command goes on from there."""

MEASURED = ("dev", "test")
"""Splits that the classifier is scored on."""


@dataclass(frozen=True)
class Fitted:
    """What a training came to, in each of its processes.

    Attributes:
        settings: the settings, with the precision that "auto" stood for.
        history: one entry per epoch: see `epoch_scores`.
        best_epoch: the epoch whose weights the classifier has, from 1; 0 where fine-tuning was no
            better than the head that it began with.
        logits: logits of dev and test, `[rows, C]`.
        outcome: what `run.json` records of the training.
    """

    settings: TrainingSettings
    history: list[dict[str, float]]
    best_epoch: int
    logits: dict[str, Tensor]
    outcome: dict[str, Any]


@dataclass(frozen=True)
class Frozen(Fitted):
    """A head on the encoder as it was loaded."""


@dataclass(frozen=True)
class FineTuned(Fitted):
    """A head and an encoder that trained together.

    Attributes:
        frozen_scores: scores of the head before that, by split; empty where it began untrained.
        checkpoint: to be removed when the run is written.
    """

    frozen_scores: dict[str, Any]
    checkpoint: Path

    @property
    def logs(self) -> Path:
        """Folder of TensorBoard's logs until the run directory takes them."""
        return logs_of(self.checkpoint)


def fit(loaded: Loaded, settings: TrainingSettings) -> Frozen | FineTuned:
    """Train what is to be trained, in place.

    Raises:
        UserError: as `class_weights`, `cached_features`, `search_head`, `soft_labels` and
            `finetune`.
    """
    weights = class_weights(loaded.data) if settings.class_weights else None
    if settings.train == "head":
        return _fit_head(loaded, settings, weights)
    if settings.head_epochs:
        return _fine_tune(loaded, settings, weights, _fit_head(loaded, settings, weights))
    return _fine_tune(loaded, settings, weights, None)


def _fit_head(loaded: Loaded, settings: TrainingSettings, weights: Tensor | None) -> Frozen:
    """Train the head on features of the frozen encoder."""
    started = time.monotonic()
    encoder_digest = loaded.encoder.digest()
    rows = {}
    for name, split in loaded.data.splits.items():
        features = cached_features(
            loaded.classifier,
            loaded.tokenizer,
            split.texts,
            encoder_digest=encoder_digest,
            folder=settings.output.parent / CACHE,
            title=name,
        )
        rows[name] = LabelledFeatures(features, torch.from_numpy(split.labels))
    encoded = time.monotonic()
    best = search_head(rows["train"], rows["dev"], len(loaded.data.labels), settings, weights)
    finished = time.monotonic()
    say(
        tr(
            "features in {encode:.1f} s; {count} heads of {epochs} epochs in {fit:.1f} s;\n"
            "the best on dev: learning rate {rate}, weight decay {decay}, epoch {best}",
            encode=encoded - started,
            count=len(settings.head_learning_rate) * len(settings.head_weight_decay),
            epochs=settings.head_epochs,
            fit=finished - encoded,
            rate=best.learning_rate,
            decay=best.weight_decay,
            best=best.best_epoch,
        )
    )
    loaded.classifier.head.load_state_dict(best.head.state_dict())
    logits = {name: best.head(rows[name].features) for name in MEASURED}
    outcome = _head_outcome(best, finished - started)
    return Frozen(settings, best.history, best.best_epoch, logits, outcome)


def _head_outcome(best: Fit | None = None, seconds: float = 0.0) -> dict[str, Any]:
    """Return what `run.json` records of the head on the frozen encoder; None without one."""
    return {
        "head_learning_rate": best and best.learning_rate,
        "head_weight_decay": best and best.weight_decay,
        "head_epoch": best and best.best_epoch,
        "head_seconds": round(seconds, 1),
        "finetune_seconds": 0.0,
    }


def _fine_tune(
    loaded: Loaded,
    settings: TrainingSettings,
    weights: Tensor | None,
    frozen: Frozen | None,
) -> FineTuned:
    """Train the encoder and the head on from where the head is."""
    started = time.monotonic()
    classifier, tokenizer, splits = loaded.classifier, loaded.tokenizer, loaded.data.splits
    device = classifier.head.weight.device
    answers = _ask_teachers(loaded, settings) if loaded.teachers else None
    rows = TrainingRows.of(tokenizer, splits["train"], loaded.unlabelled, answers)
    checkpoint = _checkpoint_of(loaded, settings, answers)
    # a training that was killed goes on in the precision that it began with
    settings = replace(settings, precision=precision_of(checkpoint, loaded.precision))
    history = finetune(
        classifier,
        rows,
        splits["dev"],
        settings,
        checkpoint,
        weights if weights is None else weights.to(device),
        logs_of(checkpoint) if settings.tensorboard else None,
        frozen.history[frozen.best_epoch - 1] | {"epoch": 0} if frozen else None,
    )
    best_epoch = int(best_of(history)["epoch"])
    _say_best(history, best_epoch, settings.epochs)
    logits = {}
    for name in MEASURED:
        logits[name] = predict_logits(classifier, tokenizer, splits[name].texts, title=name)
    outcome = frozen.outcome if frozen else _head_outcome()
    outcome["finetune_seconds"] = round(time.monotonic() - started, 1)
    frozen_scores = score_splits(frozen.logits, loaded.data) if frozen else {}
    return FineTuned(settings, history, best_epoch, logits, outcome, frozen_scores, checkpoint)


def _say_best(history: list[dict[str, float]], best_epoch: int, epochs: int) -> None:
    """Say how many epochs were trained, and which of them, or the head before them, is kept."""
    last = int(history[-1]["epoch"])
    if last < epochs:
        say(tr("stopped early, after epoch {last} of {epochs}", last=last, epochs=epochs))
    if best_epoch:
        say(tr("epoch {best} is kept, the best on dev", best=best_epoch))
    else:
        say(tr("the frozen encoder and its head are kept: no epoch was better on dev"))


def _ask_teachers(loaded: Loaded, settings: TrainingSettings) -> NDArray[np.float32]:
    """Return the teachers' probabilities for the rows of train, then for the unlabelled texts."""
    train = loaded.data.splits["train"]
    answers = soft_labels(
        loaded.teachers,
        train.texts + loaded.unlabelled,
        temperature=settings.teacher_temperature,
        cache=settings.output.parent / CACHE,
        device=loaded.classifier.head.weight.device,
    )
    right = float((answers[: len(train)].argmax(axis=1) == train.labels).mean())
    say(tr("the teachers give {right:.1%} of train the label that it has", right=right))
    return answers


def _checkpoint_of(
    loaded: Loaded, settings: TrainingSettings, answers: NDArray[np.float32] | None
) -> Path:
    """Return the checkpoint of exactly this training: any change names another."""
    inputs = f"{settings.choices()} {loaded.encoder.digest()} {loaded.data.fingerprint()}"
    sha = hashlib.sha256(f"{inputs}{distributed.world_size()}".encode())
    sha.update(loaded.classifier.head.weight.cpu().numpy().tobytes())
    if answers is not None:
        sha.update(answers.tobytes())
        sha.update("\0".join(loaded.unlabelled).encode("utf-8", "surrogatepass"))
    return settings.output.parent / CHECKPOINTS / f"{sha.hexdigest()[:16]}.safetensors"


def logs_of(checkpoint: Path) -> Path:
    """Return the folder of TensorBoard's logs beside a checkpoint."""
    return checkpoint.with_suffix(".tensorboard")
