"""Files as people have them, made for these tests: what each is read as, or refused for.

`tests/cases/outcomes.tsv` has a line for each: file, options, and what comes of it. Files called
train_* are for the trainer, the others for `classify`.
"""

import csv
from pathlib import Path
from typing import Any

import pytest

from models.console import ExitCode, UserError
from models.tables import Dialect
from tests.tui.batch.runs import run
from trainer.data.dataset import load_data
from tui.batch.engine import Hooks
from tui.batch.summary import Chunk

CASES = Path(__file__).with_name("cases")

with (CASES / "outcomes.tsv").open(encoding="utf-8", newline="") as file:
    OUTCOMES = [tuple(row) for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def classified(path: Path, folder: Path, header: int | None) -> str:
    """Return the counts, the first text with a label, and the rejects with their reasons."""
    texts: list[str] = []
    codes: list[str] = []

    def take(chunk: Chunk) -> None:
        texts.extend(text for text, label in zip(chunk.texts, chunk.ids, strict=True) if label >= 0)
        codes.extend(reject.code for reject in chunk.rejects)

    options: dict[str, Any] = {"hooks": Hooks(answered=take)}
    if header is not None:
        options["dialect"] = Dialect(header=header)
    summary = run(path, folder / "out.jsonl", **options)
    first = texts[0] if texts else ""
    labelled = int(summary.counts.sum())
    return (
        f"{summary.written} written, {labelled} labelled: {first!r:.40} {' '.join(codes)}".strip()
    )


def trained(path: Path) -> str:
    """Return the rows and the labels in the order of their ids."""
    data = load_data([str(path)], split=None if path.is_dir() else (0.15, 0.15))
    rows = sum(len(split.texts) for split in data.splits.values())
    return f"{rows} rows: {', '.join(data.labels.names)}"


@pytest.mark.parametrize(("name", "header", "outcome"), OUTCOMES)
def test_a_file_as_people_have_it(tmp_path: Path, name: str, header: str, outcome: str) -> None:
    path = CASES / name
    try:
        if name.startswith("train") or path.is_dir():
            found = trained(path)
        else:
            found = classified(path, tmp_path, int(header) if header else None)
    except UserError as error:
        found = f"{ExitCode(error.code).name}: {error}".replace(f"{CASES}/", "")
    assert found.startswith(outcome)


def test_no_case_is_left_out() -> None:
    named = {name for name, *_ in OUTCOMES}
    assert named == {path.name for path in CASES.iterdir()} - {"outcomes.tsv"}
