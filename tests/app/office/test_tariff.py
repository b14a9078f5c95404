"""Tariffs in the office: versions, the editor, and what a preview says before anything is stored."""

from datetime import UTC, datetime, timedelta
from html import unescape
import json
import re
from typing import Any

import pytest
from sqlalchemy import insert, select

from evshare_app.books.accounting_tables import plan, plan_assignment, price_slot
from evshare_app.books.building import the_building
from evshare_app.books.schema import resident
from evshare_app.model import Month, to_ms
from evshare_app.office import tariff_month
from evshare_app.office.tariff_month import month_cost
from evshare_app.tariff.store import add_version, tariff_in_force
from tests.app.house import BUILDING_ID, NOW, Furnished, Page

JUNE = datetime(2026, 6, 10, 16, 0, tzinfo=UTC)


def plain(page: Page) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", unescape(page.text).replace("\u00a0", " ")))


async def send(furnished: Furnished, action: str = "/office/tariff", **fields: str) -> Page:
    page = await furnished.office.get("/office/tariff/new")
    csrf = page.form("/office/tariff")["csrf"]
    return await furnished.office.post(action, {"csrf": csrf, "valid_from": ""} | fields)


async def preview(furnished: Furnished, **fields: str) -> Page:
    page = await send(furnished, "/office/tariff/preview", **fields)
    assert page.status == 200, page.text
    return page


def samples(page: Page) -> list[tuple[str, ...]]:
    """Return present, new and change of each row of the sample sessions."""
    table = re.search(r"Sample sessions</h3>.*?</table>", page.text, re.DOTALL)
    assert table
    return rows(table[0])


def month(page: Page) -> list[tuple[str, ...]]:
    table = re.search(r"would have cost</h3>.*?</table>", page.text, re.DOTALL)
    assert table
    return rows(table[0])


def rows(table: str) -> list[tuple[str, ...]]:
    found = re.findall(r"<tr><t[hd].*?</tr>", table, re.DOTALL)[1:]
    cells = (re.findall(r'<td class="number">(.*?)</td>', row) for row in found)
    return [tuple(unescape(cell).replace("\u00a0", " ") for cell in row) for row in cells]


async def test_a_preview_says_what_samples_and_the_last_month_would_cost(furnished: Furnished) -> None:
    furnished.integration.charge("stall-1", "res-1", JUNE, JUNE + timedelta(hours=2), 12_000)
    furnished.integration.charge("stall-2", "res-2", JUNE, JUNE + timedelta(hours=1), 5_000)
    # Not of June: it ends in July.
    late = datetime(2026, 6, 30, 21, 30, tzinfo=UTC)
    furnished.integration.charge("stall-1", "res-1", late, late + timedelta(hours=1), 7_000)
    await furnished.integration.deliver()
    page = await preview(furnished, preset="flat", price="0,40", vat="25")
    # 0.30 without VAT is in force; 0.40 and 25 % are 0.50. 20, 40, 20 and 10 kWh.
    assert samples(page) == [
        ("6,00 €", "10,00 €", "+4,00 €"),
        ("12,00 €", "20,00 €", "+8,00 €"),
        ("6,00 €", "10,00 €", "+4,00 €"),
        ("3,00 €", "5,00 €", "+2,00 €"),
    ]
    # 12 kWh of Ada's, 5 of Bo's.
    assert month(page) == [
        ("12,0", "3,60 €", "6,00 €", "+2,40 €"),
        ("5,0", "1,50 €", "2,50 €", "+1,00 €"),
        ("17,0", "5,10 €", "8,50 €", "+3,40 €"),
    ]
    assert "All 2 sessions" in page.text
    assert "On Fri, 3 Jul" in page.text
    # It stays filled in, and nothing is stored.
    assert 'name="price" inputmode="decimal" maxlength="12" value="0,40"' in page.text
    assert "0,50" not in (await furnished.office.get("/office/tariff")).text


