"""Every command and link in the documentation is right: options exist, files are there."""

import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import xlsxwriter

import export.__main__
import trainer.__main__
from tests.cli import invoker
from tests.tiny import REVIEWS, write_encoder, write_reviews
from tui.cli import cli

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "CONTRIBUTING.md"]
PAGES += sorted((ROOT / "docs").glob("*.md"))
PROGRAMS = {
    "sentiment-tui": cli,
    "python -m trainer": trainer.__main__.main,
    "python -m export": export.__main__.main,
}
STARTS = tuple(PROGRAMS)


def written(page: Path) -> Iterator[str]:
    """Yield the commands of a page: lines of its shell blocks, and code in its text."""
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        yield from block.replace("\\\n", " ").splitlines()
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    yield from (code.replace("\\|", "|") for code in re.findall(r"`([^`]+)`", text))


def commands() -> Iterator[tuple[str, str]]:
    """Yield program and arguments of each command of ours, once."""
    seen = set()
    for page in PAGES:
        for line in written(page):
            for one in re.split(r" \| ", line):
                one = " ".join(one.split()).removeprefix(".venv/bin/")
                program = next((name for name in STARTS if f"{one} ".startswith(f"{name} ")), None)
                rest = one.removeprefix(program or "").split()
                if rest[:1] == ["evaluate"] or (rest[:1] and rest[0] in cli.commands):
                    rest = rest[1:]
                if program and rest and one not in seen and "…" not in one:
                    seen.add(one)
                    yield program, one.removeprefix(program)


@pytest.mark.parametrize(("program", "rest"), list(commands()))
def test_a_command_of_the_documentation_is_understood(
    program: str, rest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rest = re.sub(r"[<>] *\S+$", "", rest.split(" #")[0])
    arguments = shlex.split(rest)
    for word in arguments:  # what a command reads may be there
        if word.endswith((".xlsx", ".csv", ".onnx")):
            Path(word).parent.mkdir(parents=True, exist_ok=True)
            Path(word).touch()
        if word == "FOLDER":
            Path(word).mkdir()
    parse(PROGRAMS[program], program, arguments)


def parse(command: click.Command, name: str, arguments: list[str]) -> None:
    """Parse as the program would, down to the last command, and run nothing."""
    try:
        context = command.make_context(name, arguments)
    except click.exceptions.Exit:  # --help, --version
        return
    words = [*context._protected_args, *context.args]
    if isinstance(command, click.Group) and words:
        found, below, words = command.resolve_command(context, words)
        assert below is not None
        parse(below, str(found), words)


def write_workbook(path: Path) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["text", "label", "stars", "product"])
        for row, (text, label) in enumerate(REVIEWS, start=1):
            sheet.write_row(row, 0, [text, label, 1 + 4 * label, "书" if row % 2 else "酒店"])


@pytest.mark.long
@pytest.mark.parametrize("page", ["review.md", "training.md"])
def test_the_commands_of_a_page_run_one_after_the_other(
    page: str,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    encoder = write_encoder(tmp_path / "encoder", layers=12)
    for name in ("reviews.xlsx", "my-reviews.xlsx"):
        write_workbook(Path(name))
    write_reviews(Path("my-reviews"))
    Path("more-reviews.txt").write_text("很好\n很差\n", encoding="utf-8")
    if page == "review.md":
        Path("models").mkdir()
        shutil.copy(model, "models")
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    done = 0
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            program = next((name for name in STARTS if line.startswith(name)), None)
            words = shlex.split(line.removeprefix(program or ""))
            if program is None or (program == "sentiment-tui" and words[0] not in cli.commands):
                continue  # it opens the app
            if program == "python -m trainer" and words[0].startswith("-"):
                words += ["--encoder", str(encoder), "--force"]
            if words[0] in ("classify", "report"):
                words.append("--force")
            result = invoker(PROGRAMS[program], monkeypatch, capfd)(*words)
            assert result.code == 0, result.stderr
            if words[:2] == ["classify", "reviews.xlsx"]:
                for copy in ("first.csv", "second.csv"):
                    invoker(cli, monkeypatch, capfd)(*words[:2], "-o", copy, "--force", "-q")
            done += 1
    assert done >= 6


def test_the_options_that_a_page_names_alone_exist() -> None:
    known = {"--gpus", "--user", "--userns", "--file", "--nproc_per_node", "--target", "--tag"}
    known |= {"--network", "--rm", "--requeue", "--nodes", "--disable-usage-stats"}
    for command in PROGRAMS.values():
        known |= options(command)
    for page in PAGES:
        found = {code.split()[0] for code in written(page) if code.startswith("--")}
        found = {re.split("[=/]", option)[0] for option in found}
        assert found <= known, page.name


def options(command: click.Command) -> set[str]:
    """Return the options of a command and of those under it."""
    found = {"--help", "--version"}
    for parameter in command.params:
        found |= {*parameter.opts, *parameter.secondary_opts}
    if isinstance(command, click.Group):
        for below in command.commands.values():
            found |= options(below)
    return found


def test_links_and_pictures_lead_to_files() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if not link.startswith("http"):
                assert (page.parent / link).is_file(), f"{page.name}: {link}"


def test_the_targets_of_make_that_pages_name_exist() -> None:
    rules = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for page in PAGES:
        for code in written(page):
            if named := re.match(r"make (\w+)", code):
                assert named[1] in rules, f"{page.name}: {code}"


def test_extras_that_pages_name_exist() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for names in re.findall(r"(?:\.|sentiment-tui)\[([\w,]+)\]", text):
            assert set(names.split(",")) <= extras.keys(), page.name
