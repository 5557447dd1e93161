"""`python -m trainer`: what the options become, and what is refused before anything is loaded."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from models import run_directory
from models.console import ExitCode
from tests.cli import Invoke, invoker
from trainer import training
from trainer.__main__ import main
from trainer.settings import TrainingSettings


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Invoke:
    return invoker(main, monkeypatch, capfd)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[TrainingSettings]:
    """What `train` was asked to do, instead of doing it."""
    found: list[TrainingSettings] = []

    def train(settings: TrainingSettings) -> dict[str, Any]:
        found.append(settings)
        scores = {
            **{"rows": 2, "accuracy": 0.5, "accuracy_interval": [0.1, 0.9]},
            **{"macro_f1": 0.5, "ece": 0.1, "recall": [1.0, 0.0], "confusion": [[1, 0], [1, 0]]},
        }
        return {"dev": scores, "test": scores}

    monkeypatch.setattr(training, "train", train)
    run = SimpleNamespace(labels=("差", "好"))
    monkeypatch.setattr(run_directory, "read_run", lambda _: run)
    return found


def test_the_defaults_are_those_of_the_tutorial_but_for_the_pooling(
    trainer: Invoke, asked: list[TrainingSettings]
) -> None:
    assert trainer().code == ExitCode.OK
    (settings,) = asked
    assert settings.encoder == "google-bert/bert-base-chinese"
    assert settings.data == ("lansinuote/ChnSentiCorp",)
    assert (settings.pooling, settings.max_length, settings.seed) == ("auto", 350, 42)
    assert (settings.batch_size, settings.head_epochs, settings.train) == (32, 100, "head")
    assert settings.output.parent == Path("runs")


def test_every_option_reaches_the_settings(trainer: Invoke, asked: list[TrainingSettings]) -> None:
    arguments = (
        *("--encoder", "e", "--data", "a.csv", "--data", "b.csv", "--output", "o", "--force"),
        *(
            "--labels",
            "差",
            "--labels",
            " 好",
            "--pooling",
            "mean",
            "--max-length",
            "99",
            "--seed",
            "7",
        ),
        *("--text-column", "t", "--label-column", "l", "--encoding", "gb18030", "--device", "cpu"),
        *(
            "--split-sizes",
            "0.2",
            "0.1",
            "--drop-contradictions",
            "--drop-leaks",
            "--class-weights",
        ),
        *("--batch-size", "8", "--head-epochs", "9"),
        *("--head-learning-rate", "0.1", "--head-learning-rate", "0.2"),
        *("--layers", "0", "--layers", "3"),
        *("--head-weight-decay", "0", "--train", "last:2", "--epochs", "4"),
        *("--learning-rate", "1e-4", "--layer-decay", "0.8", "--weight-decay", "0.02"),
        *("--warmup", "0.2", "--label-smoothing", "0.05"),
        *("--accumulation", "3", "--patience", "5"),
    )
    assert trainer(*arguments).code == ExitCode.OK
    assert asked == [
        TrainingSettings(
            encoder="e",
            data=("a.csv", "b.csv"),
            output=Path("o"),
            pooling="mean",
            max_length=99,
            labels=("差", "好"),
            text_column="t",
            label_column="l",
            encoding="gb18030",
            split_sizes=(0.2, 0.1),
            drop_contradictions=True,
            drop_leaks=True,
            class_weights=True,
            device="cpu",
            force=True,
            seed=7,
            batch_size=8,
            head_epochs=9,
            layers=(0, 3),
            head_learning_rate=(0.1, 0.2),
            head_weight_decay=(0.0,),
            train="last:2",
            epochs=4,
            learning_rate=1e-4,
            layer_decay=0.8,
            weight_decay=0.02,
            warmup=0.2,
            label_smoothing=0.05,
            accumulation=3,
            patience=5,
        )
    ]


def test_a_config_file_gives_options_and_the_command_line_goes_before_it(
    trainer: Invoke, asked: list[TrainingSettings], tmp_path: Path
) -> None:
    config = tmp_path / "mine.toml"
    config.write_text(
        'encoder = "mine"\ndata = ["a.csv", "b.csv"]\nmax-length = 99\nforce = true\n'
        'head-learning-rate = 0.1\ntrain = "last:2"\nlearning-rate = 1e-4\n'
        "layers = [0, 3]\nsplit-sizes = [0.1, 0.2]\n"
    )
    assert trainer("--config", config, "--max-length", "50").code == ExitCode.OK
    (settings,) = asked
    assert (settings.encoder, settings.data) == ("mine", ("a.csv", "b.csv"))
    assert (settings.max_length, settings.force) == (50, True)
    assert settings.head_learning_rate == (0.1,)
    assert (settings.layers, settings.split_sizes) == ((0, 3), (0.1, 0.2))
    assert (settings.train, settings.last_layers, settings.learning_rate) == ("last:2", 2, 1e-4)


def test_what_trains_can_be_said_over_a_config_file(
    trainer: Invoke, asked: list[TrainingSettings], tmp_path: Path
) -> None:
    config = tmp_path / "mine.toml"
    config.write_text('train = "all"\nepochs = 3\n')
    assert trainer("--config", config, "--train", "head").code == ExitCode.OK
    assert asked[0].train == "head"
    config.write_text('train = "all"\nneutral = "中评"\n', encoding="utf-8")
    result = trainer("--config", config, "--train", "head")
    assert result.code == ExitCode.USAGE
    assert "--neutral is for --train last:N or all" in result.stderr
    config.write_text('train = "all"\nepochs = 3\n')
    result = trainer("--config", config, "--train", "head", "--patience", "2")
    assert "--patience is for --train last:N or all" in result.stderr


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (None, ExitCode.NO_INPUT, "no such file"),
        ("encoder", ExitCode.DATA, "is not TOML"),
        ("lr = 1", ExitCode.USAGE, "expected options of python -m trainer, found lr"),
        ("max-length = 'long'", ExitCode.USAGE, "--max-length"),
        ("train = 'all'\nepochs = 2.9", ExitCode.USAGE, "'2.9' is not a valid integer"),
        ("layers = [0.9, 1.7]", ExitCode.USAGE, "'0.9' is not a valid integer"),
        ("split-sizes = 0.1", ExitCode.USAGE, "Takes 2 values but 1 was given"),
        ("config = 'other.toml'", ExitCode.USAGE, "found config"),
        ("epochs = 3", ExitCode.USAGE, "--epochs is for --train last:N or all"),
        ("data = []", ExitCode.USAGE, "--data: expected labelled reviews, found nothing"),
    ],
)
def test_a_config_file_that_cannot_be_used_says_why(
    trainer: Invoke,
    asked: list[TrainingSettings],
    tmp_path: Path,
    content: str | None,
    code: ExitCode,
    message: str,
) -> None:
    if content is not None:
        (tmp_path / "c.toml").write_text(content)
    result = trainer("--config", tmp_path / "c.toml")
    assert (result.code, asked) == (code, [])
    assert message in result.stderr


def test_scores_are_printed_as_a_table_or_as_json(
    trainer: Invoke, asked: list[TrainingSettings]
) -> None:
    assert "50.00% (10.0–90.0)" in trainer().stdout
    assert json.loads(trainer("--json").stdout)["test"]["accuracy"] == 0.5
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--head-epochs", "0"), "--head-epochs 0 is for --train last:N or all"),
        (("--epochs", "3"), "--epochs is for --train last:N or all"),
        (("--label-smoothing", "0.1"), "--label-smoothing is for --train last:N or all"),
        (("--train", "some"), "expected head, last:N or all, found some"),
        (("--train", "last:x"), "expected head, last:N or all, found last:x"),
        (("--head-learning-rate", "fast"), "'fast' is not a valid float"),
        (("--head-weight-decay=-1",), "-1.0 is not in the range x>=0"),
        (("--layers", "0,x"), "'0,x' is not a valid integer"),
        (("--layers=-1",), "-1 is not in the range x>=0"),
        (("--teacher", "r"), "--teacher is for --train last:N or all"),
        (("--train", "all", "--unlabelled", "t.txt"), "--unlabelled is for training with"),
        (("--train", "all", "--teacher-weight", "1"), "--teacher-weight is for training"),
        (("--max-length", "2"), "--max-length"),
        (("--train", "all", "--learning-rate", "nan"), "expected a number, found nan"),
        (("--train", "all", "--weight-decay", "inf"), "expected a number, found inf"),
        (("--head-learning-rate", "nan"), "expected a number, found nan"),
        (("--split-sizes", "0.1"), "Option '--split-sizes' requires 2 arguments"),
        (("--split-sizes", "a", "b"), "'a' is not a valid float"),
        (("--split-sizes", "0", "0.1"), "0.0 is not in the range 0<x<0.5"),
        (("--split-sizes", "0.1", "0.5"), "0.5 is not in the range 0<x<0.5"),
        (("--split-sizes", "nan", "0.1"), "expected a number, found nan"),
        (("--seed", "-1"), "--seed"),
        (("--labels", "好", "--labels", "好"), "names, each after its own --labels, found 好, 好"),
        (
            ("--labels", "好,坏"),
            "two or more different names, each after its own --labels, found 好",
        ),
        (
            ("--train", "all", "--head-epochs", "0", "--head-weight-decay", "1"),
            "--head-weight-decay is for a head that is trained first",
        ),
        (("--data", "a.csv", "evaluate", "r"), "--data stands before evaluate: put it after"),
        (("--pooling", "max"), "max"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(
    trainer: Invoke, asked: list[TrainingSettings], arguments: tuple[str, ...], message: str
) -> None:
    result = trainer(*arguments)
    assert (result.code, asked) == (ExitCode.USAGE, [])
    assert message in result.stderr
