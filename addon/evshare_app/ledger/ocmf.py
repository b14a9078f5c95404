"""What a connector or meter signed itself (OCMF, Open Charge Metering Format 1.x): read and checked, never rewritten.

A text is ``OCMF|{payload}|{signature}``. The signature is ECDSA over the payload exactly as it stands between the two
bars, so nothing here writes JSON. Whether the public key belongs to the meter is for people to compare: it is printed
on the device. evshare itself is no legal metrology; it hands on what the meter signed.

Source: OCMF 1.2 (SAFE), "Signature Data Section" and tables 22, 23: `SA` defaults to ECDSA-secp256r1-SHA256, `SE` to
hex, `SM` to DER. Fields of a reading that are left out are those of the reading before.
"""

import base64
import binascii
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
import json
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

LONGEST = 20_000
"""Characters of a text; those of real meters have about a thousand."""
_DEFAULT = "ECDSA-secp256r1-SHA256"
_CURVES: dict[str, type[ec.EllipticCurve]] = {
    _DEFAULT: ec.SECP256R1,
    "ECDSA-secp192r1-SHA256": ec.SECP192R1,
    "ECDSA-secp256k1-SHA256": ec.SECP256K1,
    "ECDSA-secp384r1-SHA256": ec.SECP384R1,
    "ECDSA-brainpool256r1-SHA256": ec.BrainpoolP256R1,
    "ECDSA-brainpool384r1-SHA256": ec.BrainpoolP384R1,
}
_CARRIED = ("TX", "RI", "RU", "RT", "EF", "ST")
_WH = {"kWh": 1000, "Wh": 1}


class OcmfError(ValueError):
    """The text is no OCMF; the message says where."""


class Result(StrEnum):
    """What checking a text came to."""

    VALID = "valid"
    INVALID = "invalid"  # the signature is not that of this key over this payload
    NO_KEY = "no_key"
    UNSUPPORTED = "unsupported"  # signed in a way that cannot be checked here (secp192k1)
    UNREADABLE = "unreadable"


@dataclass(frozen=True, kw_only=True)
class SignedReading:
    """One reading (RD) of a payload."""

    at: str
    """As the meter wrote it: local time, offset, and how well its clock was set (U, I, S, R)."""
    reason: str
    """TX: B begin, C during, E end …"""
    register: str
    """OBIS code."""
    register_wh: Decimal | None
    """None where it is no energy."""
    status: str
    """ST: G is good."""
    errors: str


@dataclass(frozen=True, kw_only=True)
class Ocmf:
    """A text and its parts."""

    text: str
    payload: str
    """The signed characters."""
    serial: str
    """Of the meter, or of what signs for it."""
    page: str
    identified_as: str
    readings: tuple[SignedReading, ...]
    algorithm: str
    signature: bytes


def parse(text: str) -> Ocmf:
    """Take a text apart. Raises `OcmfError`."""
    if len(text) > LONGEST:
        msg = f"text: got {len(text)} characters, accepted are at most {LONGEST}"
        raise OcmfError(msg)
    parts = text.split("|")
    if len(parts) != 3 or parts[0] != "OCMF":
        msg = f"text: got {text[:40]!r}, accepted is OCMF|payload|signature"
        raise OcmfError(msg)
    payload, signature = (_object(name, part) for name, part in zip(("payload", "signature"), parts[1:], strict=True))
    if signature.get("SM", "application/x-der") != "application/x-der":
        msg = f"SM: got {signature['SM']!r}, accepted is application/x-der"
        raise OcmfError(msg)
    return Ocmf(
        text=text,
        payload=parts[1],
        serial=str(payload.get("MS") or payload.get("GS") or ""),
        page=str(payload.get("PG", "")),
        identified_as=str(payload.get("ID", "")),
        readings=_readings(payload.get("RD", [])),
        algorithm=str(signature.get("SA", _DEFAULT)),
        signature=_bytes("SD", signature.get("SD"), str(signature.get("SE", "hex"))),
    )


def check(text: str, public_key: str | None) -> Result:
    """Say whether a text was signed with this key: DER (SubjectPublicKeyInfo) or a point, as hex or base64."""
    try:
        read = parse(text)
    except OcmfError:
        return Result.UNREADABLE
    if not public_key:
        return Result.NO_KEY
    curve = _CURVES.get(read.algorithm)
    if curve is None:
        return Result.UNSUPPORTED
    try:
        key = _key(public_key, curve)
        if not isinstance(key.curve, curve):
            return Result.INVALID
        key.verify(read.signature, read.payload.encode(), ec.ECDSA(SHA256()))
    except InvalidSignature:
        return Result.INVALID
    except UnsupportedAlgorithm:
        return Result.UNSUPPORTED
    except OcmfError, ValueError:
        return Result.INVALID
    return Result.VALID


def _key(text: str, curve: type[ec.EllipticCurve]) -> ec.EllipticCurvePublicKey:
    compact = "".join(text.split())
    try:
        raw = bytes.fromhex(compact)
    except ValueError:
        raw = _bytes("public key", compact, "base64")
    if raw[:1] in (b"\x02", b"\x03", b"\x04"):
        return ec.EllipticCurvePublicKey.from_encoded_point(curve(), raw)
    key = load_der_public_key(raw)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        msg = f"public key: got {type(key).__name__}, accepted is one of an elliptic curve"
        raise OcmfError(msg)
    return key


def _object(name: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_float=Decimal)
    except ValueError, RecursionError:
        value = None
    if not isinstance(value, dict):
        msg = f"{name}: got {text[:40]!r}, accepted is a JSON object"
        raise OcmfError(msg)
    return value


def _readings(value: Any) -> tuple[SignedReading, ...]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        msg = "RD: accepted is a list of readings"
        raise OcmfError(msg)
    carried: dict[str, Any] = {}
    readings = []
    for one in value:
        carried |= {name: one[name] for name in _CARRIED if name in one}
        readings.append(
            SignedReading(
                at=str(one.get("TM", "")),
                reason=str(carried.get("TX", "")),
                register=str(carried.get("RI", "")),
                register_wh=_energy(one.get("RV"), carried.get("RU")),
                status=str(carried.get("ST", "")),
                errors=str(carried.get("EF", "")),
            )
        )
    return tuple(readings)


def _energy(value: Any, unit: Any) -> Decimal | None:
    if value is None or unit not in _WH:
        return None
    try:
        return Decimal(str(value)) * _WH[unit]
    except InvalidOperation:
        msg = f"RV: got {value!r}, accepted is a number"
        raise OcmfError(msg) from None


def _bytes(name: str, value: Any, encoding: str) -> bytes:
    try:
        if isinstance(value, str) and encoding == "hex":
            return bytes.fromhex(value)
        if isinstance(value, str) and encoding == "base64":
            return base64.b64decode(value, validate=True)
    except ValueError, binascii.Error:
        pass
    msg = f"{name}: got {value!r}, accepted is {encoding if encoding in ('hex', 'base64') else 'hex or base64'}"
    raise OcmfError(msg)
