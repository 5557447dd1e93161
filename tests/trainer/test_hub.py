"""What `python -m trainer` loads from the hub, against a hub on this machine."""

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from models.console import ExitCode
from models.labels import NEGATIVE_POSITIVE
from tests.forks import Forks
from tests.hub import Hub
from tests.shared import once
from tests.tiny import split_reviews, write_encoder, write_reviews

ENCODER = "google-bert/bert-base-chinese"
DATA = "lansinuote/ChnSentiCorp"
ABSENT = "nobody/nothing"
SCRIPTED = "nobody/scripted"

CARD = """---
dataset_info:
  features:
  - name: text
    dtype: string
  - name: label
    dtype: int64
---
"""

NAMES = {
    f"--data {ABSENT}": ABSENT,
    f"--data {SCRIPTED}": SCRIPTED,
    f"--data reviews --encoder {ABSENT}": ABSENT,
}

IMPORTS = """
import time
import datasets, trainer.run_writer, trainer.training
from transformers import BertModel, BertTokenizerFast
trainer.run_writer.draw_pictures = lambda *_: None
"""

# huggingface_hub asks for a file six times and sleeps 23 s in between: not where it is not there.
WITHOUT_SLEEP = "time.sleep = None\n"
TRAINER = """
import runpy, sys
few = "--head-epochs 2 --head-learning-rate 0.01 --head-weight-decay 0.01"
sys.argv[1:] = ["--output", "runs/x", *few.split(), *arguments]
runpy.run_module("trainer", run_name="__main__")
"""


def write_hub(folder: Path) -> None:
    write_encoder(folder / "models" / ENCODER)
    data = folder / "datasets" / DATA / "data"
    data.mkdir(parents=True)
    (data.parent / "README.md").write_text(CARD)
    for name, rows in split_reviews().items():
        texts, labels = zip(*rows, strict=True)
        split = {"dev": "validation"}.get(name, name)
        table = pyarrow.table({"text": texts, "label": labels})
        pyarrow.parquet.write_table(table, data / f"{split}-00000-of-00001.parquet")
    scripted = folder / "datasets" / SCRIPTED
    scripted.mkdir(parents=True)
    (scripted / "scripted.py").write_text("raise AssertionError('this ran')")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each command, and what became of it: one process imports for all of them.

    The cache is empty until the hub has what is wanted. Then the hub is gone again.
    """
    return once(tmp_path_factory, "hub", ask)


def ask(folder: Path) -> None:
    write_hub(folder / "hub")
    hub = Hub(folder / "hub")

    def train(name: str, arguments: str = "", before: str = "") -> None:
        place = folder / name
        write_reviews(place / "reviews")
        code = forks.run(before + TRAINER, *arguments.split(), cwd=place)
        told = {"code": code, "strange": hub.strange, "sent": sorted(hub.sent)}
        (place / "told.json").write_text(json.dumps(told))

    with Forks(IMPORTS, env=hub.environment(folder / "cache")) as forks:
        train("no hub for data", before=WITHOUT_SLEEP)
        train("no hub for encoder", "--data reviews", WITHOUT_SLEEP)
        with hub.serve():
            for number, arguments in enumerate(NAMES):
                train(f"refused {number}", arguments)
            train("trained")
        train("again", "--data reviews", WITHOUT_SLEEP)


def told(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / "told.json").read_text())
    return found | {"stderr": (place / "stderr").read_text(encoding="utf-8")}


def assert_refused(place: Path, name: str) -> None:
    found = told(place)
    assert found["code"] == ExitCode.NO_INPUT, found["stderr"]
    assert found["strange"] == []
    assert name in found["stderr"].splitlines()[-1]
    assert "Traceback" not in found["stderr"]
    assert not (place / "runs").exists()


@pytest.mark.long
def test_without_arguments_it_trains_on_the_default_encoder_and_data_of_the_hub(
    folder: Path,
) -> None:
    found, run = told(folder / "trained"), folder / "trained" / "runs" / "x"

    assert found["code"] == ExitCode.OK, f"{found['stderr']}\n{found['strange']}"
    described = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert described["encoder"] == described["encoder_source"] == ENCODER
    assert described["data"] == [DATA]
    assert described["labels"] == list(NEGATIVE_POSITIVE)
    rows = (run / "test.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(row)["text"] for row in rows] == [
        text for text, _ in split_reviews()["test"]
    ]
    assert set(found["sent"]) >= {
        f"models/{ENCODER}/model.safetensors",
        f"models/{ENCODER}/tokenizer.json",
        f"datasets/{DATA}/data/train-00000-of-00001.parquet",
        f"datasets/{DATA}/data/validation-00000-of-00001.parquet",
        f"datasets/{DATA}/data/test-00000-of-00001.parquet",
    }
    assert found["strange"] == []


@pytest.mark.parametrize(("number", "name"), [*enumerate(NAMES.values())])
def test_data_and_an_encoder_that_the_hub_cannot_give_are_errors_that_name_them(
    folder: Path, number: int, name: str
) -> None:
    assert_refused(folder / f"refused {number}", name)


@pytest.mark.parametrize(("missing", "name"), [("data", DATA), ("encoder", ENCODER)])
def test_a_hub_that_cannot_be_reached_ends_it_at_once_with_what_to_do(
    folder: Path, missing: str, name: str
) -> None:
    place = folder / f"no hub for {missing}"
    assert_refused(place, name)
    stderr = told(place)["stderr"]
    assert "which cannot be reached: name " in stderr
    assert f"with --{missing}" in stderr


def test_what_was_loaded_before_is_used_where_the_hub_cannot_be_reached(folder: Path) -> None:
    found = told(folder / "again")
    assert found["code"] == ExitCode.OK, found["stderr"]
