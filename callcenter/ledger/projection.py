"""Events → call, legs, segments. Pure; the order in which events come and their doubles make no difference.

A call's life is cut into segments that touch: at each moment the call is in exactly one of ivr, queue, ringing,
announcing, talking, held, voicemail, other. So the segments add up to the call, whatever happened.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from callcenter.basics.vocabulary import LegRole
from callcenter.ledger import events as e


class LegRow(msgspec.Struct, kw_only=True):
    """One channel of a call; moments are UTC milliseconds, None while they have not come."""

    id: str
    call: str
    channel: str = ""
    role: str = ""
    party: str = ""
    started_ms: int = 0
    answered_ms: int | None = None
    ended_ms: int | None = None
    ended_by: str = ""
    cause: int = 0
    cause_text: str = ""


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a call in which it was one thing."""

    kind: str
    queue: str = ""
    agent: str = ""
    started_ms: int
    ended_ms: int

    @property
    def length_ms(self) -> int:
        """Milliseconds."""
        return self.ended_ms - self.started_ms


class CallRow(msgspec.Struct, kw_only=True):
    """One call; durations in milliseconds."""

    id: str
    direction: str = ""
    caller: str = ""
    caller_name: str = ""
    dialled: str = ""
    trunk: str = ""
    node: str = ""
    language: str = ""
    flow: str = ""
    dtmf_path: str = ""
    queue: str = ""
    agent: str = ""
    started_ms: int = 0
    answered_ms: int | None = None
    connected_ms: int | None = None
    ended_ms: int | None = None
    duration_ms: int = 0
    ivr_ms: int = 0
    wait_ms: int = 0
    ring_ms: int = 0
    talk_ms: int = 0
    hold_ms: int = 0
    wrapup_ms: int = 0
    offers: int = 0
    ended_by: str = ""
    cause: int = 0
    outcome: str = ""
    witnessed: bool = False
    recordings: tuple[str, ...] = ()


class Projected(msgspec.Struct, frozen=True):
    """What a call's events come to."""

    call: CallRow
    legs: tuple[LegRow, ...]
    segments: tuple[Segment, ...]


_RANK: Final[dict[type, int]] = {e.CallArrived: -2, e.LegStarted: -1, e.CallEnded: 1, e.WrapUpEnded: 2}
"""What comes first and last of events in the same millisecond, whoever noted them. All others keep the order they were noted in:
held then retrieved, or left one queue and entered the next, would end as the contrary if a kind always came before another."""


def in_order(events: Iterable[e.Event]) -> list[e.Event]:
    """Each event once, by time, and within a millisecond as a call goes: ids tell the order in which a worker noted them."""
    once = {event.id: event for event in events}
    return sorted(once.values(), key=lambda event: (event.at_ms, _RANK.get(type(event), 0), event.id[10:]))


