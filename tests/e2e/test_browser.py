"""A resident and the manager in a real browser: from the invitation to the statement, on the whole running system.

The clock is the demo's: real time while somebody clicks, and on to the next month when everybody is gone.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
import os
from pathlib import Path
from zoneinfo import ZoneInfo

from playwright.async_api import BrowserContext, Page, expect
import pytest

from demo.car import Car
from demo.clock.authority import ClockSelector, now, run_on_virtual_time
from demo.home_assistant import PASSWORD, USERNAME
from demo.lindenhof import Lindenhof, lindenhof
from demo.owners import set_up
from demo.programs import ROOT
from demo.stalls import LINDENHOF, Model, stalls_of
from tests.browser import PICTURES, chromium, desk, phone

pytestmark = pytest.mark.timeout(400)

EVENING = datetime(2026, 11, 30, 23, 20, tzinfo=ZoneInfo("Europe/Berlin"))
PLAN = replace(LINDENHOF, stalls=stalls_of([Model.KEBA_P30, Model.GOE_HTTP_V2]))
HA_PYTHON = os.environ.get("EVSHARE_HA_PYTHON", str(ROOT / ".venvs" / "demo" / "bin" / "python"))


def play(folder: Path, scene: Callable[[Lindenhof, ClockSelector], object]) -> None:
    """Set the building up and play a scene at real time's pace."""

    async def main(clock: ClockSelector) -> None:
        with clock.held():
            async with lindenhof(folder, HA_PYTHON, now, plan=PLAN, clock=clock.address, record=False) as place:
                await set_up(place, lambda _: None)
                await scene(place, clock)

    run_on_virtual_time(EVENING, main)


async def passes(clock: ClockSelector, seconds: float) -> None:
    """Let the building's time pass; nobody waits for a wall clock."""
    clock.let_go()
    await asyncio.sleep(seconds)
    clock.hold_again()


async def until(clock: ClockSelector, holds: Callable[[], bool], seconds: int = 60) -> None:
    """Let the building's time pass until something holds; fails after so many of its seconds."""
    for _ in range(seconds):
        if holds():
            return
        await passes(clock, 1)
    pytest.fail(f"not within {seconds} s of the building's time")


async def picture(page: Page, name: str) -> None:
    await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


async def sign_in_to_office(place: Lindenhof, context: BrowserContext) -> Page:
    answer = await place.home_assistant.service("evshare", "office_link", {"config_entry_id": place.entry_id})
    page = await context.new_page()
    await page.goto(answer["url"])
    await page.wait_for_url("**/office")
    return page


async def invitation_for(place: Lindenhof, office: Page, name: str) -> str:
    await office.goto(f"{place.office_url}/office/residents/{place.residents[name]}")
    await office.get_by_role("button", name="Make an invitation").click()
    return await office.get_by_label("Link").input_value()


