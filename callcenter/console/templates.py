"""jinja2 with escaping always on, one environment per language; static files by the hash of their content."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path
from typing import Any, Final

import jinja2
import msgspec
from aiohttp import web

from callcenter.basics.vocabulary import Language
from callcenter.console import wording
from callcenter.console.languages import NAMES, Words

_FOR_EVER: Final = "public, max-age=31536000, immutable"
_SERVED: Final = {".css", ".js", ".svg", ".png", ".woff2", ".ico"}


class Static:
    """Every file below ``web/static``, read at start, served under the hash of its content and kept by browsers for ever."""

    def __init__(self, folder: Path) -> None:
        self._paths: dict[str, str] = {}
        self._files: dict[str, tuple[bytes, str]] = {}
        for path in sorted(folder.rglob("*")):
            if path.suffix in _SERVED and path.is_file():
                content, name = path.read_bytes(), path.relative_to(folder).as_posix()
                hashed = f"{hashlib.sha256(content).hexdigest()[:12]}/{name}"
                self._paths[name] = f"/static/{hashed}"
                self._files[hashed] = content, mimetypes.guess_type(name)[0] or "application/octet-stream"

    def path(self, name: str) -> str:
        """Where browsers find a file; empty when it was not built."""
        return self._paths.get(name, "")

    async def serve(self, request: web.Request) -> web.Response:
        """Answer with a file."""
        found = self._files.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        response = web.Response(body=found[0], content_type=found[1], headers={"Cache-Control": _FOR_EVER})
        if found[1].startswith(("text/", "application/javascript", "image/svg")):
            response.enable_compression()
        return response


class Templates:
    """Renders pages and the fragments of the live page."""

    def __init__(self, folder: Path, static: Static, languages: dict[Language, Words]) -> None:
        self.static = static
        self._environments = {language: self._environment(folder, words) for language, words in languages.items()}

    def _environment(self, folder: Path, words: Words) -> jinja2.Environment:
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folder),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)  # type: ignore[attr-defined]
        environment.globals |= {"static": self.static.path, "words": words, "languages": NAMES}
        environment.filters |= {
            "moment": words.moment,
            "day": words.day,
            "time": words.time,
            "span": words.span,
            "name_of": lambda key: wording.name_of(words.gettext, str(key)),
            "short": _short,
            "to_json": lambda value: msgspec.json.encode(value).decode(),
        }
        return environment

    def render(self, template: str, words: Words, **context: Any) -> str:
        """A page or a fragment in one language."""
        return self._environments[words.language].get_template(template).render(context)


def _short(text: object, limit: int = 80) -> str:
    """At most ``limit`` characters, for names that somebody else chose."""
    plain = " ".join(str(text).split())
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"
