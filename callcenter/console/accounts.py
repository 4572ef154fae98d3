"""Users and API tokens: passwords as argon2id, tokens as digests. Used by the console, the command line and the demo."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from typing import Final

import asyncpg
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from callcenter.basics.errors import BadRequest
from callcenter.basics.vocabulary import Language
from callcenter.console import store
from callcenter.console.rights import Person, Role
from callcenter.database.pool import Querier

PASSWORD_LEAST: Final = 10
PASSWORD_MOST: Final = 200
_hasher: Final = PasswordHasher(time_cost=3, memory_cost=19 * 1024, parallelism=1)
_NOBODY: Final = _hasher.hash(secrets.token_urlsafe(16))
"""Checked when there is no such user, so that the answer takes as long."""


async def _in_thread(work: str, *given: str) -> object:
    """Hash or verify off the event loop: it takes tens of milliseconds of a core."""
    return await asyncio.to_thread(getattr(_hasher, work), *given)


def check_password(password: str) -> None:
    """BadRequest unless the password's length is fit."""
    if not PASSWORD_LEAST <= len(password) <= PASSWORD_MOST:
        raise BadRequest(f"password: use {PASSWORD_LEAST} to {PASSWORD_MOST} characters", field="password")


async def _hash(password: str) -> str:
    check_password(password)
    return str(await _in_thread("hash", password))


async def add_user(pool: Querier, *, name: str, role: str, password: str, agent: str | None = None, language: str | None = None) -> None:
    """Add a user. BadRequest when something is malformed or taken, NotFound without such an agent."""
    if role not in set(Role):
        raise BadRequest(f"role: {role!r:.20} is none of {', '.join(Role)}", field="role")
    if role == Role.AGENT and not agent:
        raise BadRequest("agent: a user of role agent needs a job number", field="agent")
    if language is not None and language not in set(Language):
        raise BadRequest(f"language: {language!r:.20} is none of {', '.join(Language)}", field="language")
    await store.add_user(pool, name, role=role, agent=agent, password_hash=await _hash(password), language=language)


async def set_password(pool: asyncpg.Pool, name: str, password: str) -> None:
    """Replace a password; the user's open sessions end. NotFound, BadRequest."""
    await store.set_password(pool, name, await _hash(password))


async def verify(pool: asyncpg.Pool, name: str, password: str) -> Person | None:
    """The person with this name and password, or None; takes the same time whether the name exists or not."""
    user = await store.read_user(pool, name[:100]) if "\x00" not in name else None
    try:
        await _in_thread("verify", user.password if user else _NOBODY, password[:PASSWORD_MOST])
    except (VerificationError, InvalidHashError):
        return None
    if user is None:
        return None
    if _hasher.check_needs_rehash(user.password):
        await store.replace_hash(pool, user.name, str(await _in_thread("hash", password)))
    return person_of(user)


def person_of(user: store.UserRow) -> Person:
    """The person a stored user is."""
    return Person(name=user.name, role=Role(user.role), agent=user.agent, language=user.language)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


async def add_token(pool: Querier, *, title: str, role: str, token: str | None = None) -> str:
    """Add an API token and return it; only its digest is kept. BadRequest when ``token`` is too short to be safe."""
    token = token or secrets.token_urlsafe(32)
    if len(token) < 32:
        raise BadRequest("token: use 32 random characters or more", field="token")
    await store.add_token(pool, title, _digest(token), Role(role))
    return token


async def verify_token(pool: asyncpg.Pool, token: str) -> Person | None:
    """Who a bearer token is, or None."""
    found = await store.read_token(pool, _digest(token))
    return Person(name=found[0], role=Role(found[1]), is_token=True) if found else None
