"""Whom a caller should get first, and what skills from several sides come to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from callcenter.acd.own_agent import LastTalk, Preferred, own_agent, together
from callcenter.acd.rules import Own, OwnAgent

_DAY_MS = 86_400_000
_NOW = 100 * _DAY_MS
_AGENTS = st.sampled_from(["1001", "1002", "1003"])
_NEEDS = st.dictionaries(st.sampled_from(["english", "gas", "water"]), st.integers(1, 10))


def _asked(
    *by: Own, members: str = "1001 1002 1003", owner: str = "", any_queue: bool = False, **talks: tuple[str, int]
) -> Preferred | None:
    rules = OwnAgent(by=by, last_days=30, any_queue=any_queue)
    last = {queue: LastTalk(agent=agent, at_ms=_NOW - days * _DAY_MS) for queue, (agent, days) in talks.items()}
    return own_agent(rules, queue="sales", members=members.split(), owner=owner, last=last, now_ms=_NOW)


def test_the_first_rule_that_names_somebody_of_the_queue_counts() -> None:
    assert _asked(Own.OWNER, Own.LAST, owner="1001", sales=("1002", 1)) == Preferred(agent="1001", why="owner")
    assert _asked(Own.LAST, Own.OWNER, owner="1001", sales=("1002", 1)) == Preferred(agent="1002", why="last")
    assert _asked(Own.OWNER, Own.LAST, owner="1009", sales=("1002", 1)) == Preferred(agent="1002", why="last")
    assert _asked(Own.OWNER) is None
    assert _asked(owner="1001", sales=("1002", 1)) is None


def test_a_talk_too_long_ago_or_in_another_queue_counts_only_where_the_rules_say_so() -> None:
    assert _asked(Own.LAST, sales=("1002", 31)) is None
    assert _asked(Own.LAST, support=("1003", 1)) is None
    assert _asked(Own.LAST, any_queue=True, support=("1003", 1), sales=("1002", 2)) == Preferred(agent="1003", why="last")


@given(by=st.lists(st.sampled_from(Own), max_size=2), owner=_AGENTS, talker=_AGENTS, members=st.sets(_AGENTS))
def test_nobody_outside_the_queue_is_ever_preferred(by: list[Own], owner: str, talker: str, members: set[str]) -> None:
    found = _asked(*by, members=" ".join(members), owner=owner, sales=(talker, 1))
    assert found is None or found.agent in members


@given(needs=st.lists(_NEEDS, max_size=4))
def test_needs_together_are_the_highest_of_each_whatever_their_order(needs: list[dict[str, int]]) -> None:
    found = together(*needs)
    assert found == together(*reversed(needs))
    assert all(found[skill] >= level for need in needs for skill, level in need.items())
    assert all(any(need.get(skill) == level for need in needs) for skill, level in found.items())
