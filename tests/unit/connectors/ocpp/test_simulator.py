"""The simulated box against a central system that is not ours: built on the `ocpp` package, schemas and all.

That both read OCPP alike is what the other tests stand on. Facts: reference ocpi-ocpp.md, section 10.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from ocpp import messages
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action
import pytest

from demo.boxes.ocpp_box import Manners, OcppBox

from .conftest import ANNA, STRANGER, car

START = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


class Connection:
    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket

    async def recv(self) -> str:
        return await self._socket.receive_str()

    async def send(self, message: str) -> None:
        await self._socket.send_str(message)


class CentralSystem(ChargePoint):
    """One box's end of a central system: lets Anna in, and writes down what it hears."""

    def __init__(self, socket: web.WebSocketResponse, heard: list[tuple[str, dict[str, Any]]]) -> None:
        super().__init__("box-1", Connection(socket))
        self._heard = heard

    def _note(self, action: str, fields: dict[str, Any]) -> None:
        self._heard.append((action, fields))

    @on(Action.boot_notification)
    def _boot(self, **fields: Any) -> Any:
        self._note("Boot", fields)
        return call_result.BootNotification(current_time="2026-11-20T18:00:00Z", interval=300, status="Accepted")

    @on(Action.status_notification)
    def _status(self, **fields: Any) -> Any:
        self._note("Status", fields)
        return call_result.StatusNotification()

    @on(Action.authorize)
    def _authorize(self, id_tag: str) -> Any:
        self._note("Authorize", {"id_tag": id_tag})
        return call_result.Authorize(id_tag_info={"status": "Accepted" if id_tag == ANNA else "Invalid"})

    @on(Action.start_transaction)
    def _start(self, **fields: Any) -> Any:
        self._note("Start", fields)
        accepted = fields["id_tag"] == ANNA
        return call_result.StartTransaction(
            transaction_id=len(self._heard), id_tag_info={"status": "Accepted" if accepted else "Invalid"}
        )

    @on(Action.meter_values)
    def _meter(self, **fields: Any) -> Any:
        self._note("Meter", fields)
        return call_result.MeterValues()

    @on(Action.stop_transaction)
    def _stop(self, **fields: Any) -> Any:
        self._note("Stop", fields)
        return call_result.StopTransaction()


class Wall:
    """A box, its central system, and a time that passes by hand."""

    def __init__(self) -> None:
        self.now = START
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.central: CentralSystem | None = None
        self.port = 0
        self._boxes: list[OcppBox] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("ocpp1.6",))
        await socket.prepare(request)
        self.central = CentralSystem(socket, self.heard)
        with suppress(TypeError, ConnectionError):
            await self.central.start()
        return socket

    async def box(self, **changes: Any) -> OcppBox:
        box = OcppBox(
            url=f"ws://127.0.0.1:{self.port}", identity="box-1", password="x" * 16, now=lambda: self.now, **changes
        )
        self._boxes.append(box)
        await box.connect()
        await box.quiet()
        return box

    async def passes(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += timedelta(seconds=1)
            for box in self._boxes:
                await box.tick()

    async def tell(self, command: Any) -> Any:
        assert self.central is not None
        answer = await self.central.call(command, suppress=False)
        await self._boxes[0].quiet()
        return answer

    async def limit(self, purpose: str, limit_a: float, transaction: int | None = None, point: int = 1) -> str:
        profile = {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": purpose,
            "chargingProfileKind": "Relative",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a}],
            },
        }
        if transaction is not None:
            profile["transactionId"] = transaction
        answer = await self.tell(call.SetChargingProfile(connector_id=point, cs_charging_profiles=profile))
        status: str = answer.status
        return status

    def of(self, action: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.heard if name == action]


@pytest.fixture
async def wall(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wall]:
    monkeypatch.setattr(messages, "ASYNC_VALIDATION", False)
    wall = Wall()
    application = web.Application()
    application.router.add_get("/{identity}", wall.serve)
    server = TestServer(application, host="127.0.0.1")
    await server.start_server()
    assert server.port is not None
    wall.port = server.port
    yield wall
    for box in wall._boxes:
        await box.drop()
    await server.close()


async def test_it_says_who_it_is_and_how_each_connector_stands(wall: Wall) -> None:
    box = await wall.box(points=2)
    assert wall.of("Boot")[0]["charge_point_serial_number"] == box.serial
    assert [(status["connector_id"], status["status"]) for status in wall.of("Status")] == [
        (1, "Available"),
        (2, "Available"),
    ]


@pytest.mark.parametrize(
    "manners",
    [
        Manners(),
        Manners(unit="kWh", per_phase=True),
        Manners(signed=True),
        Manners(offers_measured=True),
        Manners(says_twice=True),
        Manners(frees_before_stop=True),
        Manners(asks_for_remote_starts=True),
    ],
)
async def test_all_it_says_in_a_session_is_as_the_schemas_want_it(wall: Wall, manners: Manners) -> None:
    box = await wall.box(manners=manners)
    await wall.tell(call.ChangeConfiguration(key="MeterValueSampleInterval", value="10"))
    box.plug(car())
    box.show_card(ANNA)
    await wall.passes(60)
    assert wall.of("Status")[-1]["status"] == "Charging"
    box.unplug()
    await box.quiet()
    assert box.errors == []
    assert len(wall.of("Meter")) == 5
    stop = wall.of("Stop")[0]
    assert (stop["reason"], stop["meter_stop"]) == ("EVDisconnected", box.true_register_wh())
    assert wall.of("Status")[-1]["status"] == "Available"


