"""Answers that are there already, in a finished file or a half-done run, are browsed at once."""

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from models.console import config_error
from models.files import file_digest
from models.predictor import Predictor
from models.review import Level
from tests.tui.app.harness import FakeModel, app_of, lacks, notified, row_of, screen, shows
from tui.app.saving import save_rows
from tui.app.widgets.text_entry import SafeInput
from tui.batch.engine import Hooks, Stopped, classify
from tui.batch.findings.finished import read_finished, require_finished
from tui.batch.settings import BatchSettings


@pytest.fixture
def fake() -> FakeModel:
    return FakeModel()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    rows = ["房间坏,酒店,负面", "很好,图书,负面", "屏幕坏,手机,负面", "不错,手机壳,正面"]
    path.write_text("text,产品,truth\n" + "\n".join(rows) + "\n")
    return path


def finished(fake: FakeModel, source: Path, **more: Any) -> Path:
    output = source.with_name("in.labelled.csv")
    settings = BatchSettings(source, output, **more)
    classify(settings, cast(Predictor, fake))
    fake.asked.clear()
    return output


async def choose(pilot: Pilot[Any], key: str, *words: str) -> None:
    await shows(pilot, *words)
    await pilot.press(key)


async def filtered(pilot: Pilot[Any], line: str, *words: str) -> None:
    pilot.app.screen.query_one("#filter", SafeInput).value = line
    await shows(pilot, *words)


async def test_answers_are_browsed_once_the_column_of_their_texts_is_chosen(
    fake: FakeModel, source: Path
) -> None:
    source.write_text(source.read_text().replace("text", "买家留言", 1))
    output = finished(fake, source, text_column="买家留言")
    output.with_name("in.labelled.csv.receipt.json").unlink()
    async with app_of(fake).run_test(size=(120, 30), notifications=True) as pilot:
        await shows(pilot, "· CPU")
        pilot.app.open_file(output)  # type: ignore[attr-defined]
        await shows(pilot, "✗", "买家留言=房间坏")
        await pilot.press("down", "enter")
        await choose(pilot, "1", "1  买家留言")
        await choose(pilot, "1", "in.labelled.csv has answers already", "1  Browse them")
        await shows(pilot, "read from in.labelled.csv", "4 of 4 rows", "房间坏")


async def test_a_finished_file_is_browsed_without_predicting(fake: FakeModel, source: Path) -> None:
    fake.probabilities = [0.2, 0.8]
    output = finished(fake, source, label_column="truth", prefix="ai_")
    before = output.read_bytes()
    fake.may_open.clear()  # no model is needed
    async with app_of(fake).run_test(size=(120, 30), notifications=True) as pilot:
        pilot.app.open_file(output)  # type: ignore[attr-defined]
        await choose(pilot, "1", "in.labelled.csv has answers already", "1  Browse them")
        await shows(pilot, "read from in.labelled.csv", "4 of 4 rows", "房间坏", "80.00%")
        await filtered(pilot, "产品:手机", "2 of 4 rows")
        await filtered(pilot, "产品=手机", "1 of 4 rows")
        await filtered(pilot, "is:wrong", "1 of 4 rows", "很好")
        await filtered(pilot, "产地:上海", "no column is called 产地, but 产品, truth, text")
        await filtered(pilot, "", "4 of 4 rows")
        await pilot.press("f3")
        await shows(pilot, "accuracy 75.00% (3 of 4)")
        await pilot.press("escape", "ctrl+s")
        await choose(pilot, "1", "What to save")
        await choose(pilot, "enter", "Save to")
        await shows(pilot, "4 records saved to")
        fake.may_open.set()
    assert fake.asked == []
    saved = output.with_name("in.labelled.rows.csv")
    assert saved.read_bytes() == before


async def test_what_to_look_at_is_told_of_a_file_and_of_its_filter(
    fake: FakeModel, source: Path
) -> None:
    levels = (Level(0.7, 10, 4), Level(0.9, 10, 2), Level(1.0, 80, 1))
    fake.manifest = replace(fake.manifest, review=levels)
    fake.probabilities = [0.35, 0.65]
    output = finished(fake, source)
    async with app_of(fake).run_test(size=(100, 40)) as pilot:
        await shows(pilot, "CPU")
        pilot.app.open_file(output)  # type: ignore[attr-defined]
        await choose(pilot, "1", "1  Browse them")
        await shows(pilot, "look first: 2 answers (50.0%), with about 80% of the errors")
        await filtered(pilot, "产品=手机壳", "1 of 4 rows")
        await pilot.press("f3")
        await shows(pilot, "look first: 1 answer (100.0%)", "40% of such answers were wrong")


