"""The opt-in relay, whole: a resident's phone charges through Home Assistant's own address, and nothing else gets by.

A real Home Assistant behind a TLS proxy, the real app, simulated wall connectors, Chromium as the phone. What must hold
is in docs/reach.md ("Through Home Assistant's own address") and docs/link.md ("The relay").
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
import re
import ssl

from playwright.async_api import BrowserContext, Page, Response, expect
import pytest

from tests.browser import DESK, PHONE, PICTURES, chromium
from tests.certificates import certificate
from tests.e2e.between import Between, Raw, ask, between
from tests.e2e.shared_house import SharedHouse, played

pytestmark = pytest.mark.timeout(300)

RELAY = "/api/evshare/portal"
PHONE_AT = "203.0.113.7"

TRY_TO_RUN = """async (worker) => {
  const stopped = [];
  document.addEventListener("securitypolicyviolation", (event) => stopped.push(event.effectiveDirective));
  const inline = document.createElement("script");
  inline.textContent = "window.ran = true";
  document.body.append(inline);
  const button = document.createElement("button");
  button.setAttribute("onclick", "window.ran = true");
  document.body.append(button);
  button.click();
  await navigator.serviceWorker.register(worker).catch(() => null);
  await fetch("/api/").catch(() => null);
  inline.remove();
  button.remove();
  const workers = await navigator.serviceWorker.getRegistrations();
  return { ran: window.ran ?? false, workers: workers.length, stopped: [...new Set(stopped)].sort() };
}"""


@dataclass
class Street:
    """Home Assistant's public address, and what passes there and behind it."""

    house: SharedHouse
    public: Between
    """The owner's TLS proxy."""
    inside: Between
    """Between Home Assistant and the app."""
    tls: ssl.SSLContext

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.public.port}"

    async def ask(self, path: str, *headers: str, method: str = "GET", body: bytes = b"") -> Raw:
        return await ask(self.public.port, path, *headers, method=method, body=body, tls=self.tls)

    async def switch(self, on: bool) -> None:
        """Say in the building's options whether the portal is relayed."""
        place = self.house.place
        wanted = {"relay": on, "relay_port": self.inside.port}
        await place.home_assistant.options_flow(place.entry_id, {"next_step_id": "relay"}, wanted)

    async def app_known_as(self, portal_url: str) -> None:
        """Restart the app with another public address of the portal."""
        app = self.house.place.app
        await app.stop()
        app.environment["EVSHARE_PORTAL_URL"] = portal_url
        await app.start()
        await self.house.place.until_app_answers()
        await self.house.passes(15)


@asynccontextmanager
async def street(house: SharedHouse, folder: Path) -> AsyncIterator[Street]:
    """A TLS proxy in front of Home Assistant, and a way of looking at what Home Assistant asks the app."""
    place = house.place
    certificate_file, key_file = certificate(folder)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate_file, key_file)
    says = (f"X-Forwarded-For: {PHONE_AT}", "X-Forwarded-Proto: https")
    ports = [int(url.rpartition(":")[2]) for url in (place.home_assistant.url, place.portal_url)]
    async with between(ports[0], tls=server, adds=says) as public, between(ports[1]) as inside:
        # The certificate is of the building's time, and what checks it lives in ours.
        client = ssl.create_default_context()
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        yield Street(house=house, public=public, inside=inside, tls=client)


