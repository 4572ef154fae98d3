"""A conference that is going on: its bridge in Asterisk, who is in it, and what members and moderators may do with it.

Members are calls like any other; a room only holds them together. What must outlive this worker stands in each member's record
(which room, which role, muted) and in the room's own state (``conference_rooms.py`` keeps it in Redis).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import Any, Final

import msgspec

from callcenter.asterisk import events as ari
from callcenter.basics import clock
from callcenter.basics.errors import AsteriskAway, AsteriskRefused, NotFound
from callcenter.basics.vocabulary import Kind, Language, new_id
from callcenter.calls.house import House
from callcenter.calls.session import Session
from callcenter.conferences.model import Conference, Refusal, Role, is_over, may_begin, room_for
from callcenter.ivr import speech
from callcenter.ledger import events as ledger
from callcenter.live.board import Topic

_MUSIC: Final = "default"


class NoPlace(Exception):
    """Somebody may not enter, and why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def _nothing() -> None:
    """What a member's talking means before the room knows them."""


class RoomState(msgspec.Struct, kw_only=True):
    """What another worker needs to go on with a room."""

    bridge: str
    since_ms: int
    locked: bool = False
    begun: bool = False
    """Members hear each other; before that they hear music."""
    recording: str = ""
    recorded_call: str = ""
    """The call to which the recording belongs: of the member who was there first."""


class Member:
    """Somebody in a room."""

    def __init__(self, session: Session, role: Role, joined_ms: int) -> None:
        self.session = session
        self.role = role
        self.joined_ms = joined_ms
        self.hand_ms = 0
        """Since when the hand is up; 0: it is not."""
        self.talking = False
        self.out: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Why the member is out, as a prompt without language; done when it is not of their own will."""
        self.listening = session.house.ari.listen(self._take, session.caller.channel.id)
        self.on_talk: Callable[[], None] = _nothing

    @property
    def call(self) -> str:
        """The member's call."""
        return self.session.record.id

    @property
    def muted(self) -> bool:
        """Whether nobody hears them."""
        return self.session.record.muted

    def _take(self, event: Any) -> None:
        if isinstance(event, ari.ChannelTalkingStarted | ari.ChannelTalkingFinished):
            self.talking = isinstance(event, ari.ChannelTalkingStarted)
            self.on_talk()

    def leaves(self, why: str) -> None:
        """Let the member's call go on from the room, with what they hear then."""
        if not self.out.done():
            self.out.set_result(why)

    def card(self) -> dict[str, Any]:
        """The member as screens show them."""
        record = self.session.record
        return {
            "call": record.id,
            "number": record.number,
            "name": record.name,
            "role": str(self.role),
            "muted": record.muted,
            "hand_ms": self.hand_ms,
            "talking": self.talking and not record.muted,
            "joined_ms": self.joined_ms,
        }


