"""A run saved for transformers answers as the run does."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from models.console import ExitCode, UserError
from models.run_directory import read_json, read_rows, read_run
from trainer import saving
from trainer.saving import save_run
from trainer.settings import TrainingSettings
from trainer.training import train


@pytest.fixture(scope="module")
def cls_run(encoder: Path, reviews: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "cls"
    options: dict[str, Any] = {"pooling": "cls", "max_length": 12, "head_epochs": 30}
    few: dict[str, Any] = {"head_learning_rate": (0.05,), "head_weight_decay": (0.01,)}
    train(
        TrainingSettings(encoder=str(encoder), data=(str(reviews),), output=run, **options, **few)
    )
    return run


def largest_difference(run: Path, folder: Path, **options: Any) -> float:
    model = AutoModelForSequenceClassification.from_pretrained(folder, **options).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = [row for split in ("dev", "test") for row in read_rows(run / f"{split}.jsonl")]
    texts = [row.text for row in rows]
    batch = tokenizer(texts, truncation=True, padding=True, return_tensors="pt")
    with torch.inference_mode():
        found = model(**batch).logits.softmax(dim=1)
    expected = torch.tensor([row.probabilities for row in rows])
    assert model.config.id2label == dict(enumerate(read_run(run).labels))
    return float((found - expected).abs().max())


def test_with_cls_it_is_the_class_that_transformers_has(cls_run: Path, tmp_path: Path) -> None:
    save_run(cls_run, tmp_path / "saved")
    assert read_json(tmp_path / "saved/config.json")["architectures"] == [
        "BertForSequenceClassification"
    ]
    assert largest_difference(cls_run, tmp_path / "saved") <= 1e-5


def test_with_the_mean_it_brings_its_own_class_and_no_path_of_this_machine(
    run: Path, encoder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    save_run(run, tmp_path / "saved")
    assert "trust_remote_code=True" in capfd.readouterr().err
    assert (tmp_path / "saved/pooled_classifier.py").is_file()
    assert largest_difference(run, tmp_path / "saved", trust_remote_code=True) <= 1e-5
    for path in (tmp_path / "saved").glob("*.json"):
        assert str(encoder.parent) not in json.dumps(read_json(path))


def test_what_would_answer_otherwise_is_not_saved(
    cls_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "_SMALL", 1.0)  # tanh then bends the logits
    with pytest.raises(UserError, match="would differ from the run") as caught:
        save_run(cls_run, tmp_path / "saved")
    assert caught.value.code == ExitCode.CONFIG
    assert not [*tmp_path.iterdir()]


def test_nothing_is_overwritten(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="exists; name another folder") as caught:
        save_run(run, tmp_path)
    assert caught.value.code == ExitCode.CANNOT_CREATE
