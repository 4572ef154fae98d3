"""Who may do what: one table, operation × role → nothing, what is one's own, or everything. Pure.

A call is one's own when one was its agent; a state when it is one's own job number's; a recording when its call is.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Final

import msgspec

from callcenter.basics.errors import Forbidden


class Role(StrEnum):
    """What a user or a token is."""

    ADMIN = "admin"
    SUPERVISOR = "supervisor"
    AGENT = "agent"


class Reach(Enum):
    """How far an operation may go."""

    NONE = 0
    OWN = 1
    ALL = 2


class Operation(StrEnum):
    """Everything that can be asked of the console. Each route names one."""

    PUBLIC = "public"
    SIGNED_IN = "signed-in"
    LIVE_SEE = "live.see"
    CALLS_SEE = "calls.see"
    CALLS_CONTROL = "calls.control"
    CALLS_ORIGINATE = "calls.originate"
    CALLS_SUPERVISE = "calls.supervise"
    RECORDINGS_HEAR = "recordings.hear"
    RECORDINGS_CONTROL = "recordings.control"
    RECORDINGS_CHANGE = "recordings.change"
    AGENTS_SEE = "agents.see"
    AGENTS_STATE = "agents.state"
    AGENTS_CHANGE = "agents.change"
    CENTRE_SEE = "centre.see"
    FLOWS_CHANGE = "flows.change"
    NUMBERS_CHANGE = "numbers.change"
    QUEUES_CHANGE = "queues.change"
    TRUNKS_CHANGE = "trunks.change"
    WAITING_CHANGE = "waiting.change"
    CALLERS_SEE = "callers.see"
    CALLERS_CHANGE = "callers.change"
    PROMPTS_CHANGE = "prompts.change"
    CALLBACKS_SEE = "callbacks.see"
    CALLBACKS_CHANGE = "callbacks.change"
    CONFERENCES_SEE = "conferences.see"
    CONFERENCES_CONTROL = "conferences.control"
    CONFERENCES_CHANGE = "conferences.change"
    METRICS_SEE = "metrics.see"
    REPORTS_SEE = "reports.see"


_N, _O, _A = Reach.NONE, Reach.OWN, Reach.ALL

RIGHTS: Final[dict[Operation, dict[Role, Reach]]] = {
    operation: dict(zip((Role.ADMIN, Role.SUPERVISOR, Role.AGENT), reaches, strict=True))
    for operation, reaches in {
        #                            admin supervisor agent
        Operation.PUBLIC:           (_A, _A, _A),
        Operation.SIGNED_IN:        (_A, _A, _A),
        Operation.LIVE_SEE:         (_A, _A, _O),
        Operation.CALLS_SEE:        (_A, _A, _O),
        Operation.CALLS_CONTROL:    (_A, _A, _O),
        Operation.CALLS_ORIGINATE:  (_A, _A, _O),
        Operation.CALLS_SUPERVISE:  (_A, _A, _N),
        Operation.RECORDINGS_HEAR:  (_A, _A, _O),
        Operation.RECORDINGS_CONTROL: (_A, _A, _O),
        Operation.RECORDINGS_CHANGE: (_A, _N, _N),
        Operation.AGENTS_SEE:       (_A, _A, _A),
        Operation.AGENTS_STATE:     (_A, _A, _O),
        Operation.AGENTS_CHANGE:    (_A, _N, _N),
        Operation.CENTRE_SEE:       (_A, _A, _N),
        Operation.FLOWS_CHANGE:     (_A, _N, _N),
        Operation.NUMBERS_CHANGE:   (_A, _N, _N),
        Operation.QUEUES_CHANGE:    (_A, _N, _N),
        Operation.TRUNKS_CHANGE:    (_A, _N, _N),
        Operation.WAITING_CHANGE:   (_A, _A, _N),
        Operation.CALLERS_SEE:      (_A, _A, _N),
        Operation.CALLERS_CHANGE:   (_A, _A, _N),
        Operation.PROMPTS_CHANGE:   (_A, _A, _N),
        Operation.CALLBACKS_SEE:    (_A, _A, _N),
        Operation.CALLBACKS_CHANGE: (_A, _A, _N),
        Operation.CONFERENCES_SEE:  (_A, _A, _N),
        Operation.CONFERENCES_CONTROL: (_A, _A, _N),
        Operation.CONFERENCES_CHANGE: (_A, _A, _N),
        Operation.METRICS_SEE:      (_A, _N, _N),
        Operation.REPORTS_SEE:      (_A, _A, _N),
    }.items()
}  # fmt: skip
"""The whole of it. Agents see colleagues and queues live, but of calls and recordings only their own."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: a user or a token."""

    name: str
    role: Role
    agent: str = ""
    """The job number of a user who takes calls."""
    is_token: bool = False
    language: str = ""
    """The chosen language; empty: what the browser asks for."""

    @property
    def label(self) -> str:
        """How audit and ledger call this person: ``supervisor:mei``, ``agent:1001``, ``token:demo``."""
        return f"token:{self.name}" if self.is_token else f"{self.role}:{self.name}"

    def may(self, operation: Operation, owner: str | None = None) -> bool:
        """Whether this person may: at all, or with what belongs to the agent ``owner``."""
        reach = RIGHTS[operation][self.role]
        if reach is Reach.OWN and owner is not None:
            return bool(self.agent) and owner == self.agent
        return reach is not Reach.NONE

    def must(self, operation: Operation, owner: str | None = None) -> None:
        """Raise Forbidden unless this person may."""
        if not self.may(operation, owner):
            raise Forbidden(operation=str(operation))

    def sees_all(self, operation: Operation) -> bool:
        """Whether everything, not only what is one's own."""
        return RIGHTS[operation][self.role] is Reach.ALL
