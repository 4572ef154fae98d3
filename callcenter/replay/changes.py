"""Changed rules for a replay: read from JSON, TOML or ``path=value``, refused with each place and reason. Pure.

queue.NAME.…          what the queue is set up with, as the API takes it; parts of ``rules`` not named stay
agent.NUMBER          skills, like (works as that one did), hours, away; a number that is new is a new agent
member.QUEUE.NUMBER   penalty, weight, position; false: no longer serves it
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from callcenter.acd.check import Fault, Known, check_queue
from callcenter.acd.model import Agent, Member, Queue
from callcenter.acd.rules import ClockTime, Level, Name
from callcenter.basics.errors import BadQueue, BadRequest
from callcenter.basics.vocabulary import AGENT_NUMBER, Language
from callcenter.replay.model import SetUp

Tree: TypeAlias = dict[str, Any]
_KINDS: Final = ("queue", "agent", "member")
_Count = Annotated[int, msgspec.Meta(ge=0, le=100)]


class AgentChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be otherwise about an agent."""

    skills: dict[Name, Level] | None = None
    """In the place of those the agent has."""
    like: str = ""
    """Works as this agent did: hours, ways with the phone, and, unless named here, queues and skills."""
    hours: tuple[tuple[ClockTime, ClockTime], ...] = ()
    """Ready in these stretches of the centre's clock, and at no other time."""
    away: bool = False
    """Does not work that day."""


class MemberChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an agent is to serve a queue; what is not named stays."""

    penalty: _Count | None = None
    weight: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    position: Annotated[int, msgspec.Meta(ge=0, le=100000)] | None = None


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """The set-up of a replay, and who works otherwise than they did."""

    set_up: SetUp
    like: Mapping[str, str] = {}
    """Agent → whose hours and ways with the phone they have."""
    hours: Mapping[str, tuple[tuple[int, int], ...]] = {}
    """Agent → when they are ready, UTC milliseconds, instead of when they were; nothing: away."""


# Reading


def read_changes(text: str, kind: Literal["json", "toml"]) -> Tree:
    """The changes of a file's text; BadRequest when it is none."""
    try:
        tree = msgspec.json.decode(text) if kind == "json" else tomllib.loads(text)
    except (msgspec.DecodeError, tomllib.TOMLDecodeError) as error:
        raise BadRequest(f"rules: {error}", field="rules") from None
    if not isinstance(tree, dict):
        raise BadRequest("rules: must be an object of queue, agent and member", field="rules")
    return tree


def put(tree: Tree, settings: Iterable[str]) -> Tree:
    """The tree with each ``path=value`` put in; a value is JSON, or else text. BadRequest when one has no such form."""
    for setting in settings:
        path, given, text = setting.partition("=")
        *folders, last = path.strip().split(".")
        if not given or not folders or not all((*folders, last)):
            raise BadRequest(f"set: {setting!r:.80} has not the form queue.NAME.SETTING=VALUE", field="set")
        tree = _put(tree, folders, last, _value(text), path)
    return tree


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _put(tree: Tree, folders: list[str], last: str, value: Any, path: str) -> Tree:
    if not folders:
        return tree | {last: value}
    inner = tree.get(folders[0], {})
    if not isinstance(inner, dict):
        raise BadRequest(f"set: {path:.80}: {folders[0]} has no parts", field="set")
    return tree | {folders[0]: _put(inner, folders[1:], last, value, path)}


# Applying


def apply(tree: Tree, set_up: SetUp, midnight: datetime, skills: Iterable[str]) -> Changed:
    """The set-up with the changes; BadQueue with every place and reason when they can't be made.

    ``midnight``: where the day begins, in the centre's zone; ``skills``: those there are.
    """
    faults: list[Fault] = [(kind, f"is none of {', '.join(_KINDS)}") for kind in tree if kind not in _KINDS]
    parts = {kind: _object(tree.get(kind, {}), kind, faults) for kind in _KINDS}
    agents, like, hours = dict(set_up.agents), {}, {}
    members = dict(set_up.members)
    for number, change in _agent_changes(parts["agent"], set_up, faults).items():
        if change.like:
            like[number] = change.like
            members |= {(queue, number): _renamed(one, number) for (queue, who), one in set_up.members.items() if who == change.like}
        if change.hours or change.away:
            hours[number] = tuple((_moment(midnight, begin), _moment(midnight, end)) for begin, end in change.hours if not change.away)
        agents[number] = _agent(number, change, set_up)
    known = Known(queues=set_up.queues, agents=agents, skills=set(skills))
    queues = {name: _queue(name, raw, set_up, known, faults) for name, raw in parts["queue"].items()}
    for queue, changes in parts["member"].items():
        for number, raw in _object(changes, f"member.{queue}", faults).items():
            place = f"member.{queue}.{number}"
            faults += [(place, f"there is no queue {queue}")] * (queue not in set_up.queues)
            faults += [(place, f"there is no agent {number}")] * (number not in agents)
            faults += _change_member(place, (queue, number), raw, members)
    if faults:
        raise BadQueue(faults)
    kept = {name: queue for name, queue in queues.items() if queue}
    return Changed(set_up=SetUp(agents=agents, queues={**set_up.queues, **kept}, members=members), like=like, hours=hours)


