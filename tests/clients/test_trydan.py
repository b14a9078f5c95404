"""PyPI `pytrydan` (Home Assistant's own client) works with the simulated V2C Trydan."""

import pytest
from pytrydan import ChargeState, PauseState, Trydan, TrydanInvalidValue

from demo.boxes.stand import Stand

from .conftest import Hands, hungry


async def test_it_sees_what_is_played_and_is_obeyed(clock: Hands) -> None:
    async with Stand("v2c_trydan", clock) as stand, Trydan(f"{stand.host}:{stand.port}") as client:
        data = await client.get_data()
        assert (data.ID, data.charge_state) == (stand.serial, ChargeState.NOT_CONNECTED)
        stand.plug(hungry())
        clock.forward(600)
        data = await client.get_data()
        assert (client.connected, client.charging, data.charge_power) == (True, True, 11_040)
        assert data.charge_energy == pytest.approx((stand.true_register_wh() - 137_000) / 1000, abs=0.01)
        await client.intensity(9)
        clock.forward(10)
        assert stand.offered_a == 9
        await client.pause()
        clock.forward(10)
        assert (await client.get_data()).paused is PauseState.PAUSED
        assert stand.power_w == 0
        await client.resume()
        await client.lock()
        clock.forward(60)
        assert stand.power_w == 0


async def test_what_the_box_refuses_is_an_error_for_it(clock: Hands) -> None:
    async with Stand("v2c_trydan", clock, rated_a=16) as stand, Trydan(f"{stand.host}:{stand.port}") as client:
        with pytest.raises(TrydanInvalidValue):
            await client.intensity(32)
        assert stand.commands == []
