"""What a resident may, and when they live here, as a manager sets it."""

from datetime import UTC, datetime
import re

import pytest
from sqlalchemy import select

from evshare_app.books.schema import device
from tests.app.house import NOW, Furnished, Page
from tests.app.office.telling import told_card

ACTION = "/office/residents/res-1/rules"
MOVING = "/office/residents/res-1/moving"
PLAIN = {"stalls": "all", "sessions": "1"}


async def test_rules_are_kept_and_shown_again(furnished: Furnished) -> None:
    page = await furnished.office.get("/office/residents/res-1")
    fields = {
        "stalls": "chosen",
        "stall:stall-2": "1",
        "hours1_day1": "1",
        "hours1_day5": "1",
        "hours1_from": "20:00",
        "hours1_to": "06:00",
        "month_kwh": "300",
        "month_money": "45,50",
        "sessions": "2",
    }
    saved = await furnished.office.submit(page, ACTION, **fields)
    for shown in (
        'name="month_kwh" inputmode="decimal" maxlength="20" value="300"',
        'value="45.50"',
        'value="20:00"',
    ):
        assert shown in saved.text, shown
    assert 'name="stall:stall-2" value="1" checked' in saved.text
    assert 'name="stall:stall-1" value="1" checked' not in saved.text
    assert 'name="hours1_day5" value="1" checked' in saved.text
    assert 'name="hours1_day2" value="1" checked' not in saved.text
    await furnished.integration.settled()
    assert furnished.integration.told[-1]["body"]["residents"] == [
        {
            "resident_id": "res-1",
            "stall_ids": ["stall-2"],
            "hours": [{"days": [1, 5], "from": "20:00", "to": "06:00"}],
            "sessions": 2,
            "month_wh": 300_000,
            # 45.50 at 0.30 per kWh, rounded down.
            "left_wh": 151_666,
        }
    ]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"stalls": "some"}, "stalls"),
        ({"stalls": "chosen"}, "stalls"),
        ({"stalls": "chosen", "stall:stall-9": "1"}, "stalls"),
        ({"sessions": "0"}, "sessions"),
        ({"sessions": "11"}, "sessions"),
        ({"sessions": "many"}, "sessions"),
        ({"sessions": "٣"}, "sessions"),
        ({"month_kwh": "-5"}, "month_kwh"),
        ({"month_money": "1.005"}, "month_money"),
        ({"month_money": "Infinity"}, "month_money"),
        ({"hours1_from": "20:00", "hours1_to": "06:00"}, "hours1_day1"),
        ({"hours1_day1": "1"}, "hours1_from"),
        ({"hours1_day1": "1", "hours1_from": "20:00", "hours1_to": "six"}, "hours1_to"),
    ],
)
async def test_rules_that_cannot_be_are_named_and_change_nothing(
    furnished: Furnished, fields: dict[str, str], wrong: str
) -> None:
    page = await furnished.office.get("/office/residents/res-1")
    refused = await furnished.office.submit(page, ACTION, **(PLAIN | fields))
    assert (refused.status, refused.wrong) == (400, wrong)
    assert furnished.integration.told[-2]["body"] == {"residents": []}


async def test_what_they_had_this_month_stands_with_their_rules(furnished: Furnished) -> None:
    start = datetime(2026, 7, 1, 18, 0, tzinfo=UTC)
    furnished.integration.charge("stall-1", "res-1", start, start.replace(hour=20), 12_000)
    await furnished.integration.deliver()
    page = await furnished.office.get("/office/residents/res-1")
    assert re.search(r"July 2026 so far: 12.0.kWh · 3,60.€|July 2026 so far: 12,0.kWh · 3,60.€", page.text)


# --- moving in and out ------------------------------------------------------------------------------------------


def blocked(furnished: Furnished) -> list[str]:
    said = [one["body"]["resident_ids"] for one in furnished.integration.told if one["what"] == "blocked"]
    return list(said[-1])


async def move(furnished: Furnished, **fields: str) -> Page:
    page = await furnished.office.get("/office/residents/res-1")
    answer = await furnished.office.submit(page, MOVING, **({"moves_in": "", "moves_out": ""} | fields))
    await furnished.integration.settled()
    return answer


