"""Secrets that are made, never given: one file each under ``var/secrets``, readable by its owner only."""

from __future__ import annotations

import os
import re
import secrets as entropy
from pathlib import Path
from typing import Final

from callcenter.basics.settings import Settings

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")


def secret(settings: Settings, name: str) -> str:
    """The secret called ``name``: 32 url-safe characters, made at first use and the same for ever after.

    The file is linked into place complete: two processes that ask first at the same moment get one answer,
    and a crash half-way leaves no half secret. ValueError when ``name`` can't be a file name.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a secret's name: {name!r:.60}")
    path = settings.secrets_dir / name
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    _make(path, entropy.token_urlsafe(24))
    return _read(path)


def _read(path: Path) -> str:
    text = path.read_text(encoding="ascii").strip()
    if not text:
        raise FileNotFoundError(path)
    return text


def _make(path: Path, value: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{entropy.token_hex(6)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(value + "\n")
            file.flush()
            os.fsync(file.fileno())
        if path.exists() and not path.read_text(encoding="ascii").strip():
            path.unlink()
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
