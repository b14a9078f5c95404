"""The waiting list as residents meet it: on their phones, with a card at a taken stall, and as the house is told."""

from dataclasses import dataclass
from datetime import timedelta
import html
import json
from pathlib import Path
import re
from typing import Any

import pytest
from sqlalchemy import select

from evshare_app.books.schema import stall
from evshare_app.model import ResidentId
from evshare_app.resident.rules import Rule, set_rule
from tests.app.house import (
    NOW,
    Browser,
    Furnished,
    free_stall,
    lindenhof,
    live_session,
    open_house,
    plugged_stall,
    resident,
    rfc3339,
)


@dataclass
class Line:
    """Ada, Bo and Cy, and two stalls."""

    furnished: Furnished
    ada: Browser
    bo: Browser
    cy: Browser

    async def stalls(self, *stalls: dict[str, Any]) -> None:
        """Tell how the stalls are, and have the line looked at."""
        await self.furnished.integration.live(*stalls)
        await self.furnished.house.app.waiting.look()

    async def later(self, **by: float) -> None:
        self.furnished.house.clock.advance(**by)
        await self.furnished.house.app.waiting.look()

    @property
    def held(self) -> list[dict[str, Any]]:
        """What the integration was told last to keep."""
        told = [one["body"]["holds"] for one in self.furnished.integration.told if one["what"] == "holds"]
        return list(told[-1])

    async def settled(self) -> None:
        await self.furnished.integration.settled()


async def join(browser: Browser) -> str:
    return (await browser.submit(await browser.get("/"), "/queue/join")).text


def full() -> list[dict[str, Any]]:
    """Both stalls are in use by somebody of the house who is not in line."""
    begun = NOW - timedelta(hours=2)
    return [
        plugged_stall(number, begun, status="charging", session=live_session(f"{number}" * 32, "res-9", begun))
        for number in (1, 2)
    ]


@pytest.fixture
async def line(furnished: Furnished) -> Line:
    integration, house = furnished.integration, furnished.house
    people = [resident(1, "Ada Larsen"), resident(2, "Bo Meyer"), resident(3, "Cy Novak"), resident(9, "Ida Olsen")]
    integration.building = lindenhof(residents=people)
    await integration.send("building", building=integration.building)
    await integration.settled()
    made = Line(
        furnished=furnished,
        ada=furnished.phone,
        bo=await house.phone(furnished.office, "res-2"),
        cy=await house.phone(furnished.office, "res-3"),
    )
    await made.stalls(*full())
    return made


async def test_whoever_joins_first_is_first_and_sees_a_number_and_no_names(line: Line) -> None:
    assert "You are number 1 in line" in await join(line.bo)
    line.furnished.house.clock.advance(minutes=1)
    text = await join(line.ada)
    assert "You are number 2 in line" in text
    for name in ("Bo Meyer", "Ida Olsen", "res-2", "res-9"):
        assert name not in text


async def test_a_stalls_page_asks_nobody_to_wait_who_has_a_car_at_one(line: Line) -> None:
    furnished, begun = line.furnished, NOW - timedelta(hours=2)
    here, offer = f"/s/{line.furnished.code}", "Wait in line"
    assert offer in (await line.ada.get(here)).text
    other = full()[1]

    async def asked(browser: Browser, *stalls: dict[str, Any]) -> bool:
        await line.stalls(*stalls)
        return offer in (await browser.get(here)).text

    # The car that was just plugged in is whoever's who looks: they are offered the start.
    page = plugged_stall(1, NOW - timedelta(minutes=1))
    assert not await asked(line.ada, page, other)
    assert "/start" in (await line.ada.get(here)).text
    # Two sessions at once are allowed to her; she charges, here or elsewhere.
    rule = Rule(sessions=2)
    await furnished.house.app.books.write(lambda conn: set_rule(conn, ResidentId("res-1"), rule, "test", NOW))
    mine = live_session("3" * 32, "res-1", begun)
    assert not await asked(line.ada, plugged_stall(1, begun, status="charging", session=mine), other)
    assert not await asked(line.ada, full()[0], plugged_stall(2, begun, status="charging", session=mine))
    # Her guest's session is not hers.
    guests = live_session("3" * 32, "res-1", begun, credential_kind="pass", credential_id="0a55")
    assert await asked(line.ada, full()[0], plugged_stall(2, begun, status="charging", session=guests))
    # What still stands there after her session is her car, and nobody else's.
    furnished.integration.charge("stall-1", "res-1", begun, NOW - timedelta(hours=1), 9_000)
    await furnished.integration.deliver()
    finished = plugged_stall(1, begun, status="finishing")
    assert not await asked(line.ada, finished, other)
    assert await asked(line.bo, finished, other)


