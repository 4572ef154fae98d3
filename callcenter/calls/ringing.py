"""The phones that ring for one waiting caller: each offer a task of its own, the first answer wins."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import msgspec

from callcenter.acd.model import Offer, OfferEnd
from callcenter.acd.ticket import Ticket
from callcenter.basics import clock, metrics
from callcenter.basics.tasks import cancel_and_wait
from callcenter.calls import line
from callcenter.calls.legs import Leg
from callcenter.calls.record import Ringing
from callcenter.calls.session import Session
from callcenter.ledger import events as ledger

_ELSEWHERE = "answered_elsewhere"


class RingOver(msgspec.Struct, frozen=True):
    """An agent's phone rings no longer."""

    offer: Offer
    end: OfferEnd
    leg: Leg


@dataclass
class _Ring:
    """One ringing phone."""

    offer: Offer
    leg: Leg
    task: asyncio.Task[None] | None = None
    over: OfferEnd = OfferEnd.CALLER_GONE
    """How the offer ends when we stop the ringing."""


class Phones:
    """The ringing phones of a caller. As a context it stops, at its end, all that still ring."""

    def __init__(self, session: Session, ticket: Ticket) -> None:
        self._session = session
        self._ticket = ticket
        self._rings: dict[str, _Ring] = {}
        """Offers whose end is not told yet: ringing, or answered and not yet known to have won."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stop_all(OfferEnd.CALLER_GONE)

    @property
    def ringing(self) -> bool:
        """Whether a phone rings for the caller, or has just been picked up."""
        return bool(self._rings)

    def ring(self, offer: Offer) -> None:
        """Let the phone of an offer ring; its end comes into the ticket's inbox as ``RingOver``."""
        session = self._session
        ring = _Ring(offer, line.new_leg(session, offer.agent))
        session.note(
            ledger.Offered,
            offer=offer.id,
            queue=offer.queue,
            agent=offer.agent,
            leg=ring.leg.leg,
            because=offer.because,
            considered={found.agent: found.verdict for found in offer.considered},
        )
        self._rings[offer.id] = ring
        ring.task = session.house.tasks.start(self._ring(ring), f"ring {offer.id}")

    def stop(self, offer: str, end: OfferEnd) -> None:
        """Let a phone ring no longer, because the offer has ended as the match says."""
        if ring := self._rings.get(offer):
            self._stop(ring, end)

    def _stop(self, ring: _Ring, end: OfferEnd) -> None:
        ring.over = end
        if end is OfferEnd.ELSEWHERE:
            ring.leg.give_up_reason = _ELSEWHERE
        if ring.task:
            ring.task.cancel()

    async def _stop_all(self, end: OfferEnd) -> None:
        """Stop what rings, and hang up what was picked up too late."""
        rings = list(self._rings.values())
        for ring in rings:
            self._stop(ring, end)
        await cancel_and_wait(*(ring.task for ring in rings))
        for ring in list(self._rings.values()):
            self._told(ring, end)
            await self._session.hang_up(ring.leg, ring.leg.give_up_reason)

    async def _ring(self, ring: _Ring) -> None:
        end: OfferEnd | None = None
        timeout_s = self._ticket.queue.ring_timeout_s
        try:
            end = await line.ring(self._session, ring.offer.agent, timeout_s, ring.leg, lambda leg: self._is_ringing(ring))
        finally:
            if end is not OfferEnd.ANSWERED:
                self._told(ring, end or ring.over)
        self._ticket.inbox.put_nowait(RingOver(ring.offer, end, ring.leg))

    def _told(self, ring: _Ring, end: OfferEnd) -> None:
        session, offer = self._session, ring.offer
        if self._rings.pop(offer.id, None) is None:
            return
        at_ms = session.caller.ended_ms or clock.utc_ms()
        session.note(ledger.OfferEnded, at_ms=at_ms, offer=offer.id, agent=offer.agent, end=end)
        if end is not OfferEnd.ANSWERED:
            ringing = tuple(found for found in session.record.ringing if found.offer != offer.id)
            session.record = session.record.evolve(ringing=ringing)

    async def won(self, over: RingOver) -> bool:
        """Whether this phone was the first to be answered: then all others stop. One that was not is hung up."""
        ring = self._rings[over.offer.id]
        first = await self._session.house.acd.offer_ended(over.offer, OfferEnd.ANSWERED)
        self._told(ring, OfferEnd.ANSWERED if first else OfferEnd.ELSEWHERE)
        if first:
            await self._stop_all(OfferEnd.ELSEWHERE)
        else:
            await self._session.hang_up(over.leg, _ELSEWHERE)
        return first

    def _is_ringing(self, ring: _Ring) -> None:
        if ring.offer.made_ms:
            metrics.OFFER_S.observe(max(0, clock.utc_ms() - ring.offer.made_ms) / 1000)
        ringing = Ringing(offer=ring.offer.id, agent=ring.offer.agent, leg=ring.leg.as_record())
        self._session.save(ringing=(*self._session.record.ringing, ringing))
