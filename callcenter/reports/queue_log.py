"""The ledger's events as app_queue's queue_log, which QueueMetrics, Asternic and the like read. Pure.

A line is ``epoch|callid|queue|agent|EVENT|data1|data2|…``, fields and units as Asterisk 22's app_queue writes them: seconds of a
wait are the difference of two whole-second clocks, ``CONNECT`` has its ring time in seconds, ``RINGNOANSWER`` in milliseconds.
Positions are reckoned from who waits at that moment, a point of priority counting as so much waiting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from callcenter.ledger import events as e

NO_AGENT: Final = "NONE"
NO_CALL: Final = "NONE"
BY_PROGRAM: Final = "MANAGER"
"""What app_queue writes as the call of a member that a program added."""
KNOWN_FOR_MS: Final = 86_400_000
"""A call that began longer ago is forgotten: one whose end nobody saw would hold its place for ever."""
_EXITS: Final = {"timeout": "EXITWITHTIMEOUT", "no_agents": "EXITEMPTY", "abandoned": "ABANDON"}
_NOT_ANSWERED: Final = frozenset({"declined", "busy", "timed_out", "unreachable", "failed"})
_SIGNED_OFF: Final = "offline"
_READY: Final = frozenset({"ready", "unreachable"})


class Line(msgspec.Struct, frozen=True):
    """One line; ``at_ms`` to the millisecond, so that a period can be cut exactly."""

    at_ms: int
    text: str
    """Without the line's end."""


class _Visit(msgspec.Struct):
    queue: str
    began_ms: int
    """When the call did."""
    entered_ms: int
    order_ms: int
    """Who has the lower one is before: a point of priority counts as so much waiting."""
    place: int
    """Its place when it entered, from 1."""
    agent: str = ""
    """Who picked up."""
    leg: str = ""
    ring_ms: int = 0
    key: str = ""
    connected_ms: int | None = None


class _Call(msgspec.Struct):
    began_ms: int
    channel: str = ""
    caller: str = ""
    channels: dict[str, str] = {}
    """Of its legs."""
    offers: dict[str, e.Offered] = {}
    visit: _Visit | None = None


