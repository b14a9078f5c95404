"""Tags: at a stall, reading one proves being there; a resident's card starts a car that was just plugged in."""

import asyncio
from datetime import timedelta
import logging
import re
from typing import Any

import pytest
from sqlalchemy import select

from evshare_app.books.access_tables import stall_tag
from tests.app.house import Browser, Furnished, Page, free_stall, live_session, plugged_stall
from tests.app.portal.ntag import Ntag


async def add(furnished: Furnished, chosen: str, uid: str = "04 DE 5F 1E AC C0 40") -> Page:
    fields = (await furnished.office.get("/office/tags")).form("/office/tags")
    return await furnished.office.post("/office/tags", fields | {"uid": uid, "for": chosen, "label": "Tag"})


async def program(furnished: Furnished, chosen: str, uid: str = "04DE5F1EACC040") -> Ntag:
    """Add a tag in the office and write into it what the page says."""
    page = await add(furnished, chosen, uid)
    told = dict(re.findall(r"<dt>([^<]+)</dt><dd[^>]*>([^<]+)</dd>", page.text))
    address = re.sub(r"^https?://[^/]+", "", told["Address with placeholders"].replace("&amp;", "&"))
    return Ntag(uid=uid, meta_key=told["Key 1, SDM meta read"], file_key=told["Key 2, SDM file read"], address=address)


def starts(furnished: Furnished) -> list[dict[str, Any]]:
    return [ask["body"] for ask in furnished.integration.asked if ask["what"] == "start"]


async def old_plug(furnished: Furnished) -> None:
    at = furnished.house.clock.now - timedelta(minutes=45)
    await furnished.integration.live(plugged_stall(1, at), free_stall(2))


async def start(furnished: Furnished, browser: Browser | None = None) -> Page:
    phone = browser or furnished.phone
    page = await phone.get(f"/s/{furnished.code}")
    return await phone.submit(page, f"/s/{furnished.code}/start", mode="fast")


# --- at a stall --------------------------------------------------------------------------------------------------


async def test_a_phone_that_read_the_stalls_tag_starts_with_that_proof(furnished: Furnished) -> None:
    tag = await program(furnished, "stall:stall-1")
    await old_plug(furnished)
    page = await furnished.phone.get(tag.read())
    assert page.address == f"/s/{furnished.code}?said=tag"
    assert "you are here" in page.text
    started = await furnished.phone.submit(page, f"/s/{furnished.code}/start", mode="fast")
    assert started.address.endswith("said=started")
    assert [body["proof"] for body in starts(furnished)] == ["tag"]


async def test_the_proof_holds_for_three_minutes(furnished: Furnished) -> None:
    tag = await program(furnished, "stall:stall-1")
    await old_plug(furnished)
    await furnished.phone.get(tag.read())
    furnished.house.clock.advance(seconds=179)
    await start(furnished)
    furnished.house.clock.advance(seconds=1)
    await start(furnished)
    assert [body["proof"] for body in starts(furnished)] == ["tag", None]


async def test_an_address_that_was_used_proves_nothing_and_says_so(furnished: Furnished) -> None:
    tag = await program(furnished, "stall:stall-1")
    await old_plug(furnished)
    address = tag.read()
    await furnished.house.stranger().get(address)
    replayed = await furnished.phone.get(address)
    assert "used already" in replayed.text
    await start(furnished)
    assert [body["proof"] for body in starts(furnished)] == [None]


async def test_an_earlier_reading_is_worth_nothing_after_a_later_one(furnished: Furnished) -> None:
    tag = await program(furnished, "stall:stall-1")
    earlier, later = tag.read(), tag.read()
    assert "said=tag" in (await furnished.phone.get(later)).address
    assert (await furnished.phone.get(earlier)).address.endswith("said=tag_used")


async def test_the_tag_of_one_stall_proves_nothing_at_another(furnished: Furnished) -> None:
    tag = await program(furnished, "stall:stall-2")
    second = await furnished.house.code(furnished.office, 2)
    await old_plug(furnished)
    moved = tag.read().replace(second, furnished.code)
    assert (await furnished.phone.get(moved)).address.endswith("said=tag_wrong")
    # And being at stall 2 is no proof of being at stall 1.
    await furnished.phone.get(tag.read())
    await start(furnished)
    assert [body["proof"] for body in starts(furnished)] == [None]


