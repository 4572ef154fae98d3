"""The agent's table: what follows from an offer's end, and which changes an agent or a supervisor may ask for. Pure.

The state itself is worked out in matching.lua (``effective``): what goes on (ringing, talking, wrapup) comes before
what the agent asked for; an agent who asked to be ready but whose phone can't be reached is ``unreachable``.
"""

from __future__ import annotations

from typing import Final

import msgspec

from callcenter.acd.model import Mode, OfferEnd
from callcenter.basics.errors import BadRequest

REST_S: Final = 5.0
"""Seconds an agent who did not take a call gets none, so that one phone is not rung without end."""


class Consequence(msgspec.Struct, frozen=True, kw_only=True):
    """What an offer's end means for the agent."""

    rests: bool
    """No call for REST_S seconds."""
    keeps_place: bool
    """The idle time goes on: it was not the agent's doing."""
    missed: bool = False
    """It counts towards the pause after too many missed calls."""


CONSEQUENCES: Final = {
    OfferEnd.ANSWERED: Consequence(rests=False, keeps_place=False),
    OfferEnd.DECLINED: Consequence(rests=True, keeps_place=False, missed=True),
    OfferEnd.BUSY: Consequence(rests=True, keeps_place=False, missed=True),
    OfferEnd.TIMED_OUT: Consequence(rests=True, keeps_place=False, missed=True),
    OfferEnd.CALLER_GONE: Consequence(rests=False, keeps_place=True),
    OfferEnd.UNREACHABLE: Consequence(rests=False, keeps_place=False),
    OfferEnd.ELSEWHERE: Consequence(rests=False, keeps_place=True),
    OfferEnd.FAILED: Consequence(rests=True, keeps_place=True),
}


def requested_mode(text: object) -> Mode:
    """The mode someone asks for; BadRequest when it is none."""
    try:
        return Mode(text)  # type: ignore[arg-type]
    except ValueError:
        allowed = ", ".join(Mode)
        raise BadRequest(f"state: {text!r:.40} is none of {allowed}", field="state") from None


_NO_ANSWER_CAUSES: Final = {
    1: OfferEnd.UNREACHABLE,
    3: OfferEnd.UNREACHABLE,
    20: OfferEnd.UNREACHABLE,
    27: OfferEnd.UNREACHABLE,
    17: OfferEnd.BUSY,
    21: OfferEnd.DECLINED,
    18: OfferEnd.TIMED_OUT,
    19: OfferEnd.DECLINED,
    16: OfferEnd.DECLINED,
}


def end_of_offer(dial_status: str, cause: int, timed_out: bool) -> OfferEnd:
    """How an offer ended that nobody answered.

    ``dial_status`` is Asterisk's (BUSY, NOANSWER, CHANUNAVAIL, CONGESTION, CANCEL or empty), ``cause`` the Q.850 cause of the
    agent's channel (0 unknown), ``timed_out`` whether our ring time-out came first.
    """
    if timed_out:
        return OfferEnd.TIMED_OUT
    if cause in _NO_ANSWER_CAUSES:
        return _NO_ANSWER_CAUSES[cause]
    by_status = {"BUSY": OfferEnd.BUSY, "NOANSWER": OfferEnd.TIMED_OUT, "CHANUNAVAIL": OfferEnd.UNREACHABLE}
    return by_status.get(dial_status, OfferEnd.FAILED)
