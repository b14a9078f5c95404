"""What version 2 brought: cards are told whole, sessions name theirs, and the app tells rules and holds."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from evshare_app.books.access_tables import card, unknown_card, waiting
from evshare_app.books.schema import cdr, session, stall
from tests.app.house import BUILDING_ID, NOW, Furnished, House, lindenhof, rfc3339
from tests.app.house import resident as person
from tests.app.house import stall as place
from tests.app.office.telling import told_card, told_unknown


def told(furnished: Furnished, what: str) -> list[Any]:
    return [one["body"] for one in furnished.integration.told if one["what"] == what]


async def ids(house: House, column: Any) -> list[str]:
    return await house.app.books.read(lambda conn: list(conn.scalars(select(column).order_by(column))))


async def test_the_cards_are_those_that_were_told_last(furnished: Furnished) -> None:
    integration, house = furnished.integration, furnished.house
    await integration.cards([told_card(1, "res-1"), told_card(2, "res-2")], [told_unknown(1), told_unknown(2)])
    assert await ids(house, card.c.card_id) == ["card-1", "card-2"]
    assert await ids(house, unknown_card.c.unknown_id) == ["unknown-1", "unknown-2"]
    await integration.cards([told_card(2, "res-2", label="Red")], [told_unknown(3)])
    assert await ids(house, card.c.card_id) == ["card-2"]
    assert await ids(house, card.c.label) == ["Red"]
    assert await ids(house, unknown_card.c.unknown_id) == ["unknown-3"]


async def test_cards_that_cannot_be_read_change_nothing(furnished: Furnished) -> None:
    integration = furnished.integration
    await integration.cards([told_card(1, "res-1")], [])
    spoilt = told_card(2, "res-2")
    del spoilt["weak"]
    await integration.send("tell", what="cards", body={"cards": [spoilt], "unknown": []})
    assert (await integration.receive())["message"].startswith("body.cards[0].weak: ")
    assert await ids(furnished.house, card.c.card_id) == ["card-1"]


async def test_a_session_keeps_its_card_and_the_energy_at_which_it_ends(furnished: Furnished) -> None:
    integration = furnished.integration
    integration.begin("stall-1", "res-1", NOW, credential_id="card-1", cap_wh=40_000)
    await integration.deliver()
    row = await furnished.house.app.books.read(lambda conn: conn.execute(select(session)).one())
    assert (row.credential_id, row.cap_wh) == ("card-1", 40_000)


async def test_a_session_by_something_a_later_integration_knows_is_billed_all_the_same(furnished: Furnished) -> None:
    integration = furnished.integration
    start = NOW - timedelta(hours=2)
    session_id = integration.begin("stall-1", "res-1", start, kind="iris_scan")
    integration.cut("stall-1", session_id, start, NOW, 10_000)
    integration.finish("stall-1", session_id, NOW, 10_000)
    integration.journal[-1]["body"]["stop_reason"] = "full_moon"
    assert (await integration.deliver())["ack_seq"] == len(integration.journal)
    assert await ids(furnished.house, cdr.c.gross_minor) == [300]


async def test_stalls_with_a_reader_are_known_and_stay_so_over_a_hello_that_does_not_tell(furnished: Furnished) -> None:
    integration, house = furnished.integration, furnished.house
    await integration.send("building", building=lindenhof(stalls=[place(1), place(2, card_reader=False)]))
    await integration.settled()
    await integration.disconnect()
    integration.building = lindenhof(stalls=[place(1), place(2, card_reader=False)])
    await integration.connect(versions=[1])
    rows = await house.app.books.read(lambda conn: conn.execute(select(stall.c.stall_id, stall.c.card_reader)).all())
    assert {row.stall_id: row.card_reader for row in rows} == {"stall-1": 1, "stall-2": 0}


async def save_rules(furnished: Furnished, resident_id: str = "res-1", **fields: str) -> None:
    action = f"/office/residents/{resident_id}/rules"
    page = await furnished.office.get(f"/office/residents/{resident_id}")
    saved = await furnished.office.submit(page, action, **({"stalls": "all", "sessions": "1"} | fields))
    assert saved.status == 200, saved.text


async def test_rules_are_told_after_welcome_and_when_they_change(furnished: Furnished) -> None:
    assert told(furnished, "rules") == [{"residents": []}]
    await save_rules(furnished, month_kwh="300", sessions="2")
    await furnished.integration.settled()
    expected = {
        "residents": [
            {
                "resident_id": "res-1",
                "stall_ids": None,
                "hours": [],
                "sessions": 2,
                "month_wh": 300_000,
                "left_wh": None,
            }
        ]
    }
    assert told(furnished, "rules")[-1] == expected
    # The same again is not told again.
    await save_rules(furnished, month_kwh="300,0", sessions="2")
    await furnished.integration.settled()
    assert len(told(furnished, "rules")) == 2
    await furnished.integration.disconnect()
    furnished.integration.told.clear()
    await furnished.integration.connect()
    assert told(furnished, "rules") == [expected]


async def test_what_money_is_good_for_is_told_again_when_a_session_ends(furnished: Furnished) -> None:
    await save_rules(furnished, month_money="30.00")
    furnished.integration.charge("stall-1", "res-1", NOW - timedelta(hours=2), NOW - timedelta(hours=1), 12_000)
    await furnished.integration.deliver()
    await furnished.integration.settled()
    left = [one["residents"][0]["left_wh"] for one in told(furnished, "rules") if one["residents"]]
    # 30.00 at 0.30 per kWh are 100 kWh; 12 kWh of them are gone.
    assert left == [100_000, 88_000]


async def test_from_version_3_on_it_is_told_as_of_the_newest_record_also_if_nothing_changed(
    furnished: Furnished,
) -> None:
    integration = furnished.integration
    await save_rules(furnished, month_money="30.00")
    await integration.disconnect()
    integration.told.clear()
    await integration.connect(versions=[2, 3])
    integration.charge("stall-1", "res-1", NOW - timedelta(hours=2), NOW - timedelta(hours=1), 12_000)
    await integration.deliver()
    await integration.settled()
    first_seq = len(integration.journal)
    # Somebody else's session takes nothing of it, and the integration hears that it is in what it was told.
    integration.charge("stall-1", "res-2", NOW - timedelta(minutes=50), NOW - timedelta(minutes=40), 2_000)
    await integration.deliver(after=first_seq)
    await integration.settled()
    said = [(one["seq"], one["residents"][0]["left_wh"]) for one in told(furnished, "rules")]
    assert said == [(0, 100_000), (first_seq, 88_000), (len(integration.journal), 88_000)]
    await furnished.house.app.apply_time()
    await integration.settled()
    assert len(told(furnished, "rules")) == 3


async def test_what_money_is_good_for_is_told_again_when_the_price_changes(furnished: Furnished) -> None:
    await save_rules(furnished, month_money="30")
    page = await furnished.office.get("/office/tariff/new")
    fields = {"csrf": page.form("/office/tariff")["csrf"], "preset": "flat", "price": "0.40", "vat": "25"}
    await furnished.office.post("/office/tariff", fields | {"valid_from": ""})
    await furnished.integration.settled()
    # 0.40 and 25 % VAT are 0.50 for the resident.
    assert told(furnished, "rules")[-1]["residents"][0]["left_wh"] == 60_000


async def test_with_the_turn_of_the_month_all_of_the_money_is_told_again(furnished: Furnished) -> None:
    await save_rules(furnished, month_money="30")
    furnished.integration.charge("stall-1", "res-1", NOW - timedelta(hours=2), NOW - timedelta(hours=1), 12_000)
    await furnished.integration.deliver()
    # In Berlin the first of August begins at 22:00 UTC.
    furnished.house.clock.now = datetime(2026, 7, 31, 21, 59, tzinfo=UTC)
    await furnished.house.app.apply_time()
    await furnished.integration.settled()
    assert told(furnished, "rules")[-1]["residents"][0]["left_wh"] == 88_000
    furnished.house.clock.now = datetime(2026, 7, 31, 22, 0, tzinfo=UTC)
    await furnished.house.app.apply_time()
    await furnished.integration.settled()
    assert told(furnished, "rules")[-1]["residents"][0]["left_wh"] == 100_000


async def test_whoever_is_gone_has_no_rules(furnished: Furnished) -> None:
    await save_rules(furnished, "res-2", month_kwh="5")
    await furnished.integration.send("building", building=lindenhof(residents=[person(1, "Ada Larsen")]))
    await furnished.integration.settled()
    assert told(furnished, "rules")[-1] == {"residents": []}


async def test_open_offers_are_told_as_holds_until_they_are_over(furnished: Furnished) -> None:
    def offer(conn: Any) -> None:
        for number, state, minutes in ((1, "offered", 10), (2, "offered", -1), (3, "waiting", 10)):
            conn.execute(
                insert(waiting).values(
                    building_id=BUILDING_ID,
                    waiting_id=f"w{number}",
                    resident_id="res-1",
                    joined_ms=0,
                    state=state,
                    stall_id=f"stall-{number}",
                    until_ms=int((NOW + timedelta(minutes=minutes)).timestamp() * 1000),
                )
            )

    await furnished.house.app.books.write(offer)
    await furnished.house.app.link.tell_holds()
    await furnished.integration.settled()
    hold = {"stall_id": "stall-1", "resident_id": "res-1", "until": rfc3339(NOW + timedelta(minutes=10))}
    assert told(furnished, "holds") == [{"holds": []}, {"holds": [hold]}]
    furnished.house.clock.advance(minutes=10)
    await furnished.house.app.apply_time()
    await furnished.integration.settled()
    assert told(furnished, "holds")[-1] == {"holds": []}
