"""What `python -m trainer` loads from the hub, against a hub on this machine."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from models.console import ExitCode
from models.labels import NEGATIVE_POSITIVE
from tests.hub import Hub, serve
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

# huggingface_hub asks for a file six times and sleeps 23 s in between: not here.
WITHOUT_SLEEP = """
import runpy, time
time.sleep = None
runpy.run_module("trainer", run_name="__main__")
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
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
    with serve(folder) as served:
        yield served


def trainer(
    hub: Hub, folder: Path, *arguments: str, python: tuple[str, ...] = ("-m", "trainer")
) -> subprocess.CompletedProcess[str]:
    """Run the trainer in a folder of its own, where the hub's cache is empty."""
    return subprocess.run(
        [sys.executable, *python, "--output", "runs/x", "--head-epochs", "2", *arguments],
        cwd=folder,
        env=hub.environment(folder / "cache"),
        capture_output=True,
        encoding="utf-8",
        timeout=900,
    )


def assert_refused(hub: Hub, code: int, said: str, folder: Path, name: str) -> None:
    assert code == ExitCode.NO_INPUT, said
    assert hub.strange == []
    assert name in said.splitlines()[-1]
    assert "Traceback" not in said
    assert not (folder / "runs").exists()


def test_without_arguments_it_trains_on_the_default_encoder_and_data_of_the_hub(
    hub: Hub, tmp_path: Path
) -> None:
    run = trainer(hub, tmp_path)

    assert run.returncode == ExitCode.OK, f"{run.stderr}\n{hub.strange}"
    described = json.loads((tmp_path / "runs/x/run.json").read_text(encoding="utf-8"))
    assert described["encoder"] == described["encoder_source"] == ENCODER
    assert described["data"] == [DATA]
    assert described["labels"] == list(NEGATIVE_POSITIVE)
    rows = (tmp_path / "runs/x/test.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(row)["text"] for row in rows] == [
        text for text, _ in split_reviews()["test"]
    ]
    assert hub.sent >= {
        f"models/{ENCODER}/model.safetensors",
        f"models/{ENCODER}/tokenizer.json",
        f"datasets/{DATA}/data/train-00000-of-00001.parquet",
        f"datasets/{DATA}/data/validation-00000-of-00001.parquet",
        f"datasets/{DATA}/data/test-00000-of-00001.parquet",
    }
    assert hub.strange == []


# Imports once, and forks `python -m trainer` with the arguments of each line of its input. What
# each says goes to a file of the line's number, and its exit code is printed.
FORKS = """
import os, runpy, sys
import datasets, trainer.training

for number, line in enumerate(sys.stdin):
    if not (child := os.fork()):
        with open(str(number), "w") as said:
            os.dup2(said.fileno(), 2)
        sys.argv[1:] = line.split()
        runpy.run_module("trainer", run_name="__main__")
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_data_and_an_encoder_that_the_hub_cannot_give_are_errors_that_name_them(
    hub: Hub, tmp_path: Path
) -> None:
    write_reviews(tmp_path / "reviews")
    wanted = {
        f"--data {ABSENT}": ABSENT,
        f"--data {SCRIPTED}": SCRIPTED,
        f"--data reviews --encoder {ABSENT}": ABSENT,
    }
    forks = subprocess.run(
        [sys.executable, "-c", FORKS],
        input="".join(f"--output runs/x --head-epochs 2 {arguments}\n" for arguments in wanted),
        cwd=tmp_path,
        env=hub.environment(tmp_path / "cache"),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    codes = map(int, forks.stdout.split())
    for number, (name, code) in enumerate(zip(wanted.values(), codes, strict=True)):
        said = (tmp_path / str(number)).read_text(encoding="utf-8")
        assert_refused(hub, code, said, tmp_path, name)


@pytest.mark.parametrize("missing", ["data", "encoder"])
def test_a_hub_that_cannot_be_reached_ends_it_at_once_with_what_to_do(
    tmp_path: Path, missing: str
) -> None:
    with serve(tmp_path) as hub:
        pass
    python = ("-c", WITHOUT_SLEEP)
    given = () if missing == "data" else ("--data", str(write_reviews(tmp_path / "reviews")))
    run = trainer(hub, tmp_path, *given, python=python)
    name = DATA if missing == "data" else ENCODER
    assert_refused(hub, run.returncode, run.stderr, tmp_path, name)
    assert "which cannot be reached: name " in run.stderr
    assert f"with --{missing}" in run.stderr


def test_what_was_loaded_before_is_used_where_the_hub_cannot_be_reached(
    hub: Hub, tmp_path: Path
) -> None:
    reviews = write_reviews(tmp_path / "reviews")
    assert trainer(hub, tmp_path, "--data", str(reviews)).returncode == ExitCode.OK
    with serve(tmp_path) as gone:
        pass
    again = ("--data", str(reviews), "--force")
    run = trainer(gone, tmp_path, *again, python=("-c", WITHOUT_SLEEP))
    assert run.returncode == ExitCode.OK, run.stderr
