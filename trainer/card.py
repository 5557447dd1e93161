"""Writes MODEL_CARD.md from what a run recorded; in English, as model cards are."""

from collections.abc import Iterator
from typing import Any

from models.metrics import BINS
from models.run_directory import Run
from trainer.calibration import TARGET


def model_card(name: str, run: Run, metrics: dict[str, Any]) -> str:
    """Return the card as Markdown.

    Args:
        name: of the run.
        run: the content of `run.json`.
        metrics: by split, as `trainer.evaluation.score` gives them.
    """
    return f"""# {name}

A text classifier: the encoder `{run.encoder}`{_cut(run)}, {_trained(run)}, {run.pooling} pooling,
and a linear head of {run.outcome["head_parameters"]:,} parameters;
{run.outcome["parameters"]:,} parameters in all. Texts are read up to {run.max_length} tokens.

| id | label |
|---:|---|
{_lines(f"| {number} | {label} |" for number, label in enumerate(run.labels))}

## Quality

Epoch {run.outcome["best_epoch"]} is the best on dev; test chose nothing.
Behind each figure stands its interval of 95 %: Wilson's for accuracy, the bootstrap's for macro-F1
and for the expected calibration error (ECE, {BINS} bins), where it leans upwards, since drawing
rows again adds noise. "Unseen" leaves out the rows that also stand in the training split.

| split | rows | accuracy | macro-F1 | ECE |
|---|---:|---:|---:|---:|
{_lines(_score_rows(metrics))}

By label, on test (those of dev are in metrics.json):

| split | id | label | rows | precision | recall | F1 |
|---|---:|---|---:|---:|---:|---:|
{_lines(_label_rows(run.labels, {"test": metrics["test"]}))}

![Learning curve](learning-curve.png)

![Confusion matrix on test, classes by their ids](confusion.png)

## Calibration

Logits are divided by a temperature of {run.temperature:.3f} before the softmax, fitted on dev.
Without and with it, the ECE is {", ".join(_errors(metrics))}.
The probabilities in dev.jsonl, in test.jsonl and of the exported model are the calibrated ones.

{_threshold(run.uncertain_below, metrics["dev"]["certain"]["accuracy"])}

| split | answers that remain | accuracy of these |
|---|---:|---:|
{_lines(_certain_rows(metrics))}

![Reliability: accuracy by confidence](reliability.png)

![Accuracy against coverage](coverage.png)

## Limits

- The figures hold for texts like those of the training data. Public review sets repeat themselves:
  a row that training has seen (the same letters and digits, whatever the punctuation, width and
  case) is easier than a new one, so the figures on unseen rows are the ones to expect.
- Dev chose the epoch, the temperature and the threshold, so its own figures flatter. Test is the
  measure.
- The intervals say what other rows of the same kind would change, not what another kind would.
- Of a longer text only the first {run.max_length} tokens count.

## How it was made

| setting | value |
|---|---|
{_lines(_setting_rows(run.settings))}

Data fingerprint (SHA-256 over the rows): `{run.data_fingerprint}`.
Encoder digest (SHA-256 over weights and tokenizer): `{run.encoder_digest}`.
Made with {", ".join(f"{program} {version}" for program, version in run.versions.items())}.
"""


def _lines(lines: Iterator[str]) -> str:
    return "\n".join(lines)


def _cut(run: Run) -> str:
    layers = run.settings["layers"]
    kept = "" if layers is None else f", cut to its layers {_shown(layers)}"
    return kept + (", its vocabulary pruned" if run.settings["prune_vocab"] else "")


def _trained(run: Run) -> str:
    """Say what became of the encoder."""
    kind, _, last = run.settings["train"].partition(":")
    if kind == "last":
        return f"its last {last} layers fine-tuned"
    return "frozen" if kind == "head" else "fine-tuned"


def _setting_rows(settings: dict[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        if value not in (None, False, [], ()):
            yield f"| {name.replace('_', ' ')} | {_shown(value)} |"


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _threshold(uncertain_below: float, accuracy: float) -> str:
    reached = accuracy >= TARGET
    if uncertain_below == 0:
        why = "reach" if reached else "come nearest to"
        return f"No answer is called uncertain: on dev all together {why} the {TARGET:.0%} wanted."
    why = (
        f"the lowest threshold that leaves {TARGET:.0%} right on dev"
        if reached
        else f"no threshold leaves {TARGET:.0%} right on dev, and this one comes nearest"
    )
    return f"An answer with a confidence below {uncertain_below:.4f} is called uncertain: {why}."


def _parts(metrics: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for split, scores in metrics.items():
        yield split, scores
        if "unseen" in scores:
            yield f"{split}, unseen", scores["unseen"]


def _score_rows(metrics: dict[str, Any]) -> Iterator[str]:
    for name, part in _parts(metrics):
        figures = (_figure(part, key) for key in ("accuracy", "macro_f1", "ece"))
        yield f"| {name} | {part['rows']:,} | {' | '.join(figures)} |"


def _figure(part: dict[str, Any], key: str) -> str:
    low, high = part[f"{key}_interval"]
    return f"{part[key]:.2%} ({100 * low:.1f}–{100 * high:.1f})"


def _label_rows(labels: list[str], metrics: dict[str, Any]) -> Iterator[str]:
    for name, part in _parts(metrics):
        scores = zip(part["precision"], part["recall"], part["f1"], strict=True)
        for number, (label, of_label) in enumerate(zip(labels, scores, strict=True)):
            rows = sum(part["confusion"][number])
            figures = " | ".join(f"{figure:.2%}" for figure in of_label)
            yield f"| {name} | {number} | {label} | {rows:,} | {figures} |"


def _errors(metrics: dict[str, Any]) -> Iterator[str]:
    for split, scores in metrics.items():
        yield f"{scores['ece_uncalibrated']:.2%} and {scores['ece']:.2%} on {split}"


def _certain_rows(metrics: dict[str, Any]) -> Iterator[str]:
    for name, part in _parts(metrics):
        coverage, accuracy = part["certain"]["coverage"], part["certain"]["accuracy"]
        yield f"| {name} | {coverage:.1%} | {accuracy:.2%} |"
