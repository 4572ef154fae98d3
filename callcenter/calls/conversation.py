"""The two talk, recorded, until one of them hangs up."""

from __future__ import annotations

from callcenter.calls import line, recording_policy, taps
from callcenter.calls.announcing import other_leg
from callcenter.calls.own_agent import remember
from callcenter.calls.phases import Phase
from callcenter.calls.session import Session


async def conversation(session: Session) -> Phase:
    """Connect the two (unless a worker before us did), record, and wait for the end."""
    other = other_leg(session)
    if not session.record.bridge:
        await line.bridge(session, other)
        session.save(talked=True)
        remember(session)
        if recording_policy.is_wanted(session):
            await taps.start(session)
    while True:
        other = other_leg(session)
        await other.ended.wait()
        if other is other_leg(session):
            return Phase.DONE
