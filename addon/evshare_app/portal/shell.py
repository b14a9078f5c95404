"""What lets a phone keep the portal as an app: manifest, service worker, and the page without a connection.

Browsers take them only over TLS or on the same machine. The worker keeps style, scripts, icons and that one page, which
is nobody's; pages about anyone are never kept.
"""

from collections.abc import Sequence
import hashlib
import json
from pathlib import Path

from aiohttp import web

from ..i18n import LANGUAGES, gettext_for
from ..web.listener import Access, Route
from ..web.pages import View
from .door import PortalDoor

_WORKER = (Path(__file__).parent / "worker.js").read_text()
_KEPT = ("app.css", "live.js", "mark.svg")
"""What the page without a connection needs, and most others too."""
_ICONS = (
    ("mark.svg", "any", "image/svg+xml"),
    ("icon-192.png", "192x192", "image/png"),
    ("icon-512.png", "512x512", "image/png"),
)
_GROUND, _BRAND = "#f3f6f4", "#0a7350"


class Shell:
    """Manifest, worker, and the page without a connection."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        return (
            Route(method="GET", path="/manifest.webmanifest", handler=self._manifest, access=Access.ANYONE),
            Route(method="GET", path="/sw.js", handler=self._worker, access=Access.ANYONE),
            Route(method="GET", path="/offline", handler=self._offline, access=Access.ANYONE),
        )

    async def _manifest(self, request: web.Request) -> web.Response:
        view = self._door.view(request)
        say = gettext_for(view.language)
        name = view.building or "evshare"
        manifest = {
            "id": "/",
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "lang": view.language,
            "name": say("%s: charging") % name,
            "short_name": name,
            "background_color": _GROUND,
            "theme_color": _BRAND,
            "icons": [
                {"src": view.asset(icon), "sizes": sizes, "type": kind, "purpose": purpose}
                for icon, sizes, kind in _ICONS
                for purpose in (("any",) if icon == "mark.svg" else ("any", "maskable"))
            ],
        }
        return web.Response(text=json.dumps(manifest), content_type="application/manifest+json")

    async def _worker(self, request: web.Request) -> web.Response:
        view = self._nobodys(request)
        offline = f"/offline?language={view.language}"
        kept = [view.asset(name) for name in _KEPT]
        page = self._door.pages.text("offline.html", view)
        # Another page, style or script is another worker: the browser fetches all of it anew.
        version = hashlib.sha256("\n".join((page, _WORKER, *kept)).encode()).hexdigest()[:12]
        told = {"VERSION": version, "OFFLINE": offline, "SHELL": kept, "NAME": view.building or "evshare"}
        told["ICON"] = view.asset("icon-192.png")
        head = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in told.items())
        return web.Response(text=head + _WORKER, content_type="text/javascript")

    async def _offline(self, request: web.Request) -> web.Response:
        return web.Response(
            text=self._door.pages.text("offline.html", self._nobodys(request)), content_type="text/html"
        )

    def _nobodys(self, request: web.Request) -> View:
        """Return what a page knows that belongs to no one, in the language that was asked for."""
        seen = self._door.view(request)
        asked = request.query.get("language", "")
        language = asked if asked in LANGUAGES else seen.language
        return View(
            language=language,
            zone=seen.zone,
            building=seen.building,
            static=seen.static,
            installable=seen.installable,
        )
