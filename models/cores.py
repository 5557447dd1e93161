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

TURNS = 8
"""How often each way does a half that counts."""

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


class FastestWay:
    """Does work in the faster of two ways: measured once on this machine, then known.

    What is measured is the work itself, from call to call, for the best way may depend on the sizes
    of its pieces: each way does a half of them, every second one, and goes first in turn. The first
    time warms both up. Work that is too little to halve is done in the first way, and so is all
    that the second does not do clearly faster. What was measured while other processes had the
    cores is not noted: it is measured again the next time.

    Args:
        key: what the answer depends on beside the machine; fit for a file name.
        names: of the ways.
        threads: how many cores both keep busy.
    """

    def __init__(self, key: str, names: tuple[str, str], threads: int) -> None:
        self._key, self._names, self._threads = key, names, threads
        known = recall(key)
        self._best = known if known in names else None
        self._seconds = dict.fromkeys(names, 0.0)
        self._own = 0.0
        self._turn = 0

    def run(self, ways: Mapping[str, Callable[[Sequence[T]], object]], work: Sequence[T]) -> None:
        """Do some work.

        Args:
            ways: by their names.
            work: pieces of it, in any order.
        """
        portions = max(1, len(work) // (8 * self._threads))
        for number in range(portions):
            if self._best is not None or len(work) < 4 * self._threads:
                rest = [piece for at, piece in enumerate(work) if at % portions >= number]
                ways[self._best or self._names[0]](rest)
                return
            self._measure(ways, work[number::portions])

    def _measure(
        self, ways: Mapping[str, Callable[[Sequence[T]], object]], work: Sequence[T]
    ) -> None:
        counts = self._turn > 0
        own = time.process_time()
        for half, name in enumerate(self._names[:: 1 - 2 * (self._turn % 2)]):
            started = time.perf_counter()
            ways[name](work[half::2])
            self._seconds[name] += (time.perf_counter() - started) * counts
        self._own += (time.process_time() - own) * counts
        self._turn += 1
        if self._turn > TURNS:
            first, second = self._names
            clearly = self._seconds[first] > CLEARLY * self._seconds[second]
            self._best = second if clearly else first
            if self._own > OURS * self._threads * sum(self._seconds.values()):
                remember(self._key, self._best)
