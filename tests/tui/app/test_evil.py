"""No text from outside acts on any screen: every widget that shows some, and every nasty text."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual import events
from textual.pilot import Pilot

from models.console.command import ExitCode, UserError
from models.console.display import display
from tests.tui.app.harness import FakeModel, app_of, leave, screen, shows, until
from tui.app.preferences import UserDirs

CONTROLS = [*range(10), *range(11, 32), *range(0x7F, 0xA0), 0x200E, 0x2028, 0x2029, 0x202E, 0x2066]
RAW = set(map(chr, CONTROLS))
PIECES = ["[", "]", "/", "[/foo]", "[red]差评[/red]", "[@click=app.quit]", "\x1b]52;c;eA==\x07"]
PIECES += ["\x1b[2J", "\x9b31m", "\u202egnp", "\u2028", "\x85", "\u200b", "\u0301", "\t", "很好"]
evil = st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8"), min_size=1, max_size=8)


@pytest.mark.parametrize(
    "text",
    ["".join(PIECES), "[/foo]", "很\u2028好\x85" + "x" * 1_000_000],
    ids=["all", "markup", "long"],
)
async def test_no_text_acts_on_any_screen(tmp_path: Path, text: str) -> None:
    await visit(tmp_path, text)


@pytest.mark.long
@settings(max_examples=3)
@given(evil.map(lambda pieces: "".join([*pieces, "好"])))  # a text that gets a label
async def test_nor_does_any_text_of_such_pieces(tmp_path: Path, text: str) -> None:
    await visit(tmp_path, text)


async def visit(tmp_path: Path, text: str) -> None:
    """Show a text on every screen."""
    short = text[:40]
    checked: set[str] = set()

    async def check(pilot: Pilot[Any], what: str, *wanted: str) -> None:
        await shows(pilot, *wanted)
        assert RAW.isdisjoint("".join(screen(pilot)))
        checked.add(what)

    async def dialog(pilot: Pilot[Any], key: str, *wanted: str) -> None:
        await pilot.press(key)
        await check(pilot, wanted[0], *wanted)
        await leave(pilot)

    fake = FakeModel([short, "x" + short])
    name = "".join(c for c in short[:9] if c not in "/\0") + "e.jsonl"
    path = tmp_path / "folder" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"text": text, short + "!": text}), encoding="utf-8")
    app = app_of(fake, path=name.replace("e.jsonl", ".onnx"))
    app.dirs.log.parent.mkdir(parents=True, exist_ok=True)
    app.dirs.log.write_text(text, encoding="utf-8")
    async with app.run_test(notifications=True, tooltips=True, size=(100, 60)) as pilot:
        await check(pilot, "status", "· CPU")
        await dialog(pilot, "ctrl+p", "Theme: light")
        pilot.app.post_message(events.Paste("".join(text.splitlines())[:9000] + "x"))
        await pilot.press("enter")
        await check(pilot, "answer", "Answers · ")
        await until(pilot, lambda: len(app.answers) > 0)
        await dialog(pilot, "f2", "underlined")
        await dialog(pilot, "f4", "Which label is right?")
        await pilot.press("ctrl+o")
        pilot.app.screen.query_one("SafeInput").value = f"{path.parent}/"
        await check(pilot, "tree", "e.jsonl")
        await leave(pilot)
        app.open_file(path)
        begin = display(" ".join(short.split()))[:4]
        await check(pilot, "file", "How it is read", "1 record", begin)
        for _ in range(2):
            await pilot.press("down")
            await dialog(pilot, "enter", "Enter chooses")
        await pilot.press("f5")
        await check(pilot, "results", "done, written to")
        await dialog(pilot, "enter", "Record 1")
        await dialog(pilot, "f4", "Which label")
        await dialog(pilot, "f3", "Summary")
        await dialog(pilot, "f12", "config.toml")
        await pilot.press("ctrl+p")
        await check(pilot, "recent", "Theme: light", "Keep no history")
        await leave(pilot)
        await pilot.press("slash")
        pilot.app.screen.query_one("#filter").value = f"label:?{short}"
        await check(pilot, "filter", "expected the beginning of one of")
        fake.error = UserError(ExitCode.CONFIG, "{path}: {reason}", path=path, reason=text[:300])
        app.open_model(path, "cpu")
        await check(pilot, "refusal", "· CPU")
    assert len(checked) >= 14
    assert fake.asked[-1] == text  # the model reads what is in the file
    path.with_name(f"{path.stem}.labelled.jsonl").unlink()
    assert UserDirs.of_user().state.is_relative_to(tmp_path)
