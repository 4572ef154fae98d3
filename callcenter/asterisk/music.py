"""Music on hold for a centre that has brought none: a slow pentatonic tune, made here, so nobody's rights are touched.

Asterisk drops a music class whose folder is empty at its start and a reload does not bring it back, so there must be a file.
"""

from __future__ import annotations

import array
import math
import sys
import wave
from pathlib import Path
from typing import Final

from callcenter.basics.vocabulary import NAME

_RATE: Final = 8000
_BEAT_S: Final = 0.8
_DECAY_S: Final = 0.9
_PEAK: Final = 5000
_TUNE: Final = (0, 2, 4, 2, 7, 4, 9, 7, 4, 7, 2, 4, 0, 2, -3, 0, -5, -3, 0, 2, 4, 2, 0, 0)
"""Semitones above the key note; one a beat."""
_KEY_HZ: Final = 349.23
FILE_NAME: Final = "callcenter-default.wav"


_SOUND: Final = frozenset({".wav", ".sln", ".alaw", ".ulaw", ".gsm", ".g722"})
DEFAULT: Final = "default"
"""The class of the files that lie in the music folder itself."""


def music_classes(folder: Path) -> tuple[str, ...]:
    """The music classes that queues may name: ``default``, and each folder in ``folder`` that has a sound file and a proper name."""
    if not folder.is_dir():
        return (DEFAULT,)
    found = sorted(path.name for path in folder.iterdir() if path.is_dir() and NAME.fullmatch(path.name) and _has_sound(path))
    return (DEFAULT, *(name for name in found if name != DEFAULT))


def _has_sound(folder: Path) -> bool:
    return any(path.suffix in _SOUND for path in folder.iterdir())


def lay_default_music(folder: Path) -> bool:
    """Write the default tune into ``folder`` when no sound file is there; whether it was written."""
    if _has_sound(folder):
        return False
    samples = array.array("h", _samples())
    if sys.byteorder == "big":
        samples.byteswap()
    with wave.open(str(folder / FILE_NAME), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(samples.tobytes())
    return True


def _samples() -> list[int]:
    """The tune: each note a sine with its octave, dying away under the next."""
    beat, ring = int(_RATE * _BEAT_S), int(_RATE * _BEAT_S * 2)
    fade = [min(1.0, at / 80) * math.exp(-at / (_RATE * _DECAY_S)) * min(1.0, (ring - at) / 800) for at in range(ring)]
    mixed = [0.0] * (beat * len(_TUNE))
    for place, semitones in enumerate(_TUNE):
        step = 2 * math.pi * _KEY_HZ * 2 ** (semitones / 12) / _RATE
        for at in range(ring):
            mixed[(place * beat + at) % len(mixed)] += fade[at] * (math.sin(step * at) + 0.25 * math.sin(2 * step * at))
    loudest = max(abs(value) for value in mixed)
    return [round(_PEAK * value / loudest) for value in mixed]
