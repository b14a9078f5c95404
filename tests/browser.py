"""A real Chromium for the end-to-end tests (Debian's package, driven by Playwright)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
import shutil

from playwright.async_api import Browser, BrowserContext, async_playwright, expect

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
# Playwright's own 5 s would judge a busy machine, not a page.
expect.set_options(timeout=30_000)
PICTURES = Path(__file__).resolve().parents[1] / "out" / "pictures"


@asynccontextmanager
async def chromium(*flags: str) -> AsyncIterator[Browser]:
    """Start the machine's browser, or Playwright's own where there is none; `flags` are more than the usual ones."""
    names = ("chromium", "google-chrome", "chromium-browser")
    path = next((found for name in names if (found := shutil.which(name))), None)
    PICTURES.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            await browser.close()


async def phone(browser: Browser, *, dark: bool = False) -> BrowserContext:
    """A resident's phone: its own cookies, a small screen."""
    return await browser.new_context(
        viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True, color_scheme="dark" if dark else "light"
    )


async def desk(browser: Browser, *, dark: bool = False) -> BrowserContext:
    """The manager's computer."""
    return await browser.new_context(viewport=DESK, color_scheme="dark" if dark else "light")
