"""Roles in the office: who has one, how they come by it, what it shows and how it ends."""

from collections.abc import AsyncIterator
from datetime import timedelta
import hashlib
from pathlib import Path
import re
from typing import Any

from aiohttp import ClientSession, web
import pytest

from evshare_app.app import App
from evshare_app.office.roles import Role, WrongAccess, check_routes
from evshare_app.office.signing_in import note_role
from evshare_app.settings import Settings
from evshare_app.web.listener import Access, Route
from tests.app.house import NOW, Browser, Clock, Furnished, House, Page, rfc3339, role_admin


async def link(furnished: Furnished, role: str = "board") -> str:
    page = await furnished.office.get("/office/team")
    made = await furnished.office.submit(page, "/office/team/invite", name="Kim", role=role)
    found = re.search(r"/sign-in#([A-Za-z0-9_-]+)", made.text)
    assert found, made.text
    return found[1]


def visitor(furnished: Furnished) -> Browser:
    return furnished.house.browser(furnished.house.app.office_port)


async def test_a_link_lets_one_browser_in_once(furnished: Furnished) -> None:
    token = await link(furnished)
    first, second = visitor(furnished), visitor(furnished)
    assert (await first.post("/sign-in", {"token": token})).address == "/office"
    assert (await second.post("/sign-in", {"token": token})).status == 403
    assert "Board member" in (await first.get("/office")).text


async def test_a_link_lives_three_days(furnished: Furnished) -> None:
    token = await link(furnished)
    furnished.house.clock.advance(hours=72)
    assert (await visitor(furnished).post("/sign-in", {"token": token})).status == 403


async def test_a_new_link_ends_the_one_before(furnished: Furnished) -> None:
    first = await link(furnished)
    page = await furnished.office.get("/office/team")
    action = re.search(r'action="(/office/team/\w{32}/invite)"', page.text)
    assert action
    again = await furnished.office.submit(page, action[1])
    second = re.search(r"/sign-in#([A-Za-z0-9_-]+)", again.text)
    assert second
    assert (await visitor(furnished).post("/sign-in", {"token": first})).status == 403
    assert (await visitor(furnished).post("/sign-in", {"token": second[1]})).status == 200


async def test_nobody_becomes_a_manager_by_a_link(furnished: Furnished) -> None:
    page = await furnished.office.get("/office/team")
    refused = await furnished.office.submit(page, "/office/team/invite", name="Kim", role="manager")
    assert refused.status == 400
    assert refused.wrong == "role"


async def test_who_came_by_a_link_stays_for_a_month_of_use_and_not_longer(furnished: Furnished) -> None:
    board = await furnished.house.invited(furnished.office, "board")
    for _ in range(3):
        furnished.house.clock.advance(days=9, hours=20)
        assert (await board.get("/office")).status == 200
    furnished.house.clock.advance(days=1)
    assert (await board.get("/office")).status == 403


async def test_who_is_removed_is_out_with_the_next_click(furnished: Furnished) -> None:
    board = await furnished.house.invited(furnished.office, "board")
    page = await furnished.office.get("/office/team")
    action = re.search(r'action="(/office/team/\w{32}/remove)"', page.text)
    assert action
    assert "Kim" not in (await furnished.office.submit(page, action[1])).text
    assert (await board.get("/office")).status == 403


async def test_the_board_sees_everything_and_no_button(furnished: Furnished) -> None:
    board = await furnished.house.invited(furnished.office, "board")
    for path in (
        "/office",
        "/office/residents",
        "/office/residents/res-1",
        "/office/cards",
        "/office/stalls",
        "/office/refusals",
        "/office/tariff",
        "/office/month",
        "/office/checks",
        "/office/team",
        "/office/settings",
    ):
        page = await board.get(path)
        assert page.status == 200, path
        posts = re.findall(r'<form method="post" action="([^"]*)"', page.text)
        assert posts == ["/office/sign-out"], path


async def test_the_board_does_not_see_the_pairing_token(furnished: Furnished) -> None:
    board = await furnished.house.invited(furnished.office, "board")
    token = furnished.house.app.pairing_token
    assert token in (await furnished.office.get("/office/settings")).text
    assert token not in (await board.get("/office/settings")).text


async def test_a_technician_sees_no_money(furnished: Furnished) -> None:
    furnished.integration.charge("stall-1", "res-1", NOW - timedelta(hours=2), NOW - timedelta(hours=1), 12_000)
    await furnished.integration.deliver()
    action = "/office/residents/res-1/rules"
    rules = {"stalls": "all", "sessions": "1", "month_money": "77.70"}
    await furnished.office.submit(await furnished.office.get("/office/residents/res-1"), action, **rules)
    await furnished.office.submit(
        await furnished.office.get("/office/residents/res-1"),
        "/office/residents/res-1",
        email="ada@example.org",
        language="",
        rail="bank",
    )
    technician = await furnished.house.invited(furnished.office, "technician")
    today = await technician.get("/office")
    assert "Technician" in today.text
    for path in ("/office", "/office/residents", "/office/residents/res-1", "/office/cards", "/office/stalls"):
        page = await technician.get(path)
        assert page.status == 200
        for money in (
            "€",
            "EUR",
            "3,60",
            "3.60",
            "77.70",
            "77,70",
            "ank transfer",
            "ada@example.org",
            "/office/month",
            "/office/tariff",
        ):
            assert money not in page.text, (path, money)
    for path in ("/office/tariff", "/office/month", "/office/checks", "/office/settings", "/office/team"):
        refused = await technician.get(path)
        assert refused.status == 403
        assert "not part of your role" in refused.text


