"""The columns behind the table of answers find what a plain loop over the rows would find."""

import sys
import threading
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.console.display import encodable
from models.tables import Place, Record
from tui.batch.findings.query import COMPARE, IS, Query, Term
from tui.batch.findings.result_store import ORDERS, ResultStore
from tui.batch.summary import Chunk

Given = tuple[str, int, float, int, int]
"""Text, label, confidence, status and true label of a row."""

LABELS = ("差评", "好评")

cases = st.lists(
    st.tuples(
        st.text(alphabet="aAbB酒店\ud800 \n", max_size=6),
        st.integers(-1, 1),
        st.sampled_from([0.5, 0.69, 0.7, 0.95, 1.0]),
        st.integers(0, 3),
        st.integers(-1, 1),
    ),
    max_size=30,
)


def terms_of(field: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Term]:
    some = st.lists(values, min_size=1, max_size=2).map(tuple)
    return st.builds(Term, st.just(field), some, negated=st.booleans())


terms = st.one_of(
    terms_of("text", st.text(alphabet="aAb酒店\ufffd", min_size=1, max_size=3)),
    terms_of("label", st.integers(0, 1)),
    terms_of("status", st.integers(0, 3)),
    terms_of("is", st.integers(0, 1)),
    st.builds(
        Term,
        st.just("confidence"),
        st.sampled_from([(0.5,), (0.7,), (0.95,), (1.0,)]),
        st.sampled_from(sorted(COMPARE)),
        negated=st.booleans(),
    ),
)
queries = st.builds(Query, st.lists(terms, max_size=3).map(tuple))
orders = st.sampled_from(sorted(ORDERS))


def words(*texts: str) -> Query:
    return Query(tuple(Term("text", (text,)) for text in texts))


def chunk_of(given_rows: list[Given], start: int = 0) -> Chunk:
    numbers = range(start + 1, start + 1 + len(given_rows))
    return Chunk(
        records=[Record(Place(number, number, number), {}) for number in numbers],
        texts=[text for text, *_ in given_rows],
        ids=np.array([label for _, label, *_ in given_rows], dtype=np.int64),
        confidences=np.array([c for _, _, c, _, _ in given_rows], dtype=np.float32),
        statuses=np.array([state for _, _, _, state, _ in given_rows], dtype=np.int64),
        truths=np.array([truth for *_, truth in given_rows], dtype=np.int64),
        rejects=[],
    )


def filled(given_rows: list[Given], pieces: int = 2) -> ResultStore:
    rows = ResultStore(LABELS)
    for start in range(0, len(given_rows), pieces):
        rows.append(chunk_of(given_rows[start : start + pieces], start))
    return rows


def meets(given: Given, field: str, sign: str, value: Any) -> bool:
    text, label, confidence, status, truth = given
    if field == "text":
        return encodable(str(value)).lower() in encodable(text).lower()
    if field == "confidence":
        compared = COMPARE[sign](np.float32(confidence), np.float32(value))
        return bool(compared) and label >= 0
    if field == "is":
        return min(label, truth) >= 0 and (label == truth) == (IS[value] == "right")
    return bool(value == {"label": label, "status": status}[field])


def slowly(given_rows: list[Given], query: Query, order: str = "file") -> list[int]:
    found = []
    for index, row in enumerate(given_rows):
        met = [
            any(meets(row, term.field, term.sign, value) for value in term.values) != term.negated
            for term in query.terms
        ]
        if all(met):
            found.append(index)

    def key(index: int) -> float:
        _, label, confidence, status, truth = given_rows[index]
        keys = {"file": index, "unsure": confidence, "sure": -confidence}
        keys |= {"label": label, "status": -status, "truth": truth}
        known = {"file": 0, "truth": truth}.get(order, label)
        return np.inf if known < 0 else keys[order]

    found.sort(key=key)
    return found


@given(cases, queries, orders)
def test_a_query_finds_what_a_loop_would(given_rows: list[Given], query: Query, order: str) -> None:
    assert filled(given_rows).select(query, order).tolist() == slowly(given_rows, query, order)


@given(cases, st.text(alphabet="aA酒店", min_size=1, max_size=3), st.integers(1, 9))
def test_a_text_is_found_wherever_a_chunk_ends(
    given_rows: list[Given], text: str, pieces: int
) -> None:
    found = filled(given_rows, pieces).select(words(text)).tolist()
    assert found == slowly(given_rows, words(text))