async def test_a_free_stall_is_kept_for_the_first_and_the_house_is_told(line: Line) -> None:
    await join(line.bo)
    await join(line.ada)
    await line.stalls(free_stall(1))
    await line.settled()
    until = rfc3339(NOW + timedelta(minutes=15))
    assert line.held == [{"stall_id": "stall-1", "resident_id": "res-2", "until": until}]
    page = await line.bo.get("/")
    assert "Stall 1 is free for you" in page.text
    assert "18:45" in page.text  # 15 minutes after 18:30 in Berlin
    assert f"/s/{line.furnished.code}" in page.text
    assert "You are number 1 in line" in (await line.ada.get("/")).text
    # One press on the kept stall's page, where others read that it is kept.
    await line.stalls(free_stall(1, status="reserved"))
    page = await line.bo.get(f"/s/{line.furnished.code}")
    assert "This stall is kept for you" in page.text
    await line.bo.submit(page, f"/s/{line.furnished.code}/start", mode="fast")
    assert line.furnished.integration.asked[-1]["what"] == "start"
    others = await line.ada.get(f"/s/{line.furnished.code}")
    assert "kept free for someone who waited" in others.text
    assert "/start" not in others.text


async def test_whoever_plugs_in_at_a_stall_that_is_kept_for_another_is_offered_no_start(line: Line) -> None:
    await line.stalls(*full())
    await join(line.ada)
    await line.stalls(full()[0], free_stall(2))
    assert [one["stall_id"] for one in line.held] == ["stall-2"]
    await line.stalls(full()[0], plugged_stall(2, NOW))
    code = line.furnished.house.app.books.read(
        lambda conn: conn.scalar(select(stall.c.qr_code).where(stall.c.name == "Stall 2"))
    )
    page = await line.bo.get(f"/s/{await code}")
    assert "kept free for someone" in page.text
    assert "/start" not in page.text
    assert "/start" in (await line.ada.get(page.address)).text


async def test_the_office_sees_who_waits_and_what_is_kept_for_whom(line: Line) -> None:
    def today(text: str) -> str:
        return html.unescape(" ".join(re.sub("<[^>]+>", " ", text.split("<main")[1]).split()))

    office, house = line.furnished.office, line.furnished.house
    assert "Waiting for a stall" not in (await office.get("/office")).text
    only_two = Rule(stall_ids=("stall-2",))
    await house.app.books.write(lambda conn: set_rule(conn, ResidentId("res-3"), only_two, "office:Manager", NOW))
    for minutes, browser in ((0, line.bo), (1, line.ada), (1, line.cy)):
        house.clock.advance(minutes=minutes)
        await join(browser)
    await line.ada.submit(await line.ada.get("/"), "/queue/snooze")
    said = today((await office.get("/office")).text)
    # From 18:30 in Berlin on; who snoozes is left alone for an hour.
    assert "Waiting for a stall 1. Bo Meyer since 18:30" in said
    assert "2. Ada Larsen since 18:31 · not before 19:32" in said
    assert "3. Cy Novak since 18:32 · only at Stall 2" in said
    await line.stalls(free_stall(1))
    said = today((await office.get("/office")).text)
    assert "Stall 1 Kept for Bo Meyer until 18:47" in said
    assert "Waiting for a stall Bo Meyer since 18:30 Stall 1 is kept until 18:47 1. Ada Larsen" in said
    technician = await house.invited(office, "technician")
    assert "Kept for Bo Meyer until 18:47" in today((await technician.get("/office")).text)


