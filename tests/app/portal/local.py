"""A house whose portal has a public address of its own: `localhost`, where browsers make passkeys without TLS."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
import socket
from typing import Any

from tests.app.house import Browser, Clock, Furnished, House, open_house


@dataclass
class LocalHouse(House):
    """Browsers open the portal as http://localhost."""

    def browser(self, port: int, **headers: str) -> Browser:
        browser = super().browser(port, **headers)
        if port == self.app.portal_port:
            browser.origin = f"http://localhost:{port}"
        return browser


@asynccontextmanager
async def open_local(path: Path, clock: Clock | None = None, **settings: Any) -> AsyncIterator[Furnished]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    chosen = {"portal_port": port, "portal_url": f"http://localhost:{port}"} | settings
    async with open_house(path, clock, **chosen) as house:
        yield await Furnished.of(LocalHouse(app=house.app, clock=house.clock, http=house.http, _open=house._open))
