"""Recording on, off, paused: MixMonitor on the caller's channel, caller left, agent right.

A recording that fails never ends a call: the ledger says there is none, and why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from callcenter.basics import clock
from callcenter.basics.errors import AsteriskAway, AsteriskRefused, CallCenterError, TooLate
from callcenter.basics.vocabulary import Kind, new_id
from callcenter.calls.phases import Phase
from callcenter.ledger import events as ledger

if TYPE_CHECKING:
    from callcenter.calls.session import Session


async def start(session: Session, by: str = "") -> None:
    """Record from now on; what was paused before is still."""
    now = clock.utc_ms()
    recording = new_id(Kind.RECORDING, now)
    try:
        path = session.house.recordings.begin(recording, call=session.record.id, leg=session.caller.leg, started_ms=now)
        await session.house.ami.mix_monitor(session.caller.name, str(path), options="D")
    except (CallCenterError, OSError) as error:
        session.log.error("the call is not recorded", reason=str(error))
        session.note(ledger.RecordingFailed, recording=recording, reason=str(error)[:200])
        return
    session.note(ledger.RecordingStarted, recording=recording, leg=session.caller.leg, by=by)
    session.save(recording=recording, monitor=session.caller.name)
    if session.record.recording_paused:
        await _mute(session, True)


async def begin(session: Session, by: str) -> None:
    """Record by hand; TooLate without a conversation, or when the caller has declined. One that goes on is no matter."""
    if session.record.phase is not Phase.CONVERSATION or not session.record.bridge:
        raise TooLate(f"the call is in {session.record.phase}, not in conversation", phase=session.record.phase)
    if session.record.recording_declined:
        raise TooLate("the caller has declined to be recorded", phase=session.record.phase)
    if not session.record.monitor:
        session.record = session.record.evolve(recording_stopped=False, recording_paused=False)
        await start(session, by)


async def cease(session: Session, by: str) -> None:
    """Stop by hand: what was recorded goes into the store, and nothing is recorded until somebody asks for it. TooLate."""
    if not session.record.monitor:
        raise TooLate("this call is not being recorded", phase=session.record.phase)
    await stop(session, by)
    await hand_over(session)
    session.save(recording="", recording_stopped=True, recording_paused=False)


async def stop(session: Session, by: str = "") -> None:
    """Close the file; without any recording nothing happens. Call hand_over when the call's row may wait no longer."""
    if not session.record.recording or not session.record.monitor:
        return
    if not session.caller.ended.is_set():
        try:
            await session.house.ami.stop_mix_monitor(session.record.monitor)
        except (AsteriskRefused, AsteriskAway) as error:
            session.log.info("the recording ended with its channel", reason=str(error))
    session.record = session.record.evolve(monitor="")
    session.note(ledger.RecordingEnded, at_ms=session.caller.ended_ms or clock.utc_ms(), recording=session.record.recording, by=by)


async def hand_over(session: Session) -> None:
    """Give the finished file to the recordings room."""
    if not session.record.recording:
        return
    try:
        await session.house.recordings.finished(session.record.recording, session.caller.ended_ms or clock.utc_ms())
    except (CallCenterError, OSError) as error:
        session.log.error("the recording was not taken in yet", recording=session.record.recording, reason=str(error))


async def pause(session: Session, by: str) -> None:
    """Write silence from now on; TooLate when nothing is being recorded. Twice is no matter."""
    await _mute(session, True)
    if not session.record.recording_paused:
        session.note(ledger.RecordingPaused, recording=session.record.recording, by=by)
        session.save(recording_paused=True)


async def resume(session: Session, by: str) -> None:
    """Write the voices again; TooLate when nothing is being recorded. Twice is no matter."""
    if session.record.recording_paused:
        session.note(ledger.RecordingResumed, recording=session.record.recording, by=by)
    await _mute(session, False)
    session.save(recording_paused=False)


async def _mute(session: Session, silent: bool) -> None:
    if not session.record.monitor:
        raise TooLate("this call is not being recorded", phase=session.record.phase)
    await session.house.ami.mute_mix_monitor(session.record.monitor, silent)
