"""A queue is refused with each place and reason, before any caller waits in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Final, get_args, get_origin

import msgspec

from callcenter.acd.model import Queue
from callcenter.acd.opening import is_ever_open
from callcenter.acd.rules import Overflow, To, When
from callcenter.basics.errors import BadQueue
from callcenter.basics.vocabulary import NAME

Fault = tuple[str, str]
_MOST_FAULTS: Final = 50
_LONGEST: Final = 200
"""Characters of a place or a reason: both may quote what was sent."""
_MOST_TITLE: Final = 80
_HIGHEST: Final = 10
_OFTEN_S: Final = 5
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_OUTSIDE: Final = re.compile(r"\+?[0-9]{3,20}")
_COUNTED: Final = frozenset({When.WAITED, When.LENGTH, When.EXPECTED_WAIT})
"""Rules that compare with ``than``."""
_RANGES: Final = {
    "ring_timeout_s": (3, 300),
    "wrap_up_s": (0, 3600),
    "max_wait_s": (1, 86400),
    "head_start_s": (0, 86400),
    "priority_step_s": (0, 3600),
    "return_window_s": (0, 3600),
    "ring_most": (1, 100),
    "widen_s": (1, 300),
    "preferred_wait_s": (0, 3600),
    "auto_pause_after": (0, 20),
    "wrap_up_extra_s": (0, 3600),
    "service_level_s": (1, 3600),
}
"""What each number may be, ends included, as the table has it."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What there is that a queue may name."""

    queues: Collection[str] = ()
    agents: Collection[str] = ()
    skills: Collection[str] = ()
    prompts: Collection[str] = ()
    """Names without language: the catalogue's sentences and own recordings (``own/…``)."""
    music: Collection[str] = ("default",)
    """Music classes."""
    at_once: Mapping[str, Collection[str]] = {}
    """Queue → the other queues into which its rules may send a caller who has not waited there."""


def check_queue(raw: Any, known: Known) -> Queue:
    """The queue of plain data; BadQueue with every place and reason when it can't work."""
    faults = list(_shape(Queue, raw, ""))
    if not faults:
        queue = _converted(raw)
        for look in (_own, _rings, _own_agent, _overflow, _said, _hours):
            faults += look(queue, known)
        if not faults:
            return queue
    raise BadQueue([(_plain(place), _plain(reason)) for place, reason in faults[:_MOST_FAULTS]])


def _converted(raw: Any) -> Queue:
    try:
        return msgspec.convert(raw, Queue)
    except msgspec.ValidationError as error:
        raise BadQueue([_fault(error, "")]) from None


# Shape: each part by itself, so that one mistake does not hide the next.


def _plain(text: str) -> str:
    return _CONTROL.sub("?", text)[:_LONGEST]


def _shape(kind: Any, raw: Any, place: str) -> Iterator[Fault]:
    if get_origin(kind) is Annotated and get_origin(get_args(kind)[0]) is tuple and _is_struct(get_args(get_args(kind)[0])[0]):
        kind = get_args(kind)[0]
    if get_origin(kind) is UnionType and raw is not None:
        structs = [found for found in get_args(kind) if _is_struct(found)]
        kind = structs[0] if structs else kind
    inner = get_args(kind)
    if _is_struct(kind):
        yield from _shape_of_struct(kind, raw, place)
    elif get_origin(kind) is tuple and inner[-1] is Ellipsis and _is_struct(inner[0]) and isinstance(raw, list | tuple):
        for index, one in enumerate(raw[:_MOST_FAULTS]):
            yield from _shape(inner[0], one, f"{place}.{index}")
    elif get_origin(kind) is dict and isinstance(raw, dict):
        for name, one in raw.items():
            yield from _shape(inner[0], name, _join(place, str(name)))
            yield from _shape(inner[1], one, _join(place, str(name)))
    else:
        try:
            msgspec.convert(raw, kind)
        except msgspec.ValidationError as error:
            yield _fault(error, place)
        if isinstance(raw, str) and _CONTROL.search(raw):
            yield place, "holds a control character"


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _shape_of_struct(kind: Any, raw: Any, place: str) -> Iterator[Fault]:
    if not isinstance(raw, dict):
        yield place or "queue", "is no object"
        return
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for name in raw:
        if name not in fields:
            yield _join(place, str(name)), "there is no such setting"
    for name, field in fields.items():
        if name in raw:
            yield from _shape(field.type, raw[name], _join(place, name))
        elif field.required:
            yield _join(place, name), "is missing"


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _fault(error: msgspec.ValidationError, place: str) -> Fault:
    reason, _, path = str(error).partition(" - at `$")
    inside = re.sub(r"\[(\d+|\.\.\.)\]", r".\1", path.rstrip("`"))
    return (place + inside).lstrip(".") or "queue", reason[:1].lower() + reason[1:]


# Sense: what the shape can't tell.


