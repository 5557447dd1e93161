"""What can be exported: a run of our trainer, or a classifier in the Hugging Face format."""

from pathlib import Path

from export.classifier import ExportableClassifier
from export.hf_source import load_hugging_face
from models.console import data_error, usage_error
from models.run_directory import load_classifier, read_json, read_rows, read_run


def load_source(
    path: Path,
    encoder: str | None = None,
    dev: Path | None = None,
    label_map: str | None = None,
) -> ExportableClassifier:
    """Load what is to be exported.

    Args:
        path: a run directory, or a folder with a `...ForSequenceClassification` of transformers.
        encoder: where the encoder of a run is now, if it moved.
        dev: a table of text and label that the int8 file of a Hugging Face classifier is compared
            on; a run has its own.
        label_map: names for the labels of a Hugging Face classifier and of `dev`.

    Raises:
        UserError: as `read_run`, `load_classifier` and `load_hugging_face`; USAGE, `encoder` is not
            for a classifier, or `dev` or `label_map` not for a run; DATA, its scores or rows are
            damaged.
    """
    is_classifier = (path / "config.json").is_file() and not (path / "run.json").is_file()
    useless = {"--encoder": encoder} if is_classifier else {"--dev": dev, "--label-map": label_map}
    for option, value in useless.items():
        if value is not None:
            raise usage_error(
                "{option} does nothing here: a run has its own labels and dev rows, a classifier "
                "of transformers has its own encoder",
                option=option,
            )
    if is_classifier:
        return load_hugging_face(path, dev, label_map)
    run = read_run(path)
    classifier, loaded = load_classifier(path, run, encoder, for_export=True)
    try:
        quality = read_json(path / "metrics.json")
        del quality["history"]
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise data_error(
            "{path} is damaged: {reason}", path=path / "metrics.json", reason=error
        ) from error
    more = path / "train.jsonl"  # which older runs lack
    facts = {
        "labels": tuple(run.labels),
        "tokenizer": loaded.tokenizer,
        "max_length": run.max_length,
        "pooling": run.pooling,
        "encoder": run.encoder,
        "data": run.data_fingerprint,
        "quality": quality,
    }
    return ExportableClassifier(
        classifier,
        classifier.head,
        loaded.module,
        facts,
        read_rows(path / "dev.jsonl"),
        run.temperature,
        read_rows(more) if more.exists() else (),
    )
