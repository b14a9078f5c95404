"""A central system on a real socket, boxes that call it, and a time that passes only by hand."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import json
import ssl
from typing import Any

import pytest

from custom_components.evshare.connectors.ocpp import Central, Claim, OcppConnector, OcppSettings
from custom_components.evshare.connectors.ocpp.door import Door
from custom_components.evshare.connectors.ocpp.doorstep import Crowd
from custom_components.evshare.model import CardAnswer, SessionId, SignedValue
from demo.boxes.ocpp_box import OcppBox
from demo.car import Car

START = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
IDENTITY, PASSWORD = "box-1", "correct-horse-battery"
ANNA, BEN, STRANGER = "04A2B3C4D5E680", "0411223344AA80", "04DEADBEEF0180"


class ManualClock:
    """Time stands still unless a test lets it pass."""

    def __init__(self) -> None:
        self.mono_s = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def utcnow(self) -> datetime:
        return START + timedelta(seconds=self.mono_s - 1000.0)

    def monotonic(self) -> float:
        return self.mono_s

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.mono_s + seconds, woken))
        await woken

    def passes(self, seconds: float) -> None:
        self.mono_s += seconds
        for due_mono_s, woken in self._sleepers:
            if due_mono_s <= self.mono_s and not woken.done():
                woken.set_result(None)
        self._sleepers = [sleeper for sleeper in self._sleepers if not sleeper[1].done()]


class Disk:
    """Keeps what a `Store` keeps, as a file would: as text."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.full = False
        self.saves = 0

    async def load(self) -> Mapping[str, Any] | None:
        return None if self.text is None else json.loads(self.text)

    async def save(self, content: Mapping[str, Any]) -> None:
        await asyncio.sleep(0)
        if self.full:
            raise OSError("no space left on device")
        self.text = json.dumps(content)
        self.saves += 1


@dataclass
class Stall:
    """Who is asked about cards (`ports.Watcher`)."""

    answers: dict[str, CardAnswer] = field(default_factory=dict)
    cards: list[str] = field(default_factory=list)
    stops: int = 0
    changes: int = 0
    session_id: SessionId | None = None
    evidence: list[tuple[SessionId, SignedValue]] = field(default_factory=list)

    def changed(self) -> None:
        self.changes += 1

    async def card(self, uid: str) -> CardAnswer:
        self.cards.append(uid)
        await asyncio.sleep(0)
        return self.answers.get(uid, CardAnswer.REFUSED)

    async def stopped(self) -> None:
        self.stops += 1

    async def signed(self, session_id: SessionId, value: SignedValue) -> None:
        await asyncio.sleep(0)
        self.evidence.append((session_id, value))


class Site:
    """A central system that listens, and what calls it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.disk = Disk()
        self.boxes: list[OcppBox] = []
        self.emptied = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._door: Door | None = None
        self._central: Central | None = None

    async def open(self, crowd: Crowd | None = None, tls: ssl.SSLContext | None = None) -> None:
        """Begin to listen, as after a start of Home Assistant."""
        self._central = Central(self.disk, self.clock, self._spawn, self._emptied)
        await self._central.load()
        self._door = Door(self._central, self.clock, crowd)
        await self._door.open("127.0.0.1", 0, tls)
        for box in self.boxes:
            box.url = self.url

    async def shut(self) -> None:
        """Stop listening, as at a stop of Home Assistant."""
        await self.central.close()
        assert self._door is not None
        await self._door.close(1.0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def central(self) -> Central:
        assert self._central is not None
        return self._central

    @property
    def port(self) -> int:
        assert self._door is not None
        return self._door.port

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp"

    def claim(self, identity: str = IDENTITY, password: str = PASSWORD, *, bare: bool = False) -> Claim:
        return self.central.claim(identity, password, bare=bare)

    def connector(
        self, point: int = 1, *, stall: Stall | None = None, bare: bool = False, **changes: Any
    ) -> OcppConnector:
        """A stall's connector; `stall` is asked about cards."""
        claim = self.claim(bare=bare)
        settings = OcppSettings(**{"point": point, "max_current_a": 16} | changes)
        connector = OcppConnector(claim.box, settings, self.clock, lambda: self.central.release(claim))
        if stall is not None:
            connector.watch(stall)
        return connector

    def box(self, **changes: Any) -> OcppBox:
        """A box on the wall, not connected yet."""
        settings: dict[str, Any] = {
            "url": self.url,
            "identity": IDENTITY,
            "password": PASSWORD,
            "now": self.clock.utcnow,
        }
        changed = changes.pop("changed", {})
        box = OcppBox(**settings | changes)
        box.configuration |= changed
        self.boxes.append(box)
        return box

    async def connected(self, **changes: Any) -> OcppBox:
        """A box that called and was set up."""
        box = self.box(**changes)
        await box.connect()
        await self.settles()
        return box

    async def settles(self) -> None:
        """Let everything be done that can be done now."""
        quiet = 0
        while quiet < 3:
            for box in self.boxes:
                await box.quiet()
            busy = [task for task in self._tasks if not task.done() and not _lasting(task)]
            quiet = 0 if busy else quiet + 1
            await asyncio.sleep(0.001)

    async def passes(self, seconds: int) -> None:
        """Let time go by, for everybody."""
        tick_s = 5 if seconds % 5 == 0 else 1
        for _ in range(seconds // tick_s):
            self.clock.passes(tick_s)
            for box in self.boxes:
                await box.tick()
            await self.settles()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.append(task)
        return task

    def _emptied(self) -> None:
        self.emptied += 1


def _lasting(task: asyncio.Task[None]) -> bool:
    return task.get_name().endswith((" answers", " lingers"))


@pytest.fixture
async def site(socket_enabled: None) -> AsyncIterator[Site]:
    site = Site()
    await site.open()
    yield site
    for box in site.boxes:
        await box.drop()
    await site.shut()


@pytest.fixture
def stall() -> Stall:
    """Anna and Ben are let in, whoever else comes is not."""
    return Stall({ANNA: CardAnswer.ACCEPTED, BEN: CardAnswer.ACCEPTED})


def car(need_wh: int = 40_000) -> Car:
    return Car(name="Anna's car", need_wh=need_wh)


def told(box: OcppBox, action: str) -> list[Any]:
    """What the box was told by one kind of command."""
    return [payload for name, payload in box.commands if name == action]


def answered(box: OcppBox, action: str) -> list[Any]:
    """What one kind of its own calls was answered with."""
    return [payload for name, payload in box.answers if name == action]


def limits(box: OcppBox) -> list[tuple[str, float]]:
    """Purpose and amperes of every profile the box was told."""
    profiles = [payload["csChargingProfiles"] for payload in told(box, "SetChargingProfile")]
    return [
        (profile["chargingProfilePurpose"], profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"])
        for profile in profiles
    ]