@pytest.mark.parametrize(
    ("fields", "new"),
    [
        # Midday: of 20 kWh 14 are sun, 6 grid: 14 x 0.10 + 6 x 0.30.
        ({"preset": "solar", "solar": "0.10", "grid": "0.30"}, ["6,00 €", "12,00 €", "3,20 €", "3,00 €"]),
        # Night from 22:00: 40 kWh at 11 kW from 22:30 end at 02:09. A fee of 1.00 for each session.
        (
            {"preset": "day_night", "day": "0.30", "night": "0.20", "session_fee": "1"}
            | {"night_from": "22:00", "night_until": "06:00"},
            ["7,00 €", "9,00 €", "7,00 €", "4,00 €"],
        ),
        # 6 h full, the first 30 minutes free: 5.5 h at 2.00.
        (
            {"preset": "flat", "price": "0.30", "idle_fee": "2", "idle_grace": "30", "idle_queue": "on"},
            ["6,00 €", "12,00 €", "6,00 €", "14,00 €"],
        ),
        # With VAT in all amounts: at least 4.00, at most 10.00.
        (
            {"preset": "flat", "price": "0.30", "vat": "20", "tax_included": "on", "least": "4", "most": "10"},
            ["6,00 €", "10,00 €", "6,00 €", "4,00 €"],
        ),
    ],
)
async def test_each_preset_is_tried_on_the_samples(
    furnished: Furnished, fields: dict[str, str], new: list[str]
) -> None:
    assert [row[1] for row in samples(await preview(furnished, **fields))] == new


async def test_a_spot_price_is_tried_on_the_last_working_day_it_is_known_for(furnished: Furnished) -> None:
    first = datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
    # Wednesday, 1 July in Berlin: 0.20 until 20:00, then 0.10; nothing is known from midnight on.
    hours = [
        {
            "building_id": BUILDING_ID,
            "series": series,
            "start_ms": to_ms(first + timedelta(hours=hour)),
            "end_ms": to_ms(first + timedelta(hours=hour + 1)),
            "price": price if hour < 20 else "0.10",
            "estimated": 0,
        }
        for hour in range(24)
        # The other price is nobody's business here.
        for series, price in (("Market", "0.20"), ("Grid fee", "0.90"))
    ]
    await furnished.house.app.books.write(lambda conn: conn.execute(insert(price_slot), hours))
    page = await preview(furnished, preset="spot", series="Market", factor="1.1", adder="0.05", fallback="0.40")
    assert "On Wed, 1 Jul" in page.text
    # 0.20 x 1.1 + 0.05 = 0.27; 0.10 x 1.1 + 0.05 = 0.16, which is also the last one known in the night.
    assert [row[1] for row in samples(page)] == ["5,40 €", "≈ 6,40 €", "5,40 €", "2,70 €"]


async def test_a_limit_is_kept_with_and_without_vat(furnished: Furnished) -> None:
    fields = {"preset": "flat", "price": "0.30", "vat": "19", "least": "1", "most": "10"}
    assert "1,00 € without VAT, 1,19 € with VAT" in plain(await preview(furnished, **fields))
    await send(furnished, **fields)
    kept = await stored(furnished)
    assert kept["min_price"] == {"excl_vat": 1, "incl_vat": 1.19}
    assert kept["max_price"] == {"excl_vat": 10, "incl_vat": 11.9}
    # With VAT in the prices 11.90 is what is typed, and 10.00 what is worked out (OCPI 2.3).
    furnished.house.clock.advance(minutes=1)
    await send(furnished, **(fields | {"tax_included": "on", "most": "11.9", "least": ""}))
    assert (await stored(furnished))["max_price"] == {"before_taxes": 10, "after_taxes": 11.9}


