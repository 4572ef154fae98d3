"""Going on with the calls that a worker before us left, and with our own after a lost connection.

Events of the time without a worker are never sent again, so the true ends come from Asterisk's own witness (CEL).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from callcenter.asterisk import witness
from callcenter.asterisk.resources import ChannelData
from callcenter.basics import clock
from callcenter.basics.errors import AsteriskRefused
from callcenter.basics.logs import get_logger
from callcenter.calls import supervising
from callcenter.calls.closing import close_lost
from callcenter.calls.legs import Leg
from callcenter.calls.record import CallRecord
from callcenter.calls.recovery_plan import plan
from callcenter.calls.session import Session
from callcenter.ledger import events as ledger

if TYPE_CHECKING:
    from callcenter.calls.service import Calls

_log = get_logger(__name__)
_NORMAL_CLEARING = 16
_TEMPORARY_FAILURE = 41
_WITNESS_SLACK_MS = 1000


async def recover(calls: Calls, witness_file: Path, app: str, app_prefix: str) -> None:
    """Take over every call of this node; returns when each is going on or closed."""
    house = calls.house
    records = [record for record in await house.records.all() if record.node == house.node]
    channels = {channel.id: channel for channel in await house.ari.list_channels()}
    bridges = [bridge.id for bridge in await house.ari.list_bridges()]
    todo = plan(records, channels, set(bridges) - await house.conferences.load(), app_prefix)
    ends = await _ends(witness_file, records)
    await house.acd.forget_strangers({record.id for record in records} | await house.callbacks.waiting())
    for record in todo.close:
        _log.info("a call ended while no worker was there", call=record.id)
        await _resume(calls, record, channels, ends, app)
    for record in todo.resume:
        _log.info("a call goes on", call=record.id, phase=record.phase)
        await _resume(calls, record, channels, ends, app)
    for stray in todo.hang_up:
        with suppress(AsteriskRefused):
            await house.ari.channel(stray).hangup()
    for bridge in todo.destroy:
        with suppress(AsteriskRefused):
            await house.ari.bridge(bridge).destroy()
    if todo.adopt:
        await _close_before_beginning_anew(calls, witness_file, todo.adopt)
    for caller in todo.adopt:
        _log.warning("a caller without a record begins anew", channel=caller)
        with suppress(AsteriskRefused):
            await house.ari.channel(caller).move(app, "trunk")


async def _close_before_beginning_anew(calls: Calls, witness_file: Path, callers: tuple[str, ...]) -> None:
    """The first rows of callers whose record is lost end here; a ledger that can't be read holds nobody up."""
    try:
        closed = await close_lost(calls, witness_file, begun_anew=callers)
    except Exception:
        _log.exception("calls whose record is lost could not be closed; they will be")
    else:
        calls.begun_anew |= closed.intersection(callers)


async def _ends(witness_file: Path, records: list[CallRecord]) -> dict[str, witness.ChannelEnd]:
    if not records:
        return {}
    since_ms = min(record.started_ms for record in records) - _WITNESS_SLACK_MS
    return await asyncio.to_thread(witness.read_ends, witness_file, since_ms)


async def _resume(
    calls: Calls, record: CallRecord, channels: dict[str, ChannelData], ends: dict[str, witness.ChannelEnd], app: str
) -> None:
    session = calls.session_of(record)
    legs = list(session.legs.values())
    for leg in legs:
        # The worker before us may have died between calling somebody and saving that it did.
        leg.made = leg.made or leg.channel.id in channels
    over = [leg for leg in legs if leg.made and leg.channel.id not in channels]
    session.note(ledger.Recovered, node=calls.house.node, action="closed" if session.caller in over else "resumed")
    _tell_ends(session, over, ends)
    if record.playback and not session.caller.ended.is_set():
        with suppress(AsteriskRefused):
            await calls.house.ari.playback(record.playback).stop()
    session.moved = True
    for leg in legs:
        if leg in over or not leg.made:
            continue
        if channels[leg.channel.id].state == "Up" and leg.note_answered() and leg is not session.caller:
            session.note(ledger.LegAnswered, leg=leg.leg)
        with suppress(AsteriskRefused):
            await leg.channel.move(app)
    if not session.caller.ended.is_set():
        await session.reset_phase()
    calls.start(session)
    supervising.come_back(session)


def _tell_ends(session: Session, over: list[Leg], ends: dict[str, witness.ChannelEnd]) -> None:
    """Close legs with the witness's time and cause, in the order in which they ended; without a witness, now."""
    now_ms = clock.utc_ms()
    session.witnessed = bool(over)

    def ended_ms(leg: Leg) -> int:
        return ends[leg.channel.id].at_ms if leg.channel.id in ends else now_ms

    for leg in sorted(over, key=ended_ms):
        if end := ends.get(leg.channel.id):
            leg.hung_up_by_us = not end.by_remote
            session.leg_over(leg, end.cause or _NORMAL_CLEARING, end.cause_text, end.at_ms)
        else:
            session.log.warning("no witness of a leg's end", leg=leg.leg)
            leg.hung_up_by_us = True
            session.media_lost = session.media_lost or leg is session.caller
            session.leg_over(leg, _TEMPORARY_FAILURE, "media server lost", now_ms)


async def resync(calls: Calls, witness_file: Path) -> None:
    """After a lost connection: what happened to our own calls meanwhile."""
    sessions = list(calls.sessions.values())
    if not sessions:
        return
    channels = {channel.id: channel for channel in await calls.house.ari.list_channels()}
    ends = await _ends(witness_file, [session.record for session in sessions])
    for session in sessions:
        for leg in session.legs.values():
            if leg.channel.id in channels and channels[leg.channel.id].state == "Up" and leg.note_answered():
                session.note(ledger.LegAnswered, leg=leg.leg)
        over = [leg for leg in session.legs.values() if leg.made and leg.channel.id not in channels and not leg.ended.is_set()]
        if over:
            _tell_ends(session, over, ends)
        for playback in list(session.playbacks):
            try:
                await calls.house.ari.request("GET", f"/playbacks/{playback}")
            except AsteriskRefused:
                session.playback_over(playback)
        for watch in session.watches.values():
            watch.begin_anew()
