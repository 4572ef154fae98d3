"""Which calls are recorded, and who is told or asked before: rules, the first that fits decides. Pure.

A rule that tells callers can't depend on the agent: they are told before anybody has been found who takes the call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

DECLINES: Final = "9"
"""The key by which a caller declines."""


class RecordingRule(BaseModel):
    """One rule; what it leaves empty fits every call."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    position: int = Field(100, ge=0, le=10_000, description="The lowest that fits decides.")
    queue: str = Field("", max_length=40)
    agent: str = Field("", pattern=r"^([0-9]{2,8})?$")
    number: str = Field("", pattern=r"^(\+?[0-9*#]{1,32})?$", description="The line: the number that was dialled.")
    direction: Literal["", "inbound", "outbound", "internal"] = ""
    percent: int = Field(100, ge=0, le=100, description="So many of a hundred calls are recorded; 0: none.")
    announces: bool = Field(False, description="The caller is told that the call is recorded.")
    asks_consent: bool = Field(False, description=f"The caller is told, and declines by pressing {DECLINES}.")

    @model_validator(mode="after")
    def _fits_together(self) -> RecordingRule:
        if self.asks_consent and not self.announces:
            raise ValueError("asks_consent: who is asked must be told: it needs announces")
        if self.announces and self.agent:
            raise ValueError("agent: callers are told before it is known which agent takes the call")
        if self.announces and not self.percent:
            raise ValueError("percent: nobody is told of a recording that is never made")
        return self


class CallFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules look at."""

    call: str
    """The call's id: it draws the lot, so that whoever asks again gets the same answer."""
    queue: str = ""
    agent: str = ""
    """Empty while nobody has the call: no rule for an agent fits then."""
    number: str = ""
    direction: str = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a call is recorded, and why."""

    records: bool
    rule: str = ""
    """The rule that decided; empty: none fitted."""
    announces: bool = False
    asks_consent: bool = False


def lot(call: str) -> int:
    """The call's lot, 0 to 99, the same whenever it is drawn."""
    return int.from_bytes(hashlib.blake2b(call.encode(), digest_size=4).digest(), "big") % 100


def fits(rule: RecordingRule, facts: CallFacts) -> bool:
    """Whether the rule is about this call."""
    wanted = ((rule.queue, facts.queue), (rule.agent, facts.agent), (rule.number, facts.number), (rule.direction, facts.direction))
    return all(not asked or asked == found for asked, found in wanted)


def decide(rules: Iterable[RecordingRule], facts: CallFacts, *, otherwise: bool) -> Decision:
    """What becomes of a call; ``otherwise``: whether it is recorded when no rule is about it."""
    for rule in sorted(rules, key=lambda rule: (rule.position, rule.name)):
        if fits(rule, facts):
            records = lot(facts.call) < rule.percent
            return Decision(
                records=records, rule=rule.name, announces=records and rule.announces, asks_consent=records and rule.asks_consent
            )
    return Decision(records=otherwise)
