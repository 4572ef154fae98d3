"""What the ledger does not know of a replayed day is drawn from what it does know, the same for each replay of one seed. Pure.

Each draw has a seed of its own, made of the replay's seed and what is asked for: two replays with different rules ask for
different things in a different order, and yet the same caller talks as long in both.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Final

from callcenter.acd.expected_wait import DEFAULT_HANDLING_S
from callcenter.acd.model import OfferEnd
from callcenter.replay.model import ABANDONED, Caller, Day, Habit, Handling, Ring
from callcenter.replay.patience import Curve, draw, survival

_DEFAULT_ANSWER_MS: Final = 5_000
"""How long a phone rings when on that day nobody answered or missed any."""
_DEFAULT_HANDLING: Final = Handling(talk_ms=int(DEFAULT_HANDLING_S * 1000))
_ENOUGH: Final = 20
"""So many callers of a queue who went away tell enough of the queue's own; with fewer, all queues' are taken."""


class Dice:
    """Draws for one day."""

    def __init__(self, day: Day, seed: int, *, draws_patience: bool = False) -> None:
        self._day = day
        self._seed = seed
        self._draws_patience = draws_patience
        by_queue: dict[str, list[Handling]] = {}
        for caller in day.callers:
            if caller.name in day.handling:
                by_queue.setdefault(caller.queue, []).append(day.handling[caller.name])
        self._handling = by_queue
        self._all_handling = [one for queue in by_queue.values() for one in queue]
        habits = day.habits.values()
        self._everybody = Habit(
            answers_ms=tuple(ms for habit in habits for ms in habit.answers_ms),
            misses=tuple(ring for habit in habits for ring in habit.misses),
        )
        self._curves: dict[str, Curve] = {}
        self._curve = _curve(day.callers)

    def _random(self, *what: object) -> random.Random:
        return random.Random("|".join(map(str, (self._seed, *what))))

    def ring(self, caller: str, agent: str, turn: int, *, like: str = "") -> Ring:
        """What comes of the agent's ``turn``-th offer (from 0) of this caller: as it was, else as is the agent's habit.

        ``like``: whose habits the agent has, when not the agent's own.
        """
        known = self._day.rings.get((caller, agent), ())
        if turn < len(known):
            return known[turn]
        habit = self._day.habits.get(like or agent, Habit())
        if not habit.chances:
            habit = self._everybody
        dice = self._random("ring", caller, agent, turn)
        if not habit.chances:
            return Ring(lasted_ms=_DEFAULT_ANSWER_MS, end=OfferEnd.ANSWERED)
        if dice.randrange(habit.chances) < len(habit.misses):
            return dice.choice(habit.misses)
        return Ring(lasted_ms=dice.choice(habit.answers_ms), end=OfferEnd.ANSWERED)

    def handling(self, caller: Caller) -> Handling:
        """What the conversation takes: as it was, else as some other of the queue did."""
        if known := self._day.handling.get(caller.name):
            return known
        pool = self._handling.get(caller.queue) or self._all_handling
        return self._random("handling", caller.name).choice(pool) if pool else _DEFAULT_HANDLING

    def patience_ms(self, caller: Caller) -> int | None:
        """After what wait the caller goes away by themselves; None: never."""
        if caller.patience_ms is not None or not self._draws_patience:
            return caller.patience_ms
        if caller.queue not in self._curves:
            own = [one for one in self._day.callers if one.queue == caller.queue]
            enough = sum(_went_away(one) for one in own) >= _ENOUGH
            self._curves[caller.queue] = _curve(own) if enough else self._curve
        return draw(self._curves[caller.queue], caller.waited_ms, self._random("patience", caller.name).random())


def _went_away(caller: Caller) -> bool:
    return caller.patience_ms is not None and caller.gives_up_as == ABANDONED


def _curve(callers: Iterable[Caller]) -> Curve:
    return survival((caller.waited_ms, _went_away(caller)) for caller in callers)
