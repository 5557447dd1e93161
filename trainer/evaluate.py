"""Scores a finished run anew: `python -m trainer evaluate RUN`."""

from pathlib import Path
from typing import Any

from models.console import data_error, usage_error
from models.run_directory import Run, load_classifier, read_rows, read_run
from models.tokenizer import Tokenizer
from trainer.data.dataset import SPLITS, Split, load_data
from trainer.data.sources import Reading
from trainer.features import predict_logits
from trainer.precision import choose_device
from trainer.report.calibration import tempered
from trainer.report.scores import score


def evaluate_run(
    run_directory: Path,
    data: tuple[str, ...],
    split: str,
    reading: Reading = Reading(),
    encoder: str | None = None,
    device: str = "auto",
) -> dict[str, Any]:
    """Score a finished run on one split, end to end: the encoder runs over its texts again.

    No `data` stands for that of the training, read as it was then: a split that was cut from it is
    cut again. Of other data, one table alone is the split.

    Raises:
        UserError: as `read_run`, `load_data` and `load_classifier`; USAGE, the run was
            cross-validated and has no such split; DATA, the split is cut otherwise by now.
    """
    run = read_run(run_directory)
    settings = run.settings
    own = not data or list(data) == run.data
    if own:
        reading = reading.or_else(settings)
    folded = own and "folds" in run.outcome
    splits = load_data(
        data or run.data,
        reading,
        labels=run.labels,
        ordered=bool(settings.get("labels")),
        wanted=SPLITS if folded else (split,),
        split=settings["split_sizes"] if own else None,
        seed=settings["seed"],
        alone="train" if own else split,
        fold_few=folded,
        neutral=settings.get("neutral") if own else None,
    ).splits
    if split not in splits:
        raise usage_error(
            "{run} was cross-validated on all of its rows, and has no {split}: name other rows "
            "with --data",
            run=run_directory,
            split=split,
        )
    rows = splits[split]
    if own and settings.get("split_sizes"):
        _require_same(rows, run_directory / f"{split}.jsonl", run)
    classifier, loaded = load_classifier(run_directory, run, encoder)
    classifier.to(choose_device(device))
    tokenizer = Tokenizer(loaded.tokenizer, run.max_length)
    logits = predict_logits(classifier, tokenizer, rows.texts, title=split)
    return score(tempered(logits, run.temperature).numpy(), rows)


def _require_same(rows: Split, recorded: Path, run: Run) -> None:
    """Refuse a split that was cut otherwise in the training, which then learned rows of it.

    More rows than there were move the cut.
    """
    if recorded.exists() and rows.texts != [row.text for row in read_rows(recorded)]:
        raise data_error(
            "the {split} of {data} is not what it was in the training, and may have rows that were "
            "learned by now; name rows to score with --data",
            split=recorded.stem,
            data=", ".join(run.data),
        )
