"""What a call knows of those who watch it: that they want to hear of changes, and must be gone at its end."""

from __future__ import annotations

from typing import Protocol


class Onlooker(Protocol):
    """A supervisor who is with a call; ``supervising.py`` has the one there is."""

    def look(self) -> None:
        """The call's record has changed."""

    def begin_anew(self) -> None:
        """What Asterisk told meanwhile is lost: what was made of channels may be there no longer."""

    async def switch(self, mode: str, by: str) -> None:
        """Listen, whisper or barge in from now on. TooLate."""

    async def take_over(self, by: str) -> None:
        """Become the call's agent. TooLate."""

    async def leave(self) -> None:
        """Be with the call no longer."""

    async def close(self) -> None:
        """The call is over: leave nothing behind."""
