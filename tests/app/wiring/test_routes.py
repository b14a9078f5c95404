"""Who may open what: every route of every listener, for everyone, and a new route without a row here fails."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
import re

from aiohttp import web
import pytest

from tests.app.house import Browser, Furnished, House, open_house, plugged_stall

ANYONE, RESIDENT, MANAGER = "anyone", "resident", "manager"

PORTAL = {
    "GET /static/{name}": ANYONE,
    "GET /i": ANYONE,
    "POST /i": ANYONE,
    "GET /": ANYONE,
    "GET /s/{code}": ANYONE,
    "GET /s/{code}/live": ANYONE,
    "POST /s/{code}/start": RESIDENT,
    "POST /s/{code}/stop": RESIDENT,
    "POST /s/{code}/mode": RESIDENT,
    "GET /sessions": RESIDENT,
    "GET /statements": RESIDENT,
    "GET /statements/{id}": RESIDENT,
    "GET /statements/{id}/page": RESIDENT,
    "GET /statements/{id}/pdf": RESIDENT,
    "POST /statements/{id}/pay": RESIDENT,
    "GET /me": RESIDENT,
    "POST /me/language": RESIDENT,
    "POST /me/card": RESIDENT,
    "POST /me/devices/{id}/sign-out": RESIDENT,
}
OFFICE = {
    "GET /sign-in": ANYONE,
    "POST /sign-in": ANYONE,
    "GET /office/static/{name}": ANYONE,
    "GET /office/health": ANYONE,
    "POST /office/sign-out": MANAGER,
    "GET /office": MANAGER,
    "GET /office/residents": MANAGER,
    "GET /office/residents/{id}": MANAGER,
    "POST /office/residents/{id}": MANAGER,
    "POST /office/residents/{id}/invite": MANAGER,
    "POST /office/residents/{id}/card": MANAGER,
    "POST /office/residents/{id}/block": MANAGER,
    "POST /office/residents/{id}/unblock": MANAGER,
    "POST /office/residents/{id}/devices/{device}": MANAGER,
    "GET /office/stalls": MANAGER,
    "GET /office/stalls/{id}/qr.svg": MANAGER,
    "POST /office/stalls/{id}/new-code": MANAGER,
    "GET /office/tariff": MANAGER,
    "POST /office/tariff": MANAGER,
    "GET /office/month": MANAGER,
    "POST /office/month/close": MANAGER,
    "POST /office/month/collect": MANAGER,
    "GET /office/statements/{id}/page": MANAGER,
    "GET /office/statements/{id}/pdf": MANAGER,
    "POST /office/statements/{id}/transfer": MANAGER,
    "POST /office/statements/{id}/collect": MANAGER,
    "GET /office/checks": MANAGER,
    "GET /office/settings": MANAGER,
    "POST /office/settings": MANAGER,
}
LINK = {"GET /link/v1": "integration", "GET /link/health": ANYONE}


def routes(app: web.Application) -> set[str]:
    return {f"{route.method} {route.resource.canonical}" for route in app.router.routes() if route.resource}


def test_every_route_has_a_row(house: House) -> None:
    assert routes(house.app.portal_app) == set(PORTAL)
    assert routes(house.app.office_app) == set(OFFICE)
    assert routes(house.app.link_app) == set(LINK)


def test_no_path_is_on_two_listeners(house: House) -> None:
    paths = [
        {route.split()[1] for route in routes(app)}
        for app in (house.app.portal_app, house.app.office_app, house.app.link_app)
    ]
    assert sum(map(len, paths)) == len(set.union(*paths))


@dataclass
class Everyone:
    furnished: Furnished
    stranger: Browser
    resident: Browser
    manager_on_portal: Browser
    resident_in_office: Browser
    manager: Browser


@pytest.fixture
async def everyone(tmp_path: Path) -> AsyncIterator[Everyone]:
    async with open_house(tmp_path) as house:
        furnished = await Furnished.of(house)
        yield Everyone(
            furnished=furnished,
            stranger=house.stranger(),
            resident=furnished.phone,
            manager_on_portal=furnished.office,
            resident_in_office=furnished.phone,
            manager=furnished.office,
        )


async def knock(browser: Browser, origin: str, route: str) -> int:
    """Ask for a route like a form of its own page would, with whatever this browser has of cookies."""
    method, path = route.split()
    path = re.sub(r"\{\w+\}", "none", path)
    sent = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
    async with browser.http.request(
        method, origin + path, data={} if method == "POST" else None, headers=sent, allow_redirects=False
    ) as answer:
        return answer.status


# A few at a time, each few in a house of their own: strangers who knock too often are slowed down.
FEW = tuple(batched((*PORTAL, *OFFICE), 8, strict=False))


# Whoever may not open a route gets 403 before anything is looked at; whoever may gets what the route makes of
# nonsense: it is never 403 for a GET, and a POST is refused only for its missing CSRF value.
@pytest.mark.parametrize("some", FEW)
async def test_only_those_who_may_open_a_route(everyone: Everyone, some: tuple[str, ...]) -> None:
    for route in some:
        await check(everyone, route)


async def check(everyone: Everyone, route: str) -> None:
    portal = f"http://127.0.0.1:{everyone.furnished.house.app.portal_port}"
    office = f"http://127.0.0.1:{everyone.furnished.house.app.office_port}"
    on_portal = route in PORTAL
    origin, may = (portal, PORTAL[route]) if on_portal else (office, OFFICE[route])
    for other in (everyone.stranger, everyone.manager_on_portal if on_portal else everyone.resident_in_office):
        status = await knock(other, origin, route)
        assert (status == 403) == (may != ANYONE), (route, status)
    allowed = everyone.resident if on_portal else everyone.manager
    status = await knock(allowed, origin, route)
    if route.startswith("GET"):
        assert status in (200, 400, 404), (route, status)
    elif may != ANYONE:
        assert status == 403, (route, status)  # no CSRF value


async def test_the_portal_does_not_know_the_offices_routes(everyone: Everyone) -> None:
    portal = f"http://127.0.0.1:{everyone.furnished.house.app.portal_port}"
    for route in OFFICE:
        assert await knock(everyone.resident, portal, route) in (404, 429), route


async def test_all_that_does_not_exist_looks_the_same(furnished: Furnished) -> None:
    missing = ("/s/0000000000000000", "/nothing", "/office", "/link/v1", "/sign-in", "/me/none")
    for browser, paths in (
        (furnished.house.stranger(), missing),
        (furnished.phone, (*missing, "/statements/none", "/statements/none/pdf")),
    ):
        pages = [await browser.get(path) for path in paths]
        assert {page.status for page in pages} == {404}
        assert len({page.text for page in pages}) == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"])
async def test_other_methods_are_answered_like_nothing(furnished: Furnished, method: str) -> None:
    answer = await furnished.phone.http.request(method, f"{furnished.phone.origin}/me")
    assert answer.status == 404


async def test_bodies_have_a_limit_and_a_form(furnished: Furnished) -> None:
    browser = furnished.phone
    sent = {"Origin": browser.origin, "Sec-Fetch-Site": "same-origin"}
    for data, headers, status in (
        (b"token=" + b"x" * 20_000, {"Content-Type": "application/x-www-form-urlencoded"}, 413),
        (b'{"token": 1}', {"Content-Type": "application/json"}, 415),
        (b"token=\xff\xfe", {"Content-Type": "application/x-www-form-urlencoded; charset=utf-16"}, 400),
        (b"token=1", {"Content-Type": "application/x-www-form-urlencoded; charset=none-such"}, 400),
        (b"", {"Content-Type": "application/x-www-form-urlencoded"}, 400),
    ):
        answer = await browser.http.post(f"{browser.origin}/me/language", data=data, headers=sent | headers)
        assert answer.status in (status, 403), (data[:20], answer.status)
        assert answer.status < 500


async def test_headers_of_every_answer(furnished: Furnished) -> None:
    await furnished.integration.live(plugged_stall(1, furnished.house.clock.now))
    app = furnished.house.app
    pages = [
        await furnished.phone.get(path)
        for path in ("/", f"/s/{furnished.code}", f"/s/{furnished.code}/live", "/me", "/nothing", "/static/none")
    ]
    pages += [await furnished.office.get(path) for path in ("/office", "/office/settings", "/office/nothing")]
    pages.append(await furnished.house.browser(app.link_port).get("/link/v1"))
    for page in pages:
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'"), page.address
        assert "unsafe" not in policy
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in page.headers
        assert "aiohttp" not in page.headers["Server"]


async def test_pages_hold_no_inline_script_or_style(furnished: Furnished) -> None:
    await furnished.integration.live(plugged_stall(1, furnished.house.clock.now))
    for browser, path in (
        (furnished.phone, f"/s/{furnished.code}"),
        (furnished.phone, "/"),
        (furnished.office, "/office"),
        (furnished.office, "/office/stalls"),
        (furnished.office, "/office/month"),
    ):
        text = (await browser.get(path)).text
        assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*\ssrc=)", text), path
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text), path


async def test_style_and_scripts_may_be_kept_for_ever(furnished: Furnished) -> None:
    page = await furnished.phone.get("/")
    style = re.search(r'href="(/static/app-[0-9a-f]{12}\.css)"', page.text)
    assert style
    answer = await furnished.phone.get(style[1])
    assert answer.headers["Content-Type"].startswith("text/css")
    assert "immutable" in answer.headers["Cache-Control"]


async def test_whoever_knocks_too_often_is_told_when_to_come_back(furnished: Furnished) -> None:
    stranger = furnished.house.stranger()
    answers = [await stranger.get("/") for _ in range(40)]
    slowed = [page for page in answers if page.status == 429]
    assert slowed
    assert int(slowed[0].headers["Retry-After"]) >= 1
    # Residents' phones have buckets of their own.
    assert (await furnished.phone.get("/")).status == 200


async def test_health_is_answered_without_telling_anything(furnished: Furnished) -> None:
    app = furnished.house.app
    for port, path in ((app.office_port, "/office/health"), (app.link_port, "/link/health")):
        page = await furnished.house.browser(port).get(path)
        assert (page.status, page.text) == (200, '{"ok": true}')
