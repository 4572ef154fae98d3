"""Numbers and where they lead. Pure."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from callcenter.basics.vocabulary import Language


def host_and_port(text: str) -> tuple[str, int]:
    """Host and port of ``host``, ``host:port``, ``address`` or ``[IPv6]:port``; ValueError for anything else."""
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.netloc != text or "@" in text:
        raise ValueError(f"{text!r:.80} is no host:port")
    return parts.hostname, parts.port or 5060


class Number(BaseModel):
    """A number that callers dial, and where it leads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: str = Field(pattern=r"^\+?[0-9*#]{1,32}$", description="As the provider sends it.")
    title: str = Field("", max_length=80)
    kind: Literal["flow", "queue", "agent", "conference"]
    target: str = Field(max_length=40, description="The flow's, queue's, agent's or conference's name.")
    language: Language = Language.ZH
    need: dict[str, int] = Field(default_factory=dict, description="Skill → least level that its callers ask for.")