async def stored(furnished: Furnished) -> Any:
    """Return the tariff in force as the office gives it away."""
    page = await furnished.office.get("/office/tariff")
    address = re.search(r'href="(/office/tariff/[^"]+)"(?:(?!<li>).)*pill good', page.text, re.DOTALL)
    assert address
    file = await furnished.office.get(f"{address[1]}/ocpi")
    assert file.headers["Content-Type"].startswith("application/json")
    assert file.headers["Content-Disposition"].startswith('attachment; filename="tariff-')
    return json.loads(file.text)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"preset": "flat", "price": "cheap"}, "price"),
        ({"preset": "flat", "price": "-0.1"}, "price"),
        ({"preset": "flat", "price": "0.30", "vat": "190"}, "vat"),
        ({"preset": "flat", "price": "0.30", "least": "5", "most": "4"}, "most"),
        ({"preset": "flat", "price": "0.30", "family": "+", "new_family": "Night Owls"}, "new_family"),
        ({"preset": "solar", "solar": "0.10", "grid": ""}, "grid"),
        ({"preset": "spot", "fallback": "0.3", "spot_least": "0.5", "spot_most": "0.4"}, "spot_most"),
        ({"preset": "spot", "fallback": "0.3", "series": ""}, "series"),
        ({"preset": "spot", "fallback": "0.3", "series": "market"}, "series"),
        ({"preset": "day_night", "day": "1", "night": "1", "night_from": "25:00"}, "night_from"),
        ({"preset": "day_night", "day": "1", "night": "1", "country": "DE"}, "country"),
        ({"preset": "day_night", "day": "1", "night": "1", "weekend": "on", "country": "ZZ"}, "country"),
        (
            {"preset": "day_night", "day": "1", "night": "1", "weekend": "on", "country": "DE", "subdivision": "QQ"},
            "country",
        ),
    ],
)
@pytest.mark.parametrize("action", ["/office/tariff", "/office/tariff/preview"])
async def test_what_cannot_be_is_said_beside_its_field_and_stays_filled_in(
    furnished: Furnished, action: str, fields: dict[str, str], wrong: str
) -> None:
    typed = {"factor": "1", "adder": "0", "night_from": "22:00", "night_until": "06:00", "series": "Market"}
    page = await send(furnished, action, **(typed | fields))
    assert (page.status, page.wrong) == (400, wrong)
    assert f'value="{fields["preset"]}" checked' in page.text
    versions = await furnished.house.app.books.read(lambda conn: tariff_in_force(conn, NOW).version_id)
    assert versions == "default"


async def test_a_tariff_that_follows_a_price_nobody_tells_says_which_ones_there_are(furnished: Furnished) -> None:
    fields = {"preset": "spot", "fallback": "0.3", "factor": "1", "adder": "0"}
    page = await send(furnished, **(fields | {"series": "Nord Pool"}))
    assert (page.status, page.wrong) == (400, "series")
    said = "the name of a price that Home Assistant tells: 'Market', 'Grid fee'"
    assert said in unescape(page.text)
    by_hand = json.dumps(await spot_by_hand(furnished, "Nord Pool"))
    page = await send(furnished, preset="ocpi", ocpi=by_hand)
    assert (page.status, page.wrong) == (400, "ocpi")
    assert f"x_evshare.spot.series: got 'Nord Pool', accepted is {said}" in unescape(page.text)
    # A sensor that is taken away later leaves its tariffs; only new ones cannot follow it.
    await send(furnished, preset="ocpi", ocpi=json.dumps(await spot_by_hand(furnished, "Grid fee")))
    assert (await stored(furnished))["x_evshare"]["spot"]["series"] == "Grid fee"
    await furnished.integration.describe(price_series=["Market"])
    assert (await stored(furnished))["x_evshare"]["spot"]["series"] == "Grid fee"
    furnished.house.clock.advance(minutes=1)
    page = await send(furnished, **(fields | {"series": "Grid fee"}))
    assert (page.status, page.wrong) == (400, "series")
    assert "the name of a price that Home Assistant tells: 'Market'." in unescape(page.text)
    await furnished.integration.describe(price_series=[])
    page = await send(furnished, **(fields | {"series": "Market"}))
    assert "nothing yet: Home Assistant tells no price of this building" in page.text


async def spot_by_hand(furnished: Furnished, series: str) -> dict[str, Any]:
    """Return the house's tariff, made to follow a price."""
    fee = {"type": "FLAT", "price": 1, "step_size": 1}
    spot = {"series": series, "fallback": 0.3}
    return await stored(furnished) | {"elements": [{"price_components": [fee]}], "x_evshare": {"spot": spot}}


