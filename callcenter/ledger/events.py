"""One class per thing that can happen to a call, a leg or an agent. Pure; past participles.

Every event holds ``at_ms``, UTC milliseconds since 1970, taken from Asterisk's own timestamp where Asterisk
reported it. On the wire an event is one JSON object; ``kind`` names its class. The ledger's rows
(calls, legs, segments, agent time) are projections of these and of nothing else.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from callcenter.basics.vocabulary import Direction, EndedBy, Language, LegRole


class Happened(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    """What every event has."""

    id: str
    """``…-evt``; makes writing it twice harmless."""
    at_ms: int
    """When it happened, UTC milliseconds since 1970."""
    call: str
    """``…-call``; empty for what happens to an agent outside any call."""


class CallArrived(Happened, frozen=True, kw_only=True, tag="call_arrived"):
    """A call reached the service."""

    direction: Direction
    caller: str
    """The caller's number, checked, or ``anonymous``."""
    caller_name: str = ""
    dialled: str
    """The number dialled, checked."""
    trunk: str = ""
    node: str = ""


class LegStarted(Happened, frozen=True, kw_only=True, tag="leg_started"):
    """A channel joined the call: the caller's own, an agent's phone, an outside number."""

    leg: str
    """Our leg id; for an incoming channel too, though its channel id is Asterisk's."""
    channel: str
    """Asterisk's channel id (its CEL linkedid/uniqueid), by which the witness knows the leg."""
    role: LegRole
    party: str
    """The agent's number, or the telephone number."""


class LegAnswered(Happened, frozen=True, kw_only=True, tag="leg_answered"):
    """The other side of this leg picked up, or we answered the caller."""

    leg: str


class LegEnded(Happened, frozen=True, kw_only=True, tag="leg_ended"):
    """A channel is gone."""

    leg: str
    by: EndedBy
    cause: int
    """Hang-up cause of Q.850 (16 normal, 17 busy, 18/19 no answer, 21 rejected …)."""
    cause_text: str = ""


class PhaseEntered(Happened, frozen=True, kw_only=True, tag="phase_entered"):
    """The call went into its next phase."""

    phase: str
    """greeting, menu, queue, direct, outside, announcing, conversation, voicemail, farewell, feature, fallback, done."""


class LanguageChosen(Happened, frozen=True, kw_only=True, tag="language_chosen"):
    """From here on the caller is spoken to in this language."""

    language: Language


class NodeEntered(Happened, frozen=True, kw_only=True, tag="node_entered"):
    """The IVR reached a node of a flow."""

    flow: str
    version: int
    node: str


class DigitsPressed(Happened, frozen=True, kw_only=True, tag="digits_pressed"):
    """The caller answered a menu or a question by keys."""

    node: str
    digits: str
    """Empty when the node says they are secret."""
    valid: bool


class Queued(Happened, frozen=True, kw_only=True, tag="queued"):
    """The caller began to wait."""

    queue: str
    priority: int = 0


class Prioritised(Happened, frozen=True, kw_only=True, tag="prioritised"):
    """Somebody gave the waiting caller another priority."""

    priority: int
    by: str


class AgentPreferred(Happened, frozen=True, kw_only=True, tag="agent_preferred"):
    """The caller's own agent is asked before anybody else."""

    queue: str
    agent: str
    why: str
    """owner (the list of callers says so), last (they talked last), flow."""


class LeftQueue(Happened, frozen=True, kw_only=True, tag="left_queue"):
    """The caller stopped waiting."""

    queue: str
    why: str
    """answered, abandoned, timeout, overflow, key, closed, full, no_agents, callback."""
    to: str = ""
    """Where the caller goes without an agent: ``queue:support``, ``agent:1001``, ``number:…``, ``voicemail:sales`` …."""


class WaitPromised(Happened, frozen=True, kw_only=True, tag="wait_promised"):
    """How long the caller was expected to wait from here on: once when they came, and once when they were told."""

    queue: str
    low_s: int
    high_s: int
    """The expected wait is between both, seconds."""
    position: int
    """1 is next."""
    said: bool = False
    """Whether the caller heard it."""


