"""A resident's own pages hold what is theirs, and nothing of anyone else."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
import re

import pytest

from demo.stripe import StripeStandIn
from demo.stripe.server import KEY
from tests.app.house import Browser, Clock, Furnished, open_house

JULY = datetime(2026, 7, 1, 18, 0, tzinfo=UTC)
AUGUST = datetime(2026, 8, 1, 8, 0, tzinfo=UTC)


async def close_july(furnished: Furnished) -> Browser:
    """Charge Ada and Bo, close July, and return the office."""
    furnished.integration.charge("stall-1", "res-1", JULY, JULY.replace(hour=20), 12_000)
    furnished.integration.charge("stall-2", "res-2", JULY, JULY.replace(hour=20), 5_000)
    await furnished.integration.deliver()
    furnished.house.clock.now = AUGUST
    office = await furnished.house.office(furnished.integration)
    settings = await office.get("/office/settings")
    await office.submit(
        settings,
        "/office/settings",
        payee="WEG Lindenhof",
        iban="DE89370400440532013000",
        address="Lindenstr. 4",
        language="en",
    )
    month = await office.get("/office/month?month=2026-07")
    closed = await office.submit(month, "/office/month/close")
    assert closed.status == 200, closed.text
    return office


async def statement_address(phone: Browser) -> str:
    found = re.search(r'href="(/statements/[^"]+)"', (await phone.get("/statements")).text)
    assert found
    return found[1]


async def test_sessions_show_energy_and_cost_by_month(furnished: Furnished) -> None:
    furnished.integration.charge("stall-1", "res-1", JULY, JULY.replace(hour=20), 12_000)
    furnished.integration.charge("stall-2", "res-2", JULY, JULY.replace(hour=20), 5_550)
    await furnished.integration.deliver()
    page = await furnished.phone.get("/sessions")
    assert "July 2026" in page.text
    assert "12,00 kWh" in page.text.replace("\u00a0", " ")
    assert "3,60" in page.text
    assert "5,55" not in page.text


async def test_an_open_statement_offers_bank_data_with_a_code_for_the_banking_app(furnished: Furnished) -> None:
    await close_july(furnished)
    page = await furnished.phone.get(await statement_address(furnished.phone))
    assert "DE89 3704 0044 0532 0130 00" in page.text
    assert "WEG Lindenhof" in page.text
    assert re.search(r"RF\d\dEV2026000\d\d\d", page.text)
    assert "<svg" in page.text.split("banking app")[1]
    assert "/pay" not in page.text


async def test_a_statement_is_read_as_a_page_and_kept_as_a_pdf(furnished: Furnished) -> None:
    await close_july(furnished)
    address = await statement_address(furnished.phone)
    page = await furnished.phone.get(f"{address}/page")
    assert page.status == 200
    assert "sandbox" in page.headers["Content-Security-Policy"]
    assert "script" not in page.headers["Content-Security-Policy"]
    pdf = await furnished.phone.get(f"{address}/pdf")
    assert pdf.headers["Content-Type"] == "application/pdf"
    assert pdf.text.startswith("%PDF-")
    assert "attachment" in pdf.headers["Content-Disposition"]


async def test_someone_elses_statement_is_answered_like_one_that_does_not_exist(furnished: Furnished) -> None:
    await close_july(furnished)
    address = await statement_address(furnished.phone)
    other = await furnished.house.phone(await furnished.house.office(furnished.integration), "res-2")
    unknown = await other.get("/statements/none")
    for path in (address, f"{address}/page", f"{address}/pdf"):
        theirs = await other.get(path)
        assert (theirs.status, theirs.text) == (404, unknown.text)
    fields = (await other.get("/me")).form("/me/language")
    assert (await other.post(f"{address}/pay", fields)).status == 404


async def test_a_paid_statement_says_so_and_asks_for_nothing(furnished: Furnished) -> None:
    office = await close_july(furnished)
    month = await office.get("/office/month?month=2026-07")
    row = next(part for part in month.text.split("<li>") if "Ada Larsen" in part)
    action = row.split('action="')[1].split('"')[0]
    booked = await office.submit(month, action, amount="3.60", day="2026-08-01", entry="bank-1")
    assert "The transfer is booked" in booked.text
    page = await furnished.phone.get(await statement_address(furnished.phone))
    assert "Paid" in page.text
    assert "IBAN" not in page.text


async def test_a_language_is_chosen_and_kept(furnished: Furnished) -> None:
    me = await furnished.phone.get("/me")
    german = await furnished.phone.submit(me, "/me/language", language="de")
    assert "Verbundene Telefone" in german.text
    assert '<html lang="de">' in german.text
    refused = await furnished.phone.submit(me, "/me/language", language="tlh")
    assert refused.status == 400
    assert "language: got" in refused.text


async def test_a_stranger_gets_the_language_of_their_browser(furnished: Furnished) -> None:
    page = await furnished.house.stranger().get("/", **{"Accept-Language": "it;q=0.9, de-CH;q=0.8, en;q=0.1"})
    assert "Zu Hause laden" in page.text
    page = await furnished.house.stranger().get("/", **{"Accept-Language": "fr-CH, de-CH;q=0.8, en;q=0.1"})
    assert "Recharger chez soi" in page.text
    assert '<html lang="fr">' in page.text


@pytest.fixture
async def with_cards(tmp_path: Path) -> AsyncIterator[tuple[Furnished, StripeStandIn]]:
    clock = Clock()
    async with (
        StripeStandIn(clock) as stand_in,
        open_house(tmp_path, clock, stripe_key=KEY, stripe_api_base=stand_in.url) as house,
    ):
        yield await Furnished.of(house), stand_in


async def test_saving_a_card_leads_to_the_hosted_page(with_cards: tuple[Furnished, StripeStandIn]) -> None:
    furnished, stand_in = with_cards
    me = await furnished.phone.get("/me")
    sent = furnished.phone.headers | {"Origin": furnished.phone.origin, "Sec-Fetch-Site": "same-origin"}
    answer = await furnished.phone.http.post(
        furnished.phone.origin + "/me/card", data=me.form("/me/card"), headers=sent, allow_redirects=False
    )
    assert answer.status == 303
    assert answer.headers["Location"].startswith(stand_in.url)
    # Browsers hold redirects after a form to this policy too.
    assert stand_in.url in answer.headers["Content-Security-Policy"]


async def test_a_statement_is_paid_by_card_on_the_hosted_page(with_cards: tuple[Furnished, StripeStandIn]) -> None:
    furnished, stand_in = with_cards
    await close_july(furnished)
    address = await statement_address(furnished.phone)
    page = await furnished.phone.get(address)
    sent = furnished.phone.headers | {"Origin": furnished.phone.origin, "Sec-Fetch-Site": "same-origin"}
    answer = await furnished.phone.http.post(
        furnished.phone.origin + f"{address}/pay", data=page.form(f"{address}/pay"), headers=sent, allow_redirects=False
    )
    assert answer.status == 303
    assert answer.headers["Location"].startswith(stand_in.url)


async def test_when_the_payment_page_cannot_be_reached_the_statement_says_so(tmp_path: Path) -> None:
    async with open_house(tmp_path, stripe_key=KEY, stripe_api_base="http://127.0.0.1:9") as house:
        furnished = await Furnished.of(house)
        await close_july(furnished)
        address = await statement_address(furnished.phone)
        told = await furnished.phone.submit(await furnished.phone.get(address), f"{address}/pay")
        assert told.status == 200
        assert "cannot be reached right now" in told.text