async def test_what_cannot_be_is_said_in_the_persons_language(furnished: Furnished) -> None:
    german = {"Accept-Language": "de"}
    page = await furnished.office.get("/office/tariff/new")
    fields = {"csrf": page.form("/office/tariff")["csrf"], "preset": "flat", "price": "0.3", "valid_from": "2026-01-01"}
    refused = await furnished.office.post("/office/tariff", fields, **german)
    assert refused.wrong == "valid_from"
    assert "ein Zeitpunkt, der nicht vergangen ist" in refused.text
    price = {"type": "ENERGY", "price": 0.25, "step_size": 0}
    by_hand = {"preset": "ocpi", "ocpi": json.dumps({"elements": [{"price_components": [price]}]}), "valid_from": ""}
    refused = await furnished.office.post("/office/tariff", fields | by_hand, **german)
    assert refused.wrong == "ocpi"
    assert "country_code: fehlt" in refused.text


async def test_a_coming_version_is_withdrawn_and_another_takes_its_place(furnished: Furnished) -> None:
    august = "2026-08-01T00:00"
    listed = await send(furnished, preset="flat", price="0.50", valid_from=august)
    assert "To come" in listed.text
    address = re.search(r'href="(/office/tariff/20260731T220000Z-[0-9a-f]+)"', listed.text)
    assert address
    page = await furnished.office.get(address[1])
    after = await furnished.office.submit(page, f"{address[1]}/withdraw")
    assert "Withdrawn" in after.text
    assert "To come" not in after.text
    assert "/withdraw" not in (await furnished.office.get(address[1])).text
    furnished.house.clock.advance(minutes=1)
    # The very same, and then it is in the way of another one.
    assert "To come" in (await send(furnished, preset="flat", price="0.50", valid_from=august)).text
    assert (await send(furnished, preset="flat", price="0.45", valid_from=august)).wrong == "valid_from"
    furnished.house.clock.now = datetime(2026, 8, 1, 0, 0, tzinfo=UTC)
    furnished.office = await furnished.house.office(furnished.integration)
    assert "0,50" in (await furnished.phone.get(f"/s/{furnished.code}")).text


async def test_a_version_that_holds_stays(furnished: Furnished) -> None:
    csrf = (await furnished.office.get("/office/tariff/new")).form("/office/tariff")["csrf"]
    page = await furnished.office.post("/office/tariff/default/withdraw", {"csrf": csrf})
    assert page.status == 409
    assert "This version holds already" in page.text


async def test_a_version_says_how_many_sessions_are_charged_under_it(furnished: Furnished) -> None:
    furnished.integration.charge("stall-1", "res-1", JUNE, JUNE + timedelta(hours=2), 12_000)
    await furnished.integration.deliver()
    assert "1 session" in (await furnished.office.get("/office/tariff")).text
    page = plain(await furnished.office.get("/office/tariff/default"))
    assert "Sessions 1 " in page
    assert "0,30 € per kWh" in page


async def test_a_familys_preview_takes_the_sessions_of_those_who_are_on_it(furnished: Furnished) -> None:
    house, june = furnished.house, datetime(2026, 6, 1, tzinfo=UTC)
    now, house.clock.now = house.clock.now, datetime(2026, 5, 1, tzinfo=UTC)
    ocpi = {
        "country_code": "XX",
        "party_id": "EVS",
        "id": "owls",
        "currency": "EUR",
        "elements": [{"price_components": [{"type": "ENERGY", "price": 0.2, "step_size": 1}]}],
        "last_updated": "2026-05-01T00:00:00Z",
    }

    def bo_is_an_owl(conn: Any) -> None:
        add_version(conn, ocpi, house.clock.now, house.clock.now, "owls")
        base = {"building_id": BUILDING_ID, "plan_id": "owls"}
        made = {"created_ms": 0, "made_by": "office"}
        kind = {"kind": "pay_as_you_go", "family": "owls", "name": "Night owls", "is_default": 0}
        none = {"base_fee_minor": 0, "included_wh": 0, "rollover": 0, "demand_minor": 0}
        conn.execute(insert(plan).values(**base, **kind, **none, **made))
        account = conn.scalar(select(resident.c.account_id).where(resident.c.resident_id == "res-2"))
        conn.execute(
            insert(plan_assignment).values(
                **base, assignment_id="a1", account_id=account, from_ms=to_ms(june), made_by="office"
            )
        )

    await house.app.books.write(bo_is_an_owl)
    house.clock.now = now
    furnished.integration.charge("stall-1", "res-1", JUNE, JUNE + timedelta(hours=2), 12_000)
    furnished.integration.charge("stall-2", "res-2", JUNE, JUNE + timedelta(hours=1), 5_000)
    await furnished.integration.deliver()
    # 5 kWh of Bo's, at 0.20 and 0.25. On the house's tariff are Ada's 12 kWh.
    owls = await preview(furnished, family="owls", preset="flat", price="0.25")
    assert month(owls) == [("5,0", "1,00 €", "1,25 €", "+0,25 €")] * 2
    houses = await preview(furnished, family="house", preset="flat", price="0.25")
    assert month(houses) == [("12,0", "3,60 €", "3,00 €", "-0,60 €")] * 2
    # Nobody is on a new one yet: all of the house are taken, at what the house pays now.
    fresh = await preview(furnished, family="+", new_family="early-birds", preset="flat", price="0.25")
    assert "Nobody was on this tariff" in fresh.text
    assert month(fresh)[-1] == ("17,0", "5,10 €", "4,25 €", "-0,85 €")
    listed = plain(await furnished.office.get("/office/tariff"))
    assert "Of these plans: Night owls" in listed


