"""Callers ask to be called back and keep their place; a scripted phone stands for the provider and all its numbers."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.calls.books import events
from tests.calls.waiting_rooms import Room, lay
from tests.calls.words import given_flow, heard_prompt, recording_of
from tests.parts.centre import Centre, Refused, private_centre
from tests.parts.hearing import hears_tone
from tests.parts.phone_call import PhoneCall
from tests.parts.rtp import tone
from tests.parts.softphone import Phone
from tests.parts.waiting import until

OFFERED = {"offered": True, "after_s": 0, "every_s": 15, "retry_s": 10, "tries": 2}
ROOMS = (
    Room(number="4201", queue="back", agents=("1001", "1002"), rules={"callback": OFFERED}),
    Room(number="4202", queue="first", agents=("1003",), rules={"callback": OFFERED | {"agent_first": False}}),
    Room(
        number="4203",
        queue="nobody",
        rules={"callback": {"offered": False}, "overflow": [{"when": "no_agents", "to": "callback"}]},
    ),
)


@pytest.fixture(scope="module")
async def centre() -> AsyncIterator[Centre]:
    """A centre where typed numbers may begin with 137."""
    async with private_centre(OUTSIDE_ALLOWED=json.dumps(["137"])) as running, Phone("provider", server=running.trunk) as phone:
        await lay(running, *ROOMS)
        await running.db.execute("insert into trunks (name, outbound_host) values ('mobile', $1)", f"127.0.0.1:{phone.port}")
        # Whatever is changed lets the worker read what is set up.
        await running.api("PUT", "callers/13100000000", {})
        await until("the trunk in Asterisk", lambda: _has_trunk(running, phone.port))
        running.provider = phone  # type: ignore[attr-defined]
        yield running


async def _has_trunk(centre: Centre, port: int) -> bool:
    return f"127.0.0.1:{port}" in await centre.asterisk("pjsip show aor out-mobile")


@pytest.fixture
async def provider(centre: Centre) -> AsyncIterator[Phone]:
    """Whoever takes calls to anywhere; afterwards nobody is to be called back any more."""
    phone: Phone = centre.provider  # type: ignore[attr-defined]
    yield phone
    for one in (await centre.api("GET", "callbacks", state="waiting"))["items"]:
        await centre.api("DELETE", f"callbacks/{one['id']}")


async def row_of(centre: Centre, number: str) -> dict[str, Any]:
    """The newest callback to a number."""
    row = await centre.db.fetchrow("select * from callbacks where number = $1 order by id desc limit 1", number)
    return dict(row) if row else {}


async def state_is(centre: Centre, number: str, state: str, timeout_s: float = 15.0) -> dict[str, Any]:
    async def asked() -> dict[str, Any] | None:
        row = await row_of(centre, number)
        return row if row.get("state") == state else None

    return await until(f"the callback to {number} {state}", asked, timeout_s)  # type: ignore[return-value]


async def book(centre: Centre, caller: Phone, dialled: str = "4201") -> PhoneCall:
    """The caller presses the key when the callback is offered, and confirms the own number."""
    call = await caller.dial(dialled)
    await heard_prompt(centre, call, "zh/callback/press")
    await call.press("1")
    await heard_prompt(centre, call, "zh/callback/confirm")
    await call.press("1")
    return call


async def story_of(centre: Centre, call: str) -> dict[str, Any]:
    """A call that is over, as the API tells it."""

    async def ended() -> bool:
        return bool(await centre.db.fetchval("select ended_at is not null from calls where id = $1", call))

    await until("the callback's call in the books", ended, 15)
    told: dict[str, Any] = await centre.api("GET", f"calls/{call}")
    return told


async def talk(agent: PhoneCall, customer: PhoneCall) -> None:
    """The two hear each other."""
    agent.say(tone(440))
    customer.say(tone(880))
    since = time.monotonic()
    await customer.hears("the agent", lambda heard: hears_tone(heard, 440), since=since)
    await agent.hears("the customer", lambda heard: hears_tone(heard, 880), since=since)


@asynccontextmanager
async def answered_agent(centre: Centre, phone: Phone, number: str) -> AsyncIterator[PhoneCall]:
    """The agent's phone rings, shows the customer, and is answered."""
    ringing = await phone.rings(15)
    assert ringing.invite and number in ringing.invite["From"]
    await ringing.answer()
    yield ringing


