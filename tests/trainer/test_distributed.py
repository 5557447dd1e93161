"""Two processes train as one would, on the CPU."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.console import ExitCode, UserError
from models.run_directory import read_json, read_rows
from tests.forks import ROOT, Forks
from tests.shared import once
from tests.tiny import write_encoder
from trainer import distributed
from trainer.training import train

from .test_finetune import settings

# What a process of a training runs. Its words: encoder, reviews, output, the process to be killed
# and at which of its steps.
CHILD = """
import os, signal
from pathlib import Path
import trainer.run_writer
from models.classifier import Classifier
from tests.trainer.test_finetune import settings
from trainer import distributed
from trainer.training import train

trainer.run_writer.draw_pictures = lambda *_: None

def child(*words):
    rank, killed_at = map(int, words[3:])
    steps = 0
    forward = Classifier.forward

    def count(self, *arguments, **named):
        nonlocal steps
        steps += self.training
        if distributed.rank() == rank and steps == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return forward(self, *arguments, **named)

    Classifier.forward = count
    train(settings(*map(Path, words[:3]), batch_size=23))
"""

SCRIPT = f"""
import sys
{CHILD}
child(*sys.argv[1:])
"""

# An agent of torchrun, whose processes are forks of it: they need not import torch again.
IMPORTS = f"""
import datasets
from torch.distributed.launcher import LaunchConfig, elastic_launch
from transformers import BertModel, BertTokenizerFast
{CHILD}
"""
AGENT = """
nodes, processes, endpoint, *words = arguments
config = LaunchConfig(
    int(nodes), int(nodes), int(processes), run_id="run", rdzv_backend="c10d",
    rdzv_endpoint=endpoint, local_addr="127.0.0.1", max_restarts=0, start_method="fork",
)
elastic_launch(config, child)(*words)
"""

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder without dropout: which process drops what is chance."""

    def make(folder: Path) -> None:
        config = json.loads((write_encoder(folder) / "config.json").read_text())
        config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        (folder / "config.json").write_text(json.dumps(config))

    return once(tmp_path_factory, "calm", make)


@pytest.fixture(scope="module")
def two(calm: Path, reviews: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training in two processes: 24 rows in batches of 23; of the last, one has no row."""

    def make(folder: Path) -> None:
        script = folder / "script.py"
        script.write_text(SCRIPT)
        torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", script]
        finished = subprocess.run(
            [sys.executable, *torchrun, calm, reviews, folder / "two", "-1", "-1"],
            cwd=ROOT,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert finished.returncode == 0, finished.stderr
        assert finished.stderr.count("labels: 0 =") == 1, "only the first process speaks"

    return once(tmp_path_factory, "two", make) / "two"


def test_two_processes_learn_what_one_learns(
    calm: Path, reviews: Path, two: Path, tmp_path: Path
) -> None:
    train(settings(calm, reviews, tmp_path / "one", batch_size=23))
    one_by_one = read_json(tmp_path / "one" / "metrics.json")
    together = read_json(two / "metrics.json")
    assert len(one_by_one["history"]) == 4
    for alone, shared in zip(one_by_one["history"], together["history"], strict=True):
        assert shared == pytest.approx(alone, abs=1e-4)
    assert together["dev"]["confusion"] == one_by_one["dev"]["confusion"]
    rows = zip(
        read_rows(tmp_path / "one" / "test.jsonl"), read_rows(two / "test.jsonl"), strict=True
    )
    for alone, shared in rows:
        assert shared.probabilities == pytest.approx(alone.probabilities, abs=1e-3)


@pytest.mark.long
def test_a_process_that_is_killed_ends_the_training_and_the_next_goes_on(
    calm: Path, reviews: Path, two: Path, tmp_path: Path
) -> None:
    output, stderr = tmp_path / "killed" / "run", tmp_path / "stderr"
    machine = (AGENT, 1, 2, "localhost:0", calm, reviews, output)
    with Forks(IMPORTS, env=ENVIRONMENT) as forks:
        started = time.monotonic()
        # Two steps an epoch: the fourth is in the second.
        code = forks.run(*machine, 1, 4, cwd=tmp_path)
        assert time.monotonic() - started < 600  # gloo alone would wait for half an hour
        assert code != 0
        assert f"Signal {signal.SIGKILL.value} (SIGKILL)" in stderr.read_text()
        assert not output.exists()
        code = forks.run(*machine, -1, -1, cwd=tmp_path)
        assert code == 0, stderr.read_text()
    epochs = re.findall(r"^epoch (\d):", stderr.read_text(), re.MULTILINE)
    assert epochs[-3:] == ["0", "2", "3"]
    for name in ("head.safetensors", "encoder/model.safetensors", "metrics.json"):
        assert (output / name).read_bytes() == (two / name).read_bytes(), name


@pytest.mark.long
def test_two_machines_without_a_folder_that_both_see_train_nothing(
    calm: Path, reviews: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    machines = [tmp_path / "one", tmp_path / "two"]
    with Forks(IMPORTS, env=ENVIRONMENT) as forks:
        for machine in machines:
            machine.mkdir()
            output = machine / "runs" / "run"
            forks.start(AGENT, 2, 1, endpoint, calm, reviews, output, -1, -1, cwd=machine)
        codes = forks.wait()
    for machine, code in zip(machines, codes, strict=True):
        assert code != 0
        told = (machine / "stderr").read_text()
        assert re.search("--output must be one that all machines .* see", told)
        assert not [*machine.glob("runs/*")]


@pytest.mark.parametrize(
    "lost", ["[pair.cc:547] gloo: Connection closed by peer [127.0.0.1]:4711", None]
)
def test_what_is_said_of_a_process_that_is_gone_is_said_of_no_other_problem(
    lost: str | None,
) -> None:
    error = RuntimeError(lost or "mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises((UserError, RuntimeError)) as caught, distributed.together():
        raise error
    if lost is None:
        assert caught.value is error
    else:
        assert isinstance(caught.value, UserError)
        assert caught.value.code == ExitCode.UNAVAILABLE
        assert lost in str(caught.value)
