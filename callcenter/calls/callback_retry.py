"""What follows from an attempt to call back. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from callcenter.acd.model import OfferEnd
from callcenter.acd.rules import CallbackRules

NO_AGENT: Final = "no_agent"
ANSWERED: Final = "answered"
_END_OF: Final = {OfferEnd.ANSWERED: ANSWERED, OfferEnd.BUSY: "busy", OfferEnd.DECLINED: "busy", OfferEnd.TIMED_OUT: "no_answer"}


class Again(msgspec.Struct, frozen=True):
    """The customer waits on, at the same place."""

    after_s: int
    """Not called before this; 0: as soon as an agent is free."""


class Over(msgspec.Struct, frozen=True):
    """There is no further attempt."""

    state: str
    outcome: str


def end_of(rung: OfferEnd) -> str:
    """What has come of ringing the customer, in the ledger's words."""
    return _END_OF.get(rung, "failed")


def after(end: str, attempts: int, rules: CallbackRules) -> Again | Over:
    """What follows when an attempt ended so; ``attempts``: how often the customer was dialled, this time included."""
    if end == ANSWERED:
        return Over("done", ANSWERED)
    if attempts >= rules.tries:
        return Over("failed", "no_answer" if end == NO_AGENT else end)
    return Again(0 if end == NO_AGENT else rules.retry_s)