def _object(raw: Any, place: str, faults: list[Fault]) -> Tree:
    if isinstance(raw, dict):
        return raw
    faults.append((place, "is no object"))
    return {}


def _queue(name: str, raw: Any, set_up: SetUp, known: Known, faults: list[Fault]) -> Queue | None:
    if name not in set_up.queues:
        faults.append((f"queue.{name}", "there is no such queue"))
        return None
    now = msgspec.to_builtins(set_up.queues[name])
    wanted = _merged(now, _object(raw, f"queue.{name}", faults))
    said = known.prompts, known.music
    known = msgspec.structs.replace(known, prompts=(*said[0], *_prompts_of(wanted)), music=(*said[1], str(wanted.get("music"))))
    if wanted.get("name") != name:
        faults.append((f"queue.{name}.name", "a queue keeps its name"))
    try:
        return check_queue(wanted, known)
    except BadQueue as error:
        faults += [(f"queue.{name}.{place}", reason) for place, reason in error.faults]
        return None


def _merged(now: Tree, wanted: Tree) -> Tree:
    both = {name: (now[name], value) for name, value in wanted.items() if isinstance(now.get(name), dict) and isinstance(value, dict)}
    return now | wanted | {name: _merged(*pair) for name, pair in both.items()}


def _prompts_of(raw: Tree) -> list[str]:
    """What the queue would say: a replay says nothing, so any name does."""
    rules = _part(raw, "rules", dict)
    comfort = _part(_part(rules, "announcements", dict), "comfort", list)
    sent = [rule for rule in _part(rules, "overflow", list) if isinstance(rule, dict)]
    named = [*comfort, *(rule.get("target") for rule in sent if rule.get("to") == "announcement")]
    return [one for one in named if isinstance(one, str)]


def _part(raw: Tree, name: str, kind: type) -> Any:
    found = raw.get(name)
    return found if isinstance(found, kind) else kind()


def _agent_changes(raw: Tree, set_up: SetUp, faults: list[Fault]) -> dict[str, AgentChange]:
    found = {}
    for number, one in raw.items():
        place = f"agent.{number}"
        try:
            change = msgspec.convert(_with_number(one), AgentChange)
        except msgspec.ValidationError as error:
            faults.append((place, str(error)))
            continue
        if not AGENT_NUMBER.fullmatch(number):
            faults.append((place, "is no job number; 2 to 8 digits"))
        if change.like and change.like not in set_up.agents:
            faults.append((f"{place}.like", f"there is no agent {change.like}"))
        faults += [(f"{place}.hours", f"{begin} is not before {end}") for begin, end in change.hours if begin >= end]
        if number not in set_up.agents and not (change.like or change.hours):
            faults.append((place, "there is no such agent; a new one needs like or hours"))
        found[number] = change
    return found


def _with_number(raw: Any) -> Any:
    """``agent.1003.like=1001``: a job number that was taken for a number."""
    like = raw.get("like") if isinstance(raw, dict) else None
    return raw | {"like": str(like)} if isinstance(like, int) and not isinstance(like, bool) else raw


def _agent(number: str, change: AgentChange, set_up: SetUp) -> Agent:
    now = set_up.agents.get(number) or Agent(number=number, name=number, language=Language.ZH, sip_password="", pin="")
    model = set_up.agents.get(change.like)
    skills = model.skills if change.skills is None and model else change.skills
    return now if skills is None else msgspec.structs.replace(now, skills=skills)


def _renamed(member: Member, number: str) -> Member:
    return msgspec.structs.replace(member, agent=number)


def _change_member(place: str, serves: tuple[str, str], raw: Any, members: dict[tuple[str, str], Member]) -> list[Fault]:
    """Change who serves what; the faults that prevent it."""
    if raw is False:
        return [] if members.pop(serves, None) else [(place, "does not serve the queue")]
    try:
        change = msgspec.convert(raw, MemberChange)
    except msgspec.ValidationError as error:
        return [(place, str(error))]
    now = members.get(serves) or Member(queue=serves[0], agent=serves[1])
    named = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not None}
    members[serves] = msgspec.structs.replace(now, **named)
    return []


def _moment(midnight: datetime, text: str) -> int:
    """A time of the day's clock; ``24:00`` is where the next day begins."""
    hour, minute = int(text[:2]), int(text[3:])
    moment = datetime.combine(midnight.date() + timedelta(days=hour // 24), time(hour % 24, minute), midnight.tzinfo)
    return round(moment.timestamp() * 1000)