async def test_by_key_the_place_passes_over_and_the_two_talk_recorded(centre: Centre, provider: Phone) -> None:
    async with centre.caller() as caller, centre.caller() as later:
        call = await book(centre, caller)
        await heard_prompt(centre, call, "zh/callback/booked")
        await call.ended()
        first = await centre.story(caller.number)
        row = await state_is(centre, caller.number, "waiting")
        behind = await later.dial("4201")
        await centre.phase_of(later.number, "queue")
        async with centre.ready_agent("1001") as agent:
            async with answered_agent(centre, agent, caller.number) as spoken:
                since = time.monotonic()
                await heard_prompt(centre, spoken, "zh/callback/to", since=since - 1)
                customer = await provider.rings(15)
                assert customer.invite and f"INVITE sip:{caller.number}@" in customer.invite.start
                assert "4201" in customer.invite["From"]
                await customer.answer()
                await talk(spoken, customer)
                done = await state_is(centre, caller.number, "done")
                await customer.hang_up()
                await spoken.ended()
            await behind.hang_up()
        story = await story_of(centre, done["last_call"])
    assert first["call"]["outcome"] == "callback"
    assert events(first, "left_queue")[0]["why"] == "callback"
    assert events(first, "callback_asked")[0]["callback"] == row["id"]
    assert (done["first_call"], done["attempts"], done["outcome"]) == (first["call"]["id"], 1, "answered")
    told = story["call"]
    assert (told["direction"], told["outcome"], told["ended_by"], told["agent"]) == ("outbound", "answered", "outside", "1001")
    assert (told["caller"], told["dialled"], told["queue"]) == ("4201", caller.number, "back")
    (started,) = events(story, "callback_started")
    assert (started["callback"], started["first_call"], started["attempt"]) == (row["id"], first["call"]["id"], 1)
    assert events(story, "callback_ended")[0]["end"] == "answered"
    assert [leg["role"] for leg in story["legs"]] == ["agent", "outside"] and all(leg["answered_at"] for leg in story["legs"])
    kinds = [segment["kind"] for segment in story["segments"] if segment["kind"] != "other"]
    assert kinds.index("ringing") <= 1 and kinds[-1] == "talking"
    assert (await recording_of(centre, story))[:4] == b"OggS"


async def test_another_number_is_typed_and_one_that_may_not_be_called_is_refused(centre: Centre, provider: Phone) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4201")
        await heard_prompt(centre, call, "zh/callback/press")
        await call.press("1")
        asked = await heard_prompt(centre, call, "zh/callback/confirm")
        await call.press("7")
        wrong = await heard_prompt(centre, call, "zh/invalid-choice", since=asked)
        await heard_prompt(centre, call, "zh/callback/confirm", since=wrong)
        await call.press("2")
        asked = await heard_prompt(centre, call, "zh/callback/enter", since=wrong)
        await call.press("1390013#")
        refused = await heard_prompt(centre, call, "zh/callback/not-possible", since=asked)
        await heard_prompt(centre, call, "zh/callback/enter", since=refused)
        await call.press("13700137000#")
        await heard_prompt(centre, call, "zh/callback/confirm", since=refused)
        await call.press("1")
        await heard_prompt(centre, call, "zh/callback/booked", since=refused)
        await call.ended()
        story = await centre.story(caller.number)
    row = await row_of(centre, "13700137000")
    assert (row["state"], row["first_call"], row["asked_by"]) == ("waiting", story["call"]["id"], "call")
    assert story["call"]["outcome"] == "callback"


async def test_a_hang_up_before_confirming_changes_nothing(centre: Centre, provider: Phone) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4201")
        await heard_prompt(centre, call, "zh/callback/press")
        await call.press("1")
        await heard_prompt(centre, call, "zh/callback/your-number")
        await call.hang_up()
        story = await centre.story(caller.number)
    assert story["call"]["outcome"] == "abandoned_queue"
    assert events(story, "left_queue")[0]["why"] == "abandoned"
    assert not await row_of(centre, caller.number)


async def test_an_agent_who_answers_ends_the_asking(centre: Centre, provider: Phone) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4201")
        await heard_prompt(centre, call, "zh/callback/press")
        await call.press("1")
        await heard_prompt(centre, call, "zh/callback/your-number")
        async with centre.ready_agent("1002") as agent:
            ringing = await agent.rings()
            await ringing.answer()
            await centre.phase_of(caller.number, "conversation")
            await talk(ringing, call)
            await call.hang_up()
            await ringing.ended()
        story = await centre.story(caller.number)
    assert story["call"]["outcome"] == "answered"
    assert not await row_of(centre, caller.number)


async def test_who_has_one_is_told_and_keeps_it(centre: Centre, provider: Phone) -> None:
    async with centre.caller() as caller:
        call = await book(centre, caller)
        await call.ended()
        row = await state_is(centre, caller.number, "waiting")
        again = await book(centre, caller)
        await heard_prompt(centre, again, "zh/callback/have-one")
        await again.ended()
    rows = await centre.db.fetch("select * from callbacks where number = $1", caller.number)
    assert [(one["id"], one["since"], one["state"]) for one in rows] == [(row["id"], row["since"], "waiting")]


