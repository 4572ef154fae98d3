"""What a benchmark found: figures, goals with a yes or no each, the machine and how busy it was; kept in var/bench/NAME.json.

A file holds the last runs, newest first, so that noise shows: one run alone proves little.
"""

from __future__ import annotations

import json
import math
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from tests.parts import machine
from tests.parts.centre import REPOSITORY

FOLDER = REPOSITORY / "var" / "bench"
_RUNS_KEPT = 5


@dataclass(frozen=True)
class Goal:
    """One thing that must be reached."""

    wanted: str
    found: str
    met: bool


def below(name: str, found: float, limit: float, unit: str = "ms") -> tuple[str, Goal]:
    """A goal that a figure stays under a limit; not met when nothing was measured."""
    return name, Goal(f"< {limit:g} {unit}", f"{found:.3g} {unit}", found < limit)


def at_least(name: str, found: float, limit: float, unit: str = "") -> tuple[str, Goal]:
    """A goal that a figure reaches a limit; not met when nothing was measured."""
    return name, Goal(f"≥ {limit:,g} {unit}".strip(), f"{found:,.4g} {unit}".strip(), found >= limit)


def holds(name: str, met: bool, wanted: str, found: object) -> tuple[str, Goal]:
    """A goal that something is so."""
    return name, Goal(wanted, str(found), met)


def spread(values: Sequence[float], digits: int = 2) -> dict[str, float]:
    """How many, median, p90, p99, least, most and standard deviation."""
    found = {
        "p50": machine.percentile(values, 50), "p90": machine.percentile(values, 90), "p99": machine.percentile(values, 99),
        "min": min(values, default=float("nan")), "max": max(values, default=float("nan")),
        "stdev": statistics.pstdev(values) if values else float("nan"),
    }  # fmt: skip
    return {"measured": len(values)} | {name: round(value, digits) for name, value in found.items()}


def run_of(
    title: str, how: str, *, load: Mapping[str, Any], figures: Mapping[str, Any], goals: Sequence[tuple[str, Goal]], before: float
) -> dict[str, Any]:
    """One run, ready to be written; ``before``: the machine's load average when it began."""
    return {
        "title": title,
        "how": how,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.facts() | {"load_before": round(before, 2), "load_after": round(os.getloadavg()[0], 2)},
        "load": dict(load),
        "figures": dict(figures),
        "goal": {name: asdict(goal) for name, goal in goals},
    }


def missed(run: Mapping[str, Any]) -> list[str]:
    """Which goals a run did not reach, with what it found."""
    return [f"{name}: {goal['found']}, wanted {goal['wanted']}" for name, goal in run["goal"].items() if not goal["met"]]


def keep(name: str, run: Mapping[str, Any]) -> None:
    """Write a run in front of those before it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    runs = [_plain(run), *runs_of(name)][:_RUNS_KEPT]
    (FOLDER / f"{name}.json").write_text(json.dumps({"name": name, "runs": runs}, indent=2, ensure_ascii=False) + "\n")


def _plain(value: Any) -> Any:
    """JSON knows no NaN and no infinity."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def runs_of(name: str) -> list[dict[str, Any]]:
    """The runs that are kept, newest first; none when there is no such file."""
    path = FOLDER / f"{name}.json"
    if not path.exists():
        return []
    runs: list[dict[str, Any]] = json.loads(path.read_text()).get("runs", [])
    return runs