class Room:
    """One conference that is going on."""

    def __init__(self, house: House, conference: Conference, state: RoomState) -> None:
        self.house = house
        self.conference = conference
        self.state = state
        self.members: dict[str, Member] = {}
        self.ended = False

    # Who comes

    async def add(self, session: Session, role: Role) -> Member:
        """Take somebody in; NoPlace."""
        if refusal := room_for(self.conference, role, present=len(self.members), locked=self.state.locked):
            raise NoPlace(refusal)
        if self.ended:
            raise NoPlace(Refusal.OVER)
        muted = self.conference.muted_on_entry and role is Role.GUEST
        member = Member(session, role, clock.utc_ms())
        self.adopt(member)
        session.save(conference=self.conference.name, conference_role=role, conference_bridge=self.state.bridge, muted=muted, talked=True)
        session.note(ledger.ConferenceJoined, conference=self.conference.name, role=role)
        try:
            await self._take_in(member)
        except BaseException:
            self._forget(member, "left")
            raise
        await self._announce()
        return member

    async def _take_in(self, member: Member) -> None:
        channel = member.session.caller.channel
        await channel.set_variable("TALK_DETECT(set)", "")
        if member.muted:
            await channel.mute("in")
        began = self.state.begun
        self.state.begun = began or may_begin(self.conference, self.roles())
        if not self.state.begun:
            await channel.moh_start(_MUSIC)
        elif began:
            await self._connect([member])
        else:
            await self._connect(self.members.values())

    def adopt(self, member: Member) -> None:
        """Know a member, new or of the worker before us."""
        self.members[member.call] = member
        member.on_talk = self.show

    def roles(self) -> list[Role]:
        """The roles of those who are there."""
        return [member.role for member in self.members.values()]

    async def _connect(self, members: Iterable[Member]) -> None:
        for member in members:
            channel = member.session.caller.channel
            with suppress(AsteriskRefused):
                await channel.moh_stop()
            with suppress(AsteriskRefused):
                await self.house.ari.bridge(self.state.bridge).add(channel.id)

    # Who goes

    async def remove(self, member: Member, why: str) -> None:
        """Somebody has left, or was made to; the last ones out, or the last moderator, end it."""
        if member.call not in self.members:
            return
        self._forget(member, why)
        session = member.session
        if not session.caller.ended.is_set():
            with suppress(AsteriskRefused):
                await self.house.ari.bridge(self.state.bridge).remove(session.caller.channel.id)
            with suppress(AsteriskRefused):
                await session.caller.channel.unmute("in")
        if is_over(self.conference, member.role, self.roles()):
            self.end()
        else:
            await self._announce()

    def _forget(self, member: Member, why: str) -> None:
        del self.members[member.call]
        member.listening.close()
        session = member.session
        session.note(ledger.ConferenceLeft, at_ms=session.caller.ended_ms or clock.utc_ms(), conference=self.conference.name, why=why)
        session.record = session.record.evolve(conference_bridge="", muted=False)

    def end(self) -> None:
        """Everybody is let go."""
        self.ended = True
        for member in self.members.values():
            member.leaves("conference/ended")

    # What members and moderators do

    def member(self, call: str) -> Member:
        """The member with this call; NotFound when there is none."""
        if (found := self.members.get(call)) is None:
            raise NotFound(f"no member of {self.conference.name} has the call {call!r:.60}")
        return found

    async def mute(self, members: Collection[Member], muted: bool, by: str) -> None:
        """Let nobody hear these members, or everybody again."""
        for member in members:
            if member.muted == muted:
                continue
            channel = member.session.caller.channel
            with suppress(AsteriskRefused):
                await (channel.mute("in") if muted else channel.unmute("in"))
                member.session.save(muted=muted)
                member.session.note(ledger.ConferenceMuted, conference=self.conference.name, muted=muted, by=by)

    def hand(self, member: Member, up: bool) -> None:
        """Raise or lower a hand."""
        member.hand_ms = (member.hand_ms or clock.utc_ms()) if up else 0

    @property
    def guests(self) -> list[Member]:
        """Members who are no moderators."""
        return [member for member in self.members.values() if member.role is Role.GUEST]

    # What is heard

    async def _announce(self) -> None:
        """Let those who hear each other know that somebody has come or gone; it never stops anybody from coming or going."""
        if self.conference.announces == "off" or not self.state.begun or len(self.members) < 2:
            return
        sounds = ["beep"]
        if self.conference.announces == "count":
            sounds += self.count(self.conference.language)
        media = [f"sound:{self.house.prompts_dir}/{sound}" for sound in sounds]
        with suppress(AsteriskRefused, AsteriskAway):
            await self.house.ari.bridge(self.state.bridge).play(media, new_id(Kind.PLAYBACK, clock.utc_ms()))

    def count(self, language: Language) -> list[str]:
        """How many are there, as sounds."""
        return [f"{language}/conference/members", *speech.number(len(self.members), language)]

    # Screens

    def show(self) -> None:
        """Put the room on the live board."""
        card = None
        if not self.ended:
            card = {
                "name": self.conference.name,
                "title": self.conference.title,
                "number": self.conference.number,
                "since_ms": self.state.since_ms,
                "locked": self.state.locked,
                "begun": self.state.begun,
                "recording": bool(self.state.recording),
                "members": [member.card() for member in sorted(self.members.values(), key=lambda member: member.joined_ms)],
            }
        self.house.board.show(Topic.CONFERENCES, self.conference.name, card)
