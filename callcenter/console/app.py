"""Builds the console's application from its parts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aiohttp import web

from callcenter.console import languages
from callcenter.console.asking import Console
from callcenter.console.live import FRAMES, Frames
from callcenter.console.middleware import CONSOLE, ROUTES, add_headers, around
from callcenter.console.parts import Parts
from callcenter.console.routes import ROUTES as TABLE
from callcenter.console.sessions import Sessions
from callcenter.console.templates import Static, Templates
from callcenter.console.throttle import Throttle

WEB: Final = Path(__file__).parents[2] / "web"
"""Templates, styles, scripts and translations."""
_BODY_MOST: Final = 2 * 1024 * 1024


def build_app(parts: Parts) -> web.Application:
    """The application; whoever calls runs it. Nothing of it is global, so several can run in one process."""
    settings = parts.settings
    words = languages.load(WEB / "locale", settings.timezone)
    static = Static(WEB / "static")
    templates = Templates(WEB / "templates", static, words)
    public = (settings.public_url or "").rstrip("/")
    app = web.Application(middlewares=[around], client_max_size=_BODY_MOST)
    app[CONSOLE] = Console(
        parts=parts,
        sessions=Sessions(parts.redis),
        throttle=Throttle(parts.redis),
        templates=templates,
        words=words,
        is_secure=public.startswith("https://"),
        public_origin=public,
    )
    app[FRAMES] = Frames(templates)
    app[ROUTES] = {(route.method, route.path): route for route in TABLE}
    for route in TABLE:
        app.router.add_route(route.method, route.pattern, route.handler)
        if route.method == "GET":
            app.router.add_route("HEAD", route.pattern, route.handler)
    app.router.add_get("/static/{name:.+}", static.serve)
    app.on_response_prepare.append(add_headers)
    return app
