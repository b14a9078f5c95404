"""A clock moved by hand, and the running building on it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from demo.building import RunningBuilding
from demo.stalls import LINDENHOF


class Hands:
    """What time it is, until a test moves it."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Hands:
    return Hands(datetime(2026, 6, 15, 16, 0, tzinfo=UTC))


@pytest.fixture
async def building(clock: Hands) -> AsyncIterator[RunningBuilding]:
    async with RunningBuilding(LINDENHOF, clock) as running:
        yield running
