"""What people do with a running call: each control by its name, refused with a clear word when it comes too late."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from callcenter.basics.errors import AsteriskRefused, NotFound, TooLate
from callcenter.basics.vocabulary import EndedBy
from callcenter.calls import taps
from callcenter.calls.phases import Phase
from callcenter.calls.session import Session
from callcenter.calls.supervision_control import SUPERVISION
from callcenter.ledger import events as ledger

Control = Callable[[Session, Mapping[str, Any], str], Awaitable[None]]


async def hang_up(session: Session, params: Mapping[str, Any], by: str) -> None:
    """End the call for both sides."""
    session.log.info("the call was hung up from the console", by=by)
    session.end(EndedBy.AGENT if by.startswith("agent") else EndedBy.SUPERVISOR)


def _talking(session: Session) -> str:
    if session.record.phase is not Phase.CONVERSATION or not session.record.bridge:
        raise TooLate(f"the call is in {session.record.phase}, not in conversation", phase=session.record.phase)
    return session.record.bridge


async def hold(session: Session, params: Mapping[str, Any], by: str) -> None:
    """The caller hears music; the agent hears nothing."""
    bridge = _talking(session)
    if session.record.held:
        return
    session.note(ledger.Held, leg=session.caller.leg, by=by)
    session.record = session.record.evolve(held=True)
    await session.house.ari.bridge(bridge).remove(session.caller.channel.id)
    await session.caller.channel.moh_start("default")
    session.save()


async def retrieve(session: Session, params: Mapping[str, Any], by: str) -> None:
    """The two hear each other again."""
    bridge = _talking(session)
    if not session.record.held:
        return
    with suppress(AsteriskRefused):
        await session.caller.channel.moh_stop()
    await session.house.ari.bridge(bridge).add(session.caller.channel.id)
    session.note(ledger.Retrieved, leg=session.caller.leg, by=by)
    session.save(held=False)


async def record_start(session: Session, params: Mapping[str, Any], by: str) -> None:
    """Record a conversation that is not being recorded."""
    await taps.begin(session, by)


async def record_stop(session: Session, params: Mapping[str, Any], by: str) -> None:
    """Record it no longer."""
    await taps.cease(session, by)


async def record_pause(session: Session, params: Mapping[str, Any], by: str) -> None:
    """Silence on both channels of the recording from now on."""
    await taps.pause(session, by)


async def record_resume(session: Session, params: Mapping[str, Any], by: str) -> None:
    """The voices are recorded again."""
    await taps.resume(session, by)


CONTROLS: Final[Mapping[str, Control]] = {
    "hangup": hang_up,
    "hold": hold,
    "retrieve": retrieve,
    "record-start": record_start,
    "record-stop": record_stop,
    "record-pause": record_pause,
    "record-resume": record_resume,
    **SUPERVISION,
}


def control_of(action: str) -> Control:
    """The control of a name; NotFound naming those there are."""
    if (found := CONTROLS.get(action)) is None:
        raise NotFound(f"there is no control {action!r:.40}; there are {', '.join(CONTROLS)}")
    return found
