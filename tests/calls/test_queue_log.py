"""Real calls, read back as a queue_log by a reader that knows only app_queue's format: by API and by command line."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta

from callcenter.basics import clock
from tests.calls.books import channel_of
from tests.parts.centre import REPOSITORY, Centre
from tests.parts.waiting import until
from tests.reports.queue_log_reader import Entry, read, stories_hold


async def _told(centre: Centre, since_ms: int) -> str:
    begin = clock.from_ms(since_ms).isoformat()
    end = (clock.utc_now() + timedelta(minutes=1)).isoformat()
    text: bytes = await centre.api("GET", "reports/queue_log", **{"from": begin, "to": end})
    return text.decode()


async def _by_command(centre: Centre, since_ms: int) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLCENTER_")}
    environment |= {f"CALLCENTER_{name}": value for name, value in centre.settings.items()} | {"CALLCENTER_TIMEZONE": "UTC"}
    begin = clock.from_ms(since_ms).strftime("%Y-%m-%dT%H:%M:%S")
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "callcenter", "queue-log", "--from", begin, cwd=REPOSITORY, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, wrong = await asyncio.wait_for(run.communicate(), 30)
    assert run.returncode == 0, wrong.decode()
    return out.decode()


def _names(entries: list[Entry], **wanted: str) -> list[str]:
    return [entry.event for entry in entries if all(getattr(entry, name) == value for name, value in wanted.items())]


async def test_answered_missed_abandoned_paused(centre: Centre) -> None:
    since_ms = clock.utc_ms() // 1000 * 1000
    async with centre.ready_agent("1001") as agent, centre.caller() as first:
        call = await first.dial("4001")
        missed = await agent.rings()
        assert await missed.ended(6) == 487
        turn = await agent.rings(8)
        await turn.answer()
        await centre.phase_of(first.number, "conversation")
        await turn.hang_up()
        await call.ended()
        story = await centre.story(first.number)
        await centre.set_state("1001", "paused", "lunch")
        await centre.agent_is("1001", "paused")
        async with centre.caller() as second:
            waiting = await second.dial("4001")
            await centre.phase_of(second.number, "queue")
            await waiting.hang_up()
            abandoned = await centre.story(second.number)
        await centre.set_state("1001", "ready")
    await centre.agent_is("1001", "offline")

    async def whole() -> str | None:
        text = await _told(centre, since_ms)
        return text if "|Agent/1001|REMOVEMEMBER|" in text and "|ABANDON|" in text else None

    text = await until("the agent's signing off in the queue_log", whole, 10)
    assert text
    entries = read(text)
    begun_here = {entry.call for entry in entries if entry.event == "ENTERQUEUE"}
    stories_hold([entry for entry in entries if entry.call in begun_here])
    caller = channel_of(story, "caller")
    assert _names(entries, call=caller) == ["ENTERQUEUE", "RINGNOANSWER", "CONNECT", "COMPLETEAGENT"]
    entered, rang, connected, completed = (entry for entry in entries if entry.call == caller)
    assert (entered.queue, entered.agent, entered.data) == ("sales", "NONE", ("", first.number, "1"))
    assert rang.agent == connected.agent == completed.agent == "Agent/1001"
    assert 2_500 < int(rang.data[0]) < 4_500
    assert connected.data[1] == channel_of(story, "agent")
    assert abs(int(connected.data[0]) * 1000 - _waited_ms(story)) <= 1_000
    assert abs(int(completed.data[1]) * 1000 - story["call"]["talk_ms"]) <= 1_000
    gone = channel_of(abandoned, "caller")
    assert _names(entries, call=gone) == ["ENTERQUEUE", "ABANDON"]
    of_agent = [entry for entry in entries if entry.agent == "Agent/1001" and entry.call in ("NONE", "MANAGER")]
    assert [(entry.event, *entry.data) for entry in of_agent if entry.queue in ("sales", "NONE")] == [
        ("ADDMEMBER", ""), ("PAUSEALL", "lunch"), ("PAUSE", "lunch"), ("UNPAUSEALL", ""), ("UNPAUSE", ""), ("REMOVEMEMBER", ""),
    ]  # fmt: skip
    assert await _by_command(centre, since_ms) == text


def _waited_ms(story: dict[str, object]) -> int:
    moments = {event["kind"]: event["at_ms"] for event in reversed(story["events"])}  # type: ignore[call-overload]
    return int(moments["bridged"] - moments["queued"])
