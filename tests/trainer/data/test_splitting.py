"""What a cut promises: shares to the row, no text in two splits, the same cut for the same rows."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.console import ExitCode, UserError
from trainer.data.splitting import split_rows

NAMES = ("bad", "good", "so-so")
TENTHS = {"dev": 0.1, "test": 0.1}


def keys(rows: int) -> list[str]:
    return [f"text {row}" for row in range(rows)]


def rows_per_class(labels: np.ndarray, rows: np.ndarray) -> list[int]:
    return np.bincount(labels[rows], minlength=len(NAMES)).tolist()


def test_each_class_is_shared_out_to_the_row() -> None:
    labels = np.repeat([0, 1, 2], [700, 200, 100])
    rows = split_rows(labels, keys(1000), {"dev": 0.1, "test": 0.2}, names=NAMES, seed=1)
    assert list(rows) == ["train", "dev", "test"]
    assert rows_per_class(labels, rows["train"]) == [490, 140, 70]
    assert rows_per_class(labels, rows["dev"]) == [70, 20, 10]
    assert rows_per_class(labels, rows["test"]) == [140, 40, 20]


def test_only_what_is_asked_for_is_cut() -> None:
    labels = np.repeat([0, 1, 2], 10)
    rows = split_rows(labels, keys(30), {"test": 0.2}, names=NAMES, seed=1)
    assert {name: len(chosen) for name, chosen in rows.items()} == {"train": 24, "test": 6}


def test_a_small_class_is_in_every_split() -> None:
    labels = np.repeat([0, 1, 2], [500, 500, 3])
    rows = split_rows(labels, keys(1003), TENTHS, names=NAMES, seed=1)
    assert [rows_per_class(labels, rows[name])[2] for name in rows] == [1, 1, 1]


# Rows as (text, label): up to four copies of a text, which may contradict each other, and enough
# texts that stand alone to fill every split to the row.
repeated = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 2)).flatmap(
        lambda row: st.lists(st.just(row), min_size=1, max_size=3)
    ),
    max_size=60,
).map(lambda lists: [(f"again {text}", label) for rows in lists for text, label in rows])
fractions = st.floats(0.05, 0.3)


@given(repeated, fractions, fractions, st.integers())
def test_whatever_the_rows_no_text_is_in_two_splits_and_no_row_in_none(
    repeated: list[tuple[str, int]], dev: float, test: float, seed: int
) -> None:
    alone = [(f"alone {number}", number % 3) for number in range(300)]
    texts, ids = zip(*repeated, *alone, strict=True)
    labels = np.array(ids)
    rows = split_rows(labels, texts, {"dev": dev, "test": test}, names=NAMES, seed=seed)
    assert np.sort(np.concatenate(list(rows.values()))).tolist() == list(range(len(texts)))
    held = [{texts[row] for row in chosen} for chosen in rows.values()]
    assert not held[0] & held[1] and not held[0] & held[2] and not held[1] & held[2]
    total = np.bincount(labels, minlength=3)
    firsts = dict(reversed(list(zip(texts, ids, strict=True))))
    guests = sum(firsts[text] != label for text, label in zip(texts, ids, strict=True))
    off = 1 + max(Counter(texts).values()) + guests
    for name, share in (("dev", dev), ("test", test), ("train", 1 - dev - test)):
        assert (np.abs(rows_per_class(labels, rows[name]) - share * total) <= off).all()


def test_the_seed_decides() -> None:
    labels = np.repeat([0, 1, 2], 100)
    cuts = [
        split_rows(labels, keys(300), TENTHS, names=NAMES, seed=seed)["dev"].tolist()
        for seed in (1, 1, 2)
    ]
    assert cuts[0] == cuts[1] != cuts[2]


def test_the_cut_of_these_rows_is_this_one_on_every_machine() -> None:
    labels = np.repeat([0, 1, 2], 10)
    rows = split_rows(labels, keys(30), TENTHS, names=NAMES, seed=42)
    assert (rows["dev"].tolist(), rows["test"].tolist()) == (
        [0, 14, 21],
        [9, 19, 25],
    )


def test_a_text_that_stands_often_is_as_likely_in_dev_as_any() -> None:
    labels = np.zeros(400, dtype=np.int64)
    texts = [f"{row // 4}" if row < 200 else f"alone {row}" for row in range(400)]
    dev = [
        sum(row < 200 for row in split_rows(labels, texts, TENTHS, names=NAMES, seed=seed)["dev"])
        for seed in range(40)
    ]
    assert 17 < np.mean(dev) < 23  # half of 40 rows; never all of them, as if filled in order


def test_a_text_that_another_split_has_stays_in_train() -> None:
    labels = np.zeros(100, dtype=np.int64)
    known = set(keys(100)[:50])
    rows = split_rows(labels, keys(100), {"test": 0.4}, names=NAMES, seed=1, known=known)
    assert len(rows["test"]) == 40
    assert rows["test"].min() >= 50


def test_where_known_texts_fill_train_the_others_leave_it() -> None:
    labels = np.zeros(100, dtype=np.int64)
    texts = [*keys(50), *(f"twice {row // 2}" for row in range(50))]
    rows = split_rows(labels, texts, {"test": 0.48}, names=NAMES, seed=1, known=set(keys(50)))
    assert len(rows["test"]) == 48


@pytest.mark.parametrize(
    ("texts", "found"),
    [(["a", "b"], "found 2 in 2 rows"), (["a", "a", "a", "b", "b"], "found 2 in 5 rows")],
)
def test_a_class_with_fewer_texts_than_splits_is_an_error(texts: list[str], found: str) -> None:
    labels = np.array([0] * 50 + [1] * len(texts))
    with pytest.raises(UserError, match=f"label good for each of dev, test, train, {found}") as no:
        split_rows(labels, [*keys(50), *texts], TENTHS, names=NAMES, seed=1)
    assert no.value.code == ExitCode.DATA
