"""A file in the app: found, previewed, classified, browsed, corrected, saved."""

import asyncio
import gc
import json
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import xlsxwriter
from textual import events
from textual.pilot import Pilot

from models.locations import BUILTIN
from models.predictor import Predictor
from models.review import Level
from models.tables import Dialect, format_of
from tests.tui.app.harness import (
    SECONDS,
    SIZES,
    FakeModel,
    app_of,
    choose,
    lacks,
    leave,
    let_answer_by_chunks,
    notified,
    screen,
    shows,
    until,
)
from tui.app import saving
from tui.app.app import SentimentApp
from tui.app.job import Job, JobState
from tui.app.model_worker import answer
from tui.app.preferences import Corrections, Preferences, UserDirs
from tui.app.screens.file import screen as file
from tui.app.screens.page import StatusBar
from tui.app.screens.pick import completed, entries
from tui.app.screens.results import ResultsScreen
from tui.app.screens.summary import progress
from tui.app.widgets.text_entry import SafeInput, TextEntry
from tui.app.widgets.virtual_list import Items, VirtualList
from tui.batch.engine import FIRST, Hooks, Stopped, classify
from tui.batch.findings.finished import find_finished
from tui.batch.inspection import inspect
from tui.batch.settings import BatchSettings
from tui.batch.summary import Summary

REVIEWS = ["很好", "坏了", "不错，[/foo]", "", "太坏", "好" * 101]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "评价 reviews.jsonl"
    lines = [json.dumps({"id": n, "text": text}) for n, text in enumerate(REVIEWS, start=1)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """More than two batches, and more than one chunk."""
    path = tmp_path / "many.txt"
    path.write_text("".join(f"坏 {n}\n" for n in range(3000)), encoding="utf-8")
    return path


async def preview(pilot: Pilot[Any], path: Path) -> None:
    await shows(pilot, "CPU")
    pilot.app.open_file(path)  # type: ignore[attr-defined]
    await shows(pilot, "How it is read", " record")


async def classified(pilot: Pilot[Any], path: Path) -> None:
    await preview(pilot, path)
    await pilot.press("f5")
    await shows(pilot, "done, written to")


async def type_path(pilot: Pilot[Any], path: Path | str) -> None:
    pilot.app.screen.query_one("SafeInput").value = str(path)  # type: ignore[attr-defined]
    await pilot.press("enter")


async def test_a_file_is_found_by_typing_and_completing(fake: FakeModel, table: Path) -> None:
    (table.parent / "folder").mkdir()
    (table.parent / "picture.png").touch()
    async with app_of(fake).run_test() as pilot:
        await pilot.press("ctrl+o")
        await shows(pilot, "Open a file")
        pilot.app.screen.query_one("SafeInput").value = f"{table.parent}/"  # type: ignore[attr-defined]
        await shows(pilot, "评价 reviews.jsonl", "▸ folder")
        await lacks(pilot, "picture.png")
        await pilot.press("r", "e")
        await lacks(pilot, "▸ folder")
        await pilot.press("tab")
        await shows(pilot, "/评价 reviews.jsonl")
        await pilot.press("enter")
        await shows(pilot, "评价 reviews.jsonl: 6 records")
        await leave(pilot)
        await pilot.press("ctrl+o")
        await shows(pilot, "recent")
        await pilot.press("down", "enter")
        await shows(pilot, "6 records")


@pytest.mark.parametrize("typed", ["~f", "~~很好", f"/{'a' * 300}", f"/{'a' * 300}/b"])
async def test_a_path_that_cannot_be_opens_nothing(fake: FakeModel, typed: str) -> None:
    async with app_of(fake).run_test(notifications=True) as pilot:
        await pilot.press("ctrl+o")
        await shows(pilot, "Open a file")
        await type_path(pilot, typed)
        await shows(pilot, "Open a file", "no such file: ")
        await pilot.press("tab")
        await shows(pilot, "Open a file")


async def test_a_name_too_long_for_a_run_of_it_is_shown_and_then_refused(
    fake: FakeModel, tmp_path: Path
) -> None:
    path = tmp_path / f"{'长' * 80}.csv"
    path.write_text("text\n很好\n", encoding="utf-8")
    async with app_of(fake).run_test(notifications=True) as pilot:
        await shows(pilot, "CPU")
        pilot.app.open_file(path)  # type: ignore[attr-defined]
        await shows(pilot, "How it is read", "1 很好", "F5 Classify")
        await pilot.press("f5")
        await shows(pilot, "too long")


async def test_a_file_of_lines_is_answered_in_one_of_the_same_name(
    fake: FakeModel, table: Path
) -> None:
    path = table.rename(table.with_name("reviews.ndjson"))
    async with app_of(fake).run_test() as pilot:
        await preview(pilot, path)
        await pilot.press("enter")
        await shows(pilot, "Enter chooses")
        proposed = pilot.app.screen.query_one(SafeInput).value
        assert proposed.endswith("reviews.labelled.ndjson")
        await leave(pilot)
        await pilot.press("f5")
        await shows(pilot, "done, written to reviews.labelled.ndjson")
    answered = table.with_name("reviews.labelled.ndjson").read_text(encoding="utf-8")
    assert json.loads(answered.splitlines()[0])["predicted_label"] == "负向评价"


async def test_the_sheet_of_a_workbook_and_the_names_of_the_answer_can_be_chosen(
    fake: FakeModel, tmp_path: Path
) -> None:
    path = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for name in ("notes", "reviews"):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, ["评价内容", "status"])
            sheet.write_row(1, 0, [f"{name}很好", "new"])
    async with app_of(fake).run_test() as pilot:
        await shows(pilot, "CPU")
        pilot.app.open_file(path)  # type: ignore[attr-defined]
        await shows(pilot, "expected one sheet, found notes, reviews", "Sheet", "Enter changes")
        await pilot.press("down", "down", "down", "down", "enter")
        await choose(pilot, "2", "2  reviews")
        await shows(pilot, "book.xlsx: 1 record", "1 reviews很好")
        await pilot.press("down", "enter")
        await shows(pilot, "a  none")
        await pilot.press("end")
        await choose(pilot, "enter", "a  none")
        await shows(pilot, "found the columns", "2=status")
        await pilot.press("enter")
        await choose(pilot, "2", "2  2")
        await shows(pilot, "found the columns", "name yours with “Text column”")
        await pilot.press("enter")
        await choose(pilot, "1", "1  1")
        await shows(pilot, "book.xlsx: 1 record")
        await shows(pilot, "It has status already", "Prefix of the new columns   new_")
        await pilot.press("down", "enter")
        await shows(pilot, "1  new_", "2  model_")
        await choose(pilot, "2", "3  new2_")  # none would be taken
        await shows(pilot, "Prefix of the new columns   model_")
        await pilot.press("f5")
        await shows(pilot, "done, written to book.labelled.xlsx")


