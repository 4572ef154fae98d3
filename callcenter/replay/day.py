"""The ledger's rows and events of a day → who came when, how patient they were, how agents worked. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from callcenter.acd.model import Mode, OfferEnd, Queue
from callcenter.acd.overflow import WHY
from callcenter.basics.vocabulary import ANONYMOUS, Direction
from callcenter.ledger.agent_time import Change
from callcenter.ledger.events import Event, LeftQueue, Offered, OfferEnded, Prioritised, Queued
from callcenter.replay.model import ABANDONED, ANSWERED, Caller, Day, Habit, Handling, OtherWork, Ring, Served, Shift, Told
from callcenter.reports.model import Visit

_TELLING: Final = frozenset({OfferEnd.ANSWERED, OfferEnd.DECLINED, OfferEnd.BUSY, OfferEnd.TIMED_OUT, OfferEnd.FAILED})
"""Ends of offers that say something of the agent; an unreachable phone is replayed from the agent's states."""
_SENT_ON: Final = frozenset(WHY.values())
_BY_THEMSELVES: Final = frozenset({ABANDONED, "key", "callback", "other"})
_WAITED: Final = re.compile(r"caller waited ([0-9]+(?:\.[0-9]+)?) s")
_ASKED: Final = re.compile(r"asked for: (.*)")
_SKILL: Final = re.compile(r"([a-z][a-z0-9_-]*)>=([0-9]+)")
_BUSY: Final = frozenset({"ringing", "talking", "wrapup"})
_MODES: Final = {"offline": Mode.OFFLINE, "ready": Mode.READY, "paused": Mode.PAUSED}


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of a day."""

    begin_ms: int
    end_ms: int
    until_ms: int
    visits: Sequence[Told]
    """In the order in which they began."""
    stories: Mapping[str, Sequence[Event]]
    """By call."""
    conversations: Sequence[OtherWork]
    states: Mapping[str, Sequence[Change]]


class _Stay(msgspec.Struct, frozen=True, kw_only=True):
    """Visits that rules made of one: the caller came to the first by themselves, and was sent on to the others."""

    name: str
    told: tuple[Told, ...]
    events: tuple[Event, ...]
    is_first: bool

    @property
    def entered_ms(self) -> int:
        """When the caller came."""
        return self.told[0].visit.entered_ms

    @property
    def left_ms(self) -> int:
        """When the last visit ended."""
        return self.told[-1].visit.entered_ms + self.told[-1].visit.wait_ms


def build(rows: Rows, queues: Mapping[str, Queue]) -> Day:
    """The day, as far as it can be replayed in these queues."""
    notes: list[str] = []
    stays = list(_stays(_replayable(rows.visits, queues, notes), rows.stories))
    served, handling, answered_by = [], {}, set()
    for stay in stays:
        agents = [_answered_by(stay, told.visit) for told in stay.told]
        served += [Served(name=stay.name, agent=agent, visit=told.visit) for agent, told in zip(agents, stay.told, strict=True)]
        answered_by |= {(stay.told[0].call, agent) for agent in agents}
        last = stay.told[-1].visit
        if last.how == ANSWERED and last.is_over:
            handling[stay.name] = Handling(announce_ms=last.announce_ms, talk_ms=last.talk_ms + last.hold_ms, wrap_ms=last.wrap_ms)
    rings: dict[tuple[str, str], list[Ring]] = {}
    for stay in stays:
        for agent, ring in _rings(stay.events):
            rings.setdefault((stay.name, agent), []).append(ring)
    return Day(
        begin_ms=rows.begin_ms,
        end_ms=rows.end_ms,
        until_ms=rows.until_ms,
        callers=tuple(_caller(stay, queues) for stay in stays),
        served=tuple(served),
        handling=handling,
        rings={pair: tuple(found) for pair, found in rings.items()},
        habits=habits(rings),
        shifts={agent: tuple(shifts(changes, rows.begin_ms)) for agent, changes in rows.states.items()},
        states={agent: tuple(changes) for agent, changes in rows.states.items()},
        other_work=tuple(one for one in rows.conversations if (one.call, one.agent) not in answered_by),
        notes=tuple(notes),
    )


def _replayable(visits: Iterable[Told], queues: Mapping[str, Queue], notes: list[str]) -> list[Told]:
    found, callbacks, strangers = [], 0, 0
    for told in visits:
        if told.direction == Direction.OUTBOUND:
            callbacks += 1
        elif told.visit.queue not in queues:
            strangers += 1
        else:
            found.append(told)
    if callbacks:
        notes.append(f"{callbacks} callbacks are not replayed; the time they took of agents is")
    if strangers:
        notes.append(f"{strangers} visits to queues that are no longer set up are left out")
    return found


def _stays(visits: Iterable[Told], stories: Mapping[str, Sequence[Event]]) -> Iterator[_Stay]:
    by_call: dict[str, list[list[Told]]] = {}
    for told in visits:
        chains = by_call.setdefault(told.call, [])
        if chains and _sent_on(chains[-1][-1].visit, told.visit, stories.get(told.call, ())):
            chains[-1].append(told)
        else:
            chains.append([told])
    found = []
    for call, chains in by_call.items():
        bounds = [chain[0].visit.entered_ms for chain in chains[1:]]
        for index, chain in enumerate(chains):
            begin, end = (bounds[index - 1] if index else 0), (bounds[index] if index < len(bounds) else None)
            events = tuple(event for event in stories.get(call, ()) if begin <= event.at_ms and (end is None or event.at_ms < end))
            name = f"{call}#{index + 1}" if index else call
            found.append(_Stay(name=name, told=tuple(chain), events=events, is_first=index == 0))
    yield from sorted(found, key=lambda stay: (stay.entered_ms, stay.name))


def _sent_on(before: Visit, after: Visit, story: Sequence[Event]) -> bool:
    """Whether a rule of the queue before brought the caller to the one after."""
    left = [one for one in story if isinstance(one, LeftQueue) and one.queue == before.queue and one.at_ms <= after.entered_ms]
    return before.how in _SENT_ON and bool(left) and left[-1].to == f"queue:{after.queue}"


def _answered_by(stay: _Stay, visit: Visit) -> str:
    if visit.how != ANSWERED:
        return ""
    ends = [one for one in stay.events if isinstance(one, OfferEnded) and one.end == ANSWERED and one.at_ms >= visit.entered_ms]
    return ends[-1].agent if ends else ""


def _rings(events: Iterable[Event]) -> Iterator[tuple[str, Ring]]:
    offered: dict[str, int] = {}
    for event in events:
        if isinstance(event, Offered):
            offered[event.offer] = event.at_ms
        elif isinstance(event, OfferEnded) and event.end in _TELLING and event.offer in offered:
            yield event.agent, Ring(lasted_ms=max(0, event.at_ms - offered.pop(event.offer)), end=OfferEnd(event.end))


def habits(rings: Mapping[tuple[str, str], Iterable[Ring]]) -> dict[str, Habit]:
    """By agent: how they dealt with the offers (by caller and agent) that were theirs to take."""
    found: dict[str, Habit] = {}
    for (_, agent), some in rings.items():
        habit = found.get(agent, Habit())
        answers = tuple(ring.lasted_ms for ring in some if ring.end is OfferEnd.ANSWERED)
        misses = tuple(ring for ring in some if ring.end is not OfferEnd.ANSWERED)
        found[agent] = Habit(answers_ms=habit.answers_ms + answers, misses=habit.misses + misses)
    return found


# Callers


def _caller(stay: _Stay, queues: Mapping[str, Queue]) -> Caller:
    first, last = stay.told[0], stay.told[-1]
    offers = [event for event in stay.events if isinstance(event, Offered) and event.queue == first.visit.queue]
    need, preferred = wishes(offers, queues[first.visit.queue], stay.entered_ms)
    queued = next((event for event in stay.events if isinstance(event, Queued)), None)
    waited_ms = stay.left_ms - stay.entered_ms
    leaves = last.visit.how in _BY_THEMSELVES
    return Caller(
        name=stay.name,
        queue=first.visit.queue,
        entered_ms=stay.entered_ms,
        since_ms=stay.entered_ms if stay.is_first else _since_ms(offers, stay.entered_ms),
        priority=queued.priority if queued else 0,
        raised=tuple((event.at_ms, event.priority) for event in stay.events if isinstance(event, Prioritised)),
        need=need,
        preferred=preferred,
        number="" if first.caller == ANONYMOUS else first.caller,
        waited_ms=waited_ms,
        patience_ms=waited_ms if leaves else None,
        gives_up_as=last.visit.how if leaves else ABANDONED,
    )


def _since_ms(offers: Sequence[Offered], entered_ms: int) -> int:
    """Since when a caller waited who came to a queue a second time: as their first offer explains it."""
    for offer in offers[:1]:
        for reason in offer.because:
            if found := _WAITED.fullmatch(reason):
                return min(entered_ms, offer.at_ms - round(float(found[1]) * 1000))
    return entered_ms


def wishes(offers: Iterable[Offered], queue: Queue, entered_ms: int) -> tuple[dict[str, int], str]:
    """Skills and preferred agent that number, menu or caller asked for, as far as offers explain them; a ring's skills are not theirs."""
    preferred = ""
    for offer in offers:
        asked = next((found[1] for reason in offer.because if (found := _ASKED.fullmatch(reason))), "")
        if asked.startswith("@"):
            preferred = asked[1:]
            continue
        waited_ms = offer.at_ms - entered_ms
        begun = [ring for ring in queue.rules.rings if ring.after_s * 1000 <= waited_ms]
        of_ring = begun[-1].need if begun else {}
        need = {skill: int(level) for skill, level in _SKILL.findall(asked)}
        return {skill: level for skill, level in need.items() if level > of_ring.get(skill, 0)}, preferred
    return {}, preferred


# Agents


def shifts(changes: Sequence[Change], begin_ms: int) -> Iterator[Shift]:
    """What of an agent's day was the agent's own doing: when they were there, paused, or could not be reached.

    Ringing, talking and wrap-up are what calls made of it, and are left to the replay.
    """
    mode: Mode | None = None
    reason, reachable = "", True
    for index, change in enumerate(changes):
        at_ms = max(change.at_ms, begin_ms)
        if (change.state != "unreachable") is not reachable:
            reachable = not reachable
            yield Shift(at_ms=at_ms, reachable=reachable)
        if change.state in _MODES:
            wanted, why = _MODES[change.state], change.reason if change.state == "paused" else ""
        elif mode is None:
            wanted, why = _next_mode(changes[index + 1 :]), ""
        else:
            continue
        if (wanted, why) != (mode, reason):
            mode, reason = wanted, why
            yield Shift(at_ms=at_ms, mode=wanted, reason=why)


def _next_mode(following: Iterable[Change]) -> Mode:
    """What an agent was who is met in the middle of a call: what they are once it is over."""
    return next((_MODES[change.state] for change in following if change.state in _MODES), Mode.READY)
