"""What the values of a label column stand for, asked on the file screen."""

from pathlib import Path

from tests.tui.app.harness import FakeModel, app_of, choose, lacks, shows
from tui.app.screens.file.screen import FileScreen


async def test_stars_are_shown_with_their_counts_and_a_mapping_is_proposed(
    fake: FakeModel, tmp_path: Path
) -> None:
    path = tmp_path / "stars.csv"
    path.write_text("text,评分\n很好,5\n很好,5\n坏了,1\n一般,3\n", encoding="utf-8")
    async with app_of(fake).run_test(size=(120, 40)) as pilot:
        pilot.app.push_screen(FileScreen(path))
        await shows(pilot, "4 records")
        await pilot.press("down", "down", "enter")
        await choose(pilot, "3", "3  评分")
        await shows(pilot, "5  × 2", "1  × 1", "1=负向评价; 5=正向评价; 3=")
        await pilot.press("enter")
        await shows(pilot, "What its labels stand for", "1=负向评价; 5=正向评价; 3=", "4 records")
        await lacks(pilot, "✗")
