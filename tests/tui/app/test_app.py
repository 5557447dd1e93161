"""The first screen, driven by keys and judged by what stands on it."""

import os
import subprocess
import sys
from functools import partial
from typing import Any

import pyperclip
import pytest
from rich.cells import cell_len
from textual import events
from textual.message import Message
from textual.pilot import Pilot

from models.console.command import ExitCode, UserError
from models.console.i18n import language
from models.labels import NEGATIVE_POSITIVE
from tests.tui.app.harness import (
    SIZES,
    FakeModel,
    app_of,
    ask,
    lacks,
    row_of,
    screen,
    shows,
    until,
)
from tui.app.clipboard import copy
from tui.app.model_worker import Answer, answer
from tui.app.widgets.text_entry import TextEntry
from tui.app.widgets.virtual_list import VirtualList


async def test_the_first_frame_is_there_before_the_model(fake: FakeModel) -> None:
    fake.may_open.clear()
    async with app_of(fake).run_test() as pilot:
        await shows(pilot, "请输入文本 · type a text", "loading…", "The model is loading.")
        await pilot.press(*"good")
        await shows(pilot, "good")
        fake.may_open.set()
        await shows(pilot, "built-in model · CPU")
        await lacks(pilot, "loading")


async def test_a_question_asked_too_early_is_answered_when_the_model_is_there(
    fake: FakeModel,
) -> None:
    fake.may_open.clear()
    async with app_of(fake).run_test() as pilot:
        await ask(pilot, "很好")
        await ask(pilot, "不错")
        await shows(pilot, "still loading; your answer will appear here")
        assert fake.asked == []
        fake.may_open.set()
        await shows(pilot, "Answers · 2")
        assert fake.asked == ["很好", "不错"]


async def test_the_winner_and_the_probability_of_every_label_are_shown(fake: FakeModel) -> None:
    fake.probabilities = [0.0127, 0.9873]
    async with app_of(fake).run_test() as pilot:
        await ask(pilot, "很好")
        await shows(pilot, "Answers · 1")
        assert "▲ 正向评价   98.73%" in row_of(pilot, " ms ")
        assert "1.27%" in row_of(pilot, "▼ 负向评价")
        negative, positive = row_of(pilot, "▼", "─"), row_of(pilot, "▲", "━")
        assert positive.count("━") > 50 > 2 > negative.count("━")
        assert "很好" in row_of(pilot, "▲ 正向评价  98.73%")


async def test_bars_stand_in_columns_of_cells_whatever_the_labels() -> None:
    fake = FakeModel(["差", "very good 非常好", "[/foo]"])
    async with app_of(fake).run_test() as pilot:
        await ask(pilot, "好")
        await shows(pilot, "Answers · 1")
        bars = [row for row in screen(pilot) if "━" in row and "%" in row]
        assert [cell_len(row[: row.index("━")]) for row in bars] == [22] * 3
        assert len({cell_len(row[: row.index("%")]) for row in bars}) == 1
        assert "[/foo]" in bars[2]


async def test_many_labels_leave_room_for_the_rest() -> None:
    fake = FakeModel([f"{number} 星" for number in range(1, 11)])
    async with app_of(fake).run_test(size=(60, 15)) as pilot:
        await ask(pilot, "好")
        await shows(pilot, "● 1 星   10.00%", "● 1 星   10.00%     好", "· CPU", "^Q Quit")


async def test_other_labels_are_not_painted_as_praise_or_blame() -> None:
    fake = FakeModel(["质量", "物流"])
    async with app_of(fake).run_test() as pilot:
        await ask(pilot, "好")
        await shows(pilot, "● 质量", "● 物流")
        await lacks(pilot, "▲")


async def test_praise_is_painted_as_such_whatever_its_place() -> None:
    fake = FakeModel(["好评", "差评"])
    async with app_of(fake).run_test() as pilot:
        await ask(pilot, "好")
        await shows(pilot, "▲ 好评", "▼ 差评")


@pytest.mark.parametrize("typed", ["q", " q\n"])
async def test_entering_q_quits(fake: FakeModel, typed: str) -> None:
    app = app_of(fake)
    async with app.run_test() as pilot:
        await ask(pilot, typed)
        await until(pilot, lambda: app._exit)
    assert app.return_code == 0
    assert fake.asked == []


async def test_a_text_that_begins_with_q_is_a_text(fake: FakeModel) -> None:
    async with app_of(fake).run_test() as pilot:
        await pilot.press("q", "q", "enter")
        await shows(pilot, "Answers · 1")
    assert fake.asked == ["qq"]


async def test_ctrl_q_quits_even_while_the_model_is_loading(fake: FakeModel) -> None:
    fake.may_open.clear()
    app = app_of(fake)
    async with app.run_test() as pilot:
        await shows(pilot, "^Q Quit", "Enter Classify")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: app._exit)
    assert app.return_code == 0
    assert app.model_worker.busy  # nobody waited for it
    fake.may_open.set()


