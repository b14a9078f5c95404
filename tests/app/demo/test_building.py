"""The running building: doors, losses, readers, and truth for a checker."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from demo.building import RunningBuilding
from demo.car import Car
from demo.readers import ReaderUnheard
from demo.stalls import LINDENHOF, BuildingPlan, Model, stalls_of

from .conftest import Hands


async def answers(port: int) -> bool:
    try:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


async def test_every_device_has_its_own_port_on_loopback(building: RunningBuilding) -> None:
    ports = building.ports
    assert set(ports) == {"board", "stall-1", "stall-2", "stall-3", "stall-4", "stall-5"}
    assert len(set(ports.values())) == 6
    dark = {name for name, port in ports.items() if not await answers(port)}
    assert dark == {"stall-4"}


async def test_ports_of_an_earlier_run_are_kept(clock: Hands) -> None:
    async with RunningBuilding(LINDENHOF, clock) as first:
        ports = first.ports
    async with RunningBuilding(LINDENHOF, clock, ports=ports) as second:
        assert second.ports == ports
        assert await answers(ports["stall-1"])


async def test_a_port_in_use_is_an_error(building: RunningBuilding, clock: Hands) -> None:
    with pytest.raises(OSError, match="in use"):
        RunningBuilding(LINDENHOF, clock, ports={"stall-1": building.ports["stall-1"]})


async def test_a_closed_building_refuses_everyone(clock: Hands) -> None:
    async with RunningBuilding(LINDENHOF, clock) as building:
        ports = building.ports
    assert not any([await answers(port) for port in ports.values()])


@pytest.mark.parametrize("stall_id", ["stall-1", "stall-3"])
async def test_a_dropped_stall_is_unreachable_but_its_car_goes_on(
    building: RunningBuilding, clock: Hands, stall_id: str
) -> None:
    stall = building.stall(stall_id)
    stall.plug(Car(name="a", need_wh=20_000))
    port = stall.port
    await building.drop(stall_id)
    assert not await answers(port)
    clock.forward(600)
    assert stall.power_w > 0
    await building.restore(stall_id)
    assert stall.port == port
    assert await answers(port)


async def test_dropping_ends_connections_that_are_open(building: RunningBuilding) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", building.stall("stall-1").port)
    writer.write(bytes.fromhex("0001 0000 0006 ff 03 03e8 0002"))  # FC3, register 1000, two words
    assert await reader.readexactly(13) == bytes.fromhex("0001 0000 0007 ff 03 04 00000001")
    await building.drop("stall-1")
    assert await reader.read() == b""
    writer.close()


async def test_a_rebooting_stall_comes_back_where_it_was(building: RunningBuilding, clock: Hands) -> None:
    stall = building.stall("stall-1")
    port = stall.port
    await stall.reboot()
    assert not await answers(port)
    clock.forward(20)
    await building.tick()
    assert await answers(port)


async def test_a_dropped_stall_stays_dark_through_a_reboot(building: RunningBuilding, clock: Hands) -> None:
    await building.drop("stall-1")
    await building.stall("stall-1").reboot()
    clock.forward(60)
    await building.tick()
    assert not await answers(building.ports["stall-1"])


async def test_energy_is_measured_from_a_mark_whatever_the_register_does(
    building: RunningBuilding, clock: Hands
) -> None:
    stall = building.stall("stall-1")
    mark = stall.mark()
    stall.plug(Car(name="a", need_wh=2_000))
    clock.forward(300)
    stall.reset_register()
    clock.forward(3600)
    assert stall.delivered_wh_since(mark) == 2_000
    (before, after) = stall.register_epochs()
    assert before[0] == 137_000
    assert after == (0, stall.true_register_wh())


async def test_a_listener_hears_the_commands_a_stall_accepts(building: RunningBuilding) -> None:
    heard: list[tuple[str, str, float]] = []

    def hear(stall_id: str, what: str, value: float) -> None:
        heard.append((stall_id, what, value))

    for stall in building.stalls:
        stall.on_command(partial(hear, stall.plan.id))
    for stall_id, frame in (
        ("stall-1", "0001 0000 0006 ff 06 1396 0001"),  # FC6, register 5014, 1
        ("stall-1", "0001 0000 0006 ff 06 1396 0007"),  # refused
        ("stall-2", "0001 0000 000b 01 10 04ba 0002 04 4120 0000"),  # FC16, register 1210, 10.0
        ("board", "0001 0000 0006 01 05 0000 ff00"),  # FC5, coil 0 on
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", building.ports[stall_id])
        writer.write(bytes.fromhex(frame))
        await reader.read(9)
        writer.close()
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{building.ports['stall-3']}") as session,
        session.get("/api/set?frc=2&amp=99"),
    ):
        pass
    assert heard == [
        ("stall-1", "5014", 1),
        ("stall-2", "1210", 10),
        ("stall-4", "contactor", 1),
        ("stall-3", "frc", 2),
    ]


async def test_an_unknown_stall_is_named(building: RunningBuilding) -> None:
    with pytest.raises(KeyError, match="no stall 'stall-9'; the building has stall-1, stall-2"):
        building.stall("stall-9")


async def test_eight_stalls_can_stand_up(clock: Hands) -> None:
    plan = BuildingPlan(stalls=stalls_of([Model.KEBA_P30] * 3 + [Model.ALFEN_EVE] * 3 + [Model.TESLA_TWC3] * 2))
    async with RunningBuilding(plan, clock) as building:
        assert len(building.ports) == 9
        assert building.home_assistant_yaml().count("write_type: coil") == 2


class HomeAssistant:
    """Answers webhooks like Home Assistant with the demo's integration."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.posted: list[tuple[str, object]] = []

    async def webhook(self, request: web.Request) -> web.Response:
        webhook_id = request.match_info["webhook_id"]
        if webhook_id not in self.known:
            return web.Response(status=200)
        self.posted.append((webhook_id, await request.json()))
        return web.Response(status=202)


