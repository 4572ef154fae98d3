"""Callers the centre knows in the API: VIPs, those who may be refused, the language they are spoken to."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final

from aiohttp import web
from pydantic import AfterValidator, Field, ValidationError

from callcenter.acd import admin_store
from callcenter.acd.check import faults_of_need
from callcenter.basics.errors import BadRequest
from callcenter.basics.vocabulary import Language, display_name
from callcenter.console.api.models import Body, Row
from callcenter.console.asking import answer, ask_of, body_of
from callcenter.console.rights import Operation
from callcenter.console.table import Doc, Route
from callcenter.lines import callers_store as store
from callcenter.lines.callers import key_of

_NUMBER: Final = re.compile(r"\+?[0-9]{2,32}")


def _plain(text: str) -> str:
    if display_name(text, len(text)) != text.strip():
        raise ValueError("holds a control character")
    return text.strip()


PlainText = Annotated[str, AfterValidator(_plain)]


class CallerQuery(Body):
    """Which callers to list; everything given must hold."""

    search: PlainText | None = Field(None, max_length=80, description="A part of the number or of the name.")
    vip: bool | None = None
    blacklisted: bool | None = None
    limit: int = Field(50, ge=1, le=200)
    after: str | None = Field(None, pattern=r"^\+?[0-9]{1,32}$", description="``next`` of the page before.")


class CallerPut(Body):
    """What is to be known of a caller; what is not given is as of a stranger."""

    name: PlainText = Field("", max_length=80)
    vip: bool = Field(False, description="10 points of priority in queues, unless the flow sets another.")
    blacklisted: bool = Field(False, description="Refused only where a flow asks for it.")
    language: Language | None = Field(None, description="Spoken to in this language; null: the dialled number's.")
    owner: str = Field("", pattern=r"^([0-9]{2,8})?$", description="The agent whose customer this is; queues may ask them first.")
    need: dict[str, int] = Field(default_factory=dict, max_length=20, description="Skill → least level, 1 to 10, of whoever answers.")
    note: PlainText = Field("", max_length=500)


class CallerRow(Row):
    """A caller."""

    number: str = Field(description="As it was given; any spelling of it finds the caller.")
    name: str
    vip: bool
    blacklisted: bool
    language: Language | None
    owner: str
    need: dict[str, int]
    note: str
    created_at: datetime
    changed_at: datetime


class CallerPage(Row):
    """A page of callers, by number."""

    items: list[CallerRow]
    next: str | None = Field(None, description="Give it as ``after`` for the next page; null on the last one.")


class CallerRemoved(Row):
    """Who is a stranger again."""

    number: str


async def list_callers(request: web.Request) -> web.StreamResponse:
    """A page of callers."""
    try:
        query = CallerQuery.model_validate({name: value for name, value in request.query.items() if value != ""})
    except ValidationError as error:
        raise BadRequest("; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())) from error
    found = await store.list_callers(
        ask_of(request).parts.pool,
        text=query.search or None,
        vip=query.vip,
        blacklisted=query.blacklisted,
        after=query.after,
        limit=query.limit + 1,
    )
    page = found[: query.limit]
    return answer({"items": page, "next": page[-1].key if len(found) > query.limit else None})


def _number_of(request: web.Request) -> str:
    number = request.match_info["number"]
    if not _NUMBER.fullmatch(number):
        raise BadRequest(f"number: {number!r:.40} is no telephone number: 2 to 32 digits, perhaps with a leading +", field="number")
    return number


async def save_caller(request: web.Request) -> web.StreamResponse:
    """Know a caller from now on, or know something else of one."""
    ask, number = ask_of(request), _number_of(request)
    wanted = await body_of(request, CallerPut)
    if faults := faults_of_need(wanted.need, await admin_store.skill_names(ask.parts.pool), "need"):
        raise BadRequest("; ".join(f"{place}: {reason}" for place, reason in faults), field="need")
    saved = await store.put_caller(ask.parts.pool, key=key_of(number), number=number, **dict(wanted))
    await ask.audit("callers.change", f"caller:{saved.key}", **wanted.model_dump(mode="json"))
    await ask.parts.changed()
    return answer(saved)


async def remove_caller(request: web.Request) -> web.StreamResponse:
    """Forget a caller."""
    ask, key = ask_of(request), key_of(_number_of(request))
    number = await store.remove_caller(ask.parts.pool, key)
    await ask.audit("callers.change", f"caller:{key}", removed=True)
    await ask.parts.changed()
    return answer({"number": number})


ROUTES: Final = (
    Route(
        method="GET", path="/api/v1/callers", handler=list_callers, operation=Operation.CALLERS_SEE,
        doc=Doc(summary="Callers the centre knows", answer=CallerPage, query=CallerQuery, refusals=(503,)),
    ),
    Route(
        method="PUT", path="/api/v1/callers/{number}", handler=save_caller, operation=Operation.CALLERS_CHANGE,
        doc=Doc(summary="Know a caller: VIP, blacklisted, language", body=CallerPut, answer=CallerRow, refusals=(503,)),
    ),
    Route(
        method="DELETE", path="/api/v1/callers/{number}", handler=remove_caller, operation=Operation.CALLERS_CHANGE,
        doc=Doc(summary="Forget a caller", answer=CallerRemoved, refusals=(404, 503)),
    ),
)  # fmt: skip