async def test_a_technician_learns_cards(furnished: Furnished) -> None:
    technician = await furnished.house.invited(furnished.office, "technician")
    page = await technician.get("/office/cards")
    told = await technician.submit(page, "/office/cards/learn", resident="res-1", stall="stall-1", label="")
    assert "hold the new card" in told.text


async def test_the_books_name_who_did_it(furnished: Furnished) -> None:
    technician = await furnished.house.invited(furnished.office, "technician")
    assert "Kim · Technician" in (await technician.get("/office")).text


# --- users of Home Assistant ------------------------------------------------------------------------------------


INGRESS = {"X-Remote-User-Id": "u7", "X-Remote-User-Display-Name": "Mia", "X-Ingress-Path": "/api/hassio_ingress/abc"}


def no_admin(what: str, body: dict[str, Any]) -> dict[str, Any]:
    if what == "role":
        return {"ok": True, "result": {"role": "admin" if body["user_id"] == "u1" else "none", "resident_id": None}}
    return role_admin(what, body)


@pytest.fixture
async def by_ingress(tmp_path: Path) -> AsyncIterator[House]:
    """A house whose Supervisor is at this machine's own address."""
    clock = Clock()
    settings = Settings(data_dir=tmp_path, portal_host="127.0.0.1", portal_port=0, office_port=0, link_port=0)
    app = App(settings, clock, ingress_peer="127.0.0.1")
    await app.start()
    sessions: list[ClientSession] = []
    async with ClientSession() as http:
        yield House(app=app, clock=clock, http=http, _open=sessions)
    for session in sessions:
        await session.close()
    await app.stop()


async def name_user(office: Browser, role: str, user_id: str = "u7") -> Page:
    page = await office.get("/office/team")
    return await office.submit(page, "/office/team/user", name="Mia", role=role, user_id=user_id)


async def test_a_named_user_has_their_role_in_home_assistant_and_an_unnamed_one_has_none(by_ingress: House) -> None:
    integration = by_ingress.integration()
    integration.decide = no_admin
    await integration.connect()
    office = await by_ingress.office(integration)
    mia = by_ingress.browser(by_ingress.app.office_port, **INGRESS)
    assert (await mia.get("/office")).status == 403
    await name_user(office, "technician")
    assert (await mia.get("/office/cards")).status == 200
    assert (await mia.get("/office/month")).status == 403
    taken = await name_user(office, "board")
    assert taken.wrong == "user_id"
    page = await office.get("/office/team")
    action = re.search(r'action="(/office/team/\w{32}/remove)"', page.text)
    assert action
    await office.submit(page, action[1])
    assert (await mia.get("/office/cards")).status == 403
    await name_user(office, "board")
    assert (await mia.get("/office/month")).status == 200


async def test_a_named_user_keeps_their_role_while_the_link_is_down(by_ingress: House) -> None:
    integration = by_ingress.integration()
    integration.decide = no_admin
    await integration.connect()
    await name_user(await by_ingress.office(integration), "technician")
    await integration.disconnect()
    await by_ingress.unlinked()
    mia = by_ingress.browser(by_ingress.app.office_port, **INGRESS)
    assert (await mia.get("/office/cards")).status == 200
    assert (await mia.get("/office/month")).status == 403


async def test_an_admin_of_home_assistant_is_a_manager_whatever_they_were_named(by_ingress: House) -> None:
    integration = by_ingress.integration()
    integration.decide = role_admin
    await integration.connect()
    await name_user(await by_ingress.office(integration), "technician")
    mia = by_ingress.browser(by_ingress.app.office_port, **INGRESS)
    assert (await mia.get("/office/month")).status == 200


async def test_while_the_link_is_down_a_session_has_the_role_it_was_found_in(furnished: Furnished) -> None:
    ticket = "t" * 40
    body = {
        "ticket_hash": hashlib.sha256(ticket.encode()).hexdigest(),
        "user_id": "u5",
        "name": "Mia",
        "expires_at": rfc3339(NOW + timedelta(seconds=60)),
    }
    await furnished.integration.send("tell", what="office_ticket", body=body)
    await furnished.integration.settled()
    mia = visitor(furnished)
    sent = {"Origin": mia.origin, "Sec-Fetch-Site": "same-origin"}
    await mia.http.post(f"{mia.origin}/sign-in", data={"token": ticket}, headers=sent, allow_redirects=False)
    # No admin any more, and a technician: so much was found before the link went down.
    await furnished.house.app.books.write(lambda conn: note_role(conn, "u5", Role.TECHNICIAN))
    await furnished.integration.disconnect()
    await furnished.house.unlinked()
    assert (await mia.get("/office/cards")).status == 200
    assert (await mia.get("/office/month")).status == 403


# --- what may be declared -------------------------------------------------------------------------------------


async def nothing(_request: web.Request) -> web.StreamResponse:
    raise AssertionError


@pytest.mark.parametrize(
    ("method", "path", "access", "said"),
    [
        ("POST", "/office/x", Access.BOARD, "lets in the board"),
        ("POST", "/office/x", Access.OFFICE, "lets in the board"),
        ("DELETE", "/office/x", Access.OFFICE, "lets in the board"),
        ("POST", "/office/x", Access.ANYONE, "accepted is a role"),
        ("GET", "/office/x", Access.RESIDENT, "got resident"),
        ("GET", "/office/x", Access.INTEGRATION, "got integration"),
    ],
)
def test_a_route_that_lets_in_whom_it_must_not_stops_the_start(
    method: str, path: str, access: Access, said: str
) -> None:
    with pytest.raises(WrongAccess, match=said):
        check_routes([Route(method=method, path=path, handler=nothing, access=access)])


def test_a_route_of_a_manager_may_be_declared() -> None:
    check_routes([Route(method="POST", path="/office/x", handler=nothing, access=Access.MANAGER)])
