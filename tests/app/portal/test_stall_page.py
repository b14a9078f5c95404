"""What a stall's page tells: how it is, what it costs, the sun, what to expect, and what is left of one's month."""

from datetime import datetime, timedelta
from decimal import Decimal
import re
from typing import Any

from sqlalchemy import Connection, insert, select

from evshare_app.books.accounting_tables import plan, plan_assignment
from evshare_app.books.schema import resident
from evshare_app.model import ResidentId
from evshare_app.resident.rules import Hours, Rule, set_rule
from evshare_app.tariff.presets import Flat, Preset, SolarFriendly, SpotPriced, to_ocpi
from evshare_app.tariff.store import add_version
from tests.app.house import BUILDING_ID, NOW, Browser, Furnished, free_stall, live_session, plugged_stall, rfc3339


async def text_of(furnished: Furnished, browser: Browser | None = None, number: int = 1) -> str:
    """Return the page's words in one line."""
    code = await furnished.house.code(furnished.office, number)
    page = await (browser or furnished.phone).get(f"/s/{code}")
    assert page.status == 200, page.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.text.replace("\u00a0", " ").replace("\u202f", " ")))


async def tell_sun(furnished: Furnished, end: datetime, **energies: Any) -> None:
    begin = end - timedelta(minutes=15)
    furnished.integration.record(
        "building_slice", end, start=rfc3339(begin), end=rfc3339(end), estimated=False, **energies
    )
    await furnished.integration.deliver(after=len(furnished.integration.journal) - 1)


async def set_rules(furnished: Furnished, rule: Rule) -> None:
    await furnished.house.app.books.write(lambda conn: set_rule(conn, ResidentId("res-1"), rule, "office:u1", NOW))


async def test_the_sun_of_the_last_quarter_hour_is_told(furnished: Furnished) -> None:
    await furnished.integration.live(free_stall(1))
    # 1,500 Wh from the roof, 300 of them sent away, 800 from the street: 1,200 of 2,000 Wh were sun.
    await tell_sun(furnished, NOW, import_wh=800, export_wh=300, pv_wh=1500)
    assert "The last quarter hour of the house was 60% sun." in await text_of(furnished)


async def test_without_meters_or_long_ago_nothing_is_said_of_the_sun(furnished: Furnished) -> None:
    await furnished.integration.live(free_stall(1))
    assert "sun." not in await text_of(furnished)
    await tell_sun(furnished, NOW - timedelta(hours=1), import_wh=800, export_wh=0, pv_wh=1200)
    assert "sun." not in await text_of(furnished)
    await tell_sun(furnished, NOW, import_wh=800, export_wh=0, pv_wh=None)
    assert "sun." not in await text_of(furnished)


async def test_what_to_expect_is_reckoned_at_what_the_stall_can_give(furnished: Furnished) -> None:
    await furnished.integration.live(free_stall(1))
    text = await text_of(furnished, furnished.house.stranger())
    # 16 A on three phases are 11.04 kW: 10 kWh in 54 minutes, 40 kWh in 3 hours 37.
    assert "About, starting now at 11,0 kW" in text
    assert "10 kWh 55 mins 3,00 €" in text
    assert "40 kWh 3 hrs 45 mins 12,00 €" in text or "40 kWh 3 hrs 30 mins 12,00 €" in text


async def test_what_to_expect_is_reckoned_at_what_the_persons_car_takes(furnished: Furnished) -> None:
    begin = NOW - timedelta(days=3)
    # Twice 7.2 kWh in two hours: a car that takes 3.6 kW.
    for day in (0, 1):
        at = begin + timedelta(days=day)
        furnished.integration.charge("stall-1", "res-1", at, at + timedelta(hours=2), 7_200)
    await furnished.integration.deliver()
    await furnished.integration.live(free_stall(1))
    assert "About, starting now at 3,6 kW" in await text_of(furnished)
    # Somebody else's car is another one.
    assert "About, starting now at 11,0 kW" in await text_of(furnished, furnished.house.stranger())


async def test_sharing_the_fuse_lengthens_what_to_expect(furnished: Furnished) -> None:
    # 63 A: five other sessions with 12 A each leave 3, an equal share of six is 10 A: 6.9 kW.
    stalls = [
        plugged_stall(
            number, NOW, status="charging", offered_a=12, session=live_session(f"{number}" * 32, "res-2", NOW)
        )
        for number in range(2, 7)
    ]
    await furnished.integration.live(free_stall(1), *stalls)
    assert "About, starting now at 6,9 kW" in await text_of(furnished)


