"""A charge point written on the `ocpp` package: its framing, its schemas, its classes; every command is validated."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import aiohttp
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action


class Connection:
    """An aiohttp socket as the package wants one."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def recv(self) -> str:
        return await self._socket.receive_str()

    async def send(self, message: str) -> None:
        await self._socket.send_str(message)


class Independent(ChargePoint):
    """A box with one connector and no meter of its own: the test says what it says."""

    def __init__(self, identity: str, socket: aiohttp.ClientWebSocketResponse) -> None:
        super().__init__(identity, Connection(socket))
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.changed = asyncio.Event()
        self.configuration = {"AllowOfflineTxForUnknownId": "true", "NumberOfConnectors": "1"}

    def _note(self, action: str, **fields: Any) -> None:
        self.told.append((action, fields))
        self.changed.set()

    async def until_told(self, action: str) -> dict[str, Any]:
        """Wait for a command."""
        while True:
            for name, fields in self.told:
                if name == action:
                    return fields
            self.changed.clear()
            await self.changed.wait()

    async def boot(self) -> Any:
        return await self.call(
            call.BootNotification(
                charge_point_model="Box", charge_point_vendor="Independent", charge_point_serial_number="IND-1"
            )
        )

    async def status(self, status: str) -> Any:
        return await self.call(call.StatusNotification(connector_id=1, error_code="NoError", status=status))

    async def start_transaction(self, id_tag: str, register_wh: int, at: datetime) -> Any:
        return await self.call(
            call.StartTransaction(connector_id=1, id_tag=id_tag, meter_start=register_wh, timestamp=_text(at))
        )

    async def meter(self, transaction: int, register_wh: int, at: datetime) -> Any:
        sampled = [{"value": str(register_wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}]
        return await self.call(
            call.MeterValues(
                connector_id=1,
                transaction_id=transaction,
                meter_value=[{"timestamp": _text(at), "sampled_value": sampled}],
            )
        )

    async def stop_transaction(self, transaction: int, register_wh: int, at: datetime, reason: str) -> Any:
        return await self.call(
            call.StopTransaction(transaction_id=transaction, meter_stop=register_wh, timestamp=_text(at), reason=reason)
        )

    @on(Action.get_configuration)
    def _get_configuration(self, **fields: Any) -> Any:
        keys = [{"key": key, "readonly": False, "value": value} for key, value in self.configuration.items()]
        return call_result.GetConfiguration(configuration_key=keys)

    @on(Action.change_configuration)
    def _change_configuration(self, key: str, value: str) -> Any:
        self.configuration[key] = value
        self._note("ChangeConfiguration", key=key, value=value)
        return call_result.ChangeConfiguration(status="Accepted")

    @on(Action.trigger_message)
    def _trigger(self, **fields: Any) -> Any:
        return call_result.TriggerMessage(status="NotImplemented")

    @on(Action.set_charging_profile)
    def _profile(self, **fields: Any) -> Any:
        self._note("SetChargingProfile", **fields)
        return call_result.SetChargingProfile(status="Accepted")

    @on(Action.clear_charging_profile)
    def _clear(self, **fields: Any) -> Any:
        return call_result.ClearChargingProfile(status="Unknown")

    @on(Action.remote_start_transaction)
    def _start(self, **fields: Any) -> Any:
        self._note("RemoteStartTransaction", **fields)
        return call_result.RemoteStartTransaction(status="Accepted")

    @on(Action.remote_stop_transaction)
    def _stop(self, **fields: Any) -> Any:
        self._note("RemoteStopTransaction", **fields)
        return call_result.RemoteStopTransaction(status="Accepted")


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
