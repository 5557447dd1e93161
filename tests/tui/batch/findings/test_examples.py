"""The rows that stand for many: sure, of middling length, and not each other's copies."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.batch.findings.test_result_store import LABELS, Given, chunk_of
from tui.batch.findings import examples
from tui.batch.findings.result_store import ResultStore


def store_of(rows: list[Given]) -> ResultStore:
    store = ResultStore(LABELS)
    store.append(chunk_of(rows))
    return store


def row(text: str, confidence: float, label: int = 0) -> Given:
    return text, label, confidence, 0, -1


def test_the_surest_come_first_but_for_copies_and_what_is_short_or_long() -> None:
    store = store_of(
        [
            row("差", 1.0),
            row("空调坏了，前台说没人修", 0.98),
            row("空调坏了！前台说没有人修", 0.97),  # a copy
            row("等了两个小时还没有送到", 0.9),
            row("房间里有一股霉味，睡不着", 0.99),
            row("从头到尾没有一处让人满意的地方，" * 9, 1.0),
            row("", 0.0, -1),
        ]
    )
    assert examples.of(store, np.arange(7), 3) == [4, 1, 3]
    assert examples.of(store, np.arange(7), 1) == [4]
    assert examples.of(store, np.array([0, 2, 5]), 9) == [2, 0, 5]
    assert examples.of(store, np.array([6]), 2) == []


texts = st.text("空调坏了前台说", max_size=8)
confidences = st.sampled_from([0.5, 0.7, 0.9])
given_rows = st.lists(st.tuples(texts, st.integers(-1, 1), confidences, st.just(0), st.just(-1)))


@given(given_rows, st.integers(0, 5))
def test_examples_are_labelled_and_differ(rows: list[Given], count: int) -> None:
    store = store_of(rows)
    found = examples.of(store, np.arange(len(rows)), count)
    assert len(found) <= count
    assert len({rows[index][0] for index in found}) == len(found)
    assert all(rows[index][1] >= 0 for index in found)
    if count and any(label >= 0 for _, label, *_ in rows):
        assert found
