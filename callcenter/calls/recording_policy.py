"""Is this call recorded? The rules' word, the caller's, and that of whoever stopped it by hand; and telling the caller of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from callcenter.basics.errors import NotFound
from callcenter.calls import line
from callcenter.calls.greeting import answer
from callcenter.calls.phases import Phase
from callcenter.calls.session import Session
from callcenter.ivr.asks import DigitTimeouts, Gather
from callcenter.ledger import events as ledger
from callcenter.recordings.policy import DECLINES, CallFacts, Decision, decide

_KEY = DigitTimeouts(first_s=1.5, inter_s=0.5, overall_s=3.0)


def decision(session: Session) -> Decision:
    """What the rules say of the call as it stands."""
    record = session.record
    facts = CallFacts(call=record.id, queue=record.queue, agent=record.agent, number=record.dialled, direction=record.direction)
    return decide(session.house.recording_rules(), facts, otherwise=_otherwise(session))


def _otherwise(session: Session) -> bool:
    try:
        return not session.record.queue or session.house.acd.queue(session.record.queue).record_calls
    except NotFound:
        return True


def is_wanted(session: Session) -> bool:
    """Whether the conversation that begins is recorded; where a rule or the caller says no, the ledger is told why, once."""
    record = session.record
    if record.recording_stopped:
        return False
    found = decision(session)
    if found.records and not record.recording_declined:
        return True
    if (found.rule or record.recording_declined) and not record.not_recorded:
        session.note(ledger.NotRecorded, why="declined" if record.recording_declined else "rule", rule=found.rule)
        session.save(not_recorded=True)
    return False


def telling(phase: Callable[[Session], Awaitable[Phase]]) -> Callable[[Session], Awaitable[Phase]]:
    """The phase, begun by telling the caller that the call is recorded, where a rule says so and they were not told before."""

    async def told_first(session: Session) -> Phase:
        found = decision(session)
        if found.announces and not session.record.recording_told:
            await _tell(session, found)
        return await phase(session)

    return told_first


async def _tell(session: Session, found: Decision) -> None:
    await answer(session)
    language = session.record.language
    declined = False
    if found.asks_consent:
        sounds = (f"{language}/recording/is-recorded", f"{language}/recording/decline")
        said = await line.gather(session, Gather(sounds=sounds, barge_in=True, timeouts=_KEY, max_digits=1, terminators="", secret=False))
        declined = said.text == DECLINES
    else:
        await line.play(session, [f"{language}/recording/is-recorded"])
    session.note(ledger.RecordingTold, rule=found.rule, asked=found.asks_consent, declined=declined)
    session.save(recording_told=True, recording_declined=declined)
    if declined:
        await line.play(session, [f"{language}/recording/declined"])
