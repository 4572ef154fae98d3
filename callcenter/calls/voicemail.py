"""Nobody took the call: the caller may leave a message, which goes into the same store as recordings."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from callcenter.basics.errors import AsteriskRefused
from callcenter.calls import line, taps
from callcenter.calls.greeting import answer
from callcenter.calls.phases import Phase
from callcenter.calls.session import Session
from callcenter.ledger import events as ledger

_LONGEST_MESSAGE_S = 180.0


async def voicemail(session: Session) -> Phase:
    """Greet, sound the tone, record until ``#``, the limit or the hang-up."""
    await answer(session)
    language = session.record.language
    await line.play(session, [f"{language}/voicemail-greeting", "beep"])
    while not session.digits.empty():
        session.digits.get_nowait()
    await taps.start(session)
    if not session.record.recording:
        await line.play(session, [f"{language}/out-of-service"])
        return Phase.DONE
    session.message_left = True
    session.note(ledger.VoicemailLeft, box=session.record.voicemail_box, recording=session.record.recording)
    with suppress(TimeoutError, AsteriskRefused):
        async with asyncio.timeout(_LONGEST_MESSAGE_S):
            while await session.digits.get() != "#":
                pass
    await taps.stop(session)
    await line.play(session, [f"{language}/goodbye"])
    return Phase.DONE
