"""Every metric in the table is counted somewhere and told to operators; what counts on the call's path costs next to nothing."""

from __future__ import annotations

import re

from callcenter.basics import metrics
from callcenter.ledger.counting import Counting
from callcenter.ledger.events import CallArrived, CallEnded, Event, LeftQueue, OfferEnded, PhaseEntered, Queued
from tests.house_rules.tree import ROOT, modules

TABLE = {name for name in vars(metrics) if name.isupper() and not name.startswith("_") and name != "REGISTRY"}


def _exposed() -> dict[str, str]:
    """Name → what it is, of our own metrics."""
    return {family.name: family.documentation for family in metrics.REGISTRY.collect() if family.name.startswith("callcenter_")}


def test_every_metric_is_counted() -> None:
    code = "\n".join(path.read_text() for path in modules("callcenter") if path.name != "metrics.py")
    assert not {name for name in TABLE if not re.search(rf"\bmetrics\.{name}\b", code)}


def test_every_metric_is_told_to_operators() -> None:
    told = set(re.findall(r"^\| `(callcenter_\w+)`", (ROOT / "docs" / "operate.md").read_text(), re.MULTILINE))
    assert told == set(_exposed())


def _value(line: str) -> float:
    found = re.search(rf"^{re.escape(line)} (\S+)$", metrics.text().decode(), re.MULTILINE)
    return float(found.group(1)) if found else 0.0


WHOLE_CALL: list[Event] = [
    CallArrived(id="1", at_ms=0, call="c", direction="inbound", caller="1", dialled="2"),  # type: ignore[arg-type]
    PhaseEntered(id="2", at_ms=0, call="c", phase="queue"),
    Queued(id="3", at_ms=1000, call="c", queue="q"),
    OfferEnded(id="4", at_ms=4000, call="c", offer="o", agent="a", end="answered"),
    LeftQueue(id="5", at_ms=4000, call="c", queue="q", why="answered"),
    CallEnded(id="6", at_ms=9000, call="c", by="caller", cause=16, outcome="answered"),  # type: ignore[arg-type]
]


def test_a_call_is_counted_once_and_its_wait_is_its_wait() -> None:
    lines = (
        'callcenter_calls_arrived_total{direction="inbound"}', 'callcenter_calls_ended_total{outcome="answered"}',
        'callcenter_offers_ended_total{end="answered"}', 'callcenter_call_wait_seconds_count{end="answered",queue="q"}',
        'callcenter_call_wait_seconds_sum{end="answered",queue="q"}',
    )  # fmt: skip
    before = [_value(line) for line in lines]
    counting = Counting()
    counting.count(WHOLE_CALL[:4])
    counting.count(WHOLE_CALL[4:])
    assert [_value(line) - old for line, old in zip(lines, before, strict=True)] == [1, 1, 1, 1, 3]
    counting.count([LeftQueue(id="7", at_ms=9000, call="of a worker before", queue="q", why="answered")])
    assert _value(lines[3]) - before[3] == 1
