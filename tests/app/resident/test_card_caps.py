"""Money per card: what it is good for is told as energy, once per change. Lindenhof pays 0.30 per kWh."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, func, insert, select, update

from evshare_app.books.access_tables import card, card_cap
from evshare_app.books.schema import session
from evshare_app.resident.card_caps import cap_to_tell, note_told, set_card_cap
from evshare_app.resident.cards import find_card, note_changed, note_removed
from evshare_app.resident.personal import OF_RESIDENT
from evshare_app.tariff.store import add_version, flat_tariff
from tests.app.house import NOW as HOUSE_NOW
from tests.app.house import Furnished
from tests.app.office.telling import told_card
from tests.app.statement.lindenhof import BUILDING, Cut, add_session

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 7, 20, 12, tzinfo=UTC)
JULY_ENDS = datetime(2026, 7, 31, 22, tzinfo=UTC)


def capped(conn: Connection, minor: int | None = 600, own_wh: int | None = None, has_wh: int | None = None) -> None:
    conn.execute(
        insert(card).values(
            building_id=BUILDING,
            card_id="c1",
            resident_id="jana",
            label="Blue",
            blocked=1,
            weak=0,
            month_wh=own_wh,
            money_month_wh=has_wh,
            added_ms=0,
        )
    )
    set_card_cap(conn, "c1", minor, "office:u1", NOW)


def charged(conn: Connection, name: str, wh: int, *, by: str = "c1", days: int = 1, open_: bool = False) -> None:
    add_session(conn, name, NOW - timedelta(days=days), [Cut(60, wh)], open_=open_)
    conn.execute(update(session).where(session.c.session_id == name).values(credential_id=by))


def told(conn: Connection, now: datetime = NOW) -> object:
    body = cap_to_tell(conn, "c1", now, BERLIN, 3)
    return "as it is" if body is None else body["money_month_wh"]


def asked(furnished: Furnished) -> list[tuple[object, object]]:
    """Own cap and that of its money."""
    bodies = [one["body"] for one in furnished.integration.asked if one["what"] == "change_card"]
    return [(body["month_wh"], body["money_month_wh"]) for body in bodies]


def test_what_was_used_and_what_the_rest_is_good_for_are_told_with_all_else_of_the_card(conn: Connection) -> None:
    capped(conn, own_wh=15_000)
    charged(conn, "s1", 8_000)  # 2.40
    charged(conn, "s2", 5_000, by="c2")
    charged(conn, "s3", 9_000, days=25)  # in June
    # 8 kWh, and 3.60 at 0.30 are 12.
    assert cap_to_tell(conn, "c1", NOW, BERLIN, 3) == {
        "card_id": "c1",
        "label": "Blue",
        "blocked": True,
        "blocked_by_holder": False,
        "month_wh": 15_000,
        "money_month_wh": 20_000,
        "quiet": None,
    }


@pytest.mark.parametrize(("own_wh", "wh"), [(15_000, 15_000), (250_000, 20_000), (None, 20_000)])
def test_an_integration_with_one_cap_per_card_is_told_the_smaller_and_later_both(
    conn: Connection, own_wh: int | None, wh: int
) -> None:
    capped(conn, own_wh=own_wh)
    charged(conn, "s1", 8_000)
    body = cap_to_tell(conn, "c1", NOW, BERLIN, 2)
    assert body is not None
    assert (body["month_wh"], body["money_month_wh"]) == (wh, None)
    note_changed(conn, body)
    note_told(conn, "c1", own_wh, 2)
    found = find_card(conn, "c1")
    assert found is not None
    assert (found.month_wh, found.own_month_wh) == (wh, own_wh)
    assert cap_to_tell(conn, "c1", NOW, BERLIN, 2) is None
    # Home Assistant was updated.
    body = cap_to_tell(conn, "c1", NOW, BERLIN, 3)
    assert body is not None
    assert (body["month_wh"], body["money_month_wh"]) == (own_wh, 20_000)
    note_changed(conn, body)
    note_told(conn, "c1", own_wh, 3)
    assert told(conn) == "as it is"


def test_a_cap_in_kwh_that_was_set_in_home_assistant_is_the_cards_own(conn: Connection) -> None:
    capped(conn, has_wh=20_000)
    conn.execute(update(card).values(month_wh=9_000))
    found = find_card(conn, "c1")
    assert found is not None
    assert (found.own_month_wh, found.month_minor) == (9_000, 600)
    assert told(conn) == "as it is"


def test_a_card_that_used_up_its_money_may_what_it_used_and_no_more(conn: Connection) -> None:
    capped(conn)
    charged(conn, "s1", 22_000)  # 6.60
    assert told(conn) == 22_000


def test_what_a_running_session_uses_is_taken_off_by_the_integration_and_not_told_twice(conn: Connection) -> None:
    capped(conn, has_wh=20_000)
    charged(conn, "s1", 5_000, open_=True)
    assert told(conn) == "as it is"


def test_a_dearer_tariff_leaves_less(conn: Connection) -> None:
    capped(conn, has_wh=20_000)
    charged(conn, "s1", 8_000)
    assert told(conn) == "as it is"
    add_version(conn, flat_tariff("EUR", Decimal("0.36"), Decimal(25), NOW), NOW, NOW)
    # 8 kWh, and 3.60 at 0.45 are 8.
    assert told(conn) == 16_000


def test_with_the_turn_of_the_month_all_of_the_money_is_there_again(conn: Connection) -> None:
    capped(conn, has_wh=22_000)
    charged(conn, "s1", 22_000)
    assert told(conn, JULY_ENDS - timedelta(seconds=1)) == "as it is"
    assert told(conn, JULY_ENDS) == 20_000


@pytest.mark.parametrize(
    ("has_wh", "is_told"), [(20_100, False), (20_101, True), (19_900, False), (19_899, True), (None, True)]
)
def test_what_is_nearly_the_same_is_not_told(conn: Connection, has_wh: int | None, is_told: bool) -> None:
    capped(conn, has_wh=has_wh)
    assert (told(conn) == 20_000) is is_told


def test_a_small_cap_is_told_when_it_is_off_by_more_than_one_percent(conn: Connection) -> None:
    capped(conn, minor=60, has_wh=2_021)
    assert told(conn) == 2_000
    conn.execute(update(card).values(money_month_wh=2_019))
    assert told(conn) == "as it is"


def test_without_money_the_kwh_are_the_integrations_alone(conn: Connection) -> None:
    capped(conn, minor=None, own_wh=7)
    assert told(conn) == "as it is"
    found = find_card(conn, "c1")
    assert found is not None
    assert (found.month_minor, found.own_month_wh) == (None, 7)


def test_a_removed_card_leaves_no_cap(conn: Connection) -> None:
    capped(conn)
    note_removed(conn, "c1")
    assert conn.scalar(select(func.count()).select_from(card_cap)) == 0


def test_a_cap_is_its_holders_to_be_erased(conn: Connection) -> None:
    capped(conn)
    (part,) = [each for each in OF_RESIDENT if each.table is card_cap]
    assert conn.scalar(select(func.count()).where(part.rows("jana"))) == 1
    assert conn.scalar(select(func.count()).where(part.rows("timo"))) == 0


async def test_it_is_told_once_and_again_when_a_session_ended(furnished: Furnished) -> None:
    integration, app = furnished.integration, furnished.house.app
    await integration.disconnect()
    await integration.connect(versions=[2, 3])
    await integration.cards([told_card(1, "res-1", month_wh=250_000)], [])
    await app.books.write(lambda conn: set_card_cap(conn, "card-1", 600, "office:u1", HOUSE_NOW))
    for _ in range(2):
        await app.apply_time()
    start = HOUSE_NOW - timedelta(hours=1)
    session_id = integration.begin("stall-1", "res-1", start, credential_id="card-1")
    integration.cut("stall-1", session_id, start, HOUSE_NOW, 8_000)
    await integration.deliver()
    await app.apply_time()
    assert asked(furnished) == [(250_000, 20_000)]
    integration.finish("stall-1", session_id, HOUSE_NOW, 8_000)
    await integration.deliver(after=3)
    add = flat_tariff("EUR", Decimal("0.60"), None, HOUSE_NOW)
    await app.books.write(lambda conn: add_version(conn, add, HOUSE_NOW, HOUSE_NOW))
    for _ in range(2):
        await app.apply_time()
    # 8 kWh for 2.40, and 3.60 at 0.60 are 6.
    assert asked(furnished) == [(250_000, 20_000), (250_000, 14_000)]


async def test_a_card_that_is_blocked_meanwhile_stays_blocked_and_keeps_what_was_told(furnished: Furnished) -> None:
    integration, app = furnished.integration, furnished.house.app
    await integration.cards([told_card(1, "res-1", month_wh=250_000)], [])
    await app.books.write(lambda conn: set_card_cap(conn, "card-1", 600, "office:u1", HOUSE_NOW))
    page = await furnished.office.get("/office/cards/card-1")
    agreed, came = integration.decide, asyncio.Event()

    def not_yet(what: str, body: dict[str, object]) -> dict[str, object]:
        came.set()
        return {}

    integration.decide = not_yet
    telling = asyncio.create_task(app.apply_time())
    await came.wait()
    integration.decide = agreed
    blocking = asyncio.create_task(furnished.office.submit(page, "/office/cards/card-1/block"))
    assert "Unblock" not in (await furnished.office.get("/office/cards/card-1")).text
    pending = integration.asked[-1]["id"]
    await integration.send("answer", id=pending, ok=True, result={})
    await telling
    assert "/office/cards/card-1/unblock" in (await blocking).text
    asks = [one["body"] for one in integration.asked if one["what"] == "change_card"]
    assert [(one["month_wh"], one["blocked"]) for one in asks] == [(20_000, False), (20_000, True)]
