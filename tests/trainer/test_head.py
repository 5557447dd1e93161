import math
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from models.console import UserError
from trainer.head import Choice, Fold, HeadTrainer, LabelledFeatures
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
) -> tuple[Choice, nn.Linear]:
    settings = TrainingSettings(
        head_epochs=epochs, head_learning_rate=rates, head_weight_decay=decays, seed=seed
    )
    train, dev = separable(scale=scale), separable(seed=1, scale=scale)
    heads = HeadTrainer(2, settings)
    choice = heads.search({"cls": [Fold(train, dev)]})
    return choice, heads.fit(train, choice)


def test_separable_classes_are_separated_far_below_the_floor_of_a_double_softmax() -> None:
    # With softmax before cross-entropy the loss of two classes cannot fall below ln(e + 1) - 1.
    floor = math.log(math.e + 1) - 1
    found, head = search(rates=(0.05,), epochs=100)
    assert found.history[-1]["train_loss"] < floor / 3
    dev = separable(seed=1)
    said = head(dev.features).argmax(dim=1)
    assert (said == dev.labels).float().mean() > 0.98


def test_the_head_works_on_features_as_they_are_whatever_their_scale() -> None:
    features = separable(seed=1).features - 100
    answers = [
        search(scale=scale)[1](features * scale + 100).softmax(dim=1) for scale in (1e-3, 1e3)
    ]
    torch.testing.assert_close(answers[0], answers[1], atol=0.02, rtol=0)


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not() -> None:
    first, again, other = (search(epochs=3, seed=seed)[1].weight for seed in (42, 42, 7))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_setting_and_epoch_with_the_lowest_loss_on_dev_are_kept() -> None:
    rates, decays = (1e-4, 3e-2), (0.01, 10.0)
    found, head = search(rates=rates, decays=decays)
    singles = [search(rates=(rate,), decays=(decay,))[0] for rate in rates for decay in decays]
    lowest = min(single.best["dev_loss"] for single in singles)
    assert found.best["dev_loss"] == pytest.approx(lowest, abs=1e-6)
    losses = [entry["dev_loss"] for entry in found.history]
    assert found.best["dev_loss"] == min(losses)
    assert found.best_epoch == losses.index(min(losses)) + 1
    dev = separable(seed=1)
    loss = F.cross_entropy(head(dev.features), dev.labels).item()
    assert loss == pytest.approx(min(losses), abs=1e-6)  # trained anew to that epoch


def test_a_learning_rate_at_which_nothing_is_learned_is_no_choice() -> None:
    assert search(rates=(1e-3, 1e37))[0].learning_rate == 1e-3
    with pytest.raises(UserError, match="Try smaller values of --head-learning-rate"):
        search(rates=(1e37,))


def test_class_weights_move_the_answers_to_the_class_that_weighs_more() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = LabelledFeatures(torch.randn(400, 4, generator=generator), torch.arange(400) % 2)
    settings = TrainingSettings(head_epochs=5, seed=0)
    shares = []
    for weights in (torch.tensor([10.0, 1.0]), torch.tensor([1.0, 10.0])):
        heads = HeadTrainer(2, settings, weights)
        head = heads.fit(noise, heads.search({"cls": [Fold(noise, noise)]}))
        shares.append(head(noise.features).argmax(dim=1).float().mean())
    assert shares[0] < 0.1 < 0.9 < shares[1]


def test_the_pooling_with_the_lower_loss_on_held_out_rows_is_kept() -> None:
    labels = separable().labels
    noise = LabelledFeatures(torch.randn(200, 8, generator=torch.Generator()), labels)
    good, bad = [Fold(separable(), separable(seed=1))], [Fold(noise, noise.take(labels == labels))]
    heads = HeadTrainer(2, TrainingSettings(head_epochs=5))
    assert heads.search({"cls": bad, "mean": good}).pooling == "mean"
    assert heads.search({"cls": good, "mean": bad}).pooling == "cls"


def test_a_choice_over_folds_is_by_the_mean_of_their_losses() -> None:
    folds = [Fold(separable(), separable(seed=1)), Fold(separable(seed=2), separable(seed=3))]
    heads = HeadTrainer(2, TrainingSettings(head_epochs=3, head_learning_rate=(1e-3,)))
    both = heads.search({"cls": folds}).history
    singles = [heads.search({"cls": [fold]}) for fold in folds]
    # the decays hardly part, so the entries of the chosen ones may be compared
    for epoch, entry in enumerate(both):
        mean = sum(single.history[epoch]["dev_loss"] for single in singles) / 2
        assert entry["dev_loss"] == pytest.approx(mean, abs=1e-4)


def test_heads_side_by_side_are_what_torchs_adamw_makes_of_each() -> None:
    train, dev = separable(), separable(seed=1)
    rates, decays = (1e-2, 3e-4), (0.1, 1.0)
    settings = TrainingSettings(
        head_epochs=3, head_learning_rate=rates, head_weight_decay=decays, seed=1
    )
    found = [*HeadTrainer(2, settings)._train(train, [*product(rates, decays)])][-1]
    mean, deviation = train.features.mean(dim=0), train.features.std(dim=0)
    for number, (rate, decay) in enumerate(product(rates, decays)):
        single = nn.Linear(8, 2)
        for weights in single.parameters():
            nn.init.zeros_(weights)
        adamw = torch.optim.AdamW(single.parameters(), lr=rate, weight_decay=decay)
        random = torch.Generator().manual_seed(1)
        for _ in range(3):
            for batch in torch.randperm(200, generator=random).split(settings.batch_size):
                z = (train.features[batch] - mean) / deviation
                adamw.zero_grad()
                F.cross_entropy(single(z), train.labels[batch]).backward()
                adamw.step()
        expected = single((dev.features - mean) / deviation)
        logits = dev.features @ found.weight[:, number] + found.bias[:, number]
        torch.testing.assert_close(logits, expected, atol=2e-5, rtol=1e-4)


def test_epochs_are_said_without_a_flood(capfd: pytest.CaptureFixture[str]) -> None:
    search(epochs=30)
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("head on cls")]
    assert [line.split(":")[0] for line in said] == [
        f"head on cls, epoch {epoch}" for epoch in (1, 2, 5, 10, 20)
    ]
    assert "on train" in said[0] and "macro-F1" in said[0]
