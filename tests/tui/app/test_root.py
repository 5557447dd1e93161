"""An app that is kept in one folder: what is outside is neither shown, opened, nor written."""

from pathlib import Path

import pytest

from models.locations import BUILTIN
from tests.tui.app.harness import FakeModel, app_of, choose, lacks, leave, screen, shows, until
from tests.tui.app.test_files import classified, preview, type_path
from tui.app.paths import is_inside
from tui.app.preferences import Preferences
from tui.app.screens.pick import completed, entries
from tui.app.widgets.text_entry import TextEntry, dropped_path

TABLE = "text\n很好\n坏了\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table, links that lead out, and one that stays; outside, there is more."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root / "models", outside):
        folder.mkdir(parents=True)
    for path in (root / "reviews.csv", outside / "secret.csv"):
        path.write_text(TABLE, encoding="utf-8")
    (outside / "secret.onnx").touch()
    (root / "models" / "secret.onnx").symlink_to(outside / "secret.onnx")
    (root / "out.csv").symlink_to(outside / "secret.csv")
    (root / "folder out").symlink_to(outside)
    (root / "inside.csv").symlink_to("reviews.csv")
    monkeypatch.chdir(root)
    return root


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("reviews.csv", True),
        ("inside.csv", True),
        ("models/../reviews.csv", True),
        ("new/new.csv", True),
        ("", True),
        ("../root/reviews.csv", True),
        ("..", False),
        ("../root2", False),
        ("none/../../outside", False),
        ("out.csv", False),
        ("folder out", False),
        ("folder out/new.csv", False),
        ("folder out/../root/reviews.csv", True),
        ("/etc/passwd", False),
        ("a\0b", False),
    ],
)
def test_links_are_followed_before_it_is_asked_where_they_lead(
    root: Path, path: str, inside: bool
) -> None:
    assert is_inside(Path(path), root) is inside
    assert is_inside(root / path, root) is inside
    assert is_inside(Path(path), None)


