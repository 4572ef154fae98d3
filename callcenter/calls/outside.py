"""A flow sends the caller on to a number outside: it is dialled through a trunk, and the two are connected."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from callcenter.acd.model import OfferEnd
from callcenter.basics import clock
from callcenter.basics.errors import AsteriskRefused
from callcenter.basics.vocabulary import Kind, LegRole, new_id
from callcenter.calls import line
from callcenter.calls.greeting import answer
from callcenter.calls.legs import CAUSES, Leg
from callcenter.calls.phases import Phase
from callcenter.calls.session import Session

_RING_S: Final = 60.0
_MOVE_LIMIT_S: Final = 5.0
_NO_WAY: Final = frozenset({OfferEnd.UNREACHABLE, OfferEnd.FAILED})
"""It may be the trunk's fault: the next one is tried."""


async def outside(session: Session) -> Phase:
    """Ring the number; when nobody takes the call the caller hears why, and the call is over."""
    await answer(session)
    if await _was_answered(session):
        return Phase.CONVERSATION
    for leg in list(session.legs.values()):
        if leg.role is LegRole.OUTSIDE:
            # Dialled before the connection to Asterisk was lost, and perhaps ringing still.
            await session.hang_up(leg)
    end = OfferEnd.UNREACHABLE
    if session.record.outside:
        with suppress(AsteriskRefused):
            await session.caller.channel.ring()
        end = await _ring_by_each_trunk(session)
        with suppress(AsteriskRefused):
            await session.caller.channel.ring_stop()
    if end is OfferEnd.ANSWERED:
        return Phase.CONVERSATION
    sound = "number-busy" if end is OfferEnd.BUSY else "number-unreachable"
    await line.play(session, [f"{session.record.language}/{sound}"])
    return Phase.DONE


async def _was_answered(session: Session) -> bool:
    """Whether a number that a worker before us dialled has picked up meanwhile; it comes over to us in its own time."""
    other = session.record.other
    leg = session.legs.get(other.channel) if other else None
    if leg is None or leg.ended.is_set() or not leg.answered.is_set():
        return False
    with suppress(TimeoutError):
        async with asyncio.timeout(_MOVE_LIMIT_S):
            await leg.arrived.wait()
    with suppress(AsteriskRefused):
        await session.caller.channel.ring_stop()
    return not leg.ended.is_set()


async def _ring_by_each_trunk(session: Session) -> OfferEnd:
    """Through the first trunk that brings it there; the session's record has the leg that was answered."""
    end = OfferEnd.UNREACHABLE
    trunks = session.house.lines.ways_out
    if not trunks:
        session.log.warning("no trunk takes calls out", flow=session.record.flow)
    for trunk in trunks:
        leg = _leg_through(session, trunk)
        try:
            end = await line.ring(session, leg.party, _RING_S, leg, lambda leg: session.save(other=leg.as_record()))
        finally:
            if end is not OfferEnd.ANSWERED:
                session.record = session.record.evolve(other=None)
        if end is OfferEnd.ANSWERED:
            session.record = session.record.evolve(other=leg.as_record())
            break
        session.log.info("the number outside did not answer", trunk=trunk, end=end, cause=leg.cause)
        if end not in _NO_WAY or leg.cause == CAUSES["unallocated"]:
            break
    return end


def _leg_through(session: Session, trunk: str) -> Leg:
    number, leg = session.record.outside, new_id(Kind.LEG, clock.utc_ms())
    endpoint = session.house.lines.endpoint_through(trunk, number)
    return Leg(session.house.ari.channel(leg), leg=leg, name="", role=LegRole.OUTSIDE, party=number, endpoint=endpoint)