async def test_the_price_names_its_parts_with_vat_and_its_next_change(furnished: Furnished) -> None:
    tariff = {
        "country_code": "XX",
        "party_id": "EVS",
        "id": "two",
        "currency": "EUR",
        "elements": [
            {
                "price_components": [{"type": "ENERGY", "price": Decimal("0.30"), "vat": 19, "step_size": 1}],
                "restrictions": {"start_time": "06:00", "end_time": "22:00"},
            },
            {"price_components": [{"type": "ENERGY", "price": Decimal("0.20"), "vat": 19, "step_size": 1}]},
            {"price_components": [{"type": "PARKING_TIME", "price": 1, "vat": 19, "step_size": 1}]},
        ],
        "last_updated": "2026-07-01T00:00:00Z",
    }
    await furnished.house.app.books.write(lambda conn: add_version(conn, tariff, NOW, NOW))
    await furnished.integration.live(free_stall(1))
    text = await text_of(furnished, furnished.house.stranger())
    # It is 18:30 in Berlin. 0.30 with 19 % are 0.357, 0.20 are 0.238, 1.00 is 1.19.
    assert "0,357 € per kWh + 1,19 € per hour connected without charging, incl. 19% VAT" in text
    assert "From Thu, 2 Jul, 22:00: 0,238 € per kWh" in text
    assert "Connected without charging per hour 1,00 € 19 %" in text


async def test_a_resident_with_a_quota_sees_what_is_left(furnished: Furnished) -> None:
    await furnished.integration.live(free_stall(1))
    assert "Yours this month" not in await text_of(furnished)
    begin = NOW - timedelta(days=1)
    furnished.integration.charge("stall-1", "res-1", begin, begin + timedelta(hours=5), 48_000)
    await furnished.integration.deliver()
    rule = Rule(month_wh=80_000, hours=(Hours(days=(1, 2, 3, 4, 5), start="22:00", end="06:00"),))
    await set_rules(furnished, rule)
    text = await text_of(furnished)
    assert "32 of 80 kWh left" in text
    assert "You can start Mon–Fri, 22:00–06:00." in text
    assert "of 80 kWh" not in await text_of(furnished, furnished.house.stranger())


async def test_money_left_counts_what_runs_now(furnished: Furnished) -> None:
    await set_rules(furnished, Rule(month_minor=4_000))
    session_id = furnished.integration.begin("stall-2", "res-1", NOW - timedelta(hours=1))
    await furnished.integration.deliver()
    session = live_session(session_id, "res-1", NOW - timedelta(hours=1), energy_wh=10_000)
    await furnished.integration.live(free_stall(1), plugged_stall(2, NOW, status="charging", session=session))
    # 40.00 less 10 kWh at 0.30.
    assert "37,00 € of 40,00 € left" in await text_of(furnished)


async def test_a_stall_that_ones_rules_do_not_name_offers_no_start(furnished: Furnished) -> None:
    await furnished.integration.live(free_stall(1), free_stall(2))
    await set_rules(furnished, Rule(stall_ids=("stall-2",)))
    first = await furnished.phone.get(f"/s/{furnished.code}")
    assert "Your rules name other stalls" in first.text
    assert f"/s/{furnished.code}/start" not in first.text
    second = await furnished.house.code(furnished.office, 2)
    assert f"/s/{second}/start" in (await furnished.phone.get(f"/s/{second}")).text


async def test_who_may_charge_at_two_stalls_is_offered_the_second(furnished: Furnished) -> None:
    session = live_session("5" * 32, "res-1", NOW)
    await furnished.integration.live(free_stall(1), plugged_stall(2, NOW, status="charging", session=session))
    assert "You are charging at another stall." in await text_of(furnished)
    await set_rules(furnished, Rule(sessions=2))
    assert "Start charging" in await text_of(furnished)


async def test_strangers_do_not_see_whether_a_car_charges_or_waits(furnished: Furnished) -> None:
    session = live_session("5" * 32, "res-2", NOW)
    pages = []
    for status in ("charging", "suspended_ev", "suspended_evse", "finishing", "preparing"):
        await furnished.integration.live(plugged_stall(1, NOW, status=status, session=session))
        pages.append(await text_of(furnished, furnished.house.stranger()))
    assert len(set(pages)) == 1
    assert "This stall is taken." in pages[0]


async def add(furnished: Furnished, preset: Preset) -> None:
    ocpi = to_ocpi(preset, "EUR", NOW)
    await furnished.house.app.books.write(lambda conn: add_version(conn, ocpi, NOW, NOW))