@given(cases)
def test_rows_come_back_as_they_were_given(
    given_rows: list[Given],
) -> None:
    rows = filled(given_rows)
    assert len(rows) == len(given_rows)
    for index, (text, label, confidence, status, truth) in enumerate(given_rows):
        row = rows.row(index)
        assert (row.number, row.text, row.label, row.status) == (
            index + 1,
            encodable(text),
            label,
            status,
        )
        assert row.wrong == (min(label, truth) >= 0 and label != truth)
        assert row.confidence == np.float32(confidence)
    assert rows.counts.tolist() == [
        sum(label == wanted for _, label, *_ in given_rows) for wanted in (0, 1)
    ]
    assert rows.histogram().sum() == rows.counts.sum()


@given(cases, st.lists(st.sampled_from(["a", "A", "酒", "\ud800", "", "aB"])), st.integers(0, 1))
def test_labels_of_the_user_count_for_the_rows_with_their_text(
    given_rows: list[Given], texts: list[str], label: int
) -> None:
    rows = filled(given_rows[:10])
    rows.correct(dict.fromkeys(texts, LABELS[label]) | {"B": "of another model"})
    for start in range(10, len(given_rows), 3):  # they come in after the correction
        rows.append(chunk_of(given_rows[start : start + 3], start))
    expected = [label if text in texts else given for text, given, *_ in given_rows]
    assert rows.labels_of().tolist() == expected
    assert rows.counts.tolist() == [expected.count(0), expected.count(1)]
    some = np.arange(len(given_rows))[::-2]
    assert rows.labels_of(some).tolist() == [expected[index] for index in some]
    assert rows.corrected_of(some).tolist() == [
        label if given_rows[index][0] in texts else -1 for index in some
    ]
    for index, (_, _, _, _, truth) in enumerate(given_rows):
        assert rows.row(index).final == expected[index]
        assert rows.row(index).wrong == (
            min(truth, expected[index]) >= 0 and truth != expected[index]
        )
    assert (
        rows.select(Query((Term("label", (0,)),))).tolist()
        == np.flatnonzero(np.array(expected) == 0).tolist()
    )
    rows.correct({})
    assert rows.labels_of().tolist() == [given for _, given, *_ in given_rows]


def test_rows_that_come_in_while_one_looks_do_not_disturb() -> None:
    rows = filled([("a", 0, 0.9, 0, 1)] * 1000)
    before, row = rows.column("label"), rows.row(999)
    rows.append(chunk_of([("b", 1, 1.0, 0, -1)] * 5000))
    assert len(before) == 1000
    assert rows.row(999) == row
    assert rows.row(5999).text == "b"


def test_rows_that_come_in_meanwhile_do_not_disturb_what_is_counted_or_read() -> None:
    rows = ResultStore(LABELS)

    def fill() -> None:
        for number in range(3000):
            rows.append(chunk_of([("好", 0, 1.0, 0, 0)], number))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        filling = threading.Thread(target=fill)
        filling.start()
        while filling.is_alive():
            assert rows.histogram().sum() <= len(rows)
            assert len(rows.select(words("好"))) <= len(rows)
            if len(rows):
                assert rows.row(len(rows) - 1).text == "好"
        filling.join()
    finally:
        sys.setswitchinterval(interval)


def test_columns_of_the_input_are_kept_beside_the_answers() -> None:
    store = ResultStore(LABELS, ["product", "stars"])
    for number, fields in enumerate([{"product": "手机", "stars": 5}, {"product": "\ud800"}], 1):
        chunk = chunk_of([("好", 1, 0.9, 0, -1)], number - 1)
        store.append(replace(chunk, records=[Record(Place(number, number, number), fields)]))
        assert len(store.values("stars")) == number
    assert store.values("product").to_pylist() == ["手机", "\ufffd"]
    assert store.values("stars").to_pylist() == ["5", ""]


def test_rows_stand_in_the_order_of_any_column() -> None:
    store = ResultStore(LABELS, ["price", "when", "name"])
    cells = [
        ("10", "2025/1/10 8:00", "第10章"),
        ("", "2025/1/3 12:30", "第2章"),
        ("9.5", "", "b"),
        ("-1,000", "2024年12月31日", "A"),
        ("9.5", "2025/1/3 9:30", ""),
    ]
    for number, (price, when, name) in enumerate(cells, start=1):
        chunk = chunk_of([("好", 1, 0.9, 0, -1)], number - 1)
        fields = {"price": price, "when": when, "name": name}
        store.append(replace(chunk, records=[Record(Place(number, number, number), fields)]))
    assert store.select(Query(), "↑price").tolist() == [3, 2, 4, 0, 1]
    assert store.select(Query(), "↓price").tolist() == [0, 2, 4, 3, 1]
    assert store.select(Query(), "↑when").tolist() == [3, 4, 1, 0, 2]
    assert store.select(Query(), "↑name").tolist() == [3, 2, 1, 0, 4]
    assert store.select(words("好", "x"), "↑name").tolist() == []
