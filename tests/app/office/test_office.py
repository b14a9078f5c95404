"""The office: who gets in, and what a manager does there."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
import hashlib
from html import escape
import json
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
import pytest

from evshare_app.app import App
from evshare_app.settings import Settings
from tests.app.house import NOW, Clock, Furnished, House, free_stall, live_session, plugged_stall, rfc3339, role_admin


async def send_ticket(furnished: Furnished, ticket: str, seconds: int = 60) -> None:
    await furnished.integration.send(
        "tell",
        what="office_ticket",
        body={
            "ticket_hash": hashlib.sha256(ticket.encode()).hexdigest(),
            "user_id": "u2",
            "name": "Manager",
            "expires_at": rfc3339(furnished.house.clock.now + timedelta(seconds=seconds)),
        },
    )
    await furnished.integration.settled()


async def test_a_ticket_lets_one_browser_in_once(furnished: Furnished) -> None:
    await send_ticket(furnished, "t" * 40)
    first, second = (furnished.house.browser(furnished.house.app.office_port) for _ in range(2))
    assert (await first.post("/sign-in", {"token": "t" * 40})).address == "/office"
    assert (await second.post("/sign-in", {"token": "t" * 40})).status == 403
    assert (await second.get("/office")).status == 403


async def test_a_ticket_lives_a_minute(furnished: Furnished) -> None:
    await send_ticket(furnished, "t" * 40)
    furnished.house.clock.advance(seconds=60)
    late = await furnished.house.browser(furnished.house.app.office_port).post("/sign-in", {"token": "t" * 40})
    assert late.status == 403
    assert "too old" in late.text


async def test_an_office_left_alone_for_an_hour_is_closed(furnished: Furnished) -> None:
    furnished.house.clock.advance(minutes=59)
    assert (await furnished.office.get("/office")).status == 200
    furnished.house.clock.advance(minutes=61)
    assert (await furnished.office.get("/office")).status == 403


async def test_signing_out_closes_the_office(furnished: Furnished) -> None:
    settings = await furnished.office.get("/office/settings")
    await furnished.office.submit(settings, "/office/sign-out")
    assert (await furnished.office.get("/office")).status == 403


async def test_whoever_is_no_admin_any_more_is_out(furnished: Furnished) -> None:
    await send_ticket(furnished, "t" * 40)
    browser = furnished.house.browser(furnished.house.app.office_port)
    furnished.integration.decide = lambda what, body: {"ok": True, "result": {"role": "resident", "resident_id": None}}
    page = await browser.post("/sign-in", {"token": "t" * 40})
    assert page.status == 403


async def test_the_books_stay_readable_while_home_assistant_is_down(furnished: Furnished) -> None:
    await furnished.integration.disconnect()
    page = await furnished.office.get("/office")
    assert page.status == 200
    assert "has not been connected since" in page.text


async def test_a_residents_phone_does_not_open_the_office(furnished: Furnished) -> None:
    cookie = {one.key: one.value for one in furnished.phone.http.cookie_jar}
    async with ClientSession(cookies=cookie) as http:
        for name in ("evs_d", "evs_o"):
            answer = await http.get(
                f"{furnished.office.origin}/office", headers={"Cookie": f"{name}={cookie['evs_d']}"}
            )
            assert answer.status == 403


async def test_today_shows_stalls_sessions_and_who_was_not_let_in(furnished: Furnished) -> None:
    integration = furnished.integration
    integration.charge("stall-1", "res-2", NOW - timedelta(hours=3), NOW - timedelta(hours=2), 7_000)
    integration.record(
        "denied",
        NOW - timedelta(hours=1),
        stall_id="stall-2",
        credential_kind="card",
        reason="unknown_card",
        resident_id=None,
    )
    await integration.deliver()
    running = live_session("s" * 32, "res-1", NOW - timedelta(minutes=20), energy_wh=2_500)
    await integration.live(
        plugged_stall(1, NOW, status="charging", power_w=7_400, offered_a=11, session=running), free_stall(2)
    )
    page = await furnished.office.get("/office")
    for shown in ("Ada Larsen", "Bo Meyer", "Unknown card", "7,00", "2,50", "7,4", "11 A", "Connected"):
        assert shown in page.text, shown


async def test_an_invitation_is_shown_once_with_its_code(furnished: Furnished) -> None:
    page = await furnished.office.get("/office/residents/res-1")
    made = await furnished.office.submit(page, "/office/residents/res-1/invite")
    assert "/i#" in made.text
    assert "<svg" in made.text
    assert "/i#" not in (await furnished.office.get("/office/residents/res-1")).text


async def test_a_card_is_learnt_through_the_integration(furnished: Furnished) -> None:
    page = await furnished.office.get("/office/residents/res-1")
    told = await furnished.office.submit(page, "/office/residents/res-1/card", stall="stall-2", label="Blue key ring")
    assert "hold the new card to the reader of Stall 2" in told.text
    asked = furnished.integration.asked[-1]
    assert (asked["what"], asked["body"]) == (
        "enrol_card",
        {"resident_id": "res-1", "stall_id": "stall-2", "timeout_s": 60, "label": "Blue key ring"},
    )
    refused = await furnished.office.submit(page, "/office/residents/res-1/card", stall="stall-9")
    assert refused.status == 400
    assert refused.wrong == "stall"


async def test_contact_data_is_kept_and_checked(furnished: Furnished) -> None:
    page = await furnished.office.get("/office/residents/res-1")
    action = "/office/residents/res-1"
    saved = await furnished.office.submit(page, action, email="ada@example.org", language="de", rail="bank")
    assert "ada@example.org" in saved.text
    refused = await furnished.office.submit(page, action, email="ada", language="de", rail="bank")
    assert refused.status == 400
    assert refused.wrong == "email"
    # Without Stripe nobody can be set to pay by card.
    assert (await furnished.office.submit(page, action, email="", language="", rail="stripe")).status == 400
    assert "ada@example.org" in (await furnished.office.get(action)).text


async def test_a_stalls_code_is_renewed(furnished: Furnished) -> None:
    before = await furnished.house.code(furnished.office)
    page = await furnished.office.get("/office/stalls")
    await furnished.office.submit(page, "/office/stalls/stall-1/new-code")
    assert await furnished.house.code(furnished.office) != before
    assert (await furnished.phone.get(f"/s/{before}")).status == 404


async def test_a_price_is_added_and_shown_at_the_stall(furnished: Furnished) -> None:
    page = await furnished.office.get("/office/tariff/new")
    fields = {"csrf": page.form("/office/tariff")["csrf"], "preset": "flat", "price": "0,40", "vat": "25"}
    added = await furnished.office.post("/office/tariff", fields | {"valid_from": ""})
    assert added.status == 200
    # 0.40 net and 25 % VAT are 0.50 for residents.
    assert "0,50" in (await furnished.phone.get(f"/s/{furnished.code}")).text


async def test_a_price_for_later_is_read_in_the_houses_time(furnished: Furnished) -> None:
    page = await furnished.office.get("/office/tariff/new")
    fields = {"csrf": page.form("/office/tariff")["csrf"], "preset": "flat", "price": "0.50", "vat": ""}
    added = await furnished.office.post("/office/tariff", fields | {"valid_from": "2026-08-01T00:00"})
    assert "To come" in added.text
    furnished.house.clock.now = datetime(2026, 7, 31, 21, 59, tzinfo=UTC)
    assert "0,30" in (await furnished.phone.get(f"/s/{furnished.code}")).text
    furnished.house.clock.now = datetime(2026, 7, 31, 22, 0, tzinfo=UTC)
    assert "0,50" in (await furnished.phone.get(f"/s/{furnished.code}")).text


PER_KWH = {"type": "ENERGY", "price": 0.25, "step_size": 1}


def ocpi(**changes: Any) -> str:
    tariff = {
        "country_code": "DE",
        "party_id": "LIN",
        "id": "t1",
        "currency": "EUR",
        "elements": [{"price_components": [PER_KWH]}],
        "last_updated": "2026-07-01T00:00:00Z",
    }
    return json.dumps(tariff | changes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            ocpi(elements=[{"price_components": [PER_KWH], "restrictions": {"moon_phase": "full"}}]),
            "moon_phase: is not accepted here",
        ),
        (ocpi(currency="CHF"), "currency: got CHF"),
        ("{not json", "JSON ("),
        ("[]", "an OCPI Tariff object"),
        ('{"price": NaN}', "price: is not accepted here"),
    ],
)
async def test_a_tariff_that_cannot_be_rated_is_refused_and_stays_in_the_editor(
    furnished: Furnished, text: str, said: str
) -> None:
    page = await furnished.office.get("/office/tariff/new")
    fields = {"csrf": page.form("/office/tariff")["csrf"], "preset": "ocpi", "ocpi": text, "valid_from": ""}
    refused = await furnished.office.post("/office/tariff", fields)
    assert (refused.status, refused.wrong) == (400, "ocpi")
    assert said in refused.text
    assert f">\n{escape(text)}</textarea>" in refused.text
    versions = (await furnished.office.get("/office/tariff")).text
    assert versions.count('class="pill good"') == 1


@pytest.mark.parametrize("valid_from", ["soon", "0001-01-01T00:00", "9999-12-31T23:59", "2026-07-01T00:00"])
async def test_a_price_from_a_time_that_cannot_be_is_refused(furnished: Furnished, valid_from: str) -> None:
    page = await furnished.office.get("/office/tariff/new")
    fields = {"csrf": page.form("/office/tariff")["csrf"], "preset": "flat", "price": "0.40", "vat": ""}
    refused = await furnished.office.post("/office/tariff", fields | {"valid_from": valid_from})
    assert refused.status == 400
    assert refused.wrong == "valid_from"


async def test_a_month_that_is_not_over_cannot_be_closed(furnished: Furnished) -> None:
    page = await furnished.office.get("/office/month?month=2026-07")
    assert "is not over yet" in page.text
    assert "/office/month/close" not in page.text
    csrf = (await furnished.office.get("/office/settings")).form("/office/settings")["csrf"]
    refused = await furnished.office.post("/office/month/close", {"csrf": csrf, "month": "2026-07"})
    assert refused.status == 409
    assert "is not over yet" in refused.text


@pytest.mark.parametrize("month", ["2026-13", "july", "", "0000-01", "0001-01", "9999-12", "2026-07-01"])
async def test_a_month_that_is_none_is_named(furnished: Furnished, month: str) -> None:
    csrf = (await furnished.office.get("/office/settings")).form("/office/settings")["csrf"]
    refused = await furnished.office.post("/office/month/close", {"csrf": csrf, "month": month})
    assert refused.status == 400
    assert "month: got" in refused.text


async def test_a_transfer_is_booked_once_and_checked(furnished: Furnished) -> None:
    start = datetime(2026, 7, 1, 18, 0, tzinfo=UTC)
    furnished.integration.charge("stall-1", "res-1", start, start + timedelta(hours=2), 12_000)
    await furnished.integration.deliver()
    furnished.house.clock.now = datetime(2026, 8, 3, 8, 0, tzinfo=UTC)
    office = await furnished.house.office(furnished.integration)
    await office.submit(await office.get("/office/month?month=2026-07"), "/office/month/close")
    month = await office.get("/office/month?month=2026-07")
    action = next(part.split('"')[0] for part in month.text.split('action="') if "/transfer" in part.split('"')[0])
    for amount in ("", "-1", "0", "1.234", "1e9999", "NaN", "three"):
        refused = await office.submit(month, action, amount=amount, day="2026-08-02", entry="e1")
        assert refused.status == 400, amount
        assert refused.wrong == "amount"
    for day in ("yesterday", "0001-01-01", "9999-12-31"):
        assert (await office.submit(month, action, amount="3.60", day=day, entry="e1")).status == 400
    for _ in range(2):
        booked = await office.submit(month, action, amount="1,60", day="2026-08-02", entry="e1")
        assert "2,00" in booked.text  # what is left of 3.60
    paid = await office.submit(month, action, amount="2.00", day="2026-08-03", entry="e2")
    assert "Paid" in paid.text
    checks = await office.get("/office/checks")
    assert "All is well" in checks.text


async def test_an_iban_with_a_wrong_digit_is_refused_and_nothing_changes(furnished: Furnished) -> None:
    page = await furnished.office.get("/office/settings")
    fields = {"payee": "WEG", "address": "", "language": "en"}
    refused = await furnished.office.submit(page, "/office/settings", iban="DE88370400440532013000", **fields)
    assert refused.status == 400
    assert refused.wrong == "iban"
    assert "WEG" not in (await furnished.office.get("/office/settings")).text
    nameless = await furnished.office.submit(
        page, "/office/settings", **(fields | {"payee": "", "iban": "DE89370400440532013000"})
    )
    assert nameless.wrong == "payee"


async def test_the_settings_say_what_the_law_of_the_country_asks(furnished: Furnished) -> None:
    page = await furnished.office.get("/office/settings")
    assert "It asks for no class of meters." in page.text
    await furnished.office.submit(page, "/office/settings", payee="", iban="", address="", language="en", law="de")
    said = (await furnished.office.get("/office/settings")).text
    for sentence in (
        "Energy may be sold by the kilowatt-hour.",
        "it wants a meter that conforms to calibration law.",
        "are to be kept for 10 years",
        "No way of paying may cost extra",
    ):
        assert sentence in said


async def test_posts_of_another_site_or_without_the_pages_own_value_do_nothing(furnished: Furnished) -> None:
    page = await furnished.office.get("/office/residents/res-1")
    action = "/office/residents/res-1/block"
    fields = page.form(action)
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert (await furnished.office.post(action, fields, **headers)).status == 403
    assert (await furnished.office.post(action, {})).status == 403
    assert (await furnished.office.post(action, {"csrf": "x"})).status == 403
    assert "/unblock" not in (await furnished.office.get("/office/residents/res-1")).text


# --- inside Home Assistant --------------------------------------------------------------------------------------


INGRESS = {
    "X-Remote-User-Id": "u7",
    "X-Remote-User-Display-Name": "Mia",
    "X-Ingress-Path": "/api/hassio_ingress/abc123",
}


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


async def test_an_admin_comes_in_through_ingress_and_all_addresses_keep_its_path(by_ingress: House) -> None:
    integration = by_ingress.integration()
    integration.decide = role_admin
    await integration.connect()
    browser = by_ingress.browser(by_ingress.app.office_port, **INGRESS)
    page = await browser.get("/office")
    assert page.status == 200
    assert 'href="/api/hassio_ingress/abc123/office/residents"' in page.text
    assert 'href="/office' not in page.text
    assert "frame-ancestors 'self'" in page.headers["Content-Security-Policy"]
    resident = await browser.get("/office/residents/res-1")
    action = "/api/hassio_ingress/abc123/office/residents/res-1/block"
    answer = await browser.http.post(
        browser.origin + "/office/residents/res-1/block",
        data=resident.form(action),
        headers=INGRESS | {"X-Forwarded-Host": "ha.local:8123", "Origin": "http://ha.local:8123"},
        allow_redirects=False,
    )
    assert answer.headers["Location"] == "/api/hassio_ingress/abc123/office/residents/res-1?said=blocked"


async def test_any_other_ha_user_is_kept_out_of_ingress(by_ingress: House) -> None:
    integration = by_ingress.integration()
    integration.decide = lambda what, body: {"ok": True, "result": {"role": "resident", "resident_id": "res-1"}}
    await integration.connect()
    assert (await by_ingress.browser(by_ingress.app.office_port, **INGRESS).get("/office")).status == 403
    assert integration.asked[-1]["body"] == {"user_id": "u7"}


async def test_nobody_comes_in_through_ingress_while_their_role_cannot_be_asked(by_ingress: House) -> None:
    integration = by_ingress.integration()
    await integration.connect()
    await integration.disconnect()
    await by_ingress.unlinked()
    assert (await by_ingress.browser(by_ingress.app.office_port, **INGRESS).get("/office")).status == 503


async def test_what_ingress_says_is_not_believed_from_anywhere_else(furnished: Furnished) -> None:
    browser = furnished.house.browser(furnished.house.app.office_port, **INGRESS)
    page = await browser.get("/office")
    assert page.status == 403
    assert "hassio_ingress" not in page.text


async def test_a_strange_ingress_path_is_not_put_into_a_page(by_ingress: House) -> None:
    integration = by_ingress.integration()
    integration.decide = role_admin
    await integration.connect()
    spoilt = INGRESS | {"X-Ingress-Path": '/x"><script>alert(1)</script>'}
    page = await by_ingress.browser(by_ingress.app.office_port, **spoilt).get("/office")
    assert "<script>alert" not in page.text
