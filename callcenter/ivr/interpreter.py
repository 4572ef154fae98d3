"""Runs a checked flow, one step at a time. Pure: what it wants it asks for, where it stands is data.

    step = begin(flow, facts)
    while step.ask is no end: step = resume(flow, step.position, answer, facts)

A position can be stored and taken up by another process: ``again`` repeats what was asked there.
"""

from __future__ import annotations

from typing import Final

import msgspec

from callcenter.basics.errors import Bug
from callcenter.basics.vocabulary import Language
from callcenter.ivr.asks import Answer, Ask, Gather, HangUp, Lookup, NodeReached, Note, Say
from callcenter.ivr.flow import Flow
from callcenter.ivr.nodes.base import Context, Facts, Go, Move

_MOST_MOVES: Final = 1000
_MOST_ASKS: Final = 1000
"""A call that has been asked more often is a machine pressing keys: it is hung up."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where in a flow a call stands."""

    flow: str
    version: int
    node: str
    language: Language
    attempt: int = 0
    stage: str = ""
    asked: int = 0
    """How often this call has been asked anything."""
    variables: dict[str, str] = {}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Where the call stands now, what it needs, and what happened on the way."""

    position: Position
    ask: Ask
    notes: tuple[Note, ...] = ()


def begin(flow: Flow, facts: Facts, language: Language = Language.ZH) -> Step:
    """Start a flow."""
    position = Position(flow=flow.name, version=flow.version, node=flow.start, language=language)
    return _go(flow, facts, position, Move(then=Go(to=flow.start)))


def resume(flow: Flow, position: Position, answer: Answer, facts: Facts) -> Step:
    """Go on with what was asked for."""
    move = flow.nodes[position.node].take(position.node, _context(position, facts), answer)
    return _go(flow, facts, position, move)


def again(flow: Flow, position: Position, facts: Facts) -> Step:
    """Ask once more what was asked at a position, as after a crash; a node that is gone begins the flow anew."""
    if position.node not in flow.nodes:
        return begin(flow, facts, position.language)
    move = flow.nodes[position.node].enter(position.node, _context(position, facts))
    return _go(flow, facts, position, move)


def _context(position: Position, facts: Facts) -> Context:
    return Context(facts=facts, language=position.language, variables=position.variables, attempt=position.attempt, stage=position.stage)


def _go(flow: Flow, facts: Facts, position: Position, move: Move) -> Step:
    notes: tuple[Note, ...] = ()
    for _ in range(_MOST_MOVES):
        notes += move.notes
        position = msgspec.structs.replace(
            position,
            language=move.language or position.language,
            variables=position.variables | move.variables if move.variables else position.variables,
            attempt=move.attempt,
            stage=move.stage,
            asked=position.asked + (not isinstance(move.then, Go)),
        )
        if position.asked > _MOST_ASKS and isinstance(move.then, Say | Gather | Lookup):
            return Step(position=position, ask=HangUp(), notes=notes)
        if not isinstance(move.then, Go):
            return Step(position=position, ask=move.then, notes=notes)
        position = msgspec.structs.replace(position, node=move.then.to, attempt=0, stage="")
        notes += (NodeReached(node=position.node),)
        move = flow.nodes[position.node].enter(position.node, _context(position, facts))
    raise Bug(f"flow {flow.name} went through {_MOST_MOVES} nodes without asking anything")