async def test_the_proof_is_the_phones_that_read_the_tag(furnished: Furnished) -> None:
    tag = await program(furnished, "stall:stall-1")
    other = await furnished.house.phone(furnished.office, "res-2")
    await old_plug(furnished)
    await other.get(tag.read())
    await start(furnished)
    assert [body["proof"] for body in starts(furnished)] == [None]


async def test_two_phones_with_one_address_have_one_proof(furnished: Furnished) -> None:
    tag = await program(furnished, "stall:stall-1")
    other = await furnished.house.phone(furnished.office, "res-2")
    address = tag.read()
    pages = await asyncio.gather(furnished.phone.get(address), other.get(address))
    assert sorted(page.address.split("said=")[1] for page in pages) == ["tag", "tag_used"]


async def test_a_tag_with_its_factory_keys_proves_nothing(
    furnished: Furnished, caplog: pytest.LogCaptureFixture
) -> None:
    await program(furnished, "stall:stall-1")
    factory = Ntag(address=f"/s/{furnished.code}?e={'0' * 32}&c={'0' * 16}")
    assert (await furnished.phone.get(factory.read())).address.endswith("said=tag_wrong")
    assert "factory keys" in caplog.text


async def test_a_stranger_is_told_to_connect_first(furnished: Furnished) -> None:
    tag = await program(furnished, "stall:stall-1")
    page = await furnished.house.stranger().get(tag.read())
    assert page.status == 200
    assert "Connect this phone first" in page.text
    assert "/start" not in page.text


async def test_a_removed_tag_proves_nothing(furnished: Furnished) -> None:
    tag = await program(furnished, "stall:stall-1")
    page = await furnished.office.get("/office/tags")
    action = re.search(r'action="(/office/tags/\w+/remove)"', page.text)
    assert action
    await furnished.office.submit(page, action[1])
    assert (await furnished.phone.get(tag.read())).address.endswith("said=tag_wrong")


async def test_a_tag_that_comes_back_keeps_its_counter(furnished: Furnished) -> None:
    tag = await program(furnished, "stall:stall-1")
    address = tag.read()
    await furnished.phone.get(address)
    page = await furnished.office.get("/office/tags")
    action = re.search(r'action="(/office/tags/\w+/remove)"', page.text)
    assert action
    await furnished.office.submit(page, action[1])
    await program(furnished, "stall:stall-1")
    assert (await furnished.phone.get(address)).address.endswith("said=tag_used")
    assert (await furnished.phone.get(tag.read())).address.endswith("said=tag")


async def test_many_readings_nobody_sent_are_written_down(
    furnished: Furnished, caplog: pytest.LogCaptureFixture
) -> None:
    tag = await program(furnished, "stall:stall-1")
    tag.reads = 1000
    with caplog.at_level(logging.WARNING):
        await furnished.phone.get(tag.read())
        assert "may collect" in caplog.text
        caplog.clear()
        tag.reads += 998
        await furnished.phone.get(tag.read())
        assert "may collect" not in caplog.text


@pytest.mark.parametrize("query", ["e=&c=", "e=1", "c=2", "e=%00&c=%FF", "e=" + "F" * 32 + "&c=" + "F" * 16])
async def test_nonsense_is_no_tag(furnished: Furnished, query: str) -> None:
    page = await furnished.phone.get(f"/s/{furnished.code}?{query}")
    assert page.status == 200
    assert page.address.endswith("said=tag_wrong")


# --- the office --------------------------------------------------------------------------------------------------


async def test_keys_are_shown_once_and_are_not_in_the_books(furnished: Furnished) -> None:
    tag = await program(furnished, "stall:stall-1")
    listed = await furnished.office.get("/office/tags")
    assert tag.file_key not in listed.text
    assert tag.meta_key not in listed.text
    rows = await furnished.house.app.books.read(lambda conn: [tuple(row) for row in conn.execute(select(stall_tag))])
    assert tag.uid.lower() not in str(rows).lower()
    assert tag.file_key.lower() not in str(rows).lower()


async def test_a_tag_in_use_is_not_added_again(furnished: Furnished) -> None:
    await add(furnished, "stall:stall-1")
    again = await add(furnished, "stall:stall-2")
    assert again.status == 400
    assert "remove that one first" in again.text


