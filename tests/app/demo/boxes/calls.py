"""A stand with an independent HTTP client before it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
import json
from typing import Any

import aiohttp

from demo.boxes.stand import Stand
from demo.car import Car

from ..conftest import Hands

HUNGRY_WH = 30_000


class Called:
    """A box, its clock, and requests on its real socket."""

    def __init__(self, stand: Stand, clock: Hands, session: aiohttp.ClientSession) -> None:
        self.stand = stand
        self.clock = clock
        self.session = session

    async def ask(self, method: str, path: str, **kwargs: Any) -> tuple[int, Any]:
        """Status and body of one request; the body parsed where it is JSON."""
        async with self.session.request(method, path, **kwargs) as answer:
            text = await answer.text()
            try:
                return answer.status, json.loads(text)
            except ValueError:
                return answer.status, text

    async def get(self, path: str, **kwargs: Any) -> Any:
        """The body of a GET that must succeed."""
        status, body = await self.ask("GET", path, **kwargs)
        assert status == 200, body
        return body

    async def post(self, path: str, value: object = None, **kwargs: Any) -> Any:
        """The body of a POST of JSON that must succeed."""
        status, body = await self.ask("POST", path, json=value, **kwargs)
        assert status in (200, 201), body
        return body

    async def wait(self, seconds: float) -> None:
        """Let time pass for the box."""
        self.clock.forward(seconds)
        await self.stand.tick()

    async def charge(self, seconds: float = 60, *, max_a: int = 16, phases: int = 3) -> None:
        """Plug a hungry car in and give it time."""
        self.stand.plug(Car(name="car", need_wh=HUNGRY_WH, max_a=max_a, phases=phases))
        await self.wait(seconds)


@asynccontextmanager
async def called(
    model: str,
    clock: Hands,
    *,
    options: Mapping[str, object] | None = None,
    rated_a: int = 32,
    register_start_wh: int = 137_000,
    headers: Mapping[str, str] | None = None,
    middlewares: tuple[Any, ...] = (),
) -> AsyncIterator[Called]:
    """Stand a model up and call on it."""
    stood = Stand(model, clock, options=options, rated_a=rated_a, register_start_wh=register_start_wh)
    async with (
        stood as stand,
        aiohttp.ClientSession(
            f"http://127.0.0.1:{stand.port}",
            headers=headers,
            middlewares=middlewares,
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            timeout=aiohttp.ClientTimeout(total=5),
        ) as session,
    ):
        yield Called(stand, clock, session)
