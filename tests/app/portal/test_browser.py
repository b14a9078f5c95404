"""The pages in Chromium: the small scripts do what they are for, and the content policy lets them and nothing else."""

from collections.abc import AsyncIterator
from datetime import timedelta
import hashlib

from playwright.async_api import BrowserContext, Page, expect
import pytest

from tests.app.house import NOW, Furnished, free_stall, live_session, plugged_stall, rfc3339
from tests.browser import chromium
from tests.pages import axe


@pytest.fixture
async def context() -> AsyncIterator[BrowserContext]:
    async with chromium() as browser:
        yield await browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")


async def open_page(context: BrowserContext, complaints: list[str]) -> Page:
    page = await context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page


async def test_from_the_invitation_to_start_and_stop_on_a_phone(furnished: Furnished, context: BrowserContext) -> None:
    house, integration = furnished.house, furnished.integration
    portal = f"http://127.0.0.1:{house.app.portal_port}"
    complaints: list[str] = []
    page = await open_page(context, complaints)
    begun = NOW - timedelta(minutes=1)

    await page.goto(f"{portal}/i#{await house.invite(furnished.office)}")
    assert "#" not in page.url  # the token is out of the address at once
    await expect(page.get_by_label("Code from your invitation link")).to_be_hidden()
    await page.get_by_role("button", name="Connect this phone").click()
    await expect(page.get_by_role("heading", name="Hello Ada Larsen")).to_be_visible()

    await integration.live(plugged_stall(1, begun), free_stall(2))
    await page.goto(f"{portal}/s/{furnished.code}")
    await page.get_by_role("radio", name="Only sun").check()

    await page.get_by_role("button", name="Start charging").click()
    await expect(page.get_by_text("Off it goes")).to_be_visible()
    assert integration.asked[-1]["body"]["mode"] == "solar_only"

    # The page finds out by itself that the session runs, and how far it is.
    session = live_session("5" * 32, "res-1", begun, mode="solar_only", energy_wh=1_230)
    await integration.live(plugged_stall(1, begun, status="charging", power_w=5_500, session=session))
    await expect(page.get_by_text("1,23")).to_be_visible(timeout=15_000)
    await expect(page.get_by_text("Off it goes")).to_be_hidden()
    session = live_session("5" * 32, "res-1", begun, mode="solar_only", energy_wh=4_560)
    await integration.live(plugged_stall(1, begun, status="charging", power_w=5_500, session=session))
    await expect(page.get_by_text("4,56")).to_be_visible(timeout=15_000)

    await page.get_by_role("button", name="Stop charging").click()
    await expect(page.get_by_text("Stopped. You can unplug.")).to_be_visible()
    assert integration.asked[-1]["what"] == "stop"
    assert complaints == []


async def test_the_office_opens_by_its_ticket_and_keeps_itself_current(
    furnished: Furnished, context: BrowserContext
) -> None:
    house, integration = furnished.house, furnished.integration
    complaints: list[str] = []
    page = await open_page(context, complaints)
    ticket = "ticket-" + "t" * 36
    await integration.send(
        "tell",
        what="office_ticket",
        body={
            "ticket_hash": hashlib.sha256(ticket.encode()).hexdigest(),
            "user_id": "u3",
            "name": "Mia",
            "expires_at": rfc3339(NOW + timedelta(seconds=60)),
        },
    )
    await integration.settled()
    await page.goto(f"http://127.0.0.1:{house.app.office_port}/sign-in#{ticket}")
    await expect(page.get_by_role("heading", name="Today", exact=True)).to_be_visible()
    session = live_session("5" * 32, "res-2", NOW, energy_wh=3_210)
    await integration.live(plugged_stall(1, NOW, status="charging", session=session), free_stall(2))
    await expect(page.get_by_text("3,21").first).to_be_visible(timeout=20_000)
    assert complaints == []


async def test_everything_works_without_scripts(furnished: Furnished) -> None:
    await furnished.integration.live(plugged_stall(1, NOW - timedelta(minutes=1)), free_stall(2))
    token = await furnished.house.invite(furnished.office)
    async with chromium() as browser:
        context = await browser.new_context(java_script_enabled=False, locale="en-GB")
        page = await context.new_page()
        portal = f"http://127.0.0.1:{furnished.house.app.portal_port}"
        await page.goto(f"{portal}/i")
        await page.get_by_label("Code from your invitation link").fill(token)
        await page.get_by_role("button", name="Connect this phone").click()
        await page.goto(f"{portal}/s/{furnished.code}")
        await page.get_by_role("button", name="Start charging").click()
        await expect(page.get_by_text("Off it goes")).to_be_visible()


@pytest.fixture(scope="module")
def script() -> str:
    """axe-core, where it is or can be had; `scripts/portal-check` looks at every page with it."""
    found = axe.fetched()
    if found is None:
        pytest.skip("axe-core could not be fetched: no npm, or no registry")
    return found.read_text()


async def test_the_pages_that_matter_most_keep_nobody_out(furnished: Furnished, script: str) -> None:
    await furnished.integration.live(plugged_stall(1, NOW - timedelta(minutes=1)), free_stall(2))
    async with chromium() as browser:
        context = await browser.new_context(viewport={"width": 320, "height": 640}, service_workers="block")
        cookies = furnished.phone.http.cookie_jar
        origin = furnished.phone.origin
        await context.add_cookies([{"name": one.key, "value": one.value, "url": origin} for one in cookies])
        page = await context.new_page()
        for path in (f"/s/{furnished.code}", "/", "/sessions"):
            await page.goto(origin + path)
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
                assert await axe.findings(page, script) == [], (path, scheme)
        # What finds nothing has to be able to find something.
        await page.evaluate("() => document.querySelector('h1').insertAdjacentHTML('afterend', '<img src=data:,>')")
        await page.evaluate(
            "() => document.querySelector('main').insertAdjacentHTML('beforeend', '<p>'+'w'.repeat(99))"
        )
        found = " ".join(await axe.findings(page, script))
        assert "image-alt" in found
        assert "reflow" in found
