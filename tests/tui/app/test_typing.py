"""Typing a text: answers while one types, a history that is kept, why, and what is right."""

from pathlib import Path

import numpy as np
import pytest
from rich.style import Style
from textual import events

from models.console.command import ExitCode, UserError
from models.console.i18n import choose_language
from models.labels import NEGATIVE_POSITIVE
from models.predictor import Predictor
from tests.tui.app.harness import FakeModel, app_of, ask, lacks, leave, row_of, shows, until
from trainer.data.dataset import load_data
from tui.app.app import SentimentApp
from tui.app.explain import explain
from tui.app.palette import commands
from tui.app.preferences import Corrections, Preferences, UserDirs
from tui.app.screens.dialogs import Options
from tui.app.widgets.text_entry import TextEntry, dropped_path
from tui.app.widgets.virtual_list import VirtualList


async def test_a_pause_in_typing_is_answered_and_no_single_key_is(
    fake: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    # longer than the keys take on a busy machine
    monkeypatch.setattr("tui.app.screens.type._PAUSE", 2.0)
    async with app_of(fake).run_test() as pilot:
        await shows(pilot, "· CPU")
        for key in "good":  # at once: a busy machine would pause between them
            pilot.app.post_message(events.Key(key, key))
        await until(pilot, lambda: fake.asked == ["good"])
        await shows(pilot, "50.00%", "Answers · 0")  # what was not submitted is not kept


async def test_a_live_answer_to_a_text_that_was_changed_is_not_shown(fake: FakeModel) -> None:
    async with app_of(fake).run_test() as pilot:
        await shows(pilot, "· CPU")
        fake.may_answer.clear()
        await pilot.press("a")
        await pilot.pause(0.5)
        await pilot.press("b")
        fake.may_answer.set()
        await until(pilot, lambda: fake.asked == ["a", "ab"])
        await shows(pilot, "│ ab ", "50.00%")


async def test_live_answers_can_be_switched_off(fake: FakeModel) -> None:
    app = app_of(fake)
    async with app.run_test() as pilot:
        await shows(pilot, "· CPU")
        app.set_preferences(live=False)
        await pilot.press(*"good")
        await pilot.pause(0.6)
        assert fake.asked == []


async def test_the_history_is_there_in_the_next_session(fake: FakeModel) -> None:
    async with app_of(fake).run_test() as pilot:
        await ask(pilot, "很好[/foo]\x1b[2J")
        await shows(pilot, "Answers · 1")
    async with app_of(fake).run_test() as pilot:
        await shows(pilot, "Answers · 1", "▼ 负向评价  50.00%     很好[/foo]␛[2J")


async def test_a_history_that_is_switched_off_is_forgotten(fake: FakeModel, home: Path) -> None:
    app = app_of(fake)
    async with app.run_test() as pilot:
        await ask(pilot, "secret")
        await shows(pilot, "Answers · 1")
        app.set_preferences(history=False)
        await ask(pilot, "secret again")
        await shows(pilot, "Answers · 2")
    assert not any("secret" in file.read_text() for file in home.rglob("*") if file.is_file())
    async with app_of(fake).run_test() as pilot:
        await shows(pilot, "Answers · 0")


async def test_a_history_with_a_torn_line_loses_that_line_only(fake: FakeModel, home: Path) -> None:
    async with app_of(fake).run_test() as pilot:
        await ask(pilot, "one")
        await ask(pilot, "two")
        await shows(pilot, "Answers · 2")
    (file,) = home.rglob("history.jsonl")
    file.write_bytes(file.read_bytes()[:-9] + b'\n[]\n{"text": 3}\n\xff\n')
    async with app_of(fake).run_test() as pilot:
        await shows(pilot, "Answers · 1", "one")


async def test_a_long_history_that_cannot_be_shortened_is_there(
    fake: FakeModel, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(fake).run_test() as pilot:
        for text in ("one", "two", "three"):
            await ask(pilot, text)
        await shows(pilot, "Answers · 3")

    def denied(_: object) -> None:
        raise PermissionError(13, "Permission denied", str(home))

    monkeypatch.setattr("tui.app.preferences._MAX_ANSWERS", 1)
    monkeypatch.setattr("tui.app.preferences.draft_of", denied)
    async with app_of(fake).run_test() as pilot:
        await shows(pilot, "Answers · 1", "three")


async def test_the_history_can_be_searched_and_taken_up_again(fake: FakeModel) -> None:
    async with app_of(fake).run_test() as pilot:
        for text in ("Room with a view", "breakfast", "no room"):
            await ask(pilot, text)
        await shows(pilot, "Answers · 3")
        await pilot.press("ctrl+r", *"room")
        await shows(pilot, "Answers · 2 / 3", "no room")
        await pilot.press("enter", "down", "enter")
        await until(pilot, lambda: pilot.app.query_one(TextEntry).text == "Room with a view")
        await pilot.press("ctrl+r", "ctrl+r")
        await shows(pilot, "Answers · 3")


async def test_why_marks_what_speaks_for_the_answer_and_what_against(fake: FakeModel) -> None:
    fake.probabilities = [0.4, 0.6]
    fake.answer = lambda text: (
        (0.5 - 0.4 * ("好" in text) + 0.2 * ("贵" in text), 0)
        and (  # type: ignore[method-assign]
            0.5 - 0.4 * ("好" in text) + 0.2 * ("贵" in text),
            0.5 + 0.4 * ("好" in text) - 0.2 * ("贵" in text),
        )
    )
    async with app_of(fake).run_test(size=(80, 24)) as pilot:
        await ask(pilot, "很好但贵")
        await shows(pilot, "Answers · 1")
        await pilot.press("f2")
        await shows(pilot, "underlined speaks for it", "正向评价, 70.0%")
        most, less = row_of(pilot, "好  ", "+1.69"), row_of(pilot, "贵  ", "-1.35")
        assert (most.count("━"), less.count("━")) == (30, 24)  # of the largest effect
        assert "很但贵" in fake.asked  # without 好
        assert "很好贵" not in fake.asked  # 但 joins, and is no reason
        styles = {
            segment.text: segment.style
            for strip in pilot.app.screen._compositor.render_strips()
            for segment in strip
            if segment.text in ("好", "贵", "很", "但")
        }
        assert styles["好"] is not None
        assert styles["好"].underline
        assert styles["贵"] is not None
        assert styles["贵"].strike


async def test_a_model_that_fails_at_a_text_is_told_and_the_app_stays(
    fake: FakeModel, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor.open(model)
    run = predictor._session.run
    monkeypatch.setattr(fake, "predict", predictor.predict)
    monkeypatch.setattr(fake, "pieces", predictor.pieces)
    async with app_of(fake).run_test(size=(80, 24)) as pilot:
        await ask(pilot, "很好")
        await shows(pilot, "Answers · 1")
        monkeypatch.setattr(predictor._session, "run", lambda batch: run(batch) * np.nan)
        await pilot.press("f2")
        await shows(pilot, "probabilities,")
        await leave(pilot)
        await ask(pilot, "很差")
        said = pilot.app._notifications
        await until(pilot, lambda: "fails at one of these texts" in str(list(said)))
        await shows(pilot, "Answers · 1")
        monkeypatch.setattr(predictor._session, "run", run)
        await ask(pilot, "还行")
        await shows(pilot, "Answers · 2")


def test_of_a_text_without_a_token_there_is_nothing_to_leave_out(model: Path) -> None:
    found = explain(Predictor.open(model), "\ufffd")
    assert (found.pieces, found.effects) == ((), ())


async def test_a_correction_is_kept_in_a_file_that_the_trainer_reads(
    fake: FakeModel, home: Path
) -> None:
    async with app_of(fake).run_test() as pilot:
        await ask(pilot, '坏,"\n"了')
        await shows(pilot, "▼ 负向评价   90.00%")
        await pilot.press("f4")
        await shows(pilot, "Which label is right?", "2  正向评价")
        await pilot.press("2")
        await shows(pilot, "✎ You say: 正向评价", "90.00%   ✎ ")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
        await pilot.press("f4")  # a second thought
        await shows(pilot, "Which label is right?")
        await pilot.press("1")
        await shows(pilot, "✎ You say: 负向评价")
    (file,) = home.rglob("corrections.jsonl")
    rows = load_data([str(file)], labels=NEGATIVE_POSITIVE, wanted=("train",)).splits["train"]
    assert (rows.texts, rows.labels.tolist()) == (['坏,"\n"了'], [0])


async def test_a_correction_that_cannot_be_written_says_so_and_the_app_goes_on(
    fake: FakeModel, home: Path
) -> None:
    home.mkdir()
    (home / "XDG_DATA_HOME").touch()  # where a folder should be
    (home / "XDG_STATE_HOME").touch()
    app = app_of(fake)

    def told() -> str:
        return " ".join(notification.message for notification in app._notifications)

    async with app.run_test() as pilot:
        await ask(pilot, "坏了")
        await until(pilot, lambda: "XDG_STATE_HOME" in told() and "Not a directory" in told())
        await pilot.press("f4")
        await shows(pilot, "Which label is right?")
        await pilot.press("2")
        await until(pilot, lambda: "XDG_DATA_HOME" in told())
        await lacks(pilot, "✎ You say")


def test_a_correction_leaves_those_of_another_session_alone(tmp_path: Path) -> None:
    one, other = Corrections(tmp_path), Corrections(tmp_path)
    assert one.labels == {}
    other.correct({"很好": "正向评价"})
    one.correct({"坏了": "负向评价"})
    assert Corrections(tmp_path).labels == {"很好": "正向评价", "坏了": "负向评价"}


async def test_pasted_lines_can_be_many_texts(fake: FakeModel) -> None:
    async with app_of(fake).run_test() as pilot:
        pilot.app.post_message(events.Paste("一\n\n二\r\n三\n"))
        await shows(pilot, "3 texts, one a line")
        await pilot.press("down", "enter")
        await shows(pilot, "Answers · 3")
    assert fake.asked == ["一", "二", "三"]


@pytest.mark.parametrize(
    "written", ["{path}", "'{path}'", "file://{url}", "{escaped}", "{path} \n"]
)
def test_a_dropped_file_is_recognised_however_terminals_write_it(
    tmp_path: Path, written: str
) -> None:
    path = tmp_path / "我的 reviews.csv"
    path.touch()
    pasted = written.format(
        path=path, url=str(path).replace(" ", "%20"), escaped=str(path).replace(" ", "\\ ")
    )
    assert dropped_path(pasted) == path


@pytest.mark.parametrize(
    "pasted",
    ["", "很好", "~~很好吃", "~f", "/no/such.csv", "/\x00", "/etc", "/" + "a" * 300, "a" * 5000],
)
def test_other_pastes_are_texts(pasted: str) -> None:
    assert dropped_path(pasted) is None


async def test_another_language_is_saved_and_the_app_starts_anew(fake: FakeModel) -> None:
    app = app_of(fake)
    async with app.run_test() as pilot:
        await shows(pilot, "· CPU")
        app.set_preferences(language="zh")
        await until(pilot, lambda: app._exit)
    assert app.restarting
    assert Preferences.load(app.dirs.state).language == "zh"


async def test_the_theme_is_remembered(fake: FakeModel) -> None:
    app = app_of(fake)
    async with app.run_test():
        app.set_preferences(theme="contrast")
        assert app.theme == "contrast"
    assert app_of(fake).theme == "contrast"


async def test_another_model_can_be_chosen_and_a_bad_one_leaves_the_old(fake: FakeModel) -> None:
    app = app_of(fake)
    async with app.run_test(notifications=True) as pilot:
        await shows(pilot, "built-in model · CPU")
        fake.error = UserError(ExitCode.CONFIG, "no such model file: {path}", path="[/model]")
        app.open_model(Path("bad.onnx"), "auto")
        await shows(pilot, "no such model file: [/model]", "built-in model · CPU")
        await ask(pilot, "很好")
        await shows(pilot, "Answers · 1")
        fake.error = None
        app.open_model(Path("mine.onnx"), "cpu")
        await shows(pilot, "mine · CPU")


async def test_the_status_bar_names_the_model_that_answers_while_others_come_and_go(
    fake: FakeModel,
) -> None:
    bad = FakeModel()
    bad.error = UserError(ExitCode.CONFIG, "no such model file: {path}", path="bad.onnx")
    app = app_of(fake, others={"bad.onnx": bad})
    async with app.run_test(notifications=True) as pilot:
        await shows(pilot, "built-in model · CPU")
        fake.may_open.clear()
        app.open_model(Path("good.onnx"), "auto")
        app.open_model(Path("bad.onnx"), "auto")
        fake.may_open.set()
        await shows(pilot, "no such model file: bad.onnx", "good · CPU")


async def test_a_device_that_is_not_the_one_asked_for_has_a_badge(fake: FakeModel) -> None:
    app = app_of(fake)
    app.device = "cuda"
    async with app.run_test() as pilot:
        await shows(pilot, "CPU ! asked for CUDA")


async def test_the_palette_lists_what_can_be_done_and_does_it(fake: FakeModel) -> None:
    async with app_of(fake).run_test(size=(80, 40)) as pilot:
        await shows(pilot, "· CPU")
        await pilot.press("ctrl+p")
        await shows(pilot, "Why?  (F2)", "Open  (^O)", "Theme: light", "Device: cuda", "built-in")
        await pilot.press(*"chinese")
        await lacks(pilot, "Theme: light")
        await pilot.press(*["backspace"] * len("chinese"), "space")
        await shows(pilot, "Why?  (F2)", "Theme: light")
        await pilot.press("escape", "ctrl+p", *"theme: light")
        await shows(pilot, "Theme: light")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.theme == "light")


async def test_a_click_on_an_option_that_is_gone_does_nothing(fake: FakeModel) -> None:
    async with app_of(fake).run_test(size=(80, 40)) as pilot:
        await shows(pilot, "· CPU")
        await pilot.press("ctrl+p")
        await shows(pilot, "Theme: light")
        listed = pilot.app.screen.query_one(Options)
        at = {"x": 1, "y": 1, "screen_x": 1, "screen_y": 1, "delta_x": 0, "delta_y": 0}
        keys = {"button": 1, "shift": False, "meta": False, "ctrl": False}
        style = Style.from_meta({"option": listed.option_count - 1})
        listed.clear_options()
        listed.post_message(events.Click(listed, **at, **keys, style=style))
        await pilot.pause()
        assert pilot.app.screen.query_one(Options) is listed  # nothing was chosen
        assert pilot.app.is_running


@pytest.mark.parametrize(
    "name", ["[@click=app.bell]reviews.csv", "[copy] reviews.csv", "reviews[/b].csv"]
)
async def test_a_file_name_in_the_palette_is_no_markup(
    fake: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    app = app_of(fake)
    app.preferences.recent = [name]
    async with app.run_test(size=(80, 40)) as pilot:
        await pilot.press("ctrl+p", *"reviews")
        await shows(pilot, f"Open {name}")


async def test_help_shows_the_keys_of_what_has_the_focus(fake: FakeModel) -> None:
    async with app_of(fake).run_test(size=(80, 40)) as pilot:
        await pilot.press("f1")
        await shows(pilot, "The text box", "^J", "New line", "Everywhere", "config.toml")
        await lacks(pilot, "The list of answers")
        await pilot.press("escape")
        pilot.app.query_one("#history", VirtualList).focus()
        await pilot.press("f1")
        await shows(pilot, "The list of answers", "Copy the text")
        await lacks(pilot, "The text box")


async def test_the_log_stands_beside_what_doctor_finds(model: Path, home: Path) -> None:
    log = home / "XDG_STATE_HOME" / "sentiment-tui" / "log.txt"
    log.parent.mkdir(parents=True)
    log.write_text("[W:onnxruntime] evil \x1b[2J\n")
    app = SentimentApp(
        lambda path, device: Predictor.open(path, device=device), model, "cpu", UserDirs.of_user()
    )
    async with app.run_test(size=(100, 50)) as pilot:
        await shows(pilot, "· CPU")
        await pilot.press("f12")
        await shows(pilot, "evil ␛[2J", "onnxruntime  ", "cores", "corrections.jsonl", "CPU")


def configure(home: Path, text: str) -> None:
    folder = home / "XDG_CONFIG_HOME" / "sentiment-tui"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(text, encoding="utf-8")


async def test_keys_are_what_the_user_made_them(fake: FakeModel, home: Path) -> None:
    configure(home, '[keys]\nsubmit = "ctrl+s"\nexplain = "f10"\n')
    app = app_of(fake)
    app.preferences.live = False
    async with app.run_test() as pilot:
        await shows(pilot, "^S Classify  F10 Why?")
        await pilot.press("a", "enter", "b", "ctrl+s")
        await shows(pilot, "Answers · 1")
        await pilot.press("f10")
        await shows(pilot, "underlined")
    assert fake.asked[0] == "a\nb"


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ('[keys]\nexplain = "f1"', "help and explain have the same key f1"),
        ('[keys]\nsave = "f3"', "summary and save have the same key f3"),
        ('[keys]\ncopy_rows = "s"', "copy_rows and sort have the same key s"),
        ('[keys]\nexplain = "w"', "explain cannot have the key w"),
        ('[keys]\nexplode = "f9"', "found explode"),
        ("[keys]\nexplain = 3", "found explain"),
        ("[colours]\n", "found colours"),
        ("keys", "is not TOML"),
    ],
)
def test_a_config_that_cannot_be_used_says_why(
    fake: FakeModel, home: Path, config: str, complaint: str
) -> None:
    configure(home, config)
    with pytest.raises(UserError, match=r"config\.toml") as caught:
        app_of(fake)
    assert complaint in str(caught.value)
    assert caught.value.code == ExitCode.CONFIG


async def test_commands_are_found_by_their_english_names_in_chinese_too(fake: FakeModel) -> None:
    app = app_of(fake)
    async with app.run_test() as pilot:
        await shows(pilot, "· CPU")
        choose_language("zh")
        try:
            words = "\n".join(words for words, _ in commands(app))
        finally:
            choose_language(None)
    for name in ("主题（theme）：", "语言（language）：English", "  quit\n", "  explain\n"):
        assert name in words
