"""The Tesla behind its contactor, and the board that meters it, on the wire (connectors.md 1.1-1.5)."""

import asyncio
from collections.abc import AsyncIterator
import json
from typing import Any

import aiohttp
from pymodbus.client import AsyncModbusTcpClient
import pytest

from demo.building import RunningBuilding, RunningStall
from demo.car import Car
from demo.connectors.tesla import Tesla
from demo.meters import home_assistant_yaml
from demo.stalls import LINDENHOF, BuildingPlan, Model, stalls_of

from .conftest import Hands

FLOAT32 = AsyncModbusTcpClient.DATATYPE.FLOAT32
UINT32 = AsyncModbusTcpClient.DATATYPE.UINT32
UINT64 = AsyncModbusTcpClient.DATATYPE.UINT64


@pytest.fixture
async def board(building: RunningBuilding) -> AsyncIterator[AsyncModbusTcpClient]:
    client = AsyncModbusTcpClient("127.0.0.1", port=building.ports["board"])
    await client.connect()
    yield client
    client.close()


@pytest.fixture
def stall(building: RunningBuilding) -> RunningStall:
    return building.stall("stall-4")


async def read(board: AsyncModbusTcpClient, address: int, kind: AsyncModbusTcpClient.DATATYPE) -> float:
    answer = await board.read_holding_registers(address, count=kind.value[1], device_id=1)
    value = board.convert_from_registers(answer.registers, kind)
    assert isinstance(value, int | float)
    return value


async def switch(board: AsyncModbusTcpClient, closed: bool) -> None:
    assert not (await board.write_coil(0, closed, device_id=1)).isError()


async def powered(board: AsyncModbusTcpClient, building: RunningBuilding, clock: Hands) -> None:
    """Close the contactor and wait out the boot."""
    await switch(board, True)
    clock.forward(20)
    await building.tick()


