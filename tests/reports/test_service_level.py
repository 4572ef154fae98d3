"""Formulas: worked examples by hand, what must hold of every one, and Erlang C against its published tables."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.basics.vocabulary import Language
from callcenter.reports import erlang
from callcenter.reports.model import FLOW_OUTS, Counts, Terms, Visit, add, count
from callcenter.reports.service_level import FORMULAS, SERVICE_LEVELS, Unit

T20 = Terms(threshold_ms=20_000, short_ms=5_000, span_ms=3_600_000, agents=2)


def _visit(how: str, wait_s: float, **more: int) -> Visit:
    return Visit(queue="sales", entered_ms=0, how=how, wait_ms=round(wait_s * 1000), **more)


DAY = [
    _visit("answered", 5, talk_ms=100_000, hold_ms=20_000, wrap_ms=10_000, announce_ms=3_000, offers=1),
    _visit("answered", 20, talk_ms=200_000, wrap_ms=30_000, announce_ms=3_000, offers=2, missed=1),
    _visit("answered", 20.001, talk_ms=60_000, announce_ms=3_000, offers=1),
    _visit("answered", 90, talk_ms=40_000, offers=8, missed=1, offers_elsewhere=5, is_over=False),
    _visit("abandoned", 3),
    _visit("abandoned", 12, offers=1, offers_lost=1),
    _visit("abandoned", 45),
    _visit("timeout", 120),
    _visit("callback", 15),
    _visit("no_agents", 0),
    _visit("something new", 30),
    _visit("", 999),
]
EXPECTED = {
    "app_queue_sl": Fraction(2, 4),
    "app_queue_sl2": Fraction(2 + 2, 4 + 3),
    "connect_sl": Fraction(6, 11),
    "genesys_sl": Fraction(2, 7),
    "genesys_sl_flow_outs": Fraction(2, 11),
    "genesys_sl_no_short": Fraction(2, 6),
    "genesys_sl_no_abandons": Fraction(2, 4),
    "genesys_sl_flow_outs_no_short": Fraction(2, 10),
    "genesys_sl_flow_outs_no_abandons": Fraction(2, 8),
    "plain_sl": Fraction(2, 11),
    "wazo_qos": Fraction(2, 4),
    "vicidial_tmr": Fraction(2, 4),
    "wazo_answered_rate": Fraction(4, 4 + 3 + 0 + 1 + 1),
    "wazo_saturated": Fraction(0),
    "wazo_blocked": Fraction(1),
    "vicidial_gde": Fraction(4, 11),
    "vicidial_acr": Fraction(3, 4),
    "abandoned": Fraction(3),
    "abandon_rate": Fraction(3, 11),
    "short_abandons": Fraction(1),
    "abandon_rate_no_short": Fraction(2, 10),
    "missed_per_offer": Fraction(2, 8),
    "connect_non_response": Fraction(3, 8),
    "asa": Fraction(5_000 + 20_000 + 20_001 + 90_000 + 9_000, 4),
    "asa_pick_up": Fraction(135_001, 4),
    "abandon_wait": Fraction(60_000, 3),
    "aht": Fraction(360_000 + 20_000 + 40_000, 3),
    "aht_vicidial": Fraction(420_000, 3),
    "average_talk": Fraction(360_000, 3),
    "occupancy": None,
    "erlang_load": Fraction(12 * 140_000, 3_600_000),
}


@pytest.mark.parametrize("name", [name for name in FORMULAS if not name.startswith("erlang_c")])
def test_a_day_reckoned_by_hand(name: str) -> None:
    assert FORMULAS[name](count(DAY, T20), T20).value == EXPECTED[name]


def test_an_agents_occupancy() -> None:
    assert FORMULAS["occupancy"](Counts(contact_ms=3_000, idle_ms=1_000), T20).value == Fraction(3, 4)


def _visits() -> st.SearchStrategy[list[Visit]]:
    span = st.integers(0, 120_000)
    made = st.builds(
        Visit, queue=st.just("q"), entered_ms=st.just(0), how=st.sampled_from(["answered", "abandoned", "", "odd", *FLOW_OUTS]),
        wait_ms=span, announce_ms=span, talk_ms=span, hold_ms=span, wrap_ms=span, is_over=st.booleans(), offers=st.integers(3, 9),
        missed=st.integers(0, 1), offers_lost=st.integers(0, 1), offers_elsewhere=st.integers(0, 1),
    )  # fmt: skip
    return st.lists(made, max_size=30)


TERMS = st.builds(
    Terms, threshold_ms=st.integers(0, 90_000), short_ms=st.integers(0, 20_000), span_ms=st.integers(1, 10**8), agents=st.integers(0, 60)
)


@given(_visits(), TERMS)
def test_every_value_stays_within_its_unit(visits: list[Visit], terms: Terms) -> None:
    counts = count(visits, terms)
    for formula in FORMULAS.values():
        value = formula(counts, terms).value
        if value is None:
            continue
        assert value >= 0, formula.name
        assert formula.unit is not Unit.SHARE or value <= 1, formula.name
        assert formula.unit is not Unit.COUNT or value.as_integer_ratio()[1] == 1, formula.name


@given(_visits(), TERMS, st.integers(0, 30_000))
def test_more_time_never_lowers_a_service_level(visits: list[Visit], terms: Terms, more_ms: int) -> None:
    later = msgspec.structs.replace(terms, threshold_ms=(terms.threshold_ms or 0) + more_ms)
    for name in SERVICE_LEVELS:
        before, after = FORMULAS[name](count(visits, terms), terms).value, FORMULAS[name](count(visits, later), later).value
        assert (before is None) == (after is None), name
        assert before is None or after is None or before <= after, name


@given(_visits(), TERMS)
def test_when_everybody_is_answered_all_agree(visits: list[Visit], terms: Terms) -> None:
    answered = [msgspec.structs.replace(visit, how="answered") for visit in visits]
    values = {FORMULAS[name](count(answered, terms), terms).value for name in SERVICE_LEVELS}
    assert len(values) == 1


@given(_visits(), TERMS)
def test_who_still_waits_changes_nothing(visits: list[Visit], terms: Terms) -> None:
    more = [*visits, *(Visit(queue="q", entered_ms=0, wait_ms=10**9) for _ in range(3))]
    for formula in FORMULAS.values():
        if not formula.name.startswith("erlang"):
            assert formula(count(visits, terms), terms) == formula(count(more, terms), terms), formula.name


@given(_visits(), _visits(), TERMS)
def test_sums_add_up(some: list[Visit], others: list[Visit], terms: Terms) -> None:
    assert add([count(some, terms), count(others, terms)]) == count(some + others, terms)
    whole = count(some, terms)
    assert whole.ended + whole.waiting == whole.entered
    assert whole.answered_within <= whole.left_within <= whole.ended


def test_no_calls_is_no_value_never_zero_or_a_hundred() -> None:
    for formula in FORMULAS.values():
        value = formula(Counts(), T20).value
        assert value is None if formula.unit is not Unit.COUNT else value == 0, formula.name


def test_every_formula_says_whose_it_is_in_both_languages() -> None:
    assert not [name for name, f in FORMULAS.items() if not (f.source and f.of and all(f.title[x] and f.text[x] for x in Language))]
    assert bool(all(f.parts or f.reckon for f in FORMULAS.values()))


@pytest.mark.parametrize(
    ("load", "agents", "waits"),
    [("1", 2, "0.3333"), ("2", 3, "0.4444"), ("8", 10, "0.4092"), ("10", 14, "0.1741"), ("0.5", 1, "0.5")],
)
def test_erlang_c_as_in_the_tables(load: str, agents: int, waits: str) -> None:
    assert abs(erlang.wait_probability(Fraction(load), agents) - Decimal(waits)) < Decimal("0.0005")


@given(st.fractions(Fraction(1, 10), 30, max_denominator=50), st.integers(1, 40))
def test_erlang_c_is_its_definition(load: Fraction, agents: int) -> None:
    if load < agents:
        term = load**agents / math.factorial(agents) * agents / (agents - load)
        exact = term / (sum(load**k / math.factorial(k) for k in range(agents)) + term)
        assert float(erlang.wait_probability(load, agents)) == pytest.approx(float(exact), rel=1e-12)


def test_erlang_c_of_a_known_centre() -> None:
    """100 calls in half an hour, 180 s each: 10 Erlangs; with 14 agents 88.8 % in 20 s, 7.8 s on average."""
    load, handle = Fraction(10), Fraction(180_000)
    assert abs(erlang.service_level(load, 14, handle, 20_000) - Decimal("0.8884")) < Decimal("0.0005")
    assert round(erlang.mean_wait_ms(load, 14, handle) or 0, -2) == 7_800
    assert erlang.agents_needed(load, handle, 20_000, Fraction(8, 10)) == 14


@given(st.fractions(0, 100, max_denominator=1000), st.integers(1, 120), st.integers(0, 60_000))
def test_more_agents_never_make_anybody_wait_longer(load: Fraction, agents: int, threshold_ms: int) -> None:
    assert 0 <= erlang.wait_probability(load, agents + 1) <= erlang.wait_probability(load, agents) <= 1
    handle = Fraction(180_000)
    assert erlang.service_level(load, agents, handle, threshold_ms) <= erlang.service_level(load, agents + 1, handle, threshold_ms)
    assert (erlang.mean_wait_ms(load, agents, handle) is None) == (load >= agents)


@given(st.fractions(0, 60, max_denominator=100), st.fractions(Fraction(1, 10), Fraction(99, 100), max_denominator=100))
def test_the_agents_needed_are_the_fewest(load: Fraction, wanted: Fraction) -> None:
    handle = Fraction(200_000)
    needed = erlang.agents_needed(load, handle, 20_000, wanted)
    assert needed and float(erlang.service_level(load, needed, handle, 20_000)) >= float(wanted) - 1e-12
    if needed > 1:
        assert erlang.service_level(load, needed - 1, handle, 20_000) < Decimal(wanted.numerator) / wanted.denominator


def test_erlang_refuses_what_makes_no_sense() -> None:
    for load, agents in ((Fraction(-1), 3), (Fraction(1), 0), (Fraction(1), erlang.MOST_AGENTS + 1)):
        with pytest.raises(ValueError, match="Erlangs"):
            erlang.wait_probability(load, agents)
    assert all(a < b for a, b in pairwise(erlang.wait_probability(Fraction(n), 9) for n in range(1, 10)))
