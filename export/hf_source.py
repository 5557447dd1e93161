"""Loads a classifier in the Hugging Face format for the export."""

from collections.abc import Sequence
from pathlib import Path

import transformers
from torch import nn

from export.classifier import ExportableClassifier
from models.console import UserError, data_error, display, tr, usage_error
from models.console.narration import narrate
from models.encoder import canonical_tokenizer, load_pretrained, max_positions
from models.label_map import AmbiguousLabelsError, map_labels, parse_label_map
from models.label_proposal import proposed_map
from models.labels import folded, natural_order
from models.run_directory import ScoredRow
from models.tables import LABEL_COLUMNS, TEXT_COLUMNS, find_column, open_table
from models.tables.labelled import read_labelled
from models.tracing import inputs_of

LONGEST = 2048
"""Most tokens that a classifier of transformers reads: attention over the 8,192 of ModernBERT would
take more memory than people have, and no review is as long."""


def load_hugging_face(
    folder: Path, dev: Path | None, label_map: str | None = None
) -> ExportableClassifier:
    """Load a `...ForSequenceClassification` of transformers.

    Args:
        folder: the model, in the Hugging Face format.
        dev: a table of text and label that an int8 file is compared on.
        label_map: what the labels of the folder are to be called, and those of `dev`.

    Raises:
        UserError: DATA, the folder is damaged or a classifier of a kind that is not supported, or
            `dev` has other labels; as `open_table`.
    """
    try:
        _check_architecture(folder)
        auto_class = transformers.AutoModelForSequenceClassification
        model, missing, tokenizer = load_pretrained(auto_class, str(folder), for_export=True)
        document = canonical_tokenizer(tokenizer.backend_tokenizer.to_str())
        labels = tuple(str(model.config.id2label[i]) for i in range(model.config.num_labels))
        if missing:
            raise ValueError(tr("no weights for {name}", name=missing[0]))
    except UserError:
        raise
    except Exception as error:  # damaged files raise whatever they cause
        raise data_error("{path} is damaged: {reason}", path=folder, reason=error) from error
    task = model.config.problem_type or "single_label_classification"
    if task != "single_label_classification" or len(set(labels)) < max(2, len(labels)):
        raise data_error(
            "{path}: expected two or more different labels, of which a text has one; found {found}",
            path=folder,
            found=f"{task}, {', '.join(labels)}",
        )
    labels = _renamed(labels, label_map)
    facts = {
        "labels": labels,
        "tokenizer": document,
        "max_length": min(max_positions(model), LONGEST),
        "pooling": "cls",
        "encoder": folder.resolve().name,
        "data": "",
        "quality": {},
    }
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    rows = [] if dev is None else _labelled(dev, labels, label_map)
    return ExportableClassifier(model, linear[-1], model.base_model, facts, rows)


def _renamed(labels: tuple[str, ...], label_map: str | None) -> tuple[str, ...]:
    """Return the labels by the names that the user gave them; warn of those without a name.

    Raises:
        UserError: USAGE, two labels would have one name, or one none.
    """
    mapping = parse_label_map(label_map or "")
    renamed = tuple(mapping.get(folded(label), label) for label in labels)
    if "" in renamed or len(set(renamed)) < len(labels):
        raise usage_error(
            "--label-map: expected a name of its own for each of {labels}, found {found}",
            labels=", ".join(labels),
            found=", ".join(renamed),
        )
    if all(name == f"LABEL_{number}" for number, name in enumerate(renamed)):
        narrate(
            tr(
                "the labels have no names, only {labels}: name them with --label-map "
                "'LABEL_0=负向评价; LABEL_1=正向评价', if that is what they are",
                labels=", ".join(renamed),
            )
        )
    return renamed


def _check_architecture(folder: Path) -> None:
    """Raise UserError DATA unless `config.json` is that of a classifier that can be traced."""
    config = transformers.AutoConfig.from_pretrained(folder)
    architecture = str((config.architectures or [None])[0])
    if not architecture.endswith("ForSequenceClassification") or not inputs_of(config):
        raise data_error(
            "{path} is a {architecture} of type {kind}: expected a run directory, or a "
            "...ForSequenceClassification of an encoder that optimum exports",
            path=folder,
            architecture=architecture,
            kind=config.model_type,
        )


def _labelled(path: Path, labels: Sequence[str], label_map: str | None = None) -> list[ScoredRow]:
    """Read texts and labels, for which no probabilities are recorded."""
    with open_table(path) as table:
        columns = table.to_search()
        # A column with the usual name goes before others that are known.
        text, label = [
            find_column(columns, usual if usual in columns.names else None, known)
            for usual, known in (("text", TEXT_COLUMNS), ("label", LABEL_COLUMNS))
        ]
        rows = read_labelled(table, (text, label), label_map=label_map)
    skipped = len(rows.unlabelled)
    if skipped:
        narrate(tr("{where}: {rows:row} without a label skipped", where=path, rows=skipped))
    try:
        found = map_labels(rows.labels, labels, column=rows.column)
        unknown, proposal = ", ".join(found.unknown), ""
    except AmbiguousLabelsError as error:
        unknown, proposal = ", ".join(natural_order(rows.labels)), error.proposal
    if unknown:
        raise data_error(
            "{name}: expected labels, each plainly one of {labels}; found {found}. Say what they "
            "stand for: --label-map '{proposal}'",
            name=path,
            labels=", ".join(labels),
            found=display(unknown, limit=200),
            proposal=proposal or proposed_map(rows.labels, labels, rows.column),
        )
    if said := found.said():
        narrate(tr("{where}: labels {said}", where=path, said=display(said, limit=300)))
    pairs = zip(rows.texts, rows.labels, strict=True)
    return [ScoredRow(text, found.find(label) or 0, probabilities=[]) for text, label in pairs]
