"""The caller is asked: drives the pure IVR interpreter, doing what each step asks for."""

from __future__ import annotations

from callcenter.acd.own_agent import together
from callcenter.calls import line
from callcenter.calls.phases import Phase
from callcenter.calls.session import Session
from callcenter.ivr import asks, interpreter
from callcenter.ivr.interpreter import Step
from callcenter.ivr.nodes.base import Facts
from callcenter.ledger import events as ledger
from callcenter.lines.choice import may_call


async def menu(session: Session) -> Phase:
    """Run the flow from its beginning, or from where a worker before us left it, to one of its ends."""
    record = session.record
    flow = session.house.flows.version(record.flow, record.flow_version)
    if flow is None:
        session.log.error("the call's flow is gone", flow=record.flow, version=record.flow_version)
        await line.play(session, [f"{record.language}/out-of-service"])
        return Phase.DONE
    facts = _facts(session)
    step = interpreter.begin(flow, facts, record.language) if record.position is None else interpreter.again(flow, record.position, facts)
    while True:
        await _told(session, step)
        match step.ask:
            case asks.Say():
                await line.play(session, step.ask.sounds)
                answer: asks.Answer = asks.Said()
            case asks.Gather():
                answer = await line.gather(session, step.ask)
            case asks.Lookup():
                answer = await session.house.look_up(step.ask)
            case final:
                return _final(session, final)
        step = interpreter.resume(flow, step.position, answer, facts)


async def _told(session: Session, step: Step) -> None:
    record = session.record
    language = record.language
    for note in step.notes:
        match note:
            case asks.NodeReached():
                session.note(ledger.NodeEntered, flow=record.flow, version=record.flow_version, node=note.node)
            case asks.Pressed():
                session.note(ledger.DigitsPressed, node=note.node, digits=note.digits, valid=note.valid)
            case asks.LanguageSet():
                language = note.language
                session.note(ledger.LanguageChosen, language=language)
    session.save(position=step.position, language=language)


def _final(session: Session, final: asks.Ask) -> Phase:
    match final:
        case asks.SendToQueue():
            priority = session.record.priority if final.priority is None else final.priority
            need = together(session.record.need, final.need)
            preferred = final.agent if session.house.acd.knows_agent(final.agent) else ""
            session.record = session.record.evolve(queue=final.queue, priority=priority, need=need, preferred=preferred)
            return Phase.ASKING if final.callback else Phase.QUEUE
        case asks.SendToAgent():
            session.record = session.record.evolve(agent=final.agent)
            return Phase.DIRECT
        case asks.LeaveVoicemail():
            session.record = session.record.evolve(voicemail_box=final.box)
            return Phase.VOICEMAIL
        case asks.SendToNumber():
            session.record = session.record.evolve(outside=final.number if _may_be_called(session, final) else "")
            return Phase.OUTSIDE
        case asks.HangUp(cause="normal"):
            return Phase.DONE
        case asks.HangUp():
            session.refusal_cause = final.cause
            return Phase.DONE
        case _:
            raise AssertionError(f"{type(final).__name__} is no end of a flow")


def _may_be_called(session: Session, final: asks.SendToNumber) -> bool:
    """Whether the flow may call the number; a number of the centre's own would only come back."""
    own = session.house.lines.route(final.number, session.record.number) is not None
    may = not own and may_call(final.number, is_built=final.is_built, allowed=session.house.outside_allowed)
    if not may:
        session.log.warning("a flow may not call this number", flow=session.record.flow, pii_number=final.number, own=own)
    return may


def _facts(session: Session) -> Facts:
    record = session.record
    now = session.house.now()
    known = session.house.caller_facts(record.number)
    return Facts(
        caller=record.number,
        dialled=record.dialled,
        now=now,
        is_holiday=session.house.is_holiday(now),
        vip=known.vip,
        blacklisted=known.blacklisted,
        variables={},
    )