class Watched:
    """A phone, and what its browser was given."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.context, self.page = context, page
        self.answers: list[Response] = []
        page.on("response", self._note)

    def _note(self, answer: Response) -> None:
        self.answers.append(answer)

    async def picture(self, name: str) -> None:
        await self.page.screenshot(path=PICTURES / f"relay-{name}.png", full_page=True)

    async def looks(self, name: str) -> None:
        """Take a picture, and try whether the page could do anything by itself."""
        await self.picture(name)
        assert "<script" not in await self.page.content()
        offers = self.page.locator("[data-passkey], [data-push], [href*=passkey], [rel=manifest]")
        await expect(offers).to_have_count(0)
        came = await self.page.evaluate(TRY_TO_RUN, f"{RELAY}/sw.js")
        assert came == {
            "ran": False,
            "workers": 0,
            "stopped": ["connect-src", "script-src-attr", "script-src-elem", "worker-src"],
        }

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name).click()


@played
async def test_a_resident_charges_through_home_assistants_address(house: SharedHouse) -> None:
    folder = house.place.folder / "relay"
    folder.mkdir()
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(street(house, folder))
        await closed_until_switched_on(here)
        stack.push_async_callback(here.app_known_as, house.place.portal_url)
        await here.app_known_as(here.origin + RELAY)
        stack.push_async_callback(here.switch, on=False)
        await here.switch(on=True)
        await charges(here)
        await nothing_else_passes(here)
        await only_the_relay_is_answered(here)
    assert 401 not in here.public.statuses
    assert "invalid authentication" not in house.place.home_assistant.program.log.read_text()


async def closed_until_switched_on(here: Street) -> None:
    answer = await here.ask(f"{RELAY}/")
    assert (answer.status, answer.body) == (404, b"Nothing here.")
    assert here.inside.asked == []


async def charges(here: Street) -> None:
    house = here.house
    stall = house.stall(1)
    await house.replug(1)
    mark = stall.mark()
    token, _ = await house.invite("Jana")
    async with chromium() as browser:
        context = await browser.new_context(
            viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True, ignore_https_errors=True
        )
        # What a user of Home Assistant has for the same host.
        await context.add_cookies([{"name": "ingress_session", "value": "of-home-assistant", "url": here.origin}])
        jana = Watched(context, await context.new_page())
        page, link = jana.page, f"{here.origin}{RELAY}/i#{token}"
        await page.goto(link)
        await jana.looks("1-invitation")
        # No script takes the secret out of the address; whoever was sent the link pastes it.
        await page.get_by_role("textbox").fill(link)
        await jana.press("Connect this phone")
        await page.wait_for_url(f"{here.origin}{RELAY}/")
        await expect(page.get_by_role("heading", name="Hello Jana")).to_be_visible()
        await jana.looks("2-home")
        await page.goto(here.origin + RELAY + house.page_of(1))
        await jana.looks("3-stall")
        await jana.press("Start charging")
        await expect(page.get_by_role("button", name="Stop charging")).to_be_visible()
        await house.until(lambda: stall.power_w > 3000)
        await house.passes(60)
        await page.get_by_role("link", name="Look again").click()
        await expect(page.locator("[data-value=energy]")).not_to_have_text("0.00")
        await jana.looks("4-charging")
        await page.set_viewport_size(DESK)
        await jana.picture("4-charging-desk")
        await page.set_viewport_size(PHONE)
        await jana.press("Stop charging")
        await house.until(lambda: stall.power_w == 0)
        await house.passes(20)
        delivered_wh = stall.delivered_wh_since(mark)
        assert delivered_wh > 50
        stall.unplug()
        await house.passes(30)
        await page.goto(f"{here.origin}{RELAY}/sessions")
        await expect(page.get_by_text("Stall 1").first).to_be_visible()
        await jana.looks("5-sessions")
        await page.goto(f"{here.origin}{RELAY}/me")
        await expect(page.get_by_role("button", name="Notices on this phone")).to_have_count(0)
        await jana.looks("6-me")
        await nothing_ran_or_leaked(jana, here)
    (session,) = house.books(
        "SELECT energy_wh, credential_kind FROM session WHERE resident_id = ?", house.resident_id("Jana")
    )
    assert (session["energy_wh"], session["credential_kind"]) == (delivered_wh, "phone")


async def nothing_ran_or_leaked(jana: Watched, here: Street) -> None:
    assert {answer.status for answer in jana.answers} == {200, 303}
    for answer in jana.answers:
        headers = await answer.all_headers()
        assert "script-src 'none'" in headers["content-security-policy"].split("; "), answer.url
        assert headers.get("content-type", "").partition(";")[0] in ("text/html", "text/css", "image/svg+xml", ""), (
            answer.url
        )
    # The portal's cookies stay on its path; Home Assistant's own goes no further than Home Assistant.
    cookies = {str(cookie["name"]): cookie for cookie in await jana.context.cookies()}
    assert set(cookies) == {"ingress_session", "evshare_evs_d"}
    phones = cookies["evshare_evs_d"]
    assert (phones["path"], phones["secure"], phones["httpOnly"], phones["sameSite"]) == (RELAY, True, True, "Lax")
    assert any("ingress_session=of-home-assistant" in head for head in here.public.asked)
    for head in here.inside.asked:
        assert "ingress_session" not in head
        assert RELAY not in head.splitlines()[0]
        for line in re.findall(r"(?im)^cookie: ?(.*)$", head):
            assert re.fullmatch(r"(__Host-evs_d=[A-Za-z0-9._~-]+)?", line.strip()), line


async def nothing_else_passes(here: Street) -> None:
    bearer = here.house.place.home_assistant.token
    await here.ask(f"{RELAY}/me", f"Authorization: Bearer {bearer}", "Cookie: a=1", "X-Remote-User-Id: owner")
    assert not re.search(f"(?i)authorization|x-remote|{re.escape(bearer)}", here.inside.asked[-1])
    # What the app has behind its other doors is nothing on this one.
    bodies = set()
    for path in ("office", "office/residents", "office/health", "sign-in", "link/v1", "link/health", "api/states"):
        answer = await here.ask(f"{RELAY}/{path}")
        bodies.add(answer.body)
        assert answer.status == 404, path
    assert len(bodies) == 1
    # No way of writing an address leads anywhere else; these are not even handed on. (400: Home Assistant itself.)
    relayed = len(here.inside.asked)
    code = here.house.page_of(1)
    for path in (
        "/../../../config",
        "/..%2foffice",
        "/%2e%2e/office",
        "/%2e%2e%2foffice",
        "/..;/office",
        "//office",
        "/s/../../office",
        "/s%2f" + code.removeprefix("/s/"),
        "/%73/" + code.removeprefix("/s/"),
        "/s%5c..%5coffice",
        "/static/..%2f..%2fapp.py",
        "/@127.0.0.1:8099/office",
        "/http:%2f%2f127.0.0.1:8099/office",
        "/%00",
        "/s%0d%0aX-A:%201",
    ):
        answer = await here.ask(RELAY + path)
        assert answer.status in (400, 404), (path, answer.status)
        assert answer.status == 400 or answer.body == b"Nothing here.", path
    too_much = b"token=" + b"x" * (64 * 1024)
    form = "Content-Type: application/x-www-form-urlencoded"
    assert (await here.ask(f"{RELAY}/i", form, method="POST", body=too_much)).status == 413
    # Inside the house, over plain HTTP, Home Assistant relays nothing.
    port = int(here.house.place.home_assistant.url.rpartition(":")[2])
    assert (await ask(port, f"{RELAY}/")).status == 404
    assert len(here.inside.asked) == relayed


async def only_the_relay_is_answered(here: Street) -> None:
    port = int(here.house.place.portal_url.rpartition(":")[2])
    assert (await here.ask(f"{RELAY}/")).status == 200
    assert here.inside.asked[-1].startswith("GET / ")
    (caught,) = re.findall(r"(?im)^(x-evshare-relay: .*?)\r?$", here.inside.asked[-1])
    # The same once more is the same answer; for anything else the signature is worth nothing.
    assert (await ask(port, "/", caught)).status == 200
    forged = caught[:-1] + ("0" if caught[-1] != "0" else "1")
    another = caught.replace(PHONE_AT, "203.0.113.8")
    for target, *headers in (("/",), ("/", forged), ("/", another), ("/", "X-Evshare-Relay: a;b;c;d"), ("/i", caught)):
        answer = await ask(port, target, *headers)
        assert answer.status == 403, (target, headers)
        assert "evs_" not in answer.head
    assert (await ask(port, "/i", caught, method="POST", body=b"token=x")).status == 403
