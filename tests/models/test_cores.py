from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from models import cores


@pytest.mark.parametrize(
    ("content", "granted"), [("150000 100000", 1.5), ("max 100000", None), ("odd", None)]
)
def test_the_quota_of_the_cgroup_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, granted: float | None
) -> None:
    (tmp_path / "cpu.max").write_text(content)
    monkeypatch.setattr(cores, "_CGROUP", tmp_path)
    assert cores.quota() == granted


def test_cores_are_what_affinity_and_quota_both_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _pid: range(8), raising=False)
    monkeypatch.setattr(cores, "quota", lambda: 1.5)
    assert cores.available_cores() == 2
    monkeypatch.setattr(cores, "quota", lambda: None)
    assert cores.available_cores() == 8


@pytest.mark.parametrize(
    ("count", "busy", "best", "noted"),
    [(60, 2.0, "fast", True), (60, 1.0, "fast", False), (20, 2.0, "slow", False)],
)
def test_the_fastest_way_is_measured_on_the_work_itself_if_there_is_enough_and_then_known(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    busy: float,
    best: str,
    noted: bool,
) -> None:
    """If the cores were busy with us: else it is measured again the next time."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    now = 0.0
    monkeypatch.setattr(cores.time, "perf_counter", lambda: now)
    monkeypatch.setattr(cores.time, "process_time", lambda: busy * now)
    done: dict[str, list[int]] = {"slow": [], "fast": []}

    def way(name: str, cost: float) -> Callable[[Sequence[int]], None]:
        def work(pieces: Sequence[int]) -> None:
            nonlocal now
            now += cost * len(pieces)
            done[name] += pieces

        return work

    ways = {"slow": way("slow", 2.0), "fast": way("fast", 1.0)}
    cores.share_out("key", ways, list(range(count)), 4, threads=2)
    assert sorted(done["slow"] + done["fast"]) == list(range(count))  # nothing is done twice
    assert done[best][-1] == count - 1
    assert cores.recall("key") == (best if noted else "")
    cores.share_out("key", ways, [count], 4, threads=2)
    assert done[best if noted else "slow"][-1] == count
