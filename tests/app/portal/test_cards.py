"""A resident's own cards: seen, named, blocked at once, added by tapping, and never anybody else's."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from evshare_app.books.access_tables import notice
from evshare_app.model import ResidentId
from evshare_app.resident.rules import Rule, set_rule
from tests.app.house import NOW, Furnished, Page, lindenhof, rfc3339, stall
from tests.app.office.telling import told_card
from tests.app.portal.authenticator import Authenticator
from tests.app.portal.local import open_local
from tests.app.portal.test_passkeys import add, confirm, later


@pytest.fixture
async def house_of_cards(furnished: Furnished) -> Furnished:
    """Ada has a card of her own, Bo another; Home Assistant speaks the newest version."""
    await newest(furnished)
    await tell(furnished)
    return furnished


async def newest(furnished: Furnished) -> None:
    await furnished.integration.disconnect()
    await furnished.integration.connect(versions=[1, 2, 3])


async def tell(furnished: Furnished, *more: dict[str, Any], enrolments: tuple[dict[str, Any], ...] = ()) -> None:
    quiet = {"from": "23:00", "to": "06:00"}
    first = told_card(1, "res-1", label="Blue key ring", month_wh=250_000, quiet=quiet, blocked_by_holder=False)
    second = told_card(2, "res-2", label="Bo’s", blocked_by_holder=False)
    others = [one for one in (first, second) if one["card_id"] not in {each["card_id"] for each in more}]
    body = {"cards": [*others, *more], "unknown": [], "enrolments": list(enrolments)}
    await furnished.integration.send("tell", what="cards", body=body)
    await furnished.integration.settled()


def asked(furnished: Furnished) -> list[tuple[str, dict[str, Any]]]:
    return [(one["what"], one["body"]) for one in furnished.integration.asked if one["what"] != "role"]


async def begin(furnished: Furnished, **fields: str) -> Page:
    page = await furnished.phone.get("/cards")
    return await furnished.phone.submit(page, "/cards/add", **({"stall": "stall-1", "label": "Red"} | fields))


def window(seconds: float = 60, *, known_shown: bool = False, resident_id: str = "res-1") -> dict[str, Any]:
    until = rfc3339(NOW + timedelta(seconds=seconds))
    return {"resident_id": resident_id, "stall_id": "stall-1", "until": until, "known_shown": known_shown}


# --- looking -----------------------------------------------------------------------------------------------------


async def test_a_resident_sees_their_cards_and_what_one_used_of_its_caps(house_of_cards: Furnished) -> None:
    furnished, start = house_of_cards, NOW - timedelta(hours=1)
    session_id = furnished.integration.begin("stall-1", "res-1", start, credential_id="card-1")
    furnished.integration.cut("stall-1", session_id, start, NOW, 8_000)
    furnished.integration.finish("stall-1", session_id, NOW, 8_000)
    await furnished.integration.deliver()
    page = await furnished.office.get("/office/cards/card-1")
    await furnished.office.submit(page, "/office/cards/card-1/money", month_money="6")
    listed = await furnished.phone.get("/cards")
    assert "Blue key ring" in listed.text
    assert "Bo’s" not in listed.text
    assert 'href="/cards"' in (await furnished.phone.get("/me")).text
    shown = (await furnished.phone.get("/cards/card-1")).text
    # 8 kWh at 0.30.
    for one in ("8,0 of 250 kWh", "2,40\xa0€ of 6,00\xa0€", 'value="23:00"', 'value="06:00"', "set by the manager"):
        assert one in shown, one


# --- changing ----------------------------------------------------------------------------------------------------


async def test_one_press_blocks_a_card_and_its_holder_unblocks_it(house_of_cards: Furnished) -> None:
    phone = house_of_cards.phone
    blocked = await phone.submit(await phone.get("/cards"), "/cards/card-1/block")
    what, body = asked(house_of_cards)[-1]
    assert what == "change_card"
    assert (body["card_id"], body["resident_id"]) == ("card-1", "res-1")
    assert (body["blocked"], body["blocked_by_holder"]) == (True, True)
    assert (body["label"], body["month_wh"], body["quiet"]) == (
        "Blue key ring",
        250_000,
        {"from": "23:00", "to": "06:00"},
    )
    assert "The card is blocked" in blocked.text
    free = await phone.submit(blocked, "/cards/card-1/unblock")
    assert (asked(house_of_cards)[-1][1]["blocked"], asked(house_of_cards)[-1][1]["blocked_by_holder"]) == (
        False,
        False,
    )
    assert "The card is unblocked" in free.text


async def test_what_the_manager_blocked_its_holder_does_not_unblock(house_of_cards: Furnished) -> None:
    phone, office = house_of_cards.phone, house_of_cards.office
    blocked = await phone.submit(await phone.get("/cards/card-1"), "/cards/card-1/block")
    # The manager sees whose block it is, and makes it their own.
    page = await office.get("/office/cards/card-1")
    assert "The holder blocked it" in page.text
    await office.submit(page, "/office/cards/card-1/block")
    assert asked(house_of_cards)[-1][1]["blocked_by_holder"] is False
    before = len(asked(house_of_cards))
    refused = await phone.submit(blocked, "/cards/card-1/unblock")
    assert refused.address == "/cards/card-1?said=managers"
    assert "only the manager can unblock it" in refused.text
    assert "/unblock" not in refused.text
    assert len(asked(house_of_cards)) == before
    # Naming it, or blocking it once more, does not make the block theirs.
    named = await phone.submit(refused, "/cards/card-1/name", label="Mine")
    assert "Mine" in named.text
    await phone.post("/cards/card-1/block", blocked.form("/cards/card-1/unblock"))
    assert [(body["blocked"], body["blocked_by_holder"]) for _, body in asked(house_of_cards)[before:]] == [
        (True, False),
        (True, False),
    ]


async def test_a_card_gets_a_name_and_quiet_hours_and_keeps_its_caps(house_of_cards: Furnished) -> None:
    phone, one = house_of_cards.phone, "/cards/card-1"
    named = await phone.submit(await phone.get(one), f"{one}/name", label="Green")
    assert "Green" in named.text
    set_ = await phone.submit(named, f"{one}/quiet", quiet_from="22:00", quiet_to="05:30")
    assert 'value="05:30"' in set_.text
    await phone.submit(set_, f"{one}/quiet", quiet_from="", quiet_to="", month_wh="999999", month_kwh="999")
    assert [(body["label"], body["quiet"], body["month_wh"]) for _, body in asked(house_of_cards)] == [
        ("Green", {"from": "23:00", "to": "06:00"}, 250_000),
        ("Green", {"from": "22:00", "to": "05:30"}, 250_000),
        ("Green", None, 250_000),
    ]


@pytest.mark.parametrize(
    ("form", "fields", "wrong"),
    [
        ("name", {"label": "x" * 61}, "label"),
        ("quiet", {"quiet_from": "22:00", "quiet_to": ""}, "quiet_to"),
        ("quiet", {"quiet_from": "22:00", "quiet_to": "22:00"}, "quiet_to"),
        ("quiet", {"quiet_from": "late", "quiet_to": "22:00"}, "quiet_from"),
    ],
)
async def test_what_a_card_cannot_have_is_named_and_not_asked(
    house_of_cards: Furnished, form: str, fields: dict[str, str], wrong: str
) -> None:
    page = await house_of_cards.phone.get("/cards/card-1")
    refused = await house_of_cards.phone.submit(page, f"/cards/card-1/{form}", **fields)
    assert (refused.status, refused.wrong) == (400, wrong)
    assert asked(house_of_cards) == []


async def test_where_the_house_does_not_answer_a_card_is_not_said_to_be_blocked(house_of_cards: Furnished) -> None:
    page = await house_of_cards.phone.get("/cards/card-1")
    await house_of_cards.integration.disconnect()
    await house_of_cards.house.unlinked()
    refused = await house_of_cards.phone.submit(page, "/cards/card-1/block")
    assert refused.status == 503
    assert "The house did not answer" in refused.text
    assert "/cards/card-1/block" in (await house_of_cards.phone.get("/cards")).text


# --- adding ------------------------------------------------------------------------------------------------------


async def test_a_card_is_added_by_tapping_and_its_holder_is_told(house_of_cards: Furnished) -> None:
    waiting = await begin(house_of_cards)
    body = {"resident_id": "res-1", "stall_id": "stall-1", "timeout_s": 60, "label": "Red", "by": "resident"}
    assert asked(house_of_cards) == [("enrol_card", body)]
    assert "Hold your card at the reader of Stall 1, within 60 seconds" in waiting.text
    # Without a script one looks again oneself.
    assert f'href="{waiting.address.replace("&", "&amp;")}"' in waiting.text
    came = rfc3339(NOW + timedelta(seconds=20))
    # Somebody else's new card is none of hers.
    await tell(house_of_cards, told_card(3, "res-2", added_at=came), enrolments=(window(),))
    assert "Hold your card" in (await house_of_cards.phone.get(waiting.address)).text
    await tell(house_of_cards, told_card(4, "res-1", label="Red", added_at=came))
    added = await house_of_cards.phone.get(waiting.address)
    assert "Added. From the next tap on" in added.text
    assert "/cards/card-4" in added.text
    assert "/cards/card-1" not in added.text
    told = await house_of_cards.house.app.books.read(
        lambda conn: [
            (row.resident_id, row.body_json) for row in conn.execute(select(notice).order_by(notice.c.notice_id))
        ]
    )
    assert told == [("res-2", '{"card": "Card 3"}'), ("res-1", '{"card": "Red"}')]
    assert "“Red” charges at your cost from now on" in (await house_of_cards.phone.get("/notices")).text


async def test_a_card_that_is_somebodys_is_said_to_be_and_not_whose(house_of_cards: Furnished) -> None:
    waiting = await begin(house_of_cards)
    await tell(house_of_cards, enrolments=(window(known_shown=True),))
    said = (await house_of_cards.phone.get(waiting.address)).text
    assert "somebody’s already" in said
    assert "Hold your card" in said, "hers is still waited for"
    assert "Bo Meyer" not in said
    assert "Bo’s" not in said
    house_of_cards.house.clock.advance(seconds=66)
    said = (await house_of_cards.phone.get(waiting.address)).text
    assert "somebody’s already" in said
    assert "No card was shown" not in said


async def test_it_is_said_when_nobody_tapped_whatever_others_did_before_or_elsewhere(house_of_cards: Furnished) -> None:
    waiting = await begin(house_of_cards)
    await tell(house_of_cards, enrolments=(window(-1, known_shown=True), window(known_shown=True, resident_id="res-2")))
    house_of_cards.house.clock.advance(seconds=66)
    said = (await house_of_cards.phone.get(waiting.address)).text
    assert "No card was shown within 60 seconds" in said
    assert "somebody’s already" not in said


async def test_only_readers_at_stalls_of_theirs_are_offered(house_of_cards: Furnished) -> None:
    furnished = house_of_cards
    stalls = [stall(1, card_reader=False), stall(2), stall(3)]
    await furnished.integration.send("building", building=lindenhof(stalls=stalls))
    await furnished.integration.settled()
    rule = Rule(stall_ids=("stall-1", "stall-2"))
    await furnished.house.app.books.write(lambda conn: set_rule(conn, ResidentId("res-1"), rule, "test", NOW))
    page = await furnished.phone.get("/cards")
    assert '<option value="stall-2">' in page.text
    for stall_id in ("stall-1", "stall-3", "stall-9"):
        assert f'"{stall_id}"' not in page.text
        refused = await furnished.phone.submit(page, "/cards/add", stall=stall_id, label="")
        assert (refused.status, refused.wrong) == (400, "stall")
        assert (await furnished.phone.get(f"/cards/adding?since=0&stall={stall_id}")).status == 404
    assert asked(furnished) == []


async def test_while_another_card_is_waited_for_there_one_is_told_to_wait(house_of_cards: Furnished) -> None:
    page = await house_of_cards.phone.get("/cards")
    house_of_cards.integration.decide = lambda what, body: {
        "ok": False,
        "error": {"code": "not_allowed", "message": "another resident's card is waited for at this stall"},
    }
    refused = await house_of_cards.phone.submit(page, "/cards/add", stall="stall-1", label="Red")
    assert refused.status == 409
    assert "try again in a minute" in refused.text
    assert 'value="Red"' in refused.text


async def test_cards_are_few_and_readers_are_not_kept_from_others(house_of_cards: Furnished) -> None:
    page = await house_of_cards.phone.get("/cards")
    more = [told_card(number, "res-1") for number in range(10, 19)]
    await tell(house_of_cards, *more)
    assert "You have 10 cards already" in (await house_of_cards.phone.get("/cards")).text
    assert (await house_of_cards.phone.submit(page, "/cards/add", stall="stall-1", label="")).status == 409
    assert asked(house_of_cards) == []
    await tell(house_of_cards)
    answers = [await house_of_cards.phone.submit(page, "/cards/add", stall="stall-1", label="") for _ in range(5)]
    assert [one.status for one in answers] == [200, 200, 200, 200, 429]
    assert len(asked(house_of_cards)) == 4


async def test_whoever_is_blocked_adds_none_and_still_blocks_one(house_of_cards: Furnished) -> None:
    phone = house_of_cards.phone
    open_page = await phone.get("/cards")
    await house_of_cards.office.submit(
        await house_of_cards.office.get("/office/residents/res-1"), "/office/residents/res-1/block"
    )
    page = await phone.get("/cards")
    assert "/cards/add" not in page.text
    assert (await phone.submit(open_page, "/cards/add", stall="stall-1", label="")).status == 404
    assert asked(house_of_cards) == []
    assert "The card is blocked" in (await phone.submit(page, "/cards/card-1/block")).text


# --- an unlocked phone in a stranger's hand ----------------------------------------------------------------------


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[Furnished]:
    async with open_local(tmp_path) as furnished:
        await newest(furnished)
        await tell(furnished)
        yield furnished


async def test_with_a_passkey_only_blocking_and_naming_need_none(local: Furnished) -> None:
    key = Authenticator(origin=local.phone.origin)
    await add(local, key)
    page, one = await local.phone.get("/cards"), await local.phone.get("/cards/card-1")
    later(local)
    for sent in (
        await local.phone.submit(page, "/cards/add", stall="stall-1", label=""),
        await local.phone.submit(one, "/cards/card-1/quiet", quiet_from="", quiet_to=""),
        await local.phone.post("/cards/card-1/unblock", one.form("/cards/card-1/block")),
    ):
        assert sent.address == "/me/confirm?to=cards"
    assert asked(local) == []
    assert "/cards/add" not in (await local.phone.get("/cards")).text
    assert "/cards/card-1/quiet" not in (await local.phone.get("/cards/card-1")).text
    await local.phone.submit(await local.phone.get("/cards/card-1"), "/cards/card-1/name", label="Mine")
    await local.phone.submit(await local.phone.get("/cards"), "/cards/card-1/block")
    assert [body["blocked"] for _, body in asked(local)] == [False, True]
    assert "/unblock" not in (await local.phone.get("/cards/card-1")).text
    await confirm(local, key)
    free = await local.phone.submit(await local.phone.get("/cards/card-1"), "/cards/card-1/unblock")
    assert "The card is unblocked" in free.text


@pytest.mark.parametrize("since", ["", "x", "-1", "9" * 14, "9" * 400])
async def test_a_time_that_cannot_be_is_refused(house_of_cards: Furnished, since: str) -> None:
    assert (await house_of_cards.phone.get(f"/cards/adding?stall=stall-1&since={since}")).status == 400
