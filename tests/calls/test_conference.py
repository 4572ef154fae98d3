"""Conferences by telephone: who gets in, who hears whom, and what moderators and the console do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from callcenter.basics import clock
from callcenter.live import keys
from tests.calls.books import events
from tests.calls.words import heard_prompt, recording_of
from tests.parts.centre import Centre, Refused
from tests.parts.hearing import decode_opus, hears_tone, loudness, share_of_tone
from tests.parts.phone_call import PhoneCall
from tests.parts.rtp import RATE, Samples, tone
from tests.parts.waiting import until

NUMBER = "4020"


@asynccontextmanager
async def _room(centre: Centre, **given: Any) -> AsyncIterator[None]:
    await centre.api("PUT", "conferences/daily", {"number": NUMBER, "language": "en", "announces": "off", **given})
    try:
        yield
    finally:
        await centre.api("DELETE", "conferences/daily")


async def _live(centre: Centre) -> dict[str, Any] | None:
    live = (await centre.api("GET", "conferences"))["live"]
    return live[0] if live else None


async def _members(centre: Centre, count: int) -> list[dict[str, Any]]:
    async def there() -> list[dict[str, Any]] | None:
        room = await _live(centre)
        found = room["members"] if room else []
        return found if len(found) == count else None

    if count == 0:
        await until("nobody in the conference", lambda: _gone(centre))
        return []
    found = await until(f"{count} members", there)
    assert found
    return found


async def _gone(centre: Centre) -> bool:
    return await _live(centre) is None


async def _do(centre: Centre, action: str, **params: Any) -> Any:
    return await centre.api("POST", f"conferences/daily/{action}", params)


def _only(*pitches: float, without: tuple[float, ...] = ()) -> Callable[[Samples], bool]:
    """In the last half second these pitches and nothing of those."""

    def told(heard: Samples) -> bool:
        last = heard[-RATE // 2 :]
        return (
            loudness(last) > 300
            and all(share_of_tone(last, pitch) > 0.6 / len(pitches) for pitch in pitches)
            and all(share_of_tone(last, pitch) < 0.05 for pitch in without)
        )

    return told


async def _enters(call: PhoneCall, pin: str = "") -> None:
    await call.answered()
    if pin:
        await call.press(f"{pin}#")


async def test_three_hear_each_other_and_one_who_is_muted_is_not_heard(centre: Centre) -> None:
    async with _room(centre), centre.caller() as ann, centre.caller() as bob, centre.caller() as cid:
        calls = [await phone.dial(NUMBER) for phone in (ann, bob, cid)]
        pitches = (440.0, 700.0, 1000.0)
        for call, pitch in zip(calls, pitches, strict=True):
            await _enters(call)
            call.say(tone(pitch))
        members = await _members(centre, 3)
        for call, own in zip(calls, pitches, strict=True):
            others = [pitch for pitch in pitches if pitch != own]
            await call.hears("the two others, not itself", _only(*others, without=(own,)))
        await until("all three talk", lambda: _all_talk(centre))
        bobs = next(member for member in members if member["number"] == bob.number)
        await _do(centre, "mute", member=bobs["call"])
        await calls[0].hears("the third alone", _only(1000, without=(700,)))
        await _do(centre, "mute", member=bobs["call"])
        await calls[1].press("1")
        await calls[0].hears("the second again", _only(700, 1000))
        await _do(centre, "kick", member=bobs["call"])
        await heard_prompt(centre, calls[1], "en/conference/removed")
        await calls[1].ended()
        await _members(centre, 2)
        await calls[0].hears("the third alone", _only(1000, without=(700,)))
        await _do(centre, "end")
        for call in (calls[0], calls[2]):
            await heard_prompt(centre, call, "en/conference/ended")
            await call.ended()
        await _members(centre, 0)
        story = await centre.story(bob.number)
    assert (story["call"]["outcome"], story["call"]["ended_by"]) == ("answered", "system")
    assert [event["muted"] for event in events(story, "conference_muted")] == [True, False]
    assert events(story, "conference_left")[0]["why"] == "conference/removed"
    assert story["call"]["talk_ms"] > 1000


async def _all_talk(centre: Centre) -> bool:
    room = await _live(centre)
    return room is not None and all(member["talking"] for member in room["members"])


async def test_pins_decide_who_moderates_and_guests_wait_for_the_moderator(centre: Centre) -> None:
    rules = {"guest_pin": "1111", "moderator_pin": "2222", "waits_for_moderator": True, "ends_with_moderator": True}
    async with _room(centre, **rules), centre.caller() as guest, centre.caller() as boss, centre.caller() as stranger:
        waiting = await guest.dial(NUMBER)
        await _enters(waiting, "1111")
        waiting.say(tone(440))
        (member,) = await _members(centre, 1)
        assert member["role"] == "guest"
        chair = await boss.dial(NUMBER)
        await _enters(chair, "2222")
        await _members(centre, 2)
        chair.say(tone(880))
        await waiting.hears("the moderator", _only(880))
        await chair.hears("the guest", _only(440))
        await chair.press("4")
        await heard_prompt(centre, chair, "en/conference/is-locked")
        late = await stranger.dial(NUMBER)
        await _enters(late, "1111")
        await heard_prompt(centre, late, "en/conference/locked")
        await late.ended()
        wrong = await stranger.dial(NUMBER)
        await wrong.answered()
        for _ in range(3):
            await wrong.press("9999#")
            await heard_prompt(centre, wrong, "en/conference/wrong-pin")
        await wrong.ended()
        await waiting.press("2")
        await until("a hand", lambda: _a_hand(centre))
        await chair.hang_up()
        await heard_prompt(centre, waiting, "en/conference/ended")
        await waiting.ended()
        await _members(centre, 0)
        refused = await centre.story(stranger.number)
    assert refused["call"]["outcome"] == "refused"
    assert "9999" not in str(refused)


async def _a_hand(centre: Centre) -> bool:
    room = await _live(centre)
    return room is not None and any(member["hand_ms"] for member in room["members"])


async def test_a_colleague_is_asked_in_and_may_decline(centre: Centre) -> None:
    async with _room(centre), centre.agent("1003") as colleague, centre.caller() as ann:
        call = await ann.dial(NUMBER)
        await _enters(call)
        call.say(tone(440))
        await _members(centre, 1)
        asked = await centre.api("POST", "conferences/daily/invite", {"to": "1003", "role": "moderator"})
        ringing = await colleague.rings()
        await centre.agent_is("1003", "ringing")
        await ringing.answer()
        members = await _members(centre, 2)
        assert {member["number"]: member["role"] for member in members} == {ann.number: "guest", "1003": "moderator"}
        await centre.agent_is("1003", "talking")
        await ringing.hears("the other", _only(440))
        await ringing.hang_up()
        await _members(centre, 1)
        again = await centre.api("POST", "conferences/daily/invite", {"to": "1003"})
        ringing = await colleague.rings()
        await ringing.decline()
        await call.hang_up()
        await _members(centre, 0)

        async def outcomes() -> list[str] | None:
            query = "select outcome from calls where id = any($1) and ended_at is not null order by id"
            found = [row["outcome"] for row in await centre.db.fetch(query, [asked["call"], again["call"]])]
            return found if len(found) == 2 else None

        assert await until("both invitations in the books", outcomes) == ["answered", "no_answer"]


async def _refused(centre: Centre, method: str, path: str, body: dict[str, Any]) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        await centre.api(method, f"conferences/{path}", body)
    return refused.value.status, str(refused.value.problem)


async def test_bad_wishes_are_refused_with_their_place(centre: Centre) -> None:
    async with _room(centre):
        for method, path, body, status, place in (
            ("PUT", "other", {"number": "4001"}, 400, "queue sales"),
            ("PUT", "other", {"number": "4029", "waits_for_moderator": True}, 400, "waits_for_moderator"),
            ("PUT", "other", {"number": NUMBER}, 400, "number"),
            ("PUT", "Other", {"number": "4029"}, 400, "name"),
            ("DELETE", "other", {}, 404, "other"),
            ("POST", "other/end", {}, 404, "other"),
            ("POST", "daily/lock", {}, 404, "nobody"),
            ("POST", "daily/dance", {}, 404, "dance"),
            ("POST", "daily/mute", {}, 400, "member"),
            ("POST", "daily/invite", {"to": "x"}, 400, "to"),
        ):
            got, text = await _refused(centre, method, path, body)
            assert (got, place in text) == (status, True), (path, body, text)


@pytest.mark.parametrize(("given", "said"), [({"opens_at": 1}, "not-open"), ({"closes_at": -1}, "over")])
async def test_a_room_is_open_only_in_its_time(centre: Centre, given: dict[str, int], said: str) -> None:
    moment = {name: (clock.utc_now() + timedelta(hours=hours)).isoformat() for name, hours in given.items()}
    async with _room(centre, **moment), centre.caller() as ann:
        call = await ann.dial(NUMBER)
        await heard_prompt(centre, call, f"en/conference/{said}")
        await call.ended()


async def test_the_worker_dies_and_they_talk_on(centre: Centre) -> None:
    async with _room(centre, guest_pin="1111", records=True), centre.caller() as ann, centre.caller() as bob:
        calls = [await phone.dial(NUMBER) for phone in (ann, bob)]
        for call, pitch in zip(calls, (440, 880), strict=True):
            await _enters(call, "1111")
            call.say(tone(pitch))
        await _members(centre, 2)
        await _do(centre, "lock")
        await calls[0].hears("the other", lambda heard: hears_tone(heard[-RATE // 2 :], 880))
        await centre.worker_killed()
        await _members(centre, 2)
        await calls[0].hears("the other still", lambda heard: hears_tone(heard[-RATE // 2 :], 880))
        room = await _live(centre)
        assert room and room["locked"] and room["recording"]
        await calls[1].press("1")
        await until("a muted member", lambda: _muted(centre))
        for call in calls:
            await call.hang_up()
        await _members(centre, 0)
        assert not await centre.redis.hlen(keys.CONFERENCES)
        story = await centre.story(ann.number)
        left, right = decode_opus(await recording_of(centre, story))
    assert np.corrcoef(left, right)[0, 1] > 0.95
    assert share_of_tone(left, 440) > 0.2 and share_of_tone(left, 880) > 0.2


async def _muted(centre: Centre) -> bool:
    room = await _live(centre)
    return room is not None and any(member["muted"] for member in room["members"])
