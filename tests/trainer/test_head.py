import math

import pytest
import torch

from models.console.command import UserError
from trainer.head import Fit, LabelledFeatures, search_head
from trainer.settings import TrainingSettings


def separable(seed: int = 0, scale: float = 1.0) -> LabelledFeatures:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(200) % 2
    features = torch.randn(200, 8, generator=generator)
    features[:, 0] += (labels * 2 - 1) * 4
    return LabelledFeatures(features * scale + 100, labels)


def search(
    scale: float = 1.0,
    epochs: int = 20,
    rates: tuple[float, ...] = (1e-3,),
    decays: tuple[float, ...] = (0.01,),
    seed: int = 42,
) -> Fit:
    settings = TrainingSettings(
        head_epochs=epochs, head_learning_rate=rates, head_weight_decay=decays, seed=seed
    )
    train, dev = separable(scale=scale), separable(seed=1, scale=scale)
    return search_head(train, dev, 2, settings)


def test_separable_classes_are_separated_far_below_the_floor_of_a_double_softmax() -> None:
    # With softmax before cross-entropy the loss of two classes cannot fall below ln(e + 1) - 1.
    floor = math.log(math.e + 1) - 1
    found = search(rates=(0.05,), epochs=100)
    assert found.history[-1]["train_loss"] < floor / 3
    dev = separable(seed=1)
    said = found.head(dev.features).argmax(dim=1)
    assert (said == dev.labels).float().mean() > 0.98


def test_the_head_works_on_features_as_they_are_whatever_their_scale() -> None:
    features = separable(seed=1).features - 100
    answers = [
        search(scale=scale).head(features * scale + 100).softmax(dim=1) for scale in (1e-3, 1e3)
    ]
    torch.testing.assert_close(answers[0], answers[1], atol=0.02, rtol=0)


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not() -> None:
    first, again, other = search(epochs=3), search(epochs=3), search(epochs=3, seed=7)
    assert torch.equal(first.head.weight, again.head.weight)
    assert not torch.equal(first.head.weight, other.head.weight)


def test_the_setting_and_epoch_with_the_lowest_loss_on_dev_are_kept() -> None:
    rates, decays = (1e-4, 3e-2), (0.01, 10.0)
    found = search(rates=rates, decays=decays)
    singles = [search(rates=(rate,), decays=(decay,)) for rate in rates for decay in decays]
    assert found.dev_loss == min(single.dev_loss for single in singles)
    losses = [entry["dev_loss"] for entry in found.history]
    assert found.dev_loss == min(losses)
    assert found.best_epoch == losses.index(min(losses)) + 1


def test_a_learning_rate_at_which_nothing_is_learned_is_no_choice() -> None:
    assert search(rates=(1e-3, 1e37)).learning_rate == 1e-3
    with pytest.raises(UserError, match="Try smaller values of --head-learning-rate"):
        search(rates=(1e37,))


def test_class_weights_move_the_answers_to_the_class_that_weighs_more() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = LabelledFeatures(torch.randn(400, 4, generator=generator), torch.arange(400) % 2)
    settings = TrainingSettings(head_epochs=5, seed=0)
    shares = [
        search_head(noise, noise, 2, settings, weights)
        .head(noise.features)
        .argmax(dim=1)
        .float()
        .mean()
        for weights in (torch.tensor([10.0, 1.0]), torch.tensor([1.0, 10.0]))
    ]
    assert shares[0] < 0.1 < 0.9 < shares[1]
