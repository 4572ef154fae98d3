"""A call has come in: whose number is it? Then it is taken, or refused before it costs anything."""

from __future__ import annotations

from callcenter.acd.own_agent import together
from callcenter.basics.vocabulary import LegRole
from callcenter.calls import line
from callcenter.calls.phases import Phase
from callcenter.calls.session import Session
from callcenter.ledger import events as ledger
from callcenter.lines.choice import Destination

_UNALLOCATED = "unallocated"
_CODES_BEGIN = ("*", "#")
_WAY_TO = {"flow": Phase.MENU, "queue": Phase.QUEUE, "agent": Phase.DIRECT, "conference": Phase.CONFERENCE}


async def greeting(session: Session) -> Phase:
    """Find the number's destination and answer the call; the queue answers while it looks for an agent."""
    if session.caller.role is LegRole.AGENT and (way := await _agents_own(session)):
        return way
    destination = session.house.lines.route(session.record.dialled, session.record.number)
    if destination is None:
        return _refuse(session)
    known = session.house.caller_facts(session.record.number)
    language = known.language or destination.language
    session.record = session.record.evolve(language=language, priority=known.priority, need=together(known.need, destination.need))
    if destination.kind != "queue":
        await answer(session)
    session.note(ledger.LanguageChosen, language=language)
    return await _towards(session, destination)


async def _agents_own(session: Session) -> Phase | None:
    """What only agents may dial: feature codes and each other."""
    dialled = session.record.dialled
    if dialled[:1] in _CODES_BEGIN:
        return Phase.FEATURE
    await session.house.acd.busy(session.caller.party, session.record.id)
    if session.house.acd.knows_agent(dialled):
        session.record = session.record.evolve(agent=dialled)
        return Phase.DIRECT
    return None


def _refuse(session: Session) -> Phase:
    session.log.info("nobody's number was dialled", pii_dialled=session.record.dialled, pii_caller=session.record.number)
    session.refused = True
    session.refusal_cause = _UNALLOCATED
    return Phase.DONE


async def _towards(session: Session, destination: Destination) -> Phase:
    if destination.kind == "queue":
        session.record = session.record.evolve(queue=destination.target)
    elif destination.kind == "agent":
        session.record = session.record.evolve(agent=destination.target)
    elif destination.kind == "conference":
        session.record = session.record.evolve(conference=destination.target)
    else:
        flow = session.house.flows.latest(destination.target)
        if flow is None:
            session.log.error("the number's flow does not exist", flow=destination.target)
            await line.play(session, [f"{session.record.language}/out-of-service"])
            return Phase.DONE
        session.record = session.record.evolve(flow=flow.name, flow_version=flow.version)
    return _WAY_TO[destination.kind]


async def answer(session: Session) -> None:
    """Pick up, once."""
    if not session.caller.answered.is_set():
        await session.caller.channel.answer()