def _own(queue: Queue, known: Known) -> Iterator[Fault]:
    if not NAME.fullmatch(queue.name):
        yield "name", f"{queue.name!r} is no queue name; small letters, digits, - and _, at most 40"
    if not queue.title.strip() or len(queue.title) > _MOST_TITLE:
        yield "title", f"1 to {_MOST_TITLE} characters"
    for name, (least, most) in _RANGES.items():
        value = getattr(queue, name)
        if value is not None and not least <= value <= most:
            yield name, f"{value} is not within {least} and {most}"
    if queue.music not in known.music:
        yield "music", f"there is no music class {queue.music}"


def _rings(queue: Queue, known: Known) -> Iterator[Fault]:
    before = -1
    for index, ring in enumerate(queue.rules.rings):
        place = f"rules.rings.{index}"
        if ring.after_s <= before:
            yield f"{place}.after_s", f"must be more than {before}, where the ring before it begins"
        before = ring.after_s
        yield from faults_of_need(ring.need, known.skills, f"{place}.need")


def faults_of_need(need: Mapping[str, int], skills: Collection[str], place: str) -> list[Fault]:
    """What is wrong with skills that are asked for (skill → least level)."""
    faults = [(f"{place}.{_plain(skill)}", f"there is no skill {_plain(skill)}") for skill in need if skill not in skills]
    return faults + [(f"{place}.{skill}", f"{level} is no level: 1 to 10") for skill, level in need.items() if not 1 <= level <= _HIGHEST]


def _overflow(queue: Queue, known: Known) -> Iterator[Fault]:
    ways = {**known.at_once, queue.name: into_at_once(queue)}
    for index, rule in enumerate(queue.rules.overflow):
        place = f"rules.overflow.{index}"
        if rule.when in _COUNTED and not rule.than:
            yield f"{place}.than", f"{rule.when} needs a number of at least 1"
        if rule.when not in _COUNTED and rule.than:
            yield f"{place}.than", f"{rule.when} compares with no number"
        if rule.when is When.WAITED and queue.max_wait_s is not None and rule.than >= queue.max_wait_s:
            yield f"{place}.than", f"never comes: the longest wait ends after {queue.max_wait_s} s"
        if rule.when in {When.CLOSED, When.CLOSING} and queue.rules.hours is None:
            yield f"{place}.when", "the queue has no opening hours, so it is always open"
        for reason in _bad_target(rule, queue.name, known):
            yield f"{place}.target", reason
        if _is_at_once(rule) and rule.target != queue.name and (circle := _way(ways, rule.target, queue.name)):
            yield f"{place}.target", f"callers would go in a circle without ever waiting: {' → '.join([queue.name, *circle])}"


def _is_at_once(rule: Overflow) -> bool:
    return rule.to is To.QUEUE and rule.when is not When.WAITED


def into_at_once(queue: Queue) -> set[str]:
    """The queues into which a queue's rules may send a caller who has not waited there."""
    return {rule.target for rule in queue.rules.overflow if _is_at_once(rule)}


def _way(ways: Mapping[str, Collection[str]], begin: str, end: str) -> list[str]:
    """A shortest way from one queue to another; empty when there is none."""
    found = {begin: [begin]}
    edge = [begin]
    while edge and end not in found:
        following = []
        for queue in edge:
            for to in sorted(ways.get(queue, ())):
                if to not in found:
                    found[to] = [*found[queue], to]
                    following.append(to)
        edge = following
    return found.get(end, [])


def _bad_target(rule: Overflow, own: str, known: Known) -> Iterator[str]:
    target = rule.target
    if not target:
        if rule.to not in {To.VOICEMAIL, To.CALLBACK}:
            yield f"{rule.to} needs a target"
        return
    match rule.to:
        case To.QUEUE if target == own:
            yield "the queue can't overflow into itself"
        case To.QUEUE if target not in known.queues:
            yield f"there is no queue {target}"
        case To.AGENT if target not in known.agents:
            yield f"there is no agent {target}"
        case To.NUMBER if not _OUTSIDE.fullmatch(target):
            yield f"{target} is no number"
        case To.VOICEMAIL if target not in {own, *known.queues, *known.agents}:
            yield f"there is no box {target}: boxes have the names of queues and agents"
        case To.ANNOUNCEMENT if target not in known.prompts:
            yield f"there is no prompt {target}"
        case To.CALLBACK:
            yield "a callback has no target: the caller's own number is called"


def _said(queue: Queue, known: Known) -> Iterator[Fault]:
    said = queue.rules.announcements
    if 0 < said.every_s < _OFTEN_S:
        yield "rules.announcements.every_s", f"0 for never, or at least {_OFTEN_S}"
    for index, prompt in enumerate(said.comfort):
        if prompt not in known.prompts:
            yield f"rules.announcements.comfort.{index}", f"there is no prompt {prompt}"


def _own_agent(queue: Queue, known: Known) -> Iterator[Fault]:
    if queue.rules.own_agent.by and not queue.preferred_wait_s:
        yield "preferred_wait_s", "0 s: a caller's own agent would never be waited for"


def _hours(queue: Queue, known: Known) -> Iterator[Fault]:
    rules = queue.rules
    if rules.hours is None:
        return
    if not is_ever_open(rules.hours):
        yield "rules.hours.days", "the queue would never be open"
    if not any(rule.when is When.CLOSED for rule in rules.overflow):
        yield "rules.hours", "say by an overflow rule where callers go when the queue is closed"