class _State:
    """What the call is at a moment of its life."""

    def __init__(self) -> None:
        self.phase = "other"
        self.waiting = False
        self.offered: dict[str, str] = {}
        """Offer → agent of the phones that ring."""
        self.taken = False
        """An agent has picked up: whatever becomes of the other phones changes nothing."""
        self.bridged: set[str] = set()
        self.supervisors: set[str] = set()
        """Legs that are no side of the call: whether they are in the bridge changes nothing."""
        self.held = False
        self.announcing = False
        self.in_conference = False
        self.outside = ""
        """The leg to a number outside, until it ends."""
        self.queue = ""
        self.agent = ""

    def take(self, event: e.Event) -> None:
        match event:
            case e.PhaseEntered():
                self.phase = event.phase
                self.announcing = event.phase == "announcing"
            case e.Queued():
                self.waiting, self.queue, self.agent, self.taken = True, event.queue, "", False
            case e.LeftQueue():
                self.waiting = False
            case e.Offered():
                self.offered[event.offer] = self.agent = event.agent
                self.taken = False
            case e.OfferEnded():
                self._offer_ended(event)
            case e.Announced():
                self.announcing = False
            case e.Bridged():
                self.bridged = set(event.legs) - self.supervisors
            case e.LegStarted():
                self._leg_started(event)
            case e.Unbridged():
                self.bridged.discard(event.leg)
            case e.LegEnded():
                self.bridged.discard(event.leg)
                self.outside = "" if event.leg == self.outside else self.outside
            case e.Held() | e.Retrieved() | e.ConferenceJoined() | e.ConferenceLeft() | e.TakenOver():
                self._turned(event)
            case _:
                pass

    def _leg_started(self, event: e.LegStarted) -> None:
        if event.role == LegRole.OUTSIDE:
            self.outside = event.leg
        elif event.role == LegRole.SUPERVISOR:
            self.supervisors.add(event.leg)

    def _turned(self, event: e.Held | e.Retrieved | e.ConferenceJoined | e.ConferenceLeft | e.TakenOver) -> None:
        if isinstance(event, e.Held | e.Retrieved):
            self.held = isinstance(event, e.Held)
        elif isinstance(event, e.TakenOver):
            # The supervisor's leg stands in the bridge already: it is a side of the call from now on.
            self.supervisors.discard(event.leg)
            self.bridged.add(event.leg)
            self.agent = event.agent
        else:
            self.in_conference = isinstance(event, e.ConferenceJoined)

    def _offer_ended(self, event: e.OfferEnded) -> None:
        self.offered.pop(event.offer, None)
        if event.end == "answered":
            self.agent, self.taken, self.announcing = event.agent, True, True
        elif not self.taken:
            self.agent, self.announcing = next(reversed(self.offered.values()), ""), False

    @property
    def kind(self) -> str:
        if self.held:
            return "held"
        if len(self.bridged) > 1 or self.in_conference:
            return "talking"
        if (self.offered and not self.taken) or (self.phase == "callback" and self.outside):
            return "ringing"
        if self.waiting:
            return "queue"
        if self.announcing:
            return "announcing"
        return _KIND_OF.get("dialling" if self.phase == "outside" and self.outside else self.phase, "other")


_KIND_OF: Final = {
    "greeting": "ivr", "menu": "ivr", "feature": "ivr", "outside": "ivr",
    "conference": "ivr", "voicemail": "voicemail", "direct": "ringing", "dialling": "ringing",
}  # fmt: skip
"""What the call is in a phase where nothing else says so."""
_TURNS: Final = frozenset(
    (
        e.PhaseEntered,
        e.LegStarted,
        e.Queued,
        e.LeftQueue,
        e.Offered,
        e.OfferEnded,
        e.Announced,
        e.Bridged,
        e.Unbridged,
        e.LegEnded,
        e.Held,
        e.Retrieved,
        e.ConferenceJoined,
        e.ConferenceLeft,
        e.TakenOver,
    )
)
"""What changes the state; most else happens within one."""
_OF_LEGS: Final = frozenset((e.LegStarted, e.LegAnswered, e.LegEnded))


def _segments(events: list[e.Event], started_ms: int, ended_ms: int) -> list[Segment]:
    state = _State()
    found: list[Segment] = []
    since, now = started_ms, ("other", "", "")
    for event in events:
        if type(event) not in _TURNS:
            continue
        at_ms = min(max(event.at_ms, started_ms), ended_ms)
        state.take(event)
        after = (state.kind, state.queue if state.kind != "ivr" else "", state.agent)
        if after != now:
            if at_ms > since:
                found.append(Segment(kind=now[0], queue=now[1], agent=now[2], started_ms=since, ended_ms=at_ms))
            since, now = at_ms, after
    if ended_ms > since:
        found.append(Segment(kind=now[0], queue=now[1], agent=now[2], started_ms=since, ended_ms=ended_ms))
    return found


def _legs(call: str, events: list[e.Event]) -> dict[str, LegRow]:
    legs: dict[str, LegRow] = {}
    for event in events:
        if type(event) not in _OF_LEGS:
            continue
        match event:
            case e.LegStarted():
                leg = legs.setdefault(event.leg, LegRow(id=event.leg, call=call))
                leg.channel, leg.role, leg.party, leg.started_ms = event.channel, event.role, event.party, event.at_ms
            case e.LegAnswered():
                leg = legs.setdefault(event.leg, LegRow(id=event.leg, call=call, started_ms=event.at_ms))
                leg.answered_ms = event.at_ms if leg.answered_ms is None else min(leg.answered_ms, event.at_ms)
            case e.LegEnded():
                leg = legs.setdefault(event.leg, LegRow(id=event.leg, call=call, started_ms=event.at_ms))
                if leg.ended_ms is None:
                    leg.ended_ms, leg.ended_by, leg.cause, leg.cause_text = event.at_ms, event.by, event.cause, event.cause_text
            case _:
                pass
    return legs


