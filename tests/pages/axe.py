"""axe-core, which finds what keeps people with disabilities out of a page. Fetched once, kept in the cache folder."""

import hashlib
import os
from pathlib import Path
import subprocess
import tarfile
import tempfile
from typing import Any

from playwright.async_api import Page

VERSION = "4.14.1"
_SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
"""Of the package as npm keeps it."""
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def kept() -> Path:
    """Return where the script is kept between runs."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "evshare" / f"axe-core-{VERSION}" / "axe.min.js"


def fetched() -> Path | None:
    """Return the script, fetching it with npm the first time; None where it cannot be had."""
    path = kept()
    if path.exists():
        return path
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(
                ["npm", "pack", "--silent", f"axe-core@{VERSION}"],
                cwd=folder,
                check=True,
                timeout=120,
                stdout=subprocess.DEVNULL,
            )
        except OSError, subprocess.SubprocessError:
            return None
        package = Path(folder) / f"axe-core-{VERSION}.tgz"
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        if digest != _SHA256:
            msg = f"axe-core {VERSION}: its package has SHA-256 {digest}, accepted is {_SHA256}"
            raise ValueError(msg)
        with tarfile.open(package) as packed:
            script = packed.extractfile("package/axe.min.js")
            assert script is not None
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(script.read())
    return path


async def findings(page: Page, script: str) -> list[str]:
    """Return what is wrong with a page as it stands: the rule, and up to three places."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(script)
    found: list[dict[str, Any]] = await page.evaluate(
        "async (tags) => (await axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']}))"
        ".violations.map(({id, nodes}) => ({id, at: nodes.slice(0, 3).map((node) => node.target.join(' '))}))",
        list(_RULES),
    )
    wide = await page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    told = [f"{one['id']}: {', '.join(one['at'])}" for one in found]
    return [*told, f"reflow: {wide} px wider than the screen"] if wide > 0 else told
