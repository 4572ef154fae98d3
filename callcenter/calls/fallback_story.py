"""What the witness tells of callers whom the fallback served while no worker was there, as the ledger's events. Pure.

Ids are derived from Asterisk's id of the channel: telling the same call twice tells nothing new.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from callcenter.acd.model import OfferEnd
from callcenter.asterisk.witness import ChannelEnd, Served, Witnessed, ends
from callcenter.basics.vocabulary import Direction, EndedBy, Kind, LegRole, Outcome, caller_number, derived_id, dialled_number
from callcenter.calls.phases import Phase, outcome_of
from callcenter.ledger import events as ledger

FALLBACK: Final = "fallback"
"""The phase of a call that the dialplan served alone."""
_TEMPORARY_FAILURE: Final = 41
_BUSY, _REJECTED = 17, 21
_UNREACHABLE: Final = frozenset({3, 20, 27, 38, 102})
_TOGETHER_MS: Final = 500
"""Two channels that talked end in threads of their own: the one that hung up may be told of after the one that was hung up."""
_E = TypeVar("_E", bound=ledger.Happened)


class Phone(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's phone that the fallback let ring."""

    channel: str
    agent: str
    started_ms: int
    answered_ms: int | None
    talked_ms: tuple[int, int] | None
    """From when to when caller and agent heard each other."""
    end: ChannelEnd | None


class FallbackCall(msgspec.Struct, frozen=True, kw_only=True):
    """One caller's way through the fallback; moments are UTC milliseconds."""

    channel: str
    trunk: str
    served: Served
    started_ms: int
    last_ms: int
    """When the witness last heard of the channel."""
    answered_ms: int | None
    queued_ms: int | None
    left_queue_ms: int | None
    message_ms: int | None
    """When the recording of a message began."""
    phones: tuple[Phone, ...]
    end: ChannelEnd | None
    """None while it is up, or when Asterisk itself died."""

    @property
    def id(self) -> str:
        """The call's id."""
        return derived_id(Kind.CALL, self.started_ms, self.channel)

    @property
    def leg(self) -> str:
        """The caller's leg."""
        return derived_id(Kind.LEG, self.started_ms, self.channel)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a caller left."""

    channel: str
    began_ms: int
    length_ms: int
    box: str

    @property
    def recording(self) -> str:
        """Its id in the recordings room."""
        return derived_id(Kind.RECORDING, self.began_ms, self.channel)


def calls_of(events: Iterable[Witnessed]) -> list[FallbackCall]:
    """The callers whom the fallback took, oldest first, of events in their order."""
    every = list(events)
    how_ended = ends(every)
    taken = {event.unique_id for event in every if event.user_field}
    own: dict[str, list[Witnessed]] = {channel: [] for channel in taken}
    linked: dict[str, dict[str, list[Witnessed]]] = {channel: {} for channel in taken}
    for event in every:
        if event.unique_id in taken:
            own[event.unique_id].append(event)
        elif event.linked_id in taken:
            linked[event.linked_id].setdefault(event.unique_id, []).append(event)
    found = [_call(channel, own[channel], linked[channel], how_ended) for channel in taken]
    return sorted(found, key=lambda call: (call.started_ms, call.channel))


def _call(channel: str, own: list[Witnessed], linked: dict[str, list[Witnessed]], how_ended: dict[str, ChannelEnd]) -> FallbackCall:
    served = Served()
    queued_ms = left_queue_ms = message_ms = None
    for event in own:
        served = Served.of(event.user_field) if event.user_field else served
        if event.kind == "APP_START" and served.in_mailbox:
            message_ms = event.at_ms if message_ms is None else message_ms
        elif event.kind == "APP_START" and queued_ms is None:
            queued_ms = event.at_ms
        elif event.kind == "APP_END" and not served.in_mailbox:
            left_queue_ms = event.at_ms
    last_ms = max(event.at_ms for events in (own, *linked.values()) for event in events)
    talk = _in_bridge(own, last_ms)
    return FallbackCall(
        channel=channel,
        trunk=endpoint(own[0].channel_name),
        served=served,
        started_ms=own[0].at_ms,
        last_ms=own[-1].at_ms,
        answered_ms=_first(own, "ANSWER"),
        queued_ms=queued_ms,
        left_queue_ms=left_queue_ms,
        message_ms=message_ms,
        phones=tuple(_phone(name, events, talk, _in_bridge(events, last_ms), how_ended.get(name)) for name, events in linked.items()),
        end=how_ended.get(channel),
    )


_Stretch: TypeAlias = tuple[int, int] | None


def _phone(channel: str, events: list[Witnessed], caller_talk: _Stretch, own_talk: _Stretch, end: ChannelEnd | None) -> Phone:
    talked = None
    if own_talk and caller_talk:
        both = max(own_talk[0], caller_talk[0]), min(own_talk[1], caller_talk[1])
        talked = both if both[1] > both[0] else None
    return Phone(
        channel=channel,
        agent=endpoint(events[0].channel_name),
        started_ms=events[0].at_ms,
        answered_ms=_first(events, "ANSWER"),
        talked_ms=talked,
        end=end,
    )


def _first(events: list[Witnessed], kind: str) -> int | None:
    return next((event.at_ms for event in events if event.kind == kind), None)


def _in_bridge(events: list[Witnessed], last_ms: int) -> _Stretch:
    """From the first entering to the last leaving of a bridge, or to the last word of the whole call where that is missing."""
    since = _first(events, "BRIDGE_ENTER")
    if since is None:
        return None
    return since, max((event.at_ms for event in events if event.kind == "BRIDGE_EXIT"), default=last_ms)


def endpoint(channel_name: str) -> str:
    """The endpoint of ``PJSIP/trunk-demo-00000001``, without ``trunk-``."""
    return channel_name.partition("/")[2].rpartition("-")[0].removeprefix("trunk-")


class Story:
    """Collects a call's events under derived ids."""

    def __init__(self, call: str, seed: str) -> None:
        self.call, self.seed = call, seed
        self.events: list[ledger.Event] = []

    def tell(self, event: type[_E], at_ms: int, **fields: Any) -> None:
        """Add an event."""
        number = len(self.events)
        told: Any = event(id=derived_id(Kind.EVENT, at_ms, f"{self.seed} {number}", number), at_ms=at_ms, call=self.call, **fields)
        self.events.append(told)


