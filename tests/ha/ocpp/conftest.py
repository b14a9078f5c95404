"""A building in Home Assistant whose walls carry OCPP boxes: real sockets, a clock of the tests' own."""

from collections.abc import AsyncIterator, Iterator
import json
from pathlib import Path
import socket
import sqlite3
from typing import Any

from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.evshare.access import fingerprints, normalise_uid
from custom_components.evshare.building.running import RunningBuilding
from custom_components.evshare.building.stall import RunningStall
from custom_components.evshare.model import ResidentId, StallId
from demo.boxes.ocpp_box import OcppBox
from demo.car import Car

from ..building.passing_time import Clock
from ..conftest import MakeEntry, resident

IDENTITY, PASSWORD = "box-1", "correct-horse-battery"
ANNA, STRANGER = "04A2B3C4D5E680", "04DEADBEEF0180"


@pytest.fixture
def clock(hass: HomeAssistant, socket_enabled: None) -> Iterator[Clock]:
    """Time stands still unless the test lets it pass."""
    with Clock(hass.loop).rules() as clock:
        yield clock


@pytest.fixture
def port(socket_enabled: None) -> int:
    """A port of this machine that is free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number


@pytest.fixture
def listening(hass_storage: dict[str, Any], port: int) -> int:
    """Where boxes call is set up already."""
    key = "evshare.ocpp_listener"
    settings = {"port": port, "address": "127.0.0.1", "certificate": None, "key": None}
    hass_storage[key] = {"version": 1, "minor_version": 1, "key": key, "data": settings}
    return port


def ocpp_data(**changes: Any) -> dict[str, Any]:
    """The settings of an OCPP stall, as the dialogue keeps them."""
    return {
        "connector": "ocpp16",
        "identity": IDENTITY,
        "point": 1,
        "password": PASSWORD,
        "no_subprotocol": False,
        "max_current_a": 16,
        "phase_map": [1, 2, 3],
        "contactor": None,
        "meter": None,
        "tag_reader": None,
        "serial": "OB-1001",
    } | changes


def ocpp_stall(subentry_id: str = "stall-1", title: str = "Stall 1", **changes: Any) -> ConfigSubentryDataWithId:
    """An OCPP stall as Home Assistant stores it."""
    data = ocpp_data(**changes)
    return ConfigSubentryDataWithId(
        data=data,
        subentry_type="stall",
        title=title,
        unique_id=f"stall:{data['serial']}:{data['point']}",
        subentry_id=subentry_id,
    )


class Garage:
    """A building with boxes, and what can be done to it from outside."""

    def __init__(self, hass: HomeAssistant, clock: Clock, port: int) -> None:
        self.hass = hass
        self.clock = clock
        self.port = port
        self.boxes: list[OcppBox] = []

    def box(self, **changes: Any) -> OcppBox:
        """A box on the wall, not connected yet."""
        settings: dict[str, Any] = {
            "url": f"ws://127.0.0.1:{self.port}/ocpp",
            "identity": IDENTITY,
            "password": PASSWORD,
            "now": lambda: self.clock.now,
        }
        box = OcppBox(**settings | changes)
        self.boxes.append(box)
        return box

    async def connected(self, **changes: Any) -> OcppBox:
        """A box that called and was set up."""
        box = self.box(**changes)
        await self.calls(box)
        return box

    async def calls(self, box: OcppBox, *, boot: bool = True) -> None:
        """Let a box call, and be set up."""
        await box.connect(boot=boot)
        await self.passes(15)

    async def passes(self, seconds: int) -> None:
        """Let time go by, for everybody."""
        for _ in range(seconds):
            await self.clock.passes(1)
            for box in self.boxes:
                await box.tick()
            await self.clock.settles()


@pytest.fixture
async def garage(hass: HomeAssistant, clock: Clock, listening: int) -> AsyncIterator[Garage]:
    garage = Garage(hass, clock, listening)
    yield garage
    for box in garage.boxes:
        await box.drop()


@pytest.fixture
def building(hass: HomeAssistant, make_entry: MakeEntry) -> MockConfigEntry:
    """A building with one OCPP stall and Anna, not set up."""
    return make_entry(ocpp_stall(), resident("anna", "Anna Alt"))


async def knows_card(entry: MockConfigEntry, uid: str = ANNA) -> None:
    """Anna's card was enrolled before."""
    running: RunningBuilding = entry.runtime_data
    journal = running.journal
    await journal.add_card(fingerprints(journal.card_key, normalise_uid(uid)), ResidentId("anna"), running.now().at)
    await running._door.load()


async def goes_up(garage: Garage, entry: MockConfigEntry) -> RunningStall:
    """Bring the building to life."""
    assert await garage.clock.during(garage.hass.config_entries.async_setup(entry.entry_id))
    await garage.clock.passes(1)
    return the_stall(entry)


def the_stall(entry: MockConfigEntry) -> RunningStall:
    """The first stall as it runs now."""
    running: RunningBuilding = entry.runtime_data
    return running.stalls[StallId("stall-1")]


def records(hass: HomeAssistant, entry: MockConfigEntry, *kinds: str) -> list[dict[str, Any]]:
    """Read what is on disk now, as another program would."""
    path = Path(hass.config.path("evshare", f"{entry.entry_id}.db"))
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = db.execute("SELECT kind, body FROM record ORDER BY rowid").fetchall()
    finally:
        db.close()
    return [{"kind": kind, **json.loads(body)} for kind, body in rows if not kinds or kind in kinds]


def car(need_wh: int = 40_000) -> Car:
    return Car(name="Anna's car", need_wh=need_wh)