class CallbackAsked(Happened, frozen=True, kw_only=True, tag="callback_asked"):
    """The caller will be called back and keeps the place: this call counts neither as answered nor as abandoned."""

    callback: str
    """``…-cbk``"""
    queue: str
    number: str
    """Where the customer wants to be called."""
    had_one: bool = False
    """There was one for this number already, which stays."""


class CallbackStarted(Happened, frozen=True, kw_only=True, tag="callback_started"):
    """This call is made to call a customer back."""

    callback: str
    queue: str
    first_call: str = ""
    """The call in which it was asked for; empty when it was asked for on the web."""
    since_ms: int
    """Since when the customer waits, UTC milliseconds: before this call began."""
    attempt: int
    """1 is the first."""


class CallbackEnded(Happened, frozen=True, kw_only=True, tag="callback_ended"):
    """What came of this attempt to call back."""

    callback: str
    end: str
    """answered, no_answer, busy, failed; no_agent: the customer was not called."""


class Offered(Happened, frozen=True, kw_only=True, tag="offered"):
    """An agent's phone is asked to ring for this call."""

    offer: str
    queue: str
    agent: str
    leg: str
    because: tuple[str, ...] = ()
    """Readable reasons: why this agent."""
    considered: dict[str, str] = {}
    """Agent → verdict: what ruled the others out; empty for queues of more than 40."""


class OfferEnded(Happened, frozen=True, kw_only=True, tag="offer_ended"):
    """The one end of an offer."""

    offer: str
    agent: str
    end: str
    """answered, declined, busy, timed_out, caller_gone, unreachable, failed, elsewhere."""


class Announced(Happened, frozen=True, kw_only=True, tag="announced"):
    """The caller heard the agent's job number (自动报工号)."""

    agent: str
    complete: bool


class Bridged(Happened, frozen=True, kw_only=True, tag="bridged"):
    """These legs can hear each other from now on."""

    bridge: str
    legs: tuple[str, ...]


class Unbridged(Happened, frozen=True, kw_only=True, tag="unbridged"):
    """A leg left the bridge."""

    bridge: str
    leg: str


class Held(Happened, frozen=True, kw_only=True, tag="held"):
    """One side put the other on hold."""

    leg: str
    by: str


class Retrieved(Happened, frozen=True, kw_only=True, tag="retrieved"):
    """The side on hold is back."""

    leg: str
    by: str


class RecordingStarted(Happened, frozen=True, kw_only=True, tag="recording_started"):
    """Both directions are written from now on: caller left, agent right."""

    recording: str
    leg: str
    by: str = ""
    """Who asked for it; empty: the rules."""


class RecordingTold(Happened, frozen=True, kw_only=True, tag="recording_told"):
    """The caller was told that the call is recorded."""

    rule: str
    asked: bool = False
    """Whether a key would have declined it."""
    declined: bool = False
    """It was pressed."""


class NotRecorded(Happened, frozen=True, kw_only=True, tag="not_recorded"):
    """The conversation is not recorded, on purpose."""

    why: str
    """declined: by the caller; rule: by a rule of recording, or the lot it draws."""
    rule: str = ""


class RecordingPaused(Happened, frozen=True, kw_only=True, tag="recording_paused"):
    """Silence is written from now on."""

    recording: str
    by: str


class RecordingResumed(Happened, frozen=True, kw_only=True, tag="recording_resumed"):
    """The voices are written again."""

    recording: str
    by: str


class RecordingEnded(Happened, frozen=True, kw_only=True, tag="recording_ended"):
    """The file is closed; its audio follows into the store."""

    recording: str
    by: str = ""
    """Who stopped it; empty: the call's end."""


class RecordingFailed(Happened, frozen=True, kw_only=True, tag="recording_failed"):
    """There is no recording, or not the whole of it, and why."""

    recording: str
    reason: str


class ConferenceJoined(Happened, frozen=True, kw_only=True, tag="conference_joined"):
    """The caller is in a conference from now on."""

    conference: str
    role: str
    """moderator or guest."""


class ConferenceMuted(Happened, frozen=True, kw_only=True, tag="conference_muted"):
    """Nobody in the conference hears the caller any more, or everybody again."""

    conference: str
    muted: bool
    by: str


class ConferenceLeft(Happened, frozen=True, kw_only=True, tag="conference_left"):
    """The caller is in the conference no longer."""

    conference: str
    why: str
    """left, conference/ended, conference/removed."""