async def test_where_time_runs_out_it_is_said_how_many_were_taken(
    furnished: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tariff_month, "_AT_A_TIME", 2)
    for day in range(3):
        start = JUNE + timedelta(days=day)
        furnished.integration.charge("stall-1", "res-1", start, start + timedelta(hours=1), 1_000)
    await furnished.integration.deliver()
    books, building = furnished.house.app.books, await the_house(furnished)
    present = (await books.read(lambda conn: tariff_in_force(conn, NOW))).tariff
    for enough, used in ((True, 2), (False, 3)):
        cost = await month_cost(
            books, building, Month(2026, 6), "house", present, present, lambda enough=enough: enough
        )
        assert (cost.used, cost.there_are, cost.total.energy_wh) == (used, 3, 1000 * used)


async def the_house(furnished: Furnished) -> Any:
    return await furnished.house.app.books.read(the_building)


async def test_any_session_is_explained_in_the_office(furnished: Furnished) -> None:
    session_id = furnished.integration.charge("stall-1", "res-1", JUNE, JUNE + timedelta(hours=2), 12_000)
    await furnished.integration.deliver()
    page = plain(await furnished.office.get(f"/office/sessions/{session_id}"))
    assert "12,000 kWh × 0,30 € per kWh = 3,60 €" in page
    assert "Ada Larsen" in page
    assert (await furnished.office.get("/office/sessions/none")).status == 404
    assert (await furnished.office.get("/office/tariff/none")).status == 404


async def test_a_version_lists_the_sessions_it_is_charged_for_a_page_at_a_time(furnished: Furnished) -> None:
    # 1 kWh more each hour, at 0.30: the last of 27 has 27 kWh and costs 8.10.
    ids = [
        furnished.integration.charge(
            "stall-1", "res-1", JUNE + timedelta(hours=at), JUNE + timedelta(hours=at + 1), at * 1000
        )
        for at in range(1, 28)
    ]
    await furnished.integration.deliver()
    page = await furnished.office.get("/office/tariff/default")
    said = plain(page).split("Sessions under this version")[1]
    assert said.index("8,10 €") < said.index("7,80 €")
    assert "11 Jun 2026, 21:00 · Stall 1 Ada Larsen · 27,00 kWh" in said
    assert "Page 1 of 2" in said
    assert page.text.count("/office/sessions/") == 25
    steps = await furnished.office.get(f"/office/sessions/{ids[-1]}")
    assert (steps.status, f'/office/sessions/{ids[-1]}"' in page.text) == (200, True)
    older = await furnished.office.get("/office/tariff/default?page=2")
    assert [one for one in ids if f"/office/sessions/{one}" in older.text] == ids[:2]
    assert "0,30 €" in plain(older)
    assert plain(await furnished.office.get("/office/tariff/default?page=99")) == plain(older)
    refused = await furnished.office.get("/office/tariff/default?page=0")
    assert refused.status == 400
    assert "page" in refused.text


async def test_a_version_that_was_not_used_lists_nothing(furnished: Furnished) -> None:
    assert "Sessions under this version" not in (await furnished.office.get("/office/tariff/default")).text