async def test_who_moved_out_has_neither_phone_nor_card(furnished: Furnished) -> None:
    await furnished.integration.cards([told_card(1, "res-1"), told_card(2, "res-2")], [])
    said = await move(furnished, moves_out="2026-07-01")
    assert "Moved out. Their phones are signed out" in said.text
    assert blocked(furnished) == ["res-1"]
    removed = [one["body"] for one in furnished.integration.asked if one["what"] == "remove_card"]
    assert removed == [{"card_id": "card-1"}]
    assert (await furnished.phone.get("/me")).status == 403
    why = await furnished.house.app.books.read(lambda conn: list(conn.scalars(select(device.c.revoked_why))))
    assert why == ["moved_out"]


async def test_the_last_day_is_still_theirs_and_midnight_in_the_house_ends_it(furnished: Furnished) -> None:
    await furnished.integration.cards([told_card(1, "res-1")], [])
    await move(furnished, moves_out="2026-07-03")
    assert blocked(furnished) == []
    furnished.house.clock.now = datetime(2026, 7, 3, 21, 59, tzinfo=UTC)
    await furnished.house.app.apply_time()
    assert (await furnished.phone.get("/me")).status == 200
    # Midnight in Berlin.
    furnished.house.clock.now = datetime(2026, 7, 3, 22, 0, tzinfo=UTC)
    assert (await furnished.phone.get("/me")).status == 403  # even before anything is done about it
    await furnished.house.app.apply_time()
    await furnished.integration.settled()
    assert blocked(furnished) == ["res-1"]
    assert furnished.integration.asked[-1]["what"] == "remove_card"


async def test_cards_that_could_not_be_removed_are_removed_when_home_assistant_is_back(furnished: Furnished) -> None:
    await furnished.integration.cards([told_card(1, "res-1")], [])
    await furnished.integration.disconnect()
    await furnished.house.unlinked()
    page = await furnished.office.get("/office/residents/res-1")
    await furnished.office.submit(page, MOVING, moves_in="", moves_out="2026-07-01")
    assert not [one for one in furnished.integration.asked if one["what"] == "remove_card"]
    await furnished.integration.connect()
    assert blocked(furnished) == ["res-1"]
    await furnished.house.app.apply_time()
    assert [one["body"] for one in furnished.integration.asked if one["what"] == "remove_card"] == [
        {"card_id": "card-1"}
    ]


async def test_an_invitation_made_before_moving_out_connects_no_phone_afterwards(furnished: Furnished) -> None:
    token = await furnished.house.invite(furnished.office)
    await move(furnished, moves_out="2026-07-01")
    stranger = furnished.house.stranger()
    assert (await stranger.post("/i", {"token": token})).status in (403, 404)
    # And there is no making another one.
    csrf = (await furnished.office.get("/office")).form("/office/sign-out")
    assert (await furnished.office.post("/office/residents/res-1/invite", csrf)).status == 404


async def test_who_has_not_moved_in_yet_starts_nothing_until_their_first_day(furnished: Furnished) -> None:
    assert "Not here yet" in (await move(furnished, moves_in="2026-07-04")).text
    assert blocked(furnished) == ["res-1"]
    assert (await furnished.phone.get("/me")).status == 200
    furnished.house.clock.now = datetime(2026, 7, 3, 22, 0, tzinfo=UTC)
    await furnished.house.app.apply_time()
    await furnished.integration.settled()
    assert blocked(furnished) == []


async def test_a_date_that_is_taken_back_lets_them_in_again(furnished: Furnished) -> None:
    await move(furnished, moves_out="2026-07-01")
    await move(furnished)
    assert blocked(furnished) == []
    await furnished.house.phone(furnished.office)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"moves_out": "soon"}, "moves_out"),
        ({"moves_in": "0001-01-01"}, "moves_in"),
        ({"moves_out": "9999-12-31"}, "moves_out"),
        ({"moves_in": "2026-08-02", "moves_out": "2026-08-01"}, "moves_out"),
    ],
)
async def test_dates_that_cannot_be_are_named(furnished: Furnished, fields: dict[str, str], wrong: str) -> None:
    assert (await move(furnished, **fields)).wrong == wrong
    assert blocked(furnished) == []


async def test_the_session_of_who_moves_out_is_not_stopped(furnished: Furnished) -> None:
    furnished.integration.begin("stall-1", "res-1", NOW)
    await furnished.integration.deliver()
    await move(furnished, moves_out="2026-07-01")
    assert "stop" not in [one["what"] for one in furnished.integration.asked]