async def test_the_engine_ends_with_the_app(fake: FakeModel) -> None:
    app = app_of(fake)
    async with app.run_test() as pilot:
        await shows(pilot, "· CPU")
    assert not app.model_worker.busy


async def test_ctrl_c_says_how_to_quit(fake: FakeModel) -> None:
    async with app_of(fake).run_test(notifications=True) as pilot:
        await pilot.press("ctrl+c")
        await shows(pilot, "^Q quits.")


@pytest.mark.parametrize("size", SIZES)
async def test_a_model_that_cannot_be_opened_is_explained_for_good(
    fake: FakeModel, size: tuple[int, int]
) -> None:
    reason = "no [/foo] such\x1b[2J model: /tmp/很好.onnx; " + "expected, " * 25 + "found: "
    fake.error = UserError(ExitCode.CONFIG, "{path}: {reason}", path="m", reason=f"{reason}nothing")
    app = app_of(fake)
    async with app.run_test(size=size) as pilot:
        wanted = ["✗ The model could not be opened", "no [/foo] such␛[2J model:", "nothing"]
        await shows(pilot, *wanted, "Mend that, or choose another", "built-in model · could not be")
        await ask(pilot, "很好")
        await shows(pilot, *wanted)
        await pilot.press("ctrl+q")
    assert app.return_code == 0


async def test_what_was_asked_of_a_model_that_cannot_be_opened_does_not_hide_why(
    fake: FakeModel,
) -> None:
    fake.may_open.clear()
    fake.error = UserError(ExitCode.CONFIG, "no such model file: {path}", path="m.onnx")
    app = app_of(fake)
    async with app.run_test(notifications=True) as pilot:
        await ask(pilot, "很好")
        await shows(pilot, "still loading")
        done: list[Message] = []
        app.model_worker.submit(lambda model: answer(model, "不错"), done.append)
        fake.may_open.set()
        await until(pilot, lambda: bool(done))
        await shows(pilot, "✗ The model could not be opened", "no such model file: m.onnx")
        await lacks(pilot, "There is no model")


async def test_what_nobody_expected_ends_the_app_and_is_handed_on(fake: FakeModel) -> None:
    fake.error = KeyError("a bug")
    app = app_of(fake)
    with pytest.raises(KeyError, match="a bug"):
        async with app.run_test() as pilot:
            await until(pilot, lambda: app.crash is not None)
    assert app.crash is fake.error


async def test_a_text_that_was_cut_says_so(fake: FakeModel) -> None:
    async with app_of(fake).run_test() as pilot:
        await ask(pilot, "好" * 100)
        await shows(pilot, "Answers · 1")
        await lacks(pilot, "tokens")
        await ask(pilot, "好" * 101)
        await shows(pilot, "! Too long: only the first 128 tokens were read, 50% of the text.")


async def test_nothing_typed_is_nothing_classified(fake: FakeModel) -> None:
    async with app_of(fake).run_test() as pilot:
        await shows(pilot, "· CPU")
        await ask(pilot, " \n ")
        await shows(pilot, "Nothing to classify yet: type a text first.")
    assert fake.asked == []


async def test_a_paste_of_many_lines_stays_whole(fake: FakeModel) -> None:
    app = app_of(fake)
    app.preferences.live = False
    async with app.run_test() as pilot:
        pilot.app.post_message(events.Paste("第一行\n第二行\r\n第三行"))
        await shows(pilot, "You pasted several lines", "2  3 texts, one a line")
        await pilot.press("1")
        await shows(pilot, "第一行", "第二行", "第三行")
        await pilot.press("enter")
        await shows(pilot, "第一行 第二行 第三行")
    assert [text.split() for text in fake.asked] == [["第一行", "第二行", "第三行"]]
    assert "\n" in fake.asked[0]


async def test_a_question_takes_one_of_two_answers_that_arrive_together(fake: FakeModel) -> None:
    app = app_of(fake)
    app.preferences.live = False
    async with app.run_test() as pilot:
        app.post_message(events.Paste("一\n二"))
        await shows(pilot, "2  2 texts, one a line")
        for key in ("2", "1", "escape"):
            app.screen.post_message(events.Key(key, key if len(key) == 1 else None))
        await shows(pilot, "Answers · 2")
        assert app.query_one(TextEntry).text == ""


