"""Cards in the office: seen as they were told, changed only by asking."""

from datetime import timedelta
from typing import Any

import pytest

from tests.app.house import NOW, Furnished, lindenhof, rfc3339, stall
from tests.app.office.telling import told_card, told_unknown


async def told_cards(furnished: Furnished) -> None:
    await furnished.integration.cards(
        [
            told_card(1, "res-1", label="Blue key ring", month_wh=250_000, quiet={"from": "23:00", "to": "06:00"}),
            told_card(2, "res-2", label="", blocked=True, weak=True),
        ],
        [told_unknown(1, times=2)],
    )


def asked(furnished: Furnished) -> list[tuple[str, dict[str, Any]]]:
    return [(one["what"], one["body"]) for one in furnished.integration.asked if one["what"] != "role"]


async def test_all_cards_are_on_one_page(furnished: Furnished) -> None:
    await told_cards(furnished)
    page = await furnished.office.get("/office/cards")
    for shown in (
        "Blue key ring",
        "250 kWh a month",
        "quiet 23:00–06:00",
        "Card without a name",
        "Bo Meyer",
        "Blocked",
    ):
        assert shown in page.text, shown
    for shown in ("Number ends in 3F", "Stall 1", "2 times"):
        assert shown in page.text, shown


async def test_a_residents_page_has_theirs_and_no_others(furnished: Furnished) -> None:
    await told_cards(furnished)
    page = await furnished.office.get("/office/residents/res-1")
    assert "/office/cards/card-1" in page.text
    assert "/office/cards/card-2" not in page.text


async def test_what_a_second_tap_does_is_said_where_cards_are_handed_out(furnished: Furnished) -> None:
    for page in ("/office/cards", "/office/residents/res-1"):
        assert "Shown again there, it ends it" in (await furnished.office.get(page)).text, page


async def test_a_card_with_a_short_number_is_warned_of(furnished: Furnished) -> None:
    await told_cards(furnished)
    assert "only four bytes" in (await furnished.office.get("/office/cards/card-2")).text
    assert "only four bytes" not in (await furnished.office.get("/office/cards/card-1")).text


async def test_a_card_is_changed_by_asking_and_shows_it_at_once(furnished: Furnished) -> None:
    await told_cards(furnished)
    page = await furnished.office.get("/office/cards/card-1")
    fields = {"label": "Green", "month_kwh": "12,5", "quiet_from": "22:00", "quiet_to": "05:30"}
    saved = await furnished.office.submit(page, "/office/cards/card-1", **fields)
    body = {
        "card_id": "card-1",
        "label": "Green",
        "blocked": False,
        "month_wh": 12_500,
        "quiet": {"from": "22:00", "to": "05:30"},
    }
    assert asked(furnished) == [("change_card", body)]
    for shown in ("Green", "12.5", 'value="22:00"', 'value="05:30"'):
        assert shown in saved.text, shown


async def test_blocking_keeps_all_else_of_a_card(furnished: Furnished) -> None:
    await told_cards(furnished)
    page = await furnished.office.get("/office/cards/card-1")
    blocked = await furnished.office.submit(page, "/office/cards/card-1/block")
    quiet = {"from": "23:00", "to": "06:00"}
    body = {"card_id": "card-1", "label": "Blue key ring", "month_wh": 250_000, "quiet": quiet}
    assert asked(furnished) == [("change_card", body | {"blocked": True})]
    assert "/office/cards/card-1/unblock" in blocked.text
    await furnished.office.submit(blocked, "/office/cards/card-1/unblock")
    assert asked(furnished)[-1] == ("change_card", body | {"blocked": False})


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"month_kwh": "a lot"}, "month_kwh"),
        ({"month_kwh": "-1"}, "month_kwh"),
        ({"month_kwh": "0"}, "month_kwh"),
        ({"month_kwh": "1.2345"}, "month_kwh"),
        ({"month_kwh": "1e9999"}, "month_kwh"),
        ({"month_kwh": "NaN"}, "month_kwh"),
        ({"quiet_from": "22:00"}, "quiet_to"),
        ({"quiet_from": "22:00", "quiet_to": "25:00"}, "quiet_to"),
        ({"quiet_from": "22:00", "quiet_to": "22:00"}, "quiet_to"),
        ({"label": "x" * 61}, "label"),
    ],
)
async def test_what_a_card_cannot_be_is_named_and_not_asked(
    furnished: Furnished, fields: dict[str, str], wrong: str
) -> None:
    await told_cards(furnished)
    page = await furnished.office.get("/office/cards/card-1")
    refused = await furnished.office.submit(page, "/office/cards/card-1", **({"label": "Green"} | fields))
    assert (refused.status, refused.wrong) == (400, wrong)
    assert asked(furnished) == []