async def test_a_card_nobody_lets_in_gets_nothing(wall: Wall) -> None:
    box = await wall.box()
    box.plug(car())
    box.show_card(STRANGER)
    await wall.passes(60)
    assert (wall.of("Start"), box.delivered_wh()) == ([], 0)


async def test_as_delivered_it_charges_whoever_comes_while_it_is_offline(wall: Wall) -> None:
    """AllowOfflineTxForUnknownId: what a central system has to switch off."""
    box = await wall.box()
    await box.drop()
    box.plug(car())
    box.show_card(STRANGER)
    await wall.passes(60)
    assert box.delivered_wh() > 100
    await box.connect(boot=False)
    await box.quiet()
    # StopTransactionOnInvalidId: refused, it ends.
    assert (len(wall.of("Start")), wall.of("Stop")[0]["reason"]) == (1, "DeAuthorized")


async def test_the_smallest_limit_counts_and_less_than_6_amperes_is_nothing(wall: Wall) -> None:
    box = await wall.box()
    box.plug(car())
    box.show_card(ANNA)
    await wall.passes(20)
    outlet = box.outlets[0]
    assert outlet.transaction is not None
    number = outlet.transaction.id
    assert await wall.limit("TxDefaultProfile", 10.0) == "Accepted"
    assert outlet.offered_a == 10
    assert await wall.limit("TxProfile", 14.0, number) == "Accepted"
    assert outlet.offered_a == 14  # in place of the default
    assert await wall.limit("ChargePointMaxProfile", 8.0, point=0) == "Accepted"
    assert outlet.offered_a == 8
    assert await wall.limit("TxProfile", 5.9, number) == "Accepted"
    assert outlet.offered_a == 0
    assert await wall.limit("TxProfile", 16.0, 4711) == "Rejected"


async def test_it_starts_and_stops_from_afar(wall: Wall) -> None:
    box = await wall.box()
    await wall.tell(call.ChangeConfiguration(key="AuthorizeRemoteTxRequests", value="false"))
    box.plug(car())
    await wall.passes(1)
    assert (await wall.tell(call.RemoteStartTransaction(id_tag=ANNA, connector_id=1))).status == "Accepted"
    await wall.passes(30)
    assert box.delivered_wh() > 0
    running = box.outlets[0].transaction
    assert running is not None
    assert (await wall.tell(call.RemoteStopTransaction(transaction_id=4711))).status == "Rejected"
    assert (await wall.tell(call.RemoteStopTransaction(transaction_id=running.id))).status == "Accepted"
    await wall.passes(5)
    assert (wall.of("Stop")[0]["reason"], wall.of("Status")[-1]["status"]) == ("Remote", "Finishing")


async def test_what_concerns_a_transaction_comes_in_order_after_an_outage(wall: Wall) -> None:
    box = await wall.box()
    await wall.tell(call.ChangeConfiguration(key="MeterValueSampleInterval", value="10"))
    box.plug(car())
    box.show_card(ANNA)
    await wall.passes(15)
    before = len(wall.heard)
    await box.drop()
    await wall.passes(30)
    box.unplug()
    await wall.passes(30)
    assert len(wall.heard) == before
    await box.connect(boot=False)
    await box.quiet()
    told = [name for name, _ in wall.heard[before:] if name != "Status"]
    assert told == ["Meter", "Meter", "Meter", "Stop"]
    assert wall.of("Stop")[0]["timestamp"] == "2026-11-20T18:00:45.000Z"


async def test_its_configuration_is_listed_and_written(wall: Wall) -> None:
    await wall.box(manners=Manners(readonly=("LocalPreAuthorize",), wants_reboot=("LocalAuthListEnabled",)))
    listed = (await wall.tell(call.GetConfiguration())).configuration_key
    assert {"key": "NumberOfConnectors", "readonly": True, "value": "1"} in listed
    for key, status in (
        ("AuthorizationCacheEnabled", "Accepted"),
        ("LocalPreAuthorize", "Rejected"),
        ("NumberOfConnectors", "Rejected"),
        ("LocalAuthListEnabled", "RebootRequired"),
        ("NoSuchKey", "NotSupported"),
    ):
        assert (await wall.tell(call.ChangeConfiguration(key=key, value="false"))).status == status


async def test_after_a_restart_it_tells_how_its_transaction_ended(wall: Wall) -> None:
    box = await wall.box()
    box.plug(car())
    box.show_card(ANNA)
    await wall.passes(20)
    await box.reboot()
    flowed_wh = box.delivered_wh()
    await wall.passes(20)
    assert box.delivered_wh() == flowed_wh
    await box.connect()
    await box.quiet()
    assert wall.of("Stop")[0]["reason"] == "Reboot"
    assert len(wall.of("Boot")) == 2
