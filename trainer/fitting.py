"""Trains the head, and then the encoder where it is to be trained."""

import hashlib
import time
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from models.arrays import Float32
from trainer import distributed
from trainer.batches import TrainingRows
from trainer.checkpoint import precision_of
from trainer.console import say
from trainer.data.audit import class_weights
from trainer.features import predict_logits
from trainer.finetune import finetune
from trainer.frozen import CACHE, NO_HEAD, Fitted, fit_head
from trainer.loading import Loaded
from trainer.optimizer import targets_of
from trainer.report.scores import best_of, score_splits
from trainer.settings import TrainingSettings
from trainer.teacher import soft_labels

CHECKPOINTS = ".checkpoints"
"""Folder of unfinished trainings, beside the runs: the same command goes on from there."""


def fit(loaded: Loaded, settings: TrainingSettings) -> Fitted:
    """Train what is to be trained, in place.

    Raises:
        UserError: as `class_weights`, `fit_head`, `soft_labels` and `finetune`.
    """
    weights = class_weights(loaded.data) if settings.class_weights else None
    if settings.train == "head":
        return fit_head(loaded, settings, weights)
    frozen = fit_head(loaded, settings, weights) if settings.head_epochs else None
    return _fine_tune(loaded, settings, weights, frozen)


def _fine_tune(
    loaded: Loaded,
    settings: TrainingSettings,
    weights: Tensor | None,
    frozen: Fitted | None,
) -> Fitted:
    """Train the encoder and the head on from where the head is."""
    started = time.monotonic()
    classifier, tokenizer, splits = loaded.classifier, loaded.tokenizer, loaded.data.splits
    answers = _ask_teachers(loaded, settings) if settings.teacher else None
    targets = targets_of(
        splits["train"].labels,
        len(loaded.data.labels),
        neutral=len(loaded.data.neutral),
        unlabelled=len(loaded.unlabelled),
        smoothing=settings.label_smoothing,
        class_weights=None if weights is None else weights.numpy(),
    )
    rows = TrainingRows(tokenizer, tokenizer.encode(_texts(loaded)), targets, answers)
    checkpoint = _checkpoint_of(loaded, settings, answers)
    distributed.require_same(checkpoint.stem)
    # a training that was killed goes on in the precision that it began with
    settings = replace(settings, precision=precision_of(checkpoint, loaded.precision))
    history = finetune(
        classifier,
        rows,
        splits["dev"],
        settings,
        checkpoint,
        logs_of(checkpoint) if settings.tensorboard else None,
        frozen.history[frozen.best_epoch - 1] | {"epoch": 0} if frozen else None,
    )
    best_epoch = int(best_of(history)["epoch"])
    _say_best(history, best_epoch, settings.epochs)
    logits = {}
    for name, split in loaded.data.measured.items():
        logits[name] = predict_logits(classifier, tokenizer, split.texts, title=name)
    outcome = frozen.outcome if frozen else NO_HEAD | {"head_seconds": 0.0}
    outcome |= {"finetune_seconds": round(time.monotonic() - started, 1)}
    out_of_fold, scores = None, {}
    if frozen:
        out_of_fold = frozen.out_of_fold
        scores = {"frozen": score_splits(frozen.logits, loaded.data)}
    return Fitted(settings, history, best_epoch, logits, out_of_fold, outcome, scores, checkpoint)


def _say_best(history: list[dict[str, float]], best_epoch: int, epochs: int) -> None:
    """Say how many epochs were trained, and which of them, or the head before them, is kept."""
    last = int(history[-1]["epoch"])
    if last < epochs:
        say("stopped early, after epoch {last} of {epochs}", last=last, epochs=epochs)
    if best_epoch:
        say("epoch {best} is kept, the best on dev", best=best_epoch)
    else:
        say("the frozen encoder and its head are kept: no epoch was better on dev")


def _texts(loaded: Loaded) -> list[str]:
    """Return the texts to learn from: those of train, neutral ones, and unlabelled ones."""
    return loaded.data.splits["train"].texts + loaded.data.neutral + loaded.unlabelled


def _ask_teachers(loaded: Loaded, settings: TrainingSettings) -> Float32:
    """Return the teachers' probabilities for each text."""
    train = loaded.data.splits["train"]
    answers = soft_labels(
        settings.teacher,
        _texts(loaded),
        temperature=settings.teacher_temperature,
        cache=settings.output.parent / CACHE,
        device=loaded.classifier.head.weight.device,
    )
    right = float((answers[: len(train)].argmax(axis=1) == train.labels).mean())
    say("the teachers give {right:.1%} of train the label that it has", right=right)
    return answers


def _checkpoint_of(loaded: Loaded, settings: TrainingSettings, answers: Float32 | None) -> Path:
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
