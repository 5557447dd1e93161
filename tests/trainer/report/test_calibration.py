import numpy as np
import pytest
import torch
from torch import Tensor

from models.metrics import calibration_error
from trainer.report.calibration import (
    accuracy_against_coverage,
    fit_temperature,
    tempered,
)


def drawn(temperature: float, *, rows: int = 20_000, classes: int = 3) -> tuple[Tensor, np.ndarray]:
    """Return logits, and labels drawn with the probabilities softmax(logits / temperature)."""
    random = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(rows, classes, generator=random)
    labels = tempered(logits, temperature).multinomial(1, generator=random).squeeze(1)
    return logits, labels.numpy()


def cross_entropy(logits: Tensor, labels: np.ndarray, temperature: float) -> float:
    z = logits.double() / temperature
    return torch.nn.functional.cross_entropy(z, torch.from_numpy(labels)).item()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7, 6.0])
def test_the_temperature_that_made_the_labels_is_found(temperature: float) -> None:
    assert fit_temperature(*drawn(temperature)) == pytest.approx(temperature, rel=0.04)


def test_no_other_temperature_has_a_lower_cross_entropy() -> None:
    logits, labels = drawn(1.7, rows=300)
    found = fit_temperature(logits, labels)
    best = cross_entropy(logits, labels, found)
    for other in np.geomspace(0.05, 20, 200):
        assert best <= cross_entropy(logits, labels, float(other)) + 1e-12
    assert best < min(cross_entropy(logits, labels, found * factor) for factor in (0.99, 1.01))


def test_logits_twice_as_large_need_twice_the_temperature() -> None:
    logits, labels = drawn(1.7, rows=300)
    assert fit_temperature(2 * logits, labels) == pytest.approx(2 * fit_temperature(logits, labels))


def test_the_temperature_stays_in_its_range() -> None:
    logits, labels = drawn(1.0, rows=300)
    assert fit_temperature(1e4 * logits, labels) == pytest.approx(20)
    assert fit_temperature(1e-4 * logits, labels) == pytest.approx(0.05)
    always_wrong = 1 - logits[:, :2].argmax(dim=1).numpy()
    assert fit_temperature(logits[:, :2], always_wrong) == pytest.approx(20)


def test_rows_without_a_mistake_say_nothing_of_the_temperature() -> None:
    logits, _ = drawn(1.0, rows=30)
    assert fit_temperature(logits, logits.argmax(dim=1).numpy()) == 1
    assert fit_temperature(torch.zeros(4, 2), np.array([0, 1, 0, 1])) == 1


def test_calibrating_lowers_the_calibration_error_and_changes_no_label() -> None:
    logits, labels = drawn(2.0)
    probabilities = tempered(logits, fit_temperature(logits, labels))
    before = calibration_error(tempered(logits, 1.0).numpy(), labels)
    assert calibration_error(probabilities.numpy(), labels) < before / 5
    assert torch.equal(probabilities.argmax(dim=1), logits.argmax(dim=1))


def two(confidences: list[float]) -> np.ndarray:
    """Return rows of two classes that say 0 with these confidences."""
    sure = np.array(confidences, dtype=np.float32)
    return np.stack([sure, 1 - sure], axis=1)


def test_answers_of_equal_confidence_stay_together() -> None:
    probabilities, labels = two([0.9, 0.9, 0.8, 0.8]), np.array([0, 0, 0, 1])
    thresholds, coverage, accuracy = accuracy_against_coverage(probabilities, labels)
    assert thresholds.tolist() == [np.float32(0.9), np.float32(0.8)]
    assert coverage.tolist() == [0.5, 1]
    assert accuracy.tolist() == [1, 0.75]
