"""Which calls are recorded: the first rule that fits decides, the lot is the call's own, and rules that make no sense are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from callcenter.basics.vocabulary import Kind, new_id
from callcenter.recordings.policy import CallFacts, RecordingRule, decide, fits, lot

_NAMES = st.sampled_from(["", "sales", "support"])
_AGENTS = st.sampled_from(["", "1001", "1002"])
_LINES = st.sampled_from(["", "4001", "4002"])
_WAYS = st.sampled_from(["", "inbound", "outbound", "internal"])


@st.composite
def _rules(draw: st.DrawFn) -> RecordingRule:
    agent = draw(_AGENTS)
    percent = draw(st.integers(0, 100))
    announces = not agent and percent > 0 and draw(st.booleans())
    return RecordingRule(
        name=draw(st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)),
        position=draw(st.integers(0, 5)),
        queue=draw(_NAMES),
        agent=agent,
        number=draw(_LINES),
        direction=draw(_WAYS),
        percent=percent,
        announces=announces,
        asks_consent=announces and draw(st.booleans()),
    )


_FACTS = st.builds(
    CallFacts, call=st.integers(0, 2**40).map(lambda n: new_id(Kind.CALL, n)), queue=_NAMES, agent=_AGENTS, number=_LINES, direction=_WAYS
)


@given(st.lists(_rules(), max_size=6), _FACTS, st.booleans())
def test_the_first_that_fits_decides(rules: list[RecordingRule], facts: CallFacts, otherwise: bool) -> None:
    found = decide(rules, facts, otherwise=otherwise)
    fitting = sorted((rule for rule in rules if fits(rule, facts)), key=lambda rule: (rule.position, rule.name))
    if not fitting:
        assert found.records == otherwise and not found.rule and not found.announces
        return
    assert (found.rule, found.records) == (fitting[0].name, lot(facts.call) < fitting[0].percent)
    assert not found.announces or found.records, "nobody is told of a recording that is not made"
    assert not found.asks_consent or found.announces
    assert found == decide(reversed(rules), facts, otherwise=otherwise) or len({(r.position, r.name) for r in rules}) < len(rules)


@given(_rules(), _FACTS)
def test_an_agents_rule_waits_for_the_agent(rule: RecordingRule, facts: CallFacts) -> None:
    if rule.agent and not facts.agent:
        assert not fits(rule, facts)


@given(_FACTS, st.integers(0, 99))
def test_a_higher_share_records_no_fewer_calls(facts: CallFacts, percent: int) -> None:
    def records(share: int) -> bool:
        return decide([RecordingRule(name="all", percent=share)], facts, otherwise=False).records

    assert records(percent) <= records(percent + 1)
    assert records(100) and not records(0)


@pytest.mark.parametrize("percent", [10, 50, 90])
def test_the_share_is_the_share(percent: int) -> None:
    lots = [lot(new_id(Kind.CALL, n)) for n in range(5000)]
    assert abs(sum(one < percent for one in lots) / 50 - percent) < 3


@pytest.mark.parametrize(
    ("given_", "place"),
    [
        ({"asks_consent": True}, "asks_consent"),
        ({"announces": True, "agent": "1001"}, "agent"),
        ({"announces": True, "percent": 0}, "percent"),
        ({"percent": 101}, "percent"),
        ({"direction": "up"}, "direction"),
        ({"number": "4001x"}, "number"),
    ],
)
def test_rules_that_make_no_sense_name_the_place(given_: dict[str, object], place: str) -> None:
    with pytest.raises(ValidationError, match=place):
        RecordingRule(name="rule", **given_)  # type: ignore[arg-type]
