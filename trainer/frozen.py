"""Trains the head on vectors of the frozen encoder, and asks these vectors about the labels.

Where the data has a dev, it chooses the head; else every row of train is answered by a head that
has learned from the other folds, and these answers choose. Heads cost seconds once the vectors are
there, so folds also tell which labels of train the others doubt, and parts of train how much more
rows would help.
"""

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.classifier import Pooling
from models.console import tr
from models.metrics import Metrics
from trainer.console import say
from trainer.data.duplicates import normalised
from trainer.data.splitting import fold_rows
from trainer.features import cached_features
from trainer.head import Choice, Fold, HeadTrainer, LabelledFeatures
from trainer.loading import Loaded
from trainer.settings import TrainingSettings

CACHE = ".features"
"""Folder of cached features, beside the runs; it can be deleted at any time."""

FOLDS = 5

MOST_LEARNED = 20_000
"""Most rows that a head of a fold learns from; more cost memory and teach a linear head little."""

SMALLEST, LARGEST, DRAWS = 20, 5_000, 3
"""Fewest and most rows of a learning curve, and how often they are drawn."""

_CHUNK = 4096  # rows that are copied from mapped features at a time

Features = dict[Pooling, LabelledFeatures]


@dataclass(frozen=True)
class Fitted:
    """What a training came to, in each of its processes.

    Attributes:
        settings: the settings, with the precision that "auto" stood for.
        history: one entry per epoch: see `epoch_scores`.
        best_epoch: the epoch whose weights the classifier has, from 1; 0 where fine-tuning was no
            better than the head that it began with.
        logits: the classifier's logits of the rows in `Data.measured`, `[rows, C]` each.
        out_of_fold: logits of train by heads that had not seen the row, `[rows, C]`; None where no
            head was trained on the frozen encoder.
        outcome: what `run.json` records of the training.
    """

    settings: TrainingSettings
    history: list[dict[str, float]]
    best_epoch: int
    logits: dict[str, Tensor]
    out_of_fold: Tensor | None
    outcome: dict[str, Any]

    @property
    def unseen_logits(self) -> dict[str, Tensor]:
        """Logits of rows that were not learned: where train stands in for dev, out of the folds."""
        if "folds" in self.outcome and self.out_of_fold is not None:
            return {**self.logits, "dev": self.out_of_fold}
        return self.logits


@dataclass(frozen=True)
class Frozen(Fitted):
    """A head on the encoder as it was loaded."""


def fit_head(loaded: Loaded, settings: TrainingSettings, class_weights: Tensor | None) -> Frozen:
    """Train the head on features of the frozen encoder, and put it into the classifier.

    Raises:
        UserError: as `cached_features` and `HeadTrainer.search`.
    """
    data, classifier = loaded.data, loaded.classifier
    started = time.monotonic()
    rows = _encode(loaded, settings)
    encoded = time.monotonic()
    heads = HeadTrainer(len(data.labels), settings, class_weights)
    train = data.splits["train"]
    fold_of = fold_rows(train.labels, [*map(normalised, train.texts)], FOLDS, seed=settings.seed)
    folds = {}
    for pooling, features in rows["train"].items():
        if data.cross_validated:
            folds[pooling] = _folds(features, fold_of)
        else:
            folds[pooling] = [Fold(features, rows["dev"][pooling])]
    choice = heads.search(folds)
    pooling = choice.pooling
    head = heads.fit(rows["train"][pooling], choice)
    finished = time.monotonic()
    tried = len(folds) * len(settings.head_learning_rate) * len(settings.head_weight_decay)
    _say_choice(choice, tried, settings, encoded - started, finished - encoded)

    classifier.head.load_state_dict(head.state_dict())
    classifier.pooling = pooling
    logits = {}
    for name in data.measured:
        place = name if name in rows else "train"
        logits[name] = head(rows[place][pooling].features)
    out_of_fold = _out_of_fold(heads, choice, rows["train"][pooling], fold_of)
    outcome = head_outcome(choice, finished - started)
    outcome["learning_curve"] = _learning_curve(heads, choice, folds[pooling])
    if data.cross_validated:
        outcome["folds"] = _scores_by_fold(out_of_fold, train.labels, fold_of)
    return Frozen(settings, choice.history, choice.best_epoch, logits, out_of_fold, outcome)


def head_outcome(best: Choice | None = None, seconds: float = 0.0) -> dict[str, Any]:
    """Return what `run.json` records of the head on the frozen encoder; None without one."""
    return {
        "head_learning_rate": best and best.learning_rate,
        "head_weight_decay": best and best.weight_decay,
        "head_epoch": best and best.best_epoch,
        "head_seconds": round(seconds, 1),
        "finetune_seconds": 0.0,
    }


