"""The relay through Home Assistant's own address: off unless chosen, and nothing that comes through it can run."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
import gzip
import socket
from typing import Any

from aiohttp import AsyncResolver, ClientResponse, web
from aiohttp.abc import ResolveResult
from aiohttp.test_utils import TestClient, TestServer
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
import pytest
from yarl import URL

from custom_components.evshare.const import DOMAIN
from custom_components.evshare.relay import RELAY_PATH, Pace, signed

from .conftest import MakeEntry, set_up
from .texts import LANGUAGES, TEXTS, find

TOKEN = "pairing-token-of-the-test"
PAGE = "<!doctype html><p>Stall 1"


@dataclass
class Portal:
    """What the app's portal is to the relay: a server that answers as a test says, and notes what it was asked."""

    port: int = 0
    asked: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    answer: Callable[[], web.StreamResponse] = lambda: web.Response(text=PAGE, content_type="text/html")


@pytest.fixture
async def portal(socket_enabled: None) -> AsyncIterator[Portal]:
    portal = Portal()

    async def answer(request: web.Request) -> web.StreamResponse:
        portal.asked.append(request)
        portal.bodies.append(await request.read())
        return portal.answer()

    app = web.Application(client_max_size=1_000_000)
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        portal.port = server.port or 0
        yield portal


async def at_home(_: AsyncResolver, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
    return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)]