def story_of(call: FallbackCall, *, node: str, message: Message | None) -> list[ledger.Event]:
    """Everything that happened to a call that is over."""
    story = Story(call.id, call.channel)
    end_ms = call.end.at_ms if call.end else call.last_ms
    number = caller_number(call.served.caller)
    dialled = dialled_number(call.served.dialled) or ""
    story.tell(
        ledger.CallArrived, call.started_ms, direction=Direction.INBOUND, caller=number, dialled=dialled, trunk=call.trunk, node=node
    )
    story.tell(ledger.LegStarted, call.started_ms, leg=call.leg, channel=call.channel, role=LegRole.CALLER, party=number)
    story.tell(ledger.PhaseEntered, call.started_ms, phase=FALLBACK)
    if call.answered_ms is not None:
        story.tell(ledger.LegAnswered, call.answered_ms, leg=call.leg)
    _tell_queue(story, call, end_ms)
    mailbox_ms = message.began_ms if message else call.message_ms
    if mailbox_ms is not None:
        story.tell(ledger.PhaseEntered, mailbox_ms, phase=Phase.VOICEMAIL)
    if message:
        tell_message(story, message, call.leg)
    by = _ended_by(call)
    cause = call.end.cause if call.end else _TEMPORARY_FAILURE
    cause_text = call.end.cause_text if call.end else "media server lost"
    story.tell(ledger.LegEnded, end_ms, leg=call.leg, by=by, cause=cause, cause_text=cause_text)
    outcome = _outcome(call, by, message is not None)
    story.tell(ledger.CallEnded, end_ms, by=by, cause=cause, outcome=outcome, witnessed=call.end is not None)
    return story.events


def tell_message(story: Story, message: Message, leg: str) -> None:
    """The caller on this leg left a message."""
    story.tell(ledger.RecordingStarted, message.began_ms, recording=message.recording, leg=leg)
    story.tell(ledger.VoicemailLeft, message.began_ms, box=message.box, recording=message.recording)
    story.tell(ledger.RecordingEnded, message.began_ms + message.length_ms, recording=message.recording)


