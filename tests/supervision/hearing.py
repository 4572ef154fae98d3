"""Three people, three pitches: who hears whom."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.parts.centre import Centre, Talk
from tests.parts.hearing import loudness, share_of_tone
from tests.parts.phone_call import PhoneCall
from tests.parts.rtp import RATE, Samples, tone
from tests.parts.softphone import Phone

CUSTOMER, AGENT, SUPERVISOR, SECOND = 440, 880, 1320, 1760
PITCHES = (CUSTOMER, AGENT, SUPERVISOR, SECOND)
_THERE, _ABSENT = 0.15, 0.02


def heard_pitches(samples: Samples) -> set[int]:
    """Which of the pitches are clearly there; AssertionError for one that is neither there nor absent."""
    if loudness(samples) < 100:
        return set()
    shares = {pitch: share_of_tone(samples, pitch) for pitch in PITCHES}
    assert all(share > _THERE or share < _ABSENT for share in shares.values()), shares
    return {pitch for pitch, share in shares.items() if share > _THERE}


async def hears_just(call: PhoneCall, *pitches: int, for_s: float = 1.0) -> None:
    """Wait until these are heard and nothing else, and so it stays for a while."""

    def only_these(heard: Samples) -> bool:
        last = heard[-RATE // 4 :]
        if len(last) < RATE // 4:
            return False
        try:
            return heard_pitches(last) == set(pitches)
        except AssertionError:
            return False

    since = await call.hears(f"just {pitches}", only_these, 5, since=time.monotonic() - 0.3)
    await call.hears("more", lambda heard: len(heard) >= RATE * for_s, 5, since=since)
    assert heard_pitches(call.voice.ear.heard(since)) == set(pitches)


async def never_heard(call: PhoneCall, pitch: int, since: float) -> None:
    """Of this pitch nothing came, in no fifth of a second, since a moment."""
    heard = call.voice.ear.heard(since)
    for start in range(0, len(heard) - RATE // 5, RATE // 10):
        part = heard[start : start + RATE // 5]
        assert loudness(part) < 30 or share_of_tone(part, pitch) < 0.05, f"{pitch} Hz at {start / RATE:.1f} s"


async def call_of(centre: Centre, caller: Phone) -> str:
    """The call's id."""
    now = await centre.live_call(caller.number)
    assert now
    return str(now["id"])


async def do(centre: Centre, call: str, action: str, **params: Any) -> dict[str, Any]:
    """Ask for something to be done with a call."""
    done: dict[str, Any] = await centre.api("POST", f"calls/{call}/{action}", params)
    return done


async def joins(centre: Centre, call: str, action: str, phone: Phone, pitch: int = SUPERVISOR) -> PhoneCall:
    """A supervisor's phone rings, is picked up, and speaks at its pitch."""
    await do(centre, call, action, phone=phone.number)
    ringing = await phone.rings()
    await ringing.answer()
    ringing.say(tone(pitch))
    return ringing


@asynccontextmanager
async def talking(centre: Centre, agent: str = "1001", dialled: str = "4001") -> AsyncIterator[tuple[Phone, Phone, Talk, str]]:
    """A customer and an agent who talk, each at their pitch."""
    async with centre.ready_agent(agent) as phone, centre.caller() as caller:
        talk = await centre.given_talking(caller, phone, dialled)
        talk.caller.say(tone(CUSTOMER))
        talk.agent.say(tone(AGENT))
        yield caller, phone, talk, await call_of(centre, caller)
