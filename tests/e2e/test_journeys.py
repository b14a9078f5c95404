"""Whole journeys of people through the running system, in a real browser: what they press and what they see.

Pictures of every step are in `tests.browser.PICTURES`. Time is the building's: it passes no faster than a wall clock
while somebody looks at a page, and as fast as it can in between.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
import re

from playwright.async_api import Browser, Page, expect
import pytest

from demo.car import Car
from demo.clock.authority import now
from tests.browser import PICTURES, chromium, phone
from tests.e2e.shared_house import SharedHouse, hungry, played

pytestmark = pytest.mark.timeout(300)

NEW_CARD = "04C0FFEE421380"
"""Nobody's in the house."""
MOST_S = 8
"""From the scan to the offer on the wire, for somebody whose phone is known."""


class Walk:
    """One person with a phone, and a picture of each step."""

    def __init__(self, house: SharedHouse, page: Page, name: str) -> None:
        self.house, self.page, self._name, self._steps = house, page, name, 0

    async def picture(self, what: str) -> None:
        self._steps += 1
        name = f"journey-{self._name}-{self._steps}-{what}.png"
        await self.page.screenshot(path=PICTURES / name, full_page=True)

    async def scan(self, number: int) -> None:
        """Open what the QR code of a stall says."""
        await self.page.goto(self.house.place.stall_pages[f"Stall {number}"])

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name).click()

    async def sees(self, text: str | re.Pattern[str]) -> None:
        await expect(self.page.get_by_text(text).first).to_be_visible()

    async def connects(self, name: str) -> None:
        """Come in by an invitation the office makes."""
        token, _ = await self.house.invite(name)
        await self.page.goto(f"{self.house.place.portal_url}/i#{token}")
        await self.press("Connect this phone")
        await self.page.wait_for_url(f"{self.house.place.portal_url}/")


@asynccontextmanager
async def walking(house: SharedHouse, name: str) -> AsyncIterator[Walk]:
    async with chromium() as browser:
        yield await another(house, browser, name)


async def another(house: SharedHouse, browser: Browser, name: str) -> Walk:
    return Walk(house, await (await phone(browser)).new_page(), name)


async def everybody_leaves(house: SharedHouse) -> None:
    for stall in house.place.building.stalls:
        if stall.car is not None:
            stall.unplug()
    await house.passes(30)


async def offer_after(house: SharedHouse, number: int, start: datetime) -> float:
    """Wait for current at the stall's plug, at a wall clock's pace; return the building's seconds since `start`."""
    stall = house.stall(number)
    while stall.offered_a < 6:
        assert (now() - start).total_seconds() < 60, "nothing was offered within a minute"
        await asyncio.sleep(0.1)
    return (now() - start).total_seconds()


@played
async def test_a_resident_for_the_first_time(house: SharedHouse) -> None:
    await everybody_leaves(house)
    stall = house.stall(2)
    async with walking(house, "first-time") as hana:
        # Somebody nobody invited sees the stall, its price, and how to come in.
        await hana.scan(2)
        await expect(hana.page.get_by_role("button", name="Start charging")).to_have_count(0)
        await hana.picture("stranger")
        token, _ = await house.invite("Hana")
        await hana.page.goto(f"{house.place.portal_url}/i#{token}")
        await hana.picture("invitation")
        await hana.press("Connect this phone")
        await hana.page.wait_for_url(f"{house.place.portal_url}/")
        await hana.sees("Hana")
        await hana.picture("home")
        # The link worked once.
        await hana.page.context.clear_cookies()
        await hana.page.goto(f"{house.place.portal_url}/i#{token}")
        await hana.press("Connect this phone")
        await hana.sees("does not work any more")
        await hana.picture("invitation-again")
        await hana.connects("Hana")
        # First the button, then the plug: the stall waits for it.
        await hana.scan(2)
        await hana.press("Start charging")
        await hana.sees(re.compile("[Pp]lug in"))
        await hana.picture("plug-in-now")
        mark = stall.mark()
        stall.plug(Car(name="Hana's car", need_wh=30_000))
        await house.until(lambda: stall.power_w > 3000)
        await house.passes(60)
        await hana.page.reload()
        await hana.picture("charging")
        await hana.press("Stop charging")
        await house.until(lambda: stall.power_w == 0)
        await house.passes(20)
        await hana.picture("stopped")
        await everybody_leaves(house)
        await hana.page.goto(f"{house.place.portal_url}/sessions")
        await hana.sees("Stall 2")
        await hana.picture("sessions")
        await hana.page.get_by_text("Stall 2").first.click()
        await hana.sees("kWh")
        await hana.picture("session")
    (session,) = house.books(
        "SELECT energy_wh FROM session WHERE resident_id = ? AND ended_ms IS NOT NULL", house.resident_id("Hana")
    )
    assert session["energy_wh"] == stall.delivered_wh_since(mark) > 50


