"""V2C Trydan on the wire (connectors.yaml v2c_trydan)."""

from collections.abc import AsyncIterator

import pytest

from ..conftest import Hands
from .calls import Called, called


@pytest.fixture
async def trydan(clock: Hands) -> AsyncIterator[Called]:
    async with called("v2c_trydan", clock) as box:
        yield box


async def test_states_and_units(trydan: Called) -> None:
    assert (await trydan.get("/RealTimeData"))["ChargeState"] == 0
    await trydan.charge(1)
    assert (await trydan.get("/RealTimeData"))["ChargeState"] == 1
    await trydan.wait(599)
    data = await trydan.get("/RealTimeData")
    assert (data["ChargeState"], data["ChargePower"], data["IntensityMeasure_L1"]) == (2, 11_040, 16)
    # Session energy only, in kWh: ten minutes at 11.04 kW are about 1.8 kWh.
    assert 1.7 < data["ChargeEnergy"] < 1.84
    assert not {"TotalEnergy", "Energy"} & set(data)


async def test_a_single_phase_model_measures_no_phases(clock: Hands) -> None:
    async with called("v2c_trydan", clock, options={"three_phase_meter": False}) as trydan:
        assert "IntensityMeasure_L1" not in await trydan.get("/RealTimeData")


async def test_keys_are_written_one_by_one_and_answered_with_ok(trydan: Called) -> None:
    await trydan.charge()
    assert await trydan.ask("GET", "/write/Intensity=9") == (200, "OK")
    await trydan.wait(5)
    assert trydan.stand.offered_a == 9
    await trydan.ask("GET", "/write/Paused=1")
    await trydan.wait(10)
    data = await trydan.get("/RealTimeData")
    assert (data["Paused"], data["ChargeState"], trydan.stand.power_w) == (1, 1, 0)
    await trydan.ask("GET", "/write/Paused=0")
    await trydan.ask("GET", "/write/Locked=1")
    await trydan.wait(30)
    assert trydan.stand.power_w == 0


@pytest.mark.parametrize(
    "write", ["Intensity=5", "Intensity=33", "Intensity=6.5", "Paused=2", "ChargeState=2", "Paused"]
)
async def test_a_refused_write_does_not_say_ok_and_changes_nothing(trydan: Called, write: str) -> None:
    before = await trydan.get("/RealTimeData")
    assert await trydan.ask("GET", f"/write/{write}") == (200, "ERROR")
    assert await trydan.get("/RealTimeData") == before
    assert trydan.stand.commands == []


async def test_a_restart_ends_the_pause_and_keeps_the_lock(trydan: Called) -> None:
    await trydan.ask("GET", "/write/Paused=1")
    await trydan.ask("GET", "/write/Locked=1")
    await trydan.stand.reboot()
    await trydan.wait(60)
    data = await trydan.get("/RealTimeData")
    assert (data["Paused"], data["Locked"]) == (0, 1)


async def test_single_keys_can_be_read(trydan: Called) -> None:
    assert await trydan.ask("GET", "/read/Intensity") == (200, 32)
    assert (await trydan.ask("GET", "/read/Nonsense"))[0] == 404
