"""The portal's worker in Chromium: a push becomes a notice on the screen, and a moved address is told the portal."""

import base64
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.async_api import BrowserContext, Page, Worker, expect
from sqlalchemy import select

from demo.programs import free_port
from evshare_app.books.access_tables import push_subscription
from tests.app.house import Furnished, House, open_house, role_admin
from tests.browser import chromium
from tests.certificates import certificate

SHOWN = """async () => {
  const worker = await navigator.serviceWorker.ready;
  for (;;) {
    // A browser that finds the worker slow shows a notice of its own beside ours.
    const ours = (await worker.getNotifications()).filter(({tag}) => tag !== "user_visible_auto_notification");
    const shown = ours.map(({title, body, tag, lang, data}) => ({title, body, tag, lang, address: data?.address}));
    if (HOLDS) return shown;
    await new Promise((done) => setTimeout(done, 20));
  }
}"""


async def shown(page: Page, holds: str) -> list[dict[str, str]]:
    """Wait until something holds of the notices on the screen, and return them."""
    found: list[dict[str, str]] = await page.evaluate(SHOWN.replace("HOLDS", holds))
    return found


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
        assert await shown(page, "shown.length > 0") == [said]
        # The same again, as after a crash of the app, takes the place of the first.
        await deliver(page, portal, json.dumps(said | {"body": "Again"}))
        assert await shown(page, "shown.some((one) => one.body === 'Again')") == [said | {"body": "Again"}]
        # What cannot be read still says that there is something to see.
        await deliver(page, portal, "not JSON")
        titles = {one["title"] for one in await shown(page, "shown.length > 1")}
        assert titles == {"Lindenhof", "Stall 2 is free for you"}


MOVED = """async ({kept, fresh}) => {
  // The push service, which a browser without the internet has none of.
  const asked = [];
  PushManager.prototype.subscribe = async (options) => {
    asked.push(options);
    return { toJSON: () => fresh };
  };
  const event = new ExtendableEvent("pushsubscriptionchange");
  let work;
  event.waitUntil = (promise) => { work = promise; };
  if (kept) event.newSubscription = { toJSON: () => kept };
  self.dispatchEvent(event);
  await work;
  return asked;
}"""


def address(name: str) -> dict[str, object]:
    """A subscription as a browser writes it (W3C Push API, `PushSubscriptionJSON`)."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    raw = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    keys = {"p256dh": raw, "auth": b"0123456789abcdef"}
    return {
        "endpoint": f"https://updates.push.services.mozilla.com/wpush/v2/{name}",
        "expirationTime": None,
        "keys": {name: base64.urlsafe_b64encode(value).rstrip(b"=").decode() for name, value in keys.items()},
    }


async def addresses(house: House) -> list[str]:
    rows = await house.app.books.read(lambda conn: conn.execute(select(push_subscription.c.endpoint)).scalars().all())
    return [row.rpartition("/")[2] for row in rows]


async def worker_of(context: BrowserContext) -> Worker:
    return context.service_workers[0] if context.service_workers else await context.wait_for_event("serviceworker")


async def test_a_moved_address_is_told_the_portal_and_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    port = free_port()
    portal = f"https://localhost:{port}"
    certificate_file, key_file = certificate(tmp_path)
    secure = {"portal_certificate": certificate_file, "portal_key": key_file}
    async with open_house(tmp_path / "house", portal_port=port, portal_url=portal, **secure) as house:
        integration = house.integration()
        integration.decide = role_admin
        await integration.connect()
        token = await house.invite(await house.office(integration))
        # Workers are for certificates the browser believes.
        async with chromium("--ignore-certificate-errors") as browser:
            context = await browser.new_context()
            page = await context.new_page()
            await page.goto(f"{portal}/i#{token}")
            await page.get_by_role("button", name="Connect this phone").click()
            await page.wait_for_url(f"{portal}/")
            await page.evaluate("() => navigator.serviceWorker.ready.then(() => null)")
            worker = await worker_of(context)
            await page.goto(f"{portal}/me")
            key = await page.locator("form[data-push]").get_attribute("data-push")
            asked = await worker.evaluate(MOVED, {"kept": None, "fresh": address("first")})
            assert asked == [{"userVisibleOnly": True, "applicationServerKey": key}]
            assert await addresses(house) == ["first"]
            # Where the browser brings the new address along, that is the one.
            assert await worker.evaluate(MOVED, {"kept": address("second"), "fresh": address("third")}) == []
            assert await addresses(house) == ["second"]
            # Somebody who ends it ends it in the browser too.
            await page.reload()
            button = page.get_by_role("button", name="No more on this phone")
            await button.click()
            await expect(button).to_have_count(0)
            assert await addresses(house) == []
            # A phone that is signed out gets no new one.
            await context.clear_cookies()
            assert await worker.evaluate(MOVED, {"kept": None, "fresh": address("fourth")}) == []
            assert await addresses(house) == []
