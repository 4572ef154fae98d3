"""Calls that stand open in the ledger and that nobody goes on with: their record was lost with Redis or with a killed worker.

``closing_of`` decides (pure), ``close_lost`` does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from callcenter.asterisk import witness
from callcenter.asterisk.resources import ChannelData
from callcenter.asterisk.witness import ChannelEnd
from callcenter.basics import clock
from callcenter.basics.errors import AsteriskAway, AsteriskRefused
from callcenter.basics.logs import get_logger
from callcenter.basics.vocabulary import EndedBy, Kind, LegRole, Outcome, new_id
from callcenter.calls.phases import Phase, outcome_of
from callcenter.ledger import events as ledger
from callcenter.ledger.projection import LegRow, project

if TYPE_CHECKING:
    from callcenter.calls.service import Calls

_log = get_logger(__name__)
_NORMAL_CLEARING: Final = 16
_TEMPORARY_FAILURE: Final = 41
_SLACK_MS: Final = 1000
_SETTLE_S: Final = 5.0
_BY: Final = {LegRole.CALLER: EndedBy.CALLER, LegRole.AGENT: EndedBy.AGENT, LegRole.OUTSIDE: EndedBy.OUTSIDE}
_E = TypeVar("_E", bound=ledger.Happened)


def caller_of(events: Sequence[ledger.Event]) -> str:
    """The channel that a call began with; empty when its first events are lost."""
    return next((event.channel for event in events if isinstance(event, ledger.LegStarted)), "")


def closing_of(
    events: Sequence[ledger.Event], ends: Mapping[str, ChannelEnd], here: Collection[str], *, node: str, now_ms: int
) -> list[ledger.Event]:
    """What is to be written of an open call so that it is closed as truly as can be known.

    ``ends``: how channels ended, by the witness. ``here``: channels that are up, with which another call goes on from
    ``now_ms`` (UTC milliseconds). A caller of whom neither tells is gone since the last that was heard of the call.
    """
    found = project(events)
    call, legs = found.call.id, {leg.id: leg for leg in found.legs}
    closing: list[ledger.Event] = []

    def tell(event: type[_E], at_ms: int, **fields: Any) -> None:
        told: Any = event(id=new_id(Kind.EVENT, at_ms), at_ms=at_ms, call=call, **fields)
        closing.append(told)

    first = next((leg for leg in legs.values() if leg.channel == caller_of(events)), None)
    last_ms = max(event.at_ms for event in events)
    end = ends.get(first.channel) if first else None
    if first and first.channel in here:
        end_ms = now_ms
    else:
        end_ms = max(found.call.started_ms, end.at_ms if end else first.ended_ms if first and first.ended_ms else last_ms)
    tell(ledger.Recovered, end_ms, node=node, action="closed")
    recordings = {event.recording for event in events if isinstance(event, ledger.RecordingStarted)}
    recordings -= {event.recording for event in events if isinstance(event, ledger.RecordingEnded | ledger.RecordingFailed)}
    for recording in sorted(recordings):
        tell(ledger.RecordingEnded, end_ms, recording=recording)
    for leg in legs.values():
        if leg.ended_ms is None:
            how = ends.get(leg.channel)
            cause, cause_text = (how.cause or _NORMAL_CLEARING, how.cause_text) if how else _unwitnessed(leg.channel in here)
            at_ms = min(how.at_ms, end_ms) if how else end_ms
            tell(ledger.LegEnded, at_ms, leg=leg.id, by=_ended_by(leg, how), cause=cause, cause_text=cause_text)
    by = _who_ended(end, [leg for leg in legs.values() if leg.ended_ms is None], ends)
    cause = (end.cause or _NORMAL_CLEARING) if end else _unwitnessed(bool(first and first.channel in here))[0]
    tell(ledger.CallEnded, end_ms, by=by, cause=cause, outcome=_outcome(events, by), witnessed=end is not None)
    return closing


def _unwitnessed(here: bool) -> tuple[int, str]:
    return (_NORMAL_CLEARING, "goes on as another call") if here else (_TEMPORARY_FAILURE, "no witness of the end")


def _ended_by(leg: LegRow, how: ChannelEnd | None) -> EndedBy:
    return _BY.get(LegRole(leg.role), EndedBy.SYSTEM) if how and how.by_remote and leg.role else EndedBy.SYSTEM


def _who_ended(end: ChannelEnd | None, legs: Collection[LegRow], ends: Mapping[str, ChannelEnd]) -> EndedBy:
    """Whose side hung up first, when the caller's end is witnessed."""
    if end is None:
        return EndedBy.SYSTEM
    hung_up = [(ends[leg.channel].at_ms, leg) for leg in legs if leg.channel in ends and ends[leg.channel].by_remote]
    first = min((one for one in hung_up if one[0] <= end.at_ms), key=lambda one: one[0], default=None)
    return _ended_by(first[1], ends[first[1].channel]) if first else EndedBy.SYSTEM


