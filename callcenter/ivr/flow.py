"""Flows as data. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from callcenter.ivr.nodes.assign import Assign, SetLanguage
from callcenter.ivr.nodes.base import NodeName
from callcenter.ivr.nodes.collect import Collect
from callcenter.ivr.nodes.condition import Condition
from callcenter.ivr.nodes.ends import Hangup, ToAgent, ToCallback, ToNumber, ToQueue, ToVoicemail
from callcenter.ivr.nodes.lookup import Lookup
from callcenter.ivr.nodes.menu import Menu
from callcenter.ivr.nodes.play import Play

AnyNode = Annotated[
    Play | Menu | Collect | Condition | Assign | SetLanguage | Lookup | ToQueue | ToCallback | ToAgent | ToNumber | ToVoicemail | Hangup,
    Field(discriminator="type"),
]


class Flow(BaseModel):
    """A flow: named nodes, one of which is the first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] = 1
    title: Annotated[str, Field(max_length=80)] = ""
    start: NodeName
    nodes: Annotated[dict[NodeName, AnyNode], Field(min_length=1, max_length=500)]
