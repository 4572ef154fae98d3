"""A call from the first number to the books: heard, announced, talked, recorded, written, and the same in Asterisk's own records."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from tests.calls.books import Witnessed, channel_of, events, kinds, phases, pressed, read_cdr, read_cel
from tests.parts.centre import Centre
from tests.parts.hearing import hears_tone, likeness, loudness, read_wav
from tests.parts.phone_call import PhoneCall
from tests.parts.rtp import tone
from tests.parts.sound import opus_to_samples
from tests.parts.waiting import until

CLOCKS_AGREE_MS = 60
"""Our ledger takes Asterisk's time stamps, in whole milliseconds, of events that follow CEL's by a few."""


def prompt(centre: Centre, name: str) -> Any:
    return read_wav(centre.var / "prompts" / f"{name}.wav")


async def heard_prompt(centre: Centre, call: PhoneCall, name: str, since: float = 0.0, timeout_s: float = 15.0) -> float:
    """Wait until a prompt has been heard to its end."""
    wanted = prompt(centre, name)
    return await call.hears(f"prompt {name}", lambda heard: likeness(heard, wanted) > 0.6, timeout_s, since)


async def recording_of(centre: Centre, story: dict[str, Any]) -> bytes:
    """The stored recording of a call, as the API gives it."""
    (started,) = events(story, "recording_started")

    async def stored() -> bytes | None:
        try:
            audio: bytes = await centre.api("GET", f"recordings/{started['recording']}/audio")
        except Exception as error:
            assert getattr(error, "status", 0) in (404, 409, 425), error
            return None
        return audio

    return await until("the recording in the store", stored, 15, every_s=0.3)  # type: ignore[return-value]


async def test_from_the_number_to_the_books(centre: Centre, tmp_path: Path) -> None:
    async with centre.ready_agent("1001") as agent, centre.caller() as caller:
        call = await caller.dial("4000")
        await call.answered()
        await heard_prompt(centre, call, "zh/welcome")
        await call.press("1")
        ringing = await agent.rings()
        assert caller.number in (ringing.invite or pytest.fail("no INVITE"))["From"]
        picked_up = time.monotonic()
        await ringing.answer()
        await heard_prompt(centre, call, "zh/agents/1001", since=picked_up)
        assert loudness(ringing.voice.ear.heard(picked_up)) < 300, "the agent hears the announcement or the music"
        await centre.phase_of(caller.number, "conversation")
        call.say(tone(440))
        ringing.say(tone(880))
        await call.hears("the agent's tone", lambda heard: hears_tone(heard[-4000:], 880))
        await ringing.hears("the caller's tone", lambda heard: hears_tone(heard[-4000:], 440))
        await asyncio.sleep(2)  # they talk
        await call.hang_up()
        await ringing.ended()
        story = await centre.story(caller.number)
    assert phases(story)[-3:] == ["queue", "announcing", "conversation"]
    assert story["call"]["outcome"] == "answered"
    assert story["call"]["ended_by"] == "caller"
    assert (story["call"]["agent"], story["call"]["queue"], story["call"]["dialled"]) == ("1001", "sales", "4000")
    assert pressed(story) == "1"
    assert events(story, "announced")[0]["complete"]
    assert {leg["role"] for leg in story["legs"]} == {"caller", "agent"}
    await books_agree(centre, story)
    left, right = opus_to_samples(await recording_of(centre, story), tmp_path)
    assert hears_tone(left[8000:-4000], 440) and not hears_tone(left[8000:-4000], 880), "the caller is on the left"
    assert hears_tone(right[8000:-4000], 880) and not hears_tone(right[8000:-4000], 440), "the agent is on the right"
    assert abs(len(left) / 8000 - story["call"]["talk_ms"] / 1000) < 1.0


async def books_agree(centre: Centre, story: dict[str, Any]) -> None:
    """Wait, ring, talk, who and why: our ledger against Asterisk's CEL and CDR of the same call."""
    call = story["call"]
    caller, agent = channel_of(story, "caller"), channel_of(story, "agent")

    def told() -> Witnessed | None:
        lines = read_cel(centre.var / "asterisk" / "log" / "cel-custom" / "witness.csv")
        return Witnessed(lines, caller) if any(line.kind == "LINKEDID_END" and line.linked == caller for line in lines) else None

    witness = await until("Asterisk's account of the call", told, 5)
    assert witness
    (offered,) = [event for event in events(story, "offered") if event["leg"] == agent]
    picked_up = witness.moment("ANSWER", agent)
    talked_from = max(witness.moment("BRIDGE_ENTER", channel) for channel in (caller, agent))
    talked_to = min(witness.moment("BRIDGE_EXIT", channel) for channel in (caller, agent))
    queued = events(story, "queued")[0]["at_ms"]
    _near(call["ring_ms"], picked_up - offered["at_ms"], "ring")
    _near(call["talk_ms"], talked_to - talked_from, "talk")
    _near(call["wait_ms"], picked_up - queued, "wait")
    _near(events(story, "leg_answered")[0]["at_ms"], witness.moment("ANSWER", caller), "answer")
    _near(events(story, "call_ended")[0]["at_ms"], witness.moment("HANGUP", caller), "end")
    assert {leg["role"]: leg["cause"] for leg in story["legs"]} == {
        "caller": witness.cause(caller), "agent": witness.cause(agent),
    }  # fmt: skip

    def recorded() -> list[dict[str, str]]:
        return [row for row in read_cdr(centre.var / "asterisk" / "log" / "cdr-custom" / "calls.csv") if row["uniqueid"] == caller]

    rows = await until("Asterisk's call record", recorded, 5)
    _near(min(float(row["start"]) for row in rows) * 1000, events(story, "call_arrived")[0]["at_ms"], "CDR start")
    _near(max(float(row["end"]) for row in rows) * 1000, events(story, "call_ended")[0]["at_ms"], "CDR end")