@pytest.mark.parametrize("uid", ["04DE5F1E", "05DE5F1EACC040", "04DE5F1EACC04", "hello", "04DE5F1EACC04000"])
async def test_what_is_no_uid_is_refused_and_named(furnished: Furnished, uid: str) -> None:
    refused = await add(furnished, "stall:stall-1", uid)
    assert refused.status == 400
    assert refused.wrong == "uid"


async def test_a_tag_is_for_something_that_exists(furnished: Furnished) -> None:
    for chosen in ("stall:none", "resident:none", "none", ""):
        assert (await add(furnished, chosen)).status == 400


# --- a resident's card -------------------------------------------------------------------------------------------


async def test_a_card_held_to_any_phone_starts_the_car_that_was_just_plugged_in(furnished: Furnished) -> None:
    card = await program(furnished, "resident:res-1")
    await furnished.integration.live(plugged_stall(1, furnished.house.clock.now - timedelta(minutes=2)), free_stall(2))
    kiosk = furnished.house.stranger()
    page = await kiosk.get(card.read())
    assert page.address == "/t"
    assert "Stall 1" in page.text
    assert "Stall 2" not in page.text
    assert "Ada" not in page.text
    started = await kiosk.submit(page, "/t/start", mode="fast")
    assert started.address == "/t?said=started"
    assert [
        (body["stall_id"], body["resident_id"], body["plug_epoch"], body["proof"]) for body in starts(furnished)
    ] == [("stall-1", "res-1", 3, None)]


async def test_a_cards_tap_starts_once(furnished: Furnished) -> None:
    card = await program(furnished, "resident:res-1")
    now = furnished.house.clock.now
    await furnished.integration.live(plugged_stall(1, now), plugged_stall(2, now))
    kiosk = furnished.house.stranger()
    page = await kiosk.get(card.read())
    fields = page.form("/t/start") | {"mode": "fast"}
    assert (await kiosk.post("/t/start", fields | {"stall": "stall-1"})).address == "/t?said=started"
    assert (await kiosk.post("/t/start", fields | {"stall": "stall-2"})).address == "/t?said=card_over"
    # The same start again is the same request, which the house answers as before.
    await kiosk.post("/t/start", fields | {"stall": "stall-1"})
    asked = {ask["id"] for ask in furnished.integration.asked if ask["what"] == "start"}
    assert len(asked) == 1


async def test_a_cards_tap_holds_for_three_minutes(furnished: Furnished) -> None:
    card = await program(furnished, "resident:res-1")
    await furnished.integration.live(plugged_stall(1, furnished.house.clock.now))
    kiosk = furnished.house.stranger()
    page = await kiosk.get(card.read())
    furnished.house.clock.advance(minutes=3)
    assert (await kiosk.submit(page, "/t/start", mode="fast")).address == "/t?said=card_over"
    assert starts(furnished) == []


async def test_a_copied_cards_address_starts_nothing(furnished: Furnished) -> None:
    card = await program(furnished, "resident:res-1")
    await furnished.integration.live(plugged_stall(1, furnished.house.clock.now))
    address = card.read()
    first = furnished.house.stranger()
    page = await first.get(address)
    thief = furnished.house.stranger()
    assert "used already" in (await thief.get(address)).text
    assert (await thief.post("/t/start", page.form("/t/start") | {"mode": "fast"})).address == "/t?said=card_over"
    assert starts(furnished) == []


async def test_a_card_offers_no_car_that_was_plugged_in_long_ago(furnished: Furnished) -> None:
    card = await program(furnished, "resident:res-1")
    await old_plug(furnished)
    kiosk = furnished.house.stranger()
    page = await kiosk.get(card.read())
    assert "/t/start" not in page.text
    forged = {"stall": "stall-1", "plug_epoch": "3", "mode": "fast"}
    assert (await kiosk.post("/t/start", forged)).status == 400
    assert starts(furnished) == []


async def test_without_a_card_nobody_learns_where_a_car_came_nor_uses_up_the_presses_of_a_stall(
    furnished: Furnished,
) -> None:
    await furnished.integration.live(plugged_stall(1, furnished.house.clock.now), free_stall(2))
    stranger = furnished.house.stranger()
    for stall in ("", "nowhere", *["stall-1"] * 6):
        answer = await stranger.post("/t/start", {"stall": stall, "plug_epoch": "3", "mode": "fast"})
        assert answer.address == "/t?said=card_over", answer.text
        assert "Stall 1" not in answer.text
        assert "stall-1" not in answer.text
    # A stall takes six presses a minute (security reference 2.6); strangers' are none of them.
    assert (await start(furnished)).address.endswith("said=started")


