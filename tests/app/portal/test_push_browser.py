"""The portal's worker in Chromium: a push becomes a notice on the screen, with its words and its address."""

import json

from playwright.async_api import Page

from tests.app.house import Furnished
from tests.browser import chromium

SHOWN = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
    .map(({title, body, tag, lang, data}) => ({title, body, tag, lang, address: data.address}))"""


async def deliver(page: Page, origin: str, message: str) -> None:
    """Hand the worker a push, as the browser does once it has decrypted one."""
    wire = await page.context.new_cdp_session(page)
    registrations: list[str] = []
    wire.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: registrations.extend(one["registrationId"] for one in told["registrations"]),
    )
    await wire.send("ServiceWorker.enable")
    while not registrations:
        await page.evaluate("() => navigator.serviceWorker.ready.then(() => null)")
    await wire.send(
        "ServiceWorker.deliverPushMessage", {"origin": origin, "registrationId": registrations[0], "data": message}
    )


async def test_a_push_is_shown_with_its_words(furnished: Furnished) -> None:
    portal = f"http://127.0.0.1:{furnished.house.app.portal_port}"
    async with chromium() as browser:
        context = await browser.new_context(locale="en-GB")
        await context.grant_permissions(["notifications"], origin=portal)
        page = await context.new_page()
        await page.goto(f"{portal}/s/{furnished.code}")
        await page.evaluate("() => navigator.serviceWorker.ready.then(() => null)")
        said = {
            "title": "Stall 2 is free for you",
            "body": "It is kept for you until 18:45.",
            "tag": "0123456789abcdef",
            "lang": "en",
            "address": "/s/0000000000000000",
        }
        await deliver(page, portal, json.dumps(said))
        await page.wait_for_function(f"async () => (await ({SHOWN})()).length === 1")
        assert await page.evaluate(SHOWN) == [said]
        # The same again, as after a crash of the app, takes the place of the first.
        await deliver(page, portal, json.dumps(said | {"body": "Again"}))
        await page.wait_for_function(f"async () => (await ({SHOWN})())[0].body === 'Again'")
        assert len(await page.evaluate(SHOWN)) == 1
        # What cannot be read still says that there is something to see.
        await deliver(page, portal, "not JSON")
        # (A browser that finds the worker slow shows a notice of its own beside it.)
        await page.wait_for_function(f"async () => (await ({SHOWN})()).some((one) => one.title === 'Lindenhof')")
        assert "Stall 2 is free for you" in {one["title"] for one in await page.evaluate(SHOWN)}
