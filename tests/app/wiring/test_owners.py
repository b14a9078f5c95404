"""Whose is it: every route that names a thing, asked with somebody else's, answers like a thing that does not exist.

The rows are written by hand; a new route with an id fails without one. What each route answers its owner afterwards
shows that the thing was there all the time, and that nobody else changed it.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import batched
from pathlib import Path
import re
from uuid import uuid4

import pytest
from sqlalchemy import insert, select

from demo.stripe import StripeStandIn
from demo.stripe.server import KEY
from evshare_app.books.access_tables import passkey, stall_tag
from evshare_app.books.schema import device
from tests.app.house import BUILDING_ID, Browser, Clock, Furnished, free_stall, live_session, open_house, plugged_stall
from tests.app.portal.test_own_pages import close_july
from tests.app.wiring.test_routes import OFFICE, PORTAL, knock

MORNING = datetime(2026, 8, 1, 7, 30, tzinfo=UTC)

# What the id in the path is of, and what the owner is answered: a page (200) or a way on (303).
OWNED = {
    "GET /sessions/{id}": ("session", 200),
    "GET /sessions/{id}/receipt": ("session", 200),
    "GET /sessions/{id}/price": ("session", 200),
    "POST /sessions/{id}/dispute": ("session", 303),
    "POST /sessions/{id}/block-card": ("session", 303),
    "GET /statements/{id}": ("statement", 200),
    "GET /statements/{id}/page": ("statement", 200),
    "GET /statements/{id}/pdf": ("statement", 200),
    "POST /statements/{id}/pay": ("statement", 303),
    "POST /me/devices/{id}/sign-out": ("phone", 303),
    "POST /me/passkeys/{id}/remove": ("passkey", 303),
    "GET /cards/{id}": ("card", 200),
    "POST /cards/{id}/name": ("card", 303),
    "POST /cards/{id}/quiet": ("card", 303),
    "POST /cards/{id}/block": ("card", 303),
    "POST /cards/{id}/unblock": ("card", 303),
    "POST /cards/nfc/{id}/lost": ("nfc card", 303),
    "GET /guests/{id}": ("pass", 200),
    "POST /guests/{id}/link": ("pass", 200),  # the page shows it
    "POST /guests/{id}/revoke": ("pass", 303),
}
ACTS = 10
"""After so many a phone is slowed down."""
# Codes of stalls and names of files are nobody's.
NOBODYS = {"code", "name"}
# In the office everything is everybody's who may open the route; but a thing is of the resident it is shown with.
WITH_A_RESIDENT = {
    "POST /office/residents/{id}/devices/{device}": "phone",
    "POST /office/residents/{id}/passkeys/{key}": "passkey",
}


def test_every_route_with_an_id_has_an_owner() -> None:
    with_id = {route for route in PORTAL if set(re.findall(r"\{(\w+)\}", route)) - NOBODYS}
    assert with_id == set(OWNED)
    with_two = {route for route in OFFICE if route.count("{") > 1}
    assert with_two == set(WITH_A_RESIDENT)


@dataclass
class Neighbours:
    furnished: Furnished
    bo: Browser
    things: dict[str, str]
    """What is Bo's, by kind."""

    @property
    def ada(self) -> Browser:
        return self.furnished.phone

    async def phone(self, resident_id: str) -> Browser:
        """Another phone of theirs, which nothing slowed down yet."""
        return await self.furnished.house.phone(self.furnished.office, resident_id)


