"""An agent dialled a feature code: do it, say so, hang up."""

from __future__ import annotations

import hmac
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from callcenter.acd.desks import Desk
from callcenter.acd.model import AgentState, Mode
from callcenter.basics import clock
from callcenter.basics.errors import CallCenterError, NotFound, StoreAway, TooLate
from callcenter.basics.vocabulary import Language
from callcenter.calls import line
from callcenter.calls.feature_codes import Deed
from callcenter.calls.greeting import answer
from callcenter.calls.phases import Phase
from callcenter.calls.session import Session
from callcenter.ivr import speech
from callcenter.ivr.asks import DigitTimeouts, Gather

_BY: Final = "phone"
_TRIES: Final = 3
_LONGEST: Final = 12
_TYPING: Final = DigitTimeouts(first_s=8.0, inter_s=4.0, overall_s=30.0)
_IN_A_CALL: Final = frozenset({AgentState.RINGING, AgentState.TALKING})
_CONFIRMED: Final = {Mode.READY: "agent-ready", Mode.PAUSED: "agent-paused", Mode.OFFLINE: "agent-offline"}


class PinTries:
    """How often somebody typed a wrong PIN at a phone; in memory, for this worker."""

    MOST: Final = 6
    WITHIN_S: Final = 900.0

    def __init__(self) -> None:
        self._wrong: dict[str, list[float]] = defaultdict(list)

    def wrong(self, phone: str) -> None:
        """One more."""
        self._wrong[phone] = [*self._recent(phone), time.monotonic()]

    def right(self, phone: str) -> None:
        """Whoever it was knows it."""
        self._wrong.pop(phone, None)

    def is_closed(self, phone: str) -> bool:
        """Whether there were too many: nobody signs on there for a while."""
        return len(self._recent(phone)) >= self.MOST

    def _recent(self, phone: str) -> list[float]:
        return [moment for moment in self._wrong.get(phone, ()) if time.monotonic() - moment < self.WITHIN_S]


async def feature(session: Session) -> Phase:
    """Do what the dialled code says, with spoken confirmation in the agent's language."""
    await answer(session)
    said = await _done(session)
    await line.play(session, said)
    return Phase.DONE


async def _done(session: Session) -> list[str]:
    """Do it; returns what is said of it."""
    dialled, number = session.house.codes.find(session.record.dialled), session.caller.party
    language = _language(session, number)
    if dialled is None:
        return [f"{language}/invalid-choice"]
    try:
        return await _DEEDS[dialled.deed](session, number, dialled.digit)
    except StoreAway as error:
        session.log.error("a feature code could not be followed", deed=dialled.deed, reason=str(error))
        return [f"{language}/out-of-service"]


def _language(session: Session, number: str) -> Language:
    try:
        return session.house.acd.agent(number).language
    except NotFound:
        return session.record.language


async def _mode(session: Session, number: str, mode: Mode, reason: str = "") -> list[str]:
    acd, language = session.house.acd, _language(session, number)
    try:
        now = await acd.set_state(number, mode, reason, _BY)
    except TooLate:
        return [f"{language}/agent/phone-taken"]
    later = [f"{language}/agent/after-this-call"] if now.state in _IN_A_CALL else []
    return [f"{language}/{_CONFIRMED[mode]}", *later]


async def _pause(session: Session, number: str, digit: str) -> list[str]:
    if not digit:
        return await _mode(session, number, Mode.PAUSED)
    language = _language(session, number)
    reason = next((reason for reason in session.house.acd.reasons.values() if str(reason.position) == digit), None)
    if reason is None:
        return [f"{language}/agent/no-such-reason"]
    said = await _mode(session, number, Mode.PAUSED, reason.name)
    return [*said, f"{language}/agent/reason", *speech.number(reason.position, language)]


async def _ready(session: Session, number: str, digit: str) -> list[str]:
    return await _mode(session, number, Mode.READY)


async def _offline(session: Session, number: str, digit: str) -> list[str]:
    return await _mode(session, number, Mode.OFFLINE)


async def _more_time(session: Session, number: str, digit: str) -> list[str]:
    language = _language(session, number)
    try:
        now = await session.house.acd.extend_wrap_up(number)
    except TooLate:
        return [f"{language}/agent/no-wrap-up"]
    left_s = max(0, now.until_ms - clock.utc_ms()) // 1000
    return [f"{language}/agent/more-time", *speech.duration(left_s, language)]


async def _state(session: Session, number: str, digit: str) -> list[str]:
    language = _language(session, number)
    now = await session.house.acd.agent_now(number)
    since_s = max(0, clock.utc_ms() - now.since_ms) // 1000
    return [f"{language}/agent/state-{now.state}", f"{language}/agent/since", *speech.duration(since_s, language)]


# Signing on


async def _sign_on(session: Session, number: str, digit: str) -> list[str]:
    language = _language(session, number)
    phone, tries, acd = session.caller.phone, session.house.pin_tries, session.house.acd
    for _ in range(_TRIES):
        if tries.is_closed(phone):
            session.log.warning("too many wrong PINs at a phone", pii_phone=phone)
            return [f"{language}/agent/too-many-tries"]
        number = await _typed(session, f"{language}/agent/enter-number", secret=False)
        pin = await _typed(session, f"{language}/agent/enter-pin", secret=True)
        if not (acd.knows_agent(number) and hmac.compare_digest(acd.agent(number).pin.encode(), pin.encode())):
            tries.wrong(phone)
            session.log.warning("a wrong PIN at a phone", pii_phone=phone, agent=number)
            await line.play(session, [f"{language}/agent/wrong-pin"])
            continue
        tries.right(phone)
        try:
            await acd.desks.sign_on(number, Desk(phone=phone))
        except TooLate:
            return [f"{language}/agent/phone-taken"]
        except CallCenterError as error:
            session.log.error("nobody could sign on", pii_phone=phone, agent=number, reason=str(error))
            return [f"{language}/out-of-service"]
        return [f"{_language(session, number)}/agent/signed-on", *(await _mode(session, number, Mode.READY))]
    return [f"{language}/goodbye"]


async def _typed(session: Session, prompt: str, *, secret: bool) -> str:
    ask = Gather(sounds=(prompt,), barge_in=True, timeouts=_TYPING, max_digits=_LONGEST, terminators="#", secret=secret)
    return (await line.gather(session, ask)).text


_DEEDS: Final[Mapping[Deed, Callable[[Session, str, str], Awaitable[list[str]]]]] = {
    Deed.READY: _ready,
    Deed.PAUSE: _pause,
    Deed.OFFLINE: _offline,
    Deed.SIGN_ON: _sign_on,
    Deed.MORE_TIME: _more_time,
    Deed.SAY_STATE: _state,
}
"""What each code does for the agent of a number, with the digit behind it; returns what is said."""
