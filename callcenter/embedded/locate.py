"""Where the programs are: Asterisk in the machine or in its private root, Postgres, Redis."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from callcenter.basics.errors import SetupFailed
from callcenter.basics.settings import Settings

PROJECT: Final = Path(__file__).resolve().parents[2]
"""The folder that holds the package, sql/, asterisk-conf/, dialplan/ and web/."""
LEAST_ASTERISK: Final = (22, 10)


@dataclass(frozen=True, kw_only=True)
class AsteriskPlace:
    """An Asterisk that can be run: command line and folders."""

    program: tuple[str, ...]
    """What to execute; a private root's own loader first, so that no chroot is needed."""
    module_dir: Path
    data_dir: Path
    version: str

    @property
    def rest_api(self) -> Path:
        """The folder of Asterisk's own description of ARI."""
        return self.data_dir / "rest-api"


def asterisk(settings: Settings) -> AsteriskPlace:
    """The Asterisk to run: that of ``asterisk_root``, else the machine's if new enough, else the one set-up has unpacked.

    SetupFailed when there is none, or only older ones.
    """
    if settings.asterisk_root is not None:
        return _checked(_in_root(settings.asterisk_root.absolute()), settings.asterisk_root)
    own = _own()
    if own is not None and _number(own.version) >= LEAST_ASTERISK:
        return own
    for root in (settings.var / "asterisk-root", PROJECT / "var" / "asterisk-root"):
        if (root / "usr/sbin/asterisk").exists():
            return _checked(_in_root(root), root)
    found = f"This machine's Asterisk is {own.version}, 22.10 or later is needed" if own else "There is no Asterisk"
    raise SetupFailed(found, f"Run: scripts/install-asterisk {settings.var / 'asterisk-root'}")


def elsewhere(settings: Settings) -> AsteriskPlace:
    """The Asterisk that somebody else runs on this machine: that of ``asterisk_root``, else by its usual folders where it can't be found.

    SetupFailed when there is none in ``asterisk_root``.
    """
    if settings.asterisk_root is not None:
        return _checked(_in_root(settings.asterisk_root.absolute()), settings.asterisk_root)
    usual = AsteriskPlace(
        program=("asterisk",), module_dir=Path("/usr/lib/asterisk/modules"), data_dir=Path("/usr/share/asterisk"), version="elsewhere"
    )
    return _own() or usual


def _checked(place: AsteriskPlace | None, root: Path) -> AsteriskPlace:
    if place is None:
        raise SetupFailed(f"There is no Asterisk that runs in {root}", f"Run: rm -rf {root} && scripts/install-asterisk {root}")
    if _number(place.version) < LEAST_ASTERISK:
        raise SetupFailed(f"Asterisk in {root} is {place.version}, 22.10 or later is needed", f"Run: scripts/install-asterisk {root}")
    return place


def _in_root(root: Path) -> AsteriskPlace | None:
    program = root / "usr/sbin/asterisk"
    loader = next((path for pattern in ("usr/lib64/ld-linux*", "usr/lib/ld-linux*") for path in sorted(root.glob(pattern))), None)
    modules = next(iter(sorted(root.glob("usr/lib/*/asterisk/modules"))), None)
    if not program.exists() or loader is None or modules is None:
        return None
    command = (str(loader), "--library-path", str(modules.parents[1]), str(program))
    version = _version(command)
    if version is None:
        return None
    return AsteriskPlace(program=command, module_dir=modules, data_dir=root / "usr/share/asterisk", version=version)


def _own() -> AsteriskPlace | None:
    program = shutil.which("asterisk", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    version = None if program is None else _version((program,))
    modules = next((path for base in (Path("/usr/lib"), Path("/usr/local/lib")) for path in base.glob("**/asterisk/modules")), None)
    data = next((path for path in (Path("/usr/share/asterisk"), Path("/var/lib/asterisk")) if (path / "rest-api").is_dir()), None)
    if program is None or version is None or modules is None or data is None:
        return None
    return AsteriskPlace(program=(program,), module_dir=modules, data_dir=data, version=version)


def _version(command: tuple[str, ...]) -> str | None:
    try:
        said = subprocess.run([*command, "-V"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"Asterisk (?:certified/)?(\d+(?:\.\d+)+)", said)
    return found.group(1) if found else None


def _number(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def postgres_bin(data: Path) -> Path:
    """The folder of Postgres' programs: of the version that made ``data``, else the newest. SetupFailed when there is none."""
    folders = {path.parents[1].name: path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")}
    if (elsewhere := shutil.which("initdb")) is not None:
        folders.setdefault("0", Path(elsewhere).resolve().parent)
    made_by = data / "PG_VERSION"
    if made_by.exists():
        version = made_by.read_text(encoding="ascii").strip()
        if version in folders:
            return folders[version]
        raise SetupFailed(f"The data in {data} are of Postgres {version}, which is not installed", f"Install postgresql-{version}.")
    if not folders:
        raise SetupFailed("Postgres is not installed", "Run 'make setup', or install the package postgresql.")
    return folders[max(folders, key=lambda name: int(name.split(".")[0]))]


def has_redis() -> None:
    """SetupFailed when this machine has no Redis."""
    if not any(shutil.which(name) for name in ("redis-server", "valkey-server", "redis-check-rdb")):
        raise SetupFailed("Redis is not installed", "Run 'make setup', or install the package redis-tools.")


def redis_server(link_dir: Path) -> Path:
    """Redis' server. Debian's redis-tools holds it under another name, which decides what it does: a link gives it its own."""
    has_redis()
    for name in ("redis-server", "valkey-server"):
        if (found := shutil.which(name)) is not None:
            return Path(found)
    link = link_dir / "redis-server"
    link.unlink(missing_ok=True)
    link.symlink_to(str(shutil.which("redis-check-rdb")))
    return link
