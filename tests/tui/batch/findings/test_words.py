"""What two groups of rows say: planted words are found, and counts are those of a plain loop."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.arrays import Int64
from models.labels import NEGATIVE_POSITIVE
from models.tokenizer import Tokenizer
from tests.tui.batch.findings.made import CHARACTERS, bert_tokenizer, store_of
from tui.batch.findings import words as module
from tui.batch.findings.query import Query
from tui.batch.findings.result_store import ResultStore
from tui.batch.findings.words import distinctive, log_odds


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(bert_tokenizer(), 128)


def halves(store: ResultStore) -> tuple[Int64, Int64]:
    rows = np.arange(len(store))
    return rows[: len(rows) // 2], rows[len(rows) // 2 :]


def test_a_planted_phrase_is_found_whole_with_its_rows(tokenizer: Tokenizer) -> None:
    others = ["房间很干净", "早餐也不错", "前台快", "一般"] * 40
    complaints = ["房间一般，空调坏了"] * 30
    store = store_of([*complaints, *others, *others, "空调"])
    found = distinctive(store, np.arange(190), np.arange(190, 351), tokenizer)
    assert found[0].text == "空调坏"  # 了 is a particle
    assert found[0].rows == (30, 0)
    assert found[0].shares == (30 / 190, 0.0)
    assert found[0].z > 3.29
    assert "空调" not in [word.text for word in found]  # 30 of its 31 rows have the longer one
    assert not any(set("，了") & set(word.text) for word in found)


def test_the_second_group_has_its_words_last(tokenizer: Tokenizer) -> None:
    store = store_of([*["慢"] * 50, *["快"] * 50])
    found = distinctive(store, *halves(store), tokenizer)
    assert [(word.text, word.rows) for word in found] == [("慢", (50, 0)), ("快", (0, 50))]
    assert found[0].z == -found[1].z


def test_latin_words_are_whole_and_found_in_any_case(tokenizer: Tokenizer) -> None:
    store = store_of([*["WIFI慢"] * 25, *["wifi 慢"] * 25, *["ok,慢"] * 50])
    found = distinctive(store, *halves(store), tokenizer)
    assert [(word.text, word.rows) for word in found] == [("wifi", (50, 0)), ("ok", (0, 50))]


def test_groups_that_say_the_same_have_no_words(tokenizer: Tokenizer) -> None:
    store = store_of([*["房间很干净", "空调坏了"] * 100])
    assert distinctive(store, *halves(store), tokenizer) == []


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 99), (99, 0)])
def test_a_group_without_rows_is_compared_with_nothing(
    tokenizer: Tokenizer, first: int, second: int
) -> None:
    store = store_of([*["空调坏了", "房间很干净", "慢"] * 33])
    assert distinctive(store, np.arange(first), np.arange(second), tokenizer) == []


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.text(CHARACTERS + "\ud800Ｗ", max_size=9), min_size=4, max_size=40),
    st.integers(1, 9),
)
def test_a_count_is_the_number_of_rows_that_the_filter_shows(
    tokenizer: Tokenizer, texts: list[str], block: int
) -> None:
    store = store_of([*texts * 9])
    groups = halves(store)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        patch.setattr(module, "_SAMPLE", 20)
        patch.setattr(module, "_SIGNIFICANT", 0.0)
        found = distinctive(store, *groups, tokenizer)
    for word in found:
        shown = store.select(Query.parse(word.text, NEGATIVE_POSITIVE))
        assert word.rows == tuple(len(np.intersect1d(shown, rows)) for rows in groups)
        assert word.shares == tuple(n / len(r) for n, r in zip(word.rows, groups, strict=True))


def test_log_odds_are_those_of_the_paper() -> None:
    # One word in 30 of 1,000 pieces, and in 10 of 2,000; a prior of a tenth of both.
    prior, total = 4.0, 300.0
    first = math.log((30 + prior) / (1000 + total - 30 - prior))
    second = math.log((10 + prior) / (2000 + total - 10 - prior))
    error = math.sqrt(1 / (30 + prior) + 1 / (10 + prior))
    z = log_odds(np.array([[30], [10]]), np.array([1000, 2000]))
    assert z.tolist() == [pytest.approx((first - second) / error)]


def test_progress_grows_to_one_and_can_end_the_work(tokenizer: Tokenizer) -> None:
    store = store_of([*["慢"] * 3000, *["快"] * 3000])
    told: list[float] = []
    distinctive(store, *halves(store), tokenizer, told.append)
    assert told[0] == 0.0
    assert told[-1] == 1.0
    assert told == sorted(told)
    assert len(told) > 3

    def stop(share: float) -> None:
        if share > 0:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        distinctive(store, *halves(store), tokenizer, stop)
