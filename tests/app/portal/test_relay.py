"""The portal behind Home Assistant's own address: only what the relay signed is answered, and no page can run."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
import hashlib
import hmac
from pathlib import Path
import re
from typing import Any

import pytest
from yarl import URL

from evshare_app.settings import RELAY_PATH, Settings, SettingsError
from evshare_app.web.relay import relay_signature
from tests.app.house import House, Page, live_session, open_house, plugged_stall, role_admin

HOME_ASSISTANT = "https://ha.example.org"
ADDRESS = HOME_ASSISTANT + "/api/evshare/portal"


@dataclass
class Street:
    """A phone in the street, and the relay between it and the portal, which keeps its cookies."""

    house: House
    client: str = "203.0.113.7"
    token: str = ""
    late_s: int = 0

    def __post_init__(self) -> None:
        self._browser = self.house.stranger()
        self.token = self.token or self.house.app.pairing_token
        self.cookies: dict[str, str] = {}

    async def ask(self, method: str, path: str, fields: Mapping[str, str] | None = None, **headers: str) -> Page:
        at_s = str(int(self.house.clock.now.timestamp()) - self.late_s)
        text = f"evshare-relay-1\n{method}\n{path}\n{at_s}\n{self.client}\n{HOME_ASSISTANT}"
        signature = hmac.new(self.token.encode(), text.encode(), hashlib.sha256).hexdigest()
        sent = {
            "X-Evshare-Relay": f"{at_s};{self.client};{HOME_ASSISTANT};{signature}",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }
        if method == "POST":
            sent |= {"Origin": HOME_ASSISTANT, "Sec-Fetch-Site": "same-origin"}
        address = URL(self._browser.origin + path, encoded=True)
        async with self._browser.http.request(
            method, address, data=dict(fields) if fields else None, headers=sent | headers, allow_redirects=False
        ) as answer:
            for line in answer.headers.getall("Set-Cookie", ()):
                name, _, value = line.partition(";")[0].partition("=")
                self.cookies[name] = value
            text = (await answer.read()).decode(errors="replace")
            return Page(status=answer.status, text=text, headers=answer.headers, address=path)

    async def get(self, path: str) -> Page:
        return await self.ask("GET", path)

    async def submit(self, page: Page, action: str, **fields: str) -> Page:
        return await self.ask("POST", action, page.form(RELAY_PATH + action) | fields)


@dataclass
class Relayed:
    house: House
    office: Any
    integration: Any
    code: str

    async def resident(self) -> Street:
        street = Street(self.house)
        entered = await street.ask("POST", "/i", {"token": await self.house.invite(self.office)})
        assert (entered.status, entered.headers["Location"]) == (303, RELAY_PATH + "/")
        return street


@pytest.fixture
async def relayed(tmp_path: Path) -> AsyncIterator[Relayed]:
    async with open_house(tmp_path, portal_url=ADDRESS) as house:
        integration = house.integration()
        integration.decide = role_admin
        await integration.connect()
        office = await house.office(integration)
        yield Relayed(house=house, office=office, integration=integration, code=await house.code(office))


def test_the_signature_is_the_one_both_sides_agreed_on() -> None:
    # openssl dgst -sha256 -hmac pairing-token-of-the-test over the six lines of docs/link.md, "The relay".
    path = "/s/7KQ29X0ABCDEFGHJ/start?x=1"
    made = relay_signature("pairing-token-of-the-test", "POST", path, "1782923400", "203.0.113.7", HOME_ASSISTANT)
    assert made == "03b8858c5cd4b5c26043e6272175604d0c9c70a01e43d694f63cc7daf40322c6"


async def test_only_what_the_relay_signed_is_answered(relayed: Relayed) -> None:
    house = relayed.house
    assert (await Street(house).get("/")).status == 200
    assert (await house.stranger().get("/")).status == 403
    assert (await Street(house, token="another").get("/")).status == 403
    assert (await Street(house, late_s=61).get("/")).status == 403
    assert (await Street(house, late_s=-61).get("/")).status == 403
    for forged in ("", ";;;", "1;2;3;é", "x;203.0.113.7;https://ha.example.org;00", "1;2;3;4;5"):
        assert (await house.stranger().get("/", **{"X-Evshare-Relay": forged})).status == 403


async def test_a_signature_is_for_one_path(relayed: Relayed) -> None:
    street = Street(relayed.house)
    at_s = int(relayed.house.clock.now.timestamp())
    signature = relay_signature(street.token, "GET", "/", str(at_s), street.client, HOME_ASSISTANT)
    sent = {"X-Evshare-Relay": f"{at_s};{street.client};{HOME_ASSISTANT};{signature}"}
    stranger = relayed.house.stranger()
    assert (await stranger.get("/", **sent)).status == 200
    assert (await stranger.get("/i", **sent)).status == 403
    assert (await stranger.get("/?said=later", **sent)).status == 403


async def test_without_the_relays_address_its_header_means_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        assert (await house.stranger().get("/", **{"X-Evshare-Relay": "forged"})).status == 200


async def test_no_page_holds_a_script_or_leads_out_of_the_relay(relayed: Relayed) -> None:
    await relayed.integration.live(plugged_stall(1, relayed.house.clock.now))
    street = await relayed.resident()
    stranger = Street(relayed.house, client="203.0.113.8")
    pages = [
        await street.get(path)
        for path in ("/", f"/s/{relayed.code}", "/me", "/sessions", "/statements", "/refusals", "/guests", "/nothing")
    ]
    pages += [await stranger.get(path) for path in ("/", f"/s/{relayed.code}", "/i", "/g")]
    for page in pages:
        assert page.status in (200, 404), page.address
        assert "<script" not in page.text, page.address
        assert re.findall(r'(?:href|src|action|formaction)="/(?!api/evshare/portal/)[^"]*"', page.text) == []
        assert f'href="{RELAY_PATH}/static/app-' in page.text
        assert "manifest" not in page.text
        assert not re.search("data-push|data-passkey|/passkey", page.text), page.address
        # Home Assistant's own header says no-referrer, with which forms come with `Origin: null`.
        assert '<meta name="referrer" content="same-origin">' in page.text
        assert "script-src 'none'" in page.headers["Content-Security-Policy"]
        assert "Strict-Transport-Security" not in page.headers  # that is Home Assistant's to say


async def test_a_resident_comes_in_starts_and_changes_things_without_scripts(relayed: Relayed) -> None:
    await relayed.integration.live(plugged_stall(1, relayed.house.clock.now))
    street = await relayed.resident()
    assert set(street.cookies) == {"__Host-evs_d"}
    page = await street.get(f"/s/{relayed.code}")
    started = await street.submit(page, f"/s/{relayed.code}/start", mode="fast")
    assert started.status == 303
    assert started.headers["Location"].startswith(f"{RELAY_PATH}/s/{relayed.code}")
    assert relayed.integration.asked[-1]["what"] == "start"


async def test_a_page_that_cannot_follow_by_itself_has_a_link_to_look_again(relayed: Relayed) -> None:
    now = relayed.house.clock.now
    running = live_session("5e55", "res-1", now)
    await relayed.integration.live(plugged_stall(1, now, status="charging", session=running))
    page = await (await relayed.resident()).get(f"/s/{relayed.code}")
    assert "Your car is charging" in page.text
    assert "noscript" not in page.text
    assert re.search(rf'<a class="button quiet" href="{RELAY_PATH}/s/{relayed.code}">Look again</a>', page.text)


async def test_a_form_of_another_site_is_refused(relayed: Relayed) -> None:
    street = await relayed.resident()
    page = await street.get("/me")
    fields = page.form(RELAY_PATH + "/me/language") | {"language": "de"}
    for headers in ({"Origin": "https://evil.example.org"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert (await street.ask("POST", "/me/language", fields, **headers)).status == 403
    assert (await street.ask("POST", "/me/language", fields)).status == 303


async def test_each_client_of_the_relay_has_their_own_pace(relayed: Relayed) -> None:
    one, other = Street(relayed.house), Street(relayed.house, client="198.51.100.9")
    assert 429 in {(await one.get("/")).status for _ in range(40)}
    assert (await other.get("/")).status == 200


async def test_the_check_of_the_address_works_through_the_relay(relayed: Relayed) -> None:
    office = relayed.office
    made = await office.submit(await office.get("/office/reach"), "/office/reach")
    found = re.search(re.escape(ADDRESS) + r"/reach\?code=([0-9a-f-]+)", made.text)
    assert found
    street = Street(relayed.house)
    page = await street.get(f"/reach?code={found[1]}")
    assert "It works" in (await street.submit(page, "/reach")).text
    assert (await office.get("/office/sheets/stickers")).status == 200
    # Passkeys, push and the app need scripts.
    assert (await office.get("/office/reach")).text.count("(not through Home Assistant’s address)") == 3


@pytest.mark.parametrize(
    ("url", "accepted"),
    [
        (ADDRESS, ADDRESS),
        (ADDRESS + "/", ADDRESS),
        ("http://ha.example.org/api/evshare/portal", None),
        ("https://ha.example.org/api/evshare", None),
        ("https://ha.example.org/x/api/evshare/portal", None),
    ],
)
def test_the_relays_address_is_the_only_one_with_a_path(tmp_path: Path, url: str, accepted: str | None) -> None:
    environment = {"EVSHARE_PORTAL_URL": url}
    if accepted is None:
        with pytest.raises(SettingsError, match="portal_url: got"):
            Settings.load(environment, tmp_path / "options.json")
    else:
        settings = Settings.load(environment, tmp_path / "options.json")
        assert settings.portal_url == accepted
        assert settings.portal_origin == HOME_ASSISTANT
        assert settings.passkey_domain is None