def _facts(row: CallRow, events: list[e.Event]) -> None:
    keys: list[str] = []
    recordings: list[str] = []
    offers: set[str] = set()
    for event in events:
        match event:
            case e.CallArrived():
                row.direction, row.caller, row.caller_name = event.direction, event.caller, event.caller_name
                row.dialled, row.trunk, row.node, row.started_ms = event.dialled, event.trunk, event.node, event.at_ms
            case e.LanguageChosen():
                row.language = event.language
            case e.NodeEntered():
                row.flow = row.flow or event.flow
            case e.DigitsPressed():
                keys.append(f"{event.node}:{event.digits}")
            case e.Queued():
                row.queue = event.queue
            case e.Offered():
                offers.add(event.offer)
                row.agent = event.agent
            case e.OfferEnded(end="answered"):
                row.agent = event.agent
            case e.RecordingStarted() if event.recording not in recordings:
                recordings.append(event.recording)
            case e.WrapUpEnded():
                row.wrapup_ms += event.lasted_ms
            case e.CallEnded() if row.ended_ms is None:
                row.ended_ms, row.ended_by, row.cause = event.at_ms, event.by, event.cause
                row.outcome, row.witnessed = event.outcome, event.witnessed
            case _:
                pass
    row.dtmf_path, row.recordings, row.offers = " ".join(keys), tuple(recordings), len(offers)


def _within(leg: LegRow, start_ms: int, end_ms: int, *, over: bool) -> None:
    """The books of a leg close with the call: Asterisk hangs the other side up some milliseconds later."""
    leg.started_ms = min(max(leg.started_ms, start_ms), end_ms)
    if leg.ended_ms is not None or over:
        leg.ended_ms = end_ms if leg.ended_ms is None else min(max(leg.ended_ms, leg.started_ms), end_ms)
    if leg.answered_ms is not None:
        leg.answered_ms = min(max(leg.answered_ms, leg.started_ms), end_ms if leg.ended_ms is None else leg.ended_ms)


_TOTALS: Final = {"ivr": "ivr_ms", "ringing": "ring_ms", "talking": "talk_ms", "held": "hold_ms"}


def project(events: Iterable[e.Event]) -> Projected:
    """What a call's events come to; ValueError when there is none."""
    ordered = in_order(events)
    if not ordered:
        raise ValueError("a call without events")
    row = CallRow(id=ordered[0].call, started_ms=ordered[0].at_ms)
    _facts(row, ordered)
    row.started_ms = min(row.started_ms, ordered[0].at_ms)
    legs = _legs(row.id, ordered)
    ended_ms = max(row.started_ms, row.ended_ms if row.ended_ms is not None else ordered[-1].at_ms)
    if row.ended_ms is not None:
        row.ended_ms = ended_ms
    for leg in legs.values():
        _within(leg, row.started_ms, ended_ms, over=row.ended_ms is not None)
    segments = _segments(ordered, row.started_ms, ended_ms)
    for segment in segments:
        if field := _TOTALS.get(segment.kind):
            setattr(row, field, getattr(row, field) + segment.length_ms)
    row.wait_ms = _waited(ordered, ended_ms)
    row.duration_ms = ended_ms - row.started_ms
    callers = [leg for leg in legs.values() if leg.role == LegRole.CALLER] or list(legs.values())[:1]
    row.answered_ms = next((leg.answered_ms for leg in callers if leg.answered_ms is not None), None)
    row.connected_ms = next((segment.started_ms for segment in segments if segment.kind == "talking"), None)
    if talker := next((segment.agent for segment in segments if segment.kind == "talking" and segment.agent), ""):
        row.agent = talker
    elif not row.agent:
        row.agent = next((leg.party for leg in reversed(legs.values()) if leg.role == LegRole.AGENT), "")
    return Projected(row, tuple(legs.values()), tuple(segments))


def _waited(events: list[e.Event], ended_ms: int) -> int:
    """Milliseconds in queues, ringing phones included: what the caller calls waiting."""
    total, since = 0, None
    for event in events:
        if isinstance(event, e.Queued) and since is None:
            since = event.at_ms
        elif isinstance(event, e.LeftQueue) and since is not None:
            total += max(0, min(event.at_ms, ended_ms) - since)
            since = None
    return total + (max(0, ended_ms - since) if since is not None else 0)
