"""Two labelled files: which records are the same, and where their labels differ."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from models.console.command import ExitCode, UserError
from tui.batch.findings.compare import Comparison, compare
from tui.batch.findings.finished import open_finished
from tui.cli import cli

Row = tuple[str, str, str, float]
"""Order, text, label and confidence."""

FIRST = [
    ("a", "很好", "好", 0.9),
    ("b", "坏了", "坏", 0.8),
    ("c", "一般", "好", 0.6),
    ("d", "太差", "坏", 0.7),
    ("e", "不错", "好", 0.9),
]
SECOND = [
    ("a", "很好", "好", 0.8),
    ("b", "坏了", "好", 0.55),
    ("c", "一般", "中", 0.9),
    ("d", "太差", "坏", 0.7),
]


def written(path: Path, rows: list[Row], truths: dict[str, str] | None = None) -> Path:
    lines = []
    for order, text, label, confidence in rows:
        record: dict[str, Any] = {"order": order, "text": text, "truth": (truths or {}).get(order)}
        record |= {"predicted_label": label, "confidence": confidence, "status": "ok"}
        lines.append(json.dumps(record, ensure_ascii=False))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def compared(
    folder: Path, second: list[Row] = SECOND, key: str | None = None, **truth: Any
) -> Comparison:
    label_column = "truth" if truth else None
    stores = []
    for name, rows in (("first", FIRST), ("second", second)):
        path = written(folder / f"{name}.jsonl", rows, truth)
        stores.append(open_finished(path, label_column=label_column))
    return compare(stores[0], stores[1], key)


def cells_of(found: Comparison) -> list[list[str]]:
    return [found.cells(pair) for pair in found.differing.tolist()]


DIFFERING = [
    ["3", "好 60.0%", "中 90.0%", "一般"],  # those that both are surest of come first
    ["2", "坏 80.0%", "好 55.0%", "坏了"],
]


def test_labels_that_differ_are_found_by_the_texts_of_the_records(tmp_path: Path) -> None:
    found = compared(tmp_path)
    assert cells_of(found) == DIFFERING
    assert found.labels == ("好", "坏", "中")
    assert found.counts.tolist() == [[1, 0, 1], [1, 1, 0], [0, 0, 0]]
    assert found.lines()[:2] == [
        "4 records in both; 1 only in the first, 0 in the second",
        "labels that differ: 2 (50.00%)",
    ]


@pytest.mark.parametrize("key", [None, "order"])
def test_records_are_matched_whatever_their_order(tmp_path: Path, key: str | None) -> None:
    assert cells_of(compared(tmp_path, SECOND[::-1], key)) == DIFFERING


def test_both_are_scored_on_the_same_records(tmp_path: Path) -> None:
    found = compared(tmp_path, a="好", b="坏", c="好", e="好")
    first, second = found.metrics
    assert first is not None
    assert second is not None
    assert (first.rows, first.correct) == (3, 3)  # e is in the first file alone
    assert (second.rows, second.correct) == (3, 1)
    assert any(line.startswith("second: accuracy 33.33% (1 of 3)") for line in found.lines())


def test_a_record_whose_text_was_changed_is_no_pair(tmp_path: Path) -> None:
    changed = [*SECOND[:3], ("d", "太差了", "好", 0.7)]
    assert compared(tmp_path, changed).lines()[:2] == [
        "3 records in both; 2 only in the first, 1 in the second",
        "labels that differ: 2 (66.67%)",
    ]
    found = compared(tmp_path, changed, "order")
    assert cells_of(found) == DIFFERING
    assert found.counts.sum() == 3
    assert found.as_dict()["left_out"] == 1
    assert found.lines()[:3] == [
        "3 records in both; 1 only in the first, 0 in the second",
        "labels that differ: 2 (66.67%)",
        "left out, because their texts differ: 1 record",
    ]


def test_a_row_that_was_deleted_changes_no_label(tmp_path: Path) -> None:
    rows = [(str(number), f"第{number % 8}", "好坏"[number % 2], 0.9) for number in range(20)]
    stores = []
    for name, kept in (("a", rows), ("b", rows[:12] + rows[13:])):
        stores.append(open_finished(written(tmp_path / f"{name}.jsonl", kept)))
    found = compare(*stores)
    assert cells_of(found) == []
    assert found.lines()[0] == "19 records in both; 1 only in the first, 0 in the second"


@pytest.mark.parametrize(
    ("rows", "key", "code", "said"),
    [
        ([("a", "别的", "好", 0.8)], None, ExitCode.DATA, "found 0 records with the same text"),
        ([("a", "别的", "好", 0.8)], "order", ExitCode.DATA, "found 0 records with the same text"),
        (
            [*SECOND[:1], *[(f"{n}", f"别的{n}", "好", 0.8) for n in range(3)]],
            *(None, ExitCode.DATA, "found 1 record with the same text"),
        ),
        ([*SECOND, SECOND[0]], "order", ExitCode.DATA, "cells all differ"),
        (SECOND, "price", ExitCode.USAGE, "expected a column of order, truth"),
    ],
)
def test_files_that_cannot_be_compared_are_an_error(
    tmp_path: Path, rows: list[Row], key: str | None, code: ExitCode, said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        compared(tmp_path, rows, key)
    assert caught.value.code == code


def test_the_command_tells_people_and_programs(tmp_path: Path) -> None:
    files = [
        str(written(tmp_path / "a.jsonl", FIRST)),
        str(written(tmp_path / "b.jsonl", SECOND)),
    ]
    told = CliRunner().invoke(cli, ["compare", *files])
    assert told.exit_code == 0, told.output
    assert "labels that differ: 2 (50.00%)" in told.output
    assert "中 90.0%" in told.output
    done = CliRunner().invoke(cli, ["compare", *files, "--key", "order", "--json"])
    content = json.loads(done.stdout)
    assert content["records"] == 4
    assert content["differing"][0] == {
        "record": 3,
        "answers": [["好", 0.6], ["中", 0.9]],
        "text": "一般",
    }


def test_a_program_gets_texts_as_they_are(tmp_path: Path) -> None:
    text = "一般\u200e\u2028\x7f\x9b"
    files = [written(tmp_path / f"{n}.jsonl", [("a", text, n, 0.9)]) for n in ("好", "坏")]
    done = CliRunner().invoke(cli, ["compare", *map(str, files), "--json"])
    assert json.loads(done.stdout)["differing"][0]["text"] == text
