"""A row of the table of answers, as a line."""

from rich.cells import cell_len

from tests.tui.batch.findings.made import store_of
from tui.app.screens.results.table import Fields
from tui.batch.findings.result_store import ResultRow
from tui.batch.status import Status


def test_words_of_the_filter_stand_out_in_the_text_and_no_letters_of_the_status() -> None:
    fields = Fields(store_of(["look, good"]), (), truth=True)
    row = ResultRow(1, 1, 0.6, Status.LOOK, 0, -1, "look, good")
    line = fields.line(0, row, 100, "● ", ["good"])
    marked = [line.plain[span.start : span.end] for span in line.spans if "bold" in str(span.style)]
    assert marked == ["good"]
    assert cell_len(line.plain) == 100
    titles = "".join(column.fit(column.title) for column in fields.titles(100, "file"))
    assert cell_len(titles) == 100
    before_title, before_text = titles.partition("text")[0], line.plain.partition("look, good")[0]
    assert cell_len(before_title) == cell_len(before_text)
