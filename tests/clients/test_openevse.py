"""PyPI `python-openevse-http` (Home Assistant's own client) works with the simulated OpenEVSE."""

import asyncio

import aiohttp
from openevsehttp import OpenEVSE
from openevsehttp.exceptions import AuthenticationError
import pytest

from demo.boxes.stand import Stand

from .conftest import Hands, hungry

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:openevsehttp.*")


async def updated(client: OpenEVSE) -> OpenEVSE:
    await client.update(force_status=True)
    return client


async def test_it_sees_plug_charge_and_energy(clock: Hands, session: aiohttp.ClientSession) -> None:
    async with Stand("openevse_http", clock) as stand:
        client = OpenEVSE(f"{stand.host}:{stand.port}", session=session)
        assert await client.test_and_get() == {"serial": stand.serial, "model": "openevse_wifi_v1"}
        await updated(client)
        assert (client.state, client.vehicle, client.max_amps) == ("not connected", False, 32)
        stand.plug(hungry())
        clock.forward(600)
        await updated(client)
        assert (client.state, client.vehicle, client.status) == ("charging", True, "active")
        # mA of the one transformer; three times 230 V x 16 A in all.
        assert (client.charging_current, client.charging_voltage, client.current_power) == (16_000, 230, 11_040)
        assert client.usage_total is not None
        assert round(client.usage_total * 1000) == stand.true_register_wh()
        assert client.usage_session is not None
        assert int(client.usage_session) == stand.true_register_wh() - 137_000


async def test_its_limit_its_stop_and_its_release_are_obeyed(clock: Hands, session: aiohttp.ClientSession) -> None:
    async with Stand("openevse_http", clock) as stand:
        client = OpenEVSE(f"{stand.host}:{stand.port}", session=session)
        await updated(client)
        stand.plug(hungry())
        await client.set_current(10)
        clock.forward(60)
        assert stand.offered_a == 10
        assert await client.get_charge_current() == 10
        await client.set_override(state="disabled", auto_release=False)
        clock.forward(10)
        await updated(client)
        assert (client.state, client.manual_override, stand.power_w) == ("sleeping", True, 0)
        assert await client.get_override_state() == "disabled"
        await client.clear_override()
        clock.forward(30)
        assert await client.get_override_state() == "auto"
        assert stand.offered_a == 32
        await client.toggle_override()
        clock.forward(10)
        assert stand.power_w == 0


async def test_its_claims_are_kept_apart(clock: Hands, session: aiohttp.ClientSession) -> None:
    async with Stand("openevse_http", clock) as stand:
        client = OpenEVSE(f"{stand.host}:{stand.port}", session=session)
        await updated(client)
        stand.plug(hungry())
        await client.make_claim(state="disabled", auto_release=False)
        clock.forward(30)
        assert stand.power_w == 0
        (claim,) = await client.list_claims()
        # Client 20 is this library's.
        assert (claim["client"], claim["state"]) == (20, "disabled")
        await client.release_claim()
        clock.forward(30)
        assert stand.power_w == 11_040


async def test_it_needs_the_password_where_there_is_one(clock: Hands, session: aiohttp.ClientSession) -> None:
    async with Stand("openevse_http", clock, options={"password": "geheim"}) as stand:
        host = f"{stand.host}:{stand.port}"
        with pytest.raises(AuthenticationError):
            await OpenEVSE(host, session=session).test_and_get()
        assert (await OpenEVSE(host, "admin", "geheim", session=session).test_and_get())["serial"] == stand.serial


async def test_changes_are_pushed_over_the_websocket(clock: Hands, session: aiohttp.ClientSession) -> None:
    async with Stand("openevse_http", clock) as stand:
        client = OpenEVSE(f"{stand.host}:{stand.port}", session=session)
        await updated(client)
        heard = asyncio.Event()
        client.callback = heard.set
        await client.ws_start()
        try:
            async with asyncio.timeout(10):
                await heard.wait()
                heard.clear()
                stand.plug(hungry())
                clock.forward(60)
                await stand.tick()
                await heard.wait()
            assert client.state == "charging"
        finally:
            await client.ws_disconnect()
