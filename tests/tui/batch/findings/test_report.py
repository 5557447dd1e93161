"""A report tells the right figures, loads nothing, and shows a text as text whatever it holds."""

import csv
import os
import re
import stat
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from models.console.command import ExitCode, UserError
from models.console.i18n import choose_language
from models.locations import BUILTIN
from models.metrics import wilson
from tests.tui.batch.runs import run
from tui.batch.findings.report.command import report_file
from tui.batch.findings.report.content import Report
from tui.cli import cli

EVIL = "<script>alert(1)</script><img src=x onerror=a()> | **b** `c` [d](http://e)\n# f & &lt; \"'"
HEADER = ["product", "date", "id", "truth", "text", "predicted_label", "confidence", "status"]


def labelled(path: Path, evil: str = EVIL) -> Path:
    """Write 300 answers: phones are bad in 100 of 150 reviews, books in 25 of 150."""
    rows = []
    for number in range(300):
        product = "手机" if number < 150 else "图书"
        bad = number < 100 or number >= 275
        month = 3 if bad else number % 2 + 1
        text = "电池坏了要退货" if bad else "很喜欢推荐"
        text += f"第{number}次"
        if number == 7:
            text = evil
        label = "负向评价" if bad else "正向评价"
        truth = "正向评价" if number == 0 else label
        confidence = 0.5 + number / 1000
        date = f"2025/{month}/{number % 28 + 1}"
        rows.append([product, date, f"a{number}", truth, text, label, confidence, "ok"])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(rows)
    return path


def reported(folder: Path, name: str, **more: object) -> tuple[Report, str]:
    output = folder / name
    report = report_file(labelled(folder / "out.csv"), output, BUILTIN, **more)  # type: ignore[arg-type]
    return report, output.read_text(encoding="utf-8")