async def test_a_customer_who_is_busy_is_tried_again_at_the_same_place(centre: Centre, provider: Phone) -> None:
    async with centre.caller() as caller:
        call = await book(centre, caller)
        await call.ended()
        row = await state_is(centre, caller.number, "waiting")
        async with centre.ready_agent("1001") as agent:
            async with answered_agent(centre, agent, caller.number) as spoken:
                await (await provider.rings(15)).decline(486, "Busy Here")
                await heard_prompt(centre, spoken, "zh/callback/not-reached")
                await spoken.ended()
            tried = await until("one attempt", lambda: _tried(centre, caller.number, 1))
            assert (tried["state"], tried["since"]) == ("waiting", row["since"])
            assert tried["next_try"].timestamp() - time.time() > 5
            await centre.agent_is("1001", "ready")
            async with answered_agent(centre, agent, caller.number) as spoken:
                assert time.time() >= tried["next_try"].timestamp()
                await (await provider.rings(15)).decline(486, "Busy Here")
                await spoken.ended()
        row = await state_is(centre, caller.number, "failed")
    assert (row["outcome"], row["attempts"]) == ("busy", 2)
    made = await centre.db.fetch("select id from calls where dialled = $1 order by started_at", caller.number)
    stories = [await story_of(centre, one["id"]) for one in made]
    assert [events(story, "callback_started")[0]["attempt"] for story in stories] == [1, 2]
    for story in stories:
        assert (story["call"]["outcome"], story["call"]["cause"], story["call"]["talk_ms"]) == ("busy", 17, 0)
        assert events(story, "left_queue")[0]["why"] == "callback"


async def _tried(centre: Centre, number: str, times: int) -> dict[str, Any] | None:
    row = await row_of(centre, number)
    return row if row["attempts"] == times and row["state"] == "waiting" else None


async def test_the_next_agent_is_asked_when_one_declines(centre: Centre, provider: Phone) -> None:
    async with centre.caller() as caller:
        await (await book(centre, caller)).ended()
        async with centre.ready_agent("1001") as first, centre.agent("1002") as second:
            await (await first.rings(15)).decline()
            await centre.set_state("1002", "ready")
            async with answered_agent(centre, second, caller.number) as spoken:
                customer = await provider.rings(15)
                await customer.answer()
                await talk(spoken, customer)
                await spoken.hang_up()
                await customer.ended()
        row = await state_is(centre, caller.number, "done")
    assert row["attempts"] == 1


async def test_the_worker_is_killed_while_the_callback_waits(centre: Centre, provider: Phone) -> None:
    async with centre.caller() as caller, centre.caller() as later:
        await (await book(centre, caller)).ended()
        await state_is(centre, caller.number, "waiting")
        behind = await later.dial("4201")
        await centre.phase_of(later.number, "queue")
        await centre.worker_killed()
        async with centre.ready_agent("1001") as agent:
            async with answered_agent(centre, agent, caller.number) as spoken:
                customer = await provider.rings(15)
                await customer.answer()
                await talk(spoken, customer)
                await centre.worker_killed()
                await talk(spoken, customer)
                await customer.hang_up()
                await spoken.ended()
            await behind.hang_up()
        row = await state_is(centre, caller.number, "done")
        story = await story_of(centre, row["last_call"])
    assert (row["attempts"], story["call"]["outcome"], story["call"]["ended_by"]) == (1, "answered", "outside")


async def test_the_worker_is_killed_while_the_agents_phone_rings(centre: Centre, provider: Phone) -> None:
    async with centre.caller() as caller:
        await (await book(centre, caller)).ended()
        async with centre.ready_agent("1001") as agent:
            ringing = await agent.rings(15)
            await state_is(centre, caller.number, "calling")
            await centre.worker_killed()
            if not ringing.is_over:
                await ringing.ended()
            async with answered_agent(centre, agent, caller.number) as spoken:
                customer = await provider.rings(15)
                await customer.answer()
                await talk(spoken, customer)
                await customer.hang_up()
                await spoken.ended()
        row = await state_is(centre, caller.number, "done")
        made = await centre.db.fetch("select id from calls where dialled = $1 order by started_at", caller.number)
        calls = [(await story_of(centre, call["id"]))["call"] for call in made]
    assert row["attempts"] == 1
    assert [call["outcome"] for call in calls] == ["no_answer", "answered"]