async def test_a_folder_for_an_output_is_where_it_is_put(
    fake: FakeModel, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(table.parent)
    (table.parent / "answers").mkdir()
    async with app_of(fake).run_test() as pilot:
        await preview(pilot, table)
        await pilot.press("enter")
        await shows(pilot, "Enter chooses")
        await type_path(pilot, "answers")
        await shows(pilot, "answers/评价 reviews.labelled.jsonl")
        await pilot.press("f5")
        await shows(pilot, "done, written to")
        await pilot.press("ctrl+s")
        await choose(pilot, "1", "1  All 6 rows")
        await shows(pilot, "Save to (CSV")
        await type_path(pilot, "./")
        saved = table.with_name("评价 reviews.labelled.rows.jsonl")
        await until(pilot, saved.exists)
    assert [path.name for path in (table.parent / "answers").glob("*.jsonl")] == [
        "评价 reviews.labelled.jsonl"
    ]


async def test_a_file_is_found_in_the_tree(
    fake: FakeModel, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (table.parent / "a folder").mkdir()
    table.rename(table.parent / "a folder" / table.name)
    monkeypatch.chdir(table.parent)
    async with app_of(fake).run_test() as pilot:
        await pilot.press("ctrl+o")
        await shows(pilot, "▸ a folder")
        await pilot.press("down", "down", "enter")
        await shows(pilot, "评价 reviews.jsonl")
        await pilot.press("down", "enter")
        await shows(pilot, "6 records")


async def test_what_is_typed_hides_nothing_inside_the_folders_of_the_tree(
    fake: FakeModel, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a folder", "other"):
        (table.parent / name).mkdir()
    table.rename(table.parent / "a folder" / table.name)
    monkeypatch.chdir(table.parent)
    async with app_of(fake).run_test() as pilot:
        await pilot.press("ctrl+o")
        await shows(pilot, "▸ a folder", "▸ other")
        await pilot.press(*"a fol")
        await until(pilot, lambda: "▸ other" not in "\n".join(screen(pilot)))
        await pilot.press("down", "down", "enter")
        await shows(pilot, "▾ a folder", "评价 reviews.jsonl")


async def test_a_model_is_found_in_the_tree_of_models(fake: FakeModel, tmp_path: Path) -> None:
    for name in ("mine.onnx", "reviews.csv"):
        (tmp_path / name).touch()
    async with app_of(fake).run_test(size=(80, 40)) as pilot:
        await shows(pilot, "· CPU")
        await pilot.press("ctrl+p", *"another file")
        await shows(pilot, "Model: another file…")
        await pilot.press("enter")
        await shows(pilot, "Open a model")
        pilot.app.screen.query_one("SafeInput").value = f"{tmp_path}/"  # type: ignore[attr-defined]
        await shows(pilot, "mine.onnx")
        await lacks(pilot, "reviews.csv")
        await pilot.press("m", "enter")
        await shows(pilot, "mine · CPU")


def test_entries_are_tables_and_folders_and_hidden_ones_only_when_asked_for(tmp_path: Path) -> None:
    for name in ("b.CSV", "a.xlsx", ".hidden.csv", "no.py"):
        (tmp_path / name).touch()
    (tmp_path / "abc").mkdir()

    def table(path: Path) -> bool:
        return format_of(path) is not None

    def names(start: str) -> set[str]:
        return {path.name for path in entries(tmp_path.iterdir(), start, table)}

    assert names("") == {"a.xlsx", "b.CSV", "abc"}
    assert names(".h") == {".hidden.csv"}
    assert completed(f"{tmp_path}/A", table) == f"{tmp_path}/a.xlsx"
    assert completed(f"{tmp_path}/bc", table) == f"{tmp_path}/abc/"
    assert completed(f"{tmp_path}/no/such", table) is None


async def test_a_dropped_file_opens_the_file_screen(fake: FakeModel, table: Path) -> None:
    async with app_of(fake).run_test() as pilot:
        pilot.app.post_message(events.Paste(f"'{table}'"))
        await shows(pilot, "6 records", "Text column", "text")


async def test_what_was_recognised_can_be_changed(fake: FakeModel, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("标题;原文\n甲;很好\n乙;坏\n".encode("gb18030"))
    async with app_of(fake).run_test() as pilot:
        await shows(pilot, "· CPU")
        pilot.app.open_file(path)  # type: ignore[attr-defined]
        await shows(pilot, "gb18030", "✗", "标题", "甲")
        await lacks(pilot, "F5 Classify")  # no text column is known yet
        await pilot.press("down", "enter")
        await choose(pilot, "2", "2  原文")
        await shows(pilot, "Text column                 原文", "1 很好", "标题=甲", "F5 Classify")


async def test_what_is_chosen_while_a_file_is_read_counts(
    fake: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,other\n很好,坏\n", encoding="utf-8")
    may_read = threading.Event()
    may_read.set()
    monkeypatch.setattr(file, "inspect", lambda asked: may_read.wait(SECONDS) and inspect(asked))
    app = app_of(fake)
    async with app.run_test() as pilot:
        await preview(pilot, path)
        may_read.clear()
        await pilot.press("down", "enter")
        await choose(pilot, "2", "2  other")
        await shows(pilot, "Reading ")
        await pilot.press("f5", "enter", "end", "enter")
        await choose(pilot, "2", "2  new_")
        assert app.job is None
        may_read.set()
        await shows(pilot, "Text column                 other", "new_", "1 坏", "F5 Classify")
        await pilot.press("f5")
        await shows(pilot, "done, written to")
    assert fake.asked == ["坏"]
    assert "new_predicted_label" in (tmp_path / "a.labelled.csv").read_text(encoding="utf-8")


async def test_a_file_that_cannot_be_read_says_why_and_can_still_be_changed(
    fake: FakeModel, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text\n\xff\xff\xff\n")
    async with app_of(fake).run_test() as pilot:
        await shows(pilot, "· CPU")
        pilot.app.open_file(path)  # type: ignore[attr-defined]
        await shows(
            pilot, "✗", "expected UTF-8, GB18030, Big5", "Format", "No record can be shown."
        )
        await lacks(pilot, "F5 Classify")


@pytest.mark.parametrize("size", SIZES)
async def test_a_run_shows_its_answers(fake: FakeModel, table: Path, size: tuple[int, int]) -> None:
    async with app_of(fake).run_test(size=size) as pilot:
        await classified(pilot, table)
        await shows(pilot, "▼ 负向评价 5 (100.0%)", "▲ 正向评价 0 (0.0%)", "6 of 6 rows")
        await shows(pilot, "1    ▼ 负向评价  50.00%", "不错，[/")
        if size[0] > 60:  # else the status gives way to the text
            await shows(pilot, "empty")


async def test_the_app_and_the_command_write_the_same_bytes(
    model: Path, table: Path, tmp_path: Path
) -> None:
    app = SentimentApp(
        lambda path, device: Predictor.open(path, device=device), model, "cpu", UserDirs.of_user()
    )
    async with app.run_test() as pilot:
        await shows(pilot, "CPU")
        await classified(pilot, table)
        await pilot.press("s", "s", "s")
        names = ("all.jsonl", "all.csv", "all.tsv", "all.parquet", "all.xlsx")
        for name in names:
            await pilot.press("ctrl+s")
            await choose(pilot, "1", "1  All 6 rows")
            await shows(pilot, "Save to (CSV")
            await type_path(pilot, tmp_path / name)
            await until(pilot, (tmp_path / name).exists)
    for name in names:
        expected = tmp_path / f"expected.{name}"
        classify(BatchSettings(table, expected), Predictor.open(model, device="cpu"))
        assert (tmp_path / name).read_bytes() == expected.read_bytes()
    assert app.job is not None
    output = app.job.settings.output
    assert output is not None
    assert output.read_bytes() == (tmp_path / "expected.all.jsonl").read_bytes()


async def test_rows_are_filtered_sorted_marked_and_saved(
    fake: FakeModel, table: Path, tmp_path: Path
) -> None:
    fake.probabilities = [0.3, 0.7]
    async with app_of(fake).run_test() as pilot:
        await classified(pilot, table)
        await pilot.press("l")
        await shows(
            pilot, "label:负向评价", "2 of 6 rows, in the order of the file", "坏了", "太坏"
        )
        await lacks(pilot, "很好")
        await pilot.press("l")
        await shows(pilot, "3 of 6 rows", "70.00%")
        await pilot.press("l", "s")
        await shows(pilot, "6 of 6 rows, least sure first")
        await pilot.press("slash", *"status:tr")
        await shows(pilot, "1 of 6 rows")
        await pilot.press("ctrl+u")
        pilot.app.screen.query_one("#filter", SafeInput).value = "status：tr ＜１００％"
        await shows(pilot, "1 of 6 rows")
        await pilot.press("ctrl+u", *"label:x")
        await shows(pilot, "expected the beginning of one of 负向评价, 正向评价, found x")
        await pilot.press("ctrl+u")
        pilot.app.screen.query_one("#filter", SafeInput).value = "坏 >80%"
        await shows(pilot, "2 of 6 rows")
        await pilot.press("enter", "space")
        await shows(pilot, "● ", "1 marked")
        await leave(pilot)  # what was marked and typed is there when one comes back
        await pilot.press("f7")
        await shows(pilot, "坏 >80%", "2 of 6 rows", "● ", "1 marked")
        await pilot.press("ctrl+s")
        await shows(pilot, "1  All 6 rows", "2  The 2 rows under the filter")
        await choose(pilot, "3", "3  The 1 marked row")
        await shows(pilot, "Save to")
        (tmp_path / "some.csv").write_text("precious")
        await type_path(pilot, tmp_path / "some.csv")
        await choose(pilot, "1", "some.csv exists already")
        await until(pilot, lambda: "precious" not in (tmp_path / "some.csv").read_text())
    saved = (tmp_path / "some.csv").read_text(encoding="utf-8").splitlines()
    assert saved == [
        "id,text,predicted_label,predicted_id,confidence,status",
        "2,坏了,负向评价,0,0.9,ok",
    ]


async def test_rows_are_shown_by_label_whatever_it_is_called(table: Path) -> None:
    async with app_of(FakeModel(["very good", "very bad"])).run_test() as pilot:
        await classified(pilot, table)
        await pilot.press("l")
        await shows(pilot, 'label:"very good"', "5 of 6 rows")
        await pilot.press("l")
        await shows(pilot, 'label:"very bad"', "0 of 6 rows")
        await pilot.press("l")
        await shows(pilot, "6 of 6 rows")


async def test_without_true_labels_nothing_is_called_wrong(fake: FakeModel, table: Path) -> None:
    async with app_of(fake).run_test(notifications=True) as pilot:
        await classified(pilot, table)
        await pilot.press("w")
        await shows(pilot, "Which labels are wrong", "6 of 6 rows")
        await lacks(pilot, "✗")


async def test_a_save_that_fails_says_why(fake: FakeModel, table: Path, tmp_path: Path) -> None:
    async with app_of(fake).run_test(notifications=True) as pilot:
        await classified(pilot, table)
        for name, complaint in [
            ("no/folder.csv", "cannot be"),
            ("what.doc", "names no format"),
            (table.name, "is the input"),
        ]:
            await pilot.press("ctrl+s")
            await choose(pilot, "1", "1  All 6 rows")
            await shows(pilot, "Save to")
            await type_path(pilot, tmp_path / name)
            await shows(pilot, complaint)


async def test_rows_are_saved_where_the_first_record_lacks_the_text(
    fake: FakeModel, tmp_path: Path
) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text('{"id": 1}\n{"id": 2, "text": "a\\tb"}\n', encoding="utf-8")
    async with app_of(fake).run_test(notifications=True) as pilot:
        await classified(pilot, path)
        for name in ("all.csv", "all.tsv"):
            await pilot.press("ctrl+s")
            await choose(pilot, "1", "1  All 1 row")
            await shows(pilot, "Save to (CSV")
            await type_path(pilot, tmp_path / name)
            await shows(pilot, "1 record saved" if name == "all.csv" else "record 2, column text:")
    assert not (tmp_path / "all.tsv").exists()
    assert (tmp_path / "all.csv").read_text().splitlines() == [
        "id,text,predicted_label,predicted_id,confidence,status",
        "2,a\tb,负向评价,0,0.5,ok",
    ]


async def test_a_row_is_corrected_and_its_text_shown_in_full(
    fake: FakeModel, table: Path, home: Path
) -> None:
    async with app_of(fake).run_test() as pilot:
        await classified(pilot, table)
        await pilot.press("down", "enter")
        await shows(pilot, "Record 2: 负向评价")
        await leave(pilot)
        await pilot.press("f4")
        await choose(pilot, "2", "Which label is right?")
        await shows(pilot, "2  ✎ ▲ 正向评价", "1 corrected")
        for name in ("some.csv", "some.jsonl"):
            await pilot.press("ctrl+s")
            await choose(pilot, "1", "1  All 6 rows")
            await shows(pilot, "Save to")
            await type_path(pilot, table.with_name(name))
            await until(pilot, table.with_name(name).exists)
        (file,) = home.rglob("corrections.jsonl")
        assert json.loads(file.read_text()) == {"text": "坏了", "label": "正向评价"}
        await pilot.press("up", "f4")
        await choose(pilot, "3", "3  Forget the correction")
        await shows(pilot, "2    ▼ 负向评价")
    assert file.read_text() == ""
    rows = [json.loads(line) for line in table.with_name("some.jsonl").open(encoding="utf-8")]
    assert [row["corrected_label"] for row in rows] == [None, "正向评价", *[None] * 4]
    lines = table.with_name("some.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("id,text,corrected_label,predicted_label,")
    assert lines[2].startswith("2,坏了,正向评价,负向评价,")


async def test_a_long_text_that_was_corrected_is_marked_too(
    fake: FakeModel, tmp_path: Path
) -> None:
    path = tmp_path / "long.txt"
    path.write_text("很长的评论" * 80, encoding="utf-8")
    async with app_of(fake).run_test() as pilot:
        await classified(pilot, path)
        await pilot.press("f4")
        await choose(pilot, "2", "Which label is right?")
        await shows(pilot, "1  ✎ ▲ 正向评价")


async def test_the_next_row_to_review_is_a_key_away(fake: FakeModel, table: Path) -> None:
    object.__setattr__(fake.manifest, "review", (Level(0.4), Level(0.8), Level(1.0)))
    async with app_of(fake).run_test(notifications=True) as pilot:
        await classified(pilot, table)
        await pilot.press("n")
        await until(pilot, lambda: pilot.app.screen.query_one("#table", VirtualList).cursor == 2)
        await pilot.press("n")
        await shows(pilot, "No row to review after this one.")


async def test_what_is_to_be_looked_at_first_is_told_at_the_end_and_a_key_away(
    fake: FakeModel, table: Path
) -> None:
    levels = (Level(0.6, 200, 80), Level(0.95, 100, 20), Level(1.0, 700, 20))
    object.__setattr__(fake.manifest, "review", levels)
    async with app_of(fake).run_test(size=(80, 40)) as pilot:
        await classified(pilot, table)
        await shows(pilot, "r · look first: ", " with about ", "50.00%    look first ", "look ")
        await pilot.press("f3")
        await shows(
            pilot, "look first: ", "40% of such answers were wrong in validation (80 of 200)"
        )
        await shows(
            pilot, "look: 2 answers", "20% of such answers were wrong in validation (20 of 100)"
        )
        await pilot.press("escape", "r")
        await shows(pilot, "<60%", "least sure first")
        await pilot.press("r")
        await shows(pilot, "<95%", "least sure first")
        await pilot.press("r")
        await shows(pilot, "6 of 6 rows, in the order of the file")


async def test_the_summary_has_shares_confidences_and_scores(
    fake: FakeModel, tmp_path: Path
) -> None:
    path = tmp_path / "scored.csv"
    path.write_text("text,label\n坏,0\n很坏,1\n", encoding="utf-8")
    async with app_of(fake).run_test(size=(80, 40)) as pilot:
        await preview(pilot, path)
        await pilot.press("down", "down", "enter")
        await choose(pilot, "3", "3  label")
        await shows(pilot, "Label column, to score by   label")
        await pilot.press("f5")
        await shows(pilot, "done, written to")
        await shows(pilot, "1    ▼ 负向评价", "2  ✗ ▼ 负向评价", "2 of 2 rows")
        await pilot.press("w")
        await shows(pilot, "is:wrong", "1 of 2 rows", "2  ✗ ▼ 负向评价")
        pilot.app.screen.query_one("#filter", SafeInput).value = "is：wrong"
        await shows(pilot, "1 of 2 rows")
        await pilot.press("w")
        await shows(pilot, "2 of 2 rows")
        await pilot.press("f3")
        await shows(pilot, "▼ 负向评价          2 100.0%  ━", "85% – 90%", "accuracy 50.00%")
        await shows(
            pilot, "true \\ predicted  负向评价  正向评价", "正向评价                 1         0"
        )


async def hold(pilot: Pilot[Any], fake: FakeModel, many: Path) -> None:
    """Begin to classify many records with a model that answers none of them yet."""
    await preview(pilot, many)
    fake.may_answer.clear()
    await pilot.press("f5")
    await shows(pilot, "0 / 3,000")


async def test_a_run_can_be_paused_and_goes_on(fake: FakeModel, many: Path) -> None:
    app = app_of(fake)
    async with app.run_test() as pilot:
        await hold(pilot, fake, many)
        await pilot.press("f6")
        await shows(pilot, "paused · 0 / 3,000")
        fake.may_answer.set()
        await until(pilot, lambda: len(fake.asked) == FIRST)
        await shows(pilot, f"paused · {FIRST} / 3,000")
        await pilot.press("escape")
        pilot.app.query_one(TextEntry).insert("meanwhile")
        await pilot.press("enter")
        await shows(pilot, "Answers · 1", "meanwhile")  # the engine answers during a pause
        assert len(fake.asked) <= FIRST + 2
        await pilot.press("f7", "f6")
        await shows(pilot, "done, written to")
        assert len(fake.asked) >= 3001


async def test_rows_that_come_in_leave_the_view_where_it_is(
    fake: FakeModel, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(fake).run_test() as pilot:
        await stopped(pilot, fake, many)
        shown = pilot.app.screen
        assert isinstance(shown, ResultsScreen)
        table = shown.query_one("#table", VirtualList)
        table.scroll_to(y=60, animate=False)
        await shows(pilot, " 62 ")
        listed: list[int] = []
        show = table.show

        def noted(items: Items[int], **more: Any) -> None:
            show(items, **more)
            listed.append(len(items))

        monkeypatch.setattr(table, "show", noted)
        shown.refresh_state()
        await until(pilot, lambda: bool(listed))
        await pilot.pause()
        assert (table.scroll_offset.y, table.cursor) == (60, 0)


async def test_the_cursor_stays_on_its_record_while_others_come_in_before_it(
    fake: FakeModel, tmp_path: Path
) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text("".join(f"{100 - n}\n" for n in range(96)), encoding="utf-8")
    fake.answer = lambda text: (float(text) / 200 + 0.5, 0.5 - float(text) / 200)  # type: ignore[method-assign]
    gate = let_answer_by_chunks(fake)
    app = app_of(fake)
    async with app.run_test() as pilot:
        await preview(pilot, path)
        await pilot.press("f5")
        gate.release()
        await shows(pilot, "32 / 96")
        await pilot.press("s")
        rows = pilot.app.screen.query_one("#table", VirtualList)
        await until(pilot, lambda: len(rows.items) == FIRST and rows.chosen == FIRST - 1)
        await pilot.press(*["down"] * 20)
        record, line = rows.chosen, rows.cursor - rows.scroll_offset.y
        assert (record, rows.cursor) == (FIRST - 21, 20)
        gate.release()
        await until(pilot, lambda: len(rows.items) == 96)
        assert rows.chosen == record
        assert rows.cursor - rows.scroll_offset.y == line
        await pilot.press("2")
    assert list(app.corrections.labels) == [str(100 - record)]


async def stopped(pilot: Pilot[Any], fake: FakeModel, many: Path) -> None:
    """Begin to classify many records, and stop in the chunk after 2016 of them: 32, 64, …, 512."""
    app: SentimentApp = pilot.app  # type: ignore[assignment]
    await preview(pilot, many)
    stopping = asyncio.Event()
    answer = fake.answer

    def stop_in_the_next_chunk(text: str) -> Any:
        if len(fake.asked) > 2016 and app.job is not None and not stopping.is_set():
            stopping.set()
            app.job.stop()
        return answer(text)

    fake.answer = stop_in_the_next_chunk  # type: ignore[method-assign]
    await pilot.press("f5")
    await shows(pilot, "stopped; what is done is kept", "2,528 of 2,528 rows")


async def test_a_run_that_was_stopped_goes_on_with_what_it_had(fake: FakeModel, many: Path) -> None:
    async with app_of(fake).run_test() as pilot:
        await stopped(pilot, fake, many)
        asked = len(fake.asked)
        assert not (many.parent / "many.labelled.csv").exists()
        await pilot.press("f8")
        await shows(pilot, "done, written to", "3,000 of 3,000 rows")
        assert len(fake.asked) - asked == 3000 - 2528


async def test_a_run_that_was_interrupted_elsewhere_is_opened_with_its_settings(
    fake: FakeModel, many: Path
) -> None:
    def stop(_: object) -> None:
        raise Stopped

    settings = BatchSettings(many, many.with_name("many.labelled.csv"), prefix="model_")
    with pytest.raises(Stopped):
        classify(settings, cast(Predictor, fake), hooks=Hooks(answered=stop))
    async with app_of(fake).run_test() as pilot:
        await preview(pilot, many)
        await shows(pilot, "was interrupted, and goes on", "Prefix of the new columns   model_")
        await pilot.press("f5")
        await shows(pilot, "done, written to", "before")
    assert "model_status" in settings.output.read_text(encoding="utf-8")  # type: ignore[union-attr]


async def test_a_run_that_goes_on_shows_nothing_of_before_until_it_is_its_turn(
    fake: FakeModel, many: Path
) -> None:
    app = app_of(fake)
    async with app.run_test() as pilot:
        await stopped(pilot, fake, many)
        await pilot.press("end")
        fake.may_answer.clear()
        app.model_worker.submit(lambda model: answer(model, "first"), lambda _: None)
        await pilot.press("f8")
        await shows(pilot, "waiting · 0 / 3,000")
        rows = app.screen.query_one("#table", VirtualList)
        await until(pilot, lambda: len(rows.items) == 0)
        fake.may_answer.set()
        await shows(pilot, "done, written to", "3,000 of 3,000 rows")


@asynccontextmanager
async def waiting(
    fake: FakeModel, other: FakeModel, table: Path
) -> AsyncIterator[tuple[SentimentApp, Pilot[Any]]]:
    """Begin a run while another model is being opened, which it waits for."""
    other.may_open.clear()
    app = app_of(fake, others={"other.onnx": other})
    async with app.run_test() as pilot:
        await preview(pilot, table)
        app.open_model(Path("other.onnx"), "auto")
        await pilot.press("f5")
        await shows(pilot, "waiting", "正向评价")
        yield app, pilot


async def test_a_run_has_the_labels_of_the_model_that_runs(fake: FakeModel, table: Path) -> None:
    other = FakeModel(["bad", "so so", "good"])
    other.probabilities = [0.1, 0.2, 0.7]
    async with waiting(fake, other, table) as (app, pilot):
        other.may_open.set()
        await shows(pilot, "done, written to", "bad 0 (0.0%)", "good 5 (100.0%)", "▲ good   70.00%")
    assert app.job is not None
    assert app.job.labels == ("bad", "so so", "good")


async def test_a_filter_means_the_labels_of_the_model_that_runs(
    fake: FakeModel, table: Path
) -> None:
    other = FakeModel(["正面", "负面"])  # what begins so was the second label before
    other.probabilities = [0.9, 0.1]
    async with waiting(fake, other, table) as (_, pilot):
        await pilot.press("slash", *"label:正", "enter")
        other.may_open.set()
        await shows(pilot, "done, written to", "5 of 6 rows")


async def test_a_key_pressed_twice_starts_one_run(fake: FakeModel, many: Path) -> None:
    app = app_of(fake)
    async with app.run_test(notifications=True) as pilot:
        await preview(pilot, many)
        fake.may_answer.clear()
        for _ in range(2):
            app.screen.action_classify()  # type: ignore[attr-defined]
        await shows(pilot, "running · 0 / 3,000")
        fake.may_answer.set()
        await shows(pilot, "done, written to", "3,000 of 3,000 rows")


async def test_a_run_that_is_left_as_soon_as_it_is_shown_disturbs_nobody(
    fake: FakeModel, table: Path
) -> None:
    app = app_of(fake)
    async with app.run_test() as pilot:
        await classified(pilot, table)
        assert app.job is not None
        for _ in range(3):
            app.show(ResultsScreen(app.job))
        await shows(pilot, "6 of 6 rows")


async def test_a_screen_that_was_left_is_let_go(fake: FakeModel, table: Path) -> None:
    app = app_of(fake)
    async with app.run_test() as pilot:
        await preview(pilot, table)
        left = weakref.ref(app.screen.query_one(StatusBar))
        await leave(pilot)
        await until(pilot, lambda: gc.collect() >= 0 and left() is None)
        await classified(pilot, table)
        left = weakref.ref(app.screen.query_one(StatusBar))
        await leave(pilot)
        await until(pilot, lambda: gc.collect() >= 0 and left() is None)


async def test_hours_that_are_left_are_told_from_minutes(fake: FakeModel, table: Path) -> None:
    app = app_of(fake)
    async with app.run_test() as pilot:
        await classified(pilot, table)
        assert app.job is not None
        job = Job(app.model_worker, app.job.settings, app.job.found, ("差", "好"), app.corrections)
        job.summary = Summary(job.labels, 7607)
        job.summary.predicted, job.summary.resumed, job.summary.seconds = 200, 100, 100.0
        assert "1/s · 2:03:27 left" in progress(job, 80, "r").plain


async def test_quitting_during_a_run_asks_and_is_quick(fake: FakeModel, many: Path) -> None:
    app = app_of(fake)
    async with app.run_test() as pilot:
        await hold(pilot, fake, many)
        await pilot.press("ctrl+q")
        await shows(pilot, "A file is being classified", "1  Quit")
        await pilot.press("escape")
        await until(pilot, lambda: app.job is not None and app.job.state is JobState.RUNNING)
        await pilot.press("ctrl+q")
        await shows(pilot, "1  Quit")
        await pilot.press("1")
        await until(pilot, lambda: app._exit)
    assert app.model_worker.busy  # nobody waited for the batch
    fake.may_answer.set()


@pytest.mark.parametrize("over", ["q and enter", "a question"])
async def test_quitting_during_a_run_asks_wherever_one_is(
    fake: FakeModel, many: Path, over: str
) -> None:
    app = app_of(fake)
    async with app.run_test() as pilot:
        await hold(pilot, fake, many)
        await leave(pilot)
        if over == "a question":
            app.post_message(events.Paste("one\ntwo"))
            await shows(pilot, "You pasted several lines")
            await pilot.press("ctrl+q")
        else:
            await pilot.press("q", "enter")
        await shows(pilot, "A file is being classified", "1  Quit")
        assert not app._exit
        await pilot.press("ctrl+q")
        await until(pilot, lambda: app._exit)
    fake.may_answer.set()


async def test_quitting_while_rows_are_saved_asks(
    fake: FakeModel, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with held_while_it_saves(fake, many, monkeypatch) as (pilot, go_on, told):
        await pilot.press("ctrl+q")
        await shows(pilot, "A file is being saved", "To quit now leaves nothing of it.")
        await choose(pilot, "2", "2  Go on")
        go_on.set()
        await told("3,000 records saved to")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: bool(pilot.app._exit))


async def test_a_run_that_fails_says_why(fake: FakeModel, table: Path) -> None:
    app = app_of(fake)
    async with app.run_test(notifications=True) as pilot:
        await preview(pilot, table)
        table.write_text('{"text": "changed"}\n')
        await pilot.press("f5")
        await shows(pilot, "✗", "was changed")


async def test_an_existing_output_is_replaced_only_when_asked_for(
    fake: FakeModel, table: Path
) -> None:
    output = table.with_name("评价 reviews.labelled.jsonl")
    output.write_text("precious")
    async with app_of(fake).run_test() as pilot:
        await preview(pilot, table)
        await pilot.press("f5")
        await shows(pilot, "exists already", "1  Replace it")
        await choose(pilot, "2", "2  Go back")
        assert output.read_text() == "precious"
        await pilot.press("f5")
        await choose(pilot, "1", "1  Replace it")
        await shows(pilot, "done, written to")
        assert "predicted_label" in output.read_text()


async def test_a_click_on_a_column_sorts_by_it_and_a_second_the_other_way(
    fake: FakeModel, table: Path
) -> None:
    fake.probabilities = [0.3, 0.7]
    async with app_of(fake).run_test() as pilot:
        await classified(pilot, table)
        header = next(row for row in screen(pilot) if "confidence" in row)
        for column, shown in (
            ("confidence", "least sure first"),
            ("confidence", "sure first"),
            ("label", "by label"),
            ("status", "by status"),
            ("record", "in the order of the file"),
        ):
            await pilot.click("Titles", offset=(header.index(column) + 1, 0))
            await shows(pilot, f"6 of 6 rows, {shown}")


async def test_another_language_waits_for_the_next_start_where_there_is_a_file_run(
    fake: FakeModel, table: Path
) -> None:
    app = app_of(fake)
    async with app.run_test(notifications=True) as pilot:
        await classified(pilot, table)
        app.set_preferences(language="zh")
        await shows(pilot, "The language changes", "/ Filter")
    assert not app.restarting
    assert Preferences.load(app.dirs.state).language == "zh"


@asynccontextmanager
async def held_while_it_saves(
    fake: FakeModel, many: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Pilot[Any], threading.Event, Callable[[str], Awaitable[None]]]]:
    """Begin to save many rows, which goes on at an event; also yield what waits for a message."""
    reading, go_on = threading.Event(), threading.Event()
    open_table = saving.open_table

    @contextmanager
    def slowly(source: Path, dialect: Dialect) -> Iterator[Any]:
        with open_table(source, dialect) as table:
            reading.set()
            assert go_on.wait(SECONDS)
            yield table

    monkeypatch.setattr(saving, "open_table", slowly)
    app = app_of(fake)
    messages: list[str] = []  # all of them: the app drops each after some seconds
    notify = app.notify

    def noted(message: str, **more: Any) -> None:
        messages.append(message)
        notify(message, **more)

    monkeypatch.setattr(app, "notify", noted)
    async with app.run_test() as pilot:
        await classified(pilot, many)
        await pilot.press("ctrl+s")
        await choose(pilot, "1", "1  All 3,000 rows")
        await shows(pilot, "Save to")
        await type_path(pilot, many.parent / "all.csv")
        await until(pilot, reading.is_set)

        async def told(words: str) -> None:
            await until(pilot, lambda: words in messages[-1])

        yield pilot, go_on, told


@pytest.mark.parametrize("left", [False, True])
async def test_a_save_can_be_stopped_and_then_leaves_nothing(
    fake: FakeModel, many: Path, monkeypatch: pytest.MonkeyPatch, left: bool
) -> None:
    async with held_while_it_saves(fake, many, monkeypatch) as (pilot, go_on, told):
        if left:
            await leave(pilot)
            await pilot.press("f7")
            await shows(pilot, "3,000 of 3,000 rows")
        await pilot.press("f8")
        go_on.set()
        await told("all.csv was not written.")
    assert not [path for path in many.parent.iterdir() if "all.csv" in path.name]


async def test_a_save_goes_on_when_its_screen_is_left_and_says_its_end(
    fake: FakeModel, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with held_while_it_saves(fake, many, monkeypatch) as (pilot, go_on, told):
        await pilot.press("escape")
        go_on.set()
        await told("3,000 records saved to")
    assert len((many.parent / "all.csv").read_text(encoding="utf-8").splitlines()) == 3001


async def test_odd_texts_are_corrected_too(fake: FakeModel, tmp_path: Path, home: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text('{"text": "a\\u2028b"}\n{"text": "c\\ud800d"}\n', encoding="utf-8")
    async with app_of(fake).run_test() as pilot:
        await classified(pilot, path)
        for row in ("1", "2"):
            await pilot.press("f4")
            await choose(pilot, "1", "Which label is right?")
            await shows(pilot, f" {row}  ✎ ▼ 负向评价")
    found = Corrections(next(home.rglob("corrections.jsonl")).parent)
    assert found.labels == dict.fromkeys(["a\u2028b", "c\N{REPLACEMENT CHARACTER}d"], "负向评价")


async def test_a_digit_labels_the_marked_rows_and_u_takes_it_back(
    fake: FakeModel, table: Path
) -> None:
    app = app_of(fake)
    async with app.run_test(size=(100, 30)) as pilot:
        await classified(pilot, table)
        await shows(pilot, "1 负向评价 · 2 正向评价", "▼ 负向评价 5 (100.0%)")
        await pilot.press("2")
        await shows(pilot, "1  ✎ ▲ 正向评价", "1 corrected", "▼ 负向评价 4 (80.0%)", "20.0%")
        await pilot.press("space", "space", "2")
        await shows(pilot, "2  ✎ ▲", "3  ✎ ▲", "3 corrected", "▲ 正向评价 3 (60.0%)")
        await lacks(pilot, "marked")
        await lacks(pilot, "corrections.jsonl")
        await pilot.press("u")
        await shows(pilot, "1  ✎ ▲", "2    ▼", "1 corrected", "▲ 正向评价 1 (20.0%)")
        await pilot.press("u", "u", "9")
        await shows(pilot, "1    ▼", "▼ 负向评价 5 (100.0%)")
        await lacks(pilot, "corrected")
        await pilot.press("f2")
        await shows(pilot, "underlined")
        await leave(pilot)
        await pilot.press("f1")
        await shows(pilot, "Label 2 is right", "Undo the last correction")
        await lacks(pilot, "Label 3 is right")
    assert app.corrections.labels == {}


async def test_a_run_that_goes_on_shows_on_every_screen_with_the_key_that_goes_there(
    fake: FakeModel, many: Path
) -> None:
    async with app_of(fake).run_test() as pilot:
        await hold(pilot, fake, many)
        await until(pilot, lambda: "goes there" not in "".join(screen(pilot)))  # it is there
        await leave(pilot)
        await shows(pilot, "running, 0%: F7 goes there", "· CPU")
        await pilot.press("f7", "f6")
        await shows(pilot, "paused · 0 / 3,000")
        await leave(pilot)
        await shows(pilot, "paused, 0%: F7 goes there")
        await pilot.press("f7", "f6")
        fake.may_answer.set()
        await shows(pilot, "done, written to")
        await leave(pilot)
        await shows(pilot, "Answer")
        await until(pilot, lambda: "goes there" not in "".join(screen(pilot)))


async def test_only_a_setting_of_the_reading_reads_the_file_anew(
    fake: FakeModel, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[BatchSettings] = []
    monkeypatch.chdir(table.parent)
    monkeypatch.setattr(file, "inspect", lambda asked: read.append(asked) or inspect(asked))
    async with app_of(fake).run_test() as pilot:
        await preview(pilot, table)
        await pilot.press("end", "enter")
        await choose(pilot, "2", "2  new_")
        await shows(pilot, "Prefix of the new columns   new_")
        await pilot.press("home", "enter")
        await shows(pilot, "Enter chooses")
        await type_path(pilot, "other.csv")
        await shows(pilot, "Output                      other.csv", "F5 Classify")
        assert len(read) == 1
        await pilot.press("down", "enter")
        await choose(pilot, "1", "1  id")
        await shows(pilot, "Text column                 id")
        assert len(read) == 2
    assert read[1].prefix == "new_"


async def test_the_summary_is_of_the_rows_that_are_shown_as_they_were_corrected(
    fake: FakeModel, tmp_path: Path
) -> None:
    path = tmp_path / "scored.csv"
    path.write_text("text,label\n坏,0\n很坏,1\n太坏,0\n", encoding="utf-8")
    async with app_of(fake).run_test(size=(100, 40)) as pilot:
        await preview(pilot, path)
        await pilot.press("down", "down", "enter")
        await choose(pilot, "3", "3  label")
        await shows(pilot, "Label column, to score by   label")
        await pilot.press("f5")
        await shows(pilot, "done, written to", "3 of 3 rows")
        await pilot.press("down", "2", "slash", *"很", "enter")
        await shows(pilot, "1 of 3 rows")
        await pilot.press("f3")
        await shows(pilot, "the filter leaves: 很", "accuracy 100.00% (1 of 1)", "1 corrected")


async def test_the_keys_that_save_and_sum_up_are_in_reach_of_a_small_terminal(
    fake: FakeModel, table: Path
) -> None:
    async with app_of(fake).run_test(size=(60, 15)) as pilot:
        await preview(pilot, table)
        await shows(pilot, "The first records", "1 很好")
        await pilot.press("f5")
        await shows(pilot, "done, written to", "^S Save", "F3 Summary")


async def test_the_uppermost_folder_of_the_tree_leads_up(
    fake: FakeModel, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = table.parent / "a folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    async with app_of(fake).run_test() as pilot:
        await pilot.press("ctrl+o")
        await shows(pilot, "‥ ")
        await pilot.press("down", "enter")
        await shows(pilot, "评价 reviews.jsonl", "▸ a folder")


async def test_more_answers_than_digits_have_letters(fake: FakeModel, tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    names = [f"c{number}" for number in range(1, 12)]
    path.write_text(",".join(names) + "\n" + "很好," * 10 + "坏\n", encoding="utf-8")
    async with app_of(fake).run_test() as pilot:
        await shows(pilot, "CPU")
        pilot.app.open_file(path)  # type: ignore[attr-defined]
        await shows(pilot, "no column is known")
        await pilot.press("down", "enter")
        await choose(pilot, "b", "Enter chooses")
        await shows(pilot, "Text column                 c11", "1 坏")


@pytest.mark.parametrize("name", [f"{'a' * 300}.csv", f"{'a' * 300}/b.csv"])
async def test_an_output_whose_name_cannot_be_is_refused_where_it_is_typed(
    fake: FakeModel, table: Path, name: str
) -> None:
    async with app_of(fake).run_test(notifications=True) as pilot:
        await preview(pilot, table)
        await pilot.press("enter")
        await shows(pilot, "Enter chooses")
        await type_path(pilot, table.parent / name)
        page = pilot.app.screen
        fields = page.query_one("#fields", VirtualList)
        await until(pilot, lambda: fields.items[0].value.endswith(name))
        await until(pilot, lambda: page.check_action("classify", ()) is True)
        await pilot.press("f5")
        await notified(pilot, "too long")
        await shows(pilot, "How it is read")


@pytest.mark.parametrize("name", [f"{'a' * 300}.csv", f"{'a' * 300}/b.csv"])
async def test_what_cannot_be_saved_under_a_name_keeps_what_was_marked(
    fake: FakeModel, table: Path, name: str
) -> None:
    async with app_of(fake).run_test(notifications=True) as pilot:
        await classified(pilot, table)
        await pilot.press("space", "ctrl+s")
        await choose(pilot, "1", "1  All 6 rows")
        await shows(pilot, "Save to (CSV")
        await type_path(pilot, table.parent / name)
        await notified(pilot, "too long")
        await shows(pilot, "1 marked")


async def test_a_file_whose_output_cannot_have_its_name_opens_and_takes_another(
    fake: FakeModel, tmp_path: Path
) -> None:
    path = tmp_path / f"{'长' * 82}.csv"
    path.write_text("text\n很好\n", encoding="utf-8")
    async with app_of(fake).run_test(notifications=True) as pilot:
        await preview(pilot, path)
        await pilot.press("f5")
        await shows(pilot, "too long")
        await pilot.press("home", "enter")
        await shows(pilot, "Enter chooses")
        await type_path(pilot, tmp_path / "short.csv")
        fields = pilot.app.screen.query_one("#fields", VirtualList)
        await until(pilot, lambda: fields.items[0].value.endswith("short.csv"))
        await pilot.press("f5")
        await shows(pilot, "done, written to short.csv")


@pytest.fixture
def stars(tmp_path: Path) -> Path:
    path = tmp_path / "stars.csv"
    path.write_text("text,stars\n很好,5\n坏,1\n", encoding="utf-8")
    return path


async def test_true_labels_that_were_chosen_before_the_model_is_there_are_checked_when_it_is(
    fake: FakeModel, stars: Path
) -> None:
    fake.may_open.clear()
    async with app_of(fake).run_test(size=(100, 30), notifications=True) as pilot:
        pilot.app.open_file(stars)  # type: ignore[attr-defined]
        await shows(pilot, "How it is read", "2 records")
        await pilot.press("down", "down", "enter")
        await choose(pilot, "3", "3  stars")
        await shows(pilot, "What its labels stand for   –", "2 records")
        await pilot.press("down", "enter")
        await notified(pilot, "A model is needed")
        fake.may_open.set()
        await shows(pilot, "Write VALUE,VALUE=LABEL")
        assert pilot.app.screen.query_one(SafeInput).value == "1=负向评价; 5=正向评价"
        await leave(pilot)
        await shows(pilot, "✗ ", "“What its labels")
        await lacks(pilot, "F5 Classify")
        await pilot.press("enter")
        await shows(pilot, "Write VALUE,VALUE=LABEL")
        await pilot.press("enter")
        await shows(pilot, "2 records", "F5 Classify")


async def test_true_labels_are_checked_anew_for_another_model(fake: FakeModel, stars: Path) -> None:
    others = {"other.onnx": FakeModel(["1", "5"])}
    async with app_of(fake, others=others).run_test(size=(100, 30)) as pilot:
        await preview(pilot, stars)
        await pilot.press("down", "down", "enter")
        await choose(pilot, "3", "3  stars")
        await shows(pilot, "Write VALUE,VALUE=LABEL")
        await leave(pilot)
        await shows(pilot, "✗ ")
        pilot.app.open_model(Path("other.onnx"), "auto")  # type: ignore[attr-defined]
        await shows(pilot, "2 records", "F5 Classify")
        pilot.app.open_model(BUILTIN, "auto")  # type: ignore[attr-defined]
        await shows(pilot, "Write VALUE,VALUE=LABEL")


async def test_columns_named_as_the_answers_get_another_prefix_and_that_is_said_without_a_model(
    fake: FakeModel, tmp_path: Path
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("text,status,new_confidence\n很好,paid,1\n", encoding="utf-8")
    fake.may_open.clear()
    async with app_of(fake).run_test(size=(100, 30)) as pilot:
        pilot.app.open_file(path)  # type: ignore[attr-defined]
        await shows(pilot, "Prefix of the new columns   model_", "1 record")
        await shows(pilot, "It has status already: “Prefix of the new columns” tells the new ones")
        fake.may_open.set()
        await shows(pilot, "F5 Classify")
        await pilot.press("f5")
        await shows(pilot, "done, written to")
    header = (tmp_path / "orders.labelled.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header.startswith("text,status,new_confidence,model_predicted_label,")


async def test_what_is_chosen_while_answers_are_looked_for_counts(
    fake: FakeModel, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, go_on = threading.Event(), threading.Event()

    def slowly(*args: Any, **more: Any) -> Any:
        looking.set()
        assert go_on.wait(SECONDS)
        return find_finished(*args, **more)

    monkeypatch.setattr(file, "find_finished", slowly)
    async with app_of(fake).run_test() as pilot:
        await shows(pilot, "CPU")
        pilot.app.open_file(table)  # type: ignore[attr-defined]
        await until(pilot, looking.is_set)
        await pilot.press("end", "enter")
        await choose(pilot, "2", "2  new_")
        await shows(pilot, "Prefix of the new columns   new_", "6 records")
        await pilot.press("enter")
        await shows(pilot, "3  model_")
        go_on.set()
        await choose(pilot, "3", "3  model_")
        await shows(pilot, "Prefix of the new columns   model_", "6 records")
        await pilot.press("f5")
        await shows(pilot, "done, written to")
    written = table.with_name("评价 reviews.labelled.jsonl").read_text(encoding="utf-8")
    assert '"model_status"' in written


async def test_what_is_summed_up_and_saved_is_what_the_filter_leaves_by_now(
    fake: FakeModel, tmp_path: Path
) -> None:
    path = tmp_path / "scored.csv"
    path.write_text("text,label\n坏,1\n很坏,1\n太坏,1\n不坏,0\n", encoding="utf-8")
    async with app_of(fake).run_test(size=(100, 40), notifications=True) as pilot:
        await preview(pilot, path)
        await pilot.press("down", "down", "enter")
        await choose(pilot, "3", "3  label")
        await shows(pilot, "Label column, to score by   label")
        await pilot.press("f5")
        await shows(pilot, "done, written to", "4 of 4 rows")
        await pilot.press("w")
        await shows(pilot, "is:wrong", "3 of 4 rows")
        await pilot.press("2")
        await shows(pilot, "1 corrected")
        await pilot.press("f3")
        await shows(pilot, "the filter leaves: is:wrong", "accuracy 0.00% (0 of 2)")
        await leave(pilot)
        pilot.app.screen.query_one("#filter", SafeInput).value = "is:wrong label:x"
        await shows(pilot, "expected the beginning of")
        await pilot.press("f3")
        await shows(pilot, "the filter leaves: is:wrong", "accuracy 0.00% (0 of 2)")
        await leave(pilot)
        await pilot.press("ctrl+s")
        await choose(pilot, "2", "2  The 2 rows under the filter is:wrong")
        await shows(pilot, "Save to")
        await type_path(pilot, tmp_path / "wrong.csv")
        await until(pilot, (tmp_path / "wrong.csv").exists)
        await pilot.press("g")
        await choose(pilot, "1", "By which column?")
        await shows(pilot, "2 rows · is:wrong ")
        await leave(pilot)
        await shows(pilot, "is:wrong label:x", "expected the beginning of")
    saved = (tmp_path / "wrong.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in saved] == ["text", "很坏", "太坏"]


async def test_after_a_correction_is_taken_back_a_digit_labels_its_row(
    fake: FakeModel, table: Path
) -> None:
    app = app_of(fake)
    async with app.run_test(notifications=True) as pilot:
        await classified(pilot, table)
        await pilot.press("down", "1", "u", "2")
        await shows(pilot, "2  ✎ ▲ 正向评价", "1 corrected")
        assert app.corrections.labels == {"坏了": "正向评价"}
        await pilot.press("down", "2")  # a row without text
        await shows(pilot, "4    –")
        await pilot.press("u")
        await shows(pilot, "2    ▼ 负向评价")
        assert app.corrections.labels == {}
        await pilot.press("2", "slash", *"很好", "enter")
        await shows(pilot, "1 of 6 rows")
        await pilot.press("u")
        await notified(pilot, "Taken back, of a row that is not listed: 坏了")
    assert app.corrections.labels == {}
