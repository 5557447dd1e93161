"""The four pictures of a run: learning curve, confusion matrix, reliability, coverage.

Classes are numbered, since their names may be Chinese and the machine may have no font for that;
MODEL_CARD.md has the names. The same run gives the same bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from models.arrays import Floats, Ints
from models.levels import levels_of
from models.metrics import BINS, Metrics, calibration_error, confidence_bins
from trainer.report.calibration import accuracy_against_coverage

_BLUE, _ORANGE, _GREY = "#2f6db3", "#d9822b", "#8a8f98"
_COLOURS = {"train": _GREY, "dev": _ORANGE, "test": _BLUE}
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": _GREY,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "figure.dpi": 150,
    "font.size": 9.5,
    "grid.alpha": 0.25,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,  # a bad model's curves may pass where a good one's never do
    "lines.linewidth": 1.5,
    "lines.markeredgecolor": "white",
}
_WHOLE_PERCENT = PercentFormatter(1, decimals=0)
_MOST_CLASSES_WITH_COUNTS = 12

Answers = Mapping[str, tuple[Floats, Ints]]
"""Split → calibrated probabilities `[rows, C]`, and true label ids `[rows]`."""


def draw_pictures(
    folder: Path,
    history: Sequence[Mapping[str, float]],
    best_epoch: int,
    answers: Answers,
) -> None:
    """Write learning-curve.png, confusion.png, reliability.png and coverage.png.

    Args:
        folder: the run directory.
        history: one entry per epoch: see `epoch_scores`.
        best_epoch: the epoch whose weights were kept.
        answers: probabilities and labels of "dev", and of "test" where there is one.
    """
    with _picture(folder / "learning-curve.png") as figure:
        _learning_curve(figure, history, best_epoch)
    with _picture(folder / "confusion.png", width=5) as figure:
        last = list(answers)[-1]  # test, where there is one
        _confusion(figure.subplots(), *answers[last], last)
    with _picture(folder / "reliability.png") as figure:
        _reliability(figure, answers)
    with _picture(folder / "coverage.png") as figure:
        _coverage(figure.subplots(), answers)


@contextmanager
def _picture(path: Path, width: float = 6) -> Iterator[Figure]:
    """Give a figure in our style, not that of the user's matplotlibrc, and write it to `path`."""
    with style.context(_STYLE, after_reset=True):
        figure = Figure(figsize=(width, 4), layout="constrained")
        yield figure
        figure.savefig(path, metadata={"Software": None})  # else the version would be in the bytes


def _learning_curve(
    figure: Figure, history: Sequence[Mapping[str, float]], best_epoch: int
) -> None:
    loss, quality = figure.subplots(2, 1, sharex=True)
    epochs = [entry["epoch"] for entry in history]
    marker = "o" if len(epochs) == 1 else ""  # a line needs two points
    for split in ("train", "dev"):
        values = [entry[f"{split}_loss"] for entry in history]
        loss.plot(epochs, values, color=_COLOURS[split], label=split, marker=marker)
    loss.set(title="Cross-entropy")
    # above the axes, where no curve can be
    loss.legend(ncols=2, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
    scores = [entry["dev_macro_f1"] for entry in history]
    quality.plot(epochs, scores, color=_COLOURS["dev"], marker=marker)
    best = scores[epochs.index(best_epoch)]
    quality.plot([best_epoch], [best], "o", color=_COLOURS["dev"], markersize=8)
    quality.set(title=f"Macro-F1 on dev, best in epoch {best_epoch}: {best:.2%}", xlabel="epoch")
    quality.yaxis.set_major_formatter(PercentFormatter(1))
    quality.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))


def _confusion(axes: Axes, probabilities: Floats, labels: Ints, split: str) -> None:
    classes = probabilities.shape[1]
    counts = Metrics.of(labels, probabilities.argmax(axis=1), classes).confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.figure.colorbar(picture, label="share of the true class", format=_WHOLE_PERCENT)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    if classes <= _MOST_CLASSES_WITH_COUNTS:
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > 0.5 else "black"
            text = f"{count:,}\n{shares[row, column]:.1%}" if classes <= 5 else f"{count:,}"
            axes.text(column, row, text, color=colour, ha="center", va="center")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, nbins=20, steps=[1, 2, 5, 10]))
    axes.tick_params(length=0)
    axes.set(title=f"Confusion on {split}", xlabel="predicted class", ylabel="true class")


def _reliability(figure: Figure, answers: Answers) -> None:
    """Draw accuracy by confidence, after DeGroot & Fienberg 1983, over how often it occurs."""
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    lowest = min(float(probabilities.max(axis=1).min()) for probabilities, _ in answers.values())
    left = np.floor(lowest * BINS) / BINS
    upper.plot([left, 1], [left, 1], ":", color=_GREY, label="as often right as confident")
    for split, (probabilities, labels) in answers.items():
        confidences = probabilities.max(axis=1)
        bins = confidence_bins(confidences)
        rows = np.bincount(bins, minlength=BINS)
        right = np.bincount(bins, probabilities.argmax(axis=1) == labels, BINS)
        sure = np.bincount(bins, confidences, BINS)
        used = rows > 0
        error = calibration_error(probabilities, labels)
        name = f"{split}, expected calibration error {error:.2%}"
        confidence, accuracy = sure[used] / rows[used], right[used] / rows[used]
        upper.plot(confidence, accuracy, "o-", color=_COLOURS[split], markersize=6, label=name)
        lower.stairs(rows / rows.sum(), np.arange(BINS + 1) / BINS, color=_COLOURS[split], lw=1.5)
    upper.set(title="Reliability", ylabel="accuracy", xlim=(left, 1.005), ylim=(None, 1.02))
    upper.legend(loc="lower right")
    lower.set(xlabel=f"confidence, in {BINS} bins of [0, 1]", ylabel="rows")
    for axis in (upper.yaxis, lower.yaxis, lower.xaxis):
        axis.set_major_formatter(_WHOLE_PERCENT)


def _coverage(axes: Axes, answers: Answers) -> None:
    first, look, _ = levels_of(*answers["dev"])
    for split, (probabilities, labels) in answers.items():
        thresholds, coverage, accuracy = accuracy_against_coverage(probabilities, labels)
        for level in (first, look):
            last = np.count_nonzero(thresholds >= level.below) - 1
            if last >= 0:
                axes.plot(coverage[last], accuracy[last], "o", color=_COLOURS[split], zorder=3)
        axes.step(coverage, accuracy, where="post", color=_COLOURS[split], label=split)
    axes.set(
        title=f"Accuracy against coverage (dots: confidence ≥ {look.below} and {first.below})",
        xlabel="share of the rows, the most confident first",
        ylabel="accuracy",
        xlim=(0, 1.01),
    )
    axes.legend(loc="lower left")
    axes.xaxis.set_major_formatter(_WHOLE_PERCENT)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
