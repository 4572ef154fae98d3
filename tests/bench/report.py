"""What the benchmarks found, for people: some lines after each run, and docs/performance.md from the runs that are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.results import runs_of
from tests.parts.centre import REPOSITORY

PAGE = REPOSITORY / "docs" / "performance.md"
_HEAD = """# Performance

Written by `python -m tests.bench --report` from the last runs of `make bench` on one machine; nothing here is written by hand. Each goal
shows what every run that is kept found, newest first, for a shared machine is noisy: the load average (1 minute) stands with each run.
"""


def summary(name: str, run: Mapping[str, Any]) -> list[str]:
    """A run in some lines: each goal, then the figures."""
    machine = run["machine"]
    lines = [f"{name}: load average {machine['load_before']} before, {machine['load_after']} after"]
    lines += [f"  {'met   ' if goal['met'] else 'MISSED'} {what}: {goal['found']} ({goal['wanted']})" for what, goal in run["goal"].items()]
    return lines + [f"  {what}: {found}" for what, found in _flat(run["figures"])]


def _flat(figures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for what, found in figures.items():
        if isinstance(found, Mapping) and any(isinstance(value, Mapping) for value in found.values()):
            yield from ((f"{what}, {inner}", told) for inner, told in _flat(found))
        elif isinstance(found, Mapping):
            yield what, " · ".join(f"{name} {value}" for name, value in found.items())
        else:
            yield what, str(found)


def write(names: Sequence[str]) -> Path:
    """Write the page; benchmarks that were never run are left out."""
    sections = [_section(name, runs) for name in names if (runs := runs_of(name))]
    PAGE.write_text("\n".join([_HEAD, *sections]))
    return PAGE


def _section(name: str, runs: Sequence[Mapping[str, Any]]) -> str:
    last = runs[0]
    machine = last["machine"]
    lines = [f"## {last['title']}", "", f"`python -m tests.bench --only {name}`. {last['how']}", ""]
    lines += ["| goal | wanted | " + " | ".join(_when(run) for run in runs) + " |", "|---|---|" + "---|" * len(runs)]
    for what, goal in last["goal"].items():
        found = [run["goal"].get(what) for run in runs]
        cells = [("—" if cell is None else cell["found"] if cell["met"] else f"**missed**: {cell['found']}") for cell in found]
        lines.append(f"| {what} | {goal['wanted']} | " + " | ".join(cells) + " |")
    lines += ["", f"The newest run ({', '.join(f'{key} {value}' for key, value in last['load'].items())}):", ""]
    lines += ["| | |", "|---|---|", *(f"| {what} | {found} |" for what, found in _flat(last["figures"]))]
    lines += ["", f"{machine['processor']}, {machine['cores']} cores, {machine['memory_mb']} MB, Linux {machine['kernel']}.", ""]
    return "\n".join(lines)


def _when(run: Mapping[str, Any]) -> str:
    return f"{run['at'][:16].replace('T', ' ')}, load {run['machine']['load_before']}"
