"""An agent dialled a feature code: do it, say so, hang up."""

from __future__ import annotations

from callcenter.calls import line
from callcenter.calls.feature_codes import feature_of
from callcenter.calls.greeting import answer
from callcenter.calls.phases import Phase
from callcenter.calls.session import Session


async def feature(session: Session) -> Phase:
    """Change the agent's state from the phone, with spoken confirmation in the agent's language."""
    wanted = feature_of(session.record.dialled)
    if wanted is None:
        raise AssertionError("only feature codes come here")
    agent = session.house.acd.agent(session.caller.party)
    await answer(session)
    await session.house.acd.set_state(agent.number, wanted.mode, "", "phone")
    await line.play(session, [f"{agent.language}/{wanted.prompt}"])
    return Phase.DONE
