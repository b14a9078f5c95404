"""What every client test needs: a clock moved by hand, and host names that lead to a stand."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
import socket

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
import pytest

from demo.boxes.stand import Stand
from demo.car import Car


class Hands:
    """What time it is, until a test moves it."""

    def __init__(self) -> None:
        self.at = datetime(2026, 6, 15, 16, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Signpost(AbstractResolver):
    """Leads every host name, on whatever port, to one stand: for clients that know port 80 only."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host=self._stand.host, port=self._stand.port, family=socket.AF_INET, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        pass


def hungry(name: str = "car", *, max_a: int = 16) -> Car:
    """A car that will charge for hours."""
    return Car(name=name, need_wh=60_000, max_a=max_a)


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened
