"""Costs and utility bills in the office: who bears how much, and where each kWh of the feeder went."""

from datetime import UTC, datetime, timedelta
import re

from evshare_app.model import Month
from tests.app.house import NOW, Furnished
from tests.app.office.test_accounts import text_of
from tests.app.statement.steps import close_month

LOAN = {
    "name": "Loan for the wiring",
    "kind": "loan",
    "amount": "31",
    "every": "month",
    "vat": "",
    "key": "equal",
    "from_day": "2026-07-01",
    "last_day": "",
}


async def test_a_cost_shows_who_bears_it(furnished: Furnished) -> None:
    """31 € for July by two accounts are 15.50 € each."""
    office = furnished.office
    page = await office.submit(await office.get("/office/costs"), "/office/costs/add", **LOAN)
    assert page.address == "/office/costs?month=2026-07&said=added"
    said = text_of(page).replace("15,50 €", "€15.50").replace("31,00 €", "€31.00")
    assert "Ada Larsen 50.0 % €15.50 Bo Meyer 50.0 % €15.50" in said.replace("50,0", "50.0")


async def test_a_cost_is_ended_and_counts_by_days(furnished: Furnished) -> None:
    """Ten of July's 31 days are 10 €."""
    office = furnished.office
    page = await office.submit(await office.get("/office/costs"), "/office/costs/add", **LOAN)
    end = re.search(r'action="(/office/costs/[0-9a-f]+/end)"', page.text)
    assert end
    page = await office.submit(page, end[1], day="2026-07-11")
    assert "ended on" in text_of(page)
    assert re.search(r"(€5.00|5,00 €).*(€5.00|5,00 €).*(€10.00|10,00 €)", text_of(page))
    assert 'action="/office/costs/' not in re.sub(r"/office/costs/(add|energy|solar)", "", page.text)


async def test_weights_belong_to_the_key_that_uses_them(furnished: Furnished) -> None:
    office = furnished.office
    page = await office.get("/office/costs")
    bad = await office.submit(page, "/office/costs/add", **(LOAN | {"key": "custom"}))
    assert (bad.status, bad.wrong) == (400, "key")
    ada, bo = re.findall(r'name="(weight:[^"]+)"', page.text)
    page = await office.submit(page, "/office/costs/add", **(LOAN | {"key": "custom", ada: "3", bo: "1"}))
    said = text_of(page).replace("23,25 €", "€23.25").replace("7,75 €", "€7.75").replace(",0 %", ".0 %")
    assert "Ada Larsen 75.0 % €23.25 Bo Meyer 25.0 % €7.75" in said


async def test_what_cannot_be_a_cost_names_its_field(furnished: Furnished) -> None:
    office = furnished.office
    for changed, field in (
        ({"amount": "-3"}, "amount"),
        ({"from_day": ""}, "from_day"),
        ({"last_day": "2026-06-01"}, "last_day"),
        ({"vat": "120"}, "vat"),
        ({"name": " "}, "name"),
    ):
        page = await office.submit(await office.get("/office/costs"), "/office/costs/add", **(LOAN | changed))
        assert (page.status, page.wrong) == (400, field)


async def test_a_closed_month_keeps_its_costs_and_rules(furnished: Furnished) -> None:
    office = furnished.office
    await furnished.house.app.books.write(lambda conn: close_month(conn, Month(2026, 6), "office:u1", NOW))
    page = await office.get("/office/costs")
    bad = await office.submit(page, "/office/costs/add", **(LOAN | {"from_day": "2026-06-30"}))
    assert (bad.status, bad.wrong) == (400, "from_day")
    rule = {"method": "actual", "bearer": "kwh", "standby_w": "40", "vat": "", "since_month": "2026-06"}
    bad = await office.submit(page, "/office/costs/energy", **rule)
    assert (bad.status, bad.wrong) == (400, "since_month")


async def test_rules_hold_from_their_month_on(furnished: Furnished) -> None:
    office = furnished.office
    page = await office.get("/office/costs")
    rule = {"method": "actual", "bearer": "kwh", "standby_w": "40", "vat": "19", "since_month": "2026-08"}
    page = await office.submit(page, "/office/costs/energy", **rule)
    assert "Standby 40 W" in text_of(page)
    assert "Standby 0 W" in text_of(await office.get("/office/costs?month=2026-07"))
    sun = {"shared": "yes", "rule": "first_come", "sharing": "equal", "vat": "", "valid_months": "12"}
    bad = await office.submit(
        page, "/office/costs/solar", **sun, grid_price="0.10", solar_price="0.20", since_month="2026-08"
    )
    assert (bad.status, bad.wrong) == (400, "solar_price")
    page = await office.submit(
        page, "/office/costs/solar", **sun, grid_price="0.30", solar_price="0.20", since_month="2026-08"
    )
    assert re.search(r"Sun equally · (€0.20|0,20 €) instead of (€0.30|0,30 €)", text_of(page))


BILL = {"number": "SW-1", "from_day": "2026-06-01", "last_day": "2026-06-30", "kwh": "110", "energy": "33"}


async def test_a_bill_says_where_each_kwh_went(furnished: Furnished) -> None:
    """110 kWh for 33 €: 100 billed (30 €), 7 by nobody (2.10 €), 3 lost (0.90 €, 2.7 %).

    At 0.30 € the 100 kWh brought 30 €: neither surplus nor deficit.
    """
    integration, office = furnished.integration, furnished.office
    start = datetime(2026, 6, 10, 12, tzinfo=UTC)
    integration.charge("stall-1", "res-1", start, start + timedelta(minutes=15), 100_000)
    integration.cut("stall-1", None, start + timedelta(hours=1), start + timedelta(hours=1, minutes=15), 7_000)
    await integration.deliver()
    page = await office.submit(await office.get("/office/bills"), "/office/bills", **BILL)
    said = re.sub(r"(\d),(\d)", r"\1.\2", text_of(page))
    said = re.sub(r"(-?[\d.]+) €", r"€\1", said)
    assert "Billed to accounts 100.000 90.9 % €30.00" in said
    assert "Billed to no one 7.000 6.4 % €2.10" in said
    assert "Losses 3.000 2.7 % €0.90" in said
    assert "The feeder. by the bill 110.000 €33.00" in said.replace("feeder, by", "feeder. by")
    assert "Surplus €0.00" in said
    assert "€0.30 per kWh without VAT" in said
    assert "counted more than the feeder" not in said


async def test_meters_that_counted_more_than_the_feeder_raise_an_alarm(furnished: Furnished) -> None:
    integration, office = furnished.integration, furnished.office
    start = datetime(2026, 6, 10, 12, tzinfo=UTC)
    integration.charge("stall-1", "res-1", start, start + timedelta(minutes=15), 111_000)
    await integration.deliver()
    page = await office.submit(await office.get("/office/bills"), "/office/bills", **BILL)
    assert "counted more than the feeder" in page.text
    withdraw = re.search(r'action="(/office/bills/[0-9a-f]+/withdraw)"', page.text)
    assert withdraw
    page = await office.submit(page, withdraw[1])
    assert "The bill is withdrawn." in page.text
    assert "SW-1" not in page.text


async def test_what_cannot_be_a_bill_names_its_field(furnished: Furnished) -> None:
    office = furnished.office
    await office.submit(await office.get("/office/bills"), "/office/bills", **BILL)
    for changed, field in (
        ({"last_day": "2026-07-02"}, "last_day"),  # today is not over
        ({"kwh": ""}, "kwh"),
        ({"energy": "a lot"}, "energy"),
        ({"number": ""}, "number"),
        ({}, "from_day"),  # the same days again
    ):
        page = await office.submit(await office.get("/office/bills"), "/office/bills", **(BILL | changed))
        assert (page.status, page.wrong) == (400, field)
