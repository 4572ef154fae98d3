"""What several of the end-to-end tests say: heard this prompt, has this recording, the books agree."""

from __future__ import annotations

from typing import Any

from tests.calls.books import Witnessed, channel_of, events, read_cdr, read_cel
from tests.parts.centre import Centre, Refused
from tests.parts.hearing import likeness, read_wav
from tests.parts.phone_call import PhoneCall
from tests.parts.rtp import Samples
from tests.parts.waiting import until

CLOCKS_AGREE_MS = 60
"""Our ledger takes Asterisk's time stamps, in whole milliseconds, of events that follow CEL's by a few."""


async def given_flow(centre: Centre, number: str, **nodes: dict[str, Any]) -> None:
    """A number that leads into a flow, which begins with its first node."""
    add = "insert into numbers (number, kind, target, language) values ($1, 'flow', $2, 'zh') on conflict do nothing"
    await centre.db.execute(add, number, f"flow-{number}")
    await centre.api("PUT", f"flows/flow-{number}", {"start": next(iter(nodes)), "nodes": nodes})


def prompt(centre: Centre, name: str) -> Samples:
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
        except Refused as error:
            assert error.status in (404, 409, 425), error
            return None
        return audio

    return await until("the recording in the store", stored, 15, every_s=0.3)  # type: ignore[return-value]


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
    for leg in story["legs"]:
        # Of a BYE without a reason Asterisk says 0; to Q.850 that is 16, normal.
        assert leg["cause"] == (witness.cause(leg["channel"]) or 16), leg

    def recorded() -> list[dict[str, str]]:
        return [row for row in read_cdr(centre.var / "asterisk" / "log" / "cdr-custom" / "calls.csv") if row["uniqueid"] == caller]

    rows = await until("Asterisk's call record", recorded, 5)
    _near(min(float(row["start"]) for row in rows) * 1000, events(story, "call_arrived")[0]["at_ms"], "CDR start")
    _near(max(float(row["end"]) for row in rows) * 1000, events(story, "call_ended")[0]["at_ms"], "CDR end")


def _near(ours: float, theirs: float, what: str) -> None:
    assert abs(ours - theirs) <= CLOCKS_AGREE_MS, f"{what}: ours {ours}, Asterisk's {theirs}"
