"""What goes wrong over HTTP: the real driver on a small web server of our own (loopback)."""

import asyncio
from collections.abc import AsyncIterator
import json

import aiohttp
import pytest

from custom_components.evshare.connectors.factory import build_connector
from custom_components.evshare.connectors.http import MAX_BODY_BYTES
from custom_components.evshare.connectors.ports import (
    Connector,
    ConnectorError,
    ConnectorRefused,
    ConnectorUnreachable,
    WrongDevice,
)
from custom_components.evshare.connectors.profile import load_profile
from custom_components.evshare.connectors.settings import ConnectorSettings

from .conftest import Device, VirtualClock

GOE_STATUS = {
    "car": 2,
    "alw": True,
    "acu": 16,
    "amp": 16,
    "frc": 0,
    "nrg": [231, 230, 232, 2, 15.9, 16.0, 15.8, 3673, 3680, 3666, 0, 11019.4, 99, 99, 99, 0],
    "wh": 5604.9,
    "eto": 123456.789,
    "trx": 0,
    "err": 0,
    "acs": 1,
}
VITALS = (
    '{"contactor_closed":true,"vehicle_connected":true,"session_s":1875,"grid_v":230.2,"grid_hz":49.987,'
    '"vehicle_current_a":16.0,"currentA_a":16.0,"currentB_a":15.9,"currentC_a":16.1,"currentN_a":0.3,'
    '"voltageA_v":229.8,"voltageB_v":230.6,"voltageC_v":230.1,"relay_k1_v":6.1,"relay_k2_v":6.1,"pcba_temp_c":nan,'
    '"uptime_s":606800,"session_energy_wh":5604.900,"config_status":5,"evse_state":11,"current_alerts":[],'
    '"evse_not_ready_reasons":[1]'
)
"""Three-phase charging, with a bare nan and without the last brace."""
VERSION = '{"firmware_version":"26.18.0+gabc1234","part_number":"1457768-02-G","serial_number":"PGT00000000001"}'


def set_goe(device: Device, **changes: object) -> None:
    device.bodies["/api/status"] = json.dumps(GOE_STATUS | changes)
    device.bodies["/api/status?filter=sse,fwv"] = '{"sse":"012345","fwv":"60.4"}'
    for key, value in (("acs", "1"), ("trx", "0"), ("frc", "0"), ("frc", "1"), ("amp", "10"), ("amp", "16")):
        device.bodies[f"/api/set?{key}={value}"] = f'{{"{key}":true}}'


def sets(device: Device) -> list[str]:
    return [path.removeprefix("/api/set?") for path in device.asked if path.startswith("/api/set")]


@pytest.fixture
def goe(device: Device, session: aiohttp.ClientSession, clock: VirtualClock) -> Connector:
    set_goe(device)
    settings = ConnectorSettings(host="127.0.0.1", port=device.port, max_current_a=16)
    return build_connector(load_profile("goe_http_v2"), settings, clock=clock, session=session)


@pytest.fixture
def tesla(device: Device, session: aiohttp.ClientSession, clock: VirtualClock) -> Connector:
    device.bodies |= {"/api/1/vitals": VITALS, "/api/1/version": VERSION}
    settings = ConnectorSettings(host="127.0.0.1", port=device.port)
    return build_connector(load_profile("tesla_twc3"), settings, clock=clock, session=session)


@pytest.mark.parametrize(
    ("body", "expected", "message"),
    [
        ('{"contactor_closed":true,"vehicle_conn', ConnectorUnreachable, "stops before its end"),
        ("<html>Welcome to your router</html>", WrongDevice, "not a JSON object; accepted: what a Tesla"),
        ('{"hello":"world"}', WrongDevice, "does not answer like a Tesla Wall Connector Gen 3: contactor_closed reads"),
        ('{"contactor_closed" true}', WrongDevice, "not JSON"),
        ('{"a":"' + "x" * MAX_BODY_BYTES + '"}', WrongDevice, "longer than 65536 bytes"),
    ],
)
async def test_garbage_is_named(
    tesla: Connector, device: Device, body: str, expected: type[ConnectorError], message: str
) -> None:
    device.bodies["/api/1/vitals"] = body
    with pytest.raises(expected, match=message):
        await tesla.poll()


@pytest.mark.parametrize(
    ("status", "expected", "message"),
    [
        (404, ConnectorRefused, "HTTP 404; is its local interface switched on"),
        (500, ConnectorRefused, "HTTP 500"),
        (302, WrongDevice, "sends us elsewhere"),
    ],
)
async def test_http_errors_and_redirects_are_named(
    tesla: Connector, device: Device, status: int, expected: type[ConnectorError], message: str
) -> None:
    device.status = status
    if status == 404:
        device.bodies.clear()
    with pytest.raises(expected, match=message):
        await tesla.identify()


async def test_a_truncated_answer_is_asked_for_once_more(tesla: Connector, device: Device) -> None:
    device.bodies["/api/1/vitals"] = '{"contactor_closed":tr'
    with pytest.raises(ConnectorUnreachable):
        await tesla.poll()
    assert device.asked.count("/api/1/vitals") == 2


async def test_a_host_where_nobody_listens_is_unreachable(
    session: aiohttp.ClientSession, clock: VirtualClock, unused_tcp_port: int
) -> None:
    settings = ConnectorSettings(host="127.0.0.1", port=unused_tcp_port)
    tesla = build_connector(load_profile("tesla_twc3"), settings, clock=clock, session=session)
    with pytest.raises(ConnectorUnreachable, match="no usable answer"):
        await tesla.poll()


async def test_a_host_that_never_answers_is_unreachable_after_the_time_out(
    session: aiohttp.ClientSession, clock: VirtualClock, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ConnectorSettings(host="127.0.0.1", port=silent_port)
    tesla = build_connector(load_profile("tesla_twc3"), settings, clock=clock, session=session)
    asked_s: list[float] = []
    real_timeout = asyncio.timeout

    def soon(seconds: float | None) -> asyncio.Timeout:
        if seconds is None:  # aiohttp's own, which has none
            return real_timeout(None)
        asked_s.append(seconds)
        return real_timeout(0.01)

    monkeypatch.setattr(asyncio, "timeout", soon)
    with pytest.raises(ConnectorUnreachable, match="no usable answer: TimeoutError"):
        await tesla.poll()
    assert asked_s == [8.0, 8.0]


@pytest.fixture
async def silent_port(socket_enabled: None) -> AsyncIterator[int]:
    """Somebody who takes the call and says nothing."""
    held: list[asyncio.StreamWriter] = []

    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    for writer in held:
        writer.close()
    server.close()


@pytest.mark.parametrize("host", ["192.0.2.1/admin", "user@192.0.2.1", "192.0.2.1:8080", "http://192.0.2.1", ""])
async def test_a_host_that_is_none_is_refused(session: aiohttp.ClientSession, clock: VirtualClock, host: str) -> None:
    with pytest.raises(ValueError, match=r"host: got .*; accepted: a host name or IP address"):
        build_connector(load_profile("tesla_twc3"), ConnectorSettings(host=host), clock=clock, session=session)