class Browser:
    """Somebody's phone, no user of Home Assistant, that comes by the TLS proxy in front of it."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        self._client = client
        self.by_proxy = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https", "Host": "ha.example.org"}

    async def request(self, method: str, path: str | URL, **more: Any) -> ClientResponse:
        headers = self.by_proxy | more.pop("headers", {})
        return await self._client.request(method, path, headers=headers, **more)

    async def get(self, path: str | URL, **more: Any) -> ClientResponse:
        return await self.request("GET", path, **more)

    async def post(self, path: str, **more: Any) -> ClientResponse:
        return await self.request("POST", path, **more)


@pytest.fixture
async def browser(
    hass: HomeAssistant,
    make_entry: MakeEntry,
    portal: Portal,
    hass_client_no_auth: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Browser:
    monkeypatch.setattr(AsyncResolver, "resolve", at_home)
    proxy = {"use_x_forwarded_for": True, "trusted_proxies": ["127.0.0.1"]}
    assert await async_setup_component(hass, "http", {"http": proxy})
    # By name, as an app is called on a box of Home Assistant's own.
    entry = await set_up(hass, make_entry(app_url="ws://local-evshare:1", app_token=TOKEN))
    hass.config_entries.async_update_entry(entry, options={"relay": True, "relay_port": portal.port})
    return Browser(await hass_client_no_auth())


async def test_a_page_of_the_portal_is_shown(browser: Browser, portal: Portal) -> None:
    for path, asked in ((RELAY_PATH, "/"), (f"{RELAY_PATH}/", "/"), (f"{RELAY_PATH}/s/7KQ2?live=1", "/s/7KQ2?live=1")):
        answer = await browser.get(path)
        assert (answer.status, await answer.text()) == (200, PAGE)
        assert portal.asked[-1].raw_path == asked


async def test_it_is_off_unless_chosen(hass: HomeAssistant, browser: Browser, portal: Portal) -> None:
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    for options in ({}, {"relay": False, "relay_port": portal.port}):
        hass.config_entries.async_update_entry(entry, options=options)
        assert (await browser.get(f"{RELAY_PATH}/")).status == 404
    assert portal.asked == []


async def test_plain_http_is_not_relayed(browser: Browser, portal: Portal) -> None:
    browser.by_proxy["X-Forwarded-Proto"] = "http"
    assert (await browser.get(f"{RELAY_PATH}/")).status == 404
    assert portal.asked == []


@pytest.mark.parametrize(
    ("given", "rules"),
    [
        ("default-src 'none'; script-src 'self'; style-src 'self'", {"default-src 'none'", "style-src 'self'"}),
        ("default-src 'none'; SCRIPT-SRC 'unsafe-inline'", {"default-src 'none'"}),
        ("default-src 'none'; script-src-elem *; script-src-attr *", {"default-src 'none'"}),
        ("default-src *", {"default-src 'none'", "style-src 'self'", "img-src 'self' data:", "form-action 'self'"}),
        ("", {"default-src 'none'", "style-src 'self'", "img-src 'self' data:", "form-action 'self'"}),
    ],
)
async def test_nothing_can_run_whatever_the_portal_says(
    browser: Browser, portal: Portal, given: str, rules: set[str]
) -> None:
    page = "<script>steal()</script>"
    portal.answer = lambda: web.Response(
        text=page, content_type="text/html", headers={"Content-Security-Policy": given}
    )
    answer = await browser.get(f"{RELAY_PATH}/")
    forbidden = {"script-src 'none'", "worker-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"}
    assert set(answer.headers["Content-Security-Policy"].split("; ")) == rules | forbidden
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "content_type", ["text/javascript", "application/javascript", "application/manifest+json", "text/xml"]
)
async def test_scripts_and_the_like_do_not_pass(browser: Browser, portal: Portal, content_type: str) -> None:
    portal.answer = lambda: web.Response(text="steal()", content_type=content_type)
    answer = await browser.get(f"{RELAY_PATH}/sw.js")
    assert answer.status == 404
    assert "steal" not in await answer.text()


async def test_no_answer_counts_as_a_failed_sign_in(browser: Browser, portal: Portal) -> None:
    portal.answer = lambda: web.Response(
        text="no", status=401, content_type="text/html", headers={"WWW-Authenticate": "Basic"}
    )
    answer = await browser.get(f"{RELAY_PATH}/me")
    assert answer.status == 403
    assert "WWW-Authenticate" not in answer.headers


async def test_nothing_of_home_assistant_reaches_the_app(browser: Browser, portal: Portal) -> None:
    await browser.get(
        f"{RELAY_PATH}/",
        headers={
            "Authorization": "Bearer secret",
            "Cookie": "session=ha; evshare_evs_d=phone; evs_d=other; evshare_evs_d2=x; evshare_x=1; __Host-evs_d=bad",
            "Connection": "keep-alive, X-Hop",
            "X-Hop": "1",
            "X-Evshare-Relay": "1;1;1;1",
            "X-Remote-User-Id": "admin",
            "Origin": "https://ha.example.org",
        },
    )
    sent = portal.asked[-1].headers
    assert sent["Cookie"] == "__Host-evs_d=phone"
    assert sent["Origin"] == "https://ha.example.org"
    for kept in ("Authorization", "X-Hop", "X-Forwarded-For", "X-Remote-User-Id"):
        assert kept not in sent
    (said,) = sent.getall("X-Evshare-Relay")
    _, client, origin, _ = said.split(";")
    assert (client, origin) == ("203.0.113.7", "https://ha.example.org")


async def test_cookies_are_kept_to_the_relays_path_under_a_name_of_their_own(browser: Browser, portal: Portal) -> None:
    def answer() -> web.Response:
        response = web.Response(text=PAGE, content_type="text/html")
        response.headers.add("Set-Cookie", "__Host-evs_d=abc; Path=/; Max-Age=99; HttpOnly; SameSite=Lax; Secure")
        response.headers.add("Set-Cookie", "hassTokens=stolen; Path=/; Domain=example.org")
        return response

    portal.answer = answer
    (line,) = (await browser.get(f"{RELAY_PATH}/")).headers.getall("Set-Cookie")
    parts = {part.strip() for part in line.split(";")}
    assert parts == {"evshare_evs_d=abc", "Max-Age=99", f"Path={RELAY_PATH}", "Secure", "HttpOnly", "SameSite=Lax"}


async def test_no_phones_cookie_goes_along_with_anothers_request(browser: Browser, portal: Portal) -> None:
    def answer() -> web.Response:
        response = web.Response(text=PAGE, content_type="text/html")
        response.set_cookie("evs_d", "of-one-phone", path="/")
        return response

    portal.answer = answer
    for _ in range(2):
        assert (await browser.get(f"{RELAY_PATH}/")).status == 200
    assert [request.headers["Cookie"] for request in portal.asked] == ["", ""]


async def test_what_the_app_packed_stays_packed(browser: Browser, portal: Portal) -> None:
    packed = gzip.compress(PAGE.encode())
    portal.answer = lambda: web.Response(
        body=packed, content_type="text/html", headers={"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    )
    answer = await browser.get(f"{RELAY_PATH}/", headers={"Accept-Encoding": "gzip, deflate, br"})
    assert (answer.headers["Content-Encoding"], answer.headers["Content-Length"]) == ("gzip", str(len(packed)))
    assert await answer.text() == PAGE
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert portal.asked[-1].headers["Accept-Encoding"] == "gzip"
    await browser.get(f"{RELAY_PATH}/", headers={"Accept-Encoding": "br"})
    assert portal.asked[-1].headers["Accept-Encoding"] == "identity"


async def test_a_form_is_handed_on_with_what_proves_where_it_comes_from(browser: Browser, portal: Portal) -> None:
    sent = {"Origin": "https://ha.example.org", "Sec-Fetch-Site": "same-origin"}
    portal.answer = lambda: web.Response(status=303, headers={"Location": f"{RELAY_PATH}/me"})
    answer = await browser.post(
        f"{RELAY_PATH}/me/language", data={"language": "de"}, headers=sent, allow_redirects=False
    )
    assert (answer.status, answer.headers["Location"]) == (303, f"{RELAY_PATH}/me")
    assert portal.bodies == [b"language=de"]
    asked = portal.asked[-1]
    assert asked.content_type == "application/x-www-form-urlencoded"
    assert {name: asked.headers[name] for name in sent} == sent


@pytest.mark.parametrize(
    "location", ["//evil.example.org", "/lovelace", "javascript:steal()", "http://evil.example.org"]
)
async def test_nobody_is_led_elsewhere(browser: Browser, portal: Portal, location: str) -> None:
    portal.answer = lambda: web.Response(status=303, headers={"Location": location})
    assert "Location" not in (await browser.get(f"{RELAY_PATH}/", allow_redirects=False)).headers


@pytest.mark.parametrize("chunked", [False, True])
async def test_bodies_are_small(browser: Browser, portal: Portal, chunked: bool) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 16 * 1024

    data = parts() if chunked else b"x" * (64 * 1024 + 1)
    assert (await browser.post(f"{RELAY_PATH}/i", data=data)).status == 413
    assert portal.asked == []
    assert (await browser.post(f"{RELAY_PATH}/i", data=b"x" * 64 * 1024)).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "%2e%2e/office", ".hidden", "a//b", "http:%2f%2fevil", "a%00b", "a@b:80", "s/%0d%0aHost:%20x", "x" * 200,
        "s%2f7KQ2", "%73/7KQ2", "7KQ2%20",
    ],
)  # fmt: skip
async def test_no_path_leads_elsewhere(browser: Browser, portal: Portal, path: str) -> None:
    answer = await browser.get(URL(f"{RELAY_PATH}/{path}", encoded=True))
    assert answer.status in (400, 404)
    assert portal.asked == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_none_of_its(browser: Browser, portal: Portal, method: str) -> None:
    assert (await browser.request(method, f"{RELAY_PATH}/")).status in (403, 405)
    assert portal.asked == []


async def test_whoever_knocks_too_often_is_slowed_down(browser: Browser, portal: Portal) -> None:
    answers = [await browser.get(f"{RELAY_PATH}/") for _ in range(70)]
    slowed = [answer for answer in answers if answer.status == 429]
    assert slowed
    assert int(slowed[0].headers["Retry-After"]) >= 1
    assert len(portal.asked) == len(answers) - len(slowed)


async def test_whoever_knocks_on_and_on_takes_nothing_from_others(browser: Browser, portal: Portal) -> None:
    # An IPv6 customer has 2^64 addresses; the relay has 200 answers at once for everybody (security reference 2.6).
    for number in range(230):
        await browser.get(f"{RELAY_PATH}/", headers={"X-Forwarded-For": f"2001:db8:1:2::{number:x}"})
    assert (await browser.get(f"{RELAY_PATH}/")).status == 200


async def test_a_form_that_comes_byte_by_byte_is_not_waited_for(
    browser: Browser, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.evshare.relay.BODY_S", 0.05)

    async def never() -> AsyncIterator[bytes]:
        yield b"token="
        await asyncio.Event().wait()

    async with asyncio.timeout(10):
        assert (await browser.post(f"{RELAY_PATH}/i", data=never())).status == 408
    assert portal.asked == []


def test_a_bucket_fills_again_and_each_has_their_own() -> None:
    pace = Pace(per_minute=60, burst=2)
    assert [pace.wait("a", 0), pace.wait("a", 0), pace.wait("a", 0), pace.wait("b", 0)] == [0, 0, 2, 0]
    assert pace.wait("a", 1.0) == 0


async def test_an_app_that_is_down_is_said_to_be(browser: Browser, hass: HomeAssistant) -> None:
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    hass.config_entries.async_update_entry(entry, options={"relay": True, "relay_port": 1})
    assert (await browser.get(f"{RELAY_PATH}/")).status == 503


def test_the_signature_is_the_one_both_sides_agreed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    # openssl dgst -sha256 -hmac pairing-token-of-the-test over the six lines of docs/link.md, "The relay".
    monkeypatch.setattr("time.time", lambda: 1782923400.5)
    target = URL("http://10.0.0.5:8100/s/7KQ29X0ABCDEFGHJ/start?x=1", encoded=True)
    header = signed(TOKEN, "POST", target, "203.0.113.7", "https://ha.example.org")
    assert (
        header
        == "1782923400;203.0.113.7;https://ha.example.org;03b8858c5cd4b5c26043e6272175604d0c9c70a01e43d694f63cc7daf40322c6"
    )


async def test_it_is_switched_on_in_the_buildings_options(
    hass: HomeAssistant, make_entry: MakeEntry, socket_enabled: None
) -> None:
    entry = await set_up(hass, make_entry(app_url="ws://127.0.0.1:1", app_token=TOKEN))
    flow = await _relay_form(hass, entry.entry_id)
    assert flow["type"] is FlowResultType.FORM
    done = await hass.config_entries.options.async_configure(flow["flow_id"], {"relay": True, "relay_port": 8100})
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == {"relay": True, "relay_port": 8100}
    for language in LANGUAGES:
        for name in ("relay", "relay_port"):
            assert find(TEXTS[language], "options", "step", "relay", "data_description", name)


async def _relay_form(hass: HomeAssistant, entry_id: str) -> Any:
    flow = await hass.config_entries.options.async_init(entry_id)
    return await hass.config_entries.options.async_configure(flow["flow_id"], {"next_step_id": "relay"})


async def test_it_needs_an_app_and_one_building_has_it(
    hass: HomeAssistant, make_entry: MakeEntry, socket_enabled: None
) -> None:
    with_app = {"app_url": "ws://127.0.0.1:1", "app_token": TOKEN}
    bare = await set_up(hass, make_entry())
    first = await set_up(hass, make_entry(unique_id="c" * 32, name="Süd", **with_app))
    second = await set_up(hass, make_entry(unique_id="d" * 32, name="Nord", **with_app))
    hass.config_entries.async_update_entry(first, options={"relay": True, "relay_port": 8100})
    for entry, problem in ((bare, "no_app"), (second, "relay_taken")):
        flow = await _relay_form(hass, entry.entry_id)
        refused = await hass.config_entries.options.async_configure(
            flow["flow_id"], {"relay": True, "relay_port": 8100}
        )
        assert refused["errors"] == {"relay": problem}
        assert all(find(TEXTS[language], "options", "error", problem) for language in LANGUAGES)
        assert entry.options == {}
