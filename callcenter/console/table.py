"""What one row of the route table is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from pydantic import BaseModel

from callcenter.console.rights import Operation

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, kw_only=True)
class Doc:
    """How OpenAPI tells of a route."""

    summary: str
    answer: type[BaseModel] | None = None
    """None: the answer is not JSON; ``media`` says what it is."""
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    status: int = 200
    media: str = "application/json"
    upload: tuple[str, ...] = ()
    """Media types of a file as body; the same file may come as a form's field ``file``."""
    refusals: tuple[int, ...] = ()
    """Error statuses beyond 400, 401, 403."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """One thing that can be asked of the console."""

    method: str
    path: str
    handler: Handler
    operation: Operation
    doc: Doc | None = None
    """Only of the API; pages have none."""
    has_slashes: str = ""
    """The parameter, the path's last, that may hold slashes."""
    takes_file: bool = False
    """A form with a file may be sent here; its first field is then ``csrf``, unless the token stands in a header."""

    @property
    def pattern(self) -> str:
        """The path as aiohttp matches it."""
        return self.path.replace(f"{{{self.has_slashes}}}", f"{{{self.has_slashes}:.+}}") if self.has_slashes else self.path

    @property
    def is_api(self) -> bool:
        """Whether programs ask this: errors are problem+json, never a page."""
        return self.path.startswith(("/api/", "/healthz", "/metrics"))