@played
async def test_a_resident_again_needs_two_actions_and_eight_seconds(house: SharedHouse) -> None:
    await everybody_leaves(house)
    async with walking(house, "again") as chen:
        await chen.connects("Chen")
        for number in (1, 2):
            await house.replug(number)
            scanned = now()
            await chen.scan(number)
            await chen.press("Start charging")
            waited_s = await offer_after(house, number, scanned)
            print(f"stall {number}: {waited_s:.1f} s from the scan to the offer on the wire")  # noqa: T201
            assert waited_s <= MOST_S
            await expect(chen.page.get_by_role("button", name="Stop charging")).to_be_visible()
            await house.until(lambda number=number: house.stall(number).power_w > 3000)
            await house.passes(20)
            await chen.page.reload()
            await chen.picture(f"charging-{number}")
            await chen.press("Stop charging")
            await house.until(lambda number=number: house.stall(number).power_w == 0)
            await house.passes(20)
            await chen.page.reload()
            await chen.picture(f"stopped-{number}")


@played
async def test_a_resident_adds_a_card_charges_with_it_and_blocks_it(house: SharedHouse) -> None:
    await everybody_leaves(house)
    stall = house.stall(2)
    async with walking(house, "card") as hana:
        await hana.connects("Hana")
        await hana.page.goto(f"{house.place.portal_url}/cards")
        await hana.page.get_by_label("Where you stand now").select_option(label="Stall 2")
        await hana.page.get_by_label("Name of the card").fill("Blue key ring")
        await hana.picture("form")
        await hana.press("Add my card")
        await hana.sees("Hold your card at the reader of Stall 2")
        await hana.picture("waited-for")
        await stall.tap(NEW_CARD)
        await house.passes(5)
        await hana.sees("Added.")
        await hana.picture("added")
        # From now on without the phone: one tap begins, another ends.
        await house.replug(2)
        seq, mark = house.head(), stall.mark()
        await stall.tap(NEW_CARD)
        await house.until(lambda: stall.power_w > 3000)
        await house.passes(60)
        await stall.tap(NEW_CARD)
        await house.until(lambda: stall.power_w == 0)
        await house.passes(20)
        (session,) = house.records("session_ended", seq)
        assert session["energy_wh"] == stall.delivered_wh_since(mark) > 50
        (authorised,) = house.records("session_authorised", seq)
        assert (authorised["resident_id"], authorised["credential_kind"]) == (house.resident_id("Hana"), "card")
        # It is lost.
        await hana.page.goto(f"{house.place.portal_url}/cards")
        await hana.press("I lost it, block it: Blue key ring")
        await hana.sees("The card is blocked")
        await hana.picture("blocked")
        await house.replug(2)
        async with house.nothing_flows() as evidence:
            await stall.tap(NEW_CARD)
            await house.passes(5)
        assert evidence.denied() == [("card", "blocked_card")]
        await hana.page.goto(f"{house.place.portal_url}/refusals")
        await hana.sees("This card is blocked")
        await hana.picture("refused")


@played
async def test_a_guest_charges_on_a_residents_pass(house: SharedHouse) -> None:
    await everybody_leaves(house)
    async with chromium() as browser:
        host, guest = await another(house, browser, "guest-host"), await another(house, browser, "guest")
        await host.connects("Goran")
        await host.page.goto(f"{house.place.portal_url}/guests")
        await host.page.get_by_label("For whom").fill("Tom")
        await host.picture("form")
        await host.press("Make the pass")
        link = await host.page.get_by_label("Link", exact=True).input_value()
        await host.picture("link")
        await guest.page.goto(link)
        await guest.picture("link")
        # The page fills in what the link brought before anybody can press.
        await expect(guest.page.get_by_label("Code of your guest pass")).not_to_have_value("")
        await guest.press("Use this pass on this phone")
        # (What the address said is taken out of it as soon as it is shown.)
        await expect(guest.page.get_by_role("button", name="Use this pass on this phone")).to_have_count(0)
        await guest.sees("Your guest pass")
        await guest.picture("pass")
        stall = house.stall(1)
        await house.replug(1)
        mark = stall.mark()
        await guest.scan(1)
        await guest.picture("stall")
        await guest.press("Start charging")
        await expect(guest.page.get_by_role("button", name="Stop charging")).to_be_visible()
        await house.until(lambda: stall.power_w > 3000)
        await house.passes(60)
        await guest.page.reload()
        await guest.picture("charging")
        # The host sees it, and it costs the host; nothing tells the guest whose house this is.
        await host.page.goto(f"{house.place.portal_url}/guests")
        await host.page.get_by_text("Tom").first.click()
        await host.picture("charging")
        assert "Goran" not in await guest.page.content()
        await guest.press("Stop charging")
        await house.until(lambda: stall.power_w == 0)
        await house.passes(20)
        await everybody_leaves(house)
        await guest.page.goto(f"{house.place.portal_url}/g")
        await guest.picture("after")
        await expect(guest.page.get_by_role("button", name="Start charging")).to_have_count(0)
    (session,) = house.books(
        "SELECT energy_wh, credential_kind FROM session WHERE resident_id = ?", house.resident_id("Goran")
    )
    assert session["credential_kind"] == "pass"
    assert session["energy_wh"] == stall.delivered_wh_since(mark) > 50