@pytest.fixture
async def neighbours(tmp_path: Path) -> AsyncIterator[Neighbours]:
    clock = Clock()
    async with (
        StripeStandIn(clock) as stand_in,
        open_house(tmp_path, clock, stripe_key=KEY, stripe_api_base=stand_in.url) as house,
    ):
        furnished = await Furnished.of(house)
        integration = furnished.integration
        furnished.office = office = await close_july(furnished)
        bo = await house.phone(office, "res-2")
        card = {"card_id": "card-2", "resident_id": "res-2", "label": "Bo's", "blocked": False, "weak": False}
        card |= {"month_wh": None, "quiet": None, "added_at": "2026-01-01T00:00:00Z", "used_at": None}
        await integration.cards([card], [])
        before = len(integration.journal)
        session = integration.begin("stall-2", "res-2", MORNING, kind="card", credential_id="card-2")
        ended = MORNING.replace(minute=45)
        integration.cut("stall-2", session, MORNING, ended, 4000)
        integration.finish("stall-2", session, ended, 4000)
        await integration.deliver(before)
        listed = await bo.get("/statements")
        statement = re.search(r'href="/statements/([^"]+)"', listed.text)
        assert statement
        made = await bo.submit(
            await bo.get("/guests"), "/guests", label="Tom", kwh="20", days="3", uses="1", stalls="all"
        )
        assert "/g#" in made.text, made.text
        guest = re.search(r'href="/guests/([0-9a-f]{32})"', (await bo.get("/guests")).text)
        assert guest
        books = house.app.books
        phone = await books.read(
            lambda conn: conn.scalar(select(device.c.device_id).where(device.c.resident_id == "res-2"))
        )
        things = {
            "session": session,
            "statement": statement[1],
            "phone": phone,
            "pass": guest[1],
            "card": "card-2",
            "nfc card": "7" * 32,
        }
        nfc = {"building_id": BUILDING_ID, "tag_id": things["nfc card"], "uid_mac": "m", "purpose": "card"}
        nfc |= {"resident_id": "res-2", "label": "Bo's", "last_counter": 0, "added_ms": 0}
        await books.write(lambda conn: conn.execute(insert(stall_tag).values(**nfc)))
        yield Neighbours(furnished=furnished, bo=bo, things=things)


async def add_passkey(neighbours: Neighbours) -> None:
    """Bo has a passkey; the office's page of Bo tells what it is called."""
    row = {"building_id": BUILDING_ID, "credential_id": "cGFzc2tleQ", "resident_id": "res-2", "label": "Phone"}
    row |= {"public_key": b"\0", "sign_count": 0, "backed_up": 0, "created_ms": 0}
    await neighbours.furnished.house.app.books.write(lambda conn: conn.execute(insert(passkey).values(**row)))
    shown = await neighbours.furnished.office.get("/office/residents/res-2")
    key = re.search(r'action="/office/residents/res-2/passkeys/(\w+)"', shown.text)
    assert key
    neighbours.things["passkey"] = key[1]


async def answered(browser: Browser, route: str, thing: str, form: dict[str, str]) -> tuple[int, str, str]:
    """Ask with the page's own value; return status, where it leads and what it says."""
    method, path = route.split()
    address = browser.origin + re.sub(r"\{\w+\}", thing, path)
    headers = {"Origin": browser.origin, "Sec-Fetch-Site": "same-origin"}
    async with browser.http.request(
        method, address, data=form if method == "POST" else None, headers=headers, allow_redirects=False
    ) as answer:
        body = (await answer.read()).decode(errors="replace")
        # Pages hold the page's own value, other characters each time.
        body = re.sub(r'name="csrf" value="[0-9a-f]+"', "", body)
        return answer.status, answer.headers.get("Location", ""), body


async def own_form(browser: Browser) -> dict[str, str]:
    return (await browser.get("/me")).form("/me/language") | {"text": "not mine"}


async def test_what_is_somebody_elses_is_answered_like_what_does_not_exist(neighbours: Neighbours) -> None:
    await add_passkey(neighbours)
    neighbours.furnished.integration.asked.clear()
    for rows in batched(OWNED.items(), ACTS, strict=False):
        one, other = await neighbours.phone("res-1"), await neighbours.phone("res-1")
        form, another = await own_form(one), await own_form(other)
        for route, (kind, _) in rows:
            theirs = await answered(one, route, neighbours.things[kind], form)
            nothing = await answered(other, route, uuid4().hex, another)
            assert theirs == nothing, route
            assert theirs[0] == 404, route
    assert neighbours.furnished.integration.asked == []


async def test_and_their_owner_still_has_all_of_it(neighbours: Neighbours) -> None:
    await add_passkey(neighbours)
    for rows in batched(OWNED.items(), ACTS, strict=False):
        ada = await neighbours.phone("res-1")
        form = await own_form(ada)
        for route, (kind, _) in rows:
            assert (await answered(ada, route, neighbours.things[kind], form))[0] == 404, route
    for rows in batched(OWNED.items(), ACTS, strict=False):
        bo = await neighbours.phone("res-2")
        form = await own_form(bo)
        for route, (kind, status) in rows:
            got, where, text = await answered(bo, route, neighbours.things[kind], form)
            assert got == status, (route, where, text)


