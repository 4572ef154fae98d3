"""Every formula that contact centres call service level, and its neighbours, over the same counts. Pure.

Peers disagree about what a service level is; so none of them is *the* one here: each has a name, its source, and its formula as text
that pages and docs show. Values are exact: a Fraction of whole numbers (Erlang: a Decimal), None where there is nothing to divide by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final, TypeAlias

from callcenter.basics.vocabulary import Language
from callcenter.reports import erlang
from callcenter.reports.model import Counts, Terms

Parts: TypeAlias = tuple[int, int]
"""What is divided, and by what."""
Exact: TypeAlias = Fraction | Decimal


class Unit(StrEnum):
    """What a value is."""

    SHARE = "share"
    """0 to 1; pages show percent."""
    RATIO = "ratio"
    """A share that may pass 1."""
    COUNT = "count"
    MS = "ms"
    """Milliseconds."""
    ERLANG = "erlang"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What a formula comes to."""

    value: Exact | None
    """None: there is nothing it could be reckoned from."""
    part: int | None = None
    whole: int | None = None
    """The two numbers that were divided, where the formula is a division."""


@dataclass(frozen=True, kw_only=True)
class Formula:
    """One way to reckon."""

    name: str
    source: str
    """Who reckons so."""
    unit: Unit
    title: Mapping[Language, str]
    text: Mapping[Language, str]
    """The formula, for people; T is the threshold."""
    of: frozenset[str]
    """``queue``, ``agent`` or both: whose counts it makes sense of."""
    parts: Callable[[Counts, Terms], Parts] | None = None
    reckon: Callable[[Counts, Terms], Decimal | None] | None = None
    """Where no division of whole numbers does."""

    def __call__(self, counts: Counts, terms: Terms) -> Measure:
        """Its value for these counts."""
        if self.parts:
            part, whole = self.parts(counts, terms)
            return Measure(value=Fraction(part, whole) if whole > 0 else None, part=part, whole=whole)
        assert self.reckon
        return Measure(value=self.reckon(counts, terms))


def genesys(counts: Counts, *, flow_outs: bool, abandons: bool, short_abandons: bool) -> Parts:
    """Genesys Cloud's division with its three switches; short abandons are abandons, so without abandons they are out as well."""
    gone = counts.abandoned - (0 if short_abandons else counts.abandoned_short) if abandons else 0
    return counts.answered_within, counts.answered + gone + (counts.flow_outs if flow_outs else 0)


_QUEUE: Final = frozenset({"queue"})
_BOTH: Final = frozenset({"queue", "agent"})
_GENESYS: Final = "Genesys Cloud: configure the service level calculation"


Told: TypeAlias = tuple[tuple[str, str], tuple[str, str]]
"""Title and formula in English, then in Chinese."""


def _formula(
    name: str, source: str, unit: Unit, told: Told, parts: Callable[[Counts], Parts], *, of: frozenset[str] = _QUEUE
) -> Formula:  # fmt: skip
    english, chinese = told
    return Formula(
        name=name, source=source, unit=unit, of=of, parts=lambda counts, _terms: parts(counts),
        title={Language.EN: english[0], Language.ZH: chinese[0]}, text={Language.EN: english[1], Language.ZH: chinese[1]},
    )  # fmt: skip