def test_a_root_behind_a_link_holds_what_is_in_it(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    assert is_inside(root / "reviews.csv", link)
    assert is_inside(link / "reviews.csv", root)
    assert not is_inside(link / "out.csv", link)


@pytest.mark.parametrize(
    "typed", ["../outside/secret.csv", "../outside/none.csv", "/etc/passwd", "..", "out.csv", "/"]
)
async def test_a_path_outside_is_refused_whether_it_is_there_or_not(
    fake: FakeModel, root: Path, typed: str
) -> None:
    async with app_of(fake, root=root).run_test(size=(150, 40), notifications=True) as pilot:
        await pilot.press("ctrl+o")
        await shows(pilot, "Open a file")
        await type_path(pilot, typed)
        await shows(pilot, f"{typed} is outside ", "Open a file")


async def test_the_picker_lists_and_completes_what_is_inside(fake: FakeModel, root: Path) -> None:
    async with app_of(fake, root=root).run_test(size=(80, 40)) as pilot:
        await pilot.press("ctrl+o")
        await shows(pilot, "▸ models", "reviews.csv", "inside.csv")
        await lacks(pilot, "out")
        await type_path(pilot, "rev")
        await shows(pilot, "reviews.csv: 2 records")
    assert entries(root.parent.iterdir(), "", lambda _: True, root) == [root]
    for folder in (root.parent / "outside", root / "folder out"):
        assert entries(folder.iterdir(), "", lambda _: True, root) == []
    for typed in ("out", "folder o", "../outside/se", "/et", "folder out/s"):
        assert completed(typed, lambda _: True, root) is None
        assert completed(typed, lambda _: True) is not None


async def test_a_link_that_stays_inside_is_opened(fake: FakeModel, root: Path) -> None:
    async with app_of(fake, root=root).run_test() as pilot:
        await preview(pilot, root / "inside.csv")
        await shows(pilot, "inside.csv: 2 records")


async def test_recent_files_outside_are_not_named(fake: FakeModel, root: Path, home: Path) -> None:
    choices = Preferences()
    for path in (root / "out.csv", root.parent / "outside" / "secret.csv", root / "reviews.csv"):
        choices.opened(path)
    choices.save(home / "XDG_STATE_HOME" / "sentiment-tui")
    async with app_of(fake, root=root).run_test(size=(150, 40), notifications=True) as pilot:
        await pilot.press("ctrl+p", *"open /")
        await shows(pilot, "Open", "/reviews.csv")
        await lacks(pilot, "secret")
        await lacks(pilot, "out.csv")
        await leave(pilot)
        await pilot.press("ctrl+o")
        await shows(pilot, "recent", "/reviews.csv", "▸ models")
        await lacks(pilot, "secret")
        await lacks(pilot, "out.csv")


async def test_a_model_outside_is_neither_offered_nor_opened(fake: FakeModel, root: Path) -> None:
    app = app_of(fake, root=root)
    async with app.run_test(size=(150, 40), notifications=True) as pilot:
        await shows(pilot, "CPU")
        await pilot.press("ctrl+p", *"model")
        await shows(pilot, "Model: built-in model", "Model: another file…")
        await lacks(pilot, "secret")
        await leave(pilot)
        app.pick_model()
        await shows(pilot, "Open a model")
        await type_path(pilot, "models/secret.onnx")
        await shows(pilot, "models/secret.onnx is outside ", "Open a model")
    assert app.model == BUILTIN


async def test_a_path_outside_that_is_pasted_is_a_text(fake: FakeModel, root: Path) -> None:
    outside = str(root.parent / "outside" / "secret.csv")
    assert dropped_path(outside) == Path(outside)
    assert dropped_path(outside, root) is None
    assert dropped_path(f"'{root}/reviews.csv'", root) == root / "reviews.csv"
    async with app_of(fake, root=root).run_test(notifications=True, size=(150, 40)) as pilot:
        pilot.app.query_one(TextEntry).post_message(TextEntry.Dropped(Path(outside)))
        await shows(pilot, "secret.csv is outside ")
        await lacks(pilot, "How it is read")


@pytest.mark.parametrize(
    "typed", ["../outside/new.csv", "../outside", "/none/new.csv", "out.csv", "folder out/new.csv"]
)
async def test_nothing_is_written_outside(fake: FakeModel, root: Path, typed: str) -> None:
    async with app_of(fake, root=root).run_test(size=(150, 40), notifications=True) as pilot:
        await preview(pilot, root / "reviews.csv")
        await pilot.press("enter")
        await shows(pilot, "Enter chooses")
        await type_path(pilot, typed)
        await shows(pilot, f"{typed} is outside ", "reviews.labelled.csv")
        await pilot.press("f5")
        await shows(pilot, "done, written to")
        await pilot.press("ctrl+s")
        await choose(pilot, "1", "1  All 2 rows")
        await shows(pilot, "Save to (CSV")
        pilot.app.clear_notifications()
        await until(pilot, lambda: "is outside" not in "\n".join(screen(pilot)))
        await type_path(pilot, typed)
        await shows(pilot, f"{typed} is outside ")
    assert (root / "reviews.labelled.csv").exists()
    assert sorted(path.name for path in (root.parent / "outside").iterdir()) == [
        "secret.csv",
        "secret.onnx",
    ]
    assert (root.parent / "outside" / "secret.csv").read_text(encoding="utf-8") == TABLE


@pytest.mark.parametrize("name", ["reviews.labelled.csv", ".reviews.labelled.csv.run"])
async def test_a_proposed_output_that_leads_out_is_refused(
    fake: FakeModel, root: Path, name: str
) -> None:
    (root / name).symlink_to(root.parent / "outside")
    async with app_of(fake, root=root).run_test(size=(150, 40), notifications=True) as pilot:
        await preview(pilot, root / "reviews.csv")
        await pilot.press("f5")
        await shows(pilot, f"{name} is outside ")
    assert not (root.parent / "outside" / "journal").exists()


async def test_without_a_root_everything_is_open(fake: FakeModel, root: Path) -> None:
    async with app_of(fake).run_test() as pilot:
        await classified(pilot, root.parent / "outside" / "secret.csv")
    assert (root.parent / "outside" / "secret.labelled.csv").exists()
