"""The verbs a phase knows: play, gather, ring, bridge. Each returns when it is done; a hang-up cancels it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from callcenter.acd.agent_state import end_of_offer
from callcenter.acd.model import OfferEnd
from callcenter.asterisk import Playback
from callcenter.basics import clock
from callcenter.basics.errors import AsteriskAway, AsteriskRefused
from callcenter.basics.tasks import cancel_and_wait
from callcenter.basics.vocabulary import Kind, LegRole, new_id
from callcenter.calls.legs import Leg
from callcenter.calls.record import CallRecord
from callcenter.calls.session import Session
from callcenter.ivr.asks import Digits, Gather
from callcenter.ivr.catalogue import LONGEST_PROMPT_S
from callcenter.ledger import events as ledger

_PLAYBACK_SLACK_S = 5.0
"""What Asterisk may need beyond a prompt's own length to begin and to tell of its end."""
_CONFIRM_S = 12.0
"""How long somebody outside may take to press 1."""
_ARRIVAL_S = 2.0
"""A created channel comes into our application within a millisecond or two."""
_SILENT_S = 1.0
"""A phone that is there rings within some milliseconds, over a bad line within this; one that does not is asked for."""
_DIAL_BACKSTOP_S = 5
"""Asterisk's own ring time-out is later than ours by this: it only counts when we are gone."""


def media(session: Session, sounds: Sequence[str]) -> list[str]:
    """Prompt names as Asterisk's media URIs."""
    return [f"sound:{session.house.prompts_dir}/{sound}" for sound in sounds]


def longest_s(sounds: Sequence[str]) -> float:
    """Seconds after which a playback of these has been lost, whatever they are."""
    return len(sounds) * LONGEST_PROMPT_S + _PLAYBACK_SLACK_S


@asynccontextmanager
async def playing(session: Session, sounds: Sequence[str], to: Leg | None = None) -> AsyncIterator[tuple[Playback, asyncio.Future[None]]]:
    """Begin to play to the caller, or ``to`` another leg; the future is done at the end, whatever brings it about."""
    playback_id = new_id(Kind.PLAYBACK, clock.utc_ms())
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    session.playbacks[playback_id] = over
    session.save(playback=playback_id)
    try:
        yield await (to or session.caller).channel.play(media(session, sounds), playback_id), over
    finally:
        session.playbacks.pop(playback_id, None)


async def play(session: Session, sounds: Sequence[str]) -> None:
    """Play to the caller until the end; keys pressed meanwhile wait."""
    if not sounds:
        return
    async with playing(session, sounds) as (_, over), asyncio.timeout(longest_s(sounds)):
        await over
    await session.still_there()


