import math

import torch

from trainer.head import Fit, HeadSettings, fit_head


def separable(seed: int = 0, scale: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(200) % 2
    features = torch.randn(200, 8, generator=generator)
    features[:, 0] += (labels * 2 - 1) * 4
    return features * scale + 100, labels


def fit(scale: float = 1.0, **settings: float) -> Fit:
    features, labels = separable(scale=scale)
    dev_features, dev_labels = separable(seed=1, scale=scale)
    return fit_head(
        features,
        labels,
        dev_features,
        dev_labels,
        classes=2,
        settings=HeadSettings(**settings),  # type: ignore[arg-type]
    )


def test_separable_classes_are_separated_far_below_the_floor_of_a_double_softmax() -> None:
    # With softmax before cross-entropy the loss of two classes cannot fall below ln(e + 1) - 1.
    floor = math.log(math.e + 1) - 1
    found = fit(weight_decay=0.0, learning_rate=0.05)
    assert found.history[-1]["train_loss"] < floor / 3
    dev_features, dev_labels = separable(seed=1)
    said = found.head.logits(dev_features).argmax(dim=1)
    assert (said == dev_labels).float().mean() > 0.98


def test_the_head_works_on_features_as_they_are_whatever_their_scale() -> None:
    dev_features, _ = separable(seed=1)
    small, large = fit(scale=1e-3), fit(scale=1e3)
    answers = [
        found.head.logits((dev_features - 100) * scale + 100).softmax(dim=1)
        for found, scale in ((small, 1e-3), (large, 1e3))
    ]
    torch.testing.assert_close(answers[0], answers[1], atol=0.02, rtol=0)


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not() -> None:
    first, again, other = fit(epochs=3), fit(epochs=3), fit(epochs=3, seed=7)
    assert torch.equal(first.head.weight, again.head.weight)
    assert not torch.equal(first.head.weight, other.head.weight)


def test_the_epoch_that_is_best_on_dev_is_kept() -> None:
    found = fit(epochs=20)
    scores = [(entry["dev_macro_f1"], -entry["dev_loss"]) for entry in found.history]
    assert found.best_epoch == scores.index(max(scores)) + 1
    assert [entry["epoch"] for entry in found.history] == list(range(1, 21))
