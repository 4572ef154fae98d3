"""What the keys do in a conference: 1 mute, 2 hand, 3 how many; for moderators 4 lock, 5 mute all guests."""

from __future__ import annotations

from callcenter.calls.conference_room import Member, Room
from callcenter.conferences.model import Role


async def pressed(room: Room, member: Member, key: str) -> list[str]:
    """Do what a key says; returns what the member, and nobody else, hears of it: nothing where it says nothing to them."""
    language, by = member.session.record.language, member.session.record.number
    match key:
        case "1":
            await room.mute([member], not member.muted, by)
            said = "muted" if member.muted else "unmuted"
        case "2":
            room.hand(member, not member.hand_ms)
            said = "hand-up" if member.hand_ms else "hand-down"
        case "3":
            return room.count(language)
        case "4" if member.role is Role.MODERATOR:
            room.state.locked = not room.state.locked
            said = "is-locked" if room.state.locked else "is-unlocked"
        case "5" if member.role is Role.MODERATOR:
            mutes = not all(guest.muted for guest in room.guests)
            await room.mute(room.guests, mutes, by)
            said = "all-muted" if mutes else "all-unmuted"
        case _:
            return []
    return [f"{language}/conference/{said}"]