async def test_a_card_stops_its_own_session_and_no_other(furnished: Furnished) -> None:
    card = await program(furnished, "resident:res-1")
    at = furnished.house.clock.now - timedelta(hours=1)
    theirs = live_session("7" * 32, "res-2", at)
    await furnished.integration.live(plugged_stall(1, at, status="charging", session=theirs), free_stall(2))
    kiosk = furnished.house.stranger()
    page = await kiosk.get(card.read())
    assert "/t/stop" not in page.text
    assert (await kiosk.post("/t/stop")).address == "/t?said=not_found"
    mine = live_session("5" * 32, "res-1", at)
    await furnished.integration.live(plugged_stall(1, at, status="charging", session=mine), free_stall(2))
    page = await kiosk.get("/t")
    stopped = await kiosk.submit(page, "/t/stop")
    assert "Stopped" in stopped.text
    assert furnished.integration.asked[-1]["body"] == {
        "session_id": "5" * 32,
        "by": "resident",
        "resident_id": "res-1",
    }


async def test_the_card_of_a_blocked_resident_starts_nothing(furnished: Furnished) -> None:
    card = await program(furnished, "resident:res-1")
    blocking = await furnished.office.get("/office/residents/res-1")
    await furnished.office.submit(blocking, "/office/residents/res-1/block")
    await furnished.integration.live(plugged_stall(1, furnished.house.clock.now))
    kiosk = furnished.house.stranger()
    refused = await kiosk.submit(await kiosk.get(card.read()), "/t/start", mode="fast")
    assert refused.address == "/t?said=blocked_resident"
    assert starts(furnished) == []


async def test_a_removed_card_stops_at_once(furnished: Furnished) -> None:
    card = await program(furnished, "resident:res-1")
    await furnished.integration.live(plugged_stall(1, furnished.house.clock.now))
    kiosk = furnished.house.stranger()
    page = await kiosk.get(card.read())
    listed = await furnished.office.get("/office/tags")
    action = re.search(r'action="(/office/tags/\w+/remove)"', listed.text)
    assert action
    await furnished.office.submit(listed, action[1])
    assert (await kiosk.submit(page, "/t/start", mode="fast")).address == "/t?said=card_over"
    assert (await kiosk.get(card.read())).address == "/t?said=card_wrong"


async def test_a_stalls_tag_is_no_card_and_a_card_no_stalls_tag(furnished: Furnished) -> None:
    tag = await program(furnished, "stall:stall-1")
    card = await program(furnished, "resident:res-1", "04DE5F1EACC041")
    query = tag.read().partition("?")[2]
    assert (await furnished.house.stranger().get(f"/t?{query}")).address == "/t?said=card_wrong"
    query = card.read().partition("?")[2]
    assert (await furnished.phone.get(f"/s/{furnished.code}?{query}")).address.endswith("said=tag_wrong")


async def test_whoever_lost_their_nfc_card_takes_it_out_of_use(furnished: Furnished) -> None:
    card = await program(furnished, "resident:res-1")
    tag = await program(furnished, "stall:stall-1", "04DE5F1EACC042")
    await furnished.integration.live(plugged_stall(1, furnished.house.clock.now))
    finder = furnished.house.stranger()
    found = await finder.get(card.read())
    other = await furnished.house.phone(furnished.office, "res-2")
    assert "/cards/nfc/" not in (await other.get("/cards")).text
    listed = await furnished.phone.get("/cards")
    (action,) = re.findall(r'action="(/cards/nfc/\w+/lost)"', listed.text)
    assert (await other.post(action, (await other.get("/me")).form("/me/language"))).status == 404
    assert "The card starts nothing any more" in (await furnished.phone.submit(listed, action)).text
    assert (await finder.submit(found, "/t/start", mode="fast")).address == "/t?said=card_over"
    assert (await finder.get(card.read())).address == "/t?said=card_wrong"
    assert starts(furnished) == []
    assert (await furnished.phone.get(tag.read())).address.endswith("said=tag")