# Each in a house of their own: who is not known and knocks too often is slowed down.
@pytest.mark.parametrize("who", ["stranger", "guest", "office"])
async def test_strangers_guests_and_the_office_have_nothing_of_it_on_the_portal(
    neighbours: Neighbours, who: str
) -> None:
    await add_passkey(neighbours)
    house, office = neighbours.furnished.house, neighbours.furnished.office
    origin = f"http://127.0.0.1:{house.app.portal_port}"
    for rows in batched(OWNED.items(), ACTS, strict=False):
        browser = {"stranger": house.stranger(), "office": office}.get(who) or await house.guest(office)
        for route, (kind, _) in rows:
            path = re.sub(r"\{\w+\}", neighbours.things[kind], route)
            assert await knock(browser, origin, path) == 403, route


async def test_in_the_office_a_thing_is_of_the_resident_it_is_shown_with(neighbours: Neighbours) -> None:
    await add_passkey(neighbours)
    office = neighbours.furnished.office
    form = (await office.get("/office")).form("/office/sign-out")
    for route, kind in WITH_A_RESIDENT.items():
        under = route.replace("{id}", "res-1"), route.replace("{id}", "res-2")
        theirs = await answered(office, under[0], neighbours.things[kind], form)
        assert theirs == await answered(office, under[0], uuid4().hex, form), route
        assert theirs[0] == 404, route
        assert (await answered(office, under[1], neighbours.things[kind], form))[0] == 303, route


async def test_a_session_that_is_named_in_a_form_is_the_askers_or_none(neighbours: Neighbours) -> None:
    """Whose a running session is the house decides; what it answers does not tell whether there is one."""
    furnished, now = neighbours.furnished, neighbours.furnished.house.clock.now
    running = live_session("5e55-of-bo", "res-2", now)
    await furnished.integration.live(free_stall(1), plugged_stall(2, now, status="charging", session=running))
    codes = {"not_found": "5e55-of-nobody", "not_allowed": "5e55-of-bo"}
    furnished.integration.decide = lambda _what, body: {
        "ok": False,
        "error": {"code": next(code for code, known in codes.items() if known == body["session_id"]), "message": "no"},
    }
    form = await own_form(neighbours.ada)
    for action in ("stop", "mode"):
        said = set()
        for session in codes.values():
            fields = form | {"session": session, "mode": "fast"}
            got, where, _ = await answered(neighbours.ada, f"POST /s/{furnished.code}/{action}", "", fields)
            said.add((got, where))
        assert said == {(303, f"/s/{furnished.code}?said=not_found")}, action


async def test_a_guest_stops_nothing_but_what_runs_on_their_own_pass(neighbours: Neighbours) -> None:
    furnished, now = neighbours.furnished, neighbours.furnished.house.clock.now
    guest = await furnished.house.guest(furnished.office)
    page = f"/s/{furnished.code}/guest"
    # The host's own session, another guest's, and none.
    host = live_session("5e55-host", "res-1", now)
    other = live_session("5e55-other", "res-1", now, credential_kind="pass", credential_id=neighbours.things["pass"])
    said = set()
    for running in (host, other, None):
        await furnished.integration.live(plugged_stall(1, now, session=None), free_stall(2))
        form = (await guest.get(page)).form(f"{page}/start")
        await furnished.integration.live(plugged_stall(1, now, session=running), free_stall(2))
        fields = form | {"session": running["session_id"] if running else "5e55-none"}
        said.add((await answered(guest, f"POST {page}/stop", "", fields))[:2])
    assert said == {(303, f"{page}?said=not_found")}
    assert [ask for ask in furnished.integration.asked if ask["what"] == "stop"] == []


async def test_the_pairing_token_opens_the_link_and_no_door_for_people(neighbours: Neighbours) -> None:
    app = neighbours.furnished.house.app
    bearer = {"Authorization": f"Bearer {app.pairing_token}"}
    integration = neighbours.furnished.house.stranger()
    for origin, routes in ((app.portal_port, PORTAL), (app.office_port, OFFICE)):
        for route, may in routes.items():
            if may == "anyone" or not route.startswith("GET"):
                continue
            path = re.sub(r"\{\w+\}", "none", route.split()[1])
            async with integration.http.get(f"http://127.0.0.1:{origin}{path}", headers=bearer) as answer:
                assert answer.status in (403, 429), route
    for browser in (neighbours.ada, neighbours.furnished.office, integration):
        async with browser.http.get(f"http://127.0.0.1:{app.link_port}/link/v1") as answer:
            assert answer.status == 403
