"""How the messages of a simulated OCPP 1.6 box look (OCPP 1.6, section 6). Pure."""

from datetime import UTC, datetime

from demo.boxes.ocpp_line import Payload
from demo.boxes.ocpp_outlet import OcppOutlet, Transaction


def boot(serial: str) -> Payload:
    """BootNotification."""
    return {
        "chargePointVendor": "Simulated",
        "chargePointModel": "Box 22",
        "chargePointSerialNumber": serial,
        "firmwareVersion": "5.2",
    }


def status(outlet: OcppOutlet, at: datetime) -> Payload:
    """StatusNotification."""
    return {
        "connectorId": outlet.number,
        "errorCode": "NoError",
        "status": outlet.status,
        "timestamp": _text(at),
    }


def meter_value(outlet: OcppOutlet, at: datetime) -> Payload:
    """One value of MeterValues."""
    return {"timestamp": _text(at), "sampledValue": outlet.meter()}


def start(outlet: OcppOutlet, transaction: Transaction) -> Payload:
    """StartTransaction."""
    return {
        "connectorId": outlet.number,
        "idTag": transaction.tag,
        "meterStart": transaction.start_wh,
        "timestamp": _text(transaction.started_at),
    }


def stop(outlet: OcppOutlet, at: datetime, reason: str, tag: str | None) -> Payload:
    """StopTransaction, but for the id of the transaction: that may be learnt later."""
    payload: Payload = {"meterStop": outlet.register_wh, "timestamp": _text(at), "reason": reason}
    return payload if tag is None else {**payload, "idTag": tag}


def transaction_data(at: datetime, sampled: Payload) -> Payload:
    """What StopTransaction says besides, with one sampled value."""
    return {"transactionData": [{"timestamp": _text(at), "sampledValue": [sampled]}]}


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
