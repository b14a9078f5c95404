"""Passkeys in Chromium, with the authenticator its developer tools bring (CDP, WebAuthn domain)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import CDPSession, Page, expect
import pytest

from tests.app.house import Furnished, free_stall, plugged_stall
from tests.app.portal.local import open_local
from tests.browser import chromium


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[Furnished]:
    async with open_local(tmp_path) as furnished:
        yield furnished


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with chromium() as browser:
        context = await browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
        yield await context.new_page()


async def authenticator(page: Page) -> tuple[CDPSession, str]:
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = await cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return cdp, made["authenticatorId"]


async def test_a_passkey_is_made_connects_a_new_phone_confirms_and_starts(local: Furnished, page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    cdp, authenticator_id = await authenticator(page)
    house, portal = local.house, local.phone.origin

    def only_with_proof(what: str, body: dict[str, Any]) -> dict[str, Any]:
        if what == "start" and body["proof"] is None:
            return {"ok": False, "error": {"code": "plug_too_old", "message": "more than 5 minutes"}}
        return {"ok": True, "result": {"session_id": "5e55", "role": "admin", "resident_id": None}}

    await page.goto(f"{portal}/i#{await house.invite(local.office)}")
    await page.get_by_role("button", name="Connect this phone").click()
    await page.goto(f"{portal}/me")
    await page.get_by_role("button", name="Add a passkey").click()
    await expect(page.get_by_text("This phone has a passkey now.")).to_be_visible()
    kept = await cdp.send("WebAuthn.getCredentials", {"authenticatorId": authenticator_id})
    assert [one["rpId"] for one in kept["credentials"]] == ["localhost"]

    # A second one of the same authenticator is not made, and the person is told.
    await page.get_by_role("button", name="Add a passkey").click()
    await expect(page.get_by_text("Perhaps this phone has a passkey already")).to_be_visible()

    # A new phone: nothing of the old one but the passkey.
    await page.context.clear_cookies()
    await page.goto(f"{portal}/i")
    await page.get_by_role("link", name="Sign in with a passkey instead").click()
    await page.get_by_role("button", name="Use my passkey").click()
    await expect(page.get_by_role("heading", name="Hello Ada Larsen")).to_be_visible()

    # An hour later, what could do harm wants the passkey.
    house.clock.advance(hours=2)
    await page.goto(f"{portal}/me")
    await page.get_by_role("button", name="Sign out the others").click()
    await expect(page.get_by_role("heading", name="Confirm it is you")).to_be_visible()
    await cdp.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator_id, "isUserVerified": False})
    await page.get_by_role("button", name="Use my passkey").click()
    await expect(page.get_by_text("That did not work. Please try again.")).to_be_visible()
    await cdp.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator_id, "isUserVerified": True})
    await page.get_by_role("button", name="Use my passkey").click()
    await expect(page.get_by_text("Thank you. For five minutes")).to_be_visible()
    await page.get_by_role("button", name="Sign out the others").click()
    await expect(page.get_by_text("The other phones are signed out.")).to_be_visible()

    # And with a car that was plugged in long ago it starts in one go.
    house.clock.advance(minutes=6)
    await local.integration.live(plugged_stall(1, house.clock.now - timedelta(hours=1)), free_stall(2))
    local.integration.decide = only_with_proof
    await page.goto(f"{portal}/s/{local.code}")
    await page.get_by_role("radio", name="Only sun").check()
    await page.get_by_role("button", name="Confirm it is you and start").click()
    await expect(page.get_by_text("Off it goes")).to_be_visible()
    asked = [ask["body"] for ask in local.integration.asked if ask["what"] == "start"]
    assert [(body["mode"], body["proof"]) for body in asked] == [("solar_only", "passkey")]
    assert complaints == []


async def test_without_scripts_pages_say_what_to_do_instead(local: Furnished) -> None:
    await local.integration.live(plugged_stall(1, local.house.clock.now - timedelta(hours=1)), free_stall(2))
    token = await local.house.invite(local.office)
    async with chromium() as browser:
        context = await browser.new_context(java_script_enabled=False, locale="en-GB")
        page = await context.new_page()
        await page.goto(f"{local.phone.origin}/i")
        await page.get_by_label("Code from your invitation link").fill(token)
        await page.get_by_role("button", name="Connect this phone").click()
        await page.goto(f"{local.phone.origin}/me")
        await expect(page.get_by_text("This browser makes no passkeys.")).to_be_visible()
        await expect(page.get_by_role("button", name="Add a passkey")).to_be_hidden()
        await page.goto(f"{local.phone.origin}/s/{local.code}")
        await expect(page.get_by_text("Unplug it and plug it in again, then start.")).to_be_visible()
