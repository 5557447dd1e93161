"""How many cores this process may use, and what they can do."""

import contextlib
import math
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from platformdirs import user_cache_path

T = TypeVar("T")

_CGROUP = Path("/sys/fs/cgroup")

CLEARLY = 1.1
"""How much faster than the first way another must be: less may be chance."""

OURS = 0.75
"""Share of the cores that a measurement must have had to itself to be worth noting."""


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


def recall(key: str) -> str:
    """Return what was measured on this machine once and noted under a key; "" if nothing was."""
    try:
        return _note(key).read_text()
    except OSError:
        return ""


def _note(key: str) -> Path:
    # a home may be shared by several machines
    return user_cache_path("sentiment-tui") / "ways" / f"{platform.node()}-{key}"


def remember(key: str, found: str) -> None:
    """Note what was measured; in a home that is read-only, it is measured again next time."""
    file = _note(key)
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(found)


def share_out(
    key: str,
    ways: Mapping[str, Callable[[Sequence[T]], object]],
    work: Sequence[T],
    share: int,
    threads: int,
) -> None:
    """Do some work in the way that takes least time: measured once on this machine, then known.

    What is measured is the work itself, some pieces from all over it, for the best way may depend
    on their size: each way does a share of them to warm up and two that count, in the order a b a b
    b a. Work that is too little to measure is done in the first way, and so is all that another
    does not do clearly faster. What was measured while other processes had the cores is not noted:
    the next work is measured again.

    Args:
        key: what the answer depends on beside the machine; fit for a file name.
        ways: that do the same work.
        work: any pieces, in any order.
        share: so many pieces keep all cores busy for a while.
        threads: how many cores all ways keep busy.
    """
    best = recall(key)
    if best not in ways:
        best = next(iter(ways))
        turns = [*ways, *ways, *list(ways)[::-1]]
        count = len(turns) * share
        if len(work) >= count:
            stride = len(work) // count
            places = range(0, count * stride, stride)
            seconds = dict.fromkeys(ways, 0.0)
            own, began = time.process_time(), time.perf_counter()
            for turn, name in enumerate(turns):
                pieces = [work[place] for place in places[turn :: len(turns)]]
                start = time.perf_counter()
                ways[name](pieces)
                seconds[name] += (time.perf_counter() - start) * (turn >= len(ways))
            best = min(ways, key=lambda name: seconds[name] * (CLEARLY if name != best else 1))
            busy = (time.process_time() - own) / (time.perf_counter() - began)
            if busy > OURS * threads:
                remember(key, best)
            work = [piece for place, piece in enumerate(work) if place not in places]
    ways[best](work)
