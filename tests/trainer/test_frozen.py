"""What the vectors of the frozen encoder tell: the head, doubted labels, and if more rows help."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.console import ExitCode, UserError
from models.run_directory import read_json, read_rows, read_run
from tests.tiny import REVIEWS
from trainer.data.dataset import Split
from trainer.data.splitting import fold_rows
from trainer.evaluate import evaluate_run
from trainer.frozen import FOLDS, _learning_curve, _out_of_fold
from trainer.head import Choice, Fold, HeadTrainer, LabelledFeatures
from trainer.report.suspects import Suspect, find_suspects, write_suspects
from trainer.settings import TrainingSettings
from trainer.training import train

FAST: dict[str, Any] = {
    "head_epochs": 20,
    "head_learning_rate": (1e-2,),
    "head_weight_decay": (0.01,),
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All reviews in one table, which has no splits."""
    path = tmp_path_factory.mktemp("table") / "all.csv"
    lines = ["text,label", *(f"{text},{label}" for text, label in REVIEWS)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folded(encoder: Path, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on that table."""
    run = tmp_path_factory.mktemp("runs") / "folded"
    train(TrainingSettings(encoder=str(encoder), data=(str(table),), output=run, **FAST))
    return run


def test_few_rows_without_splits_are_cross_validated(folded: Path) -> None:
    metrics, run = read_json(folded / "metrics.json"), read_run(folded)
    assert set(metrics) == {"dev", "history"}
    assert metrics["dev"]["rows"] == len(REVIEWS)
    folds = run.outcome["folds"]
    assert len(folds) == FOLDS
    assert sum(fold["rows"] for fold in folds) == len(REVIEWS)
    right = sum(round(fold["accuracy"] * fold["rows"]) for fold in folds)
    assert metrics["dev"]["accuracy"] == round(right / len(REVIEWS), 4)
    card = (folded / "MODEL_CARD.md").read_text(encoding="utf-8")
    lowest = min(fold["accuracy"] for fold in folds)
    assert f"The accuracies of the {FOLDS} folds are {100 * lowest:.1f} to" in card


def test_the_head_that_is_kept_has_learned_from_all_rows_and_dev_has_its_answers(
    folded: Path,
) -> None:
    rows = read_rows(folded / "dev.jsonl")
    assert {row.text for row in rows} == {text for text, _ in REVIEWS}
    right = sum(np.argmax(row.probabilities) == row.label for row in rows)
    assert right / len(rows) > read_json(folded / "metrics.json")["dev"]["accuracy"]


def test_the_export_of_such_a_run_has_the_levels_of_unseen_answers(folded: Path) -> None:
    from export.sources import load_source

    levels = read_json(folded / "metrics.json")["dev"]["review"]
    assert [vars(level) for level in load_source(folded).review] == levels
    assert levels[0]["wrong"] > 0


def test_such_a_run_is_not_scored_on_what_it_learned(folded: Path) -> None:
    with pytest.raises(UserError, match="was cross-validated on all of its rows, and has no test"):
        evaluate_run(folded, (), "test")


def test_a_test_that_is_asked_for_is_cut_and_found_again(
    encoder: Path, table: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"split_sizes": (0.1, 0.25), "pooling": "cls", **FAST}
    run = tmp_path / "run"
    train(TrainingSettings(encoder=str(encoder), data=(str(table),), output=run, **options))
    metrics = read_json(run / "metrics.json")
    assert metrics["test"]["rows"] == 12
    assert metrics["dev"]["rows"] == len(REVIEWS) - 12
    assert read_run(run).pooling == "cls"
    assert evaluate_run(run, (), "test")["confusion"] == metrics["test"]["confusion"]


def test_fine_tuning_still_wants_a_dev(encoder: Path, table: Path, tmp_path: Path) -> None:
    settings = TrainingSettings(
        encoder=str(encoder), data=(str(table),), output=tmp_path / "run", train="all"
    )
    with pytest.raises(UserError, match="expected the splits train, dev, test") as caught:
        train(settings)
    assert caught.value.code == ExitCode.DATA


def test_folds_are_even_in_each_class_and_keep_copies_together() -> None:
    labels = np.array([0] * 20 + [1] * 10 + [1] * 10)
    keys = [*map(str, range(30)), *map(str, range(20, 30))]  # the last ten are copies
    folds = fold_rows(labels, keys, 5, seed=1)
    assert np.bincount(folds[:20]).tolist() == [4] * 5
    assert np.bincount(folds[20:30]).tolist() == [2] * 5
    assert folds[20:30].tolist() == folds[30:].tolist()
    assert folds.tolist() != fold_rows(labels, keys, 5, seed=2).tolist()


def blobs(rows: int, distance: float, seed: int = 0) -> LabelledFeatures:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(rows) % 2
    features = torch.randn(rows, 4, generator=generator)
    features[:, 0] += (labels * 2 - 1) * distance
    return LabelledFeatures(features, labels)


HEADS = HeadTrainer(2, TrainingSettings(**FAST))
CHOICE = Choice("cls", 1e-2, 0.01, 20, [{"dev_macro_f1": 1.0}] * 20)


def test_wrong_labels_are_the_first_suspects_and_no_head_has_seen_its_rows() -> None:
    features, labels = blobs(200, distance=5)
    wrong = [3, 50, 120, 177]
    labels[wrong] = 1 - labels[wrong]
    fold_of = fold_rows(labels.numpy(), [*map(str, range(200))], FOLDS, seed=1)
    folds = [torch.from_numpy(fold_of == fold) for fold in range(FOLDS)]
    logits = _out_of_fold(HEADS, CHOICE, LabelledFeatures(features, labels), folds)
    assert logits.argmax(dim=1)[wrong].tolist() == (1 - labels[wrong]).tolist()
    split = Split([*map(str, range(200))], labels.numpy())
    suspects = find_suspects({"train": split}, {"train": logits}, ("a", "b"), 1.0)
    assert {int(suspect.text) for suspect in suspects[:6]} >= set(wrong)
    confidences = [suspect.confidence for suspect in suspects]
    assert confidences == sorted(confidences, reverse=True)
    labels[wrong[0]] = 1 - labels[wrong[0]]  # its own answer depends on other rows alone
    again = _out_of_fold(HEADS, CHOICE, LabelledFeatures(features, labels), folds)
    assert torch.equal(again[wrong[0]], logits[wrong[0]])


def test_a_learning_curve_rises_to_what_all_rows_reach() -> None:
    points = _learning_curve(HEADS, CHOICE, [Fold(blobs(400, 1), blobs(300, 1, seed=1))])
    assert [point["rows"] for point in points] == [25, 50, 100, 200, 400]
    assert points[-1]["macro_f1"] == 1.0  # as the search found it
    assert 0.5 < points[0]["macro_f1"] < points[3]["macro_f1"]


def test_suspects_open_in_a_spreadsheet_and_run_nothing_there(tmp_path: Path) -> None:
    path = tmp_path / "suspects.csv"
    write_suspects(path, [Suspect('=HYPERLINK("x")', "坏", "好", 0.9, "train")])
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row == {
        "text": '\'=HYPERLINK("x")',
        "label": "坏",
        "others_say": "好",
        "confidence": "0.9",
        "split": "train",
    }


def test_a_run_lists_as_suspects_what_its_answers_doubt(run: Path) -> None:
    with (run / "suspects.csv").open(encoding="utf-8-sig", newline="") as file:
        suspects = list(csv.DictReader(file))
    labels = read_run(run).labels
    for split in ("dev", "test"):
        wrong = set()
        for row in read_rows(run / f"{split}.jsonl"):
            if np.argmax(row.probabilities) != row.label:
                wrong.add((row.text, labels[row.label]))
        listed = {(row["text"], row["label"]) for row in suspects if row["split"] == split}
        assert listed == wrong
    document = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert document["outcome"]["suspects"] == len(suspects)
