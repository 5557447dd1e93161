import numpy as np
import pytest

from models.metrics import BINS, Metrics, calibration_error, confidence_bins, wilson


def test_scores_agree_with_a_hand_count() -> None:
    #         true:      0  0  0  1  1
    metrics = Metrics.of(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 0]), 2)
    assert metrics.confusion.tolist() == [[2, 1], [1, 1]]
    assert metrics.accuracy == pytest.approx(3 / 5)
    assert metrics.precision.tolist() == pytest.approx([2 / 3, 1 / 2])
    assert metrics.recall.tolist() == pytest.approx([2 / 3, 1 / 2])
    assert metrics.f1.tolist() == pytest.approx([2 * 2 / (2 * 2 + 1 + 1), 2 / (2 + 1 + 1)])
    assert metrics.macro_f1 == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_a_label_that_never_occurs_scores_zero() -> None:
    metrics = Metrics.of(np.array([0, 0]), np.array([0, 0]), 3)
    assert metrics.precision.tolist() == metrics.recall.tolist() == [1, 0, 0]
    assert metrics.f1.tolist() == [1, 0, 0]


def test_precision_counts_what_was_said_and_recall_what_was_true() -> None:
    metrics = Metrics(np.array([[8, 2], [6, 4]]))
    assert metrics.precision.tolist() == pytest.approx([8 / 14, 4 / 6])
    assert metrics.recall.tolist() == pytest.approx([8 / 10, 4 / 10])


def test_parts_add_up_to_the_whole() -> None:
    true, said = np.array([0, 1, 1, 0]), np.array([0, 0, 1, 1])
    whole = Metrics.of(true, said, 2)
    parts = Metrics.of(true[:1], said[:1], 2) + Metrics.of(true[1:], said[1:], 2)
    assert parts.confusion.tolist() == whole.confusion.tolist()


def test_no_rows_score_zero_and_do_not_divide_by_it() -> None:
    nothing = Metrics.of(np.array([], dtype=int), np.array([], dtype=int), 2)
    assert (nothing.accuracy, nothing.macro_f1) == (0, 0)


def test_macro_f1_is_over_the_labels_that_occur() -> None:
    """scikit-learn has the same."""
    one, other = np.array([1, 1]), np.array([1, 0])
    assert Metrics.of(one, one, 2).macro_f1 == 1
    assert Metrics.of(one, other, 2).macro_f1 == pytest.approx((0 + 2 / 3) / 2)


# The two ends solve (p - x)² = z² · x(1 - x) / n, which is how Wilson defined them.
@pytest.mark.parametrize(("correct", "rows"), [(1, 1), (0, 7), (81, 263), (1071, 1200)])
def test_the_wilson_interval_holds_every_accuracy_that_the_rows_do_not_refute(
    correct: int, rows: int
) -> None:
    for end in wilson(correct, rows):
        deviation = (correct / rows - end) ** 2
        assert deviation == pytest.approx(1.959964**2 * end * (1 - end) / rows, abs=1e-12)


def test_the_wilson_interval_agrees_with_a_published_one() -> None:
    # Newcombe 1998, table I, method 3
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)


def test_of_no_rows_nothing_is_known() -> None:
    assert wilson(0, 0) == (0, 1)


def test_the_calibration_error_agrees_with_a_hand_count() -> None:
    # Bins of 1/15: (0.6, 0.667] holds two rows, one right; (0.867, 0.933] holds one, right.
    probabilities = np.array([[0.62, 0.38], [0.36, 0.64], [0.9, 0.1]])
    error = calibration_error(probabilities, np.array([0, 0, 0]))
    assert error == pytest.approx(2 / 3 * abs(1 / 2 - 0.63) + 1 / 3 * abs(1 - 0.9))


def test_a_confidence_that_is_always_as_often_right_has_no_calibration_error() -> None:
    probabilities = np.tile([[0.75, 0.25]], (4, 1))
    assert calibration_error(probabilities, np.array([0, 0, 0, 1])) == 0
    assert calibration_error(probabilities[:, ::-1], np.array([0, 0, 0, 1])) == 0.5


def test_sure_and_wrong_is_the_worst_calibration_and_no_rows_have_none() -> None:
    assert calibration_error(np.array([[1.0, 0.0]]), np.array([1])) == 1
    assert calibration_error(np.empty((0, 2)), np.array([], dtype=int)) == 0


def test_a_bin_holds_its_upper_edge_and_not_its_lower() -> None:
    edges = np.array([0.0, 0.2, np.nextafter(0.2, 1), 1.0])
    assert confidence_bins(edges).tolist() == [0, 2, 3, BINS - 1]
