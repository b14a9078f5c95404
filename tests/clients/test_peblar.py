"""PyPI `peblar` (Home Assistant's own client) works with the simulated Peblar: web login, REST API, cards, sessions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from peblar import (
    AccessMode,
    CPState,
    Peblar,
    PeblarApi,
    PeblarAuthenticationError,
    PeblarBadRequestError,
)
from peblar.const import ChargeLimiter, SessionState
from peblar.exceptions import PeblarRateLimitError
from peblar.models import PeblarSessionStatus
import pytest

from demo.boxes.stand import Stand

from .conftest import Hands, Signpost, hungry

CARD = "04A1B2C3D4E5F6"


@asynccontextmanager
async def at(stand: Stand) -> AsyncIterator[aiohttp.ClientSession]:
    """A session in which ``peblar.test`` is the stand; the client allows no port."""
    connector = aiohttp.TCPConnector(resolver=Signpost(stand))
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


async def rest_of(charger: Peblar, session: aiohttp.ClientSession) -> PeblarApi:
    api = await charger.rest_api(enable=True, access_mode=AccessMode.READ_WRITE)
    api.session = session
    return api


async def test_it_logs_in_switches_the_rest_api_on_and_sees_a_charge(clock: Hands) -> None:
    options = {"rest_enabled": False, "access_mode": "ReadOnly"}
    async with Stand("peblar_rest", clock, options=options) as stand, at(stand) as session:
        charger = Peblar(host="peblar.test", session=session)
        with pytest.raises(PeblarAuthenticationError):
            await charger.login(password="wrong")
        await charger.login(password="peblar")
        assert (await charger.system_information()).product_serial_number == stand.serial
        api = await rest_of(charger, session)
        assert (await api.health()).access_mode is AccessMode.READ_WRITE
        assert (await api.system()).product_serial_number == stand.serial
        assert (await api.ev_interface()).cp_state is CPState.NO_EV_CONNECTED
        stand.plug(hungry())
        clock.forward(600)
        assert (await api.ev_interface()).cp_state is CPState.CHARGING
        meter = await api.meter()
        assert (meter.power_total, meter.current_phase_2, meter.voltage_phase_3) == (11_040, 16_000, 230)
        assert meter.energy_total == stand.true_register_wh()
        assert meter.energy_session == stand.true_register_wh() - 137_000
        assert (await charger.connector()).plugged_in_ev is True


async def test_its_limit_and_its_pause_are_obeyed(clock: Hands) -> None:
    async with Stand("peblar_rest", clock) as stand, at(stand) as session:
        charger = Peblar(host="peblar.test", session=session)
        await charger.login(password="peblar")
        api = await rest_of(charger, session)
        stand.plug(hungry())
        interface = await api.ev_interface(charge_current_limit=8_000)
        assert (interface.charge_current_limit_actual, interface.charge_current_limit_source) == (
            8_000,
            ChargeLimiter.LOCAL_REST_API,
        )
        clock.forward(60)
        assert stand.offered_a == 8
        assert (await api.set_ev_interface(charge_current_limit=0, force_single_phase=True)).force_single_phase
        clock.forward(10)
        assert stand.power_w == 0
        assert (await api.ev_interface()).cp_state is CPState.CHARGING_SUSPENDED
        with pytest.raises(PeblarBadRequestError, match="ChargeCurrentLimit"):
            await api.ev_interface(charge_current_limit=2_000)


async def test_a_card_over_rest_starts_and_stops_and_is_found_in_the_history(clock: Hands) -> None:
    async with Stand("peblar_rest", clock, options={"charge_without_auth": False}) as stand, at(stand) as session:
        charger = Peblar(host="peblar.test", session=session)
        await charger.login(password="peblar")
        assert (await charger.meter_history()).session == []
        await charger.add_rfid_token(rfid_token_uid=CARD, rfid_token_description="Flat 3")
        assert [(card.rfid_token_uid, card.rfid_token_description) for card in await charger.rfid_tokens()] == [
            (CARD, "Flat 3")
        ]
        api = await rest_of(charger, session)
        stand.plug(hungry())
        clock.forward(30)
        assert (await api.ev_interface()).cp_state is CPState.CHARGING_SUSPENDED
        await api.authorize_charge_session(name="Flat 3")
        clock.forward(60)
        assert (await api.ev_interface()).cp_state is CPState.CHARGING
        (running,) = (await charger.meter_history()).session
        assert (running.auth_token, running.session_end_energy_mwh) == (CARD, None)
        assert running.session_start_energy_mwh == 137_000_000
        await api.authorize_charge_session(token=CARD)
        clock.forward(10)
        assert (await api.ev_interface()).cp_state is CPState.CHARGING_SUSPENDED
        assert stand.power_w == 0
        await charger.delete_rfid_token(uid=CARD)
        assert await charger.rfid_tokens() == []


async def test_after_a_restart_it_fetches_the_new_token_by_itself(clock: Hands) -> None:
    async with Stand("peblar_rest", clock, options={"new_token_at_reboot": True}) as stand, at(stand) as session:
        charger = Peblar(host="peblar.test", session=session)
        await charger.login(password="peblar")
        api = await rest_of(charger, session)
        old = api.token
        await stand.reboot()
        clock.forward(60)
        await stand.tick()
        assert (await api.system()).uptime == 60
        assert api.token != old


async def test_too_many_requests_are_told_as_such(clock: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Stand("peblar_rest", clock, options={"rate_limit": 2}) as stand, at(stand) as session:
        charger = Peblar(host="peblar.test", session=session)
        await charger.login(password="peblar")
        api = await rest_of(charger, session)
        monkeypatch.setattr(PeblarApi.request.retry, "stop", lambda _state: True)
        await api.meter()
        await api.meter()
        with pytest.raises(PeblarRateLimitError):
            await api.meter()


async def test_the_session_is_pushed_over_the_websocket(clock: Hands) -> None:
    async with Stand("peblar_rest", clock) as stand, at(stand) as session:
        charger = Peblar(host="peblar.test", session=session)
        await charger.login(password="peblar")
        told: asyncio.Queue[PeblarSessionStatus] = asyncio.Queue()
        async with charger.websocket() as socket, asyncio.timeout(10):
            await socket.subscribe_session_status(told.put_nowait)
            assert (await told.get()).state is SessionState.AVAILABLE
            stand.plug(hungry())
            clock.forward(60)
            await stand.tick()
            status = await told.get()
            assert status.state is SessionState.CHARGING
            assert status.meter_data is not None
            assert status.meter_data.total_energy == stand.true_register_wh()
            assert status.meter_data.instantaneous_power_total == 11_040