class SupervisorJoined(Happened, frozen=True, kw_only=True, tag="supervisor_joined"):
    """A supervisor hears the call from now on."""

    leg: str
    phone: str
    by: str
    mode: str
    """listen, whisper or barge."""


class SupervisorModeChanged(Happened, frozen=True, kw_only=True, tag="supervisor_mode_changed"):
    """A supervisor listens, whispers to the agent or speaks to everybody from now on."""

    leg: str
    by: str
    mode: str


class SupervisorLeft(Happened, frozen=True, kw_only=True, tag="supervisor_left"):
    """A supervisor hears the call no longer."""

    leg: str
    by: str
    why: str
    """left, call_ended, no_agent, took_over."""


class TakenOver(Happened, frozen=True, kw_only=True, tag="taken_over"):
    """A supervisor is the call's agent from now on; the one before is let go."""

    leg: str
    agent: str
    before: str
    """The agent until then."""
    by: str


class VoicemailLeft(Happened, frozen=True, kw_only=True, tag="voicemail_left"):
    """The caller left a message."""

    box: str
    recording: str


class Recovered(Happened, frozen=True, kw_only=True, tag="recovered"):
    """A worker took the call over after the one before it went away."""

    node: str
    action: str
    """What was done: resumed, requeued, closed."""


class CallEnded(Happened, frozen=True, kw_only=True, tag="call_ended"):
    """The call is over: always the last event of a call but for its wrap-up and its recording."""

    by: EndedBy
    cause: int
    outcome: str
    """One of vocabulary.Outcome."""
    witnessed: bool = False
    """True when the end is taken from Asterisk's CEL because the worker was away."""


class AgentChanged(Happened, frozen=True, kw_only=True, tag="agent_changed"):
    """An agent is in another state from now on. Every second of an agent's day is in exactly one."""

    agent: str
    state: str
    """offline, ready, paused, ringing, talking, wrapup, unreachable."""
    reason: str = ""
    by: str = ""
    """Who changed it: agent, supervisor:NAME, system, or phone."""


class WrapUpEnded(Happened, frozen=True, kw_only=True, tag="wrap_up_ended"):
    """The agent finished the after-call work of this call."""

    agent: str
    lasted_ms: int


Event: TypeAlias = (
    CallArrived | LegStarted | LegAnswered | LegEnded | PhaseEntered | LanguageChosen | NodeEntered | DigitsPressed
    | Queued | AgentPreferred | Prioritised | LeftQueue | WaitPromised | CallbackAsked | CallbackStarted | CallbackEnded
    | Offered | OfferEnded | Announced | Bridged | Unbridged | Held | Retrieved
    | RecordingStarted | RecordingPaused | RecordingResumed | RecordingEnded | RecordingFailed | VoicemailLeft
    | RecordingTold | NotRecorded
    | ConferenceJoined | ConferenceMuted | ConferenceLeft
    | SupervisorJoined | SupervisorModeChanged | SupervisorLeft | TakenOver
    | Recovered | CallEnded | AgentChanged | WrapUpEnded
)  # fmt: skip

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """The event as one line of JSON, without the line's end."""
    return _encoder.encode(event)


def decode(line: bytes | str) -> Event:
    """The event of one line of JSON; msgspec.DecodeError or ValidationError when it is none of ours."""
    return _decoder.decode(line)


def as_fields(event: Event) -> dict[str, Any]:
    """The event as plain data for a page or the API."""
    fields: dict[str, Any] = msgspec.to_builtins(event)
    return fields


def storable(event: Event) -> tuple[Event, bytes]:
    """The event and its line of JSON; what Postgres can't hold (NUL, half a surrogate pair) becomes ``\N{REPLACEMENT CHARACTER}``."""
    try:
        line = encode(event)
    except UnicodeEncodeError:
        line = b"\\u0000"
    if b"\\u0000" not in line:
        return event, line
    clean = msgspec.convert(_clean(msgspec.structs.asdict(event) | {"kind": type(event).__struct_config__.tag}), Event)
    return clean, encode(clean)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return "".join("\ufffd" if char == "\0" or "\ud800" <= char <= "\udfff" else char for char in value)
    if isinstance(value, dict):
        return {name: _clean(part) for name, part in value.items()}
    return [_clean(part) for part in value] if isinstance(value, list | tuple) else value
