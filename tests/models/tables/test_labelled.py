"""Labelled texts: each with its label, or an error that names the place and both values."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from models.console.command import ExitCode, UserError
from models.labels import LabelSet
from models.tables import open_table
from models.tables.labelled import checked_rows, labelled_texts

LABELS = LabelSet(["差评", "好评"])


def find(value: object) -> int | None:
    return LABELS.find(str(value))


def read(path: Path) -> list[tuple[str, int]]:
    with open_table(path) as table:
        return list(labelled_texts(table, ("text", "label"), find, "one of the labels"))


def test_a_label_may_be_a_name_or_a_number(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("label,text\n好评,很好\n0,太差\n", encoding="utf-8")
    assert read(path) == [("很好", 1), ("太差", 0)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "label,text\n好评,很好\n中评,一般\n", "line 3: .*one of the labels.*'一般', '中"),
        (
            "a.jsonl",
            '{"text": "好", "label": 1}\n{"text": 2, "label": 1}\n',
            "line 2: .*found 2, 1",
        ),
        ("a.jsonl", '{"text": "好", "label": 1}\n{"text": "好"}\n', "line 2: .*found '好', None"),
        ("a.csv", "label,text\n1,好\n1\n", "line 3: expected 2 fields"),
    ],
)
def test_a_record_without_text_or_label_is_an_error_that_names_its_line(
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


def test_rows_of_any_origin_are_read_one_by_one() -> None:
    def rows() -> Iterator[tuple[int, object, object]]:
        yield 1, "好", 1
        yield 2, "差", -1

    checked = checked_rows("hub", "row", ("text", "label"), rows(), find, "a label")
    assert next(checked) == ("好", 1)
    with pytest.raises(UserError, match="hub, row 2: expected a text in text and a label in label"):
        next(checked)