@played
async def test_somebody_waits_in_line_and_nobody_overtakes(house: SharedHouse) -> None:
    await everybody_leaves(house)
    for number in (1, 2):
        await house.replug(number)
    async with chromium() as browser:
        bruno, ivo = await another(house, browser, "queue-bruno"), await another(house, browser, "queue-ivo")
        await bruno.connects("Bruno")
        await ivo.connects("Ivo")
        await bruno.sees("All stalls are taken")
        await bruno.picture("taken")
        await bruno.press("Wait in line")
        await bruno.sees("You are number 1 in line")
        await bruno.picture("number-1")
        # Not at the stall: the car there might be his, and would be his to start.
        await ivo.page.goto(f"{house.place.portal_url}/")
        await ivo.press("Wait in line")
        await ivo.sees("You are number 2 in line")
        await ivo.picture("number-2")
        # Stall 2 becomes free: it is kept for whoever came first.
        house.stall(2).unplug()
        # Cars that came within a minute of each other would have to be told apart first.
        await house.passes(75)
        await bruno.page.goto(f"{house.place.portal_url}/")
        await bruno.sees("Stall 2 is free for you")
        await bruno.picture("offered")
        house.stall(2).plug(hungry())
        await house.passes(10)
        mark = house.stall(2).mark()
        await ivo.scan(2)
        await ivo.sees("kept free for someone who waited")
        await expect(ivo.page.get_by_role("button", name="Start charging")).to_have_count(0)
        await ivo.picture("kept-for-another")
        await house.passes(20)
        assert house.stall(2).delivered_wh_since(mark) == 0
        await bruno.scan(2)
        await bruno.press("Start charging")
        await expect(bruno.page.get_by_role("button", name="Stop charging")).to_be_visible()
        await house.until(lambda: house.stall(2).power_w > 3000)
        await bruno.page.goto(f"{house.place.portal_url}/")
        await bruno.picture("charging")
        await ivo.page.goto(f"{house.place.portal_url}/")
        await ivo.sees("You are number 1 in line")
        await ivo.press("Leave the list")
        await expect(ivo.page.get_by_text("You are number")).to_have_count(0)
        await ivo.picture("left")
        await bruno.scan(2)
        await bruno.press("Stop charging")
        await house.until(lambda: house.stall(2).power_w == 0)
    await everybody_leaves(house)


@played
async def test_who_moved_out_is_out(house: SharedHouse) -> None:
    await everybody_leaves(house)
    async with walking(house, "move-out") as emil:
        await emil.connects("Emil")
        await house.replug(1)
        await emil.scan(1)
        await expect(emil.page.get_by_role("button", name="Start charging")).to_be_visible()
        await emil.picture("before")
        page = await house.office.open(f"/office/residents/{house.resident_id('Emil')}")
        saved = await house.office.send(page, "/moving", {"moves_out": "2026-11-16"})
        assert "Moved out" in saved.text
        async with house.nothing_flows():
            # The page that is still open is worth nothing, nor is a new one.
            await emil.press("Start charging")
            await emil.sees("This phone is not connected")
            await emil.picture("refused")
            await emil.scan(1)
            await expect(emil.page.get_by_role("button", name="Start charging")).to_have_count(0)
            await emil.page.goto(f"{house.place.portal_url}/")
            await emil.picture("after")
    assert "no phone that may" in house.place.app.tail(200)
    # An invitation that was made before works no more, and none is made.
    page = await house.office.open(f"/office/residents/{house.resident_id('Emil')}")
    assert not any(form.action.endswith("/invite") for form in page.forms)
