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
from tests.shared import once
from tests.tiny import write_encoder
from trainer import distributed
from trainer.training import train

from .test_finetune import settings

ROOT = Path(__file__).parents[2]

# Arguments: encoder, reviews, output, the process to be killed, and at which of its steps.
CHILD = """
import os, signal, sys
from pathlib import Path
import trainer.run_writer
from models.classifier import Classifier
from tests.trainer.test_finetune import settings
from trainer import distributed
from trainer.training import train

trainer.run_writer.draw_pictures = lambda *_: None
rank, killed_at = map(int, sys.argv[4:])
steps = 0
forward = Classifier.forward

def count(self, *arguments, **named):
    global steps
    steps += self.training
    if distributed.rank() == rank and steps == killed_at:
        os.kill(os.getpid(), signal.SIGKILL)
    return forward(self, *arguments, **named)

Classifier.forward = count
train(settings(*map(Path, sys.argv[1:4]), batch_size=23))
"""


def start(*arguments: object, killed: int = -1, at: int = -1) -> subprocess.CompletedProcess[str]:
    """Run a training in two processes with one thread each."""
    agent = launch("--standalone", "--nproc_per_node=2", *arguments, killed=killed, at=at)
    out, err = agent.communicate(timeout=900)
    return subprocess.CompletedProcess(agent.args, agent.returncode, out, err)


def launch(*options: object, killed: int = -1, at: int = -1) -> subprocess.Popen[str]:
    """Start an agent of torchrun with its options, then the encoder, the reviews, the output."""
    *flags, encoder, reviews, output = map(str, options)
    script = Path(output).with_suffix(".py")
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(CHILD)
    torchrun = [sys.executable, "-m", "torch.distributed.run", *flags, str(script)]
    return subprocess.Popen(
        [*torchrun, encoder, reviews, output, str(killed), str(at)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )


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
        finished = start(calm, reviews, folder / "two")
        assert finished.returncode == 0, finished.stderr
        assert finished.stderr.count("labels: 0 =") == 1, "only the first process speaks"

    return once(tmp_path_factory, "two", make) / "two"


def test_a_process_that_joined_no_others_computes_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")  # as a pod may leave it to an evaluation
    monkeypatch.setenv("RANK", "1")
    assert distributed.share() == slice(None)


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
    output = tmp_path / "killed" / "run"
    started = time.monotonic()
    # Two steps an epoch: the fourth is in the second.
    killed = start(calm, reviews, output, killed=1, at=4)
    assert time.monotonic() - started < 600  # gloo alone would wait for half an hour
    assert killed.returncode != 0
    assert f"Signal {signal.SIGKILL.value} (SIGKILL)" in killed.stderr
    assert not output.exists()
    again = start(calm, reviews, output)
    assert again.returncode == 0, again.stderr
    assert re.findall(r"^epoch (\d):", again.stderr, re.MULTILINE) == ["0", "2", "3"]
    for name in ("head.safetensors", "encoder/model.safetensors", "metrics.json"):
        assert (output / name).read_bytes() == (two / name).read_bytes(), name


@pytest.mark.long
def test_two_machines_without_a_folder_that_both_see_train_nothing(
    calm: Path, reviews: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    flags = ["--nnodes=2", "--nproc_per_node=1", "--rdzv-backend=c10d", "--local-addr=127.0.0.1"]
    flags.append(f"--rdzv-endpoint={endpoint}")
    machines = [tmp_path / "one", tmp_path / "two"]
    agents = [launch(*flags, calm, reviews, machine / "runs" / "run") for machine in machines]
    try:
        told = [agent.communicate(timeout=900)[1] for agent in agents]
    finally:
        for agent in agents:
            agent.terminate()  # which ends its processes too
    for agent, stderr in zip(agents, told, strict=True):
        assert agent.returncode != 0
        assert re.search("--output must be one that all machines .* see", stderr)
    for machine in machines:
        assert [path.name for path in (machine / "runs").iterdir()] == ["run.py"]


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
