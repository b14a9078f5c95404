"""PyPI `nrgkick-api` (Home Assistant's own client) works with the simulated NRGkick Gen2."""

import aiohttp
from nrgkick_api import (
    ChargingStatus,
    NRGkickAPI,
    NRGkickAPIDisabledError,
    NRGkickAuthenticationError,
    NRGkickCommandRejectedError,
)
import pytest

from demo.boxes.stand import Stand

from .conftest import Hands, hungry


async def test_it_sees_plug_charge_and_energy(clock: Hands, session: aiohttp.ClientSession) -> None:
    async with Stand("nrgkick_gen2_http", clock) as stand:
        client = NRGkickAPI(f"{stand.host}:{stand.port}", session=session)
        assert (await client.get_info(["general"]))["general"]["serial_number"] == stand.serial
        assert (await client.get_values(raw=True))["general"]["status"] == ChargingStatus.STANDBY
        stand.plug(hungry())
        clock.forward(600)
        values = await client.get_values(raw=True)
        assert values["general"]["status"] == ChargingStatus.CHARGING
        assert values["powerflow"]["total_active_power"] == 11_040
        assert values["energy"]["total_charged_energy"] == stand.true_register_wh()
        assert (await client.get_values(["general"]))["general"]["status"] == "CHARGING"


async def test_its_commands_are_obeyed_and_answered_as_it_expects(clock: Hands, session: aiohttp.ClientSession) -> None:
    async with Stand("nrgkick_gen2_http", clock) as stand:
        client = NRGkickAPI(f"{stand.host}:{stand.port}", session=session)
        stand.plug(hungry())
        assert await client.set_current(8.5) == 8.5
        clock.forward(60)
        assert stand.offered_a == 8.5
        assert await client.set_charge_pause(True) == 1
        clock.forward(10)
        assert stand.power_w == 0
        assert await client.set_phase_count(1) == 1
        assert await client.set_energy_limit(5_000) == 5_000
        assert await client.set_charge_pause(False) == 0
        clock.forward(30)
        assert stand.power_w == 230 * 8.5
        assert await client.get_control() == {
            "current_set": 8.5,
            "charge_pause": 0,
            "energy_limit": 5_000,
            "phase_count": 1,
        }


async def test_a_refusal_a_password_and_a_switched_off_api_are_told_apart(
    clock: Hands, session: aiohttp.ClientSession
) -> None:
    async with Stand("nrgkick_gen2_http", clock) as stand:
        client = NRGkickAPI(f"{stand.host}:{stand.port}", session=session)
        with pytest.raises(NRGkickCommandRejectedError, match="Invalid current"):
            await client.set_current(33)
    async with Stand("nrgkick_gen2_http", clock, options={"password": "geheim"}) as stand:
        host = f"{stand.host}:{stand.port}"
        with pytest.raises(NRGkickAuthenticationError):
            await NRGkickAPI(host, session=session).test_connection()
        assert await NRGkickAPI(host, "nrgkick", "geheim", session=session).test_connection()
    async with Stand("nrgkick_gen2_http", clock, options={"api_enabled": False}) as stand:
        with pytest.raises(NRGkickAPIDisabledError):
            await NRGkickAPI(f"{stand.host}:{stand.port}", session=session).get_values()
