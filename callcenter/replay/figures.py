"""Waits, service level and loads of a day, as it was and as it was replayed, side by side. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from callcenter.ledger.agent_time import Change, stretches, totals
from callcenter.replay.model import ANSWERED, Served
from callcenter.reports.model import Counts, Terms, Visit, add, count
from callcenter.reports.service_level import FORMULAS, Formula

ALL: Final = ""
"""All queues together."""


class QueueFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a queue's callers; waits are milliseconds, None where there are none."""

    calls: int
    answered: int
    abandoned: int
    other: int
    """Left without an agent otherwise: overflow, longest wait, key, callback, closed."""
    waiting: int
    """Not served by the end of what is known."""
    asa_ms: int | None
    """Average speed of answer: until caller and agent hear each other."""
    p90_wait_ms: int | None
    """Nine of ten waits that ended, however they did, were this long or shorter."""
    longest_wait_ms: int | None
    service_level: float | None
    """By the formula that was asked for, 0 to 1."""


class AgentFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent did in the day."""

    calls: int
    """Replayed callers whom the agent answered."""
    talk_ms: int
    """In conversations, announcements included, other calls' too."""
    occupancy: float | None
    """Talk and wrap-up ÷ (talk, wrap-up and ready time), 0 to 1."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the comparison."""

    queues: dict[str, QueueFigures]
    """By queue; ``""``: all together."""
    agents: dict[str, AgentFigures]
    """Of those who worked."""


def percentile(waits: Iterable[int], share: float) -> int | None:
    """The least wait that ``share`` of the waits do not pass; None of none."""
    ordered = sorted(waits)
    return ordered[max(0, -(-round(share * 1000) * len(ordered) // 1000) - 1)] if ordered else None


def figures(
    served: Sequence[Served],
    states: Mapping[str, Sequence[Change]],
    day: tuple[int, int],
    *,
    thresholds_ms: Mapping[str, int],
    formula: Formula,
    agents: Iterable[str],
) -> Figures:
    """The figures of a day (from, to) of visits and agents' states; T of each queue is in ``thresholds_ms``."""
    by_queue: dict[str, list[Visit]] = {name: [] for name in thresholds_ms}
    for one in served:
        by_queue[one.visit.queue].append(one.visit)
    terms = {name: Terms(threshold_ms=threshold, span_ms=day[1] - day[0]) for name, threshold in thresholds_ms.items()}
    counts = {name: count(visits, terms[name]) for name, visits in by_queue.items()}
    queues = {name: _queue_figures(counts[name], by_queue[name], terms[name], formula) for name in by_queue if by_queue[name]}
    queues[ALL] = _queue_figures(add(counts.values()), [one.visit for one in served], Terms(threshold_ms=None), formula)
    found = {agent: _agent_figures(agent, served, states.get(agent, ()), day) for agent in agents}
    return Figures(queues=queues, agents={agent: shown for agent, shown in found.items() if shown.calls or shown.occupancy is not None})


def _queue_figures(counts: Counts, visits: Sequence[Visit], terms: Terms, formula: Formula) -> QueueFigures:
    waits = [visit.wait_ms for visit in visits if visit.how]
    asa, level = FORMULAS["asa"](counts, terms).value, formula(counts, terms).value
    return QueueFigures(
        calls=counts.entered,
        answered=counts.answered,
        abandoned=counts.abandoned,
        other=counts.flow_outs,
        waiting=counts.waiting,
        asa_ms=None if asa is None else round(asa),
        p90_wait_ms=percentile(waits, 0.9),
        longest_wait_ms=max(waits, default=None),
        service_level=None if level is None else float(level),
    )


def _agent_figures(agent: str, served: Iterable[Served], states: Sequence[Change], day: tuple[int, int]) -> AgentFigures:
    lasted = totals(stretches(states, *day))
    contact_ms = lasted.get("talking", 0) + lasted.get("wrapup", 0)
    there_ms = contact_ms + lasted.get("ready", 0)
    return AgentFigures(
        calls=sum(one.agent == agent and one.visit.how == ANSWERED for one in served),
        talk_ms=lasted.get("talking", 0),
        occupancy=contact_ms / there_ms if there_ms else None,
    )


# As text

_QUEUE_ROWS: Final = {
    "calls": "calls", "answered": "answered", "abandoned": "abandoned", "other": "left otherwise", "waiting": "still waiting",
    "asa_ms": "ASA", "p90_wait_ms": "p90 wait", "longest_wait_ms": "longest wait", "service_level": "service level",
}  # fmt: skip
_AGENT_ROWS: Final = {"calls": "calls", "talk_ms": "talk", "occupancy": "occupancy"}


def as_table(columns: Mapping[str, Figures], only: str | None = None) -> str:
    """The columns side by side, by their titles; of one queue, when it is named, and of every agent."""
    first = next(iter(columns.values()))
    lines = _line("", list(columns))
    for name in [only] if only else sorted(first.queues, key=lambda queue: (queue == ALL, queue)):
        found: list[msgspec.Struct] = [column.queues[name] for column in columns.values()]
        lines += f"\n{'queue ' + name if name else 'all queues'}\n" + _rows(_QUEUE_ROWS, found)
    for number in sorted({number for column in columns.values() for number in column.agents}):
        shown = [column.agents.get(number, AgentFigures(calls=0, talk_ms=0, occupancy=None)) for column in columns.values()]
        lines += f"\nagent {number}\n" + _rows(_AGENT_ROWS, shown)
    return lines


def _rows(rows: Mapping[str, str], columns: Sequence[msgspec.Struct]) -> str:
    return "".join(_line(title, [_shown(name, getattr(column, name)) for column in columns]) for name, title in rows.items())


def _line(title: str, cells: Iterable[str]) -> str:
    return f"  {title:<16}{''.join(f'{cell:>24}' for cell in cells)}".rstrip() + "\n"


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name.endswith("_ms"):
        minutes, seconds = divmod(value / 1000, 60)
        return f"{int(minutes)}:{seconds:04.1f}" if round(seconds, 1) < 60 else f"{int(minutes) + 1}:00.0"
    return f"{value:.1%}" if isinstance(value, float) else str(value)
