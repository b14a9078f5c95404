"""What the owners do: set the building up, let people in, close the month, all on the flows and pages there are."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
import re

from . import prices
from .forms import Browser, Page, PageError
from .lindenhof import Lindenhof
from .stalls import StallPlan
from .timetable import RESIDENTS

NET_PER_KWH, VAT_PERCENT = Decimal("0.29"), Decimal(19)
FLAT = {"preset": "flat", "price": str(NET_PER_KWH), "vat": str(VAT_PERCENT)}
BY_SOURCE = {"preset": "solar", "solar": "0.17", "battery": "0.22", "grid": "0.31", "vat": str(VAT_PERCENT)}
BY_MARKET = {
    "preset": "spot",
    "family": "+",
    "new_family": "market",
    "series": prices.NAME,
    "factor": "1",
    "adder": "0.06",
    "fallback": "0.35",
    "slot": "60",
    "vat": str(VAT_PERCENT),
}
"""What the owners type: one price for all, one by where energy comes from, one by the hour."""


async def set_up(place: Lindenhof, say: Callable[[str], None]) -> None:
    """Start everything, and set it up like the owners would: stalls with their hardware, residents."""
    await start(place, say)
    await add_everything(place, say)


async def start(place: Lindenhof, say: Callable[[str], None]) -> None:
    """Start the processes."""
    say("Starting the app")
    await place.app.start()
    await place.until_app_answers()
    say("Starting Home Assistant")
    await place.home_assistant.start()


async def add_everything(place: Lindenhof, say: Callable[[str], None]) -> None:
    """Add stalls and residents in Home Assistant."""
    say("Adding stalls and residents")
    await place.add_building()
    await place.add_stalls(place.plan.stalls, say)
    await place.add_residents()


async def furnish(
    place: Lindenhof, stalls: Sequence[StallPlan], say: Callable[[str], None], tariff: Mapping[str, str] = FLAT
) -> None:
    """Cards (tapped at `stalls`), tariff, bank account and phones: everything after the processes run."""
    say("Enrolling cards by tapping them")
    await place.enrol_cards(stalls)
    say("Setting tariff and bank account in the office")
    office = await place.enter_office()
    page = await office.open("/office/settings")
    await office.send(
        page,
        "/office/settings",
        {"iban": "DE75512108001245126199", "payee": "WEG Lindenhof", "address": "Lindenallee 7, 10115 Berlin"},
    )
    page = await office.open("/office/tariff/new")
    await _sent(office, page, "/office/tariff", tariff)
    await place.read_stall_signs(office)
    say("Inviting phones; some residents save a payment card")
    for person in RESIDENTS:
        if person.phone or person.card_number:
            await place.invite(office, person)
            await place.connect_phone(person)
        if person.card_number:
            await place.save_payment_card(person)


async def offer_market_price(place: Lindenhof, whose: str) -> None:
    """Offer a plan whose price follows the market, and put one account on it."""
    office = place.office
    assert office is not None
    await _sent(office, await office.open("/office/tariff/new"), "/office/tariff", BY_MARKET)
    plan = {"name": "Market price", "kind": "pay_as_you_go", "family": BY_MARKET["new_family"]}
    page = await _sent(office, await office.open("/office/plans"), "/office/plans", plan)
    account = re.search(rf'<option value="(account:[^"]+)">{whose}<', page.html)
    market = re.search(rf'<option value="([^"]+)">{plan["name"]}<', page.html)
    if account is None or market is None:
        raise PageError(f"no account of {whose}, or no plan:\n{page.text}")
    await _sent(office, page, "/office/plan-of", {"whom": account[1], "plan": market[1]})


async def _sent(office: Browser, page: Page, action: str, values: Mapping[str, str]) -> Page:
    """Send a form of the office. Raises `PageError` when it is not taken."""
    answered = await office.send(page, action, values)
    if answered.status != 200:
        raise PageError(f"{action} was not taken: {answered.status}\n{answered.text}")
    return answered


async def look_at_statements(place: Lindenhof) -> dict[str, str]:
    """Let everybody with a phone look at their statement; returns the pages by statement number."""
    pages = {}
    for phone in place.phones.values():
        listed = await phone.open("/statements")
        for link in {link for link in listed.links if re.fullmatch(r"/statements/[0-9a-f]{32}", link)}:
            page = await phone.open(link)
            numbers = re.findall(r"\b2026-\d{6}\b", page.text)
            pages[numbers[0]] = re.sub(r"(?s)<nav.*?</nav>|<svg class=\"icon.*?</svg>", "", page.html)
    return pages


async def close_month(place: Lindenhof, say: Callable[[str], None]) -> None:
    """Close June in the office, collect by card, and let two neighbours' transfers arrive."""
    office = await place.enter_office()
    page = await office.open("/office/month?month=2026-06")
    page = await office.send(page, "/month/close")
    if page.status != 200:
        raise PageError(f"the month was not closed: {page.status}\n{page.text}")
    say("Collecting by card")
    # Closing begins to collect by itself; the button is for those it left.
    if any(form.action.endswith("/month/collect") for form in page.forms):
        await office.send(page, "/month/collect")
    await asyncio.sleep(180)
    page = await office.open("/office/month?month=2026-06")
    for form in [form for form in page.forms if form.action.endswith("/transfer")][:2]:
        page = await office.send(page, form.action)
        if page.status != 200:
            raise PageError(f"a transfer was not booked: {page.status}\n{page.text}")
    await asyncio.sleep(180)