def test_a_resident_goes_from_the_invitation_to_the_statement(tmp_path: Path) -> None:
    async def scene(place: Lindenhof, clock: ClockSelector) -> None:
        async with chromium() as browser:
            manager, chen = await desk(browser), await phone(browser)
            office = await sign_in_to_office(place, manager)
            stall = place.building.stall("stall-1")

            # The phone is connected once.
            page = await chen.new_page()
            await page.goto(await invitation_for(place, office, "Chen Wei"))
            await page.get_by_role("button", name="Connect this phone").click()
            await page.wait_for_url(f"{place.portal_url}/")

            # The QR code at the stall; the cable is in.
            await office.goto(f"{place.office_url}/office/stalls")
            address = await office.locator(".sign").filter(has_text="Stall 1").locator("p.mono").inner_text()
            stall.plug(Car(name="Chen's car", need_wh=30_000))
            await passes(clock, 5)
            await page.goto(f"http://{address}")
            await picture(page, "stall-ready")
            mark = stall.mark()
            await page.get_by_role("button", name="Start charging").click()
            await expect(page.get_by_role("button", name="Stop charging")).to_be_visible()
            await until(clock, lambda: stall.power_w > 5000)
            await passes(clock, 30)
            await page.reload()
            await expect(page.locator("[data-value=energy]")).not_to_have_text("0.00")
            await picture(page, "stall-charging")
            await office.goto(f"{place.office_url}/office")
            await picture(office, "office-today")

            # Stop is stop: the car lets go, and gets nothing more.
            await page.get_by_role("button", name="Stop charging").click()
            await until(clock, lambda: stall.power_w < 100)
            await passes(clock, 10)
            delivered_wh = stall.delivered_wh_since(mark)
            assert delivered_wh > 50
            await passes(clock, 10)
            assert stall.delivered_wh_since(mark) == delivered_wh
            stall.unplug()
            await passes(clock, 5)
            await page.goto(f"{place.portal_url}/sessions")
            await expect(page.get_by_text("Stall 1").first).to_be_visible()
            await picture(page, "sessions")

            # The month ends, the manager closes it, the statement is there.
            await passes(clock, (EVENING + timedelta(minutes=45) - now()).total_seconds())
            office = await sign_in_to_office(place, manager)
            await office.goto(f"{place.office_url}/office/month?month=2026-11")
            await office.get_by_role("button", name="Close November 2026").click()
            await expect(office.get_by_text("2026-000001").first).to_be_visible()
            await picture(office, "office-month")
            await page.goto(f"{place.portal_url}/statements")
            await picture(page, "statements")
            await page.get_by_text("November 2026").first.click()
            await expect(page.get_by_text("2026-000001").first).to_be_visible()
            await picture(page, "statement")
            pdf = await chen.request.get(f"{page.url.rstrip('/')}/pdf")
            assert (await pdf.body()).startswith(b"%PDF")

    play(tmp_path, scene)


def test_home_assistant_shows_a_stall_and_the_portal_turns_strangers_away(tmp_path: Path) -> None:
    async def scene(place: Lindenhof, clock: ClockSelector) -> None:
        async with chromium() as browser:
            owner, stranger = await desk(browser), await phone(browser, dark=True)
            page = await owner.new_page()
            await page.goto(place.home_assistant.url)
            await page.locator("input[name=username]").fill(USERNAME)
            await page.locator("input[name=password]").fill(PASSWORD)
            await page.locator("input[name=password]").press("Enter")
            await page.wait_for_url("**/home/**", timeout=60_000)
            stall = place.building.stall("stall-1")
            stall.plug(Car(name="someone's car", need_wh=30_000))
            await passes(clock, 5)
            await page.goto(f"{place.home_assistant.url}/config/devices/device/{place.stall_devices['stall-1']}")
            await expect(page.get_by_text("Preparing").first).to_be_visible(timeout=60_000)
            await picture(page, "ha-stall")

            # The office is one press away from Home Assistant's sidebar, in a tab that has no hold on this one.
            await page.locator("a[href='/evshare']").click()
            await expect(page.get_by_role("heading", name="Lindenhof")).to_be_visible()
            await expect(page.get_by_text("The app is connected.")).to_be_visible()
            await picture(page, "ha-panel")
            await page.emulate_media(color_scheme="dark")
            await picture(page, "ha-panel-dark")
            async with owner.expect_page() as opened:
                await page.get_by_role("button", name="Open the office").click()
            office = await opened.value
            await office.wait_for_url(f"{place.office_url}/office")
            assert await office.evaluate("window.opener") is None

            await office.goto(f"{place.office_url}/office/stalls")
            address = await office.locator(".sign").filter(has_text="Stall 1").locator("p.mono").inner_text()
            page = await stranger.new_page()
            await page.goto(f"http://{address}")
            await expect(page.get_by_role("button", name="Start charging")).to_have_count(0)
            await picture(page, "stall-stranger-dark")
            mark = stall.mark()
            answer = await stranger.request.post(f"http://{address}/start", form={"mode": "fast"})
            assert answer.status == 403
            await passes(clock, 20)
            assert stall.delivered_wh_since(mark) == 0

    play(tmp_path, scene)