_SERVICE_LEVELS: Final = (
    _formula(
        "app_queue_sl", "Asterisk app_queue: ServicelevelPerf", Unit.SHARE,
        (
            ("Service level, app_queue", "answered within T ÷ answered"),
            ("服务水平（app_queue）", "T 内接听数 ÷ 接听数"),
        ),
        lambda c: (c.answered_within, c.answered),
    ),
    _formula(
        "app_queue_sl2", "Asterisk app_queue: ServicelevelPerf2", Unit.SHARE,
        (
            ("Service level 2, app_queue", "(answered within T + abandoned within T) ÷ (answered + abandoned)"),
            ("服务水平 2（app_queue）", "（T 内接听数 + T 内放弃数）÷（接听数 + 放弃数）"),
        ),
        lambda c: (c.answered_within + c.abandoned_within, c.answered + c.abandoned),
    ),
    _formula(
        "connect_sl", "Amazon Connect: SERVICE_LEVEL", Unit.SHARE,
        (
            ("Service level, Connect", "left the queue within T, whatever the cause ÷ all that left the queue"),
            ("服务水平（Connect）", "T 内离开队列数（不论原因）÷ 离开队列总数"),
        ),
        lambda c: (c.left_within, c.ended),
    ),
    _formula(
        "genesys_sl", _GENESYS, Unit.SHARE,
        (
            ("Service level, Genesys", "answered within T ÷ (answered + abandoned)"),
            ("服务水平（Genesys）", "T 内接听数 ÷（接听数 + 放弃数）"),
        ),
        lambda c: genesys(c, flow_outs=False, abandons=True, short_abandons=True),
    ),
    _formula(
        "genesys_sl_flow_outs", _GENESYS, Unit.SHARE,
        (
            ("Service level, Genesys with flow-outs", "answered within T ÷ (answered + abandoned + left without an agent)"),
            ("服务水平（Genesys，计流出）", "T 内接听数 ÷（接听数 + 放弃数 + 流出数）"),
        ),
        lambda c: genesys(c, flow_outs=True, abandons=True, short_abandons=True),
    ),
    _formula(
        "genesys_sl_no_short", _GENESYS, Unit.SHARE,
        (
            ("Service level, Genesys without short abandons", "answered within T ÷ (answered + abandoned − short abandons)"),
            ("服务水平（Genesys，不计短放弃）", "T 内接听数 ÷（接听数 + 放弃数 − 短放弃数）"),
        ),
        lambda c: genesys(c, flow_outs=False, abandons=True, short_abandons=False),
    ),
    _formula(
        "genesys_sl_no_abandons", _GENESYS, Unit.SHARE,
        (
            ("Service level, Genesys without abandons", "answered within T ÷ answered"),
            ("服务水平（Genesys，不计放弃）", "T 内接听数 ÷ 接听数"),
        ),
        lambda c: genesys(c, flow_outs=False, abandons=False, short_abandons=False),
    ),
    _formula(
        "genesys_sl_flow_outs_no_short", _GENESYS, Unit.SHARE,
        (
            (
                "Service level, Genesys with flow-outs, without short abandons",
                "answered within T ÷ (answered + abandoned − short abandons + left without an agent)",
            ),
            ("服务水平（Genesys，计流出、不计短放弃）", "T 内接听数 ÷（接听数 + 放弃数 − 短放弃数 + 流出数）"),
        ),
        lambda c: genesys(c, flow_outs=True, abandons=True, short_abandons=False),
    ),
    _formula(
        "genesys_sl_flow_outs_no_abandons", _GENESYS, Unit.SHARE,
        (
            ("Service level, Genesys with flow-outs, without abandons", "answered within T ÷ (answered + left without an agent)"),
            ("服务水平（Genesys，计流出、不计放弃）", "T 内接听数 ÷（接听数 + 流出数）"),
        ),
        lambda c: genesys(c, flow_outs=True, abandons=False, short_abandons=False),
    ),
    _formula(
        "plain_sl", "IZT Cloud Voice: set up a service level agreement", Unit.SHARE,
        (
            ("Service level, of all calls", "answered within T ÷ all calls that left the queue"),
            ("服务水平（全部来电）", "T 内接听数 ÷ 离开队列总数"),
        ),
        lambda c: (c.answered_within, c.ended),
    ),
    _formula(
        "wazo_qos", "Wazo call-logd: quality_of_service", Unit.SHARE,
        (
            ("Quality of service, Wazo", "answered within T ÷ answered"),
            ("服务质量（Wazo）", "T 内接听数 ÷ 接听数"),
        ),
        lambda c: (c.answered_within, c.answered),
    ),
    _formula(
        "vicidial_tmr", "VICIdial: TMR1, TMR2 (ask twice, with two thresholds)", Unit.SHARE,
        (
            ("TMR, VICIdial", "answered within T ÷ answered"),
            ("TMR（VICIdial）", "T 内接听数 ÷ 接听数"),
        ),
        lambda c: (c.answered_within, c.answered),
    ),
)  # fmt: skip


