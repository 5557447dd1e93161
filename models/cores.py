"""The processor: how many cores this process may use, and which instruction sets they have."""

import math
import os
from pathlib import Path

INSTRUCTIONS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "asimddp")
"""Instruction sets that decide how fast, and how exactly, int8 is multiplied."""

_CGROUP = Path("/sys/fs/cgroup")


def available_cores() -> int:
    """Return how many cores this process may keep busy: its affinity, within the cgroup's quota.

    A container that may use 1.5 of 64 cores sees all 64; more than two threads would be throttled.
    """
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    granted = quota()
    if granted is None:
        return cores
    return max(1, min(cores, math.ceil(granted)))


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
    """Return the processor's instruction sets, of those that matter for prediction."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return []
    flags = set(text.split())
    return [name for name in INSTRUCTIONS if name in flags]
