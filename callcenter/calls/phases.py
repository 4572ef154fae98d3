"""The table of phases a call goes through, and how a call that ended is called. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from callcenter.basics.vocabulary import Outcome


class Phase(StrEnum):
    """A stretch of a call's life that one coroutine tells from beginning to end."""

    GREETING = "greeting"
    MENU = "menu"
    QUEUE = "queue"
    DIRECT = "direct"
    OUTSIDE = "outside"
    ASKING = "asking"
    """The caller is asked whether, and where, to be called back."""
    CALLBACK = "callback"
    """We call somebody back."""
    ANNOUNCING = "announcing"
    CONVERSATION = "conversation"
    VOICEMAIL = "voicemail"
    FAREWELL = "farewell"
    FEATURE = "feature"
    CONFERENCE = "conference"
    DONE = "done"


NEXT: Final[dict[Phase, frozenset[Phase]]] = {
    Phase.GREETING: frozenset({Phase.MENU, Phase.QUEUE, Phase.DIRECT, Phase.FEATURE, Phase.CONFERENCE, Phase.DONE}),
    Phase.MENU: frozenset({Phase.QUEUE, Phase.ASKING, Phase.DIRECT, Phase.OUTSIDE, Phase.VOICEMAIL, Phase.DONE}),
    Phase.QUEUE: frozenset(
        {
            Phase.ANNOUNCING,
            Phase.CONVERSATION,
            Phase.QUEUE,
            Phase.DIRECT,
            Phase.OUTSIDE,
            Phase.VOICEMAIL,
            Phase.FAREWELL,
            Phase.ASKING,
            Phase.DONE,
        }
    ),
    Phase.ASKING: frozenset({Phase.QUEUE, Phase.FAREWELL}),
    Phase.CALLBACK: frozenset({Phase.CONVERSATION, Phase.QUEUE, Phase.DONE}),
    Phase.DIRECT: frozenset({Phase.CONVERSATION, Phase.VOICEMAIL, Phase.DONE}),
    Phase.OUTSIDE: frozenset({Phase.CONVERSATION, Phase.DONE}),
    Phase.ANNOUNCING: frozenset({Phase.CONVERSATION, Phase.QUEUE, Phase.DONE}),
    Phase.CONVERSATION: frozenset({Phase.DONE}),
    Phase.VOICEMAIL: frozenset({Phase.DONE}),
    Phase.FAREWELL: frozenset({Phase.DONE}),
    Phase.FEATURE: frozenset({Phase.DONE}),
    Phase.CONFERENCE: frozenset({Phase.DONE}),
    Phase.DONE: frozenset(),
}
"""Which phase may follow which. A hang-up ends any of them."""

_ABANDONED: Final = {
    Phase.GREETING: Outcome.ABANDONED_IVR,
    Phase.MENU: Outcome.ABANDONED_IVR,
    Phase.QUEUE: Outcome.ABANDONED_QUEUE,
    Phase.ANNOUNCING: Outcome.ABANDONED_QUEUE,
    Phase.ASKING: Outcome.ABANDONED_QUEUE,
    Phase.DIRECT: Outcome.NO_ANSWER,
    Phase.CONFERENCE: Outcome.ABANDONED_IVR,
}


def outcome_of(*, last: Phase, talked: bool, message_left: bool, caller_left: bool, refused: bool, booked: bool = False) -> Outcome:
    """One word for how a call ended.

    ``last`` is the phase it ended in, ``caller_left`` whether the caller hung up first, ``refused`` whether the number
    is nobody's, ``booked`` whether the caller will be called back.
    """
    if talked:
        return Outcome.ANSWERED
    if message_left:
        return Outcome.VOICEMAIL
    if booked:
        return Outcome.CALLBACK
    if refused:
        return Outcome.REFUSED
    if caller_left and last is not Phase.FEATURE:
        return _ABANDONED.get(last, Outcome.NO_ANSWER)
    return Outcome.SELF_SERVICE if last in {Phase.MENU, Phase.FEATURE} else Outcome.NO_ANSWER
