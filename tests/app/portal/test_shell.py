"""The portal as an app on the phone: a shell that is nobody's, and a page without a connection."""

import json
from pathlib import Path
import re

from tests.app.house import Furnished, free_stall, open_house
from tests.browser import chromium


async def test_the_manifest_names_the_house_and_icons_that_are_there(furnished: Furnished) -> None:
    page = await furnished.house.stranger().get("/manifest.webmanifest")
    assert page.headers["Content-Type"].startswith("application/manifest+json")
    manifest = json.loads(page.text)
    assert manifest["short_name"] == "Lindenhof"
    assert manifest["display"] == "standalone"
    assert {icon["sizes"] for icon in manifest["icons"]} == {"any", "192x192", "512x512"}
    for icon in manifest["icons"]:
        async with furnished.house.http.get(furnished.phone.origin + icon["src"]) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"].split(";")[0] == icon["type"]


async def test_the_worker_keeps_static_files_and_one_page_that_is_nobodys(furnished: Furnished) -> None:
    worker = (await furnished.phone.get("/sw.js?language=de")).text
    told = {name: json.loads(value) for name, value in re.findall(r"^const (\w+) = (.+);$", worker, re.MULTILINE)[:3]}
    assert told["OFFLINE"] == "/offline?language=de"
    assert all(re.fullmatch(r"/static/[\w.-]+", address) for address in told["SHELL"])
    for address in told["SHELL"]:
        assert (await furnished.phone.get(address)).status == 200
    page = await furnished.phone.get(told["OFFLINE"])
    assert "Keine Verbindung" in page.text
    assert "Ada" not in page.text
    assert page.text == (await furnished.house.stranger().get(told["OFFLINE"])).text


async def test_another_language_or_shell_is_another_worker(furnished: Furnished) -> None:
    german, english = [(await furnished.phone.get(f"/sw.js?language={one}")).text for one in ("de", "en")]
    assert german.split("\n")[0] != english.split("\n")[0]
    assert (await furnished.phone.get("/sw.js?language=tlh")).status == 200


async def test_workers_and_manifests_of_our_own_only(furnished: Furnished) -> None:
    policy = (await furnished.phone.get("/")).headers["Content-Security-Policy"]
    assert "worker-src 'self'" in policy
    assert "manifest-src 'self'" in policy
    assert "worker-src" not in (await furnished.office.get("/office")).headers["Content-Security-Policy"]


async def test_only_where_a_browser_trusts_the_address_it_is_offered_to_be_kept(tmp_path: Path) -> None:
    async with open_house(tmp_path / "plain") as house:
        furnished = await Furnished.of(house)
        here = await furnished.phone.get("/")
        assert 'rel="manifest"' in here.text
        in_the_house = await furnished.phone.get("/", Host="192.168.1.20:8100")
        assert 'rel="manifest"' not in in_the_house.text
    async with open_house(tmp_path / "tls", portal_url="https://laden.example.org") as house:
        page = await house.stranger().get("/", Host="laden.example.org")
        assert 'rel="manifest"' in page.text


async def test_without_a_connection_the_phone_says_so_and_shows_nothing_it_saw(tmp_path: Path) -> None:
    async with chromium() as browser:
        context = await browser.new_context(locale="en-GB")
        page = await context.new_page()
        async with open_house(tmp_path) as house:
            furnished = await Furnished.of(house)
            await furnished.integration.live(free_stall(1))
            origin, cookies = furnished.phone.origin, furnished.phone.http.cookie_jar
            await context.add_cookies([{"name": one.key, "value": one.value, "url": origin} for one in cookies])
            await page.goto(origin)
            assert "Ada Larsen" in await page.content()
            await page.evaluate("() => navigator.serviceWorker.ready")
            kept = await page.evaluate(
                "async () => (await Promise.all((await caches.keys()).map(async (name) =>"
                " (await (await caches.open(name)).keys()).map((one) => new URL(one.url).pathname)))).flat()"
            )
            assert "/offline" in kept
            assert all(path == "/offline" or path.startswith("/static/") for path in kept)
        # The house is gone; the phone still has what it kept.
        for path in ("/", f"/s/{furnished.code}", "/sessions"):
            await page.goto(origin + path)
            text = await page.inner_text("main")
            assert "This phone does not reach the house right now." in text
            assert "Cards work as always" in text
            assert "Ada" not in await page.content()
