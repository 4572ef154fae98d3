"""What an agent may dial at a phone, and what it does; the codes are settings. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from itertools import permutations
from typing import Final

import msgspec

from callcenter.basics.errors import SetupFailed

_CODE: Final = re.compile(r"[*#][0-9*#]{1,6}")


class Deed(StrEnum):
    """What a code does; its name is the setting's."""

    READY = "ready"
    """Ready for calls (置闲); ends a wrap-up."""
    PAUSE = "pause"
    """Paused (置忙); a digit behind it is the reason's position in the list."""
    OFFLINE = "offline"
    """Signed off (签出)."""
    SIGN_ON = "sign_on"
    """Somebody signs on at this phone (签入): job number and PIN are asked for."""
    MORE_TIME = "more_time"
    """More time for the after-call work."""
    SAY_STATE = "say_state"
    """Which state, and for how long."""


DEFAULTS: Final[Mapping[Deed, str]] = {
    Deed.READY: "*40",
    Deed.PAUSE: "*41",
    Deed.OFFLINE: "*42",
    Deed.SIGN_ON: "*44",
    Deed.MORE_TIME: "*45",
    Deed.SAY_STATE: "*46",
}
_WITH_DIGIT: Final = frozenset({Deed.PAUSE})


class Dialled(msgspec.Struct, frozen=True):
    """A code that was dialled."""

    deed: Deed
    digit: str = ""
    """What was dialled behind it."""


class FeatureCodes:
    """The codes in force."""

    def __init__(self, changed: Mapping[str, str] | None = None) -> None:
        """``changed``: deed → code, in place of the usual one; SetupFailed names each that can't be."""
        wanted = {**{str(deed): code for deed, code in DEFAULTS.items()}, **(changed or {})}
        faults = [f"{deed}: there is no such deed; there are {', '.join(Deed)}" for deed in wanted if deed not in DEFAULTS]
        faults += [
            f"{deed}: {code!r:.20} is no code: * or #, then 1 to 6 keys" for deed, code in wanted.items() if not _CODE.fullmatch(code)
        ]
        for (one, code), (other, longer) in permutations(wanted.items(), 2):
            if longer == code and one < other:
                faults.append(f"{one}, {other}: both are {code}")
            elif one in _WITH_DIGIT and re.fullmatch(re.escape(code) + "[0-9]", longer):
                faults.append(f"{other}: {longer} is {code} of {one} with a digit behind it")
        if faults:
            raise SetupFailed(f"feature_codes: {'; '.join(faults)}", "correct the setting; docs/agents.md lists the codes")
        self.codes: Mapping[Deed, str] = {Deed(deed): code for deed, code in wanted.items()}
        self._deeds = {code: deed for deed, code in self.codes.items()}

    def find(self, dialled: str) -> Dialled | None:
        """What a dialled code means; None when it is none."""
        if deed := self._deeds.get(dialled):
            return Dialled(deed)
        deed = self._deeds.get(dialled[:-1])
        return Dialled(deed, dialled[-1]) if deed in _WITH_DIGIT and dialled[-1].isdecimal() else None
