"""Where a supervisor stands in a call: whom they hear, who hears them. Pure.

A supervisor's leg is in a bridge of their own, together with a channel that listens to the agent's (Asterisk's snoop: it hears
what the agent says and hears, and what is said into it only the agent hears); or, to barge in, in the call's own bridge.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from callcenter.basics.vocabulary import LegRole
from callcenter.calls.phases import Phase
from callcenter.calls.record import CallRecord, LegRecord


class Mode(StrEnum):
    """What a supervisor does with a call."""

    LISTEN = "listen"
    """Hears both, is heard by nobody."""
    WHISPER = "whisper"
    """Hears both, is heard by the agent alone."""
    BARGE = "barge"
    """Talks with both."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a supervisor's leg stands."""

    bridge: str = ""
    """The call's bridge; empty: the supervisor's own."""
    spied: str = ""
    """The channel whose both directions are heard in their own bridge; empty: none."""
    is_muted: bool
    """Nothing of what they say leaves their phone."""
    fills_silence: bool = False
    """The agent's channel is sent silence: a whisper is heard only where something is sent."""


BETWEEN: Final = Place(is_muted=True)
"""The call is on its way to another agent."""


def agents_leg(record: CallRecord) -> LegRecord | None:
    """The leg of the agent who talks: the one who took the call, else the one whose own call it is; None: there is none."""
    if record.phase is not Phase.CONVERSATION or not record.bridge or record.other is None:
        return None
    return next((leg for leg in (record.other, record.caller) if leg.role == LegRole.AGENT), None)


def place_of(record: CallRecord, mode: str) -> Place | None:
    """Where a supervisor belongs as the call stands; None: the call goes on without any agent, and without them."""
    if record.phase is not Phase.CONVERSATION or not record.bridge:
        return BETWEEN
    agent = agents_leg(record)
    if agent is None:
        return None
    if mode == Mode.BARGE:
        return Place(bridge=record.bridge, spied=agent.channel, is_muted=False)
    return Place(spied=agent.channel, is_muted=mode != Mode.WHISPER, fills_silence=record.held and mode == Mode.WHISPER)


def why_not_supervised(record: CallRecord, phone: str) -> str:
    """Why nobody can begin to supervise the call with this phone as it stands, in words; empty: they can."""
    if record.phase is not Phase.CONVERSATION:
        return f"the call is in {record.phase}, not in conversation"
    if agents_leg(record) is None:
        return "no agent is in this call"
    if phone in {leg.party for leg in (record.caller, record.other) if leg and leg.role == LegRole.AGENT}:
        return f"the phone {phone} is a side of this call itself"
    return ""


def why_not_taken_over(record: CallRecord) -> str:
    """Why the call can't be taken over from its agent, in words; empty: it can."""
    agent = agents_leg(record)
    if agent is None:
        return f"the call is in {record.phase}, without an agent"
    return "" if record.other is agent else "the call is the agent's own: it ends without them"