async def test_a_finished_file_can_be_classified_anew_beside_its_answers(
    fake: FakeModel, source: Path
) -> None:
    output = finished(fake, source)
    async with app_of(fake).run_test(size=(100, 30)) as pilot:
        await shows(pilot, "CPU")
        pilot.app.open_file(output)  # type: ignore[attr-defined]
        await choose(pilot, "2", "2  Classify it anew")
        await shows(pilot, "Prefix of the new columns   new_", "4 records", "F3 Browse")
        await pilot.press("f5")
        await shows(pilot, "done, written to in.labelled.labelled.csv")
    header = output.with_name("in.labelled.labelled.csv").read_text().splitlines()[0]
    assert header.endswith(
        "confidence,status,new_predicted_label,new_predicted_id,new_confidence,new_status"
    )
    assert len(fake.asked) == 4


async def test_a_file_that_was_edited_is_browsed_and_that_is_said(
    fake: FakeModel, source: Path
) -> None:
    output = finished(fake, source)
    output.write_text(output.read_text().replace("很好", "很差"))
    async with app_of(fake).run_test(notifications=True) as pilot:
        pilot.app.open_file(output)  # type: ignore[attr-defined]
        await choose(pilot, "1", "Browse them")
        await shows(pilot, "很差", "was changed since its run")


async def test_labels_that_were_corrected_before_count_in_the_saved_file(
    fake: FakeModel, source: Path
) -> None:
    output = finished(fake, source)
    lines = output.read_text().splitlines()
    head = lines[0].replace("predicted_label", "corrected_label,predicted_label", 1)
    rows = [
        line.replace(",负向评价", ",,负向评价").replace(",正向评价", ",,正向评价")
        for line in lines[1:]
    ]
    rows[0] = rows[0].replace(",,", ",正向评价,")
    output.write_text("\n".join([head, *rows]) + "\n")
    async with app_of(fake).run_test() as pilot:
        pilot.app.open_file(output)  # type: ignore[attr-defined]
        await choose(pilot, "1", "Browse them")
        await filtered(pilot, "is:corrected", "1 of 4 rows", "房间坏", "1 corrected")


def test_rows_of_one_label_are_saved(tmp_path: Path) -> None:
    source, copy = tmp_path / "in.csv", tmp_path / "copy.csv"
    source.write_text("text,predicted_label,confidence,status\n很好,咨询,0.9,ok\n")
    answers = require_finished(source)
    found = replace(answers.found, digest=file_digest(source))
    store = read_finished(answers)
    save_rows(found.settings, found, store, None, copy, threading.Event())
    assert "很好,咨询,0.9,ok" in copy.read_text()


async def test_what_a_run_did_before_it_was_interrupted_is_browsed_and_goes_on(
    fake: FakeModel, tmp_path: Path
) -> None:
    many = tmp_path / "many.jsonl"
    lines = [json.dumps({"text": f"坏 {n}", "n": n}) for n in range(1500)]
    many.write_text("\n".join(lines))
    answered = 0

    def stop(chunk: Any) -> None:
        nonlocal answered
        answered += len(chunk.texts)
        if answered > 400:
            raise Stopped

    settings = BatchSettings(many, many.with_name("many.labelled.jsonl"))
    with pytest.raises(Stopped):
        classify(settings, cast(Predictor, fake), hooks=Hooks(answered=stop))
    kept = len(fake.asked)
    async with app_of(fake).run_test(size=(100, 30)) as pilot:
        await shows(pilot, "CPU")
        pilot.app.open_file(many)  # type: ignore[attr-defined]
        await shows(pilot, "was interrupted", "F3 Browse")
        await pilot.press("f3")
        await shows(pilot, "stopped; what is done is kept", f"{kept:,} of {kept:,} rows")
        assert len(fake.asked) == kept
        await filtered(pilot, "n<10", f"10 of {kept:,} rows")
        await filtered(pilot, "", f"{kept:,} of {kept:,} rows")
        await pilot.press("f8")
        await shows(pilot, "done, written to", "1,500 of 1,500 rows")
    assert len(fake.asked) == 1500


async def test_an_output_that_exists_can_be_opened_instead(fake: FakeModel, source: Path) -> None:
    finished(fake, source)
    async with app_of(fake).run_test(size=(100, 30)) as pilot:
        await shows(pilot, "CPU")
        pilot.app.open_file(source)  # type: ignore[attr-defined]
        await shows(pilot, "4 records")
        await lacks(pilot, "Browse")
        await pilot.press("f5")
        await choose(pilot, "3", "in.labelled.csv exists already", "3  Open it")
        await choose(pilot, "1", "Browse them")
        await shows(pilot, "read from in.labelled.csv")
    assert fake.asked == []


