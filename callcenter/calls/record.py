"""The call record: all that is needed to go on with a call after a crash. Pure data, saved before each phase starts."""

from __future__ import annotations

from typing import Any

import msgspec

from callcenter.basics.vocabulary import Direction, Language
from callcenter.calls.phases import Phase
from callcenter.ivr.interpreter import Position


class LegRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One channel of the call."""

    leg: str
    channel: str
    """Asterisk's channel id."""
    name: str
    """Asterisk's channel name, which AMI wants."""
    role: str
    party: str
    answered: bool = False
    made: bool = True
    """False: somebody whom we are yet to call; Asterisk has no such channel."""


class Ringing(msgspec.Struct, frozen=True, kw_only=True):
    """A phone that rings for the caller, by an offer of the ACD."""

    offer: str
    agent: str
    leg: LegRecord


class Supervising(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who listens to the call, or speaks in it, beside its two sides."""

    phone: str
    """The number of the phone they do it with."""
    by: str
    """Who they are, as audit and ledger call them."""
    mode: str
    """listen, whisper or barge."""
    leg: LegRecord
    bridge: str = ""
    """The bridge of their own, in which they hear the agent's channel."""
    since_ms: int = 0
    """Since when they are with the call, UTC milliseconds; 0: their phone rings."""


class CallRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a call stands."""

    id: str
    node: str
    direction: Direction
    started_ms: int
    caller: LegRecord
    number: str
    """The caller's number, checked."""
    name: str
    """The caller's name, without control characters."""
    dialled: str
    phase: Phase
    phase_since_ms: int
    language: Language
    flow: str = ""
    flow_version: int = 0
    position: Position | None = None
    queue: str = ""
    queued_ms: int = 0
    """Since when the caller waits; kept over crashes, failed offers and moves to another queue."""
    priority: int = 0
    """Points of priority; each is worth the queue's ``priority_step_s`` of waiting."""
    need: dict[str, int] = {}
    """Skill → level that number or menu ask for."""
    preferred: str = ""
    """The agent whom the caller should get."""
    entered_ms: int = 0
    """Since when the caller waits in this queue."""
    moves: int = 0
    """How often an overflow rule has sent the caller from one queue to another."""
    farewell: str = ""
    """What the caller is told before the call ends, by the prompt's name without language."""
    ringing: tuple[Ringing, ...] = ()
    """The agents' phones that ring for the waiting caller."""
    agent: str = ""
    """The agent who talks, or whose own call it is."""
    other: LegRecord | None = None
    """The other side's channel."""
    bridge: str = ""
    recording: str = ""
    monitor: str = ""
    """The channel that is being recorded, by its name; empty when none is."""
    recording_paused: bool = False
    """Silence is being recorded."""
    recording_stopped: bool = False
    """Somebody stopped the recording by hand: it begins again by hand only."""
    recording_told: bool = False
    """The caller has been told that the call is recorded."""
    recording_declined: bool = False
    """The caller does not want to be recorded."""
    not_recorded: bool = False
    """The ledger knows why the call is not recorded."""
    playback: str = ""
    """What is being played to the caller: a worker after us stops it."""
    voicemail_box: str = ""
    outside: str = ""
    """The number outside that a flow or an overflow rule calls; empty when it may not be called."""
    booked: str = ""
    """The callback that the caller has asked for in this call."""
    declined_callback: bool = False
    """The caller was offered a callback by an overflow rule and did not want it: such rules count no more."""
    callback: str = ""
    """The callback for which this call is made."""
    conference: str = ""
    """The conference that the caller enters, or is in."""
    conference_role: str = ""
    """``moderator`` or ``guest``; empty until it is known."""
    conference_bridge: str = ""
    """The conference's bridge while the caller is in it."""
    muted: bool = False
    """Nobody in the conference hears the caller."""
    talked: bool = False
    held: bool = False
    supervisors: tuple[Supervising, ...] = ()
    """Who listens, whispers or barges in."""

    def evolve(self, **changes: Any) -> CallRecord:
        """The record with some fields changed."""
        return msgspec.structs.replace(self, **changes)


def shown(record: CallRecord) -> list[dict[str, Any]]:
    """Who supervises the call, as screens and the API show them."""
    return [{"phone": one.phone, "by": one.by, "mode": one.mode, "since_ms": one.since_ms} for one in record.supervisors]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(CallRecord)


def encode(record: CallRecord) -> bytes:
    """The record as JSON."""
    return _encoder.encode(record)


def decode(text: bytes) -> CallRecord:
    """The record of a JSON text; msgspec.MsgspecError when it is none of ours."""
    return _decoder.decode(text)