async def test_a_card_home_assistant_refuses_to_change_stays_as_it_is(furnished: Furnished) -> None:
    await told_cards(furnished)
    page = await furnished.office.get("/office/cards/card-1")
    furnished.integration.decide = lambda what, body: {"ok": False, "error": {"code": "not_found", "message": "gone"}}
    refused = await furnished.office.submit(page, "/office/cards/card-1", label="Green")
    assert refused.status == 409
    assert "does not know this any more" in refused.text
    assert "Blue key ring" in (await furnished.office.get("/office/cards/card-1")).text


async def test_without_home_assistant_nothing_is_changed(furnished: Furnished) -> None:
    await told_cards(furnished)
    page = await furnished.office.get("/office/cards/card-1")
    await furnished.integration.disconnect()
    await furnished.house.unlinked()
    refused = await furnished.office.submit(page, "/office/cards/card-1/block")
    assert refused.status == 503
    assert "/office/cards/card-1/block" in (await furnished.office.get("/office/cards/card-1")).text


async def test_money_of_a_card_is_told_as_kwh_and_without_it_its_own_kwh_hold_again(furnished: Furnished) -> None:
    await told_cards(furnished)
    start = NOW - timedelta(hours=1)
    session_id = furnished.integration.begin("stall-1", "res-1", start, credential_id="card-1")
    furnished.integration.cut("stall-1", session_id, start, NOW, 8_000)
    furnished.integration.finish("stall-1", session_id, NOW, 8_000)
    await furnished.integration.deliver()
    page, action = await furnished.office.get("/office/cards/card-1"), "/office/cards/card-1/money"
    for wrong in ("-1", "0", "a lot", "1.234"):
        refused = await furnished.office.submit(page, action, month_money=wrong)
        assert (refused.status, refused.wrong) == (400, "month_money")
    saved = await furnished.office.submit(page, action, month_money="6,00")
    for shown in (
        "3,60\xa0€ of 6,00\xa0€ left",
        'value="6.00"',
        'name="month_kwh" inputmode="decimal" maxlength="20" value="250"',
    ):
        assert shown in saved.text, shown
    # Other fields keep it; a smaller cap in kWh counts.
    kept = {"label": "Green", "quiet_from": "23:00", "quiet_to": "06:00"}
    await furnished.office.submit(saved, "/office/cards/card-1", month_kwh="15", **kept)
    await furnished.office.submit(saved, "/office/cards/card-1", month_kwh="250", **kept)
    await furnished.office.submit(saved, action, month_money="")
    # 8 kWh for 2.40, and 3.60 at 0.30 are 12.
    assert [(what, body["month_wh"]) for what, body in asked(furnished)] == [
        ("change_card", 20_000),
        ("change_card", 15_000),
        ("change_card", 20_000),
        ("change_card", 250_000),
    ]
    assert asked(furnished)[-1][1]["label"] == "Green"


