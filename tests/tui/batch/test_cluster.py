"""Files that a Ray cluster answers have the bytes of this machine, whoever is killed meanwhile.

The cluster is real: two nodes with a core each, on this machine. It is one test, so that it stands
once however many processes run the tests.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from models.console.command import ExitCode
from tests.cli import Invoke, invoker
from tests.tiny import REVIEWS
from tests.tui.batch.runs import contents
from tui.cli import cli

TEXTS = [f"{text}{number}" for number in range(3) for text, _ in REVIEWS]
ROOT = Path(__file__).parents[3]

LEAN = {
    # A node that was killed is missed soon; one that is slow has as long as ever.
    "health_check_initial_delay_ms": "0",
    "health_check_period_ms": "300",
    # No process starts that no task asks for.
    "enable_worker_prestart": "0",
    "prestart_worker_first_driver": "0",
}
"""Settings of Ray."""

DRIVER = """
from tests.tui.batch import ray_tasks
from tui.batch import cluster
cluster.answer_texts, cluster.PATIENCE, cluster._LOOK = ray_tasks.slow, 1, 0.5
from tui.cli import main
main()
"""


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Invoke:
    return invoker(cli, monkeypatch, capfd)


def write_mixed(folder: Path) -> Path:
    """Write a folder as people have it: tables of five formats, quoted line breaks, bad rows."""
    folder.mkdir()
    rows = [f'{n},"{text}\n第二行"\n' for n, text in enumerate(TEXTS)]
    table = "id,text\n" + "".join(rows[:50]) + "1,2,3\n" + "".join(rows[50:])
    (folder / "a.csv").write_text(table, encoding="utf-8")
    lines = [json.dumps({"id": n, "text": text}) for n, text in enumerate(TEXTS)]
    (folder / "b.jsonl").write_text("\n".join([*lines[:9], "{", *lines[9:]]), encoding="utf-8")
    pq.write_table(pa.table({"text": TEXTS}), folder / "c.parquet", row_group_size=64)
    with xlsxwriter.Workbook(folder / "d.xlsx") as book:
        book.add_worksheet().write_column(0, 0, ["text", *TEXTS])
    (folder / "e.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    return folder


def until(is_true: Callable[[], Any], seconds: float = 120) -> Any:
    """Wait for something, and return it."""
    end = time.monotonic() + seconds
    while not (found := is_true()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


def processes(start: str, kind: str = "cmdline") -> list[int]:
    """Return processes whose command, or a variable of their environment, begins so."""
    found = []
    for path in Path("/proc").glob(f"[0-9]*/{kind}"):
        with suppress(OSError):
            if any(part.startswith(start.encode()) for part in path.read_bytes().split(b"\0")):
                found.append(int(path.parent.name))
    return found


def kill(task: str) -> None:
    os.kill(until(lambda: processes(f"ray::{task}"))[0], signal.SIGKILL)


def started(start: Callable[[], Any], tmp_path: Path) -> Any:
    """Start a node; Ray gives up after 30 s, which a busy machine does not keep."""
    before = of_the_cluster(tmp_path)
    for _ in range(4):
        with suppress(Exception):
            return start()
        end(of_the_cluster(tmp_path) - before)  # they would take the time of the next
    return start()


def of_the_cluster(tmp_path: Path) -> set[int]:
    """Return the processes of the nodes that a test started; see `nodes`."""
    return {*processes(f"ASKED={tmp_path}", "environ")}


def end(ended: set[int]) -> None:
    for process in ended:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def answered(output: Path) -> int:
    """Return the bytes of answers that journals hold."""
    return sum(path.stat().st_size for path in output.glob(".*.run/journal"))


def test_without_ray_the_command_that_installs_it_is_named(
    invoke: Invoke, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("好\n", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "tui.batch.cluster", raising=False)
    asked = ("classify", tmp_path / "a.txt", "--on", "ray", "--model", model)
    result = invoke(*asked, "-o", tmp_path / "o.csv")
    assert result.code == ExitCode.UNAVAILABLE
    assert "'ray>=" in result.stderr
    result = invoke(*asked)
    assert result.code == ExitCode.USAGE


def test_a_cluster_that_is_not_there_is_named(
    invoke: Invoke, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    (tmp_path / "a.txt").write_text("好\n", encoding="utf-8")
    monkeypatch.setenv("RAY_ADDRESS", "ray://127.0.0.1:1")
    asked = ("classify", tmp_path / "a.txt", "--on", "ray", "--model", model)
    result = invoke(*asked, "-o", tmp_path / "o.csv")
    assert result.code == ExitCode.UNAVAILABLE
    assert "ray://127.0.0.1:1" in result.stderr


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster of one node, which the command joins."""
    pytest.importorskip("ray")
    from ray._private.node import Node
    from ray.cluster_utils import Cluster

    monkeypatch.setattr(Node, "start_api_server", lambda *_, **__: None)  # the dashboard's
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    for name, value in LEAN.items():
        monkeypatch.setenv(f"RAY_{name}", value)
    head: dict[str, Any] = {"num_cpus": 1, "no_monitor": True}
    head |= {"include_dashboard": False, "include_log_monitor": False}
    nodes = started(lambda: Cluster(True, head_node_args=head), tmp_path)
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    yield nodes
    nodes.shutdown()
    end(of_the_cluster(tmp_path))  # of nodes that were killed


