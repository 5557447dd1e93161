"""What whole screens look like, as text: Chinese at 80×24, English at 120×40, of one picture each.

`UPDATE_PICTURES=1 pytest tests/tui/app/test_pictures.py` takes them anew; git shows the changes.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.console.command import ExitCode, UserError
from models.labels import NEGATIVE_POSITIVE
from tests.tui.app.harness import FakeModel, app_of, choose, leave, screen, shows, until
from tui.app.job import JobState
from tui.app.model_worker import Answer

ROOT = Path(__file__).parents[3]
PICTURES = Path(__file__).with_name("pictures")
REVIEWS = ["房间很干净，早餐也不错", "坏了", "", "客服一直让我等，[/foo]" * 9, "ok\x1b[2J 还行"]


async def take(size: tuple[int, int]) -> dict[str, list[str]]:
    """Return a picture of each screen, in the working directory, which should be empty."""
    lines = [json.dumps({"text": text, "id": n}) for n, text in enumerate(REVIEWS)]
    lines.append('{"text": 5}')
    Path("reviews.jsonl").write_text("\n".join(lines), encoding="utf-8")
    fake = FakeModel()
    fake.probabilities = [0.3, 0.7]
    fake.error = UserError(ExitCode.CONFIG, "no such model file: {path}", path="reviews.jsonl")
    pictures: dict[str, list[str]] = {}
    app = app_of(fake)
    async with app.run_test(size=size) as pilot:

        async def take(name: str, *wanted: str) -> None:
            await shows(pilot, *wanted)
            await pilot.pause(0.2)
            pictures[name] = [row.rstrip() for row in screen(pilot)]

        await take("refused", "reviews.jsonl", "^Q")
        fake.error = None
        app.open_model(app.model, "auto")
        await take("empty", "· CPU")
        for text in REVIEWS[3], REVIEWS[0]:
            app.answers.append(Answer(text, NEGATIVE_POSITIVE, (0.3, 0.7), None, 0.0123))
            app.screen._answer = app.answers[-1]  # type: ignore[attr-defined]
        app.refresh_state()
        await take("type", "70.00%")
        await pilot.press("ctrl+o")
        await take("open", "▾ ")
        await leave(pilot)
        app.open_file(Path("reviews.jsonl"))
        await take("file", "房间很干净")
        await pilot.press("f5")
        await until(pilot, lambda: app.job is not None and app.job.state is JobState.DONE)
        await take("results", "5 ", "^Q")
        await pilot.press("f3")
        await take("summary", "70% – 75%")
        await choose(pilot, "escape", "70% –")
        await pilot.press("g")
        await choose(pilot, "1", "1  id")
        await take("groups", "(20.7–100.0)")
    return pictures


@pytest.mark.parametrize(
    ("locale", "size"), [("zh_CN.UTF-8", (80, 24)), ("en_US.UTF-8", (120, 40))]
)
def test_screens_look_as_they_did(tmp_path: Path, locale: str, size: tuple[int, int]) -> None:
    here = tmp_path / "here"
    here.mkdir()
    # the language counts from the start of a process
    child = subprocess.run(
        [sys.executable, "-m", "tests.tui.app.test_pictures", *map(str, size)],
        cwd=here,
        env=os.environ | {"LC_ALL": locale, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
    )
    found = {}
    for name, rows in json.loads(child.stdout).items():
        path = PICTURES / f"{name}.{locale[:2]}.txt"
        shown = "\n".join(rows) + "\n"
        if os.environ.get("UPDATE_PICTURES"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(shown, encoding="utf-8")
        found[path] = shown
    assert len(found) == 8
    for path, shown in found.items():
        assert shown == path.read_text(encoding="utf-8"), path


if __name__ == "__main__":
    print(json.dumps(asyncio.run(take((int(sys.argv[1]), int(sys.argv[2]))))))  # noqa: T201