async def test_starting_ends_the_waiting_and_the_hold(line: Line) -> None:
    await join(line.bo)
    await line.stalls(free_stall(1))
    integration = line.furnished.integration
    integration.begin("stall-1", "res-2", NOW)
    await integration.deliver()
    await line.later()
    await line.settled()
    assert line.held == []
    assert "in line" not in (await line.bo.get("/")).text


async def test_an_offer_that_runs_out_goes_to_the_next_and_says_so(line: Line) -> None:
    await join(line.bo)
    await join(line.ada)
    await line.stalls(free_stall(1))
    await line.later(minutes=15)
    await line.settled()
    assert [(hold["stall_id"], hold["resident_id"]) for hold in line.held] == [("stall-1", "res-1")]
    assert "went to the next when the time was up" in (await line.bo.get("/")).text


async def test_passing_on_gives_it_to_the_next_at_once(line: Line) -> None:
    await join(line.bo)
    await join(line.ada)
    await line.stalls(free_stall(1))
    page = await line.bo.submit(await line.bo.get("/"), "/queue/leave")
    await line.settled()
    assert "You are off the list" in page.text
    assert [hold["resident_id"] for hold in line.held] == ["res-1"]


async def test_snoozing_keeps_the_place_and_gives_up_the_stall(line: Line) -> None:
    await join(line.bo)
    await join(line.ada)
    await line.stalls(free_stall(1))
    page = await line.bo.submit(await line.bo.get("/"), "/queue/snooze")
    await line.settled()
    assert [hold["resident_id"] for hold in line.held] == ["res-1"]
    assert "Until 19:30 you are offered nothing" in page.text
    await line.stalls(free_stall(1), free_stall(2))
    await line.settled()
    assert [hold["resident_id"] for hold in line.held] == ["res-1"]
    await line.bo.submit(await line.bo.get("/"), "/queue/wake")
    await line.settled()
    assert [hold["resident_id"] for hold in line.held] == ["res-1", "res-2"]


async def test_nobody_joins_while_a_stall_is_free_for_them(line: Line) -> None:
    page = await line.ada.get("/")
    await line.stalls(free_stall(2))
    answered = await line.ada.submit(page, "/queue/join")
    assert "A stall is free: take it" in answered.text
    assert "in line" not in answered.text
    # Kept for another it is not free.
    await line.stalls(*full())
    await join(line.bo)
    await line.stalls(free_stall(2))
    assert "You are number 1 in line" in await join(line.ada)


async def test_whoever_charges_or_is_blocked_does_not_join(line: Line) -> None:
    page = await line.ada.get("/")
    begun = NOW - timedelta(hours=1)
    mine = plugged_stall(1, begun, status="charging", session=live_session("a" * 32, "res-1", begun))
    await line.stalls(mine)
    assert "You are charging already" in (await line.ada.submit(page, "/queue/join")).text
    await line.stalls(*full())
    office = line.furnished.office
    await office.submit(await office.get("/office/residents/res-1"), "/office/residents/res-1/block")
    assert "blocked" in (await line.ada.submit(page, "/queue/join")).text
    assert "/queue/join" not in (await line.ada.get("/")).text


async def test_whoever_may_use_other_stalls_only_is_offered_those(line: Line) -> None:
    rule = Rule(stall_ids=("stall-2",))
    await line.furnished.house.app.books.write(
        lambda conn: set_rule(conn, ResidentId("res-2"), rule, "office:Manager", NOW)
    )
    await join(line.bo)
    line.furnished.house.clock.advance(minutes=1)
    await join(line.ada)
    await line.stalls(free_stall(1))
    await line.settled()
    assert [(hold["stall_id"], hold["resident_id"]) for hold in line.held] == [("stall-1", "res-1")]
    await line.stalls(free_stall(2))
    await line.settled()
    assert ("stall-2", "res-2") in [(hold["stall_id"], hold["resident_id"]) for hold in line.held]


def card_refused(line: Line, resident_id: str, seconds_ago: int, reason: str = "stall_in_use", **body: Any) -> None:
    shown = {"stall_id": "stall-1", "credential_kind": "card", "credential_id": "card-1"} | body
    line.furnished.integration.record(
        "denied", NOW - timedelta(seconds=seconds_ago), reason=reason, resident_id=resident_id, **shown
    )


