"""A simulated Tesla Wall Connector Gen 3 that asks our meter, over real sockets or a pseudo terminal.

One clock for wall connector, car and drivers; a second passes only when a test says so.
"""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
import socket

import aiohttp
import pytest

from custom_components.evshare.connectors.contactor_parts import ContactorTimes
from custom_components.evshare.connectors.equipment import Equipment, equipped
from custom_components.evshare.connectors.factory import build_connector, load_profile
from custom_components.evshare.connectors.patience import PatientConnector
from custom_components.evshare.connectors.ports import Connector
from custom_components.evshare.connectors.settings import ConnectorSettings
from custom_components.evshare.connectors.twc_meter.line import Line, TcpLine
from custom_components.evshare.connectors.twc_meter.meter import EmulatedMeter
from custom_components.evshare.model import Reading
from demo.boxes.twc_master import MeteredTesla, TcpWire, TwcMaster
from demo.car import Car
from demo.connectors.tesla import http_handler
from demo.doors import HttpDoor
from demo.physics import Outlet
from demo.stalls import Place

LIMIT_A = 32
POLL_S = 5
"""Reference 1.1: vitals every 5 s while plugged."""


class Street:
    """The stall: wall connector, car, contactor if there is one, and the time in which they live."""

    def __init__(self, *, contactor: bool, counts_itself: bool = False) -> None:
        self.at = datetime(2026, 6, 15, 16, 0, tzinfo=UTC)
        self.outlet = Outlet(plan=Place(id="stall-4", name="Tesla", serial="PGT00000000001"))
        self.port = _free_port()
        self.wire = TcpWire("127.0.0.1", self.port)
        self.master = TwcMaster(self.wire, conductor_limit_a=LIMIT_A, counts_itself=counts_itself)
        self.tesla = MeteredTesla(self.outlet.plan, self.master, contactor=contactor)
        self.door = HttpDoor(http_handler(self.tesla, self.outlet, lambda: None))
        self.switched: list[str] = []
        self.plugged_line = True
        """Whether the RS485 line is connected at all."""

    # the clock

    def utcnow(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.at += timedelta(seconds=1)
            if self.plugged_line:
                await self.tesla.live(self.outlet)
            else:
                self.outlet.second(self.tesla)
            await (self.door.open() if self.tesla.reachable_in_s == 0 else self.door.shut())

    # the contactor

    def is_on(self) -> bool | None:
        return self.tesla.contactor_closed

    async def turn_on(self) -> None:
        self.switched.append("on")
        self.tesla.switch_contactor(True, self.outlet)

    async def turn_off(self) -> None:
        self.switched.append("off")
        self.tesla.switch_contactor(False, self.outlet)
        await self.door.shut()

    # the car

    def plug(self, *, need_wh: int = 60_000, max_a: int = 32) -> None:
        self.outlet.plug(Car(name="Model 3", need_wh=need_wh, max_a=max_a), self.tesla)

    @property
    def drawn_a(self) -> float:
        """What truly flows on the fullest phase."""
        return max(self.outlet.currents_ma) / 1000

    @property
    def delivered_wh(self) -> int:
        return self.outlet.delivered_mws // 3_600_000


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class FrontMeter:
    """An energy meter in front of the stall."""

    serial = "front-meter"

    def __init__(self, street: Street) -> None:
        self._street = street

    def register_wh(self) -> int | None:
        return self._street.outlet.register_wh


class Stall:
    """The real drivers on the street."""

    def __init__(self, street: Street, meter: EmulatedMeter, gate: Connector) -> None:
        self.street = street
        self.meter = meter
        self.gate = gate
        self.connector = PatientConnector(gate, street)
        self.readings: list[Reading] = []

    async def passes(self, seconds: int) -> Reading:
        """Time passes; the stall is polled as it would be."""
        for _ in range(0, seconds, POLL_S):
            await self.street.sleep(POLL_S)
            self.readings.append(await self.connector.poll())
        return self.readings[-1]


type Build = Callable[..., Stall]


@pytest.fixture
async def build(socket_enabled: None) -> AsyncIterator[Build]:
    """Builds stalls and takes them down."""
    stalls: list[Stall] = []
    session = aiohttp.ClientSession()

    def stall(
        *,
        contactor: bool = False,
        counts_itself: bool = False,
        throttled: bool = True,
        line: Line | None = None,
        limit_a: int = LIMIT_A,
    ) -> Stall:
        street = Street(contactor=contactor, counts_itself=counts_itself)
        meter = EmulatedMeter(
            TcpLine(street.port, "127.0.0.1") if line is None else line,
            street,
            conductor_limit_a=limit_a,
        )
        settings = ConnectorSettings(host="127.0.0.1", port=street.door.port, max_current_a=32)
        driver = build_connector(load_profile("tesla_twc3"), settings, clock=street, session=session)
        equipment = Equipment(
            throttle=meter if throttled else None,
            contactor=street if contactor else None,
            times=ContactorTimes(),
            meter=FrontMeter(street),
        )
        if not throttled:
            street.master.offered_a = 32
            street.plugged_line = False
        stalls.append(Stall(street, meter, equipped(driver, equipment, street)))
        return stalls[-1]

    yield stall
    for built in stalls:
        await built.connector.close()
        built.street.wire.hang_up()
        await built.street.door.shut()
        built.street.door.give_up()
    await session.close()


@pytest.fixture
async def stall(build: Build) -> Stall:
    """Straight on the mains, up and running."""
    stall = build()
    await stall.street.sleep(1)
    return stall


@pytest.fixture
async def behind_contactor(build: Build) -> Stall:
    """Behind a contactor that is open."""
    return build(contactor=True)
