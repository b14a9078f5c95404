"""One listener: its routes with who may open them, and what surrounds every answer.

A route exists only with a declared `Access`; a path that is not declared is answered like a thing that does not exist.
Every response, errors too, carries the security headers; an unexpected error is logged and answered without detail.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
import logging
from typing import Protocol

from aiohttp import web
from yarl import URL

from .forms import BadInput

_LOGGER = logging.getLogger(__name__)

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refused(Exception):
    """A request is answered with an error page that tells the person why."""

    def __init__(self, status: int, message: str = "", *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after_s = retry_after_s


class Access(StrEnum):
    """Who may open a route."""

    ANYONE = "anyone"
    RESIDENT = "resident"
    MANAGER = "manager"
    INTEGRATION = "integration"


@dataclass(frozen=True, kw_only=True)
class Route:
    """One thing that can be asked for."""

    method: str
    path: str
    handler: Handler
    access: Access


class Door(Protocol):
    """What a listener decides for itself."""

    def headers(self, request: web.Request) -> dict[str, str]:
        """Return the security headers of this door's pages."""

    async def admit(self, request: web.Request, route: Route | None) -> None:
        """Let the request pass, or raise `Refused`. `route` is None for what is not declared here."""

    async def apologise(self, request: web.Request, status: int, message: str) -> web.Response:
        """Return the page for an error; `message` is empty where nothing may be told."""


def build_listener(door: Door, routes: Sequence[Route], *, max_body: int = 16 * 1024) -> web.Application:
    """Return the aiohttp application of one door."""
    declared: dict[object, Route] = {}

    @web.middleware
    async def surround(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await _answer(door, declared, request, handler)
        if not response.prepared:
            for name, value in door.headers(request).items():
                response.headers.setdefault(name, value)
        return response

    app = web.Application(middlewares=[surround], client_max_size=max_body)
    for route in routes:
        declared[app.router.add_route(route.method, route.path, route.handler)] = route
    return app


async def _answer(
    door: Door, declared: dict[object, Route], request: web.Request, handler: Handler
) -> web.StreamResponse:
    # An unknown path and a known one asked for in an unknown way are the same: nothing.
    route = declared.get(request.match_info.route)
    try:
        await door.admit(request, route)
        return await handler(request) if route is not None else await door.apologise(request, 404, "")
    except BadInput as error:
        return await door.apologise(request, 400, str(error))
    except Refused as refusal:
        page = await door.apologise(request, refusal.status, refusal.message)
        if refusal.retry_after_s is not None:
            page.headers["Retry-After"] = str(refusal.retry_after_s)
        return page
    except web.HTTPException as error:
        if error.status < 400:
            return web.Response(status=error.status, headers=error.headers)
        return await door.apologise(request, error.status, "")
    except Exception:
        _LOGGER.exception("Answering %s %s failed", request.method, route.path if route else "nothing")
        return await door.apologise(request, 500, "")


def content_security_policy(*, frame_ancestors: str, form_action: Sequence[str] = ()) -> str:
    """Return the policy: our own files only, no inline script or style, forms to us (and the hosted payment page)."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"form-action {' '.join(("'self'", *form_action))}; frame-ancestors {frame_ancestors}; base-uri 'none'"
    )


def security_headers(policy: str) -> dict[str, str]:
    """Return the headers every page carries.

    `Referrer-Policy` is same-origin, not no-referrer: with the latter browsers send `Origin: null` with our own forms.
    """
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Cache-Control": "no-store",
        "Server": "evshare",
    }


def came_from_itself(request: web.Request, address: str | None, host: str) -> bool:
    """Whether a POST was sent by a page of this door: `Origin` is `address` (or `host`), `Sec-Fetch-Site` agrees."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return False
    try:
        origin = URL(request.headers.get("Origin", ""))
        if not origin.host:
            return False
        return str(origin.origin()) == address if address else origin.authority == host
    except ValueError:
        return False