@pytest.mark.parametrize("reason", ["stall_in_use", "held"])
async def test_a_card_at_a_taken_stall_joins_the_line(line: Line, reason: str) -> None:
    card_refused(line, "res-2", 30, reason)
    await line.furnished.integration.deliver()
    await line.later()
    page = await line.bo.get("/")
    assert "You are number 1 in line" in page.text
    told = (await line.bo.get("/notices")).text
    assert "You are on the waiting list" in told
    assert "refused" not in told


async def test_a_card_that_was_shown_long_ago_or_by_nobody_known_joins_nothing(line: Line) -> None:
    card_refused(line, "res-2", 121)
    card_refused(line, "res-77", 5)
    card_refused(line, "res-3", 5, credential_kind="phone")
    line.furnished.integration.record(
        "denied", NOW, stall_id="stall-1", credential_kind="card", reason="unknown_card", resident_id=None
    )
    await line.furnished.integration.deliver()
    await line.later()
    for browser in (line.ada, line.bo, line.cy):
        assert "/queue/leave" not in (await browser.get("/")).text


async def test_a_card_is_told_that_it_was_refused_where_another_stall_is_free(line: Line) -> None:
    await line.stalls(free_stall(2))
    card_refused(line, "res-2", 30)
    await line.furnished.integration.deliver()
    await line.later()
    page = await line.bo.get("/")
    assert "/queue/leave" not in page.text
    assert "Your card was refused at Stall 1" in page.text
    # Told is told: it joins no line a minute later either.
    await line.stalls(*full())
    assert "/queue/leave" not in (await line.bo.get("/")).text


async def test_whoever_left_after_the_tap_is_not_put_in_line_again(line: Line) -> None:
    card_refused(line, "res-2", 30)
    await line.furnished.integration.deliver()
    await line.later()
    await line.bo.submit(await line.bo.get("/"), "/queue/leave")
    await line.later(seconds=10)
    assert "/queue/leave" not in (await line.bo.get("/")).text


async def test_where_taps_do_not_join_the_resident_is_asked(tmp_path: Path) -> None:
    async with open_house(tmp_path, tap_joins=False) as house:
        furnished = await Furnished.of(house)
        made = Line(furnished=furnished, ada=furnished.phone, bo=furnished.phone, cy=furnished.phone)
        await made.stalls(*full())
        card_refused(made, "res-1", 30)
        await furnished.integration.deliver()
        await made.later()
        page = await made.ada.get("/")
        assert "Would you like to wait in line?" in (await made.ada.get("/notices")).text
        assert "You are number 1 in line" in (await made.ada.submit(page, "/queue/join")).text


