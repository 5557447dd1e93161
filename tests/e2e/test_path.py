"""The whole path as a user walks it: three commands in a row, in an empty folder."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from models.run_directory import read_rows
from tests.shared import once
from tests.tiny import write_encoder, write_reviews


def python(folder: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the trainer and the exporter have run."""
    return once(tmp_path_factory, "path", train_and_export)


def train_and_export(folder: Path) -> None:
    write_encoder(folder / "encoder", hidden=64)
    reviews = write_reviews(folder / "reviews")
    # dev chooses the epoch: with the training rows in it, one that separates them
    (reviews / "dev.tsv").write_bytes((reviews / "train.tsv").read_bytes())
    how = ["--pooling", "mean", "--head-learning-rate", "0.01", "--head-epochs", "200"]
    python(
        folder,
        *("-m", "trainer", "--encoder", "encoder", "--data", "reviews", "--output", "runs/mine"),
        *how,
    )
    python(folder, "-m", "export", "--opset", "17")


def classify(folder: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    return python(folder, "-c", "from tui.cli import main; main()", "classify", *arguments)


@pytest.mark.long
def test_the_newest_run_becomes_the_model_that_classify_uses_and_says_so(folder: Path) -> None:
    done = classify(folder, "reviews/test.tsv", "-o", "used.tsv")
    assert (folder / "models" / "mine.onnx").is_file()
    assert "model: models/mine.onnx (" in done.stderr


def test_the_reviews_it_was_trained_on_are_separated(folder: Path) -> None:
    done = classify(folder, "reviews/train.tsv", "-o", "train.tsv", "--label-column", "label")
    assert "accuracy 100.00% (24 of 24)" in done.stderr


@pytest.mark.parametrize("split", ["dev", "test"])
def test_the_command_line_gives_the_answers_of_torch(folder: Path, split: str) -> None:
    classify(folder, f"reviews/{split}.tsv", "-o", f"{split}.csv")
    torch_rows = read_rows(folder / "runs" / "mine" / f"{split}.jsonl")
    with (folder / f"{split}.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    for row, expected in zip(found, torch_rows, strict=True):
        best = max(expected.probabilities)
        assert row["text"] == expected.text
        assert int(row["predicted_id"]) == expected.probabilities.index(best)
        assert float(row["confidence"]) == pytest.approx(best, abs=1e-5)


def test_evaluate_gives_the_score_that_classify_reports(folder: Path) -> None:
    done = python(
        folder,
        *("-m", "trainer", "evaluate", "runs/mine", "--data", "reviews", "--split", "test"),
        "--json",
    )
    scores = json.loads(done.stdout)
    report = classify(folder, "reviews/test.tsv", "-o", "t.tsv", "--label-column", "label").stderr
    assert f"accuracy {scores['accuracy']:.2%}" in report


def test_words_are_chinese_in_a_chinese_locale(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    done = classify(folder, "reviews/test.tsv", "-o", "zh.tsv")
    assert "模型：models/mine.onnx" in done.stderr
    assert "已写入 zh.tsv" in done.stderr
