"""The go-e on the wire, spoken to by an independent HTTP client (connectors.md 2.2)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from demo.building import RunningBuilding, RunningStall
from demo.car import Car

from .conftest import Hands

type Get = Callable[[str], Awaitable[Any]]


@pytest.fixture
async def get(building: RunningBuilding) -> AsyncIterator[Get]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{building.stall('stall-3').port}") as session:

        async def fetch(path: str) -> Any:
            async with session.get(path) as answer:
                assert answer.status == 200
                return await answer.json()

        yield fetch


@pytest.fixture
def stall(building: RunningBuilding) -> RunningStall:
    return building.stall("stall-3")


async def test_the_filter_picks_keys_and_ignores_unknown_ones(get: Get) -> None:
    assert await get("/api/status?filter=sse,car,lri,nonsense") == {"sse": "200003", "car": 1}


async def test_without_a_filter_everything_comes(get: Get) -> None:
    assert {"car", "nrg", "eto", "wh", "trx", "modelStatus", "rbt"} <= set(await get("/api/status"))


async def test_a_charging_box_shows_what_flows(get: Get, stall: RunningStall, clock: Hands) -> None:
    stall.plug(Car(name="a", need_wh=20_000))
    clock.forward(60)
    status = await get("/api/status?filter=car,nrg,wh,eto,acu,alw,pnp")
    assert status["car"] == 2
    assert status["alw"] is True
    assert status["acu"] == 16
    assert status["pnp"] == 3
    assert status["nrg"][0:3] == [230, 230, 230]
    assert status["nrg"][4:7] == [16, 16, 16]
    assert status["nrg"][11] == 11_040
    assert len(status["nrg"]) == 16
    assert status["eto"] == stall.true_register_wh()
    assert status["eto"] - 411_000 == int(status["wh"])


async def test_force_off_stops_and_shows_complete(get: Get, stall: RunningStall, clock: Hands) -> None:
    stall.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    assert await get("/api/set?frc=1") == {"frc": True}
    clock.forward(5)
    status = await get("/api/status?filter=car,alw,modelStatus,acu,nrg")
    assert (status["car"], status["alw"], status["modelStatus"], status["acu"]) == (4, False, 4, 0)
    assert status["nrg"][11] == 0


async def test_access_control_waits_for_a_transaction_even_when_forced_on(
    get: Get, stall: RunningStall, clock: Hands
) -> None:
    assert await get("/api/set?acs=1&frc=2") == {"acs": True, "frc": True}
    stall.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    assert await get("/api/status?filter=car,alw,trx,modelStatus") == {
        "car": 3,
        "alw": False,
        "trx": None,
        "modelStatus": 2,
    }
    await get("/api/set?trx=0")
    clock.forward(30)
    assert await get("/api/status?filter=car,trx,modelStatus") == {"car": 2, "trx": 0, "modelStatus": 3}


async def test_the_transaction_ends_with_the_plug_and_the_force_state_stays(get: Get, stall: RunningStall) -> None:
    stall.plug(Car(name="a", need_wh=20_000))
    await get("/api/set?trx=0&frc=2")
    stall.unplug()
    assert await get("/api/status?filter=trx,frc,car") == {"trx": None, "frc": 2, "car": 1}


async def test_session_energy_is_that_of_the_car_that_is_connected(get: Get, stall: RunningStall, clock: Hands) -> None:
    stall.plug(Car(name="a", need_wh=500))
    clock.forward(900)
    stall.unplug()
    stall.plug(Car(name="b", need_wh=0))
    assert (await get("/api/status?filter=wh"))["wh"] == 0


async def test_one_phase_can_be_forced(get: Get, stall: RunningStall, clock: Hands) -> None:
    await get("/api/set?psm=1")
    stall.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    status = await get("/api/status?filter=nrg,pnp")
    assert (status["pnp"], status["nrg"][4:7], status["nrg"][11]) == (1, [16, 0, 0], 3680)


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("amp=5", {"amp": "value out of range"}),
        ("amp=33", {"amp": "value out of range"}),
        ("frc=3", {"frc": "value out of range"}),
        ("amp=%2216%22", {"amp": "value has the wrong type"}),
        ("amp=true", {"amp": "value has the wrong type"}),
        ("amp=null", {"amp": "value out of range"}),
        ("amp=sixteen", {"amp": "value is not valid JSON"}),
        ("eto=0", {"eto": "unknown or read-only key"}),
    ],
)
async def test_a_refused_value_is_answered_with_a_reason_and_changes_nothing(
    get: Get, query: str, answer: dict[str, str]
) -> None:
    before = await get("/api/status?filter=amp,frc,eto")
    assert await get(f"/api/set?{query}") == answer
    assert await get("/api/status?filter=amp,frc,eto") == before


async def test_one_bad_key_does_not_hold_back_the_others(get: Get) -> None:
    assert await get("/api/set?amp=99&frc=1") == {"amp": "value out of range", "frc": True}


async def test_a_restart_loses_the_force_state_but_access_control_keeps_it_closed(
    get: Get, building: RunningBuilding, stall: RunningStall, clock: Hands
) -> None:
    await get("/api/set?acs=1&frc=2&trx=0&amp=10")
    stall.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    await stall.reboot()
    with pytest.raises(aiohttp.ClientError):
        await get("/api/status")
    clock.forward(120)
    await building.tick()
    assert await get("/api/status?filter=frc,acs,trx,amp,rbc") == {"frc": 0, "acs": 1, "trx": None, "amp": 10, "rbc": 1}
    assert stall.power_w == 0


async def test_posting_is_not_allowed_and_other_pages_are_not_there(stall: RunningStall) -> None:
    url = f"http://127.0.0.1:{stall.port}"
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{url}/api/set?frc=2") as answer:
            assert answer.status == 405
        async with session.get(f"{url}/status") as answer:
            assert answer.status == 404
