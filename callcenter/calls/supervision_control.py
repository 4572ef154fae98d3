"""What supervisors do with calls: listen, whisper, barge in, leave, take over; move a waiting caller to another queue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from callcenter.acd.model import AgentState
from callcenter.basics import clock
from callcenter.basics.errors import BadRequest, NotFound, TooLate
from callcenter.basics.vocabulary import Kind, LegRole, new_id
from callcenter.calls.legs import Leg
from callcenter.calls.onlooker import Onlooker
from callcenter.calls.overflowing import Exit
from callcenter.calls.phases import Phase
from callcenter.calls.record import Supervising
from callcenter.calls.session import Session
from callcenter.calls.supervising import Watch
from callcenter.calls.supervision_rules import Mode, why_not_supervised, why_not_taken_over


async def _supervise(mode: Mode, session: Session, params: Mapping[str, Any], by: str) -> None:
    """Ring the supervisor's phone, or switch when they are with the call already."""
    phone = str(params.get("phone") or "")
    if watch := session.watches.get(phone):
        await watch.switch(mode, by)
    else:
        await _ring(session, phone, mode, by)


async def _take_over(session: Session, params: Mapping[str, Any], by: str) -> None:
    """The supervisor becomes the call's agent."""
    phone = str(params.get("phone") or "")
    watch = session.watches.get(phone)
    if watch is None:
        if why := why_not_supervised(session.record, phone) or why_not_taken_over(session.record):
            raise TooLate(why, phase=session.record.phase)
        watch = await _ring(session, phone, Mode.BARGE, by)
    await watch.take_over(by)


async def _ring(session: Session, phone: str, mode: Mode, by: str) -> Onlooker:
    house, call = session.house, session.record.id
    if not house.acd.knows_agent(phone):
        raise BadRequest(f"phone: {phone!r:.20} is no phone of this centre", field="phone")
    if why := "the call is ending" if session.is_ending else why_not_supervised(session.record, phone):
        raise TooLate(why, phase=session.record.phase)
    if not await house.acd.busy(phone, call, AgentState.RINGING):
        raise TooLate(f"the phone {phone} is in another call")
    if watch := session.watches.get(phone):
        return watch
    if session.is_ending:
        await house.acd.call_over(phone, call, None)
        raise TooLate("the call is ending", phase=session.record.phase)
    identifier = new_id(Kind.LEG, clock.utc_ms())
    leg = Leg(house.ari.channel(identifier), leg=identifier, name="", role=LegRole.SUPERVISOR, party=phone)
    watch = Watch(session, Supervising(phone=phone, by=by, mode=mode, leg=leg.as_record()), leg)
    watch.start()
    return watch


async def _leave(session: Session, params: Mapping[str, Any], by: str) -> None:
    """The supervisor's phone is hung up; the call goes on. One who is not there is no matter."""
    if watch := session.watches.get(str(params.get("phone") or "")):
        await watch.leave()


async def move(session: Session, params: Mapping[str, Any], by: str) -> None:
    """A caller who waits goes on waiting in another queue, with the time waited kept."""
    queue = str(params.get("queue") or "")
    try:
        session.house.acd.queue(queue)
    except NotFound:
        raise BadRequest(f"queue: there is no queue {queue!r:.40}", field="queue") from None
    ticket = session.house.acd.waiting(session.record.id)
    if session.record.phase is not Phase.QUEUE or ticket is None:
        raise TooLate(f"the call is in {session.record.phase}, not waiting", phase=session.record.phase)
    if queue == session.record.queue:
        return
    changes = {"queue": queue, "queued_ms": ticket.since_ms, "entered_ms": 0}
    ticket.inbox.put_nowait(Exit(why="overflow", to=f"queue:{queue}", phase=Phase.QUEUE, changes=changes))
    session.log.info("a waiting caller was moved", queue=queue, by=by)


Control = Callable[[Session, Mapping[str, Any], str], Awaitable[None]]

SUPERVISION: Final[Mapping[str, Control]] = {
    "listen": partial(_supervise, Mode.LISTEN),
    "monitor": partial(_supervise, Mode.LISTEN),
    "whisper": partial(_supervise, Mode.WHISPER),
    "barge": partial(_supervise, Mode.BARGE),
    "take-over": _take_over,
    "leave": _leave,
    "move": move,
}
"""Each control of a supervisor's by its name in the API."""
