"""Writes MODEL_CARD.md from the records of a run; in English, as model cards are."""

from collections.abc import Iterable, Iterator
from typing import Any

from models.console import display
from models.metrics import BINS
from models.run_directory import Run
from trainer.console import parts_of


def model_card(name: str, run: Run, metrics: dict[str, Any]) -> str:
    """Return the card of a run as Markdown; `metrics` are the scores by split, see `score`."""
    last = list(metrics)[-1]  # test, where there is one
    return f"""# {name}

A text classifier: the encoder `{run.encoder}`{_cut(run)}, {_trained(run)}, {run.pooling} pooling,
and a linear head of {run.outcome["head_parameters"]:,} parameters;
{run.outcome["parameters"]:,} parameters in all. Texts are read up to {run.max_length} tokens.

{_table("id", "label", rows=enumerate(run.labels))}

## Quality

{_best(run)}; test chose nothing.{_folds(run, metrics)}
Behind each figure stands its interval of 95 %: Wilson's for accuracy, the bootstrap's for macro-F1
and for the expected calibration error (ECE, {BINS} bins), where it leans upwards, since drawing
rows again adds noise. "Unseen" leaves out the rows that also stand in the training split.

{_table("split", "rows", "accuracy", "macro-F1", "ECE", rows=_scores(metrics))}

By label, on all rows of {last} (the others are in metrics.json):

{_table("label", "rows", "precision", "recall", "F1", rows=_by_label(run.labels, metrics[last]))}

![Learning curve](learning-curve.png)

![Confusion matrix on {last}, classes by their ids](confusion.png)

{_labels(run)}
## Calibration

Logits are divided by a temperature of {run.temperature:.3f} before the softmax, fitted on dev.
Without and with it, the ECE is {", ".join(_errors(metrics))}.
The probabilities in dev.jsonl, in test.jsonl and of the exported model are the calibrated ones.

The answers that are least sure are to be looked at. Half of the errors on dev have a confidence
below the limit of "look first", and three quarters one below that of "look":

{_table("split", "answers", "confidence below", "share", "wrong", rows=_review(metrics))}

![Reliability: accuracy by confidence](reliability.png)
![Accuracy against coverage](coverage.png)

## Limits

- The figures hold for texts like those of the training data. Public review sets repeat themselves:
  a row that training has seen (the same letters and digits, whatever the punctuation, width and
  case) is easier than a new one, so the figures on unseen rows are the ones to expect.
- Dev chose the epoch, the temperature and the limits, so its own figures flatter. Test is the
  measure.
- The intervals say what other rows of the same kind would change, not what another kind would.
- Of a longer text only the first {run.max_length} tokens count.

## How it was made

{_table("setting", "value", rows=_settings(run.settings))}

Data fingerprint (SHA-256 over the rows): `{run.data_fingerprint}`.
Encoder digest (SHA-256 over weights and tokenizer): `{run.encoder_digest}`.
Made with {", ".join(f"{program} {version}" for program, version in run.versions.items())}.
"""


def _table(*header: str, rows: Iterable[Iterable[object]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    cells = ([display(value).replace("|", "\\|") for value in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _cut(run: Run) -> str:
    layers = run.settings["layers"]
    kept = "" if layers is None else f", cut to its layers {_shown(layers)}"
    kept += ", its vocabulary pruned" if run.settings["prune_vocab"] else ""
    kept += ", traditional characters read as simplified" if run.settings["simplify"] else ""
    return kept


def _trained(run: Run) -> str:
    """Say what became of the encoder."""
    kind, _, last = run.settings["train"].partition(":")
    if not run.outcome["best_epoch"]:
        kind = "head"
    if kind == "last":
        return f"its last {last} layers fine-tuned"
    return "frozen" if kind == "head" else "fine-tuned"


def _best(run: Run) -> str:
    """Say which epoch is kept."""
    epoch = run.outcome["best_epoch"]
    if epoch:
        return f"Epoch {epoch} is the best on dev"
    return "No epoch was better on dev than the frozen encoder and its head, which stayed"


def _folds(run: Run, metrics: dict[str, Any]) -> str:
    """Say how a run without a dev was cross-validated."""
    folds = run.outcome.get("folds")
    if not folds:
        return ""
    accuracies = [100 * fold["accuracy"] for fold in folds]
    return f"""
There is no dev: the {metrics["dev"]["rows"]:,} rows of train stand for it here. Each was answered
by a head that had learned from the other folds; these answers chose the head, which was then
trained on all rows. The accuracies of the {len(folds)} folds are {min(accuracies):.1f} to
{max(accuracies):.1f} %."""


def _labels(run: Run) -> str:
    """Say what the vectors of the frozen encoder tell about the labels."""
    if "suspects" not in run.outcome:  # no head was trained, or it was before there were suspects
        return ""
    points = run.outcome["learning_curve"]
    rows = ([f"{point['rows']:,}", f"{point['macro_f1']:.2%}"] for point in points)
    return f"""## Labels

{run.outcome["suspects"]:,} rows have another label than a head says that has not learned from them:
`suspects.csv` has them, the surest first. Some are wrong labels, others are hard.

Would more rows help? A head on the frozen encoder that learns from a part of train:

{_table("rows", "macro-F1 on dev", rows=rows)}
"""


def _settings(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if value is not None and value is not False and value not in ([], ()):
            yield name.replace("_", " "), _shown(value)


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _scores(metrics: dict[str, Any]) -> Iterator[list[str]]:
    for title, part in parts_of(metrics):
        ends = {key: part[f"{key}_interval"] for key in ("accuracy", "macro_f1", "ece")}
        figures = (f"{part[k]:.2%} ({100 * a:.1f}–{100 * b:.1f})" for k, (a, b) in ends.items())
        yield [title, f"{part['rows']:,}", *figures]


def _by_label(labels: list[str], scores: dict[str, Any]) -> Iterator[list[str]]:
    for number, label in enumerate(labels):
        figures = (f"{scores[key][number]:.2%}" for key in ("precision", "recall", "f1"))
        yield [label, f"{sum(scores['confusion'][number]):,}", *figures]


def _errors(metrics: dict[str, Any]) -> Iterator[str]:
    for split, scores in metrics.items():
        yield f"{scores['ece_uncalibrated']:.2%} and {scores['ece']:.2%} on {split}"


def _review(metrics: dict[str, Any]) -> Iterator[list[str]]:
    for title, part in parts_of(metrics):
        for name, level in zip(("look first", "look", "others"), part["review"], strict=True):
            share = level["rows"] / part["rows"]
            rate = level["wrong"] / max(level["rows"], 1)
            wrong = f"{rate:.1%} ({level['wrong']:,} of {level['rows']:,})"
            yield [title, name, f"{level['below']:.3f}", f"{share:.1%}", wrong]
