import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.batching import plan

lengths = st.lists(st.integers(1, 600), max_size=300).map(lambda found: np.array(found, dtype=int))


def test_the_example_of_the_docstring_holds() -> None:
    batches = plan(np.array([3, 9, 3]), max_tokens=8)
    assert [batch.tolist() for batch in batches] == [[0, 2], [1]]


@given(lengths, st.integers(1, 2048), st.integers(1, 64))
def test_every_text_is_in_exactly_one_batch(
    found: np.ndarray, max_tokens: int, max_rows: int
) -> None:
    batches = plan(found, max_tokens=max_tokens, max_rows=max_rows)
    together = np.concatenate([*batches, np.array([], dtype=int)])
    assert sorted(together.tolist()) == list(range(len(found)))


@given(lengths, st.integers(1, 2048), st.integers(1, 64))
def test_no_batch_is_over_the_budget_unless_it_is_one_text(
    found: np.ndarray, max_tokens: int, max_rows: int
) -> None:
    for batch in plan(found, max_tokens=max_tokens, max_rows=max_rows):
        assert 1 <= len(batch) <= max_rows
        assert len(batch) == 1 or len(batch) * found[batch].max() <= max_tokens


@given(lengths)
def test_batches_go_from_short_to_long(found: np.ndarray) -> None:
    in_order = [length for batch in plan(found) for length in found[batch]]
    assert in_order == sorted(in_order)
