"""Who may open what: every route of every listener, for everyone, and a new route without a row here fails."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
import re

from aiohttp import web
import pytest

from tests.app.house import Browser, Furnished, House, open_house, plugged_stall

ANYONE, RESIDENT, GUEST = "anyone", "resident", "guest"
# The roles of the office that may open a route.
MANAGER, READS, WORKSHOP, EVERYONE = "manager", "manager board", "manager technician", "manager board technician"

PORTAL = {
    "GET /static/{name}": ANYONE,
    "GET /i": ANYONE,
    "POST /i": ANYONE,
    "GET /": ANYONE,
    "GET /s": ANYONE,
    "GET /s/{code}": ANYONE,
    "GET /s/{code}/live": ANYONE,
    "POST /s/{code}/start": RESIDENT,
    "POST /s/{code}/stop": RESIDENT,
    "POST /s/{code}/mode": RESIDENT,
    "GET /sessions": RESIDENT,
    "GET /sessions/{id}": RESIDENT,
    "GET /sessions/{id}/receipt": RESIDENT,
    "GET /sessions/{id}/price": RESIDENT,
    "POST /sessions/{id}/dispute": RESIDENT,
    "POST /sessions/{id}/block-card": RESIDENT,
    "POST /queue/join": RESIDENT,
    "POST /queue/leave": RESIDENT,
    "POST /queue/snooze": RESIDENT,
    "POST /queue/wake": RESIDENT,
    "GET /notices": RESIDENT,
    "POST /notices/seen": RESIDENT,
    "POST /me/notices": RESIDENT,
    "GET /me/push": RESIDENT,
    "POST /me/push": RESIDENT,
    "POST /me/push/remove": RESIDENT,
    "GET /refusals": RESIDENT,
    "GET /manifest.webmanifest": ANYONE,
    "GET /sw.js": ANYONE,
    "GET /offline": ANYONE,
    "GET /statements": RESIDENT,
    "GET /statements/{id}": RESIDENT,
    "GET /statements/{id}/page": RESIDENT,
    "GET /statements/{id}/pdf": RESIDENT,
    "POST /statements/{id}/pay": RESIDENT,
    "GET /me": RESIDENT,
    "GET /me/data": RESIDENT,
    "POST /me/language": RESIDENT,
    "POST /me/card": RESIDENT,
    "POST /me/devices/{id}/sign-out": RESIDENT,
    "POST /me/sign-out-others": RESIDENT,
    "POST /me/sign-out-everywhere": RESIDENT,
    "POST /me/passkeys/challenge": RESIDENT,
    "POST /me/passkeys": RESIDENT,
    "POST /me/passkeys/{id}/remove": RESIDENT,
    "GET /me/confirm": RESIDENT,
    "POST /me/confirm/challenge": RESIDENT,
    "POST /me/confirm": RESIDENT,
    "GET /i/passkey": ANYONE,
    "POST /i/passkey/challenge": ANYONE,
    "POST /i/passkey": ANYONE,
    "GET /reach": ANYONE,
    "POST /reach": ANYONE,
    "GET /t": ANYONE,
    "POST /t/start": ANYONE,
    "POST /t/stop": ANYONE,
    "GET /cards": RESIDENT,
    "POST /cards/add": RESIDENT,
    "GET /cards/adding": RESIDENT,
    "GET /cards/{id}": RESIDENT,
    "POST /cards/{id}/name": RESIDENT,
    "POST /cards/{id}/quiet": RESIDENT,
    "POST /cards/{id}/block": RESIDENT,
    "POST /cards/{id}/unblock": RESIDENT,
    "POST /cards/nfc/{id}/lost": RESIDENT,
    "GET /guests": RESIDENT,
    "POST /guests": RESIDENT,
    "GET /guests/{id}": RESIDENT,
    "POST /guests/{id}/link": RESIDENT,
    "POST /guests/{id}/revoke": RESIDENT,
    "GET /g": ANYONE,
    "POST /g": ANYONE,
    "GET /s/{code}/guest": GUEST,
    "GET /s/{code}/guest/live": GUEST,
    "POST /s/{code}/guest/start": GUEST,
    "POST /s/{code}/guest/stop": GUEST,
}
OFFICE = {
    "GET /sign-in": ANYONE,
    "POST /sign-in": ANYONE,
    "GET /office/static/{name}": ANYONE,
    "GET /office/health": ANYONE,
    "POST /office/sign-out": EVERYONE,
    "GET /office": EVERYONE,
    "GET /office/residents": EVERYONE,
    "GET /office/residents/{id}": EVERYONE,
    "POST /office/residents/{id}": MANAGER,
    "POST /office/residents/{id}/invite": MANAGER,
    "POST /office/residents/{id}/card": WORKSHOP,
    "POST /office/residents/{id}/block": MANAGER,
    "POST /office/residents/{id}/unblock": MANAGER,
    "POST /office/residents/{id}/devices/{device}": MANAGER,
    "POST /office/residents/{id}/passkeys/{key}": MANAGER,
    "POST /office/residents/{id}/rules": MANAGER,
    "POST /office/residents/{id}/moving": MANAGER,
    "GET /office/cards": EVERYONE,
    "GET /office/cards/learning": WORKSHOP,
    "POST /office/cards/learn": WORKSHOP,
    "POST /office/cards/unknown/{id}": WORKSHOP,
    "GET /office/cards/{id}": EVERYONE,
    "POST /office/cards/{id}": WORKSHOP,
    "POST /office/cards/{id}/money": MANAGER,
    "POST /office/cards/{id}/block": WORKSHOP,
    "POST /office/cards/{id}/unblock": WORKSHOP,
    "POST /office/cards/{id}/remove": WORKSHOP,
    "GET /office/guests": READS,
    "POST /office/guests": MANAGER,
    "GET /office/guests/{id}": READS,
    "POST /office/guests/{id}/link": MANAGER,
    "POST /office/guests/{id}/revoke": MANAGER,
    "GET /office/refusals": EVERYONE,
    "GET /office/team": READS,
    "POST /office/team/invite": MANAGER,
    "POST /office/team/user": MANAGER,
    "POST /office/team/{id}/invite": MANAGER,
    "POST /office/team/{id}/remove": MANAGER,
    "GET /office/stalls": EVERYONE,
    "GET /office/stalls/{id}/qr.svg": EVERYONE,
    "POST /office/stalls/{id}/new-code": WORKSHOP,
    "GET /office/reach": EVERYONE,
    "POST /office/reach": WORKSHOP,
    "GET /office/sheets": EVERYONE,
    "GET /office/sheets/stickers": EVERYONE,
    "GET /office/sheets/poster": EVERYONE,
    "GET /office/tags": EVERYONE,
    "POST /office/tags": WORKSHOP,
    "POST /office/tags/{id}/remove": WORKSHOP,
    "GET /office/tariff": READS,
    "POST /office/tariff": MANAGER,
    "GET /office/tariff/new": MANAGER,
    "POST /office/tariff/preview": MANAGER,
    "GET /office/tariff/{id}": READS,
    "GET /office/tariff/{id}/ocpi": READS,
    "POST /office/tariff/{id}/withdraw": MANAGER,
    "GET /office/sessions/{id}": READS,
    "GET /office/accounts": READS,
    "POST /office/accounts": MANAGER,
    "GET /office/accounts/{id}": READS,
    "POST /office/accounts/{id}": MANAGER,
    "POST /office/accounts/{id}/top-up": MANAGER,
    "POST /office/accounts/{id}/move-out": MANAGER,
    "POST /office/units": MANAGER,
    "POST /office/units/{id}": MANAGER,
    "POST /office/payers": MANAGER,
    "POST /office/holders": MANAGER,
    "GET /office/plans": READS,
    "POST /office/plans": MANAGER,
    "POST /office/plans/{id}/retire": MANAGER,
    "POST /office/plan-of": MANAGER,
    "POST /office/groups": MANAGER,
    "POST /office/groups/leave": MANAGER,
    "GET /office/costs": READS,
    "POST /office/costs/add": MANAGER,
    "POST /office/costs/{id}/end": MANAGER,
    "POST /office/costs/energy": MANAGER,
    "POST /office/costs/solar": MANAGER,
    "GET /office/bills": READS,
    "POST /office/bills": MANAGER,
    "GET /office/bills/{id}": READS,
    "POST /office/bills/{id}/withdraw": MANAGER,
    "GET /office/figures": READS,
    "GET /office/figures/{table}": READS,
    "GET /office/ledger": READS,
    "GET /office/ledger/balances": READS,
    "GET /office/ledger/signatures": READS,
    "GET /office/ledger/entries/{number}": READS,
    "GET /office/ledger/files/{file}": READS,
    "POST /office/ledger/key": MANAGER,
    "GET /office/month": READS,
    "GET /office/month/{file}": READS,
    "POST /office/month/close": MANAGER,
    "POST /office/month/collect": MANAGER,
    "GET /office/statements/{id}": READS,
    "POST /office/statements/{id}/credit": MANAGER,
    "POST /office/statements/{id}/correct": MANAGER,
    "GET /office/statements/{id}/page": READS,
    "GET /office/statements/{id}/pdf": READS,
    "POST /office/statements/{id}/transfer": MANAGER,
    "POST /office/statements/{id}/collect": MANAGER,
    "GET /office/disputes": READS,
    "POST /office/disputes/{id}/uphold": MANAGER,
    "POST /office/disputes/{id}/reject": MANAGER,
    "GET /office/checks": READS,
    "GET /office/backup": READS,
    "POST /office/backup/leave": MANAGER,
    "GET /office/data": MANAGER,
    "GET /office/data/export": MANAGER,
    "POST /office/data/erase": MANAGER,
    "GET /office/settings": READS,
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
    guest: Browser
    manager: Browser
    board: Browser
    technician: Browser


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
            guest=await house.guest(furnished.office),
            manager=furnished.office,
            board=await house.invited(furnished.office, "board"),
            technician=await house.invited(furnished.office, "technician"),
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
    signed_in = {"manager": everyone.manager, "board": everyone.board, "technician": everyone.technician}
    on_phones = {RESIDENT: everyone.resident, GUEST: everyone.guest}
    for role, browser in (on_phones if on_portal else signed_in).items():
        status = await knock(browser, origin, route)
        if route.startswith("GET"):
            allowed = may == ANYONE or role in may.split()
            # The start page of a guest is that of their pass.
            sent_on = (303,) if (route, role) == ("GET /", GUEST) else ()
            assert status in (200, 400, 404, *sent_on) if allowed else status == 403, (route, role, status)
        elif may != ANYONE:
            assert status == 403, (route, role, status)  # not their role, or no CSRF value


# What a POST answers to those who have the page's own value: 403 only where it is not their role.
@pytest.mark.parametrize(
    "some", tuple(batched((route for route in OFFICE if OFFICE[route] != ANYONE), 10, strict=False))
)
async def test_only_those_in_the_role_may_change_something(everyone: Everyone, some: tuple[str, ...]) -> None:
    for route in some:
        method, path = route.split()
        if method == "GET" or path == "/office/sign-out":
            continue
        for role, browser in (
            ("manager", everyone.manager),
            ("board", everyone.board),
            ("technician", everyone.technician),
        ):
            csrf = (await browser.get("/office")).form("/office/sign-out")
            answer = await browser.post(re.sub(r"\{\w+\}", "none", path), csrf)
            assert (answer.status != 403) == (role in OFFICE[route].split()), (route, role, answer.status)
            assert answer.status < 500


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
