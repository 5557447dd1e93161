"""Labelled texts: each with its label, or an error that names the place and both values."""

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from models.console import ExitCode, UserError
from models.tables import open_table
from models.tables.labelled import LabelledRows, checked_rows, read_labelled


def read(path: Path, label_map: str | None = None) -> LabelledRows:
    with open_table(path) as table:
        return read_labelled(table, ("text", "label"), label_map=label_map)


def test_a_label_may_be_a_name_or_a_number(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("label,text\n好评,很好\n0.0,太差\n", encoding="utf-8")
    rows = read(path)
    assert (rows.texts, rows.labels) == (["很好", "太差"], ["好评", "0"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("doccano.jsonl", '{"text": "好", "label": ["正向评价"], "Comments": []}\n'),
        ("list.csv", 'text,label\n好,"[""正向评价""]"\n'),
        ("studio.csv", 'text,label\n好,"{""choices"":[""正向评价""]}"\n'),
        ("studio.jsonl", '{"text": "好", "label": {"choices": ["正向评价"]}}\n'),
    ],
)
def test_a_list_or_choice_of_one_label_is_that_label(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert read(tmp_path / name).labels == ["正向评价"]


def test_two_labels_in_one_cell_are_refused_as_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('text,label\n好,1\n差,"[""0"", ""1""]"\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"line 3: expected one label in label, found two: .*0"):
        read(path)


def test_rows_without_a_label_are_told_and_those_that_the_map_leaves_out_are_counted(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\n好,5\n一般,3\n某,\n坏,1.0\n", encoding="utf-8")
    rows = read(path, "1,2=差评; 4,5=好评; 3=")
    assert (rows.texts, rows.labels) == (["好", "坏"], ["好评", "差评"])
    assert rows.unlabelled == ["line 4"]
    assert rows.left_out == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.jsonl",
            '{"text": "好", "label": 1}\n{"text": 2, "label": 1}\n',
            "line 2: .*found 2, 1",
        ),
        ("a.csv", "label,text\n1,好\n1\n", "line 3: expected 2 fields"),
    ],
)
def test_a_record_without_text_is_an_error_that_names_its_line(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message) as caught:
        read(path)
    assert caught.value.code == ExitCode.DATA


def test_a_format_without_lines_has_rows(tmp_path: Path) -> None:
    table = pyarrow.table({"text": ["好", None], "label": [1, 1]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"row 2: .*found None, 1"):
        read(tmp_path / "a.parquet")


def test_ids_of_rows_of_any_origin_become_names() -> None:
    rows = [(1, "好", 1), (2, "差", 0), (3, "某", -1)]
    read = checked_rows("hub", "row", ("text", "label"), rows, names=["差评", "好评"])
    assert read.labels == ["好评", "差评"]
    assert read.unlabelled == ["row 3"]
