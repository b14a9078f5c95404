"""Which pages are looked at, as whom. Pages without an id in their address are found by themselves in the routers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
import re

from aiohttp import web

from evshare_app.model import to_ms
from tests.app.house import NOW, Browser, Furnished

from . import furniture, money

type Prepare = Callable[[Furnished], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A page as one kind of person meets it."""

    role: str
    name: str
    path: str
    prepare: Prepare = furniture.free
    sends: str = ""
    """The form that is filled in and sent before one looks, by the end of its address."""
    typed: Mapping[str, str] = field(default_factory=dict)
    """What is typed into it."""
    status: int = 200
    """How it is answered."""


async def scenes(furnished: Furnished, guest: Browser) -> list[Scene]:
    """Return everything there is to look at, role by role."""
    app, code = furnished.house.app, furnished.code
    session = await _first(furnished.phone, "/sessions?month=2026-06", r'"(/sessions/[0-9a-f]{32})"')
    statement = await _first(furnished.phone, "/statements", r'"(/statements/[^"/?]+)"')
    version = await _first(furnished.office, "/office/tariff", r'"(/office/tariff/2[^"/?]+)"')
    stall = f"/s/{code}"
    account, bill = await money.enter(furnished)
    known = [
        Scene(role="stranger", name="stall, free", path=stall),
        Scene(role="stranger", name="stall, taken", path=stall, prepare=furniture.taken),
        Scene(role="stranger", name="what does not exist", path="/nothing", status=404),
        Scene(role="resident", name="stall, free", path=stall),
        Scene(role="resident", name="stall, plugged in", path=stall, prepare=furniture.plugged),
        Scene(role="resident", name="stall, two cars at once", path=stall, prepare=furniture.two_cars),
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
        Scene(role="resident", name="a card", path="/cards/card-1"),
        Scene(role="resident", name="a card the manager blocked", path="/cards/card-3"),
        Scene(role="resident", name="a card I lost", path="/cards/card-2", prepare=furniture.lost),
        Scene(
            role="resident",
            name="a card that cannot be, again",
            path="/cards/card-1",
            sends="/quiet",
            typed={"quiet_from": "22:00", "quiet_to": ""},
            status=400,
        ),
        Scene(role="resident", name="a card is waited for", path=f"/cards/adding?stall=stall-1&since={to_ms(NOW)}"),
        Scene(role="resident", name="a card was added", path="/cards/adding?stall=stall-1&since=0"),
        Scene(role="manager", name="a card", path="/office/cards/card-1"),
        Scene(role="resident", name="a guest of mine", path=f"/guests/{furniture.PASS_ID}"),
        Scene(
            role="resident",
            name="a pass that cannot be, again",
            path="/guests",
            sends="/guests",
            typed={"label": "Aunt Mia’s visit", "kwh": "9999", "uses": "3"},
            status=400,
        ),
        Scene(role="resident", name="a guest of the building", path=f"/guests/{furniture.CRAFTSMANS_PASS_ID}"),
        Scene(role="craftsman", name="pass", path="/g"),
        Scene(role="craftsman", name="stall, plugged in", path=f"{stall}/guest", prepare=furniture.plugged),
        Scene(role="guest", name="stall, free", path=f"{stall}/guest"),
        Scene(role="guest", name="stall, plugged in", path=f"{stall}/guest", prepare=furniture.plugged),
        Scene(role="guest", name="stall, charging", path=f"{stall}/guest", prepare=furniture.guest_charging),
        Scene(role="guest", name="stall, taken", path=f"{stall}/guest", prepare=furniture.taken),
        Scene(role="manager", name="a resident", path="/office/residents/res-1"),
        Scene(role="manager", name="month of June", path="/office/month?month=2026-06"),
        Scene(role="manager", name="month of July", path="/office/month?month=2026-07"),
        Scene(
            role="manager",
            name="a pass that cannot be, again",
            path="/office/guests",
            sends="/office/guests",
            typed={"label": "Plumber", "kwh": "", "money": ""},
            status=400,
        ),
        Scene(
            role="manager",
            name="rules that cannot be, again",
            path="/office/residents/res-1",
            sends="/rules",
            typed={"month_kwh": "a lot", "hours1_from": "20:00"},
            status=400,
        ),
        Scene(
            role="manager",
            name="a tariff that cannot be, again",
            path="/office/tariff/new?preset=ocpi",
            sends="/office/tariff",
            typed={"ocpi": "{not json"},
            status=400,
        ),
        Scene(role="manager", name="a tariff by day and night", path="/office/tariff/new?preset=day_night"),
        Scene(role="manager", name="a tariff by the sun", path="/office/tariff/new?preset=solar"),
        Scene(role="manager", name="a tariff by the market", path="/office/tariff/new?preset=spot"),
        Scene(role="manager", name="a tariff’s version", path=version),
        Scene(role="manager", name="a session’s price", path=f"/office{session}"),
        Scene(role="resident", name="a session’s price", path=f"{session}/price"),
        Scene(role="manager", name="an account", path=f"/office/accounts/{account}"),
        Scene(role="manager", name="costs of the house", path="/office/costs"),
        Scene(role="manager", name="an entry of the ledger", path="/office/ledger/entries/1"),
        Scene(role="manager", name="ledger by account and month", path="/office/ledger?account=1400&month=2026-07"),
        Scene(role="manager", name="balances of July", path="/office/ledger/balances?month=2026-07"),
        Scene(
            role="manager",
            name="a ledger key that is not in force, again",
            path="/office/ledger/signatures",
            sends="/office/ledger/key",
            typed={"digits": "0123456789abcdef"},
            status=400,
        ),
        Scene(role="manager", name="a bill", path=f"/office/bills/{bill}"),
        Scene(
            role="manager",
            name="a cost that cannot be, again",
            path="/office/costs",
            sends="/office/costs/add",
            typed={"name": "Loan", "amount": "much"},
            status=400,
        ),
        Scene(role="manager", name="today, charging", path="/office", prepare=furniture.charging),
        Scene(role="manager", name="today, much to see to", path="/office", prepare=furniture.much_to_see_to),
    ]
    paths = {one.path for one in known if not one.sends}
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
    order = ("stranger", "resident", "guest", "craftsman", "manager")
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