async def _first_key_or_end(session: Session, playback: Playback, over: asyncio.Future[None], limit_s: float) -> str | None:
    key = session.house.tasks.start(session.digits.get(), f"first key {session.record.id}")
    try:
        either: set[asyncio.Future[Any]] = {key, over}
        await asyncio.wait(either, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        if not key.done():
            return None
        with suppress(AsteriskRefused):
            await playback.stop()
        return key.result()
    finally:
        await cancel_and_wait(key)


async def gather(session: Session, ask: Gather) -> Digits:
    """Play, then collect keys as the ask says; with barge-in the first key stops the prompt."""
    first: str | None = None
    if ask.barge_in:
        if ask.sounds and session.digits.empty():
            async with playing(session, ask.sounds) as (playback, over):
                first = await _first_key_or_end(session, playback, over, longest_s(ask.sounds))
    else:
        await play(session, ask.sounds)
        while not session.digits.empty():
            session.digits.get_nowait()
    return await _collect(session, ask, first)


async def _collect(session: Session, ask: Gather, first: str | None) -> Digits:
    text = ""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + ask.timeouts.overall_s
    key = first
    while True:
        if key is None:
            wait_s = ask.timeouts.inter_s if text else ask.timeouts.first_s
            try:
                async with asyncio.timeout_at(min(loop.time() + wait_s, deadline)):
                    key = await session.digits.get()
            except TimeoutError:
                return Digits(text=text, ended="timeout")
        if key in ask.terminators:
            return Digits(text=text, ended="terminator")
        text += key
        if len(text) >= ask.max_digits:
            session.digits.pass_over(ask.terminators)
            return Digits(text=text, ended="max")
        key = None


Rings = Callable[[Leg], None]
"""Told the leg of a phone that is about to ring, so that the record knows of it."""


async def ring(session: Session, party: str, ring_timeout_s: float, leg: Leg, rings: Rings) -> OfferEnd:
    """Let an agent's phone, or a number outside, ring for this call until it is answered or not; the leg is hung up unless it was.

    ``ring_timeout_s`` in seconds, ``leg`` of the ``party``, new. Returns how it ended; never raises when the phone's side fails.
    Cancelled, it stops the ringing with the leg's ``give_up_reason``.
    """
    now = clock.utc_ms()
    session.follow(leg)
    session.note(ledger.LegStarted, at_ms=now, leg=leg.leg, channel=leg.channel.id, role=leg.role, party=party)
    timed_out = kept = dead = False
    try:
        try:
            await _dial(session, leg, ring_timeout_s, rings)
            async with asyncio.timeout(ring_timeout_s):
                dead = await _is_dead(session, leg)
                if not dead:
                    await leg.settled.wait()
        except TimeoutError:
            timed_out = not leg.settled.is_set()
        except AsteriskRefused as error:
            session.log.info("the phone can't be rung", role=leg.role, pii_party=party, reason=str(error))
            leg.note_dial_status("CHANUNAVAIL")
        except AsteriskAway as error:
            session.log.warning("the phone could not be rung", role=leg.role, pii_party=party, reason=str(error))
            leg.note_dial_status("CONGESTION")
        kept = leg.answered.is_set() and not leg.ended.is_set() and await _is_taken(session, leg)
    finally:
        if not kept:
            await give_up(session, leg)
    if kept:
        return OfferEnd.ANSWERED
    if dead:
        return OfferEnd.UNREACHABLE
    if leg.confirms and leg.answered.is_set():
        return OfferEnd.DECLINED if leg.ended.is_set() and not leg.hung_up_by_us else OfferEnd.TIMED_OUT
    return end_of_offer(leg.dial_status, leg.cause, timed_out)


async def _is_taken(session: Session, leg: Leg) -> bool:
    """Whether a person has the call: outside a machine may have picked up, which can't press 1."""
    if not leg.confirms:
        return True
    sounds = [f"{session.house.acd.agent(leg.party).language}/agent-confirm"]
    works = (_one(leg), leg.ended.wait())
    tasks = [session.house.tasks.start(work, f"confirm {session.record.id}") for work in works]
    try:
        async with playing(session, sounds, leg) as (playback, _):
            await asyncio.wait(tasks, timeout=_CONFIRM_S, return_when=asyncio.FIRST_COMPLETED)
            is_taken = tasks[0].done() and not leg.ended.is_set()
            with suppress(AsteriskRefused):
                await playback.stop()
            return is_taken
    except (AsteriskRefused, AsteriskAway):
        return False
    finally:
        await cancel_and_wait(*tasks)


async def _one(leg: Leg) -> None:
    while await leg.keys.get() != "1":
        pass


async def _is_dead(session: Session, leg: Leg) -> bool:
    """Wait for the phone's first word: False. True when an agent's phone says nothing and Asterisk, asked to look, finds nobody.

    Asterisk itself would go on sending the call for 32 s (SIP's timer B).
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(_SILENT_S):
            await leg.heard.wait()
    phone = leg.endpoint.removeprefix("PJSIP/")
    if leg.heard.is_set() or "@" in phone:
        return False
    works = [leg.heard.wait(), session.house.phones.found_dead(phone)]
    tasks = [session.house.tasks.start(work, f"silent phone {session.record.id}") for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel_and_wait(*tasks)
    return not leg.heard.is_set()


def new_leg(session: Session, agent: str) -> Leg:
    """A leg for an agent's phone; nothing rings yet."""
    house, leg_id = session.house, new_id(Kind.LEG, clock.utc_ms())
    desk = house.acd.desks.of(agent)
    trunk = next(iter(house.lines.ways_out), "")
    endpoint = house.lines.endpoint_through(trunk, desk.outside) if desk.outside else f"PJSIP/{desk.phone}"
    leg = Leg(house.ari.channel(leg_id), leg=leg_id, name="", role=LegRole.AGENT, party=agent, endpoint=endpoint)
    leg.confirms = bool(desk.outside) and house.acd.agent(agent).confirms_outside
    return leg


async def _dial(session: Session, leg: Leg, ring_timeout_s: float, rings: Rings) -> None:
    record = session.record
    await session.house.ari.create_channel(
        endpoint=leg.endpoint,
        channel_id=leg.channel.id,
        originator=_originator(session, leg),
        variables=_shown_to(leg, record),
    )
    rings(leg)
    async with asyncio.timeout(_ARRIVAL_S):
        await leg.arrived.wait()
    # Asterisk would show the calling channel's number, whatever was set above.
    calling = None if leg.is_outside else _originator(session, leg)
    await leg.channel.dial(calling, int(ring_timeout_s) + _DIAL_BACKSTOP_S)


def _originator(session: Session, leg: Leg) -> str | None:
    """The channel for which a leg is made: the caller's; the agent's when it is the caller who is called; none before that."""
    if leg is not session.caller:
        return session.caller.channel.id if session.caller.made else None
    return session.record.other.channel if session.record.other else None


def _shown_to(leg: Leg, record: CallRecord) -> dict[str, str]:
    """What the phone that rings shows: agents see the caller, a number outside the centre's own (providers refuse strangers' numbers)."""
    if leg.is_outside:
        return {"CONNECTEDLINE(num,i)": record.dialled}
    return {"CONNECTEDLINE(num,i)": record.number, "CONNECTEDLINE(name,i)": record.queue or record.dialled}


async def give_up(session: Session, leg: Leg) -> None:
    """Stop the ringing and wait a moment for the phone's cause, which says why it did not answer."""
    with suppress(AsteriskAway):
        await session.hang_up(leg, leg.give_up_reason)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            await leg.ended.wait()


async def bridge(session: Session, other: Leg) -> None:
    """Connect the caller and another leg, so that they hear each other."""
    bridge_id = new_id(Kind.BRIDGE, clock.utc_ms())
    handle = await session.house.ari.create_bridge(bridge_id)
    await handle.add(session.caller.channel.id, other.channel.id)
    session.record = session.record.evolve(bridge=bridge_id, other=other.as_record())
