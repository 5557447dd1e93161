"""Distillation: a student learns what finished runs answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.console import UserError
from models.labels import LabelSet
from models.run_directory import read_json, read_rows, read_run
from tests.tiny import REVIEWS, write_encoder
from trainer.optimizer import loss_of, targets_of
from trainer.settings import TrainingSettings
from trainer.teacher import check_teacher, soft_labels
from trainer.training import train

TEXTS = [text for text, _ in REVIEWS]
CPU = torch.device("cpu")


def test_several_teachers_are_averaged_at_the_temperature(
    run: Path, encoder: Path, reviews: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    train(
        TrainingSettings(encoder=str(encoder), data=(str(reviews),), output=second, pooling="cls")
    )
    labels = LabelSet(read_run(run).labels)

    def ask(*teachers: Path, temperature: float = 1.0) -> Any:
        for path in teachers:
            check_teacher(path, labels)
        return soft_labels(
            teachers, TEXTS, temperature=temperature, cache=tmp_path / "c", device=CPU
        )

    one, other = ask(run), ask(second)
    np.testing.assert_allclose(ask(run, second), (one + other) / 2, atol=1e-6)
    assert not np.allclose(one, other, atol=1e-3)
    odds = np.log(one[:, 1] / one[:, 0])
    softer = ask(run, temperature=4.0)
    np.testing.assert_allclose(np.log(softer[:, 1] / softer[:, 0]), odds / 4, atol=1e-4)


def test_a_model_file_teaches_what_its_run_does(run: Path, model: Path, tmp_path: Path) -> None:
    check_teacher(model, LabelSet(read_run(run).labels))
    file, own = (
        soft_labels([path], TEXTS, temperature=2.0, cache=tmp_path, device=CPU)
        for path in (model, run)
    )
    np.testing.assert_allclose(file, own, atol=1e-5)


@pytest.mark.parametrize("kind", ["run", "model"])
def test_a_teacher_with_other_labels_is_an_error(kind: str, request: pytest.FixtureRequest) -> None:
    with pytest.raises(UserError, match=r"has the labels 负向评价, 正向评价, the data has 好, 坏"):
        check_teacher(request.getfixturevalue(kind), LabelSet(("好", "坏")))


@pytest.fixture
def loss() -> Callable[..., float]:
    def measure(soft: torch.Tensor | None, labels: list[int | None], **changed: float) -> float:
        logits = torch.tensor([[1.0, -1.0], [0.5, 2.0], [0.0, 0.3]])[: len(labels)]
        given: dict[str, Any] = {"teacher_weight": 0.25, "teacher_temperature": 2.0, **changed}
        settings = TrainingSettings(**given)
        known = [label for label in labels if label is not None]
        unknown = len(labels) - len(known)
        targets = targets_of(np.array(known, dtype=np.int64), 2, unlabelled=unknown)
        return float(loss_of(logits, torch.from_numpy(targets), settings, soft))

    return measure


def test_the_loss_is_the_labels_and_the_teachers_by_their_weights(
    loss: Callable[..., float],
) -> None:
    soft = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    hard = loss(None, [0, 1])
    taught = loss(soft, [0, 1], teacher_weight=1.0)
    assert loss(soft, [0, 1]) == pytest.approx(0.75 * hard + 0.25 * taught)
    cold = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert loss(cold, [0, 1], teacher_weight=1.0, teacher_temperature=1.0) == pytest.approx(hard)


def test_rows_without_label_count_for_the_teachers_and_rows_of_nothing_for_nobody(
    loss: Callable[..., float],
) -> None:
    soft = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    both = loss(soft, [0, None], teacher_weight=1.0)
    assert both == loss(soft, [0, 1], teacher_weight=1.0)
    assert loss(soft, [0, None], teacher_weight=0.0) == loss(soft[:1], [0], teacher_weight=0)
    padded = torch.cat([soft, torch.zeros(1, 2)])
    assert loss(padded, [0, 1, None]) == pytest.approx(loss(soft, [0, 1]))


def test_a_student_comes_to_answer_as_its_teacher_does(
    reviews: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dev = [row.text for row in read_rows(run / "dev.jsonl")]
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join([*(f"{text}啊" for text in TEXTS), dev[0]]), encoding="utf-8")
    output = tmp_path / "student"
    train(
        TrainingSettings(
            encoder=str(write_encoder(tmp_path / "encoder", seed=1)),
            data=(str(reviews),),
            output=output,
            pooling="mean",
            head_epochs=1,
            head_learning_rate=(1e-5,),
            train="all",
            epochs=8,
            batch_size=8,
            learning_rate=3e-3,
            patience=8,
            precision="fp32",
            teacher=(run,),
            teacher_weight=1.0,
            unlabelled=(texts,),
        )
    )
    said = capsys.readouterr().err
    assert f"{len(TEXTS)} texts without a label" in said
    assert "1 text left out: dev or test has them" in said
    recorded = read_json(output / "run.json")["settings"]
    assert (recorded["teacher"], recorded["unlabelled"]) == (["tiny"], ["texts.txt"])
    _, *history = read_json(output / "metrics.json")["history"]
    losses = [entry["train_loss"] for entry in history]
    assert losses[-1] < losses[0]