@pytest.fixture
async def home_assistant(building: RunningBuilding) -> AsyncIterator[HomeAssistant]:
    double = HomeAssistant()
    app = web.Application()
    app.router.add_post("/api/webhook/{webhook_id}", double.webhook)
    async with TestServer(app) as server:
        building.home_assistant_url = str(server.make_url("/"))
        yield double


async def test_a_reader_on_the_wall_posts_to_its_own_webhook(
    building: RunningBuilding, home_assistant: HomeAssistant
) -> None:
    reader = building.stall("stall-2").reader
    assert reader is not None
    home_assistant.known = {reader.webhook_id}
    await building.stall("stall-2").tap("04a2241b5c6780")
    assert home_assistant.posted == [(reader.webhook_id, {"uid": "04A2241B5C6780"})]


async def test_a_reader_home_assistant_does_not_know_is_unheard(
    building: RunningBuilding, home_assistant: HomeAssistant
) -> None:
    with pytest.raises(ReaderUnheard, match="does not know it"):
        await building.stall("stall-3").tap("04A2241B")


async def test_a_tap_while_home_assistant_is_down_is_unheard(building: RunningBuilding) -> None:
    building.home_assistant_url = f"http://127.0.0.1:{building.ports['stall-4']}"  # dark
    with pytest.raises(ReaderUnheard, match="does not answer"):
        await building.stall("stall-3").tap("04A2241B")


async def test_a_reader_needs_to_know_where_home_assistant_is(building: RunningBuilding) -> None:
    with pytest.raises(ValueError, match="home_assistant_url: not set"):
        await building.stall("stall-3").tap("04A2241B")


async def test_readers_are_listed_for_home_assistant_with_unguessable_webhooks(building: RunningBuilding) -> None:
    yaml = building.home_assistant_yaml()
    assert set(building.readers) == {"stall-2", "stall-3", "stall-4"}
    for reader in building.readers.values():
        assert len(bytes.fromhex(reader.webhook_id)) == 32
        assert f"webhook_id: {reader.webhook_id}" in yaml