async def test_prices_by_source_are_told_and_reckoned_with_as_the_sun_is_now(furnished: Furnished) -> None:
    await furnished.integration.live(free_stall(1))
    await add(furnished, SolarFriendly(solar=Decimal("0.10"), grid=Decimal("0.30")))
    # All from the grid, as nothing tells: 10 kWh are 3.00.
    dark = await text_of(furnished)
    assert "from the sun 0,10 € from the battery 0,30 € from the grid 0,30 €" in dark
    assert "10 kWh 55 mins ≈ 3,00 €" in dark
    assert "all of it is taken to be from the grid" in dark
    # 1,200 of 2,000 Wh were sun: 6 kWh at 0.10 and 4 at 0.30.
    await tell_sun(furnished, NOW, import_wh=800, export_wh=300, pv_wh=1500)
    sunny = await text_of(furnished)
    assert "within three minutes. 0,10 € per kWh" in sunny
    assert "10 kWh 55 mins ≈ 1,80 €" in sunny
    assert "here 60% is sun" in sunny


async def test_a_market_price_is_told_as_far_as_it_is_known(furnished: Furnished) -> None:
    await furnished.integration.live(free_stall(1))
    await add(furnished, SpotPriced(series="Market", factor=Decimal(1), fallback=Decimal("0.40")))
    nothing_known = await text_of(furnished)
    assert "within three minutes. 0,40 € per kWh" in nothing_known
    assert "The market’s price of this hour has not arrived" in nothing_known
    assert "≈: not all prices of these hours are known yet." in nothing_known
    # It is 18:30 in Berlin; each quarter hour from 18:00 to 20:00, and nothing after.
    for quarter in range(8):
        begin = NOW.replace(minute=0) + timedelta(minutes=15 * quarter)
        price, fee = "0.20" if quarter < 4 else "0.25", {"Grid fee": "0.09"}
        furnished.integration.record(
            "building_slice",
            begin + timedelta(minutes=15),
            start=rfc3339(begin),
            end=rfc3339(begin + timedelta(minutes=15)),
            estimated=[],
            import_wh=None,
            export_wh=None,
            pv_wh=None,
            prices=[
                {"name": name, "price": each, "estimated": False} for name, each in {"Market": price, **fee}.items()
            ],
        )
    await furnished.integration.deliver()
    known = await text_of(furnished)
    assert "within three minutes. 0,20 € per kWh" in known
    assert "From Thu, 2 Jul, 19:00: 0,25 € per kWh" in known
    assert "nothing changes" not in known
    assert "The price follows the market" in known


async def test_a_market_price_in_force_is_told_before_it_is_recorded(furnished: Furnished) -> None:
    integration = furnished.integration
    await add(furnished, SpotPriced(series="Market", factor=Decimal(1), fallback=Decimal("0.40")))
    prices = [{"name": "Market", "price": "0.18"}, {"name": "Grid fee", "price": "0.09"}]
    await integration.send("live", stalls=[free_stall(1)], prices=prices)
    await integration.settled()
    told = await text_of(furnished)
    # It is 18:30 in Berlin: the price is that of the hour from 18:00 to 19:00.
    assert "within three minutes. 0,18 € per kWh" in told
    assert "has not arrived" not in told
    assert "Until 19:00; what comes then is not known yet." in told
    # Nobody knows whether it still holds once Home Assistant is not heard.
    await integration.disconnect()
    await furnished.house.unlinked()
    assert "0,40 € per kWh" in await text_of(furnished)


async def test_a_guest_is_told_the_price_of_their_host(furnished: Furnished) -> None:
    await furnished.integration.live(free_stall(1))
    owls = to_ocpi(Flat(price=Decimal("0.20")), "EUR", NOW)

    def ada_is_an_owl(conn: Connection) -> None:
        add_version(conn, owls, NOW, NOW, "owls")
        base: dict[str, Any] = {"building_id": BUILDING_ID, "plan_id": "owls", "made_by": "office"}
        numbers = ("base_fee_minor", "included_wh", "rollover", "demand_minor", "created_ms", "is_default")
        conn.execute(
            insert(plan).values(**base, **dict.fromkeys(numbers, 0), name="Owls", kind="pay_as_you_go", family="owls")
        )
        account = conn.scalar(select(resident.c.account_id).where(resident.c.resident_id == "res-1"))
        conn.execute(insert(plan_assignment).values(**base, assignment_id="a1", account_id=account, from_ms=0))

    await furnished.house.app.books.write(ada_is_an_owl)
    assert "within three minutes. 0,20 € per kWh" in await text_of(furnished)
    assert "Price now 0,30 € per kWh" in await text_of(furnished, furnished.house.stranger())
    guest = await furnished.house.guest(furnished.office)
    page = await guest.get(f"/s/{furnished.code}/guest")
    assert "0,20\u00a0€ per kWh" in page.text
    assert "0,30" not in page.text