@pytest.mark.parametrize("answers", [False, True], ids=["rings on", "answers meanwhile"])
async def test_the_worker_is_killed_while_the_customers_phone_rings(centre: Centre, provider: Phone, answers: bool) -> None:
    async with centre.caller() as caller:
        await (await book(centre, caller)).ended()
        async with centre.ready_agent("1001") as agent, answered_agent(centre, agent, caller.number) as spoken:
            customer = await provider.rings(15)
            async with centre.worker_stopped():
                if answers:
                    await customer.answer()
            if answers:
                await talk(spoken, customer)
                await customer.hang_up()
                await spoken.ended()
            else:
                await customer.ended()
                await spoken.ended()
                async with answered_agent(centre, agent, caller.number) as again:
                    customer = await provider.rings(15)
                    await customer.answer()
                    await talk(again, customer)
                    await customer.hang_up()
                    await again.ended()
        row = await state_is(centre, caller.number, "done")
    assert row["attempts"] == (1 if answers else 2)


async def test_the_customer_first_waits_for_the_agent(centre: Centre, provider: Phone) -> None:
    async with centre.caller() as caller:
        await (await book(centre, caller, "4202")).ended()
        async with centre.ready_agent("1003") as agent:
            customer = await provider.rings(15)
            assert (await centre.agent_now("1003"))["state"] == "ringing"
            await agent.stays_quiet(0.3)
            await customer.answer()
            ringing = await agent.rings()
            await ringing.answer()
            await talk(ringing, customer)
            await ringing.hang_up()
            await customer.ended()
        row = await state_is(centre, caller.number, "done")
        story = await story_of(centre, row["last_call"])
    assert (story["call"]["outcome"], story["call"]["agent"], story["call"]["direction"]) == ("answered", "1003", "outbound")
    assert [event["why"] for event in events(story, "left_queue")] == ["answered"]


async def test_an_overflow_rule_offers_it_at_once_and_who_does_not_want_it_waits_on(centre: Centre, provider: Phone) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4203")
        await heard_prompt(centre, call, "zh/callback/we-can")
        await heard_prompt(centre, call, "zh/callback/confirm")
        await call.press("1")
        await heard_prompt(centre, call, "zh/callback/booked")
        await call.ended()
        story = await centre.story(caller.number)
    assert story["call"]["outcome"] == "callback"
    assert (events(story, "left_queue")[0]["why"], events(story, "left_queue")[0]["to"]) == ("no_agents", "callback")
    row = await row_of(centre, caller.number)
    assert (row["queue"], row["state"]) == ("nobody", "waiting")
    assert row["since"].timestamp() * 1000 == pytest.approx(events(story, "queued")[0]["at_ms"], abs=50)


async def test_chosen_in_a_flow_and_who_does_not_want_it_waits_in_the_queue(centre: Centre, provider: Phone) -> None:
    await given_flow(centre, "4205", out={"type": "callback", "queue": "back"})
    async with centre.caller() as caller, centre.caller() as other:
        call = await caller.dial("4205")
        await heard_prompt(centre, call, "zh/callback/confirm")
        await call.press("1")
        await heard_prompt(centre, call, "zh/callback/booked")
        await call.ended()
        story = await centre.story(caller.number)
        row = await row_of(centre, caller.number)
        waits = await other.dial("4205")
        for _ in range(5):
            since = time.monotonic()
            await heard_prompt(centre, waits, "zh/callback/confirm", since=since)
            await waits.press("9")
            await heard_prompt(centre, waits, "zh/invalid-choice", since=since)
        await centre.phase_of(other.number, "queue")
        await waits.hang_up()
    assert story["call"]["outcome"] == "callback"
    assert (row["queue"], row["state"]) == ("back", "waiting")
    assert row["first_call"] == story["call"]["id"]


async def test_asked_for_on_the_web_one_a_number(centre: Centre, provider: Phone) -> None:
    made = await centre.api("POST", "callbacks", {"queue": "back", "number": "13700137001", "name": "王女士", "language": "en"})
    with pytest.raises(Refused) as refused:
        await centre.api("POST", "callbacks", {"queue": "back", "number": "13700137001"})
    assert refused.value.status == 409
    async with centre.caller() as caller:
        waiting = await caller.dial("4201")
        await centre.phase_of(caller.number, "queue")
        async with centre.ready_agent("1001") as agent:
            async with answered_agent(centre, agent, "13700137001") as spoken:
                customer = await provider.rings(15)
                assert (await row_of(centre, "13700137001"))["state"] == "calling"
                with pytest.raises(Refused) as late:
                    await centre.api("DELETE", f"callbacks/{made['id']}")
                assert late.value.status == 409
                await customer.answer()
                await talk(spoken, customer)
                await customer.hang_up()
                await spoken.ended()
            await waiting.hang_up()
    assert (await state_is(centre, "13700137001", "done"))["asked_by"].startswith("token:")


async def test_cancelled_nobody_is_called(centre: Centre, provider: Phone) -> None:
    made = await centre.api("POST", "callbacks", {"queue": "back", "number": "13700137002"})
    gone = await centre.api("DELETE", f"callbacks/{made['id']}")
    assert gone["state"] == "cancelled"
    async with centre.ready_agent("1001") as agent:
        await agent.stays_quiet(1.0)