_RATES: Final = (
    _formula(
        "wazo_answered_rate", "Wazo call-logd: answered_rate", Unit.SHARE,
        (
            ("Answered rate, Wazo", "answered ÷ (answered + abandoned + full + nobody on duty + waited too long)"),
            ("接通率（Wazo）", "接听数 ÷（接听数 + 放弃数 + 队满 + 无人值守 + 等待超时）"),
        ),
        lambda c: (c.answered, c.answered + c.abandoned + c.full + c.no_agents + c.timeout),
    ),
    _formula(
        "wazo_saturated", "Wazo call-logd: saturated", Unit.COUNT,
        (
            ("Saturated, Wazo", "full + overflow"),
            ("饱和数（Wazo）", "队满 + 溢出"),
        ),
        lambda c: (c.full + c.overflow, 1),
    ),
    _formula(
        "wazo_blocked", "Wazo call-logd: blocked", Unit.COUNT,
        (
            ("Blocked, Wazo", "nobody on duty, on entering or while waiting"),
            ("受阻数（Wazo）", "进入时或等待中无人值守"),
        ),
        lambda c: (c.no_agents, 1),
    ),
    _formula(
        "vicidial_gde", "VICIdial: GDE", Unit.SHARE,
        (
            ("GDE, VICIdial", "answered ÷ all calls that left the queue"),
            ("GDE（VICIdial）", "接听数 ÷ 离开队列总数"),
        ),
        lambda c: (c.answered, c.ended),
    ),
    _formula(
        "vicidial_acr", "VICIdial: ACR", Unit.RATIO,
        (
            ("ACR, VICIdial", "abandoned ÷ answered"),
            ("ACR（VICIdial）", "放弃数 ÷ 接听数"),
        ),
        lambda c: (c.abandoned, c.answered),
    ),
    _formula(
        "abandoned", "Amazon Connect: Contacts abandoned", Unit.COUNT,
        (
            ("Abandoned", "left the queue by hanging up; a callback is none"),
            ("放弃数", "排队中挂机离开的来电；预约回呼不计"),
        ),
        lambda c: (c.abandoned, 1),
    ),
    _formula(
        "abandon_rate", "Amazon Connect: Abandonment rate", Unit.SHARE,
        (
            ("Abandonment rate", "abandoned ÷ all calls that left the queue"),
            ("放弃率", "放弃数 ÷ 离开队列总数"),
        ),
        lambda c: (c.abandoned, c.ended),
    ),
    _formula(
        "short_abandons", "Genesys Cloud: short abandons; QueueMetrics: short calls", Unit.COUNT,
        (
            ("Short abandons", "abandoned after at most the short-abandon limit"),
            ("短放弃数", "在短放弃时限内放弃的来电"),
        ),
        lambda c: (c.abandoned_short, 1),
    ),
    _formula(
        "abandon_rate_no_short", "Genesys Cloud: abandon rate without short abandons", Unit.SHARE,
        (
            ("Abandonment rate without short abandons", "(abandoned − short abandons) ÷ (all calls that left the queue − short abandons)"),
            ("放弃率（不计短放弃）", "（放弃数 − 短放弃数）÷（离开队列总数 − 短放弃数）"),
        ),
        lambda c: (c.abandoned - c.abandoned_short, c.ended - c.abandoned_short),
    ),
    _formula(
        "missed_per_offer", "Agents' own misses: declined, busy, not answered, not reachable", Unit.SHARE,
        (
            ("Missed per offer", "offers that the agent's side let go ÷ offers that no other phone answered"),
            ("未接率（按派单）", "座席侧未接的派单数 ÷ 派单数（不计他人先接）"),
        ),
        lambda c: (c.missed, c.chances), of=_BOTH,
    ),
    _formula(
        "connect_non_response", "Amazon Connect: Agent non-response", Unit.SHARE,
        (
            ("Non-response per offer, Connect", "offers not answered, the caller's leaving included ÷ offers that no other phone answered"),
            ("未应答率（Connect）", "未应答派单数（含主叫先挂机）÷ 派单数（不计他人先接）"),
        ),
        lambda c: (c.missed + c.offers_lost, c.chances), of=_BOTH,
    ),
)  # fmt: skip

_TIMES: Final = (
    _formula(
        "asa", "Amazon Connect: Average queue answer time", Unit.MS,
        (
            ("Average speed of answer", "wait of answered calls, the agent's announcement included ÷ answered"),
            ("平均应答速度", "接听来电的等待时长（含报工号）÷ 接听数"),
        ),
        lambda c: (c.wait_answered_ms + c.announce_ms, c.answered),
    ),
    _formula(
        "asa_pick_up", "Wait until an agent picks up", Unit.MS,
        (
            ("Average wait until an agent picks up", "wait of answered calls ÷ answered"),
            ("平均等待至座席摘机", "接听来电的等待时长 ÷ 接听数"),
        ),
        lambda c: (c.wait_answered_ms, c.answered),
    ),
    _formula(
        "abandon_wait", "Amazon Connect: Average queue abandon time", Unit.MS,
        (
            ("Average wait of those who gave up", "wait of abandoned calls ÷ abandoned"),
            ("平均放弃等待", "放弃来电的等待时长 ÷ 放弃数"),
        ),
        lambda c: (c.wait_abandoned_ms, c.abandoned),
    ),
    _formula(
        "aht", "Amazon Connect: Average handle time", Unit.MS,
        (
            ("Average handle time", "(talk + hold + wrap-up) ÷ calls handled"),
            ("平均处理时长", "（通话 + 保持 + 话后处理）÷ 处理数"),
        ),
        lambda c: (c.handle_ms, c.handled), of=_BOTH,
    ),
    _formula(
        "aht_vicidial", "VICIdial: talk + hold + dead + dispo", Unit.MS,
        (
            (
                "Average handle time, VICIdial",
                "(talk + hold + dead + wrap-up) ÷ calls handled; dead is 0 here: an agent's line ends with the caller's",
            ),
            ("平均处理时长（VICIdial）", "（通话 + 保持 + 空线 + 话后处理）÷ 处理数；主叫挂机即拆线，空线恒为 0"),
        ),
        lambda c: (c.handle_ms, c.handled), of=_BOTH,
    ),
    _formula(
        "average_talk", "Amazon Connect: Average agent interaction time", Unit.MS,
        (
            ("Average talk", "talk ÷ calls handled"),
            ("平均通话时长", "通话 ÷ 处理数"),
        ),
        lambda c: (c.talk_ms, c.handled), of=_BOTH,
    ),
    _formula(
        "occupancy", "Amazon Connect: Occupancy", Unit.SHARE,
        (
            ("Occupancy", "time on contacts (talk, hold, wrap-up) ÷ (time on contacts + time ready)"),
            ("工时利用率", "处理时长（通话、保持、话后处理）÷（处理时长 + 空闲时长）"),
        ),
        lambda c: (c.contact_ms, c.contact_ms + c.idle_ms), of=frozenset({"agent"}),
    ),
)  # fmt: skip


