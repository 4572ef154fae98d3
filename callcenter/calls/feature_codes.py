"""What an agent may dial to change their own state, and the prompt that confirms it. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from callcenter.acd.model import Mode


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """A code's meaning."""

    mode: Mode
    prompt: str
    """Prompt name without language."""


CODES: Final = {
    "*40": Feature(mode=Mode.READY, prompt="agent-ready"),
    "*41": Feature(mode=Mode.PAUSED, prompt="agent-paused"),
    "*42": Feature(mode=Mode.OFFLINE, prompt="agent-offline"),
}
"""``*40`` sign on or ready (置闲), ``*41`` pause (置忙), ``*42`` sign off (签出)."""


def feature_of(dialled: str) -> Feature | None:
    """The feature of a dialled code, or None when it is none."""
    return CODES.get(dialled)
