"""Console sessions, kept in Redis under the digest of a random cookie: whoever reads Redis can't sign in with it.

A session ends after ``IDLE_S`` without a request, ``ABSOLUTE_S`` after signing in, at sign-out, and when the password changes.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

import msgspec
from redis.asyncio import Redis

from callcenter.basics import clock
from callcenter.live import keys

COOKIE: Final = "cc_session"
IDLE_S: Final = 2 * 3600
ABSOLUTE_S: Final = 12 * 3600
_TOUCH_S: Final = 30


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An open session."""

    user: str
    csrf: str
    """What every form must bring back."""
    opened_s: float
    """UTC seconds since 1970."""
    seen_s: float


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Session)


def digest(token: str) -> str:
    """Under which name a random token is kept."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


class Sessions:
    """The sessions of all consoles."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def open(self, user: str, *, instead_of: str = "") -> tuple[str, Session]:
        """A new session and its cookie; the one the browser had before ends."""
        await self.close(instead_of)
        token, now = secrets.token_urlsafe(32), clock.utc_now().timestamp()
        session = Session(user=user, csrf=secrets.token_urlsafe(24), opened_s=now, seen_s=now)
        await self._redis.set(keys.session(digest(token)), _encoder.encode(session), ex=IDLE_S)
        return token, session

    async def find(self, token: str) -> Session | None:
        """The session of a cookie, its idle time beginning anew; None when it has ended."""
        if not token:
            return None
        key = keys.session(digest(token))
        if (text := await self._redis.get(key)) is None:
            return None
        session, now = _decoder.decode(text), clock.utc_now().timestamp()
        left_s = session.opened_s + ABSOLUTE_S - now
        if left_s <= 0:
            await self._redis.delete(key)
            return None
        if now - session.seen_s > _TOUCH_S:
            session = msgspec.structs.replace(session, seen_s=now)
            await self._redis.set(key, _encoder.encode(session), ex=max(1, int(min(IDLE_S, left_s))), xx=True)
        return session

    async def close(self, token: str) -> None:
        """End a session; nothing happens when there is none."""
        if token:
            await self._redis.delete(keys.session(digest(token)))
