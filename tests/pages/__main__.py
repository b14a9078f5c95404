"""See `scripts/portal-check`. Prints a table; 1 when a page is heavy or axe finds something."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import logging
from pathlib import Path
import re
import sys
import tempfile
from typing import Literal

from playwright.async_api import Browser as Chromium
from playwright.async_api import BrowserContext, Page, Request, Response

from evshare_app.i18n import LANGUAGES
from tests.app.house import Browser, Furnished, open_house
from tests.browser import chromium

from . import axe
from .furniture import furnish, invite_a_craftsman, invite_a_guest
from .scenes import Scene, scenes

MOST_BYTES = 30_000
MOST_REQUESTS = 4
WIDTHS = (320, 390, 1280)
NOBODYS_MAIL_SERVER = {"smtp_host": "127.0.0.1", "smtp_port": 1, "smtp_tls": "none", "smtp_from": "house@example.org"}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@dataclass(kw_only=True)
class Result:
    """What a page weighs at first view, and what was found on it."""

    scene: Scene
    size: int
    requests: int
    findings: dict[str, list[str]] = field(default_factory=dict)
    """By what was found: where it was seen, such as ``320 dark``."""

    @property
    def good(self) -> bool:
        """Whether it is light, and nothing was found. The office is opened on a desk, by one person, in the house."""
        light = self.size <= MOST_BYTES and self.requests <= MOST_REQUESTS
        return not self.findings and (light or self.scene.role == "manager")


def main() -> int:
    """Look at all pages, or at those whose role or name has a word in it."""
    parser = argparse.ArgumentParser(prog="scripts/portal-check", description=__doc__)
    parser.add_argument("words", nargs="*", help="only pages whose role, name or address has one of these words")
    parser.add_argument("--pictures", type=Path, help="keep a picture of every page at every width there")
    parser.add_argument("--language", choices=LANGUAGES, default=LANGUAGES[0], help="in which everything is shown")
    arguments = parser.parse_args()
    script = axe.fetched()
    if script is None:
        sys.stderr.write("axe-core could not be fetched: npm is needed, and the npm registry.\n")
        return 2
    logging.disable(logging.WARNING)
    results = asyncio.run(_look_at_all(arguments.words, script.read_text(), arguments.pictures, arguments.language))
    _print(results)
    return 0 if results and all(one.good for one in results) else 1


async def _look_at_all(words: list[str], script: str, pictures: Path | None, language: str) -> list[Result]:
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        async with open_house(Path(folder), language=language, **NOBODYS_MAIL_SERVER) as house, chromium() as browser:
            furnished = await furnish(house, language)
            guest, craftsman = await invite_a_guest(furnished), await invite_a_craftsman(furnished)
            whose = {
                "manager": furnished.office,
                "resident": furnished.phone,
                "guest": guest,
                "craftsman": craftsman,
            }
            for scene in await scenes(furnished, guest):
                about = f"{scene.role} {scene.name} {scene.path}"
                if words and not any(word in about for word in words):
                    continue
                person = whose.get(scene.role) or house.stranger()
                results.append(await _look_at(browser, furnished, scene, person, script, pictures, language))
                sys.stderr.write(".")
                sys.stderr.flush()
    sys.stderr.write("\n")
    return results


async def _look_at(
    browser: Chromium,
    furnished: Furnished,
    scene: Scene,
    whose: Browser,
    script: str,
    pictures: Path | None,
    language: str,
) -> Result:
    await scene.prepare(furnished)
    async with _person(browser, whose, language) as context:
        page = await context.new_page()
        asked: list[Request] = []
        page.on("requestfinished", lambda request: asked.append(request))  # noqa: PLW0108 - it marks what it is given
        answer = await page.goto(whose.origin + scene.path, wait_until="load")
        if scene.sends:
            asked.clear()
            answer = await _send(page, scene)
        result = await _weighed(page, scene, asked)
        if answer is None or answer.status != scene.status:
            result.findings[f"it is answered {answer.status if answer else 'not at all'}"] = ["everywhere"]
            return result
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 844 if width < 1000 else 900})
            for scheme in SCHEMES:
                await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                for finding in await axe.findings(page, script):
                    result.findings.setdefault(finding, []).append(f"{width} {scheme}")
                if pictures is not None:
                    pictures.mkdir(parents=True, exist_ok=True)
                    name = re.sub(r"\W+", "-", f"{scene.role} {scene.name}").strip("-")
                    await page.screenshot(path=pictures / f"{name}-{width}-{scheme}.png", full_page=True)
    return result


async def _send(page: Page, scene: Scene) -> Response | None:
    """Fill in a form and send it as it is, whatever the browser would say to it."""
    fields = " ".join(f':has([name="{name}"])' for name in scene.typed).replace(" ", "")
    form = page.locator(f'form[action$="{scene.sends}"]{fields}')
    for name, value in scene.typed.items():
        await form.locator(f'[name="{name}"]').evaluate("(field, value) => { field.value = value; }", value)
    async with page.expect_navigation(wait_until="load") as sent:
        await form.evaluate("(form) => form.submit()")
    return await sent.value


@asynccontextmanager
async def _person(browser: Chromium, whose: Browser, language: str) -> AsyncIterator[BrowserContext]:
    """Open a browser with nothing kept but the cookies of somebody."""
    context = await browser.new_context(locale=f"{language}-DE", service_workers="block")
    await context.add_cookies(
        [{"name": one.key, "value": one.value, "url": whose.origin} for one in whose.http.cookie_jar]
    )
    try:
        yield context
    finally:
        await context.close()


async def _weighed(page: Page, scene: Scene, asked: list[Request]) -> Result:
    size = 0
    for request in asked:
        sizes = await request.sizes()
        size += sizes["responseBodySize"]
    # Chromium without a window fetches no manifest; one with a window does.
    manifests = await page.locator("link[rel=manifest]").count()
    return Result(scene=scene, size=size, requests=len(asked) + manifests)


def _print(results: list[Result]) -> None:
    width = max((len(one.scene.name) for one in results), default=0)
    say = sys.stdout.write
    widths = ", ".join(map(str, WIDTHS))
    say(f"{'who':9} {'page':{width}} {'bytes':>7} {'requests':>8}  axe, at {widths} px, light and dark\n")
    for one in results:
        found = len(one.findings)
        mark = "" if one.good else "  <--"
        say(f"{one.scene.role:9} {one.scene.name:{width}} {one.size:7} {one.requests:8}  {found}{mark}\n")
        for finding, where in one.findings.items():
            say(f"{'':10}{finding} ({', '.join(where)})\n")
    bad = sum(not one.good for one in results)
    say(f"{len(results)} pages, {bad} with something to mend; a page of the portal has at most ")
    say(f"{MOST_BYTES} bytes and {MOST_REQUESTS} requests\n")


if __name__ == "__main__":
    raise SystemExit(main())
