"""lookup: ask another system by HTTP, go on by its answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal
from urllib.parse import quote, unquote, urlsplit

from pydantic import Field, model_validator

from callcenter.ivr import asks
from callcenter.ivr.asks import Answer, LookedUp
from callcenter.ivr.nodes.base import TEMPLATE, Context, Go, Move, Node, NodeName, VariableName


class Lookup(Node):
    """Sends a request whose address may hold ``{variables}`` behind the host; values are encoded, never trusted."""

    type: Literal["lookup"]
    method: Literal["GET", "POST"] = "GET"
    url: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+(/.*)?$", max_length=500)]
    body: Annotated[dict[str, Annotated[str, Field(max_length=200)]], Field(max_length=20)] | None = None
    timeout_s: Annotated[float, Field(ge=0.2, le=10)] = 3
    fields: Annotated[dict[VariableName, Annotated[str, Field(max_length=80)]], Field(max_length=20)] = {}
    """Variable → field of the JSON answer."""
    next: NodeName
    not_found: NodeName | None = None
    """For 404; none: like any other failure."""
    otherwise: NodeName
    """No answer, no success."""

    @model_validator(mode="after")
    def _fixed_host(self) -> Lookup:
        if "{" in self.url.partition("://")[2].partition("/")[0]:
            raise ValueError("the host may not come from a variable")
        urlsplit(self.url).port  # noqa: B018 - raises ValueError for a port or an IPv6 address that can't be
        if self.body is not None and self.method == "GET":
            raise ValueError("a GET has no body")
        return self

    def exits(self) -> Mapping[str, str]:
        """Found, not found, failed."""
        missing = {"not_found": self.not_found} if self.not_found else {}
        return {"next": self.next, **missing, "otherwise": self.otherwise}

    def sets(self) -> tuple[str, ...]:
        """Fields of the answer."""
        return tuple(self.fields)

    def templates(self) -> Iterator[tuple[str, str]]:
        """Address and body."""
        yield "url", self.url
        for name, text in (self.body or {}).items():
            yield f"body.{name}", text

    def enter(self, name: str, context: Context) -> Move:
        """Ask."""
        url = TEMPLATE.sub(lambda match: quote(context.value(match[1]), safe="", errors="replace"), self.url)
        if any(unquote(part) in (".", "..") for part in urlsplit(url).path.split("/")):
            return Move(then=Go(to=self.otherwise))
        body = None
        if self.body is not None:
            body = {key: TEMPLATE.sub(lambda match: context.value(match[1]), text) for key, text in self.body.items()}
        return Move(then=asks.Lookup(method=self.method, url=url, body=body, timeout_s=self.timeout_s))

    def take(self, name: str, context: Context, answer: Answer) -> Move:
        """Go on by the answer."""
        if not isinstance(answer, LookedUp) or not 200 <= answer.status < 300:
            missing = isinstance(answer, LookedUp) and answer.status == 404 and self.not_found
            return Move(then=Go(to=missing or self.otherwise))
        values = {variable: answer.fields.get(field, "")[:200] for variable, field in self.fields.items()}
        return Move(then=Go(to=self.next), variables=values)