@pytest.mark.long
def test_a_cluster_writes_the_bytes_of_this_machine(
    invoke: Invoke,
    model: Path,
    nodes: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    subtests: pytest.Subtests,
) -> None:
    from tests.tui.batch import ray_tasks
    from tui.batch import cluster

    source, here, there = write_mixed(tmp_path / "in"), tmp_path / "here", tmp_path / "there"
    there.mkdir()
    command = ("classify", source, "--model", model, "--to", "csv", "-o")
    assert invoke(*command, here).code == ExitCode.REJECTS
    assert len(contents(here)) == 12
    monkeypatch.setattr(cluster, "RETRIES", 3)
    second = started(lambda: nodes.add_node(num_cpus=1), tmp_path)

    def interrupt() -> None:
        """Kill a worker, an engine and a node, each when there are more answers than before."""
        for act in (
            lambda: kill("slow"),
            lambda: kill("classify_file"),
            lambda: nodes.remove_node(second, allow_graceful=False),
        ):
            before = answered(there)
            until(lambda: answered(there) > before)  # noqa: B023
            act()
            killed.append(act)

    def start() -> subprocess.Popen[str]:
        """Start the command in a process of its own, and wait for answers."""
        arguments = [*map(str, command), str(there), "--on", "ray"]
        driver = subprocess.Popen(
            [sys.executable, "-c", DRIVER, *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        until(lambda: answered(there))
        return driver

    with subtests.test("a driver is killed"):
        driver = start()
        driver.kill()
        driver.wait()
        until(lambda: not processes("ray::classify_file"))

    with subtests.test("a worker, an engine and a node are killed"):
        monkeypatch.setattr(cluster, "answer_texts", ray_tasks.slow)
        killed: list[Any] = []
        killer = threading.Thread(target=interrupt, daemon=True)
        killer.start()
        result = invoke(*command, there, "--on", "ray")
        assert result.code == ExitCode.REJECTS, result.stderr
        killer.join()
        assert len(killed) == 3
        assert contents(there) == contents(here)

    with subtests.test("a text kills its worker each time"):
        monkeypatch.setattr(cluster, "answer_texts", ray_tasks.deadly)
        monkeypatch.setattr(cluster, "RETRIES", 1)
        lines = [*TEXTS[:40], ray_tasks.POISON, *TEXTS[40:]]
        (tmp_path / "p.txt").write_text("\n".join(lines), encoding="utf-8")
        poisoned = ("classify", tmp_path / "p.txt", "--model", model, "--on", "ray", "-o")
        result = invoke(*poisoned, tmp_path / "p.csv")
        assert result.code == ExitCode.CONFIG
        assert "p.txt: 2 workers died one after the other of the records 33 to 96" in result.stderr

    with subtests.test("a node computes otherwise"):
        monkeypatch.setattr(cluster, "answer_texts", ray_tasks.mixed)
        started(lambda: nodes.add_node(num_cpus=1, env_vars={"FOREIGN": "1"}), tmp_path)
        result = invoke(*poisoned, tmp_path / "p.csv")
        assert result.code == ExitCode.CONFIG
        assert "does not answer as the first one does: another machine.probe" in result.stderr

    with subtests.test("the cluster is lost"):
        shutil.rmtree(there)
        there.mkdir()
        driver = start()
        nodes.head_node.kill_gcs_server()
        _, told = driver.communicate()
        assert driver.returncode == ExitCode.UNAVAILABLE
        assert "The same command goes on" in told
        assert answered(there)
