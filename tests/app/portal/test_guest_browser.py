"""A guest's visit in Chromium: the host makes a pass on their phone, the guest opens its link, charges and goes."""

from collections.abc import AsyncIterator
from datetime import timedelta

from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, expect
import pytest
from sqlalchemy import select

from evshare_app.books.access_tables import guest_pass
from tests.app.house import NOW, Furnished, free_stall, live_session, plugged_stall
from tests.browser import PHONE, chromium

BEGUN = NOW - timedelta(minutes=1)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as one:
        yield one


async def opened(browser: Browser, complaints: list[str], **more: object) -> tuple[BrowserContext, Page]:
    size: ViewportSize = {"width": PHONE["width"], "height": PHONE["height"]}
    context = await browser.new_context(viewport=size, locale="en-GB", **more)  # type: ignore[arg-type]
    page = await context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return context, page


async def let_host_in(furnished: Furnished, context: BrowserContext) -> None:
    cookies = [(one.key, one.value) for one in furnished.phone.http.cookie_jar]
    await context.add_cookies(
        [{"name": name, "value": value, "url": furnished.phone.origin} for name, value in cookies]
    )


async def test_from_the_hosts_form_to_the_guests_stop(furnished: Furnished, browser: Browser) -> None:
    portal, integration = furnished.phone.origin, furnished.integration
    complaints: list[str] = []
    context, host = await opened(browser, complaints)
    await let_host_in(furnished, context)
    await host.goto(portal)
    await host.get_by_role("link", name="Guests").click()
    await host.get_by_label("For whom").fill("Aunt Mia")
    await host.get_by_label("At most kWh").fill("12")
    await host.get_by_role("button", name="Make the pass").click()
    link = await host.get_by_label("Link").input_value()

    _, guest = await opened(browser, complaints)
    await guest.goto(link)
    assert "#" not in guest.url  # the token is out of the address at once
    await expect(guest.get_by_label("Code of your guest pass")).to_be_hidden()
    await guest.get_by_role("button", name="Use this pass on this phone").click()
    await expect(guest.get_by_role("heading", name="Aunt Mia")).to_be_visible()

    await integration.live(plugged_stall(1, BEGUN), free_stall(2))
    await guest.goto(f"{portal}/s/{furnished.code}")
    await guest.get_by_role("button", name="Start charging").click()
    await expect(guest.get_by_text("Off it goes")).to_be_visible()
    assert integration.asked[-1]["body"]["pass"]["cap_wh"] == 12_000

    own = await furnished.house.app.books.read(lambda conn: conn.scalar(select(guest_pass.c.pass_id)))
    for energy_wh, text in ((1_230, "1,23"), (4_560, "4,56")):
        running = live_session(
            "5" * 32, "res-1", BEGUN, energy_wh=energy_wh, credential_kind="pass", credential_id=own, cap_wh=12_000
        )
        await integration.live(plugged_stall(1, BEGUN, status="charging", power_w=5_500, session=running))
        await expect(guest.get_by_text(text)).to_be_visible(timeout=15_000)
    await guest.get_by_role("button", name="Stop charging").click()
    await expect(guest.get_by_text("Stopped. You can unplug.")).to_be_visible()
    assert complaints == []


async def test_a_second_pass_is_taken_where_there_is_one_already(furnished: Furnished, browser: Browser) -> None:
    complaints: list[str] = []
    links = [
        f"{furnished.phone.origin}/g#{await furnished.house.make_pass(furnished.office, label=label)}"
        for label in ("First", "Second")
    ]
    _, page = await opened(browser, complaints)
    for link, label in zip(links, ("First", "Second"), strict=True):
        await page.goto("about:blank")
        await page.goto(link)
        await page.get_by_role("button", name="Use this pass on this phone").first.click()
        await expect(page.get_by_role("heading", name=label)).to_be_visible()
    assert complaints == []


async def test_a_guest_needs_no_scripts(furnished: Furnished, browser: Browser) -> None:
    token = await furnished.house.make_pass(furnished.office)
    await furnished.integration.live(plugged_stall(1, BEGUN), free_stall(2))
    _, page = await opened(browser, [], java_script_enabled=False)
    await page.goto(f"{furnished.phone.origin}/g")
    await page.get_by_label("Code of your guest pass").fill(token)
    await page.get_by_role("button", name="Use this pass on this phone").click()
    await page.goto(f"{furnished.phone.origin}/s/{furnished.code}")
    await page.get_by_role("button", name="Start charging").click()
    await expect(page.get_by_text("Off it goes")).to_be_visible()