def _outcome(events: Sequence[ledger.Event], by: EndedBy) -> Outcome:
    phases = [event.phase for event in events if isinstance(event, ledger.PhaseEntered)]
    last = Phase(phases[-1]) if phases and phases[-1] in set(Phase) else Phase.GREETING
    talked = Phase.CONVERSATION in phases
    message_left = any(isinstance(event, ledger.VoicemailLeft) for event in events)
    if by is EndedBy.SYSTEM and not talked and not message_left:
        return Outcome.FAILED
    return outcome_of(last=last, talked=talked, message_left=message_left, caller_left=by is EndedBy.CALLER, refused=False)


async def close_lost(calls: Calls, witness_file: Path, *, begun_anew: Collection[str] = ()) -> set[str]:
    """Close the open calls of this node that no session and no record owns; returns the channels they began with.

    A call of which a caller in ``begun_anew`` goes on with another one ends now. TimeoutError when Postgres does not keep up.
    """
    house = calls.house
    candidates = await _unowned(calls)
    if not candidates:
        return set()
    # A call that has just ended left its session only after its end was noted: once that is committed it is open no more.
    await house.ledger.settle(_SETTLE_S)
    lost = {call: events for call, events in (await house.ledger.open_calls(house.node)).items() if call in candidates and _is_open(events)}
    if not lost:
        return set()
    since_ms = min(event.at_ms for events in lost.values() for event in events) - _SLACK_MS
    ends = await asyncio.to_thread(witness.read_ends, witness_file, since_ms)
    channels = {channel.id: channel for channel in await house.ari.list_channels()}
    now_ms = clock.utc_ms()
    for call, events in lost.items():
        caller = caller_of(events)
        closing = closing_of(events, ends, channels, node=house.node, now_ms=now_ms)
        _log.warning("a call whose record is lost is closed", call=call, caller_is_here=caller in channels)
        if caller in begun_anew and caller in channels:
            await _stop_recording(calls, channels[caller])
        house.ledger.note(*closing)
        for event in closing:
            if isinstance(event, ledger.RecordingEnded):
                with suppress(OSError):
                    await house.recordings.finished(event.recording, event.at_ms)
    return {caller_of(events) for events in lost.values()}


def _is_open(events: Sequence[ledger.Event]) -> bool:
    """Whether its end is missing among its events; a row that Postgres refuses stays open though its end is written."""
    return bool(events) and not any(isinstance(event, ledger.CallEnded) for event in events)


async def _unowned(calls: Calls) -> set[str]:
    house = calls.house
    open_calls = await house.ledger.open_calls(house.node)
    if not open_calls:
        return set()
    owned = {record.id for record in await house.records.all()} | calls.sessions.keys()
    return open_calls.keys() - owned


async def _stop_recording(calls: Calls, channel: ChannelData) -> None:
    """The recorder of the call that is closed still writes on the channel that goes on."""
    try:
        await calls.house.ami.stop_mix_monitor(channel.name)
    except (AsteriskRefused, AsteriskAway) as error:
        _log.info("no recorder was to be stopped", channel=channel.id, reason=str(error))
