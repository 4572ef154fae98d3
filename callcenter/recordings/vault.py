"""Encryption: AES-256-GCM in chunks that can be read one by one, the data key of each recording wrapped by a key of the centre.

A chunk is bound to its recording, its place and the number of chunks, so none can be swapped, moved or left out. Keys of the
centre lie in files of mode 600 outside the database; a new one is made by ``rotate`` and old data keys are only wrapped anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from callcenter.basics.errors import CallCenterError

CHUNK: Final = 64 * 1024
"""Bytes of plain audio in a chunk; the last may be shorter."""
_PREFIX: Final = "recordings-"


class Damaged(CallCenterError):
    """The recording was damaged or tampered with."""

    slug = "recording-damaged"


class Keys:
    """The centre's keys, one file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, bytes] = {}

    def newest(self) -> str:
        """The id of the key to wrap with; the first one is made at first use."""
        found = sorted(path.name.removeprefix(_PREFIX) for path in self._folder.glob(f"{_PREFIX}[0-9]*") if path.suffix != ".new")
        return found[-1] if found else self._make("0001")

    def rotate(self) -> str:
        """Make a new key; recordings keep theirs until they are wrapped anew."""
        return self._make(f"{int(self.newest()) + 1:04d}")

    def _make(self, key_id: str) -> str:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._folder / f"{_PREFIX}{key_id}.{os.getpid()}.new"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(os.urandom(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            (self._folder / f"{_PREFIX}{key_id}").hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return key_id

    def _key(self, key_id: str) -> bytes:
        if key_id not in self._known:
            if not key_id.isdecimal():
                raise Damaged(f"no key is called {key_id!r:.20}")
            self._known[key_id] = (self._folder / f"{_PREFIX}{key_id}").read_bytes()
        return self._known[key_id]

    def wrap(self, data_key: bytes, key_id: str) -> bytes:
        """A data key under a key of the centre (RFC 3394)."""
        return aes_key_wrap(self._key(key_id), data_key)

    def unwrap(self, wrapped: bytes, key_id: str) -> bytes:
        """The data key; Damaged when it is not under this key."""
        try:
            return aes_key_unwrap(self._key(key_id), wrapped)
        except (InvalidUnwrap, FileNotFoundError) as error:
            raise Damaged("the recording's key can't be opened") from error


def chunks_of(size: int) -> int:
    """How many chunks ``size`` bytes make."""
    return -(-size // CHUNK)


def _bound(recording: str, number: int, total: int) -> bytes:
    return f"{recording}/{number}/{total}".encode()


def encrypt(data_key: bytes, recording: str, number: int, total: int, plain: bytes) -> bytes:
    """One chunk; each data key encrypts each number once, so the number is the nonce."""
    return AESGCM(data_key).encrypt(number.to_bytes(12, "big"), plain, _bound(recording, number, total))


def decrypt(data_key: bytes, recording: str, number: int, total: int, body: bytes) -> bytes:
    """One chunk's plain audio; Damaged when it is not what was stored in this place."""
    try:
        return AESGCM(data_key).decrypt(number.to_bytes(12, "big"), body, _bound(recording, number, total))
    except InvalidTag as error:
        raise Damaged(f"chunk {number} of recording {recording} is not what was stored") from error
