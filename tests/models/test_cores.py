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
