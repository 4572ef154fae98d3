"""Recordings as people send them: tones of a pitch, written by real ffmpeg as wav or mp3."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

_SINE_DB = -18
"""ffmpeg's own."""


def recording(kind: str = "wav", *, seconds: float = 1.0, hertz: int = 440, peak_db: float = -6) -> bytes:
    """A tone as a studio would send it: 44.1 kHz, stereo."""
    sine = f"sine=frequency={hertz}:duration={seconds}:sample_rate=44100"
    with tempfile.TemporaryDirectory() as folder:
        # Into a file: to a pipe ffmpeg can't write how long it became.
        target = Path(folder) / f"tone.{kind}"
        command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", sine, "-af", f"volume={peak_db - _SINE_DB}dB", "-ac", "2", str(target)]
        subprocess.run(command, check=True, timeout=60)
        return target.read_bytes()
