"""Every driver against the simulated building, over real Modbus and HTTP sockets on the loopback address.

The building is written from the same reference but shares no code with the drivers, so both must have read it alike.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
from modbus_connection import ModbusTcpParams, ModbusUnit
from modbus_connection.tmodbus import ModbusConnection
import pytest

from custom_components.evshare.connectors.contactor_parts import ContactorTimes
from custom_components.evshare.connectors.equipment import Equipment, equipped
from custom_components.evshare.connectors.factory import build_connector, load_profile, modbus_unit_ids
from custom_components.evshare.connectors.patience import PatientConnector
from custom_components.evshare.connectors.ports import Connector, ConnectorRefused, ConnectorUnreachable
from custom_components.evshare.connectors.settings import ConnectorSettings
from custom_components.evshare.model import Pilot
from demo.building import RunningBuilding, RunningStall
from demo.car import Car
from demo.connectors.tesla import Tesla
from demo.stalls import LINDENHOF

KEBA, ALFEN, GOE, TESLA = "stall-1", "stall-2", "stall-3", "stall-4"
UID = "04A2B3C4D5E680"


class DemoClock:
    """One time for building and drivers; a sleep moves both."""

    def __init__(self) -> None:
        self.at = datetime(2026, 6, 15, 16, 0, tzinfo=UTC)
        self.building: RunningBuilding | None = None

    def utcnow(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        if self.building is not None:
            await self.building.tick()


class Garage:
    """The simulated building and a connector for each of its stalls."""

    def __init__(self, building: RunningBuilding, clock: DemoClock, stack: AsyncExitStack) -> None:
        self.building = building
        self.clock = clock
        self._stack = stack

    async def connector(self, stall_id: str, **changes: object) -> Connector:
        stall = self.building.stall(stall_id)
        profile = load_profile(stall.plan.model.value)
        profile = replace(profile, transport=replace(profile.transport, gap_s=0))
        settings = replace(
            ConnectorSettings(host="127.0.0.1", port=stall.port, max_current_a=16),
            **changes,  # type: ignore[arg-type]
        )
        units: dict[int, ModbusUnit] = {}
        if profile.transport.is_modbus:
            link = ModbusConnection(ModbusTcpParams(host="127.0.0.1", port=settings.port or 0))
            self._stack.push_async_callback(link.close)
            units = {unit_id: link.for_unit(unit_id) for unit_id in modbus_unit_ids(profile, settings)}
        session = await self._stack.enter_async_context(aiohttp.ClientSession())
        tesla = stall_id == TESLA
        driver = build_connector(
            profile,
            settings,
            clock=self.clock,
            unit=next(iter(units.values()), None),
            other_units=units,
            session=session,
        )
        equipment = Equipment(
            contactor=Relay(stall, self.building) if tesla else None,
            times=ContactorTimes(reclose_after_s=0, settle_s=5),
            meter=FrontMeter(stall) if tesla else None,
        )
        return PatientConnector(equipped(driver, equipment, self.clock), self.clock)


class Relay:
    """The contactor of the Tesla stall."""

    def __init__(self, stall: RunningStall, building: RunningBuilding) -> None:
        assert isinstance(stall.wallbox, Tesla)
        self._tesla = stall.wallbox
        self._outlet = building.simulation.outlets[stall.plan.id]
        self._building = building

    def is_on(self) -> bool | None:
        return self._tesla.contactor_closed

    async def turn_on(self) -> None:
        self._tesla.switch_contactor(True, self._outlet)
        await self._building.tick()

    async def turn_off(self) -> None:
        self._tesla.switch_contactor(False, self._outlet)
        await self._building.tick()


class FrontMeter:
    """The meter in front of the Tesla stall."""

    serial = "meter-4"

    def __init__(self, stall: RunningStall) -> None:
        self._stall = stall

    def register_wh(self) -> int | None:
        return self._stall.true_register_wh()


@pytest.fixture
async def garage(socket_enabled: None) -> AsyncIterator[Garage]:
    clock = DemoClock()
    async with RunningBuilding(LINDENHOF, clock.utcnow) as building, AsyncExitStack() as stack:
        clock.building = building
        yield Garage(building, clock, stack)


@pytest.mark.parametrize("stall_id", [KEBA, ALFEN, GOE])
async def test_a_session_from_lock_to_lock(garage: Garage, stall_id: str) -> None:
    stall = garage.building.stall(stall_id)
    connector = await garage.connector(stall_id)
    assert (await connector.identify()).serial == stall.plan.serial
    await connector.prepare()
    assert (await connector.poll()).pilot is Pilot.A

    stall.plug(Car(name="Zoe", need_wh=20_000))
    await garage.clock.sleep(20)
    locked = await connector.poll()
    assert (locked.pilot, locked.enabled, locked.register_wh) == (Pilot.B, False, stall.true_register_wh())
    assert stall.offered_a == 0

    connector.set_failsafe_share(6)
    await connector.enable(10)
    for _ in range(30):  # a heartbeat every 20 s, as the building would
        await garage.clock.sleep(20)
        await connector.heartbeat()
    charging = await connector.poll()
    assert (charging.pilot, charging.enabled) == (Pilot.C, True)
    assert stall.offered_a == 10
    assert charging.power_w == pytest.approx(stall.power_w, abs=1)
    assert charging.register_wh == stall.true_register_wh()
    assert charging.register_wh is not None
    assert locked.register_wh is not None
    assert charging.register_wh - locked.register_wh > 1000

    await connector.set_limit(0)
    await garage.clock.sleep(20)
    assert (stall.offered_a, (await connector.poll()).power_w) == (0, 0)
    await connector.set_limit(8)
    await garage.clock.sleep(20)
    assert stall.offered_a == 8

    await connector.disable()
    await garage.clock.sleep(30)
    assert stall.offered_a == 0
    assert (await connector.poll()).enabled is False


async def test_a_keba_shows_the_first_four_bytes_of_a_card(garage: Garage) -> None:
    connector = await garage.connector(KEBA)
    assert (await connector.poll()).card_uid is None
    await garage.building.stall(KEBA).tap(UID)
    assert (await connector.poll()).card_uid == UID[:8]


async def test_a_keba_left_alone_closes_without_a_session_and_holds_its_share_with_one(garage: Garage) -> None:
    stall = garage.building.stall(KEBA)
    connector = await garage.connector(KEBA)
    await connector.prepare()
    stall.plug(Car(name="Zoe", need_wh=50_000))
    await garage.clock.sleep(300)
    assert stall.offered_a == 0
    connector.set_failsafe_share(8)
    await connector.enable(16)
    await garage.clock.sleep(300)
    assert stall.offered_a == 8
    await connector.disable()
    await garage.clock.sleep(300)
    assert stall.offered_a == 0


@pytest.mark.parametrize("stall_id", [KEBA, ALFEN])
async def test_a_rebooted_charger_that_opened_by_itself_is_seen_open(garage: Garage, stall_id: str) -> None:
    stall = garage.building.stall(stall_id)
    connector = await garage.connector(stall_id)
    await connector.prepare()
    assert (await connector.poll()).enabled is False
    await stall.reboot()
    with pytest.raises(ConnectorUnreachable):
        await connector.poll()
    await garage.clock.sleep(60)
    assert (await connector.poll()).enabled is True
    await connector.disable()
    assert (await connector.poll()).enabled is False


async def test_a_rebooted_go_e_stays_closed(garage: Garage) -> None:
    stall = garage.building.stall(GOE)
    connector = await garage.connector(GOE)
    await connector.prepare()
    await stall.reboot()
    await garage.clock.sleep(60)
    stall.plug(Car(name="Zoe", need_wh=20_000))
    await garage.clock.sleep(60)
    assert (await connector.poll()).enabled is False
    assert stall.offered_a == 0


async def test_a_go_e_closes_by_itself_when_the_car_leaves(garage: Garage) -> None:
    stall = garage.building.stall(GOE)
    connector = await garage.connector(GOE)
    await connector.prepare()
    stall.plug(Car(name="Zoe", need_wh=20_000))
    await connector.enable(16)
    await garage.clock.sleep(60)
    assert stall.offered_a == 16
    stall.unplug()
    stall.plug(Car(name="Stranger", need_wh=20_000))
    await garage.clock.sleep(60)
    assert stall.offered_a == 0


@pytest.mark.parametrize("stall_id", [KEBA, ALFEN])
async def test_a_wrong_unit_id_is_refused(garage: Garage, stall_id: str) -> None:
    connector = await garage.connector(stall_id, unit_id=7)
    with pytest.raises(ConnectorRefused, match=r"127\.0\.0\.1 unit 7: .*nobody answers to this unit id"):
        await connector.identify()


@pytest.mark.parametrize("stall_id", [KEBA, ALFEN, GOE])
async def test_a_stall_that_lost_its_network_is_unreachable_and_comes_back(garage: Garage, stall_id: str) -> None:
    connector = await garage.connector(stall_id)
    await connector.poll()
    await garage.building.drop(stall_id)
    with pytest.raises(ConnectorUnreachable):
        await connector.poll()
    await garage.building.restore(stall_id)
    assert (await connector.poll()).pilot is Pilot.A


async def test_a_tesla_behind_its_contactor(garage: Garage) -> None:
    stall = garage.building.stall(TESLA)
    connector = await garage.connector(TESLA)
    await connector.prepare()
    dark = await connector.poll()
    assert (dark.pilot, dark.power_w, dark.enabled) == (Pilot.X, 0, False)

    await connector.enable(16)
    assert (await connector.poll()).pilot is Pilot.X  # it boots
    await garage.clock.sleep(20)
    assert (await connector.poll()).pilot is Pilot.A
    stall.plug(Car(name="Model 3", need_wh=20_000))
    await garage.clock.sleep(600)
    charging = await connector.poll()
    assert (charging.pilot, charging.enabled) == (Pilot.C, True)
    assert charging.register_wh == stall.true_register_wh()
    assert charging.power_w == pytest.approx(stall.power_w, rel=0.02)
    assert (await connector.identify()).serial == stall.plan.serial

    await connector.disable()
    await garage.clock.sleep(60)
    left = await connector.poll()
    assert (left.pilot, left.power_w, left.fault) == (Pilot.X, 0, None)
    assert stall.offered_a == 0


async def test_invalid_json_never_disturbs_a_tesla_stall(garage: Garage) -> None:
    connector = await garage.connector(TESLA)
    await connector.enable(16)
    await garage.clock.sleep(20)
    for _ in range(60):
        assert (await connector.poll()).pilot is Pilot.A
