"""Loads the classifier of a run directory for the export."""

from dataclasses import replace
from pathlib import Path

from export.classifier import ExportableClassifier, make_exportable
from models.console.command import ExitCode, UserError
from models.run_directory import load_classifier, read_json, read_rows, read_run


def load_run(folder: Path, encoder_source: str | None) -> ExportableClassifier:
    """Load a run of `python -m trainer`.

    Args:
        folder: the run directory.
        encoder_source: where the encoder is now, if it moved.

    Raises:
        UserError: as `read_run` and `load_classifier`; DATA, the scores are damaged.
    """
    run = read_run(folder)
    classifier, encoder = load_classifier(folder, run, encoder_source, for_export=True)
    dev = read_rows(folder / "dev.jsonl")
    try:
        quality = read_json(folder / "metrics.json")
        del quality["history"]
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise UserError(
            ExitCode.DATA, "{path} is damaged: {reason}", path=folder / "metrics.json", reason=error
        ) from error
    facts = {
        "labels": tuple(run.labels),
        "tokenizer": encoder.tokenizer,
        "max_length": run.max_length,
        "pooling": run.pooling,
        "encoder": run.encoder,
        "data": run.data_fingerprint,
        "quality": quality,
    }
    exportable = make_exportable(
        classifier, classifier.head, encoder.module, facts, dev, run.temperature
    )
    more = folder / "train.jsonl"  # which older runs lack
    return replace(exportable, train=read_rows(more) if more.exists() else [])
