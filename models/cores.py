"""How many cores this process may use, and what they can do."""

import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from platformdirs import user_cache_path

_CGROUP = Path("/sys/fs/cgroup")


def available_cores() -> int:
    """Return how many cores this process may keep busy: its affinity, within the cgroup's quota.

    A container that may use 1.5 cores of 64 sees all 64; threads beyond two would only be stopped.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    granted = quota()
    return max(1, cores or 1 if granted is None else min(cores or 1, math.ceil(granted)))


def quota() -> float | None:
    """Return the cores that the cgroup (version 2 or 1) grants, or None where nothing bounds it."""
    try:
        limit, period = (_CGROUP / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit = (_CGROUP / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (_CGROUP / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    return int(limit) / int(period) if limit.isdecimal() and int(period) > 0 else None


def instructions() -> list[str]:
    """Return which of the instruction sets that matter for prediction the processor has."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return []
    flags = set(text.split())
    return [
        name for name in ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "asimddp") if name in flags
    ]


def fastest(key: str, ways: Mapping[str, Callable[[], object]]) -> str:
    """Return the name of the way that takes least time: measured once on this machine, then known.

    Args:
        key: what the answer depends on beside the machine; fit for a file name.
        ways: that do the same work.
    """
    file = user_cache_path("sentiment-tui") / "fastest" / key
    try:
        name = file.read_text()
        if name in ways:
            return name
    except OSError:
        pass
    seconds = {}
    for name, work in ways.items():
        work()  # memory is allocated in the first turn
        start = time.perf_counter()
        work()
        seconds[name] = time.perf_counter() - start
    best = min(seconds, key=lambda name: seconds[name])
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(best)
    except OSError:
        pass  # a read-only home: it is measured again next time
    return best