def _near(ours: float, theirs: float, what: str) -> None:
    assert abs(ours - theirs) <= CLOCKS_AGREE_MS, f"{what}: ours {ours}, Asterisk's {theirs}"


@pytest.mark.parametrize(("dialled", "queue"), [("4001", "sales"), ("4002", "support")])
async def test_a_number_straight_to_a_queue(centre: Centre, dialled: str, queue: str) -> None:
    async with centre.ready_agent("1002") as agent, centre.caller() as caller:
        talk = await centre.given_talking(caller, agent, dialled)
        await talk.agent.hang_up()
        await talk.caller.ended()
        story = await centre.story(caller.number)
    assert (story["call"]["queue"], story["call"]["ended_by"], story["call"]["agent"]) == (queue, "agent", "1002")
    assert "node_entered" not in kinds(story)
    await books_agree(centre, story)


async def test_two_callers_and_one_agent(centre: Centre) -> None:
    async with centre.ready_agent("1003") as agent, centre.caller() as first, centre.caller() as second:
        talk = await centre.given_talking(first, agent)
        waiting = await second.dial("4001")
        await centre.phase_of(second.number, "queue")
        assert await waiting_in(centre, "sales") == 1
        await talk.caller.hang_up()
        turn = await agent.rings()
        assert second.number in turn.invite["From"]  # type: ignore[index]
        await turn.answer()
        await centre.phase_of(second.number, "conversation")
        await waiting.hang_up()
        await turn.ended()
        story = await centre.story(second.number)
    assert story["call"]["outcome"] == "answered"
    assert [event["agent"] for event in events(story, "offered")] == ["1003"]
    await books_agree(centre, story)


async def waiting_in(centre: Centre, queue: str) -> int:
    live = await centre.api("GET", "live")
    return next(int(now["waiting"]) for now in live["queues"] if now["name"] == queue)


async def test_the_agent_who_waited_longest_rings(centre: Centre) -> None:
    async with centre.ready_agent("1004") as first, centre.ready_agent("1005") as second, centre.caller() as caller:
        talk = await centre.given_talking(caller, first)
        async with centre.caller() as other:
            again = await centre.given_talking(other, second)
            await again.caller.hang_up()
            await again.agent.ended()
        await talk.caller.hang_up()
        await talk.agent.ended()


async def test_wrap_up_follows_a_call(centre: Centre) -> None:
    async with centre.ready_agent("1006") as agent, centre.caller() as caller:
        talk = await centre.given_talking(caller, agent)
        await centre.agent_is("1006", "talking")
        await talk.caller.hang_up()
        await centre.agent_is("1006", "wrapup")
        await centre.agent_is("1006", "ready")
        story = await centre.story(caller.number)

        async def wrapped_up() -> bool:
            wrap_up_ms = await centre.db.fetchval("select wrapup_ms from calls where id = $1", story["call"]["id"])
            return 900 <= (wrap_up_ms or 0) <= 2000

        await until("the wrap-up in the books", wrapped_up, 5)


async def test_hold_is_counted_and_the_caller_hears_music(centre: Centre) -> None:
    async with centre.ready_agent("1007") as agent, centre.caller() as caller:
        talk = await centre.given_talking(caller, agent)
        await talk.agent.hold()
        held = time.monotonic()
        await talk.caller.hears("music", lambda heard: loudness(heard[-8000:]) > 50, since=held)
        await talk.agent.retrieve()
        await talk.caller.hang_up()
        await talk.agent.ended()
        held_s = time.monotonic() - held
        story = await centre.story(caller.number)
    assert [event["by"] for event in events(story, "held") + events(story, "retrieved")] == ["agent", "agent"]
    assert 0 < story["call"]["hold_ms"] <= held_s * 1000 + CLOCKS_AGREE_MS


async def test_the_raw_recording_goes_once_it_is_stored(centre: Centre) -> None:
    async with centre.ready_agent("1008") as agent, centre.caller() as caller:
        talk = await centre.given_talking(caller, agent)
        await talk.caller.hang_up()
        await talk.agent.ended()
        story = await centre.story(caller.number)
    await recording_of(centre, story)
    spool = centre.var / "spool" / "recordings"
    await until("an empty recording spool", lambda: not list(spool.glob("*.raw")), 10)
