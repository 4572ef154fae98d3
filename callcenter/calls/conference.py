"""Somebody dialled a conference, or was asked into one: PIN, then in the room until they leave or are let go."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from callcenter.acd.model import AgentState, OfferEnd
from callcenter.basics.errors import AsteriskRefused, NotFound
from callcenter.basics.tasks import cancel_and_wait
from callcenter.basics.vocabulary import LegRole
from callcenter.calls import line
from callcenter.calls.conference_keys import pressed
from callcenter.calls.conference_room import Member, NoPlace
from callcenter.calls.greeting import answer
from callcenter.calls.phases import Phase
from callcenter.calls.session import Session
from callcenter.conferences.model import Conference, Refusal, Role, closed, role_of
from callcenter.ivr.asks import DigitTimeouts, Gather
from callcenter.ledger import events as ledger

_TRIES: Final = 3
_LONGEST_PIN: Final = 12
_TYPING: Final = DigitTimeouts(first_s=8.0, inter_s=4.0, overall_s=30.0)
_YES: Final = DigitTimeouts(first_s=6.0, inter_s=1.0, overall_s=8.0)
_RING_S: Final = 45.0
_MOVE_LIMIT_S: Final = 5.0


async def conference(session: Session) -> Phase:
    """Enter the conference of the record, and stay until it, or the member's part in it, is over."""
    try:
        conference = session.house.conferences.conference(session.record.conference)
    except NotFound:
        return await _refused(session, Refusal.OVER)
    if session.record.conference_bridge:
        with suppress(TimeoutError):
            async with asyncio.timeout(_MOVE_LIMIT_S):
                await session.caller.arrived.wait()
        member = await session.house.conferences.come_back(session, conference, Role(session.record.conference_role))
    else:
        entered = await _entered(session, conference)
        if isinstance(entered, Phase):
            return entered
        member = entered
    return await _within(session, conference, member)


async def _entered(session: Session, conference: Conference) -> Member | Phase:
    """In the room, or what becomes of one who is not."""
    if not session.caller.made and not await _fetched(session, conference):
        return Phase.DONE
    await answer(session)
    if refusal := closed(conference, session.house.now()):
        return await _refused(session, refusal)
    role = Role(session.record.conference_role) if session.record.conference_role else await _role(session, conference)
    if role is None:
        return await _refused(session, Refusal.WRONG_PIN)
    try:
        member = await session.house.conferences.enter(session, conference, role)
    except NoPlace as error:
        return await _refused(session, error.refusal)
    return member


async def _refused(session: Session, why: Refusal) -> Phase:
    session.refused = True
    await answer(session)
    await line.play(session, [f"{session.record.language}/{why}"])
    return Phase.DONE


async def _role(session: Session, conference: Conference) -> Role | None:
    """By the PIN; None after too many wrong ones."""
    if not conference.asks_pin:
        return Role.GUEST
    language = session.record.language
    ask = Gather(
        sounds=(f"{language}/conference/enter-pin",), barge_in=True, timeouts=_TYPING, max_digits=_LONGEST_PIN, terminators="#", secret=True
    )
    for attempt in range(_TRIES):
        digits = await line.gather(session, ask)
        role = role_of(conference, digits.text)
        session.note(ledger.DigitsPressed, node="conference-pin", digits="", valid=role is not None)
        if role:
            return role
        if attempt < _TRIES - 1:
            await line.play(session, [f"{language}/{Refusal.WRONG_PIN}"])
    session.log.warning("no PIN of the conference's", conference=conference.name, pii_caller=session.record.number)
    return None


# Somebody who is asked in


async def _fetched(session: Session, conference: Conference) -> bool:
    """Call whoever is asked in; outside, where a machine may pick up, a key must be pressed."""
    leg, acd = session.caller, session.house.acd
    if leg.role is LegRole.AGENT:
        if not await acd.busy(leg.party, session.record.id, AgentState.RINGING):
            return False
    elif trunk := next(iter(session.house.lines.ways_out), ""):
        leg.endpoint = session.house.lines.endpoint_through(trunk, leg.party)
    else:
        session.log.error("nobody outside can be asked in: no trunk takes calls out", conference=conference.name)
        return False
    leg.made = True
    if await line.ring(session, leg.party, _RING_S, leg, lambda leg: session.save(caller=leg.as_record())) is not OfferEnd.ANSWERED:
        return False
    session.save(caller=leg.as_record())
    if leg.role is LegRole.AGENT:
        await acd.busy(leg.party, session.record.id, AgentState.TALKING)
        return True
    sounds = (f"{session.record.language}/conference/invited",)
    said = await line.gather(session, Gather(sounds=sounds, barge_in=True, timeouts=_YES, max_digits=1, terminators="", secret=False))
    return said.text == "1"


# In the room


async def _within(session: Session, conference: Conference, member: Member) -> Phase:
    """Until the call ends or the member is let go; keys do what they say."""
    keys = session.house.tasks.start(_keys(session, conference, member), f"conference keys {session.record.id}")
    why = "left"
    try:
        why = await member.out
    finally:
        await cancel_and_wait(keys)
        if member.out.done() or session.caller.ended.is_set():
            leaving = session.house.conferences.leave(member, conference, why)
            await asyncio.shield(session.house.tasks.start(leaving, f"leave conference {session.record.id}"))
    await line.play(session, [f"{session.record.language}/{why}"])
    return Phase.DONE


async def _keys(session: Session, conference: Conference, member: Member) -> None:
    while True:
        key = await session.digits.get()
        with suppress(NotFound, AsteriskRefused, TimeoutError):
            async with session.house.conferences.controlling(conference.name) as room:
                said = await pressed(room, member, key)
            if said:
                await line.play(session, said)