async def test_a_technician_sees_no_money_of_a_card(furnished: Furnished) -> None:
    await told_cards(furnished)
    page = await furnished.office.get("/office/cards/card-1")
    assert "€" in (await furnished.office.submit(page, "/office/cards/card-1/money", month_money="6")).text
    technician = await furnished.house.invited(furnished.office, "technician")
    seen = (await technician.get("/office/cards/card-1")).text
    assert 'value="250"' in seen
    assert "€" not in seen


async def test_a_removed_card_is_gone(furnished: Furnished) -> None:
    await told_cards(furnished)
    page = await furnished.office.get("/office/cards/card-1")
    removed = await furnished.office.submit(page, "/office/cards/card-1/remove")
    assert asked(furnished) == [("remove_card", {"card_id": "card-1"})]
    assert "Blue key ring" not in removed.text
    assert (await furnished.office.get("/office/cards/card-1")).status == 404


async def test_a_card_nobody_knows_is_assigned(furnished: Furnished) -> None:
    await told_cards(furnished)
    page = await furnished.office.get("/office/cards")
    action = "/office/cards/unknown/unknown-1"
    nobody = await furnished.office.submit(page, action, resident="res-9", label="Red")
    assert nobody.status == 400
    assert nobody.wrong == "resident"
    done = await furnished.office.submit(page, action, resident="res-2", label="Red")
    body = {"unknown_id": "unknown-1", "resident_id": "res-2", "label": "Red"}
    assert asked(furnished) == [("assign_card", body)]
    assert "Number ends in" not in done.text
    # Somebody else was quicker.
    assert (await furnished.office.submit(page, action, resident="res-1", label="Red")).status == 404


async def test_learning_shows_the_card_when_it_came(furnished: Furnished) -> None:
    page = await furnished.office.get("/office/cards")
    waiting = await furnished.office.submit(
        page, "/office/cards/learn", resident="res-2", stall="stall-1", label="Grey"
    )
    assert "hold the new card to the reader of Stall 1" in waiting.text
    old = told_card(1, "res-2")
    other = told_card(2, "res-1", added_at=rfc3339(NOW + timedelta(seconds=20)))
    await furnished.integration.cards([old, other], [])
    assert "hold the new card" in (await furnished.office.get(waiting.address)).text
    new = told_card(3, "res-2", label="Grey", added_at=rfc3339(NOW + timedelta(seconds=20)))
    await furnished.integration.cards([old, other, new], [])
    learnt = await furnished.office.get(waiting.address)
    assert "Learnt. It charges for Bo Meyer" in learnt.text
    assert "/office/cards/card-3" in learnt.text
    assert "/office/cards/card-1" not in learnt.text


async def test_learning_says_when_no_card_came(furnished: Furnished) -> None:
    page = await furnished.office.get("/office/cards")
    waiting = await furnished.office.submit(page, "/office/cards/learn", resident="res-2", stall="stall-1", label="")
    furnished.house.clock.advance(seconds=66)
    assert "No card came" in (await furnished.office.get(waiting.address)).text


async def test_only_stalls_with_a_reader_are_offered(furnished: Furnished) -> None:
    await furnished.integration.send("building", building=lindenhof(stalls=[stall(1, card_reader=False), stall(2)]))
    await furnished.integration.settled()
    page = await furnished.office.get("/office/cards")
    assert '<option value="stall-2">' in page.text
    assert '<option value="stall-1">' not in page.text
    refused = await furnished.office.submit(page, "/office/cards/learn", resident="res-1", stall="stall-1", label="")
    assert refused.wrong == "stall"


async def test_an_older_integration_still_learns_cards_everywhere_and_the_page_says_what_it_cannot(
    furnished: Furnished,
) -> None:
    await furnished.integration.disconnect()
    await furnished.integration.connect(versions=[1])
    page = await furnished.office.get("/office/cards")
    assert "older than this app" in page.text
    await furnished.office.submit(page, "/office/cards/learn", resident="res-1", stall="stall-1", label="Blue")
    assert asked(furnished) == [("enrol_card", {"resident_id": "res-1", "stall_id": "stall-1", "timeout_s": 60})]