async def test_after_a_restart_the_line_goes_on_from_the_books(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        furnished = await Furnished.of(house)
        first = Line(furnished=furnished, ada=furnished.phone, bo=furnished.phone, cy=furnished.phone)
        await first.stalls(*full())
        await join(first.ada)
        await first.stalls(free_stall(1))
        clock = house.clock
    clock.advance(minutes=5)
    async with open_house(tmp_path, clock) as house:
        furnished = await Furnished.of(house)
        second = Line(furnished=furnished, ada=furnished.phone, bo=furnished.phone, cy=furnished.phone)
        await second.settled()
        assert [(hold["stall_id"], hold["resident_id"]) for hold in second.held] == [("stall-1", "res-1")]
        assert "Stall 1 is free for you" in (await second.ada.get("/")).text
        await second.later(minutes=10)
        await second.settled()
        assert second.held == []


async def test_an_integration_that_cannot_hold_stalls_has_no_line(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        integration = house.integration()
        integration.decide = lambda what, body: {"ok": True, "result": {"role": "admin", "resident_id": None}}
        await integration.connect(versions=[1])
        office = await house.office(integration)
        ada = await house.phone(office)
        stalls = [{**stall, "session": None} for stall in full()]
        await integration.live(*stalls)
        assert "/queue/join" not in (await ada.get("/")).text


async def test_moving_out_leaves_the_line(line: Line) -> None:
    await join(line.bo)
    office = line.furnished.office
    page = await office.get("/office/residents/res-2")
    await office.submit(page, "/office/residents/res-2/moving", moves_out="2026-07-01")
    await line.furnished.house.app.apply_time()
    await line.stalls(free_stall(1))
    await line.settled()
    assert line.held == []


# --- cars that take nothing ----------------------------------------------------------------------------------------


async def full_car(line: Line, minutes: int) -> dict[str, Any]:
    """Ida's car at stall 1 charged an hour and has taken nothing for so long."""
    integration = line.furnished.integration
    begun, full_at = NOW - timedelta(minutes=minutes + 60), NOW - timedelta(minutes=minutes)
    session_id = integration.begin("stall-1", "res-9", begun)
    integration.cut("stall-1", session_id, begun, full_at, 9_000)
    await integration.deliver()
    running = live_session(session_id, "res-9", begun)
    return plugged_stall(1, begun, status="suspended_ev", session=running)


async def test_a_full_car_is_asked_to_move_after_twenty_minutes_if_somebody_waits(line: Line) -> None:
    ida = await line.furnished.house.phone(line.furnished.office, "res-9")
    full_stall = await full_car(line, 15)
    await line.stalls(full_stall)
    page = await ida.get(f"/s/{line.furnished.code}")
    assert "Your car has taken nothing since 18:15" in page.text
    assert "15 min" in page.text
    assert "you are asked to move it from 18:35 on" in page.text
    await join(line.bo)
    await line.later(minutes=4)
    assert "Please move your car" not in (await ida.get("/")).text
    await line.later(minutes=1)
    text = (await ida.get("/")).text
    assert "Please move your car" in text
    assert "Bo Meyer" not in text
    assert "somebody waits for a stall" in (await ida.get(f"/s/{line.furnished.code}")).text
    # Nobody else sees whose car it is, or that it stands there.
    assert "has taken nothing" not in (await line.bo.get(f"/s/{line.furnished.code}")).text


async def test_it_is_asked_once_an_hour(line: Line) -> None:
    ida = await line.furnished.house.phone(line.furnished.office, "res-9")
    await line.stalls(await full_car(line, 70))
    await join(line.bo)
    asked = [0]
    for minute in range(0, 130, 5):
        while (await ida.get("/notices")).text.count("Please move your car") > len(asked) - 1:
            asked.append(minute)
        await line.later(minutes=5)
    assert asked[1:] == [0, 60, 120]


async def test_nobody_is_asked_while_nobody_waits(line: Line) -> None:
    ida = await line.furnished.house.phone(line.furnished.office, "res-9")
    await line.stalls(await full_car(line, 90))
    assert "Please move your car" not in (await ida.get("/")).text


async def test_a_car_that_stays_after_its_session_is_asked_too(line: Line) -> None:
    ida = await line.furnished.house.phone(line.furnished.office, "res-9")
    integration = line.furnished.integration
    begun, over = NOW - timedelta(hours=2), NOW - timedelta(minutes=25)
    integration.charge("stall-1", "res-9", begun, over, 9_000)
    await integration.deliver()
    await join(line.bo)
    await line.stalls(plugged_stall(1, begun, status="finishing"))
    page = await ida.get(f"/s/{line.furnished.code}")
    assert "Your car has taken nothing since 18:05" in page.text
    assert "Please move your car" in page.text


async def test_the_next_car_at_the_stall_is_not_the_last_ones(line: Line) -> None:
    ida = await line.furnished.house.phone(line.furnished.office, "res-9")
    integration = line.furnished.integration
    integration.charge("stall-1", "res-9", NOW - timedelta(hours=3), NOW - timedelta(hours=2), 9_000)
    await integration.deliver()
    await join(line.bo)
    await line.stalls(plugged_stall(1, NOW - timedelta(minutes=40), status="finishing"))
    assert "has taken nothing" not in (await ida.get(f"/s/{line.furnished.code}")).text
    assert "Please move" not in (await ida.get("/")).text


async def test_the_stall_page_finds_out_by_itself(line: Line) -> None:
    async def state() -> str:
        return str(json.loads((await line.bo.get(f"/s/{line.furnished.code}/live")).text)["state"])

    before = await state()
    await join(line.bo)
    waiting = await state()
    assert waiting != before
    assert f'data-state="{waiting}"' in (await line.bo.get(f"/s/{line.furnished.code}")).text
    await line.stalls(free_stall(2))
    assert await state() != waiting
