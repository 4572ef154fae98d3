"""What every handler needs of a request: the parts, who asks, in which language; and how it answers with a page or JSON."""

from __future__ import annotations

import ipaddress
import json
import secrets
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import MultipartReader, web
from pydantic import BaseModel, ValidationError

from callcenter.basics.errors import BadRequest, NotFound
from callcenter.basics.vocabulary import Language
from callcenter.console import store
from callcenter.console.languages import Words
from callcenter.console.parts import Parts
from callcenter.console.rights import Operation, Person
from callcenter.console.sessions import Session, Sessions
from callcenter.console.templates import Templates
from callcenter.console.throttle import Throttle
from callcenter.live.board import Topic

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Console:
    """The console's own parts, made once by ``build_app``."""

    parts: Parts
    sessions: Sessions
    throttle: Throttle
    templates: Templates
    words: dict[Language, Words]
    is_secure: bool
    """Whether browsers come by https, so cookies must not travel without it."""
    public_origin: str
    """``https://host`` when the console stands behind a proxy; empty: the request's own host."""


@dataclass(kw_only=True)
class Ask:
    """One request: who asks, and the means to answer."""

    console: Console
    request: web.Request
    words: Words
    person: Person | None = None
    session: Session | None = None
    operation: Operation = Operation.PUBLIC
    form: MultipartReader | None = None
    """A form with a file whose reading has begun, where its first field was the CSRF token."""
    style_nonce: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    """Lets the waveform's own style sheet through the content security policy."""

    @property
    def parts(self) -> Parts:
        """What the console is built from."""
        return self.console.parts

    @property
    def who(self) -> Person:
        """The person who asks; only behind routes that are not public."""
        assert self.person is not None
        return self.person

    @property
    def hides_supervision(self) -> bool:
        """Whether this person must not see that supervisors were with a call."""
        return not self.parts.settings.supervision_visible and not self.who.may(Operation.CALLS_SUPERVISE)

    def must(self, owner: str | None) -> None:
        """Forbidden unless the person may do the route's operation with what is ``owner``'s."""
        self.who.must(self.operation, owner or "")

    async def must_of_call(self, call: str) -> None:
        """NotFound when no such call is up; Forbidden unless the person may do the route's operation with a call of its agent."""
        now = (await self.parts.board.snapshot())[Topic.CALLS].get(call)
        if now is None:
            raise NotFound(f"no call {call!r:.60} is up")
        self.must(str(now.get("agent") or ""))

    @property
    def address(self) -> str | None:
        """Where the request comes from: through our own proxy, what the proxy says."""
        remote = self.request.remote
        if self.console.public_origin and remote in ("127.0.0.1", "::1"):
            return self.request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()[:64] or remote
        return remote

    async def audit(self, what: str, subject: str, **details: object) -> None:
        """Write down that this person did something."""
        address = self.address if _is_address(self.address) else None
        await store.add_audit(self.parts.pool, self.who.label, what, subject=subject, details=details, address=address)

    async def audit_once(self, what: str, subject: str, *, within_s: float, **details: object) -> None:
        """Write it down, once in ``within_s`` seconds however often this person does it."""
        address = self.address if _is_address(self.address) else None
        label = self.who.label
        await store.add_audit_once(self.parts.pool, label, what, subject=subject, details=details, address=address, within_s=within_s)

    def page(self, template: str, *, status: int = 200, **context: Any) -> web.Response:
        """A rendered page."""
        asked = {"person": self.person, "session": self.session, "path": self.request.path, "style_nonce": self.style_nonce}
        body = self.console.templates.render(template, self.words, **asked, **context)
        return web.Response(text=body, content_type="text/html", charset="utf-8", status=status, headers={"Cache-Control": "no-store"})


ASK: Final = web.RequestKey("ask", Ask)
"""Where the middleware puts it."""


def ask_of(request: web.Request) -> Ask:
    """What the middleware made of a request."""
    return request[ASK]


def see_other(target: str) -> web.Response:
    """Send the browser to another page."""
    return web.Response(status=303, headers={"Location": target, "Cache-Control": "no-store"})


def answer(body: Any, *, status: int = 200) -> web.Response:
    """JSON of pydantic models, msgspec Structs, datetimes and plain data."""
    return web.Response(
        body=msgspec.json.encode(body, enc_hook=_plain),
        content_type="application/json",
        status=status,
        headers={"Cache-Control": "no-store"},
    )


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no JSON form")


async def body_of(request: web.Request, model: type[M]) -> M:
    """The request's JSON body, checked; BadRequest naming each field that is wrong."""
    try:
        text = await request.text()
        return model.model_validate(json.loads(text) if text.strip() else {})
    except ValidationError as error:
        faults = [{"field": ".".join(map(str, fault["loc"])), "reason": fault["msg"]} for fault in error.errors()]
        raise BadRequest("; ".join(f"{fault['field']}: {fault['reason']}" for fault in faults), faults=faults) from error
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is no JSON object in UTF-8") from error


def _is_address(text: str | None) -> bool:
    try:
        ipaddress.ip_address(text or "")
    except ValueError:
        return False
    return True
