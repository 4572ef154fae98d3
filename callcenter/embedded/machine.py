"""What the machine must have before anything is started; each lack is one clear line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from callcenter.basics.errors import SetupFailed
from callcenter.basics.settings import Settings

LEAST_FREE_MB: Final = 500
_SOCKET_NAME_LIMIT: Final = 107


def check(settings: Settings) -> None:
    """SetupFailed for the first thing that would keep the centre from running. Ports are looked at apart."""
    check_folder(settings.var)
    check_space(settings.var)
    check_socket_names(settings)


def check_folder(var: Path) -> None:
    """SetupFailed when ``var`` can't be made or written."""
    remedy = "Make it writable for the user who starts this, or set CALLCENTER_VAR_DIR to a folder that is."
    try:
        for folder in (var, var / "log", var / "run"):
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise SetupFailed(f"The folder {folder} can't be written by this user", remedy)
        (var / "secrets").mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise SetupFailed(f"The folder {var} can't be made or written: {error.strerror}", remedy) from error


def check_space(var: Path, least_mb: int = LEAST_FREE_MB) -> None:
    """SetupFailed when less than ``least_mb`` megabytes are free: recordings and the ledger must find room."""
    free_mb = shutil.disk_usage(var).free // 1_000_000
    if free_mb < least_mb:
        raise SetupFailed(f"Only {free_mb} MB are free below {var}, at least {least_mb} MB are needed", "Free some space.")


def check_socket_names(settings: Settings) -> None:
    """SetupFailed when a socket's name is longer than the kernel takes."""
    names = [settings.var / "postgres/run/.s.PGSQL.5432", settings.var / "redis/redis.sock", settings.asterisk_dir / "run/asterisk.ctl"]
    longest = max((str(name) for name in names), key=len)
    if len(longest.encode()) > _SOCKET_NAME_LIMIT:
        what = f"The folder's name is too long for sockets below it: {longest}"
        raise SetupFailed(what, "Set CALLCENTER_VAR_DIR to a shorter one.")
