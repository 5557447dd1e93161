"""The rows that stand for many: sure, of middling length, and not each other's copies."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.batch.findings.made import store_of
from tui.batch.findings import examples


def test_the_surest_come_first_but_for_copies_and_what_is_short_or_long() -> None:
    rows = {
        "差": 1.0,
        "空调坏了，前台说没人修": 0.98,
        "空调坏了！前台说没有人修": 0.97,  # a copy
        "等了两个小时还没有送到": 0.9,
        "房间里有一股霉味，睡不着": 0.99,
        "从头到尾没有一处让人满意的地方，" * 9: 1.0,
        "": 0.0,
    }
    store = store_of(list(rows), [0] * 6 + [-1], list(rows.values()))
    assert examples.of(store, np.arange(7), 3) == [4, 1, 3]
    assert examples.of(store, np.arange(7), 1) == [4]
    assert examples.of(store, np.array([0, 2, 5]), 9) == [2, 0, 5]
    assert examples.of(store, np.array([6]), 2) == []


texts = st.text("空调坏了前台说", max_size=8)
labels = st.integers(-1, 1)


@given(
    st.lists(st.tuples(texts, labels, st.sampled_from([0.5, 0.9])), min_size=1), st.integers(0, 5)
)
def test_examples_are_labelled_and_differ(rows: list[tuple[str, int, float]], count: int) -> None:
    given_texts, given_labels, given_confidences = map(list, zip(*rows, strict=True))
    store = store_of(given_texts, given_labels, given_confidences)
    found = examples.of(store, np.arange(len(rows)), count)
    assert len(found) <= count
    assert len({given_texts[index] for index in found}) == len(found)
    assert all(given_labels[index] >= 0 for index in found)
    if count and max(given_labels) >= 0:
        assert found
