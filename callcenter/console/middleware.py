"""Around every request: security headers, errors as a page or problem+json, who asks, whether they may, and the count of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from redis.exceptions import RedisError
from yarl import URL

from callcenter.basics import clock, metrics
from callcenter.basics.errors import CallCenterError, Forbidden, StoreAway, Unauthorised
from callcenter.basics.logs import get_logger
from callcenter.console import accounts, sessions, store, uploads
from callcenter.console.asking import ASK, Ask, Console, see_other
from callcenter.console.languages import wished
from callcenter.console.rights import Operation, Person
from callcenter.console.sessions import Session
from callcenter.console.table import Handler, Route
from callcenter.database.pool import AWAY

_log = get_logger(__name__)
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
CONSOLE: Final = web.AppKey("console", Console)
ROUTES: Final[web.AppKey[Mapping[tuple[str, str], Route]]] = web.AppKey("routes", dict)
"""(method, path) → the route table's row."""

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-NONCE'; "
    "img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
}


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """The security headers, on everything that is sent, streams too."""
    ask = request.get(ASK)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value.replace("NONCE", ask.style_nonce) if ask else value)
    if request.app[CONSOLE].is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")


def row_of(request: web.Request) -> Route | None:
    """The route table's row for a request; None for static files and unknown paths."""
    resource = request.match_info.route.resource
    return request.app[ROUTES].get((request.method if request.method != "HEAD" else "GET", resource.canonical)) if resource else None


@web.middleware
async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The one middleware."""
    began_s, route = clock.monotonic_s(), row_of(request)
    console = request.app[CONSOLE]
    request[ASK] = ask = Ask(console=console, request=request, words=console.words[wished(request, "", console.parts.settings.language)])
    try:
        if route is not None:
            await _admit(ask, route)
        response = await handler(request)
    except Exception as error:
        response = _refusal(ask, route, error)
    if response.content_type != "text/event-stream":
        metrics.HTTP_REQUEST_S.labels(route.path if route else "other").observe(clock.monotonic_s() - began_s)
    metrics.HTTP_REQUESTS.labels(request.method if route else "other", route.path if route else "other", response.status).inc()
    return response


async def _admit(ask: Ask, route: Route) -> None:
    """Find out who asks, and refuse what they may not."""
    request = ask.request
    ask.operation = route.operation
    if route.operation is Operation.PUBLIC and route.is_api:
        return
    bearer = request.headers.get(hdrs.AUTHORIZATION, "")
    try:
        if bearer:
            ask.person = await _by_token(ask, bearer)
        else:
            ask.session, ask.person = await _by_session(ask)
    except OSError as error:
        raise StoreAway from error
    if ask.person:
        ask.words = ask.console.words[wished(request, ask.person.language, ask.parts.settings.language)]
    if not bearer and request.method not in _SAFE:
        await _same_origin(ask, route)
    if route.operation is Operation.PUBLIC:
        return
    if ask.person is None:
        raise Unauthorised
    ask.person.must(route.operation)


async def _by_token(ask: Ask, header: str) -> Person:
    scheme, _, token = header.partition(" ")
    person = await accounts.verify_token(ask.parts.pool, token.strip()[:500]) if scheme.lower() == "bearer" else None
    if person is None:
        raise Unauthorised("this token is not known; send: Authorization: Bearer TOKEN")
    return person


async def _by_session(ask: Ask) -> tuple[Session | None, Person | None]:
    session = await ask.console.sessions.find(ask.request.cookies.get(sessions.COOKIE, "")[:200])
    user = await store.read_user(ask.parts.pool, session.user) if session else None
    if session is None or user is None or session.opened_s < user.password_changed_s:
        return None, None
    return session, accounts.person_of(user)


async def _same_origin(ask: Ask, route: Route) -> None:
    """Refuse forms and scripts of other sites: by Origin, and by the session's CSRF token."""
    request = ask.request
    origin = request.headers.get(hdrs.ORIGIN)
    ours = {urlsplit(ask.console.public_origin).netloc, request.host}
    is_foreign = origin is not None and urlsplit(origin).netloc not in ours
    if is_foreign or request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        raise Forbidden("this form comes from another site")
    if ask.session is None or request.path == "/signin":  # its form has a token of its own, from before there is a session
        return
    token = request.headers.get("X-CSRF-Token")
    if token is None and request.content_type == "application/x-www-form-urlencoded":
        token = str((await request.post()).get("csrf", ""))
    elif token is None and route.takes_file and request.content_type == uploads.FORM:
        ask.form = await uploads.opened(request)
        first = await uploads.next_part(ask.form)
        token = await uploads.text_field(first) if first is not None and first.name == "csrf" else None
    if token != ask.session.csrf:
        raise Forbidden("this form has expired; load the page again")


def _refusal(ask: Ask, route: Route | None, error: Exception) -> web.StreamResponse:
    """An error as its asker understands it."""
    is_api = route.is_api if route else ask.request.path.startswith("/api/")
    if isinstance(error, web.HTTPException):
        if error.status < 400:
            return error
        known: Any = CallCenterError(error.reason)
        known.status, known.slug = error.status, error.reason.lower().replace(" ", "-")
    elif isinstance(error, CallCenterError):
        known = error
    elif isinstance(error, (*AWAY, RedisError)):
        _log.warning("a store was away for a request", path=route.path if route else "", reason=f"{type(error).__name__}: {error}"[:300])
        known = StoreAway()
    else:
        _log.error("a request failed", path=route.path if route else "", exc_info=error)
        known = CallCenterError()
    if is_api:
        return problem(known)
    if isinstance(known, Unauthorised):
        target = ask.request.path_qs if ask.request.method == "GET" and "text/html" in ask.request.headers.get("Accept", "") else "/"
        return see_other(str(URL("/signin").with_query({"to": target} if target != "/" else {})))
    return ask.page("problem.html", status=known.status, problem=known)


def problem(error: CallCenterError) -> web.Response:
    """An error as application/problem+json."""
    title = (type(error).__doc__ or "").splitlines()[0].rstrip(".") if type(error) is not CallCenterError else str(error)
    fields: dict[str, Any] = {"type": error.slug, "title": title, "status": error.status, "detail": str(error), **_plain_details(error)}
    headers = {hdrs.WWW_AUTHENTICATE: "Bearer"} if error.status == 401 else {}
    return web.json_response(fields, status=error.status, content_type="application/problem+json", headers=headers)


def _plain_details(error: CallCenterError) -> dict[str, Any]:
    details: dict[str, Any] = {}
    for name, value in error.details.items():
        if name == "faults" and isinstance(value, list):
            details["places"] = [{"place": fault[0], "reason": fault[1]} if isinstance(fault, tuple) else fault for fault in value]
        elif isinstance(value, str | int | float | bool | None):
            details[name] = value
    return details