def _tell_queue(story: Story, call: FallbackCall, end_ms: int) -> None:
    queue = call.served.queue
    if call.queued_ms is None:
        return
    story.tell(ledger.Queued, call.queued_ms, queue=queue)
    talk = next((phone for phone in call.phones if phone.talked_ms), None)
    for phone in call.phones:
        _tell_phone(story, phone, queue, end_ms)
    if talk:
        left_ms, why = talk.answered_ms or talk.started_ms, "answered"
    elif call.message_ms is not None or call.served.in_mailbox:
        left_ms, why = call.left_queue_ms or end_ms, "timeout"
    else:
        left_ms, why = end_ms, "abandoned"
    story.tell(ledger.LeftQueue, left_ms, queue=queue, why=why)
    if talk and talk.talked_ms:
        legs = (call.leg, _leg_of(talk))
        bridge = derived_id(Kind.BRIDGE, talk.talked_ms[0], call.channel)
        story.tell(ledger.PhaseEntered, talk.talked_ms[0], phase=Phase.CONVERSATION)
        story.tell(ledger.Bridged, talk.talked_ms[0], bridge=bridge, legs=legs)
        story.tell(ledger.Unbridged, talk.talked_ms[1], bridge=bridge, leg=call.leg)


def _leg_of(phone: Phone) -> str:
    return derived_id(Kind.LEG, phone.started_ms, phone.channel)


def _tell_phone(story: Story, phone: Phone, queue: str, end_ms: int) -> None:
    leg = _leg_of(phone)
    offer = f"{leg.rpartition('-')[0]}-fallback"
    over_ms = phone.end.at_ms if phone.end else end_ms
    story.tell(ledger.LegStarted, phone.started_ms, leg=leg, channel=phone.channel, role=LegRole.AGENT, party=phone.agent)
    because = ("the fallback queue let the phone ring: no worker was there",)
    story.tell(ledger.Offered, phone.started_ms, offer=offer, queue=queue, agent=phone.agent, leg=leg, because=because)
    if phone.talked_ms and phone.answered_ms is not None:
        story.tell(ledger.LegAnswered, phone.answered_ms, leg=leg)
        story.tell(ledger.OfferEnded, phone.answered_ms, offer=offer, agent=phone.agent, end=OfferEnd.ANSWERED)
    else:
        story.tell(ledger.OfferEnded, over_ms, offer=offer, agent=phone.agent, end=_offer_end(phone, end_ms))
    by = EndedBy.AGENT if phone.end and phone.end.by_remote else EndedBy.SYSTEM
    cause = phone.end.cause if phone.end else _TEMPORARY_FAILURE
    story.tell(ledger.LegEnded, over_ms, leg=leg, by=by, cause=cause, cause_text=phone.end.cause_text if phone.end else "")


def _offer_end(phone: Phone, call_end_ms: int) -> OfferEnd:
    cause = phone.end.cause if phone.end else 0
    if cause == _BUSY:
        return OfferEnd.BUSY
    if cause == _REJECTED:
        return OfferEnd.DECLINED
    if cause in _UNREACHABLE:
        return OfferEnd.UNREACHABLE
    gone = phone.end is None or phone.end.at_ms >= call_end_ms
    return OfferEnd.CALLER_GONE if gone else OfferEnd.TIMED_OUT


def _ended_by(call: FallbackCall) -> EndedBy:
    if call.end is None:
        return EndedBy.SYSTEM
    if call.end.by_remote:
        return EndedBy.CALLER
    agents = [phone.end for phone in call.phones if phone.talked_ms and phone.end]
    return EndedBy.AGENT if any(end.by_remote and end.at_ms <= call.end.at_ms + _TOGETHER_MS for end in agents) else EndedBy.SYSTEM


def _outcome(call: FallbackCall, by: EndedBy, message_left: bool) -> Outcome:
    talked = any(phone.talked_ms for phone in call.phones)
    if call.end is None and not talked and not message_left:
        return Outcome.MEDIA_SERVER_LOST
    last = Phase.VOICEMAIL if call.served.in_mailbox else Phase.QUEUE if call.queued_ms is not None else Phase.GREETING
    return outcome_of(last=last, talked=talked, message_left=message_left, caller_left=by is EndedBy.CALLER, refused=False)
