import numpy as np
import torch

from models.labels import LabelSet
from trainer.data import Split
from trainer.evaluation import normalised, score, seen_rows


def test_the_same_review_written_otherwise_is_the_same() -> None:
    assert normalised("ＯＫ，很 好！&#33;") == normalised("ok很好") == "ok很好"


def test_rows_that_training_has_seen_are_found() -> None:
    assert seen_rows(["很好！"], ["很 好", "很差"]).tolist() == [True, False]


def test_a_split_is_scored_whole_and_on_its_unseen_rows() -> None:
    train = Split(["很好"], np.array([1]))
    split = Split(["很好", "很差", "一般"], np.array([1, 0, 0]))
    probabilities = torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    scores = score(probabilities, split, LabelSet(["坏", "好"]), train)
    assert (scores["rows"], scores["accuracy"]) == (3, 0.6667)
    assert (scores["unseen"]["rows"], scores["unseen"]["accuracy"]) == (2, 0.5)
    assert "unseen" not in score(probabilities, split, LabelSet(["坏", "好"]), None)
