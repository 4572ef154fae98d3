"""What the console does with conferences that are going on: ask people in, mute, lock, record, put out, end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from callcenter.basics import clock
from callcenter.basics.errors import BadRequest, NotFound, TooLate
from callcenter.basics.vocabulary import Direction, Kind, LegRole, dialled_number, new_id
from callcenter.calls import conference_tape
from callcenter.calls.conference_room import Room
from callcenter.calls.phases import Phase
from callcenter.calls.record import CallRecord, LegRecord
from callcenter.calls.service import Calls
from callcenter.conferences.model import Role, closed
from callcenter.ledger import events as ledger
from callcenter.lines.choice import may_call

Control = Callable[[Room, str, str], Awaitable[None]]
"""Takes the room, a member's call (empty where none is meant) and who does it."""


async def _mute(room: Room, call: str, by: str) -> None:
    await room.mute([room.member(call)], True, by)


async def _unmute(room: Room, call: str, by: str) -> None:
    await room.mute([room.member(call)], False, by)


async def _mute_all(room: Room, call: str, by: str) -> None:
    await room.mute(room.guests, True, by)


async def _unmute_all(room: Room, call: str, by: str) -> None:
    await room.mute(room.guests, False, by)


async def _kick(room: Room, call: str, by: str) -> None:
    room.member(call).leaves("conference/removed")


async def _lock(room: Room, call: str, by: str) -> None:
    room.state.locked = True


async def _unlock(room: Room, call: str, by: str) -> None:
    room.state.locked = False


async def _lower_hand(room: Room, call: str, by: str) -> None:
    room.hand(room.member(call), False)


async def _record(room: Room, call: str, by: str) -> None:
    await conference_tape.start(room)


async def _stop_recording(room: Room, call: str, by: str) -> None:
    await conference_tape.stop(room)


async def _end(room: Room, call: str, by: str) -> None:
    room.end()


CONTROLS: Final[Mapping[str, Control]] = {
    "mute": _mute, "unmute": _unmute, "mute-all": _mute_all, "unmute-all": _unmute_all, "kick": _kick, "lock": _lock, "unlock": _unlock,
    "lower-hand": _lower_hand, "record": _record, "stop-recording": _stop_recording, "end": _end,
}  # fmt: skip
"""Each control by its name in the API; doing one again changes nothing."""
OF_A_MEMBER: Final = frozenset({"mute", "unmute", "kick", "lower-hand"})


class ConferenceControl:
    """The console's hand on conferences."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._house = calls.house

    async def control(self, name: str, action: str, member: str, by: str) -> None:
        """Do ``action`` with a conference or, by their call, with a member; NotFound, BadRequest."""
        if (control := CONTROLS.get(action)) is None:
            raise NotFound(f"there is no control {action!r:.40}; there are {', '.join(CONTROLS)}, invite")
        if action in OF_A_MEMBER and not member:
            raise BadRequest(f"member: {action} needs a member's call", field="member")
        async with self._house.conferences.controlling(name) as room:
            await control(room, member, by)

    async def invite(self, name: str, to: str, role: Role, by: str) -> str:
        """Call an agent or a number outside into a conference; returns the call. NotFound, BadRequest, TooLate."""
        house = self._house
        conference = house.conferences.conference(name)
        if closed(conference, house.now()):
            raise TooLate(f"the conference {name} is not open")
        number = dialled_number(to)
        is_agent = number is not None and house.acd.knows_agent(number)
        if number is None or not (is_agent or may_call(number, is_built=False, allowed=())):
            raise BadRequest(f"to: {to!r:.40} is neither an agent nor a number outside", field="to")
        now = clock.utc_ms()
        leg = new_id(Kind.LEG, now)
        party_role = LegRole.AGENT if is_agent else LegRole.OUTSIDE
        record = CallRecord(
            id=new_id(Kind.CALL, now),
            node=house.node,
            direction=Direction.INTERNAL if is_agent else Direction.OUTBOUND,
            started_ms=now,
            caller=LegRecord(leg=leg, channel=leg, name="", role=party_role, party=number, made=False),
            number=number,
            name="",
            dialled=conference.number,
            phase=Phase.CONFERENCE,
            phase_since_ms=now,
            language=house.acd.agent(number).language if is_agent else conference.language,
            conference=name,
            conference_role=role,
        )
        session = self._calls.session_of(record)
        session.note(ledger.CallArrived, at_ms=now, direction=record.direction, caller=conference.number, dialled=number, node=house.node)
        session.note(ledger.PhaseEntered, at_ms=now, phase=Phase.CONFERENCE)
        session.save()
        session.log.info("asked into a conference", conference=name, by=by, pii_to=number)
        self._calls.start(session)
        return record.id
