"""All calls of this worker: takes arrivals in, owns each call's tasks, finds a call for a control."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from callcenter.acd.desks import Desk
from callcenter.asterisk import events as ari
from callcenter.basics import clock
from callcenter.basics.errors import AsteriskRefused, BadRequest, NotFound, TooLate
from callcenter.basics.logs import get_logger
from callcenter.basics.vocabulary import ANONYMOUS, Direction, Kind, Language, LegRole, caller_number, dialled_number, display_name, new_id
from callcenter.calls import recovery
from callcenter.calls.announcing import announcing
from callcenter.calls.callback_asking import asking
from callcenter.calls.calling_back import calling_back
from callcenter.calls.conference import conference
from callcenter.calls.control import control_of
from callcenter.calls.conversation import conversation
from callcenter.calls.direct import direct
from callcenter.calls.farewell import farewell
from callcenter.calls.feature import feature
from callcenter.calls.greeting import greeting
from callcenter.calls.house import House
from callcenter.calls.legs import Leg
from callcenter.calls.menu import menu
from callcenter.calls.outside import outside
from callcenter.calls.phases import Phase
from callcenter.calls.queueing import queueing
from callcenter.calls.record import CallRecord, LegRecord, shown
from callcenter.calls.recording_policy import telling
from callcenter.calls.session import PhaseCoroutine, Session
from callcenter.calls.voicemail import voicemail
from callcenter.ledger import events as ledger
from callcenter.lines.choice import may_call_back

_log = get_logger(__name__)

WAYS: Final[dict[Phase, PhaseCoroutine]] = {
    Phase.GREETING: greeting,
    Phase.MENU: menu,
    Phase.QUEUE: telling(queueing),
    Phase.DIRECT: telling(direct),
    Phase.OUTSIDE: outside,
    Phase.ANNOUNCING: announcing,
    Phase.CONVERSATION: conversation,
    Phase.VOICEMAIL: voicemail,
    Phase.FAREWELL: farewell,
    Phase.ASKING: asking,
    Phase.CALLBACK: calling_back,
    Phase.FEATURE: feature,
    Phase.CONFERENCE: conference,
}
"""The coroutine of each phase."""

CLICK: Final = "click"
_CLICK_RING_S = 30


class Calls:
    """The live calls of this worker."""

    def __init__(self, house: House, *, app: str, app_prefix: str, witness_file: Path, language: Language) -> None:
        self.house = house
        self.sessions: dict[str, Session] = {}
        self.begun_anew: set[str] = set()
        """Channels whose first call was closed because its record was lost; the next one begins when they arrive."""
        self._app = app
        self._app_prefix = app_prefix
        self._witness_file = witness_file
        self._language = language
        self.connections = 0
        """How often Asterisk was connected to: between two of them nobody else can have served callers."""
        self.recovered = asyncio.Event()
        """Set when this worker has taken over what the one before it left."""
        house.ari.listen_for_arrivals(self._arrived)

    async def on_connected(self) -> None:
        """Called after each (re)connect: take over what is there, then open the door to new calls."""
        if self.recovered.is_set():
            await recovery.resync(self, self._witness_file)
        else:
            await recovery.recover(self, self._witness_file, self._app, self._app_prefix)
            self.recovered.set()
        self.connections += 1
        await self.house.ari.set_global("CC_APP", self._app)

    def _arrived(self, event: Any) -> None:
        if not isinstance(event, ari.StasisStart):
            return
        origin = event.args[0] if event.args else ""
        at_ms = clock.parse_asterisk(event.timestamp)
        agent = self._agent_of(event.channel.name) if origin in {"agent", CLICK} else ""
        if origin == CLICK and len(event.args) > 1:
            dialled = dialled_number(event.args[1]) or ""
        else:
            dialled = dialled_number(event.channel.dialplan.exten) or ""
        trunk = "" if agent else _endpoint(event.channel.name)
        if trunk:
            trunk, dialled = self.house.lines.arrived(trunk, _peer_of(event.args), dialled)
        number = agent or caller_number(event.channel.caller.number) or ANONYMOUS
        call = new_id(Kind.CALL, at_ms)
        role = LegRole.AGENT if agent else LegRole.CALLER
        caller = LegRecord(
            leg=event.channel.id if origin == CLICK else new_id(Kind.LEG, at_ms),
            channel=event.channel.id,
            name=event.channel.name,
            role=role,
            party=number,
            answered=event.channel.state == "Up",
        )
        begun_anew = event.channel.id in self.begun_anew
        self.begun_anew.discard(event.channel.id)
        record = CallRecord(
            id=call,
            node=self.house.node,
            direction=Direction.INTERNAL if agent else Direction.INBOUND,
            started_ms=at_ms if begun_anew else clock.parse_asterisk(event.channel.creationtime),
            caller=caller,
            number=number,
            name=display_name(event.channel.caller.name),
            dialled=dialled,
            phase=Phase.GREETING,
            phase_since_ms=at_ms,
            language=self._language,
        )
        session = self.session_of(record)
        started = min(record.started_ms, at_ms)
        session.note(
            ledger.CallArrived,
            at_ms=started,
            direction=record.direction,
            caller=number,
            caller_name=record.name,
            dialled=dialled,
            trunk=trunk,
            node=self.house.node,
        )
        session.note(ledger.LegStarted, at_ms=started, leg=caller.leg, channel=caller.channel, role=role, party=number)
        session.note(ledger.PhaseEntered, at_ms=started, phase=Phase.GREETING)
        self.start(session)

    def _agent_of(self, channel_name: str) -> str:
        """Whose call it is: by the phone's endpoint, which had to authenticate; never by what it says of itself."""
        phone = _endpoint(channel_name)
        return self.house.acd.desks.agent_at(phone) or phone

    def session_of(self, record: CallRecord) -> Session:
        """A session for a record, listening to its channels from now on."""
        ari_ = self.house.ari
        others = [*([record.other] if record.other else []), *(ringing.leg for ringing in record.ringing)]
        others += [supervising.leg for supervising in record.supervisors]
        caller = Leg.of(record.caller, ari_.channel(record.caller.channel))
        session = Session(self.house, record, caller, WAYS)
        for other in others:
            session.follow(Leg.of(other, ari_.channel(other.channel)))
        return session

    def save_all(self) -> None:
        """Save every call's record and show it, as when Redis has forgotten everything."""
        for session in self.sessions.values():
            session.save()

    def start(self, session: Session) -> None:
        """Let a session live."""
        call = session.record.id
        self.sessions[call] = session
        session.show()
        life = self.house.tasks.start(session.run(), f"call {call}")
        life.add_done_callback(lambda _: self.sessions.pop(call, None))

    async def control(self, call: str, action: str, params: Mapping[str, Any], by: str) -> dict[str, Any]:
        """Do ``action`` with a call; NotFound, TooLate (with the call's phase) or BadRequest when it can't be done."""
        control = control_of(action)
        session = self.sessions.get(call)
        if session is None:
            raise NotFound(f"no call {call!r:.60} is up")
        try:
            await control(session, params, by)
        except AsteriskRefused as error:
            raise TooLate(f"the call has gone on: {error.text}", phase=session.record.phase) from error
        return {"id": call, "phase": session.record.phase, "held": session.record.held, "supervisors": shown(session.record)}

    async def prioritise(self, call: str, priority: int, by: str) -> None:
        """Give a caller who waits another priority, kept over a crash; NotFound when no such call is up, TooLate when it does not wait."""
        session = self.sessions.get(call)
        if session is None:
            raise NotFound(f"no call {call!r:.60} is up")
        await self.house.acd.prioritise(call, priority)
        session.note(ledger.Prioritised, priority=priority, by=by)
        session.save(priority=priority)

    async def sign_on_at(self, agent: str, where: str, *, confirms: bool = True) -> None:
        """Let an agent's calls ring at ``own``, at another phone, or at ``outside:NUMBER``. NotFound, BadRequest, TooLate."""
        outside = where.removeprefix("outside:") if where.startswith("outside:") else ""
        if outside and not self.house.lines.ways_out:
            raise BadRequest("phone: no trunk takes calls out", field="phone")
        if outside and not may_call_back(outside, given_by_network=True, allowed=self.house.outside_allowed):
            raise BadRequest(f"phone: {outside} may not be called; see the setting outside_allowed", field="phone")
        desk = Desk(outside=outside) if outside else Desk(phone=agent if where == "own" else where)
        await self.house.acd.desks.sign_on(agent, desk, confirms=confirms)

    async def originate(self, agent: str, to: str, by: str) -> dict[str, Any]:
        """Click to dial: the agent's phone rings first, then ``to`` is dialled. NotFound, BadRequest, TooLate."""
        number = dialled_number(to)
        if number is None:
            raise BadRequest(f"to: {to!r:.40} is no number", field="to")
        if self.house.lines.route(number, agent) is None and not self.house.acd.knows_agent(number):
            raise BadRequest(f"to: {number} is no number of this centre", field="to")
        leg = new_id(Kind.LEG, clock.utc_ms())
        desk = self.house.acd.desks.of(agent)
        if not desk.phone:
            raise TooLate(f"agent {agent} is signed on outside, where nothing can be dialled for them yet")
        try:
            await self.house.ari.originate(
                endpoint=f"PJSIP/{desk.phone}",
                channel_id=leg,
                timeout_s=_CLICK_RING_S,
                caller_id=number,
                app_args=f"{CLICK},{number}",
            )
        except AsteriskRefused as error:
            raise TooLate(f"the phone of agent {agent} can't be reached: {error.text}") from error
        _log.info("click to dial", agent=agent, by=by, pii_to=number)
        return {"agent": agent, "leg": leg}


def _endpoint(channel_name: str) -> str:
    """The endpoint of ``PJSIP/trunk-demo-00000001``."""
    return channel_name.partition("/")[2].rpartition("-")[0].removeprefix("trunk-")


def _peer_of(args: Sequence[str]) -> str:
    """Where the call came from, where the dialplan tells it (``from=192.0.2.7:5060``); empty otherwise."""
    return next((arg.removeprefix("from=") for arg in args if arg.startswith("from=")), "")
