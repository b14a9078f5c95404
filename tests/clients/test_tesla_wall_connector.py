"""PyPI `tesla-wall-connector` sees what is played at the simulated Tesla Gen 3; it can command nothing."""

import aiohttp
import pytest
from tesla_wall_connector import WallConnector

from demo.boxes.stand import Stand

from .conftest import Hands, hungry


async def test_it_sees_plug_charge_and_energy(clock: Hands, session: aiohttp.ClientSession) -> None:
    async with Stand("tesla_twc3", clock, serial="PGT00000000077", rated_a=16) as stand:
        client = WallConnector(f"{stand.host}:{stand.port}", session=session)
        assert (await client.async_get_version()).serial_number == "PGT00000000077"
        clock.forward(30)
        vitals = await client.async_get_vitals()
        assert (vitals.vehicle_connected, vitals.contactor_closed, vitals.evse_state) == (False, False, 1)
        before_wh = (await client.async_get_lifetime()).energy_wh
        mark = stand.mark()
        stand.plug(hungry())
        clock.forward(600)
        vitals = await client.async_get_vitals()
        assert (vitals.vehicle_connected, vitals.contactor_closed, vitals.evse_state) == (True, True, 11)
        assert [round(amps) for amps in (vitals.currentA_a, vitals.currentB_a, vitals.currentC_a)] == [16, 16, 16]
        # 3 x 230 V x 16 A; its amps read 0.1 too high.
        assert vitals.total_power_w == pytest.approx(11_040, rel=0.01)
        delivered_wh = stand.delivered_wh_since(mark)
        # The session counter is up to a second behind, 3 Wh at 11 kW.
        assert vitals.session_energy_wh == pytest.approx(delivered_wh, abs=4)
        assert (await client.async_get_lifetime()).energy_wh - before_wh == pytest.approx(delivered_wh, abs=20)
        stand.unplug()
        assert (await client.async_get_vitals()).vehicle_connected is False


async def test_its_broken_json_is_understood(clock: Hands, session: aiohttp.ClientSession) -> None:
    async with Stand("tesla_twc3", clock) as stand:
        client = WallConnector(f"{stand.host}:{stand.port}", session=session)
        for _ in range(60):
            assert (await client.async_get_lifetime()).contactor_cycles >= 412