@pytest.mark.parametrize(
    ("text", "there", "told"),
    [
        (
            "很好\ud800",
            True,
            "Copied 3 characters with the clipboard of this machine, the terminal",
        ),
        ("很好", False, "Copied 2 characters with the terminal (OSC 52), if it allows that"),
        ("好" * 30_000, True, "Copied 30000 characters with the clipboard of this machine"),
        ("好" * 30_000, False, "Too long to copy: 30000 characters. Save it instead."),
    ],
)
async def test_a_copy_tells_which_clipboards_have_it(
    fake: FakeModel, monkeypatch: pytest.MonkeyPatch, text: str, there: bool, told: str
) -> None:
    copied: list[str] = []

    def machine(text: str) -> None:
        if not there:
            raise pyperclip.PyperclipException("no clipboard")
        copied.append(text)

    monkeypatch.setattr(pyperclip, "copy", machine)
    app = app_of(fake)
    async with app.run_test() as pilot:
        copy(app, text)
        await until(pilot, lambda: bool(app._notifications))
        assert next(iter(app._notifications)).message.startswith(told)
        assert app.clipboard == ("" if len(text) > 9 else text.replace("\ud800", "?"))
    assert copied == [text.replace("\ud800", "?")] * there


async def test_a_paste_that_is_too_long_is_refused_aloud(fake: FakeModel) -> None:
    async with app_of(fake).run_test(notifications=True) as pilot:
        pilot.app.post_message(events.Paste("好" * 20_001))
        await shows(pilot, "20001 characters", "Save it as a file")
        assert pilot.app.query_one(TextEntry).text == ""


@pytest.mark.parametrize("key", ["ctrl+j", "shift+enter"])
async def test_a_line_can_be_broken_without_submitting(fake: FakeModel, key: str) -> None:
    app = app_of(fake)
    app.preferences.live = False
    async with app.run_test() as pilot:
        await pilot.press("a", key, "b", "enter")
        await shows(pilot, "Answers · 1")
    assert fake.asked == ["a\nb"]


async def test_keys_that_come_in_one_burst_keep_their_order(fake: FakeModel) -> None:
    app = app_of(fake)
    app.preferences.live = False
    async with app.run_test() as pilot:
        for key in ["a", "b", "enter", "c", "ctrl+j", "d", "enter", "e"]:
            pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await shows(pilot, "Answers · 2")
        assert fake.asked == ["ab", "c\nd"]
        assert pilot.app.query_one(TextEntry).text == "e"


@pytest.mark.parametrize("size", SIZES)
async def test_everything_has_its_place_at_every_size(
    fake: FakeModel, size: tuple[int, int]
) -> None:
    fake.probabilities = [0.7512, 0.2488]
    async with app_of(fake).run_test(size=size) as pilot:
        await ask(pilot, "房间太小，隔音也差，" * 30)
        await shows(pilot, "Answers · 1")
        await ask(pilot, "房间太小，隔音也差，" * 3)
        await shows(pilot, "Answers · 2", "type a text", "▼ 负向评价", "▲ 正向评价", "24.88%")
        await shows(pilot, " ms ", "built-in model · CPU", "^Q Quit")
        rows = screen(pilot)
        assert len(rows) == size[1]
        assert {cell_len(row) for row in rows} == {size[0]}
        newest = next(row for row in rows if "75.12%     房间太小" in row)
        assert ("…" in newest) == (size[0] < 100)


async def test_an_answer_follows_the_size_of_the_terminal(fake: FakeModel) -> None:
    async with app_of(fake).run_test(size=(120, 40)) as pilot:
        await ask(pilot, "好")
        await shows(pilot, "Answers · 1")
        for width, height in [(60, 15), (80, 24)]:
            await pilot.resize_terminal(width, height)
            await until(pilot, partial(_fits, pilot, width))


def _fits(pilot: Pilot[Any], width: int) -> bool:
    bars = [row for row in screen(pilot) if row.endswith("─   50.00% │")]
    return [cell_len(row) for row in bars] == [width, width]


async def test_the_list_is_newest_first_and_holds_thousands(fake: FakeModel) -> None:
    app = app_of(fake)
    async with app.run_test() as pilot:
        for number in range(5000):
            app.answers.append(Answer(f"text {number}", NEGATIVE_POSITIVE, (0.4, 0.6), None, 0.01))
        history = app.query_one("#history", VirtualList)
        app.refresh_state()
        await shows(pilot, "Answers · 5000", "text 4999", "text 4998")
        history.focus()
        await pilot.press("end")
        await shows(pilot, "text 0 ", "text 1 ")


async def test_a_chinese_locale_gets_chinese_words(
    fake: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    language.cache_clear()
    async with app_of(fake).run_test() as pilot:
        await shows(pilot, "请输入文本", "内置模型 · CPU")
        await shows(pilot, "结果会列在这里")
        await lacks(pilot, "type a text")
        await ask(pilot, "好" * 101)
        await shows(pilot, "历史结果 · 1", "用时", "过长：只读取了前 128 个词元")


def test_importing_the_app_loads_neither_the_runtime_nor_the_tokenizer() -> None:
    code = (
        "import sys, tui.app.app; "
        "print({'onnxruntime', 'tokenizers', 'numpy', 'torch', 'transformers'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True
    )
    assert done.stdout.strip() == "set()"