class QueueLog:
    """Takes events in the order in which they happened, and tells the lines that each of them is."""

    def __init__(self, members: Mapping[str, Iterable[str]], priority_steps: Mapping[str, int]) -> None:
        """``members``: which queues each agent serves; ``priority_steps``: what a point of priority counts in each queue, milliseconds.

        The ledger does not tell what either was before.
        """
        self._steps = priority_steps
        self._members = {agent: tuple(queues) for agent, queues in members.items()}
        self._calls: dict[str, _Call] = {}
        self._waiting: dict[str, list[_Visit]] = {}
        self._modes: dict[str, tuple[str, str]] = {}

    def take(self, event: e.Event) -> list[Line]:
        """The lines of an event; most have none."""
        if isinstance(event, e.AgentChanged):
            return self._agent_changed(event)
        call = self._calls.get(event.call)
        if call is None:
            if not isinstance(event, e.CallArrived):
                return []
            call = self._calls[event.call] = _Call(event.at_ms)
        if event.at_ms - call.began_ms > KNOWN_FOR_MS:
            del self._calls[event.call]
            return []
        lines = self._of_call(call, event)
        if isinstance(event, e.CallEnded):
            del self._calls[event.call]
        return lines

    # A call

    def _of_call(self, call: _Call, event: e.Event) -> list[Line]:
        visit = call.visit
        match event:
            case e.CallArrived():
                call.caller = event.caller if event.caller != "anonymous" else ""
            case e.LegStarted():
                call.channels[event.leg] = event.channel
                call.channel = call.channel or event.channel
            case e.Queued():
                return self._queued(call, event)
            case e.Offered():
                call.offers[event.offer] = event
            case e.OfferEnded():
                return self._offer_ended(call, event)
            case e.DigitsPressed() if visit:
                visit.key = event.digits
            case e.LeftQueue() if visit and visit.connected_ms is None and event.why != "answered":
                return self._left(call, visit, event)
            case e.Bridged() if visit and visit.agent and visit.connected_ms is None:
                return self._connected(call, visit, event)
            case e.CallEnded() if visit:
                return self._ended(call, visit, event)
            case _:
                pass
        return []

    def _queued(self, call: _Call, event: e.Queued) -> list[Line]:
        visit, lines = call.visit, []
        if visit and visit.connected_ms is None and visit.queue == event.queue:
            agent, visit.agent = visit.agent, ""
            return [self._line(event, call.channel, visit.queue, agent, "AGENTDUMP", "")] if agent else []
        if visit and visit.connected_ms is not None:
            lines = [self._complete(call, visit, event, "COMPLETEAGENT")]
        elif visit:
            lines = [self._exit(call, visit, event, "WITHDRAW", "overflow")]
        queue = self._queue(event.queue, event.at_ms)
        order_ms = event.at_ms - event.priority * self._steps.get(event.queue, 0)
        before = next((at for at, other in enumerate(queue) if other.order_ms > order_ms), len(queue))
        call.visit = _Visit(event.queue, call.began_ms, event.at_ms, order_ms, before + 1)
        queue.insert(before, call.visit)
        return [*lines, self._line(event, call.channel, event.queue, "", "ENTERQUEUE", "", call.caller, before + 1)]

    def _offer_ended(self, call: _Call, event: e.OfferEnded) -> list[Line]:
        offered = call.offers.pop(event.offer, None)
        if offered is None or call.visit is None:
            return []
        rang_ms = max(0, event.at_ms - offered.at_ms)
        if event.end == "answered":
            call.visit.agent, call.visit.leg, call.visit.ring_ms = event.agent, offered.leg, rang_ms
        elif event.end in _NOT_ANSWERED:
            return [self._line(event, call.channel, offered.queue, event.agent, "RINGNOANSWER", rang_ms)]
        elif event.end == "caller_gone":
            return [self._line(event, call.channel, offered.queue, event.agent, "RINGCANCELED", rang_ms)]
        return []

    def _left(self, call: _Call, visit: _Visit, event: e.LeftQueue) -> list[Line]:
        call.visit = None
        if event.why == "key":
            return [self._exit(call, visit, event, "EXITWITHKEY")]
        name = _EXITS.get(event.why)
        return [self._exit(call, visit, event, name) if name else self._exit(call, visit, event, "WITHDRAW", event.why)]

    def _connected(self, call: _Call, visit: _Visit, event: e.Bridged) -> list[Line]:
        visit.connected_ms = event.at_ms
        self._out(visit, event.at_ms)
        channel = call.channels.get(visit.leg, visit.leg)
        held_s = _seconds(visit.entered_ms, event.at_ms)
        return [self._line(event, call.channel, visit.queue, visit.agent, "CONNECT", held_s, channel, visit.ring_ms // 1000)]

    def _ended(self, call: _Call, visit: _Visit, event: e.CallEnded) -> list[Line]:
        call.visit = None
        if visit.connected_ms is None:
            return [self._exit(call, visit, event, "ABANDON")]
        return [self._complete(call, visit, event, "COMPLETEAGENT" if event.by == "agent" else "COMPLETECALLER")]

    def _complete(self, call: _Call, visit: _Visit, event: e.Event, name: str) -> Line:
        connected_ms = visit.connected_ms or event.at_ms
        held_s, talked_s = _seconds(visit.entered_ms, connected_ms), _seconds(connected_ms, event.at_ms)
        return self._line(event, call.channel, visit.queue, visit.agent, name, held_s, talked_s, visit.place)

    def _exit(self, call: _Call, visit: _Visit, event: e.Event, name: str, info: str = "") -> Line:
        data = (self._out(visit, event.at_ms), visit.place, _seconds(visit.entered_ms, event.at_ms))
        before = (visit.key,) if name == "EXITWITHKEY" else ()
        after = (info[:40],) if name == "WITHDRAW" else ()
        return self._line(event, call.channel, visit.queue, visit.agent, name, *before, *data, *after)

    def _queue(self, name: str, at_ms: int) -> list[_Visit]:
        """Who waits in a queue now, in their order."""
        queue = self._waiting[name] = [visit for visit in self._waiting.get(name, ()) if at_ms - visit.began_ms <= KNOWN_FOR_MS]
        return queue

    def _out(self, visit: _Visit, at_ms: int) -> int:
        """Take a caller out of the queue; the place held until now, from 1."""
        queue = self._queue(visit.queue, at_ms)
        at = next(at for at, other in enumerate(queue) if other is visit)
        del queue[at]
        return at + 1

    # An agent

    def known(self, agent: str, state: str, reason: str) -> None:
        """What an agent was before the first event, without a line of it."""
        self._modes[agent] = _mode(state, reason) or ("ready", "")

    def _agent_changed(self, event: e.AgentChanged) -> list[Line]:
        before = self._modes.get(event.agent, (_SIGNED_OFF, ""))
        after = _mode(event.state, event.reason)
        if after is None or after == before:
            return []
        self._modes[event.agent] = after
        queues = self._members.get(event.agent, ())
        if after[0] == _SIGNED_OFF:
            return [self._line(event, BY_PROGRAM, queue, event.agent, "REMOVEMEMBER", "") for queue in queues]
        lines: list[Line] = []
        if before[0] == _SIGNED_OFF:
            lines = [self._line(event, BY_PROGRAM, queue, event.agent, "ADDMEMBER", "") for queue in queues]
        if after[0] == "paused":
            lines += self._pause(event, queues, "PAUSE", after[1])
        elif before[0] == "paused":
            lines += self._pause(event, queues, "UNPAUSE", "")
        return lines

    def _pause(self, event: e.AgentChanged, queues: tuple[str, ...], name: str, reason: str) -> list[Line]:
        """As app_queue does for all queues at once: a line for all, then one for each."""
        if not queues:
            return []
        each = [self._line(event, NO_CALL, queue, event.agent, name, reason) for queue in queues]
        return [self._line(event, NO_CALL, "NONE", event.agent, f"{name}ALL", reason), *each]

    @staticmethod
    def _line(event: e.Event, call: str, queue: str, agent: str, name: str, *data: object) -> Line:
        who = f"Agent/{agent}" if agent else NO_AGENT
        fields = (event.at_ms // 1000, call or NO_CALL, queue, who, name, *data)
        return Line(event.at_ms, "|".join(_field(field) for field in fields))


def _mode(state: str, reason: str) -> tuple[str, str] | None:
    """What the agent asked to be, as far as the state tells; None while ringing, talking or in wrap-up."""
    if state in _READY:
        return "ready", ""
    return (state, reason if state == "paused" else "") if state in (_SIGNED_OFF, "paused") else None


def _field(value: object) -> str:
    """A field's text: nothing in it may end the field or the line."""
    return " ".join(str(value).replace("|", " ").split())


def _seconds(from_ms: int, to_ms: int) -> int:
    """As app_queue reckons: the difference of two clocks that show whole seconds."""
    return max(0, to_ms // 1000 - from_ms // 1000)
