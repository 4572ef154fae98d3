"""Plausible histories of calls, drawn by hypothesis: with queue, offers, talk, hold; ended anywhere."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import strategies as st

from callcenter.basics.vocabulary import Direction, EndedBy, Kind, Language, LegRole, new_id
from callcenter.ledger import events as e

START_MS = 1_795_000_000_000


class Story:
    """Events of one call, written in order."""

    def __init__(self, start_ms: int = START_MS) -> None:
        self.call = new_id(Kind.CALL, start_ms)
        self.now = start_ms
        self.events: list[Any] = []

    def add(self, kind: Any, after_ms: int = 0, **fields: Any) -> None:
        self.now += after_ms
        self.events.append(kind(id=new_id(Kind.EVENT, self.now), at_ms=self.now, call=self.call, **fields))


def answered_call(start_ms: int = START_MS, agent: str = "1001", caller: str = "13900000001") -> Story:
    """4000, key 1, sales, rings 2 s, announced 3 s, talks 10 s with 4 s of hold; the caller hangs up. 24 events."""
    s = Story(start_ms)
    own, other, bridge = new_id(Kind.LEG, start_ms), new_id(Kind.LEG, start_ms), new_id(Kind.BRIDGE, start_ms)
    s.add(e.CallArrived, direction=Direction.INBOUND, caller=caller, dialled="4000", node="n")
    s.add(e.LegStarted, leg=own, channel="c1", role=LegRole.CALLER, party=caller)
    s.add(e.PhaseEntered, phase="greeting")
    s.add(e.LegAnswered, 100, leg=own)
    s.add(e.LanguageChosen, language=Language.ZH)
    s.add(e.PhaseEntered, 900, phase="menu")
    s.add(e.NodeEntered, flow="main", version=1, node="main")
    s.add(e.DigitsPressed, 1000, node="main", digits="1", valid=True)
    s.add(e.PhaseEntered, phase="queue")
    s.add(e.Queued, queue="sales")
    s.add(e.Offered, 5000, offer="o1", queue="sales", agent=agent, leg=other)
    s.add(e.LegStarted, leg=other, channel=other, role=LegRole.AGENT, party=agent)
    s.add(e.LegAnswered, 2000, leg=other)
    s.add(e.OfferEnded, offer="o1", agent=agent, end="answered")
    s.add(e.LeftQueue, queue="sales", why="answered")
    s.add(e.PhaseEntered, phase="announcing")
    s.add(e.Announced, 3000, agent=agent, complete=True)
    s.add(e.PhaseEntered, phase="conversation")
    s.add(e.Bridged, bridge=bridge, legs=(own, other))
    s.add(e.RecordingStarted, recording=new_id(Kind.RECORDING, start_ms), leg=own)
    s.add(e.Held, 3000, leg=own, by="agent")
    s.add(e.Retrieved, 4000, leg=own, by="agent")
    s.add(e.LegEnded, 3000, leg=own, by=EndedBy.CALLER, cause=16)
    s.add(e.CallEnded, by=EndedBy.CALLER, cause=16, outcome="answered")
    s.add(e.Unbridged, 5, bridge=bridge, leg=other)
    s.add(e.LegEnded, 15, leg=other, by=EndedBy.SYSTEM, cause=16)
    return s


@st.composite
def histories(draw: st.DrawFn) -> list[Any]:
    """A call's events: a normal call, with steps of any length, cut anywhere, with parts missing."""
    template = answered_call()
    gaps = draw(st.lists(st.sampled_from((0, 0, 1, 7, 500, 60_000)), min_size=len(template.events), max_size=len(template.events)))
    moments = list(itertools.accumulate(gaps, initial=START_MS))
    events = [type(event)(**({name: getattr(event, name) for name in event.__struct_fields__} | {"at_ms": at}))
              for event, at in zip(template.events, moments, strict=False)]  # fmt: skip
    keep = draw(st.lists(st.booleans(), min_size=len(events), max_size=len(events)))
    some = [event for event, kept in zip(events, keep, strict=True) if kept]
    return draw(st.sampled_from((events, some))) or events
