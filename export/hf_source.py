"""Loads a classifier in the Hugging Face format for the export."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import transformers
from torch import nn

from export.classifier import ExportableClassifier, make_exportable
from export.first_token import BERT_LIKE
from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from models.encoder import canonical_tokenizer, load_pretrained, max_positions
from models.labels import LabelSet
from models.run_directory import ScoredRow, read_json
from models.tables import LABEL_COLUMNS, TEXT_COLUMNS, find_column, open_table


def load_hugging_face(folder: Path, dev: Path | None) -> ExportableClassifier:
    """Load a `...ForSequenceClassification` of transformers.

    Args:
        folder: the model, in the Hugging Face format.
        dev: a table of text and label that an int8 file is compared on.

    Raises:
        UserError: DATA, the folder is damaged or a classifier of a kind that is not supported, or
            `dev` has other labels; as `open_table`.
    """
    _check_architecture(folder)
    try:
        auto_class = transformers.AutoModelForSequenceClassification
        model, missing, tokenizer = load_pretrained(auto_class, str(folder), for_export=True)
        document = canonical_tokenizer(tokenizer.backend_tokenizer.to_str())
        labels = tuple(str(model.config.id2label[i]) for i in range(model.config.num_labels))
        if missing:
            raise ValueError(tr("no weights for {name}", name=missing[0]))
    except Exception as error:  # damaged files raise whatever they cause
        raise _damaged(folder, error) from error
    task = model.config.problem_type or "single_label_classification"
    if task != "single_label_classification" or len(set(labels)) < max(2, len(labels)):
        raise UserError(
            ExitCode.DATA,
            "{path}: expected two or more different labels, of which a text has one; found {found}",
            path=folder,
            found=f"{task}, {', '.join(labels)}",
        )
    facts = {
        "labels": labels,
        "tokenizer": document,
        "max_length": max_positions(model.config),
        "pooling": "cls",
        "encoder": folder.resolve().name,
        "data": "",
        "quality": {},
    }
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    rows = [] if dev is None else _labelled(dev, labels)
    return make_exportable(model, linear[-1], model.base_model, facts, rows)


def _check_architecture(folder: Path) -> None:
    """Raise UserError DATA unless `config.json` is that of a classifier we know."""
    try:
        config: dict[str, Any] = read_json(folder / "config.json")
        kind = str(config.get("model_type"))
        architecture = str((config.get("architectures") or [None])[0])
    except (AttributeError, TypeError, ValueError) as error:
        raise _damaged(folder, error) from error
    if kind not in BERT_LIKE or not architecture.endswith("ForSequenceClassification"):
        raise UserError(
            ExitCode.DATA,
            "{path} is a {architecture} of type {kind}: expected a run directory, or a "
            "...ForSequenceClassification of type {known}",
            path=folder,
            architecture=architecture,
            kind=kind,
            known=", ".join(BERT_LIKE),
        )


def _damaged(folder: Path, error: Exception) -> UserError:
    return UserError(ExitCode.DATA, "{path} is damaged: {reason}", path=folder, reason=error)


def _labelled(path: Path, labels: Sequence[str]) -> list[ScoredRow]:
    """Read texts and labels, for which no probabilities are recorded."""
    label_set = LabelSet(labels)
    rows = []
    with open_table(path) as table:
        columns = table.to_search()
        # A column with the usual name goes before others that are known.
        names = [
            find_column(columns, usual if usual in columns.names else None, known)
            for usual, known in (("text", TEXT_COLUMNS), ("label", LABEL_COLUMNS))
        ]
        for record in table.records:
            text, label = map(record.get, names)
            number = label_set.find(str(label))
            if not isinstance(text, str) or number is None:
                raise UserError(
                    ExitCode.DATA,
                    "{name}, line {line}: {problem}",
                    name=path,
                    line=record.place.line,
                    problem=tr(
                        "expected text and label, one of {labels}; found {found}",
                        labels=label_set,
                        found=f"{text!r:.40}, {label!r:.40}",
                    ),
                )
            rows.append(ScoredRow(text, number, probabilities=[]))
    return rows
