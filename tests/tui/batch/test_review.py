"""Which records `--review` marks: a share of the file, those below a confidence, or the model's."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from models.console.command import ExitCode, UserError
from models.review import Level
from tests.tui.batch.runs import LEVELS, contents, fake, in_child, run, small_chunks  # noqa: F401
from tui.batch.answer import Confidences, decide, doubts_of
from tui.batch.settings import BatchSettings
from tui.batch.status import Status
from tui.batch.summary import Summary, advice

pytestmark = pytest.mark.usefixtures("small_chunks")

TEXTS = [f"评论{number}" for number in range(40)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text("\n".join(["text", *TEXTS, '" "', "无"]) + "\n", encoding="utf-8")
    return path


def rows_of(output: Path) -> list[tuple[str, float]]:
    """Return status and confidence of each row with a label."""
    with output.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [(row["status"], float(row["confidence"])) for row in rows if row["confidence"]]


def test_a_status_follows_from_the_levels_and_what_was_read() -> None:
    sure = np.array([0.54, 0.55, 0.59, 0.6, 0.5, 0.9], dtype=np.float32)
    read = np.array([1, 1, 1, 1, 0.5, 0], dtype=np.float32)
    answers = np.stack([sure, 1 - sure, read], axis=1)
    _, _, statuses = decide(answers, LEVELS)
    words = [Status(status).word for status in statuses]
    assert words == ["look first", "look", "look", "ok", "truncated", "empty"]


def test_without_a_limit_the_model_says_what_is_to_be_looked_at(
    source: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    run(source, output)
    found = rows_of(output)
    assert len({status for status, _ in found}) == 3
    for status, confidence in found:
        expected = "look first" if confidence < 0.55 else "look" if confidence < 0.6 else "ok"
        assert status == expected


def test_a_confidence_takes_the_place_of_the_models_limit(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    summary = run(source, output, review="0.8")
    found = rows_of(output)
    assert {s for s, confidence in found if confidence < 0.55} == {"look first"}
    assert {s for s, confidence in found if 0.55 <= confidence < 0.8} == {"look"}
    assert {s for s, confidence in found if confidence >= 0.8} == {"ok"}
    assert summary.review == (LEVELS[0], Level(0.8), Level(1.0))  # nobody counted the second


@pytest.mark.parametrize(("share", "most"), [("25%", 10), ("100％", 40), ("7.5%", 3), ("0%", 0)])
def test_a_share_takes_as_many_of_the_least_sure(
    source: Path, tmp_path: Path, share: str, most: int
) -> None:
    output = tmp_path / "out.csv"
    summary = run(source, output, review=share)
    found = sorted(rows_of(output), key=lambda row: row[1])
    marked = [status in ("look", "look first") for status, _ in found]
    limit = found[most][1] if most < len(found) else 2.0
    assert marked == [confidence < limit and n < most for n, (_, confidence) in enumerate(found)]
    assert summary.written == 42
    assert (summary.predicted, summary.resumed) == (42, 0)


def test_a_run_with_a_share_that_was_killed_ends_with_the_same_bytes(
    source: Path, tmp_path: Path
) -> None:
    (tmp_path / "whole").mkdir()
    run(source, tmp_path / "whole" / "out.csv", review="25%")
    folder = tmp_path / "killed"
    folder.mkdir()
    output = folder / "out.csv"
    for kill_at in (9, 14, 20, 30, 45):
        in_child(source, output, kill_at=kill_at, review="25%")
    predictor = fake()
    summary = run(source, output, predictor, review="25%")
    assert contents(folder) == contents(tmp_path / "whole")
    assert summary.finished or summary.resumed > 0


def test_another_limit_is_another_run(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    in_child(source, output, kill_at=14, review="25%")
    with pytest.raises(UserError, match=r"settings\.review \(was \"25%\", is \"0\.9\"\)"):
        run(source, output, review="0.9")


@pytest.mark.parametrize("limit", ["ten", "", "%", "110%", "1.5", "-0.1", "nan"])
def test_what_is_no_limit_is_refused(source: Path, tmp_path: Path, limit: str) -> None:
    with pytest.raises(UserError, match="a share of the records") as caught:
        run(source, tmp_path / "out.csv", review=limit)
    assert caught.value.code == ExitCode.USAGE


def test_a_share_of_a_pipe_is_refused(source: Path) -> None:
    settings = BatchSettings(source, None, review="10%")
    with pytest.raises(UserError, match="an --output") as caught:
        settings.review_limit  # noqa: B018
    assert caught.value.code == ExitCode.USAGE
    assert BatchSettings(source, None, review="0.9").review_limit == (None, 0.9)


def test_equal_confidences_are_not_parted() -> None:
    confidences = Confidences()
    sure = np.repeat(np.float32([0.6, 0.7, 0.9]), [3, 4, 3])
    confidences.add(np.stack([sure, 1 - sure, np.ones(10)], axis=1).astype(np.float32))
    for share, expected in ((0.29, 0), (0.3, 3), (0.5, 3), (0.7, 7), (1.0, 10)):
        assert (sure < confidences.limit_of(share)).sum() == expected


def told(summary: Summary) -> list[str]:
    return advice(summary.statuses, summary.doubts, summary.review)


def test_the_share_of_the_errors_is_that_which_the_model_expects() -> None:
    statuses = np.array([Status.LOOK_FIRST] * 2 + [Status.LOOK] * 3 + [Status.OK] * 15)
    confidences = np.array([0.5] * 2 + [0.8] * 3 + [0.96] * 15, dtype=np.float32)
    summary = Summary(("差", "好"), 20)
    summary.statuses = np.bincount(statuses, minlength=len(Status))
    summary.doubts = doubts_of(statuses, confidences)
    assert summary.doubts[Status.LOOK_FIRST] == pytest.approx(1)
    summary.review = LEVELS
    assert told(summary) == [  # 1 of 1 + 0.6 + 0.6 errors
        "look first: 2 answers (10.0%), with about 45% of the errors",
        "  40% of such answers were wrong in validation (40 of 100)",
        "look: 3 answers (15.0%), with about 25% of the errors",
        "  25% of such answers were wrong in validation (20 of 80)",
    ]
    summary.review = (Level(0.55), Level(0.6), Level(1.0))
    assert [line[:4] for line in told(summary)] == ["look", "look"]
    assert told(Summary(("差", "好"), 0)) == []


def test_the_receipt_has_the_levels_and_the_counts(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    run(source, output, review="0.8")
    receipt = json.loads((tmp_path / "out.csv.receipt.json").read_bytes())
    assert receipt["run"]["settings"]["review"] == "0.8"
    assert receipt["run"]["model"]["review"][0] == {"below": 0.55, "rows": 100, "wrong": 40}
    counts = Counter(status for status, _ in rows_of(output))
    assert counts == {
        name: receipt["counts"]["status"][name] for name in ("ok", "look", "look first")
    }
