"""True labels as people have them: never a wrong score without a word, never a lost prediction."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from models.console.command import ExitCode
from tests.cli import Invoke, Result, invoker
from tui.cli import cli

GOOD, BAD = "很满意，下次还来", "太差了，再也不买"


@pytest.fixture
def score(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Invoke:
    """Score the built-in model on a file, into `FILE.out`."""
    invoke = invoker(cli, monkeypatch, capfd)

    def run(path: Path, *arguments: object) -> Result:
        out = path.with_name("out.csv")
        command = ("classify", "--model", "builtin", path, "-o", out, "--label-column", "label")
        return invoke(*command, *arguments)

    return run


def write(path: Path, *rows: tuple[str, object]) -> Path:
    lines = [json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def receipt_of(path: Path) -> dict[str, Any]:
    beside = path.with_name("out.csv.receipt.json")
    receipt: dict[str, Any] = json.loads(beside.read_text(encoding="utf-8"))
    return receipt


def test_the_label_of_a_total_is_none_of_a_scale(score: Invoke, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", (GOOD, 1), (BAD, 0), ("合计：", 2))
    done = score(path)
    assert done.code == ExitCode.OK, done.stderr
    assert "accuracy 100.00% (2 of 2)" in done.stderr


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ("差评", "好评"),
        ("负面", "正面"),
        ("消极", "积极"),
        ("Negative", "Positive"),
        ("neg", "pos"),
        ("bad", "good"),
        ("不满意", "满意"),
        (0, 1.0),
        (["负向评价"], ["正向评价"]),
        ({"choices": ["Negative"]}, {"choices": ["Positive"]}),
    ],
)
def test_the_built_in_model_is_scored_on_labels_as_people_write_them(
    score: Invoke, tmp_path: Path, bad: object, good: object
) -> None:
    path = write(tmp_path / "a.jsonl", (GOOD, good), (BAD, bad))
    result = score(path)
    assert result.code == ExitCode.OK
    assert "accuracy 100.00% (2 of 2)" in result.stderr


def test_what_was_taken_for_what_is_said_and_recorded(score: Invoke, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", (GOOD, "好评"), (BAD, "差评"))
    assert "labels: 差评 = 负向评价, 好评 = 正向评价" in score(path).stderr
    taken = receipt_of(path)["true_labels"]["taken_for"]
    assert taken == {"好评": "正向评价", "差评": "负向评价"}


def test_a_record_without_a_label_that_is_known_is_predicted_and_not_scored(
    score: Invoke, tmp_path: Path
) -> None:
    labels: list[object] = [
        "好评",
        "",
        None,
        "中评",
        "物流",
        "中评",
        ["好评", "差评"],
        [],
    ]
    path = write(tmp_path / "a.jsonl", *((GOOD, label) for label in labels))
    result = score(path, "--json")
    assert result.code == ExitCode.OK
    assert len(path.with_name("out.csv").read_text("utf-8").splitlines()) == 9
    assert "accuracy 100.00% (1 of 1)" in result.stderr
    assert "3 records without a true label: predicted, not scored\n" in result.stderr
    unknown = "3 records whose true label the model does not know: predicted, not scored"
    assert f"{unknown} (中评 × 2, 物流 × 1)" in result.stderr
    assert (
        '1 record with two labels in one cell: predicted, not scored (["好评", "差评"] × 1)'
        in result.stderr
    )
    receipt = json.loads(result.stdout)
    assert receipt["counts"]["written"] == 8
    assert receipt["counts"]["rejected"] == 0
    assert receipt["true_labels"]["not_scored"] == {
        "missing": {"": 3},
        "two_labels": {'["好评", "差评"]': 1},
        "unknown": {"中评": 2, "物流": 1},
    }


@pytest.mark.parametrize(
    ("labels", "proposal"),
    [
        ([5, 1, 3, 4, 2], "1,2=负向评价; 4,5=正向评价; 3="),
        (["★★★★★", "★☆☆☆☆"], "★☆☆☆☆=负向评价; ★★★★★=正向评价"),
        (["五星", "一星"], "一星=负向评价; 五星=正向评价"),
        ([-1, 1], "-1=负向评价; 1=正向评价"),
        ([True, False], "False=负向评价; True=正向评价"),
    ],
)
def test_stars_stop_it_with_a_mapping_that_works_when_it_is_given(
    score: Invoke, tmp_path: Path, labels: list[object], proposal: str
) -> None:
    path = write(tmp_path / "a.jsonl", *((GOOD, label) for label in labels))
    result = score(path)
    assert result.code == ExitCode.DATA
    assert f"{labels[0]} × 1" in result.stderr
    assert f"--label-map '{proposal}'" in result.stderr
    assert not path.with_name("out.csv").exists()
    assert score(path, "--label-map", proposal).code == ExitCode.OK
    assert receipt_of(path)["run"]["settings"]["label_map"] == proposal


def test_a_star_far_down_the_file_is_seen_before_the_first_prediction(
    score: Invoke, tmp_path: Path
) -> None:
    rows = [(GOOD, 1)] * 40 + [(BAD, 0)] * 40 + [(GOOD, 5)]
    result = score(write(tmp_path / "a.jsonl", *rows))
    assert result.code == ExitCode.DATA
    assert "0 × 40, 1 × 40, 5 × 1" in result.stderr


def test_what_the_mapping_leaves_out_is_counted(score: Invoke, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", (GOOD, 5), (BAD, 1), (GOOD, 3))
    result = score(path, "--label-map", "1=负向评价；5＝正向评价；3=")
    assert "1 record left out by --label-map: predicted, not scored (3 × 1)" in result.stderr
    assert "(2 of 2)" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--label-map", "1,2"), "expected 'VALUE,VALUE=LABEL; VALUE=', found 1,2"),
        (
            ("--label-map", "1=好得很"),
            "好得很 is none of the labels 负向评价, 正向评价",
        ),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused(
    score: Invoke, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    result = score(write(tmp_path / "a.jsonl", (GOOD, 1)), *arguments)
    assert result.code == ExitCode.USAGE
    assert said in result.stderr


def test_a_mapping_goes_with_a_label_column(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    result = invoker(cli, monkeypatch, capfd)("classify", "a.csv", "--label-map", "1=正向评价")
    assert result.code == ExitCode.USAGE
    assert "--label-map goes with --label-column" in result.stderr


def test_a_file_without_a_single_label_is_predicted_and_nothing_is_scored(
    score: Invoke, tmp_path: Path
) -> None:
    result = score(write(tmp_path / "a.jsonl", (GOOD, ""), (BAD, None)))
    assert result.code == ExitCode.OK
    assert "no record has a true label to score by" in result.stderr
    assert "accuracy" not in result.stderr


@pytest.mark.parametrize(("good", "bad"), [("好评", "差评"), (1, 0)])
def test_labels_of_a_pipe_are_told_by_its_beginning(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    good: object,
    bad: object,
) -> None:
    rows = [("合计", 48), (BAD, bad), *[(GOOD, good)] * 40, (BAD, 7)]
    path = write(tmp_path / "a.jsonl", *rows)
    invoke = invoker(cli, monkeypatch, capfd)
    piped = ("classify", "--model", "builtin", "-", "--from", "jsonl", "--label-column", "label")
    with path.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        result = invoke(*piped)
    assert result.code == ExitCode.OK
    assert "(41 of 41)" in result.stderr
    assert "does not know: predicted, not scored (48 × 1, 7 × 1)" in result.stderr
