"""Nobody will take the call: the caller is told why, and the call ends."""

from __future__ import annotations

from callcenter.calls import line
from callcenter.calls.greeting import answer
from callcenter.calls.phases import Phase
from callcenter.calls.session import Session


async def farewell(session: Session) -> Phase:
    """Say what the record says, in the caller's language."""
    await answer(session)
    await line.play(session, [f"{session.record.language}/{session.record.farewell}"])
    return Phase.DONE