class Page(HTMLParser):
    """The tags, the attributes and the text of a page."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: dict[str, set[str]] = {}
        self.cells: list[str] = []
        self.said = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.lasttag != "style":
            self.said += data
        if self.cells:
            self.cells[-1] += data


def test_shares_and_groups_are_those_of_the_rows(tmp_path: Path) -> None:
    report, _ = reported(tmp_path, "r.html")
    assert (report.total, report.rows, report.focus) == (300, 300, 0)
    assert report.shares[0] == ("负向评价", 125, 300, 125 / 300, *wilson(125, 300))
    date, product, _ = report.columns  # neither the ids nor the texts, and time comes first
    assert (date.table.column, date.timed, product.table.column, product.timed) == (
        "date",
        True,
        "product",
        False,
    )
    assert [(group.value, group.rows, group.shares[0].rows) for group in product.groups] == [
        ("手机", 150, 100),  # the worst first
        ("图书", 150, 25),
    ]
    assert product.end == 0.8  # 0.74 is the upper end of the interval of phones
    assert sum(group.rows for group in date.groups) == 300


def test_the_least_sure_come_first_and_examples_are_of_their_label(tmp_path: Path) -> None:
    report, _ = reported(tmp_path, "r.html")
    bad, good, unsure = report.reviews.values()
    assert [row.number for row in unsure] == list(range(1, 11))
    assert {row.label for row in bad} == {0}
    assert {row.label for row in good} == {1}


def test_words_are_those_of_their_label(tmp_path: Path) -> None:
    report, _ = reported(tmp_path, "r.md")
    found = {name: {word.text for word in words} for name, words in report.words.items()}
    assert any("坏" in word or "退货" in word for word in found["负向评价"])
    assert not any("坏" in word for word in found["正向评价"])


def test_the_filter_and_the_columns_are_those_that_were_asked_for(tmp_path: Path) -> None:
    report, drawn = reported(tmp_path, "r.html", line="product:手机", columns=["truth"])
    assert report.rows == 150
    assert [column.table.column for column in report.columns] == ["truth"]
    assert "150 of 300 rows" in drawn
    assert "product:手机" in drawn


@pytest.mark.parametrize("name", ["r.html", "r.md"])
@pytest.mark.parametrize(
    ("kind", "said"),
    [("number", "a number"), ("range", "a number"), ("month", "a date")],
)
def test_rows_in_no_group_are_told_by_what_they_lack(
    tmp_path: Path, name: str, kind: str, said: str
) -> None:
    _, drawn = reported(tmp_path, name, columns=[f"product:{kind}"])
    assert f"300 rows without {said}" in drawn


def test_a_period_is_the_one_that_was_asked_for(tmp_path: Path) -> None:
    report, _ = reported(tmp_path, "r.md", columns=["date:quarter"])
    (column,) = report.columns
    assert column.timed
    assert [(group.value, group.rows) for group in column.groups] == [("2025-Q1", 300)]
    with pytest.raises(UserError, match=r"--by date:year: .*:day\|week"):
        report_file(tmp_path / "out.csv", tmp_path / "s.md", BUILTIN, columns=["date:year"])


def test_a_page_loads_nothing_and_a_text_that_is_html_stays_text(tmp_path: Path) -> None:
    _, drawn = reported(tmp_path, "r.html")
    page = Page(drawn)
    assert not page.tags & {"script", "img", "link", "iframe", "object", "a", "base", "form"}
    assert not page.attributes.keys() & {"src", "href", "srcset", "onerror", "style", "action"}
    assert "default-src 'none'" in "".join(page.attributes["content"])
    assert not re.search(r"url\(|@import", drawn)
    assert EVIL in [cell.strip() for cell in page.cells]


def test_markdown_of_a_text_is_no_markdown(tmp_path: Path) -> None:
    from markdown_it import MarkdownIt

    _, drawn = reported(tmp_path, "r.md")
    parser = MarkdownIt("commonmark").enable("table")
    page = Page(parser.render(drawn))
    assert not page.tags - {"h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert " ".join(EVIL.split()) in [cell.strip() for cell in page.cells]


def test_control_characters_are_shown_and_not_sent(tmp_path: Path) -> None:
    source = labelled(tmp_path / "out.csv", evil="\x1b[31m\u202e坏")
    report_file(source, tmp_path / "r.html", BUILTIN)
    drawn = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "␛[31m\N{REPLACEMENT CHARACTER}坏" in drawn
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", drawn)


@pytest.mark.parametrize("name", ["r.html", "r.md"])
def test_a_report_speaks_chinese(tmp_path: Path, name: str) -> None:
    choose_language("zh")
    try:
        _, drawn = reported(tmp_path, name)
    finally:
        choose_language(None)
    said = Page(drawn).said
    assert "按“product”" in said
    assert not re.search(r"\b(rows|share|word|others|interval|label|text|Examples)\b", said)


def test_how_it_was_made_is_told_by_the_receipt(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "很好"}\n{"text": 3}\n{"text": "坏"}\n', encoding="utf-8")
    output = tmp_path / "out.jsonl"
    run(source, output)
    report = report_file(output, tmp_path / "r.md", BUILTIN)
    assert report.made["records"] == "3 read = 2 written + 1 rejected"
    output.write_text(output.read_text().replace("很好", "很差"))
    report = report_file(output, tmp_path / "r.md", BUILTIN, force=True)
    assert "was changed" in report.made["receipt"]


def test_a_report_is_of_the_column_that_is_named(tmp_path: Path) -> None:
    source = labelled(tmp_path / "out.csv")
    source.write_text(source.read_text().replace("text", "买家留言", 1))
    with pytest.raises(UserError, match="--text-column 买家留言"):
        report_file(source, tmp_path / "r.md", BUILTIN)
    report_file(source, tmp_path / "r.md", BUILTIN, text_column="买家留言")
    assert (tmp_path / "r.md").exists()


@pytest.mark.parametrize(("given", "group"), [(0o600, 0), (0o640, 1)])
def test_a_report_is_as_private_as_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: int, group: int
) -> None:
    source = labelled(tmp_path / "out.csv")
    source.chmod(given)
    monkeypatch.setattr(os, "getegid", lambda: source.stat().st_gid + group)
    report_file(source, tmp_path / "r.html", BUILTIN)
    assert stat.S_IMODE((tmp_path / "r.html").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "more", "code", "said"),
    [
        ("r.pdf", {}, ExitCode.USAGE, "r.pdf: a report is called .html or .md"),
        ("taken.md", {}, ExitCode.CANNOT_CREATE, "taken.md exists"),
        ("r.md", {"columns": ["price"]}, ExitCode.USAGE, "price: expected a column of product"),
        ("r.md", {"line": "price:3"}, ExitCode.USAGE, "price"),
    ],
)
def test_what_cannot_be_reported_is_said_and_nothing_is_written(
    tmp_path: Path, name: str, more: dict[str, object], code: ExitCode, said: str
) -> None:
    (tmp_path / "taken.md").write_text("mine")
    with pytest.raises(UserError, match=said) as caught:
        reported(tmp_path, name, **more)
    assert caught.value.code == code
    assert (tmp_path / "taken.md").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"taken.md", "out.csv"}


def test_the_command_writes_a_report(tmp_path: Path) -> None:
    source, output = labelled(tmp_path / "out.csv"), tmp_path / "r.html"
    command = ["report", str(source), "-o", str(output), "--by", "product"]
    done = CliRunner().invoke(cli, [*command, "--model", "builtin"])
    assert done.exit_code == 0, done.output
    assert output.read_text().startswith("<!DOCTYPE html>")
