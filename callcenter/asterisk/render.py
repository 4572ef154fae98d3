"""Writes Asterisk's configuration from ``asterisk-conf/*.j2``, ``dialplan/*`` and checked facts.

``render(etc, facts)`` returns the names of the files it changed; ``reloads(changed)`` says which modules must be
reloaded for that, and ``needs_restart(changed)`` whether only a restart will do.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import jinja2

from callcenter.asterisk import render_values as check
from callcenter.asterisk.centre_facts import CentreFacts, FallbackQueue, Phone, centre_facts
from callcenter.asterisk.music import lay_default_music
from callcenter.asterisk.trunk_facts import Trunk, TrunkIn, TrunkOut
from callcenter.asterisk.witness import rotate_when_large
from callcenter.basics.errors import SetupFailed

__all__ = [
    "CentreFacts",
    "FallbackQueue",
    "Phone",
    "Trunk",
    "TrunkIn",
    "TrunkOut",
    "centre_facts",
    "needs_restart",
    "prepare_folders",
    "reloads",
    "render",
]

_PROJECT: Final = Path(__file__).resolve().parents[2]
_SOURCES: Final = (_PROJECT / "asterisk-conf", _PROJECT / "dialplan")

_RELOADED_BY: Final = {
    "pjsip_agents.conf": ("res_pjsip.so",),
    "pjsip_trunks.conf": ("res_pjsip.so", "res_pjsip_endpoint_identifier_ip.so", "res_pjsip_outbound_registration.so"),
    "queues.conf": ("app_queue.so",),
    "extensions.conf": ("pbx_config.so",),
    "entry.conf": ("pbx_config.so",),
    "feature-codes.conf": ("pbx_config.so",),
    "fallback.conf": ("pbx_config.so",),
    "fallback-queues.conf": ("pbx_config.so",),
    "musiconhold.conf": ("res_musiconhold.so",),
    "rtp.conf": ("res_rtp_asterisk.so",),
    "ari.conf": ("res_ari.so",),
    "manager.conf": ("manager",),
    "logger.conf": ("logger",),
    "features.conf": ("features",),
    "http.conf": ("http",),
}


def render(target: Path, facts: CentreFacts) -> set[str]:
    """Write every file of Asterisk's etc folder that is not yet as ``facts`` want it; returns their names.

    Each file is replaced in one step and readable by its owner only. SetupFailed when it can't be written.
    """
    texts = _texts(facts, check.path("target", target.absolute()))
    changed = {name for name, text in texts.items() if _read(target / name) != text}
    try:
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in sorted(changed):
            _replace(target / name, texts[name])
    except OSError as error:
        raise SetupFailed(f"Asterisk's configuration can't be written: {error}", f"Make {target} writable.") from error
    return changed


def prepare_folders(facts: CentreFacts) -> None:
    """Make the folders that Asterisk writes to or reads from, lay some music, set aside what grew large.

    SetupFailed when a folder can't be made.
    """
    below = facts.asterisk_dir
    wanted = [
        *(below / part for part in ("lib", "lib/agi", "spool", "spool/recording", "run", "log")),
        facts.prompts_dir,
        facts.music_dir,
        facts.voicemail_dir,
        facts.witness_file.parent,
        facts.cdr_file.parent,
    ]
    for folder in wanted:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise SetupFailed(f"The folder {folder} can't be made: {error}", "Make its parent writable.") from error
    lay_default_music(facts.music_dir)
    for endless in (facts.witness_file, facts.cdr_file):
        rotate_when_large(endless)


def reloads(changed: Iterable[str]) -> list[str]:
    """The modules to reload after ``render`` changed these files, each once; live calls are not disturbed."""
    return sorted({module for name in changed for module in _RELOADED_BY.get(name, ())})


def needs_restart(changed: Iterable[str]) -> bool:
    """Whether a changed file is one that Asterisk reads at its start only (transports, modules, paths, CEL)."""
    return any(name not in _RELOADED_BY for name in changed)


def _texts(facts: CentreFacts, etc_dir: str) -> dict[str, str]:
    """Every file's name and text. Pure but for reading the templates."""
    environment = jinja2.Environment(  # noqa: S701 - Asterisk's files know no escaping: values are checked, not escaped
        loader=jinja2.FileSystemLoader(_SOURCES),
        undefined=jinja2.StrictUndefined,
        finalize=check.harmless,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        comment_start_string="{##",
        comment_end_string="##}",
    )
    values = {"facts": facts, "etc_dir": etc_dir}
    texts = {}
    for source in environment.list_templates(filter_func=_is_source):
        texts[source.removesuffix(".j2")] = environment.get_template(source).render(values)
    return texts


def _is_source(name: str) -> bool:
    return "/" not in name and name.endswith((".conf", ".conf.j2"))


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        return None


def _replace(path: Path, text: str) -> None:
    """Put ``text`` where ``path`` is, in one step, readable by the owner only."""
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
    fresh.replace(path)
