"""One channel of a call as the session sees it: what has happened to it, and waiting for what will."""

from __future__ import annotations

import asyncio

from callcenter.asterisk import Channel
from callcenter.basics.vocabulary import EndedBy, LegRole
from callcenter.calls.keys import Keys
from callcenter.calls.record import LegRecord

_ENDED_BY = {
    LegRole.CALLER: EndedBy.CALLER,
    LegRole.AGENT: EndedBy.AGENT,
    LegRole.OUTSIDE: EndedBy.OUTSIDE,
    LegRole.SUPERVISOR: EndedBy.SUPERVISOR,
}
CAUSES = {"unallocated": 1, "normal": 16, "busy": 17, "congestion": 34}
"""Q.850 cause of the reasons for which we let a caller go: Asterisk does not tell us what we told it."""


class Leg:
    """A channel: its handle, its facts, its two great moments (answered, ended)."""

    def __init__(self, channel: Channel, *, leg: str, name: str, role: LegRole, party: str, endpoint: str = "") -> None:
        self.channel = channel
        self.leg = leg
        self.name = name
        self.role = role
        self.party = party
        self.endpoint = endpoint or f"PJSIP/{party}"
        """What Asterisk dials; an agent's is the phone of that number."""
        self.arrived = asyncio.Event()
        """Set when the channel is in our application: before that Asterisk refuses to dial it."""
        self.answered = asyncio.Event()
        self.heard = asyncio.Event()
        """Set with the phone's first word, whatever it is: it rings, is answered, refuses. ("Trying" Asterisk keeps to itself.)"""
        self.settled = asyncio.Event()
        """Set when it was answered, refused or ended: what a ringing phone is waited for."""
        self.leaving = False
        """Asked to hang up: what finishes from now on may do so because of that."""
        self.ended = asyncio.Event()
        self.dial_status = ""
        """Asterisk's DIALSTATUS once the dialling is over."""
        self.cause = 0
        """Q.850 cause, 0 while unknown."""
        self.cause_text = ""
        self.ended_ms = 0
        self.made = True
        """False: Asterisk has not been asked for this channel yet."""
        self.hung_up_by_us = False
        self.confirms = False
        """Picked up is not yet taken: whoever is there presses 1."""
        self.keys = Keys()
        """What this side presses; the caller's are the session's."""
        self.give_up_reason = "normal"
        """ARI's word for why we stop the ringing; ``answered_elsewhere`` keeps the phone from showing a missed call."""

    @property
    def phone(self) -> str:
        """The endpoint of ``PJSIP/1001-00000001``."""
        return self.name.partition("/")[2].rpartition("-")[0]

    @property
    def is_outside(self) -> bool:
        """Whether it is reached through a provider, wherever its party belongs."""
        return "@" in self.endpoint

    @property
    def ended_by(self) -> EndedBy:
        """Who ended this leg: its own side, or we."""
        return EndedBy.SYSTEM if self.hung_up_by_us else _ENDED_BY[self.role]

    def note_answered(self) -> bool:
        """Mark it answered; False when it was before."""
        fresh = not self.answered.is_set()
        self.answered.set()
        self.heard.set()
        self.settled.set()
        return fresh

    def note_dial_status(self, status: str) -> None:
        """Take over Asterisk's word on how the dialling goes; only final words settle it."""
        if not status:
            return
        self.heard.set()
        if status in {"RINGING", "PROGRESS", "PROCEEDING"}:
            return
        self.dial_status = status
        if status != "ANSWER":
            self.settled.set()

    def note_ended(self, cause: int, cause_text: str, at_ms: int) -> bool:
        """Mark it gone; False when it was before."""
        fresh = not self.ended.is_set()
        if fresh:
            self.cause, self.cause_text, self.ended_ms = cause, cause_text, at_ms
        self.ended.set()
        self.heard.set()
        self.settled.set()
        return fresh

    def as_record(self) -> LegRecord:
        """What must be known of it after a crash."""
        return LegRecord(
            leg=self.leg,
            channel=self.channel.id,
            name=self.name,
            role=self.role,
            party=self.party,
            answered=self.answered.is_set(),
            made=self.made,
        )

    @classmethod
    def of(cls, record: LegRecord, channel: Channel) -> Leg:
        """The leg of a record."""
        leg = cls(channel, leg=record.leg, name=record.name, role=LegRole(record.role), party=record.party)
        leg.made = record.made
        if record.answered:
            leg.note_answered()
        return leg
