"""Which pages are looked at, as whom. Pages without an id in their address are found by themselves in the routers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
import re

from aiohttp import web

from tests.app.house import Browser, Furnished

from . import furniture

type Prepare = Callable[[Furnished], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A page as one kind of person meets it."""

    role: str
    name: str
    path: str
    prepare: Prepare = furniture.free
    status: int = 200
    """How it is answered."""


async def scenes(furnished: Furnished, guest: Browser) -> list[Scene]:
    """Return everything there is to look at, role by role."""
    app, code = furnished.house.app, furnished.code
    session = await _first(furnished.phone, "/sessions?month=2026-06", r'"(/sessions/[0-9a-f]{32})"')
    statement = await _first(furnished.phone, "/statements", r'"(/statements/[^"/?]+)"')
    stall = f"/s/{code}"
    known = [
        Scene(role="stranger", name="stall, free", path=stall),
        Scene(role="stranger", name="stall, taken", path=stall, prepare=furniture.taken),
        Scene(role="stranger", name="what does not exist", path="/nothing", status=404),
        Scene(role="resident", name="stall, free", path=stall),
        Scene(role="resident", name="stall, plugged in", path=stall, prepare=furniture.plugged),
        Scene(role="resident", name="stall, armed", path=stall, prepare=furniture.armed),
        Scene(role="resident", name="stall, charging", path=stall, prepare=furniture.charging),
        Scene(role="resident", name="stall, taken", path=stall, prepare=furniture.taken),
        Scene(role="resident", name="stall, refused", path=f"{stall}?said=outside_hours", prepare=furniture.plugged),
        Scene(role="resident", name="home, charging", path="/", prepare=furniture.charging),
        Scene(role="resident", name="sessions of June", path="/sessions?month=2026-06"),
        Scene(role="resident", name="a session", path=session),
        Scene(role="resident", name="a statement", path=statement),
        Scene(role="resident", name="stall, all taken", path=stall, prepare=furniture.crowded),
        Scene(role="resident", name="home, all taken", path="/", prepare=furniture.crowded),
        Scene(role="resident", name="stall, car is full", path=stall, prepare=furniture.idle),
        Scene(role="resident", name="home, in line", path="/", prepare=furniture.waiting),
        Scene(role="resident", name="home, a stall is kept", path="/", prepare=furniture.kept),
        Scene(role="resident", name="stall, kept", path=stall, prepare=furniture.kept),
        Scene(role="resident", name="stall, my guest charges", path=stall, prepare=furniture.guest_charging),
        Scene(role="resident", name="a guest of mine", path=f"/guests/{furniture.PASS_ID}"),
        Scene(role="guest", name="stall, free", path=f"{stall}/guest"),
        Scene(role="guest", name="stall, plugged in", path=f"{stall}/guest", prepare=furniture.plugged),
        Scene(role="guest", name="stall, charging", path=f"{stall}/guest", prepare=furniture.guest_charging),
        Scene(role="guest", name="stall, taken", path=f"{stall}/guest", prepare=furniture.taken),
        Scene(role="manager", name="a resident", path="/office/residents/res-1"),
        Scene(role="manager", name="month of June", path="/office/month?month=2026-06"),
        Scene(role="manager", name="today, charging", path="/office", prepare=furniture.charging),
    ]
    paths = {one.path for one in known}
    for role, browser, listener in (
        ("stranger", furnished.house.stranger(), app.portal_app),
        ("resident", furnished.phone, app.portal_app),
        ("guest", guest, app.portal_app),
        ("manager", furnished.office, app.office_app),
    ):
        found = await _found(browser, listener)
        known.extend(
            Scene(role=role, name=path, path=path)
            for path in found
            if path not in paths or role in ("stranger", "guest")
        )
    order = ("stranger", "resident", "guest", "manager")
    return sorted(known, key=lambda one: order.index(one.role))


async def _found(browser: Browser, listener: web.Application) -> list[str]:
    """Return the pages without an id in their address that a browser may open."""
    found = []
    for route in listener.router.routes():
        path = route.resource.canonical if route.resource else ""
        if route.method != "GET" or "{" in path or path.endswith(".js"):
            continue
        page = await browser.get(path)
        if page.status == 200 and page.address == path and page.headers["Content-Type"].startswith("text/html"):
            found.append(path)
    return sorted(found)


async def _first(browser: Browser, path: str, pattern: str) -> str:
    page = await browser.get(path)
    found = re.search(pattern, page.text)
    assert found, f"{path} names no page like {pattern}"
    return found[1]
