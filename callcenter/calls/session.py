"""One call: its channels, its record, its way through the phases.

What Asterisk tells of the call's channels keeps the facts (legs, digits, playbacks) true the moment it is read. The
*life*, a task, walks the phases; when the caller leaves it is cancelled, so that no phase has to ask whether the caller is
still there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

from callcenter.acd.model import Offer, OfferEnd
from callcenter.asterisk import events as ari
from callcenter.basics import clock
from callcenter.basics.errors import AsteriskAway, AsteriskRefused, CallCenterError
from callcenter.basics.logs import get_logger
from callcenter.basics.vocabulary import Direction, EndedBy, Kind, LegRole, Outcome, new_id
from callcenter.calls import taps
from callcenter.calls.house import House
from callcenter.calls.keys import Keys
from callcenter.calls.legs import CAUSES, Leg
from callcenter.calls.onlooker import Onlooker
from callcenter.calls.phases import NEXT, Phase, outcome_of
from callcenter.calls.record import CallRecord, shown
from callcenter.ledger import events as ledger
from callcenter.live.board import Topic

_log = get_logger(__name__)
_E = TypeVar("_E", bound=ledger.Happened)
_FINISH_LIMIT_S = 5.0
_LAST_WORDS_LIMIT_S = 2.0
_REFUSAL_LIMIT_S = 1.0
_AWAY_LIMIT_S = 60.0
_MOVE_LIMIT_S = 20.0
_NORMAL_CLEARING = 16
_CANCEL_AGAIN_S = 0.05
_OUTCOME_OF_CALLBACK: Final = {"busy": Outcome.BUSY, "no_answer": Outcome.NO_ANSWER, "failed": Outcome.FAILED}

PhaseCoroutine = Callable[["Session"], Awaitable[Phase]]


class Session:
    """A live call. Made by calls/service.py, which owns its tasks."""

    def __init__(self, house: House, record: CallRecord, caller: Leg, ways: dict[Phase, PhaseCoroutine]) -> None:
        self.house = house
        self.record = record
        self.caller = caller
        self.legs: dict[str, Leg] = {caller.channel.id: caller}
        self.digits = Keys()
        self.playbacks: dict[str, asyncio.Future[None]] = {}
        self.log = _log.bind(call=record.id)
        self.message_left = False
        self.callback_end = "no_agent"
        """What has come of calling back, in the ledger's words."""
        self.refused = False
        self.refusal_cause = ""
        self.ended_by: EndedBy | None = None
        self.witnessed = False
        self.moved = False
        """Taken over from a worker before us: Asterisk brings the channel over in its own time."""
        self.media_lost = False
        """Asterisk itself died: no leg has a true end."""
        self.over = asyncio.Event()
        """Set when nothing more will come of the call in this worker or another."""
        self.watches: dict[str, Onlooker] = {}
        """Supervisors who are with the call, or whose phone rings for it, by their phone's number."""
        self._listening = house.ari.listen(self._take, caller.channel.id)
        self._ways = ways
        self._life: asyncio.Task[None] | None = None
        self._leaving = False
        self._finishing = False

    # The life

    async def run(self) -> None:
        """Walk the phases from where the record stands until the call is over."""
        self._life = asyncio.current_task()
        try:
            await self._settle_in()
            await self._live()
        except asyncio.CancelledError:
            if not self.caller.ended.is_set():
                self._leaving = True
                raise
        except AsteriskRefused as error:
            self._finishing = True
            if not await self._caller_has_left():
                self.log.warning("the call could not go on", phase=self.record.phase, reason=str(error))
        except CallCenterError as error:
            self.log.warning("the call was ended", phase=self.record.phase, reason=str(error))
        except Exception:
            self.log.exception("a fault of ours ended the call", phase=self.record.phase)
        finally:
            self._finishing = True
            if not self._leaving:
                _forget_cancellation()
                await self._finish()
                self.over.set()
            self._listening.close()

    async def _settle_in(self) -> None:
        """Wait until a channel taken over is in our application: what it is told before is lost.

        In a bridge it comes over without leaving it, and nothing needs to be told.
        """
        here = self.caller.made and not self.caller.ended.is_set()
        if self.moved and here and self.record.phase is not Phase.CONVERSATION:
            with suppress(TimeoutError):
                async with asyncio.timeout(_MOVE_LIMIT_S):
                    await self.caller.arrived.wait()

    async def _caller_has_left(self) -> bool:
        """Whether a refusal means that the caller's channel is gone; Asterisk's word of it may come after the refusal."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_REFUSAL_LIMIT_S):
                await self.caller.ended.wait()
        return self.caller.ended.is_set()

    async def still_there(self) -> None:
        """Go on only with a caller who is there: whoever has hung up has seen no more, whatever finishes because of it."""
        if self.caller.leaving:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_LIMIT_S):
                    await self.caller.ended.wait()

    async def _live(self) -> None:
        """Walk; when Asterisk is out of reach meanwhile, go on from the record once it is back."""
        while not self.caller.ended.is_set():
            try:
                await self._walk()
                return
            except AsteriskAway as error:
                self.log.warning("the call waits for Asterisk", phase=self.record.phase, reason=str(error))
                await self.house.ari.wait_connected(_AWAY_LIMIT_S)
                await self.reset_phase()

    async def reset_phase(self) -> None:
        """Bring the record to a point from which its phase can be walked again: after a crash, or a lost connection.

        A phone that was ringing is hung up and the caller goes on waiting at the old place; a phone that was picked
        up meanwhile counts as answered.
        """
        record = self.record
        other = self.legs.get(record.other.channel) if record.other else None
        alive = other is not None and not other.ended.is_set()
        if record.phase is Phase.QUEUE and record.ringing:
            record = await self._reset_ringing(record)
        elif record.phase is Phase.CALLBACK:
            record = await self._reset_callback(record, alive=other is None or (alive and other.answered.is_set()))
        elif other and (record.phase is Phase.DIRECT or (record.phase is Phase.OUTSIDE and not other.answered.is_set())):
            await self._hang_up_old(other)
            record = record.evolve(other=None)
        elif record.phase is Phase.ANNOUNCING and not alive:
            record = record.evolve(phase=Phase.QUEUE, agent="", other=None)
        self.record = record
        self.save()

    async def _reset_ringing(self, record: CallRecord) -> CallRecord:
        """The first phone that was picked up has the call; those that ring on are hung up, and their agents keep their turn."""
        found = None
        for ringing in record.ringing:
            leg = self.legs.get(ringing.leg.channel)
            answered = found is None and leg is not None and leg.answered.is_set() and not leg.ended.is_set()
            end = OfferEnd.ANSWERED if answered else OfferEnd.CALLER_GONE
            self.note(ledger.OfferEnded, offer=ringing.offer, agent=ringing.agent, end=end if answered else OfferEnd.FAILED)
            await self.house.acd.offer_ended(Offer(id=ringing.offer, call=record.id, queue=record.queue, agent=ringing.agent), end)
            if answered:
                found = ringing
            else:
                await self._hang_up_old(leg)
        if found is None:
            return record.evolve(ringing=())
        self.note(ledger.LeftQueue, queue=record.queue, why="answered")
        return record.evolve(phase=Phase.ANNOUNCING, ringing=(), agent=found.agent, other=found.leg)

    async def _reset_callback(self, record: CallRecord, *, alive: bool) -> CallRecord:
        """Phones that rang so that somebody be called back ring no longer, and their agents keep their turn; who talks talks on.

        ``alive``: whether the agent, where one had answered, is still there.
        """
        if self.caller.made and not (alive and self.caller.answered.is_set()):
            await self._hang_up_old(self.caller)
        for ringing in record.ringing:
            self.note(ledger.OfferEnded, offer=ringing.offer, agent=ringing.agent, end=OfferEnd.FAILED)
            offer = Offer(id=ringing.offer, call=record.id, queue=record.queue, agent=ringing.agent)
            await self.house.acd.offer_ended(offer, OfferEnd.CALLER_GONE)
            await self._hang_up_old(self.legs.get(ringing.leg.channel))
        return record.evolve(ringing=())

    async def _hang_up_old(self, leg: Leg | None) -> None:
        """Hang up a phone of before; Asterisk tells its end only to the worker that made it."""
        if leg and not leg.ended.is_set():
            await self.hang_up(leg)
            self.leg_over(leg, _NORMAL_CLEARING, "", clock.utc_ms())

    async def _walk(self) -> None:
        while self.record.phase is not Phase.DONE:
            before = self.record.phase
            after = await self._ways[before](self)
            await self.still_there()
            if after not in NEXT[before]:
                raise AssertionError(f"{after} may not follow {before}")
            if after is not Phase.DONE:
                self.enter(after)
            else:
                return

    def enter(self, phase: Phase, **changes: Any) -> None:
        """Save where the call goes next, before it goes there."""
        now = clock.utc_ms()
        self.record = self.record.evolve(phase=phase, phase_since_ms=now, **changes)
        self.note(ledger.PhaseEntered, at_ms=now, phase=phase)
        self.save()

    def save(self, **changes: Any) -> None:
        """Save the record, and show the call as it is now."""
        if changes:
            self.record = self.record.evolve(**changes)
        self.show()
        self.house.records.save(self.record)
        for watch in self.watches.values():
            watch.look()

    def show(self) -> None:
        """Put the call on the live board."""
        record = self.record
        caller, dialled = (record.dialled, record.number) if record.direction is Direction.OUTBOUND else (record.number, record.dialled)
        card = {
            "id": record.id,
            "phase": record.phase,
            "direction": record.direction,
            "caller": caller,
            "caller_name": record.name,
            "dialled": dialled,
            "queue": record.queue,
            "agent": record.agent or (record.ringing[0].agent if record.ringing else ""),
            "held": record.held,
            "connected": record.talked,
            "recording": bool(record.recording),
            "since_ms": record.phase_since_ms,
            "started_ms": record.started_ms,
            "supervisors": shown(record),
        }
        self.house.board.show(Topic.CALLS, record.id, card)

    def note(self, event: type[_E], *, at_ms: int | None = None, **fields: Any) -> None:
        """Write into the ledger that something happened."""
        moment = clock.utc_ms() if at_ms is None else at_ms
        happened: Any = event(id=new_id(Kind.EVENT, moment), at_ms=moment, call=self.record.id, **fields)
        self.house.ledger.note(happened)

    # Legs

    def follow(self, leg: Leg) -> None:
        """Listen to a channel before it is made, so that nothing of it is missed."""
        self.legs[leg.channel.id] = leg
        self._listening.add(leg.channel.id)

    async def hang_up(self, leg: Leg, reason: str = "normal") -> None:
        """Hang a leg up, with a reason as ARI names it; one that is gone already is no matter."""
        if leg.ended.is_set() or not leg.made:
            return
        leg.hung_up_by_us = True
        with suppress(AsteriskRefused):
            await leg.channel.hangup(reason)

    @property
    def is_ending(self) -> bool:
        """Whether the call's life is over: nobody joins it any more."""
        return self._finishing or self.caller.ended.is_set()

    def end(self, by: EndedBy) -> None:
        """End the call from outside its life, as a supervisor's forced hang-up does."""
        self.ended_by = by
        for leg in [self.caller] if self.caller.made else list(self.legs.values()):
            self.house.tasks.start(self.hang_up(leg), f"forced hang-up {self.record.id}")

    # What Asterisk tells

    def _take(self, event: Any) -> None:
        """Bring the facts in line with one event."""
        if handler := _HANDLERS.get(type(event)):
            handler(self, event)

    def _on_digit(self, event: ari.ChannelDtmfReceived) -> None:
        if event.channel.id == self.caller.channel.id:
            self.digits.press(event.digit)
        elif leg := self.legs.get(event.channel.id):
            leg.keys.press(event.digit)

    def _on_playback_finished(self, event: ari.PlaybackFinished) -> None:
        self.playback_over(event.playback.id)

    def _on_dial(self, event: ari.Dial) -> None:
        if leg := self.legs.get(event.peer.id):
            leg.note_dial_status(event.dialstatus)
            if event.dialstatus == "ANSWER":
                self._answered(leg, clock.parse_asterisk(event.timestamp))

    def _on_arrived(self, event: ari.StasisStart) -> None:
        if leg := self.legs.get(event.channel.id):
            leg.name = leg.name or event.channel.name
            leg.arrived.set()

    def _on_state(self, event: ari.ChannelStateChange) -> None:
        if event.channel.state == "Up" and (leg := self.legs.get(event.channel.id)):
            self._answered(leg, clock.parse_asterisk(event.timestamp))

    def _on_hangup_request(self, event: ari.ChannelHangupRequest) -> None:
        if leg := self.legs.get(event.channel.id):
            if event.cause and not event.soft:
                leg.cause = event.cause
            leg.leaving = True
            self._hanging_up(leg)

    def _on_left(self, event: ari.StasisEnd) -> None:
        """The last that Asterisk tells of a channel from the dialplan: ChannelDestroyed comes only of channels that we made.

        A phone that did not answer is waited for: its ChannelDestroyed says why.
        """
        leg = self.legs.get(event.channel.id)
        if leg and (leg.answered.is_set() or (leg is self.caller and leg.role is not LegRole.OUTSIDE)):
            self.leg_over(leg, leg.cause or _NORMAL_CLEARING, "", clock.parse_asterisk(event.timestamp))

    def _on_destroyed(self, event: ari.ChannelDestroyed) -> None:
        if leg := self.legs.get(event.channel.id):
            self.leg_over(leg, event.cause, event.cause_txt, clock.parse_asterisk(event.timestamp))

    def _on_left_bridge(self, event: ari.ChannelLeftBridge) -> None:
        if leg := self.legs.get(event.channel.id):
            self.note(ledger.Unbridged, at_ms=clock.parse_asterisk(event.timestamp), bridge=event.bridge.id, leg=leg.leg)

    def _on_entered_bridge(self, event: ari.ChannelEnteredBridge) -> None:
        bridged = tuple(leg.leg for channel in event.bridge.channels if (leg := self.legs.get(channel)))
        if len(bridged) > 1:
            self.note(ledger.Bridged, at_ms=clock.parse_asterisk(event.timestamp), bridge=event.bridge.id, legs=bridged)

    def _on_hold(self, event: ari.ChannelHold | ari.ChannelUnhold) -> None:
        leg = self.legs.get(event.channel.id)
        if leg and leg.role is not LegRole.SUPERVISOR:
            held = isinstance(event, ari.ChannelHold)
            other = next((found for found in self.legs.values() if found is not leg), leg)
            kind = ledger.Held if held else ledger.Retrieved
            self.note(kind, at_ms=clock.parse_asterisk(event.timestamp), leg=other.leg, by=leg.ended_by)
            self.record = self.record.evolve(held=held)
            self.show()

    def _answered(self, leg: Leg, at_ms: int) -> None:
        if leg.note_answered():
            self.note(ledger.LegAnswered, at_ms=at_ms, leg=leg.leg)

    def _hanging_up(self, leg: Leg) -> None:
        if self.ended_by is None and not leg.hung_up_by_us and leg.role is not LegRole.SUPERVISOR:
            talking = self.record.other is not None and self.record.other.leg == leg.leg and self.record.phase is Phase.CONVERSATION
            if leg is self.caller or talking:
                self.ended_by = leg.ended_by

    def leg_over(self, leg: Leg, cause: int, cause_text: str, at_ms: int) -> None:
        """A channel is gone: tell the ledger, and when it was the caller, end the call's life."""
        self._hanging_up(leg)
        if not leg.note_ended(cause, cause_text, at_ms):
            return
        self.note(ledger.LegEnded, at_ms=at_ms, leg=leg.leg, by=leg.ended_by, cause=cause, cause_text=cause_text)
        if leg is self.caller and (leg.answered.is_set() or leg.role is not LegRole.OUTSIDE):
            self._cancel_life()

    def _cancel_life(self) -> None:
        """End the walk, and see to it: a cancellation that meets an answer of a library's may be swallowed there."""
        if self._life and not self._finishing and not self._life.done():
            self._life.cancel()
            asyncio.get_running_loop().call_later(_CANCEL_AGAIN_S, self._cancel_life)

    def playback_over(self, playback: str) -> None:
        """What waits for a playback's end goes on."""
        waiting = self.playbacks.pop(playback, None)
        if waiting and not waiting.done():
            waiting.set_result(None)

    # The end

    async def _finish(self) -> None:
        """Leave nothing behind: no channel, no bridge, no offer, no record; bounded, whatever hangs."""
        await asyncio.gather(self._free_agents(), self._close())
        self.house.records.delete(self.record.id)

    async def _close(self) -> None:
        last = self.record.phase
        by = self.ended_by or (self.caller.ended_by if self.caller.ended.is_set() else EndedBy.SYSTEM)
        try:
            async with asyncio.timeout(_FINISH_LIMIT_S):
                await taps.stop(self)
                self.caller.cause = self.caller.cause or CAUSES.get(self.refusal_cause, 0)
                for leg in list(self.legs.values()):
                    await self.hang_up(leg, self.refusal_cause or "normal")
                await asyncio.gather(*(watch.close() for watch in list(self.watches.values())))
                if self.record.bridge:
                    with suppress(AsteriskRefused):
                        await self.house.ari.bridge(self.record.bridge).destroy()
                await self._last_words()
        except (TimeoutError, CallCenterError) as error:
            self.log.warning("the call's end was not clean", reason=str(error))
        outcome = outcome_of(
            last=last,
            talked=self.record.talked,
            message_left=self.message_left,
            caller_left=by is EndedBy.CALLER,
            refused=self.refused,
            booked=bool(self.record.booked),
        )
        if self.media_lost:
            by, outcome = EndedBy.SYSTEM, Outcome.MEDIA_SERVER_LOST
        ended_ms = self.caller.ended_ms or clock.utc_ms()
        if self.record.callback:
            outcome, ended_ms = self._called_back(outcome)
        self.note(ledger.CallEnded, at_ms=ended_ms, by=by, cause=self.caller.cause, outcome=outcome, witnessed=self.witnessed)
        self.house.board.show(Topic.CALLS, self.record.id, None)
        await taps.hand_over(self)

    def _called_back(self, outcome: Outcome) -> tuple[Outcome, int]:
        """What came of calling somebody back, and when it was over: an agent's line may end after the customer's."""
        end = "answered" if self.record.talked else self.callback_end
        ended_ms = max((leg.ended_ms for leg in self.legs.values()), default=0) or clock.utc_ms()
        self.note(ledger.CallbackEnded, at_ms=ended_ms, callback=self.record.callback, end=end)
        return _OUTCOME_OF_CALLBACK.get(end, outcome), ended_ms

    async def _last_words(self) -> None:
        """Wait for Asterisk's word that each leg is gone: its time and cause are the true ones."""
        waiting = [leg.ended.wait() for leg in self.legs.values() if leg.made and not leg.ended.is_set()]
        if waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_LIMIT_S):
                    await asyncio.gather(*waiting)

    async def _free_agents(self) -> None:
        """Each agent of the call is free as soon as their own phone has let go, whatever the other side's end still takes."""
        record, acd = self.record, self.house.acd
        if record.agent:
            await _let_go(self.legs.get(record.other.channel) if record.other else None)
            await acd.call_over(record.agent, record.id, record.queue if record.talked else None)
        if self.caller.role is LegRole.AGENT:
            await _let_go(self.caller)
            await acd.call_over(self.caller.party, record.id, None)


async def _let_go(leg: Leg | None) -> None:
    if leg and not leg.ended.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_LIMIT_S):
                await leg.ended.wait()


def _forget_cancellation() -> None:
    """The caller has left, which is done with: to asyncio's time limits (3.11) a cancelled task stays cancelled until told."""
    task = asyncio.current_task()
    while task and task.cancelling():
        task.uncancel()


_HANDLERS: dict[type[Any], Callable[[Session, Any], None]] = {
    ari.ChannelDtmfReceived: Session._on_digit,
    ari.PlaybackFinished: Session._on_playback_finished,
    ari.StasisStart: Session._on_arrived,
    ari.Dial: Session._on_dial,
    ari.ChannelStateChange: Session._on_state,
    ari.ChannelHangupRequest: Session._on_hangup_request,
    ari.StasisEnd: Session._on_left,
    ari.ChannelDestroyed: Session._on_destroyed,
    ari.ChannelEnteredBridge: Session._on_entered_bridge,
    ari.ChannelLeftBridge: Session._on_left_bridge,
    ari.ChannelHold: Session._on_hold,
    ari.ChannelUnhold: Session._on_hold,
}
"""What each event of Asterisk means for the call; the others mean nothing."""
