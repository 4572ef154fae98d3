"""Why this agent, and why not the others: the match's own words (acd/matching.lua) as sentences in people's languages. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from callcenter.console.wording import N_, Translate, name_of

_LONGEST: Final = 200

STRATEGIES: Final[Mapping[str, str]] = {
    "longest idle": N_("longest idle"),
    "fewest calls": N_("fewest calls"),
    "least talk time": N_("least talk time"),
    "next in turn": N_("next in turn"),
    "first in the list": N_("first in the list"),
    "drawn": N_("drawn by lot"),
    "furthest behind their share": N_("furthest behind their share"),
    "all who are free": N_("all who are free"),
    "longest idle, others follow": N_("longest idle, others follow"),
}
_FORMS: Final = tuple(
    (re.compile(pattern), sentence)
    for pattern, sentence in (
        # Why this agent
        (r"(?P<how>.+) of (?P<rivals>\d+) free: idle (?P<idle>[\d.]+) s", N_("%(how)s of %(rivals)s who were free; idle for %(idle)s s")),
        (r"penalty (?P<penalty>\d+)", N_("Penalty %(penalty)s in this queue")),
        (r"caller waited (?P<waited>-?[\d.]+) s", N_("The caller had waited %(waited)s s")),
        (r"head start (?P<head>-?[\d.]+) s", N_("Head start by queue and priority: %(head)s s")),
        (r"asked for: @(?P<agent>\d+)", N_("Only the caller's own agent %(agent)s was asked")),
        (r"asked for: (?P<need>.+)", N_("Asked for: %(need)s")),
        (r"ring (?P<ring>\d+)", N_("Ring %(ring)s: more agents may answer after this wait")),
        (r"offered before", N_("The offer stood already")),
        # Why not the others
        (r"chosen", N_("chosen")),
        (r"resting after a missed call", N_("rests after a missed call")),
        (r"free, but asked later", N_("free, but others come first")),
        (r"serves another queue", N_("does not serve this queue")),
        (r"preferred agent (?P<agent>\d+) first", N_("the caller's own agent %(agent)s comes first")),
        (r"penalty (?P<penalty>\d+) > (?P<most>\d+)", N_("penalty %(penalty)s, at most %(most)s is asked")),
        (r"skill (?P<skill>\S+) (?P<has>\d+) < (?P<need>\d+)", N_("skill %(skill)s at level %(has)s, at least %(need)s is asked for")),
    )
)
_STATE: Final = re.compile(r"(?P<state>offline|paused|unreachable|ringing|talking|wrapup)(?: \((?P<reason>.*)\))?", re.DOTALL)


def knows(text: str) -> bool:
    """Whether there is a sentence for these words of the match."""
    return bool(_STATE.fullmatch(text)) or any(form.fullmatch(text) for form, _ in _FORMS)


def said(_: Translate, text: str) -> str:
    """The match's words as a sentence; words nobody wrote a sentence for are shown as they are."""
    if found := _STATE.fullmatch(text):
        state = name_of(_, found["state"])
        return f"{state} ({' '.join(found['reason'].split())[:_LONGEST]})" if found["reason"] else state
    for form, sentence in _FORMS:
        if found := form.fullmatch(text):
            values = found.groupdict()
            if "how" in values:
                values["how"] = _(STRATEGIES.get(values["how"], values["how"]))
            return (_(sentence) % values)[:_LONGEST]
    return " ".join(text.split())[:_LONGEST]


def of_offer(_: Translate, event: Mapping[str, Any]) -> dict[str, Any]:
    """What a story shows of an offer: why this agent, and what ruled each other one out."""
    considered = event.get("considered") or {}
    return {
        "why": [said(_, str(reason)) for reason in event.get("because") or ()],
        "others": [(agent, said(_, str(verdict))) for agent, verdict in sorted(considered.items()) if agent != event.get("agent")],
    }
