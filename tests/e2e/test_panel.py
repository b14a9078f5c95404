"""The panel's module in a real browser, with Home Assistant's side of it (the `hass` object) played by the test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
from typing import Any

from playwright.async_api import Page, Route, expect

from demo.programs import ROOT
from tests.browser import chromium, desk, phone

MODULE = ROOT / "custom_components" / "evshare" / "frontend" / "evshare-panel.js"
HOME_ASSISTANT = "http://home-assistant.test"
OFFICE = "http://office.test/sign-in#ticket"

# What Home Assistant gives a panel, as far as this one asks for it; the service answers as the test says.
STAGE = """
async ({ answer, ...changes }) => {
  await import("/evshare-panel.js");
  const panel = document.createElement("evshare-panel");
  const entry = { entry_id: "e1", domain: "evshare", title: "Lindenhof", state: "loaded", disabled_by: null };
  const hass = {
    language: "en",
    dockedSidebar: "docked",
    entities: {
      "binary_sensor.app": {
        entity_id: "binary_sensor.app", platform: "evshare", translation_key: "app_connected", device_id: "d1",
      },
    },
    devices: { d1: { config_entry_id: "e1" } },
    states: { "binary_sensor.app": { state: "on" } },
    connection: {
      subscribeMessage: async (take) => {
        window.tell = take;
        take([{ type: null, entry }]);
        return () => { window.stopped = true; };
      },
    },
    callWS: async (message) => {
      window.called = message;
      if (answer.error) throw answer.error;
      return { response: answer };
    },
    loadBackendTranslation: async (category, domain) => (key) =>
      key === `component.${domain}.${category}.app_not_connected.message` ? "Die App ist nicht verbunden." : "",
    ...changes,
  };
  window.entry = entry;
  panel.hass = hass;
  panel.narrow = changes.narrow ?? false;
  document.body.append(panel);
}
"""


async def _serve(route: Route) -> None:
    if route.request.url.endswith(".js"):
        await route.fulfill(content_type="text/javascript", body=MODULE.read_text(encoding="utf-8"))
    else:
        await route.fulfill(content_type="text/html", body="<!doctype html><body></body>")


@asynccontextmanager
async def panel(answer: dict[str, Any], *, small: bool = False, **hass: Any) -> AsyncIterator[Page]:
    """The panel as a browser shows it; `answer` is what the service says, `hass` what differs from the usual."""
    async with chromium() as browser:
        context = await (phone if small else desk)(browser)
        await context.route("**/*", _serve)
        page = await context.new_page()
        await page.goto(HOME_ASSISTANT)
        await page.evaluate(STAGE, {"answer": answer, **hass})
        yield page


def app_is(state: str) -> dict[str, Any]:
    return {"binary_sensor.app": {"state": state}}


TICKET = {"url": OFFICE, "expires_in_s": 60}
REFUSED = {
    "code": "home_assistant_error",
    "message": "The app is not connected. Try again when it is.",
    "translation_domain": "evshare",
    "translation_key": "app_not_connected",
}


async def test_the_button_asks_for_this_buildings_ticket_and_spends_it_in_a_tab_of_its_own() -> None:
    async with panel(TICKET) as page:
        async with page.context.expect_page() as opened:
            await page.get_by_role("button", name="Open the office").click()
        office = await opened.value
        await office.wait_for_url(OFFICE)
        assert await office.evaluate("window.opener") is None
        assert await page.evaluate("window.called") == {
            "type": "call_service",
            "domain": "evshare",
            "service": "office_link",
            "service_data": {"config_entry_id": "e1"},
            "return_response": True,
        }


async def test_a_refusal_is_said_in_the_users_language_and_leaves_no_empty_tab() -> None:
    async with panel({"error": REFUSED}, language="de") as page:
        await page.get_by_role("button", name="Büro öffnen").click()
        await expect(page.get_by_role("alert")).to_have_text("Die App ist nicht verbunden.")
        await expect(page.get_by_role("button", name="Büro öffnen")).to_be_enabled()
        assert page.context.pages == [page]


async def test_a_failure_without_words_gets_plain_ones() -> None:
    for error in (3, {"code": "unknown_error", "message": "KeyError: 'x'"}):
        async with panel({"error": error}) as page:
            await page.get_by_role("button", name="Open the office").click()
            await expect(page.get_by_role("alert")).to_have_text("That did not work. Try again in a moment.")


async def test_a_browser_that_holds_tabs_back_gets_a_link_that_goes_with_its_ticket() -> None:
    async with panel(TICKET | {"expires_in_s": 1}) as page:
        await page.evaluate("window.open = () => null")
        await page.get_by_role("button", name="Open the office").click()
        link = page.get_by_role("link", name="Open the office")
        await expect(link).to_have_attribute("href", OFFICE)
        await expect(link).to_have_attribute("rel", "noopener noreferrer")
        await expect(link).to_have_count(0)


async def test_the_button_waits_for_an_app_and_the_page_says_why() -> None:
    for state, why in (("off", "The app is not connected."), ("unavailable", "This building has no app.")):
        async with panel(TICKET, states=app_is(state)) as page:
            await expect(page.get_by_text(why)).to_be_visible()
            await expect(page.get_by_role("button", name="Open the office")).to_be_disabled()


async def test_whoever_took_the_entity_away_can_still_open_the_office() -> None:
    async with panel(TICKET, entities={}) as page:
        await expect(page.get_by_role("button", name="Open the office")).to_be_enabled()


async def test_the_page_follows_the_buildings() -> None:
    async with panel(TICKET) as page:
        await page.evaluate("tell([{ type: 'added', entry: { ...entry, entry_id: 'e2', title: 'Ahornhof' } }])")
        await page.evaluate("tell([{ type: 'added', entry: { ...entry, entry_id: 'x', domain: 'hue' } }])")
        await expect(page.get_by_role("heading", level=2)).to_have_text(["Ahornhof", "Lindenhof"])
        await page.evaluate("tell([{ type: 'updated', entry: { ...entry, state: 'setup_error' } }])")
        await expect(page.get_by_text("This building is not running.")).to_be_visible()
        await page.evaluate("tell([{ type: 'removed', entry }])")
        await expect(page.get_by_role("heading", level=2)).to_have_text(["Ahornhof"])
        await page.evaluate("document.querySelector('evshare-panel').remove()")
        await page.wait_for_function("window.stopped")


async def test_on_a_small_screen_the_sidebar_can_be_opened() -> None:
    async with panel(TICKET, small=True, narrow=True) as page:
        await page.evaluate("document.addEventListener('hass-toggle-menu', () => { window.toggled = true; })")
        await page.get_by_role("button", name="Open the sidebar").click()
        assert await page.evaluate("window.toggled")
    async with panel(TICKET) as page:
        await expect(page.get_by_role("button", name="Open the sidebar")).to_be_hidden()


async def test_names_from_settings_are_text_and_never_markup() -> None:
    async with panel(TICKET) as page:
        name = "<img src=x onerror='window.hurt = true'>"
        await page.evaluate(f"tell([{{ type: 'updated', entry: {{ ...entry, title: {json.dumps(name)} }} }}])")
        await expect(page.get_by_role("heading", level=2)).to_have_text(name)
        assert await page.evaluate("window.hurt") is None


async def test_the_page_says_the_same_in_every_language() -> None:
    async with panel(TICKET) as page:
        texts = await page.evaluate("import('/evshare-panel.js').then((module) => module.TEXTS)")
    assert set(texts) == {"en", "de"}
    assert set(texts["en"]) == set(texts["de"])
    assert all(text.strip() == text != "" for words in texts.values() for text in words.values())
