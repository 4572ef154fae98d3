"""Who may answer a caller, and how that widens while they wait: the steps that matching.lua walks. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from callcenter.acd.model import Queue
from callcenter.acd.rules import Ring

_encoder = msgspec.json.Encoder(order="sorted")
_EVERYBODY = Ring(after_s=0)


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From ``after_ms`` after entering the queue on, the caller waits in this class."""

    after_ms: int
    class_name: str = msgspec.field(name="class")
    need: str = "{}"
    """JSON, skill → least level."""
    most_penalty: int | str = ""
    agent: str = ""
    """Only this agent."""


def steps_of(queue: Queue, need: Mapping[str, int], preferred: str = "") -> tuple[Step, ...]:
    """The classes a caller passes through in a queue.

    ``need`` is what number, menu or caller ask for (skill → level), ``preferred`` the agent who is waited for
    ``queue.preferred_wait_s`` seconds before anybody else may answer.
    """
    wait_s = queue.preferred_wait_s if preferred else 0
    rings = queue.rules.rings or (_EVERYBODY,)
    if rings[0].after_s > 0:
        rings = (_EVERYBODY, *rings)
    begun = [ring for ring in rings if ring.after_s <= wait_s]
    following = [ring for ring in rings if ring.after_s > wait_s]
    steps = [_step(queue.name, ring, need, ring.after_s) for ring in following]
    steps.insert(0, _step(queue.name, begun[-1], need, wait_s))
    if wait_s:
        steps.insert(0, Step(after_ms=0, class_name=f"{queue.name}|@{preferred}", agent=preferred))
    return tuple(steps)


def _step(queue: str, ring: Ring, need: Mapping[str, int], after_s: int) -> Step:
    wanted = dict(ring.need)
    if ring.keeps_needs:
        for skill, level in need.items():
            wanted[skill] = max(level, wanted.get(skill, 0))
    parts = [queue]
    if wanted:
        parts.append(",".join(f"{skill}>={level}" for skill, level in sorted(wanted.items())))
    if ring.most_penalty is not None:
        parts.append(f"penalty<={ring.most_penalty}")
    return Step(
        after_ms=after_s * 1000,
        class_name="|".join(parts),
        need=_encoder.encode(wanted).decode(),
        most_penalty="" if ring.most_penalty is None else ring.most_penalty,
    )
