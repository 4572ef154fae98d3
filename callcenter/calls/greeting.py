"""A call has come in: whose number is it? Then it is taken, or refused before it costs anything."""

from __future__ import annotations

from callcenter.basics.vocabulary import LegRole
from callcenter.calls import line
from callcenter.calls.feature_codes import feature_of
from callcenter.calls.phases import Phase
from callcenter.calls.session import Session
from callcenter.ledger import events as ledger

_UNALLOCATED = "unallocated"


async def greeting(session: Session) -> Phase:
    """Find the number's destination and answer the call."""
    record = session.record
    if session.caller.role is LegRole.AGENT:
        if feature_of(record.dialled):
            return Phase.FEATURE
        await session.house.acd.busy(session.caller.party, record.id)
    destination = session.house.lines.route(record.dialled, record.number)
    if destination is None and session.caller.role is LegRole.AGENT and session.house.acd.knows_agent(record.dialled):
        session.record = record.evolve(agent=record.dialled)
        return Phase.DIRECT
    if destination is None:
        session.log.info("nobody's number was dialled", pii_dialled=record.dialled, pii_caller=record.number)
        session.refused = True
        session.refusal_cause = _UNALLOCATED
        return Phase.DONE
    session.record = record.evolve(language=destination.language)
    await answer(session)
    session.note(ledger.LanguageChosen, language=destination.language)
    if destination.kind == "queue":
        session.record = session.record.evolve(queue=destination.target)
        return Phase.QUEUE
    if destination.kind == "agent":
        session.record = session.record.evolve(agent=destination.target)
        return Phase.DIRECT
    flow = session.house.flows.latest(destination.target)
    if flow is None:
        session.log.error("the number's flow does not exist", flow=destination.target)
        await line.play(session, [f"{record.language}/out-of-service"])
        return Phase.DONE
    session.record = session.record.evolve(flow=flow.name, flow_version=flow.version)
    return Phase.MENU


async def answer(session: Session) -> None:
    """Pick up, once."""
    if not session.caller.answered.is_set():
        await session.caller.channel.answer()
