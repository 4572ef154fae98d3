"""A supervisor with a call: their phone is rung, and their leg follows what the call and they themselves turn to.

One task per supervisor brings Asterisk to where ``supervision_rules.place_of`` says the leg belongs, whenever the call's record or
the supervisor's mode has changed. The leg is muted before anything else, and unmuted last: nobody hears a word that is not for them.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

import msgspec

from callcenter.acd.model import AgentState, OfferEnd
from callcenter.asterisk import events as ari
from callcenter.basics import clock
from callcenter.basics.errors import AsteriskAway, AsteriskRefused, CallCenterError, TooLate
from callcenter.basics.tasks import cancel_and_wait
from callcenter.basics.vocabulary import Kind, LegRole, new_id
from callcenter.calls import line
from callcenter.calls.legs import Leg
from callcenter.calls.record import CallRecord, Supervising
from callcenter.calls.session import Session
from callcenter.calls.supervision_rules import Mode, Place, place_of, why_not_taken_over
from callcenter.ledger import events as ledger

_RING_S: Final = 30.0
_SWITCH_LIMIT_S: Final = 3.0
_GONE_LIMIT_S: Final = 2.0
_AWAY_LIMIT_S: Final = 60.0
_MOVE_LIMIT_S: Final = 5.0
_ASK_AGAIN_S: Final = 0.5
_MUSIC: Final = "default"
MODE_OF_KEY: Final = {"4": Mode.LISTEN, "5": Mode.WHISPER, "6": Mode.BARGE}
"""What a key on the supervisor's own phone turns to."""


