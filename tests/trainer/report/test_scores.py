from pathlib import Path

import numpy as np
import pytest

from models.levels import levels_of
from models.metrics import Metrics
from models.review import Level
from trainer.data.dataset import Split
from trainer.data.duplicates import normalised, seen_rows
from trainer.report.calibration import say_calibration
from trainer.report.scores import bootstrap, score


def test_the_same_review_written_otherwise_is_the_same() -> None:
    assert normalised("ＯＫ，很 好！&#33;") == normalised("ok很好") == "ok很好"


def test_rows_that_training_has_seen_are_found() -> None:
    assert seen_rows(["很好！"], ["很 好", "很差"]).tolist() == [True, False]


def test_a_split_is_scored_whole_and_on_its_unseen_rows() -> None:
    train = Split(["很好"], np.array([1]))
    split = Split(["很好", "很差", "一般"], np.array([1, 0, 0]))
    probabilities = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    scores = score(probabilities, split, train)
    assert (scores["rows"], scores["accuracy"]) == (3, 0.6667)
    assert (scores["unseen"]["rows"], scores["unseen"]["accuracy"]) == (2, 0.5)
    assert "unseen" not in score(probabilities, split)


def answers(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return answers of three classes that are as often right as they are sure, and the truth."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([2, 1, 1], size=rows)
    true = (random.random((rows, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    return probabilities, true.clip(max=2)


def test_every_score_that_varies_with_the_rows_has_its_interval() -> None:
    probabilities, true = answers(500)
    split = Split(["x"] * 500, true)
    scores = score(probabilities, split)
    for key in ("accuracy", "macro_f1"):
        low, high = scores[f"{key}_interval"]
        assert 0 < low < scores[key] < high < 1
    assert 0 < scores["ece_interval"][0] < scores["ece_interval"][1]
    assert len(scores["precision"]) == len(scores["recall"]) == len(scores["f1"]) == 3


def test_rows_and_errors_are_counted_between_the_limits_of_dev() -> None:
    split = Split(["a", "b", "c", "d"], np.array([1, 0, 0, 0]))
    probabilities = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    levels = (Level(0.65), Level(0.75), Level(1.0))
    assert score(probabilities, split, levels=levels)["review"] == [
        {"below": 0.65, "rows": 1, "wrong": 0},
        {"below": 0.75, "rows": 1, "wrong": 1},
        {"below": 1.0, "rows": 2, "wrong": 0},
    ]
    assert "review" not in score(probabilities, split)


def test_a_split_whose_rows_are_all_seen_says_that_nothing_is_known() -> None:
    split = Split(["很好"], np.array([1]))
    scores = score(np.array([[0.1, 0.9]]), split, split)["unseen"]
    assert scores["rows"] == 0
    for key in ("accuracy", "macro_f1", "ece"):
        assert (scores[key], scores[f"{key}_interval"]) == (0, [0, 1])


def test_the_bootstrap_gives_the_spread_of_macro_f1_over_other_rows_of_the_same_kind() -> None:
    def macro_f1(seed: int) -> float:
        probabilities, true = answers(400, seed)
        return Metrics.of(true, probabilities.argmax(axis=1), 3).macro_f1

    spread = np.std([macro_f1(seed) for seed in range(300)])
    (low, high), _ = bootstrap(*answers(400))
    assert (high - low) / (2 * 1.96) == pytest.approx(spread, rel=0.2)


def test_the_bootstrap_is_the_same_each_time_and_narrows_with_more_rows() -> None:
    few, many = answers(100), answers(10_000)
    assert bootstrap(*few) == bootstrap(*few)
    for wide, narrow in zip(bootstrap(*few), bootstrap(*many), strict=True):
        assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])


def test_the_table_of_scores_fits_a_terminal_of_80_columns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from trainer.console import print_scores

    probabilities, true = answers(500)
    split = Split([f"{row}" for row in range(500)], true)
    train = Split(["1"], np.array([0]))
    scores = score(probabilities, split, train)
    both = {"dev": scores, "test": scores | {"rows": 1_234_567}}
    print_scores(both, "frozen encoder", ["a", "b", "c"])
    *lines, _recalls = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert max(map(len, lines)) <= 80
    low, high = scores["accuracy_interval"]
    assert f"{scores['accuracy']:.2%} ({100 * low:.1f}–{100 * high:.1f})" in lines[1]
    assert f"{scores['ece']:.2%}" in lines[1]


def test_what_a_mean_hides_stands_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    from trainer.console import print_scores

    probabilities, true = np.tile([0.1, 0.9], (100, 1)), np.array([0] * 5 + [1] * 95)
    scores = score(probabilities, Split([""] * 100, true))
    print_scores({"test": scores}, "", ["差评", "好评"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        "test: recall 差评 0.0%, 好评 100.0%; always to say 好评 would be right in 95.0%"
    )


def test_a_temperature_that_the_search_ends_at_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    probabilities, true = answers(50)
    scores = score(probabilities, Split([""] * 50, true), levels=levels_of(probabilities, true))
    for temperature, at_bound in ((0.0500001, True), (1.0, False), (19.99, True)):
        say_calibration(temperature, scores | {"ece_uncalibrated": 0.1})
        assert ("at the bound of its search" in capsys.readouterr().err) == at_bound


def test_the_card_says_the_scores_with_their_intervals_the_calibration_and_the_pictures(
    run: Path,
) -> None:
    from models.run_directory import read_json, read_run

    card = (run / "MODEL_CARD.md").read_text(encoding="utf-8")
    scores, recorded = read_json(run / "metrics.json")["test"], read_run(run)
    for key in ("accuracy", "macro_f1", "ece"):
        low, high = scores[f"{key}_interval"]
        assert f"{scores[key]:.2%} ({100 * low:.1f}–{100 * high:.1f})" in card
    assert f"temperature of {recorded.temperature:.3f}" in card
    assert f"{scores['ece_uncalibrated']:.2%} and {scores['ece']:.2%} on test" in card
    for name in ("learning-curve", "confusion", "reliability", "coverage"):
        assert f"]({name}.png)" in card
        assert (run / f"{name}.png").is_file()
