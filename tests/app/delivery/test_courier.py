"""From what happens at a stall to a phone and a mailbox: the real app, a real push service, a real mail server."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
import re

import pytest
from sqlalchemy import func, select

from evshare_app.books.access_tables import push_subscription
from tests.app.delivery.phone import Phone
from tests.app.delivery.secure_house import Outside, csrf, open_outside, said, subscription
from tests.app.house import NOW, free_stall
from tests.app.office.telling import told_card


@pytest.fixture
async def outside(tmp_path: Path) -> AsyncIterator[Outside]:
    async with open_outside(tmp_path) as opened:
        yield opened


async def start_by_card(outside: Outside, resident_id: str = "res-1") -> str:
    integration = outside.furnished.integration
    await integration.cards([told_card(1, resident_id, label="Blue tag")], [])
    delivered = len(integration.journal)
    session_id = integration.begin("stall-2", resident_id, NOW - timedelta(minutes=1), credential_id="card-1")
    await integration.deliver(delivered)
    return session_id


async def test_a_start_by_card_is_on_the_phone_that_took_pushes(outside: Outside) -> None:
    phone = await outside.subscribe(outside.furnished.phone)
    session_id = await start_by_card(outside)
    await outside.deliver()
    [push] = outside.service.taken
    shown = said(phone, push.body)
    assert shown["title"] == "Charging began at Stall 2"
    # 16:29 UTC is 18:29 in Berlin.
    assert shown["body"] == ("By card “Blue tag”, 18:29. Not you? Block the card, or say that it was not your car.")
    assert shown["address"] == f"/sessions/{session_id}"
    # What the push service sees tells neither who nor what.
    seen = push.path + repr(sorted(push.headers.items()))
    for secret in ("Blue", "Stall", session_id, "res-1", "Ada", "session"):
        assert secret not in seen
    assert push.headers["Urgency"] == "high"


async def test_the_app_sends_it_by_itself(tmp_path: Path) -> None:
    async with open_outside(tmp_path, by_itself=True) as outside:
        phone = await outside.subscribe(outside.furnished.phone)
        await start_by_card(outside)
        async with asyncio.timeout(10):
            await outside.service.arrived.wait()
        assert said(phone, outside.service.taken[0].body)["title"] == "Charging began at Stall 2"


async def test_nobody_elses_phone_hears_of_it(outside: Outside) -> None:
    await outside.subscribe(outside.furnished.phone)
    await start_by_card(outside, "res-2")
    await outside.deliver()
    assert outside.service.taken == []


async def test_whoever_has_no_phone_is_told_by_e_mail_in_their_language(outside: Outside) -> None:
    await outside.give_address("res-2", "bo@example.org", "de")
    await start_by_card(outside, "res-2")
    await outside.deliver()
    [mail] = outside.mailbox.mails
    assert mail["To"] == "bo@example.org"
    assert mail["Subject"] == "Lindenhof: Stall 2: Das Laden hat begonnen"
    text = mail.get_content()
    assert "Mit der Karte „Blue tag“, 18:29" in text
    assert "https://laden.example.org/sessions/" in text
    assert not re.search(r"token|/i#|cookie", text)


async def test_whoever_takes_pushes_gets_no_e_mail_of_it_besides(outside: Outside) -> None:
    await outside.give_address("res-1", "ada@example.org")
    await outside.subscribe(outside.furnished.phone)
    await start_by_card(outside)
    await outside.deliver()
    assert (len(outside.service.taken), len(outside.mailbox.mails)) == (1, 0)


async def test_what_concerns_the_account_comes_both_ways_and_cannot_be_switched_off(outside: Outside) -> None:
    ada = outside.furnished.phone
    await outside.give_address("res-1", "ada@example.org")
    phone = await outside.subscribe(ada)
    saved = await ada.submit(await ada.get("/me"), "/me/notices")  # every box empty
    assert saved.status == 200
    await outside.furnished.house.phone(outside.furnished.office, "res-1")
    await outside.deliver()
    assert said(phone, outside.service.taken[0].body)["title"] == "Another phone was connected"
    assert [mail["Subject"] for mail in outside.mailbox.mails] == ["Lindenhof: Another phone was connected"]


async def test_what_was_switched_off_goes_nowhere_and_is_still_on_the_portal(outside: Outside) -> None:
    ada = outside.furnished.phone
    await outside.give_address("res-1", "ada@example.org")
    await outside.subscribe(ada)
    await ada.submit(await ada.get("/me"), "/me/notices", push_session_ended="on")
    await start_by_card(outside)
    await outside.deliver()
    assert (outside.service.taken, outside.mailbox.mails) == ([], [])
    assert "Charging began at Stall 2" in (await ada.get("/")).text


async def test_nothing_is_told_twice_whatever_comes_again(outside: Outside) -> None:
    await outside.subscribe(outside.furnished.phone)
    await start_by_card(outside)
    integration = outside.furnished.integration
    # A restored backup of Home Assistant: another incarnation tells the same again.
    records = [dict(one, seq=number) for number, one in enumerate(integration.journal, 1)]
    await integration.disconnect()
    integration.incarnation, integration.journal = "f" * 32, records
    await integration.connect(incarnation="f" * 32)
    await integration.deliver()
    for _ in range(3):
        await outside.deliver()
    assert len(outside.service.taken) == 1


async def test_old_records_ring_nobody(outside: Outside) -> None:
    await outside.subscribe(outside.furnished.phone)
    integration = outside.furnished.integration
    integration.charge("stall-1", "res-1", NOW - timedelta(hours=3), NOW - timedelta(minutes=16), 9_000)
    await integration.deliver()
    await outside.deliver()
    assert outside.service.taken == []
    assert "Charging" not in (await outside.furnished.phone.get("/notices")).text.split("<main")[1]


async def test_a_push_service_that_is_down_is_tried_again_later_and_later(outside: Outside) -> None:
    phone = await outside.subscribe(outside.furnished.phone)
    outside.service.answers += [(503, {}), (429, {"Retry-After": "600"})]
    await start_by_card(outside)
    clock = outside.furnished.house.clock
    for minutes, tries in ((0, 1), (0, 1), (1, 2), (5, 2), (5, 3)):
        clock.advance(minutes=minutes)
        await outside.deliver()
        assert len(outside.service.taken) == tries, minutes
    assert await outside.deliveries() == [("push", "sent", 3)]
    assert said(phone, outside.service.taken[-1].body)["title"] == "Charging began at Stall 2"


async def test_it_is_given_up_when_it_is_no_news_any_more(outside: Outside) -> None:
    await outside.subscribe(outside.furnished.phone)
    outside.service.answers += [(503, {})] * 20
    await start_by_card(outside)
    for _ in range(8):
        await outside.deliver()
        outside.furnished.house.clock.advance(hours=5)
    assert [state for _, state, _ in await outside.deliveries()] == ["failed"]
    assert len(outside.service.taken) < 8


@pytest.mark.parametrize("status", [404, 410])
async def test_a_phone_that_is_gone_is_forgotten(outside: Outside, status: int) -> None:
    await outside.subscribe(outside.furnished.phone)
    outside.service.answers.append((status, {}))
    await start_by_card(outside)
    await outside.deliver()
    kept = await outside.furnished.house.app.books.read(
        lambda conn: conn.scalar(select(func.count()).select_from(push_subscription))
    )
    assert kept == 0
    assert "data-push=" in (await outside.furnished.phone.get("/me")).text  # it may be switched on again


async def test_a_phone_that_was_signed_out_hears_nothing_more(outside: Outside) -> None:
    house, office = outside.furnished.house, outside.furnished.office
    other = await house.phone(office, "res-1")
    await outside.subscribe(other, "other")
    await start_by_card(outside)
    ada = outside.furnished.phone
    await ada.submit(await ada.get("/me"), "/me/sign-out-others")
    await outside.deliver()
    assert outside.service.taken == []


async def test_a_subscription_moves_with_the_phone_to_its_next_resident(outside: Outside) -> None:
    house, office = outside.furnished.house, outside.furnished.office
    await outside.subscribe(outside.furnished.phone, "same-browser")
    bo = await house.phone(office, "res-2")
    phone = await outside.subscribe(bo, "same-browser")
    await start_by_card(outside, "res-1")
    await start_by_card(outside, "res-2")
    await outside.deliver()
    assert len(outside.service.taken) == 1
    assert said(phone, outside.service.taken[0].body)["title"] == "Charging began at Stall 2"


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://192.168.1.10/x",
        "http://updates.push.services.mozilla.com/x",
        "https://supervisor/core/api",
        "https://evil.example/x",
    ],
)
async def test_a_browser_cannot_make_the_app_knock_elsewhere(outside: Outside, endpoint: str) -> None:
    ada = outside.furnished.phone
    page = await ada.post("/me/push", subscription(Phone.new(), endpoint) | await csrf(ada))
    assert page.status == 400
    await start_by_card(outside)
    await outside.deliver()
    assert outside.service.looked_up == []


async def test_pushes_need_https(tmp_path: Path) -> None:
    async with open_outside(tmp_path, portal_url=None) as outside:
        page = await outside.furnished.phone.get("/me")
        assert "data-push=" not in page.text
        assert "need an HTTPS address of the portal’s own" in page.text
        assert not (tmp_path / "house" / "keys" / "vapid.key").exists()


async def test_a_stall_that_is_free_is_told_until_the_offer_ends(outside: Outside) -> None:
    phone = await outside.subscribe(outside.furnished.phone)
    integration, app = outside.furnished.integration, outside.furnished.house.app
    busy = [free_stall(number, status="preparing", plugged=True, plug_epoch=1) for number in (1, 2)]
    await integration.live(*busy)
    joined = await outside.furnished.phone.submit(await outside.furnished.phone.get("/"), "/queue/join")
    assert "You are number 1 in line" in joined.text
    await integration.live(free_stall(2))
    await app.waiting.look()
    outside.furnished.house.clock.advance(minutes=4)
    await outside.deliver()
    [push] = outside.service.taken
    assert said(phone, push.body)["title"] == "Stall 2 is free for you"
    assert push.headers["TTL"] == str(11 * 60)


async def test_an_offer_that_is_over_is_not_sent_any_more(outside: Outside) -> None:
    outside.service.answers.append((503, {}))
    await outside.subscribe(outside.furnished.phone)
    integration, app = outside.furnished.integration, outside.furnished.house.app
    await integration.live(*(free_stall(number, status="preparing", plugged=True, plug_epoch=1) for number in (1, 2)))
    await outside.furnished.phone.submit(await outside.furnished.phone.get("/"), "/queue/join")
    await integration.live(free_stall(2))
    await app.waiting.look()
    await outside.deliver()
    outside.furnished.house.clock.advance(minutes=16)
    await outside.deliver()
    assert len(outside.service.taken) == 1
    assert [state for _, state, _ in await outside.deliveries()] == ["failed"]
