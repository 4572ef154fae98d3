"""What goes in and out of /api/v1/reports, as OpenAPI tells it. Durations are milliseconds, moments ISO 8601 with a zone."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from callcenter.console.api.models import Body, Row
from callcenter.reports.erlang import MOST_AGENTS
from callcenter.reports.periods import By


class PeriodQuery(Body):
    """The time a report is of; what is not given is today, by the centre's clock."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    begin: datetime | None = Field(None, alias="from", description="This moment or later; without a zone: the centre's.")
    end: datetime | None = Field(None, alias="to", description="Before this moment.")


class QueueReportQuery(PeriodQuery):
    """A report of queues; what is counted is the visits that began in the time."""

    queue: str | None = Field(None, pattern=r"^[a-z][a-z0-9_-]{0,39}$", description="Only this queue; none: all, and their sum.")
    threshold_s: int | None = Field(None, ge=0, le=86_400, description="T of the formulas, seconds; none: each queue's own.")
    short_s: int = Field(5, ge=0, le=86_400, description="An abandon after at most this long is a short one, seconds.")
    agents: int = Field(0, ge=0, le=MOST_AGENTS, description="How many agents Erlang C reckons with; 0: it has no value.")
    by: By = By.TOTAL


class AgentReportQuery(PeriodQuery):
    """A report of agents."""

    agent: str | None = Field(None, pattern=r"^[0-9]{2,8}$")
    by: By = By.TOTAL


class ReckonedValue(Row):
    """What a formula comes to."""

    value: float | None = Field(description="In the formula's unit; null where there is nothing to divide by.")
    part: int | None = Field(None, description="What was divided, exact.")
    whole: int | None = Field(None, description="By what.")


class QueueReportRow(Row):
    """A queue in a period; an empty name: all queues."""

    queue: str
    threshold_s: int | None = Field(description="T, seconds; null in the line of all queues where each has its own.")
    begin: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    counts: dict[str, int]
    formulas: dict[str, ReckonedValue]


class QueueReport(Row):
    """The lines of a report of queues."""

    items: list[QueueReportRow]


class AgentReportRow(Row):
    """An agent in a period."""

    agent: str
    name: str
    begin: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    counts: dict[str, int]
    formulas: dict[str, ReckonedValue]
    states_ms: dict[str, int] = Field(description="How long in each state; every millisecond of the past is in one.")
    pauses_ms: dict[str, int] = Field(description="How long paused, by reason.")
    signed_on_ms: int


class AgentReport(Row):
    """The lines of a report of agents."""

    items: list[AgentReportRow]


class PromiseQuery(PeriodQuery):
    """Promised waits; what is counted is the promises made in the time."""

    queue: str | None = Field(None, pattern=r"^[a-z][a-z0-9_-]{0,39}$", description="Only this queue; none: all, and their sum.")


class PromiseRow(Row):
    """Promised against actual waits of a queue; an empty name: all queues."""

    queue: str
    said: bool = Field(description="True: what callers heard; false: what was expected when each caller came.")
    promised: int = Field(description="Those whose wait is over.")
    answered: int = Field(description="Only these have an actual wait.")
    within: int = Field(description="Waited a time within the range; the range is made so that four of five should.")
    sooner: int
    later: int
    share_within: float | None
    median_error_ms: int | None = Field(description="Half of the answered waited at most this far from the middle of the range.")


class PromiseReport(Row):
    """The lines of promised against actual waits."""

    items: list[PromiseRow]


class FormulaRow(Row):
    """One way to reckon."""

    name: str
    source: str
    unit: Literal["share", "ratio", "count", "ms", "erlang"]
    of: list[str]
    title: dict[str, str] = Field(description="By language.")
    formula: dict[str, str] = Field(description="By language; T is the threshold.")


class FormulaList(Row):
    """Every formula."""

    items: list[FormulaRow]