class Watch:
    """One supervisor with one call."""

    def __init__(self, session: Session, state: Supervising, leg: Leg) -> None:
        self.session = session
        self.leg = leg
        self._state = state
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._standing = asyncio.Event()
        """Set while the leg stands where it belongs."""
        self._refusal: AsteriskRefused | None = None
        self._takes_over = False
        self._over = False
        self._in = ""
        """The bridge in which the leg is."""
        self._spied = ""
        self._snoop = ""
        self._muted: bool | None = None
        self._music = False
        self._filled = ""
        """The channel that is sent silence, so that the whisper is heard."""
        self._listening = session.house.ari.listen(self._take, leg.channel.id)

    @property
    def state(self) -> Supervising:
        """As it stands in the call's record."""
        return self._state

    def start(self, *, back: bool = False) -> None:
        """Begin, or with ``back`` go on where a worker before us left."""
        self.session.watches[self._state.phone] = self
        place = place_of(self.session.record, self._state.mode) if back else None
        if place and place.fills_silence:
            self._filled = place.spied
        self._task = self.session.house.tasks.start(self._run(back=back), f"supervisor {self._state.phone} {self.session.record.id}")

    # What the supervisor wants

    async def switch(self, mode: str, by: str) -> None:
        """Listen, whisper or barge in from now on; returns when it is so. TooLate when it can't be."""
        before = self._state.mode
        if before != mode:
            self._keep(mode=mode)
            self._standing.clear()
            if self._state.since_ms:
                self.session.note(ledger.SupervisorModeChanged, leg=self.leg.leg, by=by, mode=mode)
            self.session.save()
        if self._state.since_ms:
            await self._stands()

    async def take_over(self, by: str) -> None:
        """Become the call's agent: at once, or as soon as the phone is answered. TooLate when the call has no agent to be relieved."""
        if why := why_not_taken_over(self.session.record):
            raise TooLate(why, phase=self.session.record.phase)
        if not self._state.since_ms:
            self._takes_over = True
            return
        await self.switch(Mode.BARGE, by)
        await self._take_over()

    async def leave(self) -> None:
        """Their phone is hung up; the call goes on."""
        await self.session.hang_up(self.leg)
        if not self._state.since_ms:
            await cancel_and_wait(self._task)
            await self._end("left")

    async def _stands(self) -> None:
        self.look()
        try:
            async with asyncio.timeout(_SWITCH_LIMIT_S):
                await self._standing.wait()
        except TimeoutError:
            reason = str(self._refusal) if self._refusal else "the phone is gone"
            raise TooLate(f"the call has gone on: {reason}", phase=self.session.record.phase) from None

    # What the call tells

    def look(self) -> None:
        """The call's record, or the mode, has changed."""
        self._changed.set()

    def begin_anew(self) -> None:
        """What was made may be there no longer: make it again."""
        self._in, self._spied, self._muted, self._music = "", "", None, False
        self._standing.clear()
        self._changed.set()

    def _take(self, event: Any) -> None:
        if isinstance(event, ari.ChannelLeftBridge) and event.channel.id == self.leg.channel.id and event.bridge.id == self._in:
            self._in = ""
            self.look()
        elif isinstance(event, ari.StasisEnd | ari.ChannelDestroyed) and event.channel.id == self._snoop:
            self._snoop = self._spied = ""
            self.look()
        elif isinstance(event, ari.ChannelDtmfReceived) and event.channel.id == self.leg.channel.id and event.digit in MODE_OF_KEY:
            switching = self._switch_by_key(MODE_OF_KEY[event.digit])
            self.session.house.tasks.start(switching, f"supervisor's key {self.session.record.id}")

    async def _switch_by_key(self, mode: Mode) -> None:
        with suppress(TooLate):
            await self.switch(mode, self._state.by)

    # The life

    async def _run(self, *, back: bool) -> None:
        why = "left"
        joined = back and bool(self._state.since_ms)
        if not joined and (back or not await self._answered()):
            await self._end("")
            return
        try:
            if back and not self.leg.ended.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(_MOVE_LIMIT_S):
                        await self.leg.arrived.wait()
            why = await self._follow()
        except CallCenterError as error:
            self.session.log.warning("a supervisor's part in the call was ended", reason=str(error))
        await self._end(why)

    async def _answered(self) -> bool:
        session, state = self.session, self._state
        end = await line.ring(session, state.phone, _RING_S, self.leg, lambda leg: self._keep(leg=leg.as_record()))
        if end is not OfferEnd.ANSWERED:
            session.log.info("a supervisor's phone was not answered", agent=state.phone, end=end)
            return False
        await session.house.acd.busy(state.phone, session.record.id, AgentState.TALKING)
        self._keep(since_ms=clock.utc_ms(), leg=self.leg.as_record())
        session.note(ledger.SupervisorJoined, leg=self.leg.leg, phone=state.phone, by=state.by, mode=self._state.mode)
        session.save()
        return True

    async def _follow(self) -> str:
        """Stand where the call and the mode want it until it is over; returns why it is."""
        gone = self.session.house.tasks.start(self.leg.ended.wait(), f"supervisor gone {self.session.record.id}")
        gone.add_done_callback(lambda _: self.look())
        try:
            while not self.leg.ended.is_set() and not self._over:
                self._changed.clear()
                place = place_of(self.session.record, self._state.mode)
                if place is None:
                    return "no_agent"
                await self._settle(place)
                if self._takes_over and self._standing.is_set() and place.bridge:
                    await self._take_over()
                    return ""
                with suppress(TimeoutError):
                    async with asyncio.timeout(_ASK_AGAIN_S if self._refusal else None):
                        await self._changed.wait()
        finally:
            await cancel_and_wait(gone)
        return "" if self._over else "left"

    async def _settle(self, place: Place) -> None:
        try:
            await self._stand(place)
        except AsteriskAway as error:
            self.session.log.info("a supervisor waits for Asterisk", reason=str(error))
            await self.session.house.ari.wait_connected(_AWAY_LIMIT_S)
            self.begin_anew()
        except AsteriskRefused as error:
            # The call is turning to somebody else just now; its record will say to whom.
            self._refusal = error
            self.session.log.info("a supervisor's place could not be taken yet", reason=str(error))
        else:
            self._refusal = None
            if not self._changed.is_set():
                self._standing.set()

    # In Asterisk

    async def _stand(self, place: Place) -> None:
        """Bring the leg to its place, muted on the way."""
        if not self._state.bridge:
            bridge = new_id(Kind.BRIDGE, clock.utc_ms())
            await self.session.house.ari.create_bridge(bridge)
            self._keep(bridge=bridge)
            self.session.save()
        target = place.bridge or self._state.bridge
        if place.is_muted or self._in != target or self._spied != place.spied:
            await self._mute(True)
        if self._spied != place.spied:
            await self._spy(place.spied)
        if self._in != target:
            await self.session.house.ari.bridge(target).add(self.leg.channel.id)
            self._in = target
        await self._play_music(not place.spied)
        await self._fill(place.spied if place.fills_silence else "")
        await self._mute(place.is_muted)

    async def _mute(self, muted: bool) -> None:
        if self._muted != muted:
            await (self.leg.channel.mute("in") if muted else self.leg.channel.unmute("in"))
            self._muted = muted

    async def _spy(self, channel: str) -> None:
        house = self.session.house
        await self._stop_spying()
        if channel:
            snoop = self._snoop = new_id(Kind.LEG, clock.utc_ms())
            self._listening.add(snoop)
            await house.ari.channel(channel).snoop(snoop, app=house.ari.app, spy="both", whisper="out")
            await house.ari.bridge(self._state.bridge).add(snoop)
        self._spied = channel

    async def _stop_spying(self) -> None:
        snoop, self._snoop, self._spied = self._snoop, "", ""
        if snoop:
            with suppress(AsteriskRefused):
                await self.session.house.ari.channel(snoop).hangup()

    async def _play_music(self, on: bool) -> None:
        if self._music != on:
            bridge = self.session.house.ari.bridge(self._state.bridge)
            with suppress(AsteriskRefused):
                await (bridge.moh_start(_MUSIC) if on else bridge.moh_stop())
            self._music = on

    async def _fill(self, channel: str) -> None:
        """Send silence to an agent who is sent nothing else, as long as the customer is on hold."""
        if self._filled != channel:
            before, self._filled = self._filled, channel
            if before:
                with suppress(AsteriskRefused):
                    await self.session.house.ari.channel(before).silence_stop()
            if channel:
                await self.session.house.ari.channel(channel).silence_start()

    # Taking over

    async def _take_over(self) -> None:
        """The leg stands in the call's bridge: it is the agent's from now on, and the agent before is let go."""
        session, state = self.session, self._state
        record = session.record
        if record.other is None or why_not_taken_over(record):
            raise TooLate("the call has gone on without its agent", phase=record.phase)
        relieved, before = session.legs[record.other.channel], record.agent
        self._over = True
        self.leg.role = LegRole.AGENT
        session.note(ledger.SupervisorLeft, leg=self.leg.leg, by=state.by, why="took_over")
        session.note(ledger.TakenOver, leg=self.leg.leg, agent=state.phone, before=before, by=state.by)
        session.log.info("the call was taken over", agent=state.phone, before=before, by=state.by)
        session.record = record.evolve(agent=state.phone, other=self.leg.as_record())
        self._forget()
        session.save()
        if record.held:
            await _retrieve(session)
        await session.hang_up(relieved)
        await _let_go(relieved)
        if before:
            await session.house.acd.call_over(before, record.id, record.queue or None)
        await self._tidy()
        self.look()

    # The end

    async def close(self) -> None:
        """The call is over."""
        await cancel_and_wait(self._task)
        await self._end("call_ended")

    async def _end(self, why: str) -> None:
        """Leave nothing behind: neither in Asterisk nor in the record; the agent state of the phone is free."""
        if self.session.watches.get(self._state.phone) is not self:
            return
        if self._state.since_ms:
            at_ms = self.session.caller.ended_ms if why == "call_ended" else self.leg.ended_ms
            self.session.note(ledger.SupervisorLeft, at_ms=at_ms or clock.utc_ms(), leg=self.leg.leg, by=self._state.by, why=why)
        self._forget()
        if why != "call_ended":
            self.session.save()
        await self.session.hang_up(self.leg)
        await self._tidy()
        await _let_go(self.leg)
        await self.session.house.acd.call_over(self._state.phone, self.session.record.id, None)

    def _forget(self) -> None:
        self.session.watches.pop(self._state.phone, None)
        self.session.record = _without(self.session.record, self._state.phone)

    async def _tidy(self) -> None:
        """Take down what was made for listening."""
        self._listening.close()
        with suppress(AsteriskAway):
            await self._fill("")
            await self._stop_spying()
            if self._state.bridge:
                with suppress(AsteriskRefused):
                    await self.session.house.ari.bridge(self._state.bridge).destroy()

    def _keep(self, **changes: Any) -> None:
        """Change the supervisor's part of the call's record."""
        state = self._state = msgspec.structs.replace(self._state, **changes)
        others = _without(self.session.record, state.phone).supervisors
        self.session.record = self.session.record.evolve(supervisors=(*others, state))


def _without(record: CallRecord, phone: str) -> CallRecord:
    return record.evolve(supervisors=tuple(one for one in record.supervisors if one.phone != phone))


async def _retrieve(session: Session) -> None:
    """Whoever takes a call over does not begin with a caller on hold."""
    with suppress(AsteriskRefused):
        await session.caller.channel.moh_stop()
    await session.house.ari.bridge(session.record.bridge).add(session.caller.channel.id)
    session.note(ledger.Retrieved, leg=session.caller.leg, by=session.record.agent)
    session.save(held=False)


async def _let_go(leg: Leg) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_GONE_LIMIT_S):
            await leg.ended.wait()


def come_back(session: Session) -> None:
    """After another worker's end: whoever was with the call is again; a phone that still rang for it rings no longer."""
    for state in session.record.supervisors:
        leg = session.legs[state.leg.channel]
        watch = Watch(session, state, leg)
        watch.start(back=True)
