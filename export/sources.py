"""What can be exported: a run of our trainer, or a classifier in the Hugging Face format."""

from pathlib import Path

from export.classifier import ExportableClassifier
from export.hf_source import load_hugging_face
from export.run_source import load_run
from models.console.command import ExitCode, UserError


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
        UserError: as `load_run` and `load_hugging_face`; USAGE, `encoder` is not for a classifier,
            or `dev` or `label_map` not for a run.
    """
    if (path / "config.json").is_file() and not (path / "run.json").is_file():
        if encoder is not None:
            raise UserError(
                ExitCode.USAGE, "--encoder is for a run; a classifier of transformers has its own"
            )
        return load_hugging_face(path, dev, label_map)
    for option, value in (("--dev", dev), ("--label-map", label_map)):
        if value is not None:
            raise UserError(
                ExitCode.USAGE,
                "{option} is for a classifier of transformers; a run has its own",
                option=option,
            )
    return load_run(path, encoder)
