"""All conferences of this worker: opens a room for whoever comes first, finds one for a control, closes it behind the last.

The state of the open rooms stands in Redis, so that the worker after us finds them; their members' calls find their way back by
their own records.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from callcenter.basics import clock
from callcenter.basics.errors import AsteriskAway, AsteriskRefused, NotFound
from callcenter.basics.logs import get_logger
from callcenter.basics.vocabulary import Kind, new_id
from callcenter.calls import conference_tape
from callcenter.calls.conference_room import Member, Room, RoomState
from callcenter.calls.house import House
from callcenter.calls.session import Session
from callcenter.conferences.model import Conference, Role, closed
from callcenter.live import keys

_log = get_logger(__name__)
_decoder: Final = msgspec.json.Decoder(RoomState)
_REDIS_LIMIT_S: Final = 1.0
_LOOK_EVERY_S: Final = 1.0


class Rooms:
    """The conferences that are going on. ``start`` it once the house is there."""

    def __init__(self, redis: Redis, configured: Mapping[str, Conference] | None = None) -> None:
        self._redis = redis
        self.configured: Mapping[str, Conference] = configured or {}
        """Every room that is set up, by name; replaced whenever one was changed."""
        self.open: dict[str, Room] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._left: dict[str, RoomState] = {}
        """Rooms that the worker before us had open."""

    def conference(self, name: str) -> Conference:
        """A room that is set up; NotFound."""
        if (found := self.configured.get(name)) is None:
            raise NotFound(f"there is no conference {name!r:.60}")
        return found

    def room(self, name: str) -> Room:
        """A conference that is going on; NotFound."""
        if (found := self.open.get(self.conference(name).name)) is None:
            raise NotFound(f"nobody is in the conference {name}")
        return found

    # Coming and going

    async def enter(self, session: Session, conference: Conference, role: Role) -> Member:
        """Take somebody in, opening the room for the first; NoPlace."""
        async with self._changing(session.house, conference) as room:
            member = await room.add(session, role)
            if room.conference.records and room.state.begun and len(room.members) > 1:
                await conference_tape.start(room)
            return member

    async def come_back(self, session: Session, conference: Conference, role: Role) -> Member:
        """A member of before goes on in the room: with another worker, or once Asterisk can be asked again."""
        async with self._changing(session.house, conference, session.record.conference_bridge) as room:
            if found := room.members.get(session.record.id):
                return found
            member = Member(session, role, session.record.phase_since_ms)
            room.adopt(member)
            return member

    async def leave(self, member: Member, conference: Conference, why: str) -> None:
        """Somebody is gone; behind the last one the room is closed."""
        async with self._opening.setdefault(conference.name, asyncio.Lock()):
            if room := self.open.get(conference.name):
                await room.remove(member, why)
                await self._settled(room)

    @asynccontextmanager
    async def _changing(self, house: House, conference: Conference, bridge: str = "") -> AsyncIterator[Room]:
        """The room, opened where it is not, for as long as it is being changed; ``bridge`` is the one a member of before is in."""
        async with self._opening.setdefault(conference.name, asyncio.Lock()):
            room = self.open.get(conference.name) or await self._open(house, conference, bridge)
            try:
                yield room
            finally:
                await self._settled(room)

    @asynccontextmanager
    async def controlling(self, name: str) -> AsyncIterator[Room]:
        """A conference that is going on, for as long as it is being changed; NotFound."""
        async with self._opening.setdefault(self.room(name).conference.name, asyncio.Lock()):
            room = self.room(name)
            try:
                yield room
            finally:
                await self._settled(room)

    async def _open(self, house: House, conference: Conference, bridge: str) -> Room:
        state = self._left.pop(conference.name, None)
        if state is None and bridge:
            state = RoomState(bridge=bridge, since_ms=clock.utc_ms(), begun=True)
        if state is None:
            state = RoomState(bridge=new_id(Kind.BRIDGE, clock.utc_ms()), since_ms=clock.utc_ms())
            await house.ari.create_bridge(state.bridge)
        room = self.open[conference.name] = Room(house, conference, state)
        return room

    async def _settled(self, room: Room) -> None:
        """Close a room that is empty; save and show it as it stands. Done even when whoever asked is gone meanwhile."""
        if not room.members:
            room.ended = True
            self.open.pop(room.conference.name, None)
        room.show()
        await asyncio.shield(room.house.tasks.start(self._tidy(room), f"conference {room.conference.name}"))

    async def _tidy(self, room: Room) -> None:
        name = room.conference.name
        if not room.members:
            await conference_tape.stop(room)
            with suppress(AsteriskRefused, AsteriskAway):
                await room.house.ari.bridge(room.state.bridge).destroy()
        try:
            async with asyncio.timeout(_REDIS_LIMIT_S):
                if now := self.open.get(name):
                    await self._redis.hset(keys.CONFERENCES, name, msgspec.json.encode(now.state).decode())
                else:
                    await self._redis.hdel(keys.CONFERENCES, name)
        except (RedisError, OSError) as error:
            _log.warning("a conference's state could not be saved", conference=name, reason=str(error))

    # The worker's own life

    async def load(self) -> set[str]:
        """What the worker before us had open: returns the bridges that must stay."""
        for name, text in (await self._redis.hgetall(keys.CONFERENCES)).items():
            with suppress(msgspec.MsgspecError):
                self._left[name.decode() if isinstance(name, bytes) else name] = _decoder.decode(text)
        return {state.bridge for state in self._left.values()}

    async def watch(self) -> None:
        """End conferences whose time is over, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            for room in list(self.open.values()):
                if closed(self.configured.get(room.conference.name, room.conference), room.house.now()):
                    room.end()
