import numpy as np
import pytest

from models.levels import counted, level_places, levels_of
from models.review import NO_LEVELS, Level, limited


def two(confidences: list[float]) -> np.ndarray:
    """Return rows of two classes that say 0 with these confidences."""
    sure = np.array(confidences, dtype=np.float32)
    return np.stack([sure, 1 - sure], axis=1)


CONFIDENCES = [0.51, 0.55, 0.62, 0.7, 0.7, 0.81, 0.9, 0.95, 0.99, 0.999]
#               wrong        wrong      wrong            wrong
LABELS = np.array([1, 0, 1, 0, 1, 0, 0, 0, 1, 0])


def test_half_of_the_errors_lie_below_the_first_limit_and_three_quarters_below_the_second() -> None:
    levels = levels_of(two(CONFIDENCES), LABELS)
    assert levels == (Level(0.621, 3, 2), Level(0.7, 2, 1), Level(1.0, 5, 1))


def test_a_lone_error_is_below_both_limits() -> None:
    levels = levels_of(two([0.6, 0.7, 0.8]), np.array([0, 1, 0]))
    assert levels == (Level(0.7, 2, 1), Level(0.7, 0, 0), Level(1.0, 1, 0))


def test_without_errors_nothing_is_to_be_looked_at() -> None:
    levels = levels_of(two([0.6, 0.9]), np.array([0, 0]))
    assert levels == (Level(0.0), Level(0.0), Level(1.0, 2, 0))
    assert levels_of(np.empty((0, 2)), np.array([], dtype=int)) == NO_LEVELS


def test_an_error_of_full_confidence_takes_every_answer_that_has_less() -> None:
    levels = levels_of(two([0.6, 1.0]), np.array([0, 1]))
    assert levels == (Level(1.0, 1, 0), Level(1.0, 0, 0), Level(1.0, 1, 1))


@pytest.mark.parametrize("seed", range(5))
def test_the_levels_count_every_row_and_find_as_many_errors_as_they_promise(seed: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([3, 1, 1], size=2_000)
    labels = (random.random((2_000, 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(max=2)
    first, look, others = levels_of(probabilities, labels)
    wrong = int((probabilities.argmax(axis=1) != labels).sum())
    assert first.rows + look.rows + others.rows == 2_000
    assert first.wrong + look.wrong + others.wrong == wrong
    assert first.wrong / wrong == pytest.approx(0.5, abs=0.02)
    assert (first.wrong + look.wrong) / wrong == pytest.approx(0.75, abs=0.02)
    assert first.wrong / first.rows > look.wrong / look.rows > others.wrong / others.rows


def test_other_rows_are_counted_by_the_same_limits() -> None:
    levels = levels_of(two(CONFIDENCES), LABELS)
    found = counted(levels, two([0.6, 0.65, 0.9, 0.9]), np.array([0, 1, 1, 0]))
    assert found == (Level(0.621, 1, 0), Level(0.7, 1, 1), Level(1.0, 2, 1))


def test_a_confidence_at_the_limit_is_not_below_it() -> None:
    levels = (Level(0.5), Level(0.75), Level(1.0))
    places = level_places(levels, np.array([0.49, 0.5, 0.74, 0.75, 1.0], dtype=np.float32))
    assert places.tolist() == [0, 1, 1, 2, 2]


def test_a_limit_of_the_user_keeps_what_was_counted_only_where_it_still_holds() -> None:
    levels = (Level(0.8, 200, 80), Level(0.93, 150, 30), Level(1.0, 1650, 50))
    assert limited(levels, 0.9) == (Level(0.8, 200, 80), Level(0.9), Level(1.0))
    assert limited(levels, 0.7) == (Level(0.7), Level(0.7), Level(1.0))
    assert limited(levels, 0) == NO_LEVELS
