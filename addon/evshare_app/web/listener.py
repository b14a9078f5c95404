"""One listener: its routes with who may open them, and what surrounds every answer.

A route exists only with a declared `Access`; a path that is not declared is answered like a thing that does not exist.
Every response, errors too, carries the security headers; an unexpected error is logged and answered without detail.
Somebody who wanted to change something and was turned away is logged too, without a word of who it was.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
import logging
from typing import Protocol

from aiohttp import web
from yarl import URL

from ..i18n import gettext_for
from .again import Problem, filled_in
from .compress import compress
from .forms import BadInput, sent_fields
from .limits import Rate, TokenBuckets

_LOGGER = logging.getLogger(__name__)

_LOGGED = Rate(per_minute=30, burst=60)
"""Refusals that are logged: whoever knocks on and on must not fill the disk."""
_WORTH_ANOTHER_TRY = (400, 409, 503)
"""Refusals after which the same form, perhaps changed, may do."""
_WHY = {403: "not allowed", 404: "not there, or not theirs", 429: "too often"}

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refused(Exception):
    """A request is answered with an error page that tells the person why."""

    def __init__(self, status: int, message: str = "", *, retry_after_s: int | None = None, why: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after_s = retry_after_s
        self.why = why
        """The reason as the log tells it."""


class Access(StrEnum):
    """Who may open a route."""

    ANYONE = "anyone"
    RESIDENT = "resident"
    GUEST = "guest"
    """On the portal, a phone with a guest's pass, and no resident's."""
    INTEGRATION = "integration"
    MANAGER = "manager"
    """In the office, managers and nobody else. Which roles the other three let in is in `office/roles.py`."""
    BOARD = "board"
    TECHNICIAN = "technician"
    OFFICE = "office"


@dataclass(frozen=True, kw_only=True)
class Route:
    """One thing that can be asked for."""

    method: str
    path: str
    handler: Handler
    access: Access
    form_on: str = ""
    """Path of the page whose form this answers, with the same names in braces. When something in the form cannot be
    used, that page is shown again with the form as it was filled in."""


class Door(Protocol):
    """What a listener decides for itself."""

    def headers(self, request: web.Request) -> dict[str, str]:
        """Return the security headers of this door's pages."""

    async def admit(self, request: web.Request, route: Route | None) -> None:
        """Let the request pass, or raise `Refused`. `route` is None for what is not declared here."""

    def language(self, request: web.Request) -> str:
        """Return the language in which this request is answered."""

    async def apologise(self, request: web.Request, status: int, message: str) -> web.Response:
        """Return the page for an error; `message` is empty where nothing may be told."""


def build_listener(
    door: Door,
    routes: Sequence[Route],
    *,
    max_body: int = 16 * 1024,
    finish: Callable[[web.StreamResponse], None] | None = None,
) -> web.Application:
    """Return the aiohttp application of one door. `finish` has the last word on every answer.

    Raises KeyError for a route whose form is on a page that is not declared.
    """
    declared: dict[object, Route] = {}
    pages = {route.path: route.handler for route in routes if route.method == "GET"}
    forms_on = {route: pages[route.form_on] for route in routes if route.form_on}
    logged = TokenBuckets(_LOGGED)

    @web.middleware
    async def surround(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await _answer(_Listener(door, declared, forms_on, logged), request, handler)
        if not response.prepared:
            for name, value in door.headers(request).items():
                response.headers.setdefault(name, value)
            if finish is not None:
                finish(response)
            compress(request, response)
        return response

    app = web.Application(middlewares=[surround], client_max_size=max_body)
    for route in routes:
        declared[app.router.add_route(route.method, route.path, route.handler)] = route
    return app


@dataclass(frozen=True)
class _Listener:
    """What every request of a listener is answered with."""

    door: Door
    declared: Mapping[object, Route]
    forms_on: Mapping[Route, Handler]
    logged: TokenBuckets


async def _answer(listener: _Listener, request: web.Request, handler: Handler) -> web.StreamResponse:
    # An unknown path and a known one asked for in an unknown way are the same: nothing.
    door, route = listener.door, listener.declared.get(request.match_info.route)
    admitted = False
    try:
        await door.admit(request, route)
        admitted = True
        return await handler(request) if route is not None else await door.apologise(request, 404, "")
    except BadInput as error:
        problem = Problem(text=error.text(gettext_for(door.language(request))), field=error.field)
        again = await _form_again(listener, request, route, problem) if admitted else None
        return _with_status(again, 400) if again else await door.apologise(request, 400, str(error))
    except Refused as refusal:
        return await _refused(listener, request, route, refusal, admitted=admitted)
    except web.HTTPException as error:
        if error.status < 400:
            return web.Response(status=error.status, headers=error.headers)
        return await door.apologise(request, error.status, "")
    except Exception:
        _LOGGER.exception("Answering %s %s failed", request.method, route.path if route else "nothing")
        return await door.apologise(request, 500, "")


async def _refused(
    listener: _Listener, request: web.Request, route: Route | None, refusal: Refused, *, admitted: bool
) -> web.Response:
    if request.method == "POST" and route is not None:
        why = refusal.why or _WHY.get(refusal.status, "")
        if not listener.logged.take("", asyncio.get_running_loop().time()):
            _LOGGER.warning("Refused POST %s (%s): %s", route.path, refusal.status, why)
    if admitted and refusal.message and refusal.status in _WORTH_ANOTHER_TRY:
        again = await _form_again(listener, request, route, Problem(text=refusal.message))
        if again is not None:
            return _with_status(again, refusal.status)
    page = await listener.door.apologise(request, refusal.status, refusal.message)
    if refusal.retry_after_s is not None:
        page.headers["Retry-After"] = str(refusal.retry_after_s)
    return page


async def _form_again(
    listener: _Listener, request: web.Request, route: Route | None, problem: Problem
) -> web.Response | None:
    """Return the page of the form with what was filled in; None where there is none to show.

    Only for who was let in to send the form: a page of another site must not fill in one of ours.
    """
    show = listener.forms_on.get(route) if route is not None else None
    if show is None:
        return None
    try:
        page = await show(request)
        if not isinstance(page, web.Response) or page.status != 200 or page.text is None:
            return None
        sent, language = await sent_fields(request), listener.door.language(request)
        text = filled_in(page.text, request.path, sent, problem, language)
    except Refused, web.HTTPException:
        return None
    except Exception:
        _LOGGER.exception("Showing the form of %s again failed", request.path)
        return None
    if text is None:
        return None
    page.text = text
    return page


def _with_status(page: web.Response, status: int) -> web.Response:
    page.set_status(status)
    return page


def content_security_policy(*, frame_ancestors: str, form_action: Sequence[str] = (), installable: bool = False) -> str:
    """Return the policy: our own files only, no inline script or style, forms to us (and the hosted payment page).

    `installable` lets a browser keep the pages' shell: our own manifest and service worker.
    """
    shell = "manifest-src 'self'; worker-src 'self'; " if installable else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"{shell}form-action {' '.join(("'self'", *form_action))}; frame-ancestors {frame_ancestors}; base-uri 'none'"
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
