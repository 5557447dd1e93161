import numpy as np
import pytest

from models.metrics import Metrics


def test_scores_agree_with_a_hand_count() -> None:
    #         true:      0  0  0  1  1
    metrics = Metrics.of(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 0]), 2)
    assert metrics.confusion.tolist() == [[2, 1], [1, 1]]
    assert metrics.accuracy == pytest.approx(3 / 5)
    assert metrics.f1.tolist() == pytest.approx([2 * 2 / (2 * 2 + 1 + 1), 2 / (2 + 1 + 1)])
    assert metrics.macro_f1 == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_a_label_that_never_occurs_scores_zero() -> None:
    metrics = Metrics.of(np.array([0, 0]), np.array([0, 0]), 3)
    assert metrics.f1.tolist() == [1, 0, 0]


def test_parts_add_up_to_the_whole() -> None:
    true, said = np.array([0, 1, 1, 0]), np.array([0, 0, 1, 1])
    whole = Metrics.of(true, said, 2)
    parts = Metrics.of(true[:1], said[:1], 2) + Metrics.of(true[1:], said[1:], 2)
    assert parts.confusion.tolist() == whole.confusion.tolist()


def test_no_rows_score_zero_and_do_not_divide_by_it() -> None:
    nothing = Metrics.of(np.array([], dtype=int), np.array([], dtype=int), 2)
    assert (nothing.accuracy, nothing.macro_f1) == (0, 0)
