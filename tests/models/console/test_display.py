import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.console.display import aligned, display


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred", "␛[31mred"),
        ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
        ("a\x9b2Jb", "a\N{REPLACEMENT CHARACTER}2Jb"),
        ("a\tb\r\nc\x7f", "a␉b␍␊c␡"),
        ("\u202eevil\u2066", "\N{REPLACEMENT CHARACTER}evil\N{REPLACEMENT CHARACTER}"),
        ("\ud800", "\N{REPLACEMENT CHARACTER}"),
        ("很好 👍🏻 [b]not markup[/b]", "很好 👍🏻 [b]not markup[/b]"),
    ],
)
def test_what_could_act_on_a_terminal_is_made_visible(raw: str, shown: str) -> None:
    assert display(raw) == shown


def test_a_widget_that_wraps_lines_may_keep_line_breaks() -> None:
    assert display("a\nb\x1b", keep="\n") == "a\nb␛"


def test_a_long_text_is_cut_to_the_limit() -> None:
    assert display("很" * 50, limit=10) == "很" * 9 + "…"


@given(st.text(st.characters()))
def test_nothing_that_comes_out_is_a_control_character(text: str) -> None:
    assert not re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", display(text))


def test_columns_are_aligned_by_terminal_cells() -> None:
    assert aligned([["标签", "1"], ["a", "22"]], right=(1,)) == ["标签   1", "a     22"]
