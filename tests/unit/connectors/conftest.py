"""Fakes at the outermost edge: registers, sockets, a clock that only moves when told, a relay and a meter."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from modbus_connection.mock import MockModbusConnection, MockModbusUnit, WriteEvent
import pytest

from custom_components.evshare.connectors.factory import build_connector
from custom_components.evshare.connectors.ports import Connector
from custom_components.evshare.connectors.profile import load_profile
from custom_components.evshare.connectors.settings import ConnectorSettings

START = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


class VirtualClock:
    """Time that passes only in `sleep` or by hand."""

    def __init__(self) -> None:
        self.mono_s = 1000.0
        self.slept_s: list[float] = []
        self.on_sleep: Callable[[], None] = lambda: None

    def utcnow(self) -> datetime:
        return START + timedelta(seconds=self.mono_s - 1000.0)

    def monotonic(self) -> float:
        return self.mono_s

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.mono_s += seconds
        self.on_sleep()
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def unit() -> MockModbusUnit:
    return MockModbusConnection().for_unit(1)


def record_writes(unit: MockModbusUnit) -> list[tuple[int, int, list[int]]]:
    """(function code, address, values) of every write from here on."""
    writes: list[tuple[int, int, list[int]]] = []

    def note(event: WriteEvent) -> None:
        writes.append((event.function_code, event.address, [int(value) for value in event.values]))

    unit.on_write(note)
    return writes


type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Device:
    """A small HTTP device: what it answers by path, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.written: list[tuple[str, str, str]] = []
        """Method, path and body of every request but GET."""
        self.headers: list[dict[str, str]] = []
        self.bodies: dict[str, str] = {}
        self.status = 200
        self.port = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        self.headers.append(dict(request.headers))
        if request.method != "GET":
            self.written.append((request.method, request.path_qs, await request.text()))
        if self.status in (301, 302):
            raise web.HTTPFound("http://192.0.2.1/")
        body = self.bodies.get(request.path_qs, self.bodies.get(request.path))
        if body is None:
            return web.Response(status=404)
        return web.Response(text=body, status=self.status, content_type="text/html")


@pytest.fixture
async def device(socket_enabled: None) -> AsyncIterator[Device]:
    """A device listening on the loopback address."""
    device = Device()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", device.answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    assert server.port is not None
    device.port = server.port
    yield device
    await server.close()


@pytest.fixture
async def session(socket_enabled: None) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


type AtDevice = Callable[..., Connector]


@pytest.fixture
def at_device(device: Device, session: aiohttp.ClientSession, clock: VirtualClock) -> AtDevice:
    """The real driver of an HTTP profile, told that its connector is the device."""

    def build(profile_id: str, **settings: Any) -> Connector:
        own = ConnectorSettings(host="127.0.0.1", port=device.port, **settings)
        return build_connector(load_profile(profile_id), own, clock=clock, session=session)

    return build
