"""Signing in and out, and choosing the language."""

from __future__ import annotations

import secrets
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from callcenter.basics import metrics
from callcenter.basics.errors import Forbidden
from callcenter.basics.logs import get_logger
from callcenter.basics.vocabulary import Language
from callcenter.console import accounts, languages, sessions, store, throttle
from callcenter.console.asking import Ask, ask_of, see_other
from callcenter.console.rights import Operation
from callcenter.console.table import Route

_log = get_logger(__name__)
_FORM_COOKIE: Final = "cc_form"
_YEAR_S: Final = 365 * 86400


def _set_cookie(ask: Ask, response: web.StreamResponse, name: str, value: str, max_age_s: int | None) -> None:
    response.set_cookie(name, value, max_age=max_age_s, httponly=True, samesite="Lax", secure=ask.console.is_secure, path="/")


def safe_target(text: str) -> str:
    """Where to go after signing in: only pages of ours."""
    parts = urlsplit(text)
    is_ours = text.startswith("/") and not text.startswith(("//", "/\\")) and not parts.netloc and not any(ord(char) < 33 for char in text)
    return text[:500] if is_ours else "/"


def _form(ask: Ask, *, target: str, name: str = "", error: str = "", status: int = 200) -> web.Response:
    token = secrets.token_urlsafe(24)
    response = ask.page("signin.html", form_token=token, target=target, name=name, error=error, status=status)
    _set_cookie(ask, response, _FORM_COOKIE, token, None)
    return response


async def show(request: web.Request) -> web.StreamResponse:
    """The form."""
    ask = ask_of(request)
    target = safe_target(request.query.get("to", "/"))
    return see_other(target) if ask.person else _form(ask, target=target)


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Try a name and a password."""
    ask, form = ask_of(request), await request.post()
    _ = ask.words.gettext
    name, password = str(form.get("name", "")).strip()[:64], str(form.get("password", ""))
    target = safe_target(str(form.get("to", "/")))
    if not secrets.compare_digest(str(form.get("csrf", "")).encode(), request.cookies.get(_FORM_COOKIE, "-").encode()):
        metrics.SIGN_INS.labels("expired").inc()
        return _form(ask, target=target, name=name, error=_("The form had expired. Please try again."), status=403)
    address, device = ask.address or "", request.cookies.get(throttle.DEVICE_COOKIE, "")[:100]
    blocked_s = await ask.console.throttle.blocked_s(address, name, device)
    if blocked_s > 0:
        metrics.SIGN_INS.labels("throttled").inc()
        response = _form(ask, target=target, name=name, error=_("Too many tries. Please wait a moment and try again."), status=429)
        response.headers["Retry-After"] = str(blocked_s)
        return response
    person = await accounts.verify(ask.parts.pool, name, password)
    if person is None:
        metrics.SIGN_INS.labels("refused").inc()
        await ask.console.throttle.failed(address, name, device)
        _log.warning("a sign-in was refused", pii_user=name, pii_address=address)
        return _form(ask, target=target, name=name, error=_("Name or password is wrong."), status=401)
    metrics.SIGN_INS.labels("ok").inc()
    response = see_other(target)
    token, _session = await ask.console.sessions.open(person.name, instead_of=request.cookies.get(sessions.COOKIE, ""))
    _set_cookie(ask, response, sessions.COOKIE, token, None)
    known = await ask.console.throttle.succeeded(address, name, device)
    _set_cookie(ask, response, throttle.DEVICE_COOKIE, known, throttle.DEVICE_S)
    response.del_cookie(_FORM_COOKIE, path="/")
    ask.person = person
    await ask.audit("sign-in", f"user:{person.name}")
    return response


async def sign_out(request: web.Request) -> web.StreamResponse:
    """End the session."""
    ask = ask_of(request)
    await ask.console.sessions.close(request.cookies.get(sessions.COOKIE, ""))
    response = see_other("/signin")
    response.del_cookie(sessions.COOKIE, path="/")
    return response


async def choose_language(request: web.Request) -> web.StreamResponse:
    """Take a language for this browser, and for the user wherever they sign in."""
    ask, form = ask_of(request), await request.post()
    language = str(form.get("language", ""))
    if language not in set(Language):
        raise Forbidden("there is no such language")
    response = see_other(safe_target(str(form.get("to", "/"))))
    _set_cookie(ask, response, languages.COOKIE, language, _YEAR_S)
    if ask.person and not ask.person.is_token:
        await store.set_language(ask.parts.pool, ask.person.name, language)
    return response


ROUTES: Final = (
    Route(method="GET", path="/signin", handler=show, operation=Operation.PUBLIC),
    Route(method="POST", path="/signin", handler=sign_in, operation=Operation.PUBLIC),
    Route(method="POST", path="/signout", handler=sign_out, operation=Operation.SIGNED_IN),
    Route(method="POST", path="/language", handler=choose_language, operation=Operation.PUBLIC),
)