async def test_columns_are_shown_scrolled_chosen_and_sorted_by(
    fake: FakeModel, source: Path
) -> None:
    output = finished(fake, source, label_column="truth")
    async with app_of(fake).run_test(size=(120, 30)) as pilot:
        pilot.app.open_file(output)  # type: ignore[attr-defined]
        await choose(pilot, "1", "Browse them")
        await shows(pilot, "true label", "产品", "手机壳")
        header = next(row for row in screen(pilot) if "true label" in row)
        row = row_of(pilot, "手机壳")
        assert cell_len(header[: header.index("产品")]) == cell_len(row[: row.index("手机壳")])
        assert cell_len(header[: header.index("text")]) == cell_len(row[: row.index("不错")])
        assert row.count("正向评价") == 1  # the true label; it was taken for the other
        await pilot.press("S")
        await choose(pilot, "1", "Sort by a column", "1  产品")
        await shows(pilot, "4 of 4 rows, ↑产品")
        await pilot.click("Titles", offset=(cell_len(header[: header.index("产品")]), 0))
        await shows(pilot, "4 of 4 rows, ↓产品")
        await pilot.press("right", "right")
        await lacks(pilot, "true label")
        await shows(pilot, "产品", "90.00%")
        await pilot.press("left", "left", "v")
        await choose(pilot, "space", "Columns to show")
        await pilot.press("escape")
        await shows(pilot, "true label", "负面")
        await lacks(pilot, "手机壳")
        await pilot.press("f1")
        await shows(pilot, "The table of answers")
        await pilot.press("end")
        await shows(pilot, "product:phone", "breakfast|lunch")


@pytest.mark.parametrize("refused", [False, True])
async def test_what_needs_a_model_says_so_where_answers_are_browsed_without_one(
    fake: FakeModel, source: Path, refused: bool
) -> None:
    output = finished(fake, source)

    def stop(_: Any) -> None:
        raise Stopped

    other = BatchSettings(source, source.with_name("other.csv"))
    with pytest.raises(Stopped):
        classify(other, cast(Predictor, fake), hooks=Hooks(answered=stop))
    if refused:
        fake.error = config_error("no such model")
    else:
        fake.may_open.clear()
    async with app_of(fake).run_test(size=(100, 30), notifications=True) as pilot:
        pilot.app.open_file(output)  # type: ignore[attr-defined]
        await choose(pilot, "1", "1  Browse them")
        await shows(pilot, "4 of 4 rows")
        for key in ("f9", "k"):
            pilot.app.clear_notifications()
            await pilot.press(key)
            await notified(pilot, "A model is needed")
            await shows(pilot, "4 of 4 rows")
        pilot.app.open_file(source)  # type: ignore[attr-defined]
        await shows(pilot, "How it is read", "4 records")
        await pilot.press("enter")
        await shows(pilot, "Enter chooses")
        pilot.app.screen.query_one(SafeInput).value = str(other.output)
        await pilot.press("enter")
        await shows(pilot, "was interrupted", "F3 Browse")
        await pilot.press("f3")
        await shows(pilot, "stopped; what is done is kept", "4 of 4 rows")
        pilot.app.clear_notifications()
        await pilot.press("f8")
        await notified(pilot, "A model is needed")
        await shows(pilot, "stopped; what is done is kept", "4 of 4 rows")
        assert not pilot.app.classifying  # type: ignore[attr-defined]
        fake.may_open.set()


@pytest.mark.parametrize("review", [None, "10%"])
@pytest.mark.parametrize("kept", [480, 1500])
async def test_a_run_that_replaces_an_output_is_browsed_before_it_goes_on(
    fake: FakeModel, tmp_path: Path, review: str | None, kept: int
) -> None:
    many = tmp_path / "many.txt"
    many.write_text("".join(f"坏 {n}\n" for n in range(1500)), encoding="utf-8")
    output = many.with_name("many.labelled.csv")
    settings = BatchSettings(many, output, review=review)
    classify(settings, cast(Predictor, fake))
    before = output.read_bytes()
    answered = 0

    def stop(chunk: Any) -> None:
        nonlocal answered
        answered += len(chunk.texts)
        if answered >= kept:
            raise Stopped

    def stop_between(summary: Any) -> None:
        if summary.predicted >= kept:
            raise Stopped

    hooks = Hooks(between=stop_between) if kept < 1500 else Hooks(answered=stop)
    with pytest.raises(Stopped):
        classify(replace(settings, force=True), cast(Predictor, fake), hooks=hooks)
    async with app_of(fake).run_test(size=(100, 30)) as pilot:
        await shows(pilot, "CPU")
        pilot.app.open_file(many)  # type: ignore[attr-defined]
        await shows(pilot, "was interrupted", "F3 Browse")
        await pilot.press("f3")
        await shows(pilot, f"stopped; what is done is kept · {kept:,} / 1,500")
        await shows(pilot, f"{kept:,} of {kept:,} rows")
        assert (tmp_path / ".many.labelled.csv.run" / "journal").exists()
        assert output.read_bytes() == before
        await pilot.press("f8")
        await choose(pilot, "1", "many.labelled.csv exists already", "1  Replace it")
        await shows(pilot, "done, written to", "1,500 of 1,500 rows")
    assert output.read_bytes() == before
