"""PyPI `keba-kecontact` (Home Assistant's own client) works with the simulated KEBA P30 over UDP.

The client knows port 7090 only, on both ends, so the box has a loopback address of its own.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from keba_kecontact.charging_station import ChargingStation
from keba_kecontact.connection import KebaKeContact
import pytest

from demo.boxes.stand import Stand

from .conftest import Hands, hungry

BOX_HOST, CLIENT_HOST, PORT = "127.0.0.2", "127.0.0.1", 7090


@asynccontextmanager
async def connected(clock: Hands, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Stand, ChargingStation]]:
    """A stand and the client that found it. The client is a singleton; each test gets its own."""
    monkeypatch.setattr(KebaKeContact, "_instance", None)
    options = {"udp": True, "udp_host": BOX_HOST, "udp_port": PORT}
    async with Stand("keba_p30", clock, options=options) as stand:
        connection = KebaKeContact(asyncio.get_running_loop(), timeout=5)
        await connection.init_socket(CLIENT_HOST)
        try:
            yield stand, await connection.setup_charging_station(BOX_HOST, periodic_request=False)
        finally:
            connection.close()


async def refreshed(station: ChargingStation) -> dict[str, Any]:
    """Everything the station reports, once all three reports have come."""
    missing, complete = {"2", "3"}, asyncio.Event()

    def note(_station: ChargingStation, data: dict[str, Any]) -> None:
        missing.discard(str(data.get("ID")))
        if not missing:
            complete.set()

    station.add_callback(note)
    async with asyncio.timeout(10):
        await station.request_data()
        await complete.wait()
    data: dict[str, Any] = station.get_value()
    return data


async def test_it_sees_plug_charge_and_energy(clock: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(clock, monkeypatch) as (stand, station):
        assert (station.device_info.device_id, station.device_info.manufacturer) == (stand.serial, "KEBA")
        data = await refreshed(station)
        assert (data["Plug_EV"], data["State_on"]) == (False, False)
        stand.plug(hungry())
        clock.forward(600)
        data = await refreshed(station)
        assert (data["Plug_EV"], data["State_on"]) == (True, True)
        # A, kW and kWh, as the client converts them.
        assert [data[f"I{phase}"] for phase in (1, 2, 3)] == [16, 16, 16]
        assert data["P"] == pytest.approx(11.04)
        assert data["E total"] == pytest.approx(stand.true_register_wh() / 1000, abs=0.001)
        assert data["E pres"] == pytest.approx((stand.true_register_wh() - 137_000) / 1000, abs=0.001)


async def test_its_limit_and_its_stop_are_obeyed(clock: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(clock, monkeypatch) as (stand, station):
        stand.plug(hungry())
        # The client sends `currtime 10000 1`: 10 A in one second.
        await station.set_current(10)
        clock.forward(1)
        await stand.tick()
        clock.forward(60)
        assert stand.offered_a == 10
        assert (await refreshed(station))["Curr user"] == 10
        await station.set_ena(False)
        clock.forward(10)
        assert stand.power_w == 0
        await station.set_ena(True)
        clock.forward(60)
        assert stand.offered_a == 10


async def test_its_failsafe_is_programmed(clock: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(clock, monkeypatch) as (stand, station):
        stand.plug(hungry())
        await station.set_failsafe(mode=True, timeout=60, fallback_value=0, persist=False)
        clock.forward(50)
        assert stand.power_w > 0
        data = await refreshed(station)
        assert (data["FS_on"], data["Tmo FS"], data["Curr FS"]) == (True, 60, 0)
        clock.forward(20)
        assert stand.power_w == 0
