"""The standard calls once more with SIPp on both sides: scenarios named by person and deed."""

from __future__ import annotations

from pathlib import Path

import pytest
from asyncpg import Record

from tests.calls.books import events
from tests.calls.words import recording_of
from tests.parts.centre import Centre
from tests.parts.hearing import decode_opus, hears_tone
from tests.parts.sipp import sipp
from tests.parts.waiting import until


def _trunk(centre: Centre) -> str:
    return f"{centre.trunk[0]}:{centre.trunk[1]}"


def _password(centre: Centre, number: str) -> dict[str, str]:
    return {number: centre.demo["agents"][number]["sip_password"]}


async def test_caller_presses_1_and_talks_to_agent_1001(centre: Centre, tmp_path: Path) -> None:
    async with sipp("agent_answers_and_talks", tmp_path, server=centre.sip, agents=_password(centre, "1001"), hertz=880) as agent:
        await centre.set_state("1001", "ready")
        await centre.agent_is("1001", "ready")
        number = "13800000001"
        arguments = ["-m", "1", "-s", "4000", "-d", "8000", _trunk(centre)]
        async with sipp("caller_presses_1", tmp_path, arguments, caller=number, hertz=440) as caller:
            await caller.went_well(40)
        story = await centre.story(number)
        assert agent.counts()["failed"] == 0, agent.complaints()
    assert (story["call"]["agent"], story["call"]["outcome"], story["call"]["ended_by"]) == ("1001", "answered", "caller")
    left, right = decode_opus(await recording_of(centre, story))
    assert hears_tone(left[4000:-4000], 440) and not hears_tone(left[4000:-4000], 880), "the caller is on the left"
    assert hears_tone(right[4000:-4000], 880) and not hears_tone(right[4000:-4000], 440), "the agent is on the right"


@pytest.mark.parametrize(("scenario", "agent", "end"), [("agent_declines", "1002", "declined"), ("agent_is_busy", "1003", "busy")])
async def test_agent_refuses(centre: Centre, tmp_path: Path, scenario: str, agent: str, end: str) -> None:
    number = f"1380000{agent}"
    async with sipp(scenario, tmp_path, server=centre.sip, agents=_password(centre, agent)):
        await centre.set_state(agent, "ready")
        await centre.agent_is(agent, "ready")
        arguments = ["-m", "1", "-s", "4001", "-d", "1500", _trunk(centre)]
        async with sipp("caller_talks_and_hangs_up", tmp_path, arguments, caller=number) as caller:
            await caller.went_well(20)
    story = await centre.story(number)
    assert [event["end"] for event in events(story, "offer_ended")] == [end]
    assert story["call"]["outcome"] == "abandoned_queue"


async def test_agent_rings_out(centre: Centre, tmp_path: Path) -> None:
    number = "13800000009"
    async with sipp("agent_rings_out", tmp_path, server=centre.sip, agents=_password(centre, "1004")) as agent:
        await centre.set_state("1004", "ready")
        await centre.agent_is("1004", "ready")
        arguments = ["-m", "1", "-s", "4001", "-d", "4500", _trunk(centre)]
        async with sipp("caller_talks_and_hangs_up", tmp_path, arguments, caller=number) as caller:
            await caller.went_well(20)
        assert agent.counts()["failed"] == 0, agent.complaints()
    story = await centre.story(number)
    assert events(story, "offer_ended")[0]["end"] == "timed_out"


async def test_ten_callers_one_after_the_other_and_three_agents(centre: Centre, tmp_path: Path) -> None:
    numbers = ("1005", "1006", "1007")
    agents = {number: centre.demo["agents"][number]["sip_password"] for number in numbers}
    async with sipp("agent_answers", tmp_path, server=centre.sip, agents=agents):
        for number in numbers:
            await centre.set_state(number, "ready")
            await centre.agent_is(number, "ready")
        arguments = ["-m", "10", "-r", "2", "-s", "4001", "-d", "6000", _trunk(centre)]
        async with sipp("caller_talks_and_hangs_up", tmp_path, arguments, caller="137000000[call_number]") as caller:
            await caller.went_well(60)

    async def all_booked() -> list[Record] | None:
        rows: list[Record] = await centre.db.fetch(
            "select outcome, agent from calls where caller like '137000000%' and ended_at is not null"
        )
        return rows if len(rows) == 10 else None

    rows = await until("ten calls in the books", all_booked, 10)
    assert rows
    assert {row["agent"] for row in rows if row["outcome"] == "answered"} <= set(numbers)