def _load(counts: Counts, terms: Terms) -> Parts:
    return counts.entered * counts.handle_ms, counts.handled * terms.span_ms


def _erlang(counts: Counts, terms: Terms) -> tuple[Fraction, Fraction] | None:
    """Load in Erlangs and mean handling time, when there is enough to reckon from."""
    part, whole = _load(counts, terms)
    if not (part and whole and 1 <= terms.agents <= erlang.MOST_AGENTS):
        return None
    return Fraction(part, whole), Fraction(counts.handle_ms, counts.handled)


def _wait_probability(counts: Counts, terms: Terms) -> Decimal | None:
    given = _erlang(counts, terms)
    return erlang.wait_probability(given[0], terms.agents) if given else None


def _predicted(counts: Counts, terms: Terms) -> Decimal | None:
    given = _erlang(counts, terms)
    if given is None or terms.threshold_ms is None:
        return None
    return erlang.service_level(given[0], terms.agents, given[1], terms.threshold_ms)


def _predicted_wait(counts: Counts, terms: Terms) -> Decimal | None:
    given = _erlang(counts, terms)
    return erlang.mean_wait_ms(given[0], terms.agents, given[1]) if given else None


_ERLANG: Final = (
    Formula(
        name="erlang_load", source="Erlang: offered traffic", unit=Unit.ERLANG, of=_QUEUE, parts=_load,
        title={Language.EN: "Load in Erlangs", Language.ZH: "话务量（爱尔兰）"},
        text={
            Language.EN: "calls that entered × average handle time ÷ length of the period",
            Language.ZH: "进入队列数 × 平均处理时长 ÷ 统计时段长度",
        },
    ),
    Formula(
        name="erlang_c", source="Erlang C", unit=Unit.SHARE, of=_QUEUE, reckon=_wait_probability,
        title={Language.EN: "Share that would wait, Erlang C", Language.ZH: "需等待比例（Erlang C）"},
        text={
            Language.EN: "E(load, agents): with that many agents, who gets none at once",
            Language.ZH: "E（话务量，座席数）：该座席数下不能立即接通的比例",
        },
    ),
    Formula(
        name="erlang_c_sl", source="Erlang C", unit=Unit.SHARE, of=_QUEUE, reckon=_predicted,
        title={Language.EN: "Service level to be expected, Erlang C", Language.ZH: "预期服务水平（Erlang C）"},
        text={
            Language.EN: "1 − E(load, agents) × e^(−(agents − load) × T ÷ average handle time)",
            Language.ZH: "1 − E（话务量，座席数）× e^(−（座席数 − 话务量）× T ÷ 平均处理时长)",
        },
    ),
    Formula(
        name="erlang_c_wait", source="Erlang C", unit=Unit.MS, of=_QUEUE, reckon=_predicted_wait,
        title={Language.EN: "Average wait to be expected, Erlang C", Language.ZH: "预期平均等待（Erlang C）"},
        text={
            Language.EN: "E(load, agents) × average handle time ÷ (agents − load)",
            Language.ZH: "E（话务量，座席数）× 平均处理时长 ÷（座席数 − 话务量）",
        },
    ),
)  # fmt: skip

FORMULAS: Final[Mapping[str, Formula]] = {
    formula.name: formula for formula in (*_SERVICE_LEVELS, *_RATES, *_TIMES, *_ERLANG)
}  # fmt: skip
"""Every formula by its name, service levels first."""
SERVICE_LEVELS: Final = tuple(formula.name for formula in _SERVICE_LEVELS)
"""Those that answer "what share was served in time", for a page to choose from."""
