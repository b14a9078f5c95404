"""OCPP 1.6: its messages into the words of this room, and back.

What a box sends is read liberally: fields nobody asked for are let be, optional ones may be wrong or missing. What is
needed and cannot be used is answered with an error that names the field. Times are sent with milliseconds and ``Z``.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ocpp import exceptions  # type: ignore[import-untyped]
from ocpp.v16.enums import (  # type: ignore[import-untyped]
    Action,
    AuthorizationStatus,
    ChargePointErrorCode,
    ChargingProfileKindType,
    ConfigurationStatus,
    DataTransferStatus,
    MessageTrigger,
    Reason,
    RegistrationStatus,
)

from ..clock import Clock
from ..ports import ConnectorRefused
from .fields import Fields
from .meter_values import SampledValue, sample
from .rpc import Payload, Rpc
from .words import (
    POINTS_MOST,
    Boot,
    Configured,
    Ended,
    Listener,
    Purpose,
    Sample,
    Setting,
    Settings,
    Start,
    Status,
    Stop,
    Verdict,
)

SUBPROTOCOL: Final = "ocpp1.6"
HEARTBEAT_S: Final = 300
"""Whether the box is there the socket tells; this keeps its clock right."""
PROFILE_IDS: Final = {Purpose.BOX: 1000, Purpose.CONNECTOR: 1100, Purpose.TRANSACTION: 1200}
SETTINGS_MOST: Final = 500

_STATUSES: Final = {
    Verdict.ACCEPTED: AuthorizationStatus.accepted,
    Verdict.INVALID: AuthorizationStatus.invalid,
    Verdict.CONCURRENT: AuthorizationStatus.concurrent_tx,
}
_ENDED: Final = {
    Reason.local: Ended.PERSON,
    Reason.emergency_stop: Ended.PERSON,
    Reason.ev_disconnected: Ended.UNPLUGGED,
    Reason.remote: Ended.ASKED,
    Reason.unlock_command: Ended.ASKED,
    Reason.de_authorized: Ended.ASKED,
    Reason.hard_reset: Ended.BOX,
    Reason.soft_reset: Ended.BOX,
    Reason.reboot: Ended.BOX,
    Reason.power_loss: Ended.BOX,
    Reason.other: Ended.BOX_WISH,
}


class Dialect16:
    """One socket that speaks OCPP 1.6 (`words.Commands`)."""

    def __init__(self, rpc: Rpc, listener: Listener, clock: Clock) -> None:
        """`listener` hears what the box says."""
        self._rpc = rpc
        self._listener = listener
        self._clock = clock
        self._answers = {
            Action.boot_notification: self._boot,
            Action.heartbeat: self._heartbeat,
            Action.status_notification: self._status,
            Action.authorize: self._authorize,
            Action.start_transaction: self._start,
            Action.meter_values: self._meter_values,
            Action.stop_transaction: self._stop,
            Action.data_transfer: self._data_transfer,
            Action.diagnostics_status_notification: self._noted,
            Action.firmware_status_notification: self._noted,
            Action.log_status_notification: self._noted,
            Action.security_event_notification: self._noted,
            Action.signed_firmware_status_notification: self._noted,
        }

    # --- what the box says -------------------------------------------------------------------------------------

    async def answer(self, action: str, payload: Payload) -> Payload:
        """Answer a call. Raises an `OCPPError` for what cannot be answered."""
        try:
            answer = self._answers[Action(action)]
        except ValueError as error:
            raise exceptions.NotSupportedError(description="action: not known in OCPP 1.6") from error
        except KeyError as error:
            raise exceptions.NotImplementedError(description="action: not offered here") from error
        return await answer(Fields(payload))

    async def _boot(self, fields: Fields) -> Payload:
        self._listener.booted(
            Boot(
                vendor=fields.text("chargePointVendor"),
                model=fields.text("chargePointModel"),
                serial=fields.maybe_text("chargePointSerialNumber") or fields.maybe_text("chargeBoxSerialNumber"),
                firmware=fields.maybe_text("firmwareVersion"),
            )
        )
        return {"currentTime": self._now(), "interval": HEARTBEAT_S, "status": RegistrationStatus.accepted}

    async def _heartbeat(self, _: Fields) -> Payload:
        return {"currentTime": self._now()}

    async def _status(self, fields: Fields) -> Payload:
        point = fields.whole("connectorId", most=POINTS_MOST)
        status = fields.one_of("status", Status)
        error = fields.maybe_text("errorCode")
        known = error in set(ChargePointErrorCode) - {ChargePointErrorCode.no_error}
        self._listener.status_said(point, status, error if known else None)
        return {}

    async def _authorize(self, fields: Fields) -> Payload:
        return {"idTagInfo": _info(await self._listener.authorise(fields.text("idTag")))}

    async def _start(self, fields: Fields) -> Payload:
        start = Start(
            point=fields.whole("connectorId", least=1, most=POINTS_MOST),
            id_tag=fields.text("idTag"),
            register_wh=fields.whole("meterStart"),
            at=fields.time("timestamp"),
        )
        transaction, verdict = await self._listener.started(start)
        return {"transactionId": int(transaction), "idTagInfo": _info(verdict)}

    async def _meter_values(self, fields: Fields) -> Payload:
        transaction = fields.maybe_whole("transactionId")
        await self._listener.metered(
            fields.whole("connectorId", most=POINTS_MOST),
            None if transaction is None else str(transaction),
            self._samples(fields.parts("meterValue")),
        )
        return {}

    async def _stop(self, fields: Fields) -> Payload:
        """Accepted whatever it says: a box repeats what it is not rid of."""
        reason = fields.maybe_text("reason") or Reason.local
        await self._listener.stopped(
            Stop(
                transaction=str(fields.maybe_whole("transactionId")),
                register_wh=fields.maybe_whole("meterStop"),
                at=fields.maybe_time("timestamp") or self._clock.utcnow(),
                ended=_ENDED.get(reason, Ended.BOX_WISH),
                id_tag=fields.maybe_text("idTag"),
                samples=self._samples(fields.parts("transactionData")),
            )
        )
        return {}

    async def _data_transfer(self, _: Fields) -> Payload:
        return {"status": DataTransferStatus.unknown_vendor_id}

    async def _noted(self, _: Fields) -> Payload:
        return {}

    def _samples(self, values: Sequence[Fields]) -> list[Sample]:
        return [
            sample(value.maybe_time("timestamp") or self._clock.utcnow(), map(_sampled, value.parts("sampledValue")))
            for value in values
        ]

    # --- what the box is told ----------------------------------------------------------------------------------

    async def start(self, point: int, id_tag: str) -> bool:
        """RemoteStartTransaction."""
        return await self._agreed(Action.remote_start_transaction, {"connectorId": point, "idTag": id_tag})

    async def stop(self, transaction: str) -> bool:
        """RemoteStopTransaction."""
        return await self._agreed(Action.remote_stop_transaction, {"transactionId": int(transaction)})

    async def limit(self, purpose: Purpose, point: int, limit_a: int, transaction: str | None) -> bool:
        """SetChargingProfile with one period from the beginning, in amperes with one digit."""
        whole_box = purpose is Purpose.BOX
        schedule: dict[str, Any] = {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": float(limit_a)}],
        }
        profile: dict[str, Any] = {
            "chargingProfileId": PROFILE_IDS[purpose] + (0 if whole_box else point),
            "stackLevel": 0,
            "chargingProfilePurpose": purpose.value,
            "chargingProfileKind": ChargingProfileKindType.relative,
            "chargingSchedule": schedule,
        }
        if whole_box:  # there is no transaction it could be relative to; a box whose clock is slow must not wait for it
            profile["chargingProfileKind"] = ChargingProfileKindType.absolute
            schedule["startSchedule"] = _timestamp(self._clock.utcnow() - timedelta(days=1))
        if transaction is not None:
            profile["transactionId"] = int(transaction)
        return await self._agreed(
            Action.set_charging_profile,
            {"connectorId": 0 if whole_box else point, "csChargingProfiles": profile},
        )

    async def forget_limits(self, point: int) -> None:
        """ClearChargingProfile, of everything on a connector; *Unknown* says that there was nothing."""
        await self._rpc.call(Action.clear_charging_profile, {"connectorId": point})

    async def allow(self, point: int, *, allowed: bool) -> bool:
        """ChangeAvailability; *Scheduled* is a yes, for when the transaction is over."""
        return await self._agreed(
            Action.change_availability,
            {"connectorId": point, "type": "Operative" if allowed else "Inoperative"},
            also="Scheduled",
        )

    async def ask_boot(self) -> None:
        """TriggerMessage for a BootNotification."""
        await self._ask(MessageTrigger.boot_notification)

    async def ask_status(self, point: int) -> None:
        """TriggerMessage for a StatusNotification."""
        await self._ask(MessageTrigger.status_notification, point)

    async def ask_meter(self, point: int) -> None:
        """TriggerMessage for MeterValues."""
        await self._ask(MessageTrigger.meter_values, point)

    async def settings(self) -> Settings:
        """GetConfiguration of all keys."""
        answer = await self._rpc.call(Action.get_configuration, {})
        settings: dict[str, Setting] = {}
        for fields in Fields(answer).parts("configurationKey")[:SETTINGS_MOST]:
            if key := fields.maybe_text("key"):
                settings[key] = Setting(value=fields.maybe_text("value") or "", readonly=fields.flag("readonly"))
        return settings

    async def configure(self, key: str, value: str) -> Configured:
        """ChangeConfiguration."""
        answer = await self._rpc.call(Action.change_configuration, {"key": key, "value": value})
        return {
            ConfigurationStatus.accepted: Configured.DONE,
            ConfigurationStatus.reboot_required: Configured.AFTER_REBOOT,
        }.get(answer.get("status"), Configured.REFUSED)

    async def forget_cards(self) -> None:
        """ClearCache."""
        await self._rpc.call(Action.clear_cache, {})

    async def _ask(self, message: str, point: int | None = None) -> None:
        payload: dict[str, Any] = {"requestedMessage": message}
        if point is not None:
            payload["connectorId"] = point
        if not await self._agreed(Action.trigger_message, payload):
            raise ConnectorRefused(f"{message} cannot be asked for")

    async def _agreed(self, action: str, payload: Mapping[str, Any], also: str = "Accepted") -> bool:
        answer = await self._rpc.call(action, payload)
        return answer.get("status") in ("Accepted", also)

    def _now(self) -> str:
        return _timestamp(self._clock.utcnow())


def _timestamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _info(verdict: Verdict) -> dict[str, str]:
    return {"status": _STATUSES[verdict]}


def _sampled(fields: Fields) -> SampledValue:
    plain = SampledValue(text=fields.maybe_text("value", longest=100_000) or "")
    return SampledValue(
        text=plain.text,
        measurand=fields.maybe_text("measurand") or plain.measurand,
        unit=fields.maybe_text("unit") or plain.unit,
        phase=fields.maybe_text("phase"),
        place=fields.maybe_text("location") or plain.place,
        signed=fields.maybe_text("format") == "SignedData",
    )