async def page(stall: RunningStall, path: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{stall.port}{path}") as answer:
        assert answer.status == 200
        return await answer.text()


async def sound(stall: RunningStall, path: str) -> Any:
    """The first answer that is valid JSON."""
    for _ in range(30):
        try:
            return json.loads(await page(stall, path))
        except ValueError:
            continue
    pytest.fail("never valid")


async def refuses(stall: RunningStall) -> bool:
    try:
        _reader, writer = await asyncio.open_connection("127.0.0.1", stall.port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def test_it_is_dark_until_the_contactor_closes_and_it_has_booted(
    board: AsyncModbusTcpClient, building: RunningBuilding, stall: RunningStall, clock: Hands
) -> None:
    assert await refuses(stall)
    await switch(board, True)
    clock.forward(7)
    await building.tick()
    assert await refuses(stall)
    clock.forward(1)
    await building.tick()
    assert (await sound(stall, "/api/1/vitals"))["evse_state"] == 0
    clock.forward(5)
    assert (await sound(stall, "/api/1/vitals"))["evse_state"] == 1
    await switch(board, False)
    await building.tick()
    assert await refuses(stall)


async def test_it_charges_anyone_once_it_has_power(
    board: AsyncModbusTcpClient, building: RunningBuilding, stall: RunningStall, clock: Hands
) -> None:
    stall.plug(Car(name="a", need_wh=20_000))
    clock.forward(60)
    assert stall.power_w == 0
    await powered(board, building, clock)
    clock.forward(30)
    vitals = await sound(stall, "/api/1/vitals")
    assert (vitals["evse_state"], vitals["contactor_closed"], vitals["vehicle_connected"]) == (11, True, True)
    assert vitals["currentB_a"] == pytest.approx(16, abs=0.4)
    assert stall.power_w == 11_040


async def test_the_board_meters_what_it_draws(
    board: AsyncModbusTcpClient, building: RunningBuilding, stall: RunningStall, clock: Hands
) -> None:
    assert await read(board, 100, UINT32) == 548_000
    stall.plug(Car(name="a", need_wh=20_000))
    await powered(board, building, clock)
    clock.forward(30)
    before = await read(board, 100, UINT32)
    clock.forward(3600)
    assert await read(board, 100, UINT32) == before + 11_040  # 3 x 16 A x 230 V for an hour
    assert await read(board, 100, UINT32) == stall.true_register_wh()
    assert await read(board, 102, FLOAT32) == 11_040


async def test_opening_under_load_cuts_the_car_off_and_is_remembered(
    board: AsyncModbusTcpClient, building: RunningBuilding, stall: RunningStall, clock: Hands
) -> None:
    stall.plug(Car(name="a", need_wh=20_000))
    await powered(board, building, clock)
    clock.forward(30)
    await switch(board, False)
    clock.forward(1)
    assert stall.power_w == 0
    assert isinstance(stall.wallbox, Tesla)
    assert stall.wallbox.openings_under_load == 1


async def test_session_energy_stays_after_unplugging_and_begins_anew_with_the_next_car(
    board: AsyncModbusTcpClient, building: RunningBuilding, stall: RunningStall, clock: Hands
) -> None:
    await powered(board, building, clock)
    stall.plug(Car(name="a", need_wh=1_000))
    clock.forward(1800)
    stall.unplug()
    clock.forward(60)
    assert (await sound(stall, "/api/1/vitals"))["session_energy_wh"] == pytest.approx(1_000, abs=10)
    stall.plug(Car(name="b", need_wh=0))
    clock.forward(5)
    vitals = await sound(stall, "/api/1/vitals")
    assert (vitals["session_energy_wh"], vitals["evse_state"]) == (0, 9)


async def test_losing_power_loses_the_session_values(
    board: AsyncModbusTcpClient, building: RunningBuilding, stall: RunningStall, clock: Hands
) -> None:
    await powered(board, building, clock)
    stall.plug(Car(name="a", need_wh=1_000))
    clock.forward(1800)
    await switch(board, False)
    clock.forward(5)
    await powered(board, building, clock)
    vitals = await sound(stall, "/api/1/vitals")
    assert vitals["session_energy_wh"] == 0
    assert vitals["uptime_s"] == 20


async def test_the_lifetime_counter_creeps_while_nobody_charges(
    board: AsyncModbusTcpClient, building: RunningBuilding, stall: RunningStall, clock: Hands
) -> None:
    await powered(board, building, clock)
    before = (await sound(stall, "/api/1/lifetime"))["energy_wh"]
    clock.forward(9 * 3600)
    assert (await sound(stall, "/api/1/lifetime"))["energy_wh"] == before + 60
    assert stall.true_register_wh() == 548_000


async def test_now_and_then_its_json_is_broken_in_the_two_known_ways(
    board: AsyncModbusTcpClient, building: RunningBuilding, stall: RunningStall, clock: Hands
) -> None:
    await powered(board, building, clock)
    bodies = [await page(stall, "/api/1/lifetime") for _ in range(80)]
    broken = [body for body in bodies if not body.endswith("}") or ":nan" in body]
    assert 3 < len(broken) < 25
    assert any(':nan,"' in body for body in broken)
    assert any(not body.endswith("}") for body in broken)
    for body in broken:
        repaired = body.replace(":nan", ":null")
        json.loads(repaired if repaired.endswith("}") else repaired + "}")


async def test_it_names_itself(
    board: AsyncModbusTcpClient, building: RunningBuilding, stall: RunningStall, clock: Hands
) -> None:
    await powered(board, building, clock)
    assert (await sound(stall, "/api/1/version"))["serial_number"] == "PGT00000000004"
    assert (await sound(stall, "/api/1/wifi_status"))["wifi_ssid"] == "Q29uZG9OZXQ="


async def test_nothing_is_writable(
    board: AsyncModbusTcpClient, building: RunningBuilding, stall: RunningStall, clock: Hands
) -> None:
    await powered(board, building, clock)
    async with aiohttp.ClientSession() as session:
        async with session.post(f"http://127.0.0.1:{stall.port}/api/1/vitals") as answer:
            assert answer.status == 405
        async with session.get(f"http://127.0.0.1:{stall.port}/api/1/config") as answer:
            assert answer.status == 404


async def test_the_auxiliary_contact_follows_the_coil(board: AsyncModbusTcpClient) -> None:
    for closed in (True, False):
        await switch(board, closed)
        assert (await board.read_coils(0, count=1, device_id=1)).bits[0] is closed
        assert (await board.read_discrete_inputs(0, count=1, device_id=1)).bits[0] is closed


async def test_a_coil_without_contactor_is_not_there(board: AsyncModbusTcpClient) -> None:
    assert (await board.write_coil(1, True, device_id=1)).exception_code == 2
    assert (await board.read_coils(32, count=1, device_id=1)).exception_code == 2


async def test_meters_take_no_values_and_other_units_are_not_there(board: AsyncModbusTcpClient) -> None:
    assert (await board.write_register(0, 1, device_id=1)).exception_code == 2
    assert (await board.read_holding_registers(0, count=2, device_id=7)).exception_code == 0x0B
    assert (await board.read_holding_registers(108, count=2, device_id=1)).exception_code == 2


async def test_the_feeder_is_metered_with_its_sign(clock: Hands) -> None:
    plan = BuildingPlan(stalls=stalls_of([Model.KEBA_P30]), house_w=0, cloudiness=0)
    clock.at = clock.at.replace(hour=11)  # about solar noon in Berlin
    async with RunningBuilding(plan, clock) as building:
        client = AsyncModbusTcpClient("127.0.0.1", port=building.ports["board"])
        await client.connect()
        grid_w, sun_w = await read(client, 0, FLOAT32), await read(client, 8, FLOAT32)
        l1_a = await read(client, 2, FLOAT32)
        assert sun_w > 20_000
        assert grid_w == pytest.approx(-sun_w)
        assert l1_a == pytest.approx(-sun_w / 3 / 230, rel=1e-3)
        clock.forward(3600)
        assert await read(client, 14, UINT64) == pytest.approx(sun_w, rel=0.05)
        assert await read(client, 10, UINT64) == 0
        client.close()


async def test_the_battery_is_metered_both_ways(clock: Hands) -> None:
    plan = BuildingPlan(stalls=stalls_of([Model.KEBA_P30]), house_w=1_000, cloudiness=0, battery_wh=12_000)
    clock.at = clock.at.replace(hour=11)
    async with RunningBuilding(plan, clock) as building:
        client = AsyncModbusTcpClient("127.0.0.1", port=building.ports["board"])
        await client.connect()
        # It is half full and keeps 92 of 100: 6000 Wh more are 6522 out of the sun, at 5000 W.
        assert await read(client, 30, FLOAT32) == -5_000
        clock.forward(3600)
        assert await read(client, 22, UINT64) == pytest.approx(5_000, abs=3)
        clock.forward(3600)
        assert await read(client, 22, UINT64) == pytest.approx(6_522, abs=3)
        assert (await read(client, 26, UINT64), await read(client, 30, FLOAT32)) == (0, 0)
        client.close()


def test_home_assistant_is_told_about_every_meter_and_contactor() -> None:
    yaml = home_assistant_yaml(LINDENHOF, 5020)
    assert yaml.count("unique_id: lindenhof_") == 14
    assert "    port: 5020\n" in yaml
    assert "      - name: Lindenhof stall 4 contactor\n        unique_id: lindenhof_stall_4_contactor\n" in yaml


def test_a_building_without_contactors_has_no_switches() -> None:
    assert "switches" not in home_assistant_yaml(BuildingPlan(stalls=stalls_of([Model.KEBA_P30])), 5020)
