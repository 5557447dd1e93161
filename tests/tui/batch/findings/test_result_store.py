"""The columns behind the table of answers find what a plain loop over the rows would find."""

import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.console.command import ExitCode, UserError
from models.tables import Place, Record
from tui.batch.findings import result_store as module
from tui.batch.findings.query import Query
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
queries = st.builds(
    Query,
    text=st.text(alphabet="aAb酒店\ud800", max_size=3),
    label=st.none() | st.integers(0, 1),
    status=st.none() | st.integers(0, 3),
    right=st.none() | st.booleans(),
    least=st.sampled_from([0.0, 0.7, 0.95]),
    below=st.sampled_from([2.0, 0.7, 1.0]),
)
orders = st.sampled_from(sorted(ORDERS))


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


def slowly(given_rows: list[Given], query: Query, order: str = "file") -> list[int]:
    found = []
    for index, (text, label, confidence, status, truth) in enumerate(given_rows):
        if (
            query.text.lower() in text.lower()
            and query.label in (None, label)
            and query.status in (None, status)
            and (
                query.right is None or (min(label, truth) >= 0 and (label == truth) == query.right)
            )
            and (query.least == 0 or np.float32(confidence) >= np.float32(query.least))
            and (
                query.below > 1 or (label >= 0 and np.float32(confidence) < np.float32(query.below))
            )
        ):
            found.append(index)

    def key(index: int) -> float:
        _, label, confidence, status, _ = given_rows[index]
        keys = {"file": index, "unsure": confidence, "sure": -confidence}
        keys |= {"label": label, "status": -status}
        return np.inf if label < 0 and order != "file" else keys[order]

    found.sort(key=key)
    return found


@given(cases, queries, orders)
def test_a_query_finds_what_a_loop_would(given_rows: list[Given], query: Query, order: str) -> None:
    assert filled(given_rows).select(query, order).tolist() == slowly(given_rows, query, order)


@given(cases, st.text(alphabet="aA酒店", min_size=1, max_size=3), st.integers(1, 9))
def test_a_text_is_found_wherever_the_searched_blocks_end(
    given_rows: list[Given], text: str, block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        found = filled(given_rows).select(Query(text=text)).tolist()
    assert found == slowly(given_rows, Query(text=text))


@given(cases)
def test_rows_come_back_as_they_were_given(
    given_rows: list[Given],
) -> None:
    rows = filled(given_rows)
    assert len(rows) == len(given_rows)
    for index, (text, label, confidence, status, truth) in enumerate(given_rows):
        row = rows.row(index)
        assert (row.number, row.text, row.label, row.status) == (index + 1, text, label, status)
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
    assert rows.select(Query(label=0)).tolist() == np.flatnonzero(np.array(expected) == 0).tolist()
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
            assert len(rows.select(Query(text="好"))) <= len(rows)
            if len(rows):
                assert rows.row(len(rows) - 1).text == "好"
        filling.join()
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize(
    ("line", "query"),
    [
        ("", Query()),
        ("早餐 好", Query(text="早餐 好")),
        ("缺点： ５０％ ＜好", Query(text="缺点： ５０％ ＜好")),  # words stay as they are typed
        ("＜７０．５％ label：好 status：＂un", Query(label=1, status=1, below=0.705)),
        ("label:差 <70%", Query(label=0, below=0.7)),
        ("status:truncated", Query(status=2)),  # as in the file, besides the words of the app
        ("status:un >95 坏", Query(status=1, least=0.95, text="坏")),
        ("is:wrong 坏", Query(right=False, text="坏")),
        ("is:r", Query(right=True)),
        ("<b> a:b", Query(text="<b> a:b")),
        ('"a b"', Query(text='"a b"')),
    ],
)
def test_a_line_is_read_as_a_query(line: str, query: Query) -> None:
    assert Query.parse(line, LABELS) == query


@pytest.mark.parametrize("line", ['label:"very good" 早餐', '早餐 label:"very g'])
def test_a_label_with_a_space_stands_in_quotes(line: str) -> None:
    query = Query.parse(line, ("very good", "very bad"))
    assert query == Query(label=0, text="早餐")


@pytest.mark.parametrize("line", ["label:", "label:x", "status:q"])
def test_a_line_that_names_no_label_says_what_there_is(line: str) -> None:
    with pytest.raises(UserError, match="expected the beginning of one of") as caught:
        Query.parse(line, LABELS)
    assert caught.value.code == ExitCode.USAGE


def test_columns_of_the_input_are_kept_beside_the_answers() -> None:
    store = ResultStore(LABELS, ["product", "stars"])
    for number, fields in enumerate([{"product": "手机", "stars": 5}, {"product": "\ud800"}], 1):
        chunk = chunk_of([("好", 1, 0.9, 0, -1)], number - 1)
        store.append(replace(chunk, records=[Record(Place(number, number, number), fields)]))
        assert len(store.values("stars")) == number
    assert store.values("product").to_pylist() == ["手机", "\ufffd"]
    assert store.values("stars").to_pylist() == ["5", ""]
