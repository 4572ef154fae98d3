"""Numbers and where they lead. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from callcenter.basics.vocabulary import Language


class Number(BaseModel):
    """A number that callers dial, and where it leads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: str = Field(pattern=r"^\+?[0-9*#]{1,32}$", description="As the provider sends it.")
    title: str = Field("", max_length=80)
    kind: Literal["flow", "queue", "agent"]
    target: str = Field(max_length=40, description="The flow's, queue's or agent's name.")
    language: Language = Language.ZH
