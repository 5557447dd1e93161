"""Trains the head on vectors of the frozen encoder, and asks these vectors about the labels.

Where the data has a dev, it chooses the head; else every row of train is answered by a head that
has learned from the other folds, and these answers choose. Heads cost seconds once the vectors are
there, so folds also tell which labels of train the others doubt, and parts of train how much more
rows would help.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.classifier import Pooling
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

NO_HEAD = dict.fromkeys(("head_learning_rate", "head_weight_decay", "head_epoch"))
"""What `Fitted.outcome` says of the head on the frozen encoder where there is none."""

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
        frozen_scores: scores of the head before fine-tuning, by split, as "frozen"; else empty.
        checkpoint: of fine-tuning, to be removed when the run is written.
    """

    settings: TrainingSettings
    history: list[dict[str, float]]
    best_epoch: int
    logits: dict[str, Tensor]
    out_of_fold: Tensor | None
    outcome: dict[str, Any]
    frozen_scores: dict[str, Any] = field(default_factory=dict)
    checkpoint: Path | None = None

    @property
    def unseen_logits(self) -> dict[str, Tensor]:
        """Logits of rows that were not learned: where train stands in for dev, out of the folds."""
        if "folds" in self.outcome and self.out_of_fold is not None:
            return {**self.logits, "dev": self.out_of_fold}
        return self.logits


def fit_head(loaded: Loaded, settings: TrainingSettings, class_weights: Tensor | None) -> Fitted:
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
    held_outs = [torch.from_numpy(fold_of == fold) for fold in np.unique(fold_of)]
    folds: dict[Pooling, list[Fold]] = {}
    for pooling, learned in rows["train"].items():
        if data.cross_validated:
            folds[pooling] = [Fold(learned.take(~mask), learned.take(mask)) for mask in held_outs]
        else:
            folds[pooling] = [Fold(learned, rows["dev"][pooling])]
    choice = heads.search(folds)
    pooling = choice.pooling
    learned = rows["train"][pooling]
    head = heads.fit(learned, choice)
    finished = time.monotonic()
    tried = len(folds) * len(settings.head_learning_rate) * len(settings.head_weight_decay)
    say(
        "features in {encode:.1f} s; {count:head} of {epochs:epoch} in {fit:.1f} s;\n"
        "the best on dev: {pooling}, learning rate {rate}, weight decay {decay}, epoch {best}",
        encode=encoded - started,
        count=tried,
        epochs=settings.head_epochs,
        fit=finished - encoded,
        pooling=pooling,
        rate=choice.learning_rate,
        decay=choice.weight_decay,
        best=choice.best_epoch,
    )
    classifier.head.load_state_dict(head.state_dict())
    classifier.pooling = pooling
    logits = {}
    for name in data.measured:
        place = name if name in rows else "train"
        logits[name] = head(rows[place][pooling].features)
    out_of_fold = _out_of_fold(heads, choice, learned, held_outs)
    outcome = {
        "head_learning_rate": choice.learning_rate,
        "head_weight_decay": choice.weight_decay,
        "head_epoch": choice.best_epoch,
        "head_seconds": round(finished - started, 1),
        "finetune_seconds": 0.0,
        "learning_curve": _learning_curve(heads, choice, folds[pooling]),
    }
    if data.cross_validated:
        outcome["folds"] = _scores_by_fold(out_of_fold, learned.labels, held_outs)
    return Fitted(settings, choice.history, choice.best_epoch, logits, out_of_fold, outcome)


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


def _out_of_fold(
    heads: HeadTrainer, choice: Choice, rows: LabelledFeatures, held_outs: Sequence[Tensor]
) -> Tensor:
    """Return the logits of each row by a head that has learned from other folds, `[N, C]`.

    Args:
        heads: trains the heads.
        choice: how.
        rows: the rows.
        held_outs: mask of the rows of each fold, `[N]`.
    """
    logits = torch.empty(len(rows.labels), heads.classes)
    order = _drawn(len(rows.labels), heads.settings.seed)
    for held_out in held_outs:
        others = order[~held_out[order]][:MOST_LEARNED]
        head = heads.fit(rows.take(others.sort().values), choice)
        for chunk in held_out.nonzero().flatten().split(_CHUNK):
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
    most = min(len(fold.learned.labels) for fold in folds)
    found = {most: choice}
    for rows in [most >> halvings for halvings in range(1, most.bit_length())]:
        if not SMALLEST <= rows <= LARGEST:
            continue
        parts = []
        for fold in folds:
            for draw in range(math.ceil(DRAWS / len(folds))):
                chosen = _drawn(len(fold.learned.labels), settings.seed + draw)[:rows]
                parts.append(Fold(fold.learned.take(chosen.sort().values), fold.held_out))
        found[rows] = heads._replace(settings=settings).search({choice.pooling: parts}, told=False)
    points = []
    for rows in sorted(found):
        points.append({"rows": rows, "macro_f1": round(found[rows].best["dev_macro_f1"], 4)})
    if len(points) > 1:
        shown = ", ".join(f"{point['rows']:,}: {point['macro_f1']:.1%}" for point in points)
        say("macro-F1 on dev by the rows to learn from: {points}", points=shown)
    return points


def _drawn(rows: int, seed: int) -> Tensor:
    return torch.randperm(rows, generator=torch.Generator().manual_seed(seed))


def _scores_by_fold(
    logits: Tensor, labels: Tensor, held_outs: Sequence[Tensor]
) -> list[dict[str, Any]]:
    """Return accuracy and macro-F1 of each fold, and say how far they lie apart."""
    answers = logits.argmax(dim=1)
    found: list[dict[str, Any]] = []
    for held_out in held_outs:
        true, said = labels[held_out].numpy(), answers[held_out].numpy()
        scores = Metrics.of(true, said, logits.shape[1]).as_dict()
        found.append({key: scores[key] for key in ("rows", "accuracy", "macro_f1")})
    accuracies = [fold["accuracy"] for fold in found]
    say(
        "{rows:row} without a dev: cross-validated in {folds} folds, whose accuracy is "
        "{low:.1%} to {high:.1%}",
        rows=len(labels),
        folds=len(found),
        low=min(accuracies),
        high=max(accuracies),
    )
    return found
