"""Callbacks in the API: who is to be called back, ask for it (a web site's form), cancel it."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from aiohttp import web
from pydantic import Field, ValidationError

from callcenter.basics import clock
from callcenter.basics.errors import BadRequest, NotFound
from callcenter.basics.vocabulary import Kind, Language, is_id
from callcenter.calls import callback_store as store
from callcenter.calls.callbacks import Wish
from callcenter.console.api.callers import PlainText
from callcenter.console.api.models import Body, Row
from callcenter.console.asking import answer, ask_of, body_of
from callcenter.console.rights import Operation
from callcenter.console.table import Doc, Route


class CallbackQuery(Body):
    """Which callbacks to list; everything given must hold."""

    state: Literal["waiting", "calling", "done", "failed", "cancelled"] | None = None
    queue: str | None = Field(None, max_length=40)
    limit: int = Field(50, ge=1, le=200)
    after: str | None = Field(None, max_length=40, description="``next`` of the page before.")


class CallbackPost(Body):
    """Who is to be called back, by which queue."""

    queue: str = Field(max_length=40)
    number: str = Field(pattern=r"^\+?[0-9]{3,20}$", description="Must begin as the setting ``outside_allowed`` says.")
    name: PlainText = Field("", max_length=80)
    language: Language = Language.ZH


class CallbackRow(Row):
    """Somebody who is, or was, to be called back."""

    id: str
    queue: str
    number: str
    name: str
    language: Language
    since: datetime = Field(description="Since when the customer waits: the place in the queue.")
    asked_at: datetime
    asked_by: str = Field(description="``call``, or the user or token who asked for it.")
    first_call: str = Field(description="The call in which it was asked for; empty for one of the web.")
    state: Literal["waiting", "calling", "done", "failed", "cancelled"]
    attempts: int = Field(description="How often the customer was dialled.")
    next_try: datetime = Field(description="The customer is not dialled before this moment.")
    ended_at: datetime | None
    outcome: str = Field(description="answered, no_answer, busy, failed, cancelled; empty while it is live.")
    last_call: str = Field(description="The call that calls back, or that will.")


class CallbackPage(Row):
    """A page of callbacks, newest first."""

    items: list[CallbackRow]
    next: str | None = Field(None, description="Give it as ``after`` for the next page; null on the last one.")


def _row(callback: store.Callback) -> CallbackRow:
    return CallbackRow.model_validate({name: getattr(callback, name) for name in CallbackRow.model_fields})


async def list_callbacks(request: web.Request) -> web.StreamResponse:
    """A page of callbacks."""
    try:
        query = CallbackQuery.model_validate({name: value for name, value in request.query.items() if value != ""})
    except ValidationError as error:
        raise BadRequest("; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())) from error
    pool = ask_of(request).parts.pool
    found = await store.read_page(pool, state=query.state, queue=query.queue, after=query.after, limit=query.limit + 1)
    page = [_row(one) for one in found[: query.limit]]
    return answer({"items": page, "next": page[-1].id if len(found) > query.limit else None})


async def ask_for_callback(request: web.Request) -> web.StreamResponse:
    """Somebody waits from now on, in the same line as callers, to be called back."""
    ask = ask_of(request)
    wanted = await body_of(request, CallbackPost)
    made = await ask.parts.callbacks.ask(
        Wish(
            queue=wanted.queue,
            number=wanted.number,
            since_ms=clock.utc_ms(),
            asked_by=ask.who.label,
            name=wanted.name,
            language=wanted.language,
        )
    )
    await ask.audit("callbacks.change", f"callback:{made.id}", queue=made.queue, number=made.number)
    return answer(_row(made), status=201)


async def cancel_callback(request: web.Request) -> web.StreamResponse:
    """Nobody is called back."""
    ask, callback = ask_of(request), request.match_info["callback"]
    if not is_id(callback, Kind.CALLBACK):
        raise NotFound(f"there is no callback {callback!r:.40}")
    gone = await ask.parts.callbacks.cancel(callback)
    await ask.audit("callbacks.change", f"callback:{callback}", cancelled=True)
    return answer(_row(gone))


ROUTES: Final = (
    Route(
        method="GET", path="/api/v1/callbacks", handler=list_callbacks, operation=Operation.CALLBACKS_SEE,
        doc=Doc(summary="Who is, or was, to be called back", answer=CallbackPage, query=CallbackQuery, refusals=(503,)),
    ),
    Route(
        method="POST", path="/api/v1/callbacks", handler=ask_for_callback, operation=Operation.CALLBACKS_CHANGE,
        doc=Doc(
            summary="Call somebody back: they wait in the queue's line from now on",
            body=CallbackPost, answer=CallbackRow, status=201, refusals=(404, 409, 503),
        ),
    ),
    Route(
        method="DELETE", path="/api/v1/callbacks/{callback}", handler=cancel_callback, operation=Operation.CALLBACKS_CHANGE,
        doc=Doc(summary="Call nobody back", answer=CallbackRow, refusals=(404, 409, 503)),
    ),
)  # fmt: skip
