"""What a benchmark must say about the machine, and what a process has used of it."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def facts() -> dict[str, object]:
    """Processor, cores, memory, kernel, Python."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")), platform.machine())
    memory = next(line.split()[1] for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    return {
        "processor": model, "cores": os.cpu_count(), "memory_mb": int(memory) // 1024,
        "kernel": platform.release(), "python": platform.python_version(), "load_before": os.getloadavg()[0],
    }  # fmt: skip


def cpu_s(pid: int) -> float:
    """Processor seconds of one process so far, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@dataclass(frozen=True)
class Household:
    """The processes of a running centre by what they are."""

    worker: tuple[int, ...]
    asterisk: tuple[int, ...]
    postgres: tuple[int, ...]
    redis: tuple[int, ...]

    def cpu_s(self) -> dict[str, float]:
        """Processor seconds so far; a process that has ended meanwhile counts for nothing."""
        return {name: sum(_cpu_or_0(pid) for pid in getattr(self, name)) for name in ("worker", "asterisk", "postgres", "redis")}


def _cpu_or_0(pid: int) -> float:
    try:
        return cpu_s(pid)
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def household(supervisor: int, worker: int) -> Household:
    """Whose children are what, by their command lines."""
    children = _descendants(supervisor)
    names = {pid: _command(pid) for pid in children}

    def called(*words: str) -> tuple[int, ...]:
        return tuple(pid for pid, name in names.items() if pid != worker and any(word in name for word in words))

    return Household((worker,), called("/asterisk"), called("postgres"), called("redis-server"))


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except FileNotFoundError:
        return ""


def _descendants(root: int) -> Sequence[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except FileNotFoundError:
                continue
    found, edge = [], [root]
    while edge:
        edge = [pid for pid, parent in parents.items() if parent in edge]
        found += edge
    return found


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that ``percent`` of the values don't exceed; NaN of none."""
    if not values:
        return float("nan")
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]