def _encode(loaded: Loaded, settings: TrainingSettings) -> dict[str, Features]:
    """Run the encoder over every split once, for each pooling that may be chosen."""
    poolings: list[Pooling] = [loaded.classifier.pooling]
    if settings.pooling == "auto":
        poolings = ["cls", "mean"]
    encoder_digest = loaded.encoder.digest()
    rows = {}
    for name, split in loaded.data.splits.items():
        features = cached_features(
            loaded.classifier,
            loaded.tokenizer,
            split.texts,
            poolings,
            encoder_digest=encoder_digest,
            folder=settings.output.parent / CACHE,
            title=name,
        )
        labels = torch.from_numpy(split.labels)
        rows[name] = {key: LabelledFeatures(tensor, labels) for key, tensor in features.items()}
    return rows


def _folds(rows: LabelledFeatures, fold_of: NDArray[np.intp]) -> list[Fold]:
    folds = []
    for fold in np.unique(fold_of):
        held_out = torch.from_numpy(fold_of == fold)
        folds.append(Fold(rows.take(~held_out), rows.take(held_out)))
    return folds


def _out_of_fold(
    heads: HeadTrainer, choice: Choice, rows: LabelledFeatures, fold_of: NDArray[np.intp]
) -> Tensor:
    """Return the logits of each row by a head that has learned from other folds, `[N, C]`."""
    logits = torch.empty(len(rows.labels), heads.classes)
    order = _drawn(len(rows.labels), heads.settings.seed)
    for fold in np.unique(fold_of):
        others = order[torch.from_numpy(fold_of != fold)[order]][:MOST_LEARNED]
        head = heads.fit(rows.take(others.sort().values), choice)
        for chunk in torch.from_numpy(np.flatnonzero(fold_of == fold)).split(_CHUNK):
            logits[chunk] = head(rows.features[chunk])
    return logits


def _learning_curve(
    heads: HeadTrainer, choice: Choice, folds: list[Fold]
) -> list[dict[str, float]]:
    """Return macro-F1 on held-out rows by the number of rows to learn from, each twice the last."""
    settings = replace(
        heads.settings,
        head_learning_rate=(choice.learning_rate,),
        head_weight_decay=(choice.weight_decay,),
    )
    rows = min(len(fold.learned.labels) for fold in folds)
    points = [{"rows": rows, "macro_f1": round(choice.best["dev_macro_f1"], 4)}]
    draws = range(math.ceil(DRAWS / len(folds)))
    while (rows := rows // 2) >= SMALLEST:
        if rows > LARGEST:
            continue
        parts = []
        for fold in folds:
            for draw in draws:
                chosen = _drawn(len(fold.learned.labels), settings.seed + draw)[:rows]
                parts.append(Fold(fold.learned.take(chosen.sort().values), fold.held_out))
        found = heads._replace(settings=settings).search({choice.pooling: parts}, told=False)
        points.append({"rows": rows, "macro_f1": round(found.best["dev_macro_f1"], 4)})
    points.reverse()
    if len(points) > 1:
        shown = ", ".join(f"{point['rows']:,}: {point['macro_f1']:.1%}" for point in points)
        say(tr("macro-F1 on dev by the rows to learn from: {points}", points=shown))
    return points


def _drawn(rows: int, seed: int) -> Tensor:
    return torch.randperm(rows, generator=torch.Generator().manual_seed(seed))


def _scores_by_fold(
    logits: Tensor, labels: NDArray[np.int64], fold_of: NDArray[np.intp]
) -> list[dict[str, Any]]:
    """Return accuracy and macro-F1 of each fold, and say how far they lie apart."""
    answers = logits.argmax(dim=1).numpy()
    found: list[dict[str, Any]] = []
    for fold in np.unique(fold_of):
        held_out = fold_of == fold
        scores = Metrics.of(labels[held_out], answers[held_out], logits.shape[1]).as_dict()
        found.append({key: scores[key] for key in ("rows", "accuracy", "macro_f1")})
    accuracies = [fold["accuracy"] for fold in found]
    say(
        tr(
            "{rows:row} without a dev: cross-validated in {folds} folds, whose accuracy is "
            "{low:.1%} to {high:.1%}",
            rows=len(labels),
            folds=len(found),
            low=min(accuracies),
            high=max(accuracies),
        )
    )
    return found


def _say_choice(
    best: Choice, tried: int, settings: TrainingSettings, encode: float, fit: float
) -> None:
    say(
        tr(
            "features in {encode:.1f} s; {count:head} of {epochs:epoch} in {fit:.1f} s;\n"
            "the best on dev: {pooling}, learning rate {rate}, weight decay {decay}, epoch {best}",
            encode=encode,
            count=tried,
            epochs=settings.head_epochs,
            fit=fit,
            pooling=best.pooling,
            rate=best.learning_rate,
            decay=best.weight_decay,
            best=best.best_epoch,
        )
    )
