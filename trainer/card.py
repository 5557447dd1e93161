"""Writes MODEL_CARD.md from what a run recorded; in English, as model cards are."""

from typing import Any

from models.run_directory import Run


def model_card(name: str, run: Run, metrics: dict[str, Any]) -> str:
    """Return the card as Markdown."""
    labels = "\n".join(f"| {number} | {label} |" for number, label in enumerate(run.labels))
    settings = "\n".join(
        f"| {key.replace('_', ' ')} | {value} |" for key, value in run.settings.items()
    )
    versions = ", ".join(f"{program} {version}" for program, version in run.versions.items())
    rows = "\n".join(_score_rows(metrics))
    return f"""# {name}

A text classifier: the encoder `{run.encoder}`, frozen, {run.pooling} pooling, and a linear head of
{run.outcome["head_parameters"]:,} parameters. Texts are read up to {run.max_length} tokens.

| id | label |
|---:|---|
{labels}

## Quality

Epoch {run.outcome["best_epoch"]} of {run.settings["epochs"]}, the best on dev; test chose nothing.
"Unseen" leaves out the rows that also stand in the training split.

| split | rows | accuracy | macro-F1 |
|---|---:|---:|---:|
{rows}

## How it was made

| setting | value |
|---|---|
{settings}

Data fingerprint (SHA-256 over the rows): `{run.data_fingerprint}`.
Encoder digest (SHA-256 over weights and tokenizer): `{run.encoder_digest}`.
Made with {versions}.
"""


def _score_rows(metrics: dict[str, Any]) -> list[str]:
    rows = []
    for split, scores in metrics.items():
        for name, part in ((split, scores), (f"{split}, unseen", scores.get("unseen"))):
            if part:
                accuracy, f1 = part["accuracy"], part["macro_f1"]
                rows.append(f"| {name} | {part['rows']:,} | {accuracy:.2%} | {f1:.2%} |")
    return rows
