"""Cars by the identifier they tell a connector, and what is kept of it.

A car that speaks ISO 15118-2 or DIN SPEC 70121 tells its EVCCID when it is plugged in: the MAC address of its modem,
6 bytes, in some connectors 8 (CHARX register 265, Bender 741, openWB Pro ``vehicle_id``). It is no secret and proves
nothing: whoever has read it can tell it too. It is personal, so it is kept like a card's number: as a keyed HMAC.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
import hmac
import re

from ..model import CarId, ResidentId
from .credentials import KEY_BYTES

EV_ID_LENGTHS = (6, 8)
"""EUI-48 and EUI-64."""

_DOMAIN = b"evshare car\x00"
"""A card whose number is a car's address must not be taken for the car."""
_SEPARATORS = re.compile(r"[\s:.\-]")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")


class BadEvId(ValueError):
    """Not an identifier of a car. The message never repeats it."""


@dataclass(frozen=True, kw_only=True)
class CarRecord:
    """A car that was learnt. `fingerprint`: of the identifier it told."""

    id: CarId
    resident_id: ResidentId
    fingerprint: str
    label: str = ""
    added_at: datetime | None = None
    used_at: datetime | None = None
    """When it last let itself in."""


def normalise_ev_id(text: str) -> bytes:
    """The identifier's bytes from what a connector says: hex with or without ``-``, ``:``, ``.``, spaces.

    Raises `BadEvId` for anything else, for other lengths, and for all zeros or all ones, which are no car's.
    """
    bare = _SEPARATORS.sub("", text)
    if _HEX.fullmatch(bare) is None:
        raise BadEvId("ev_id: not hexadecimal; accepted are 6 or 8 bytes in hexadecimal, as in 00-80-E1-A2-B3-C4")
    ev_id = bytes.fromhex(bare)
    if len(ev_id) not in EV_ID_LENGTHS:
        raise BadEvId(f"ev_id: {len(ev_id)} bytes came; accepted are 6 or 8 bytes in hexadecimal")
    if not any(ev_id) or all(byte == 0xFF for byte in ev_id):
        raise BadEvId("ev_id: all zeros or all ones, which connectors say when there is none")
    return ev_id


def car_fingerprint(key: bytes, ev_id: bytes) -> str:
    """32 hex digits: the keyed hash of an identifier. ValueError for a key of another length than 32."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"key: {len(key)} bytes came; {KEY_BYTES} are needed")
    return hmac.digest(key, _DOMAIN + bytes((len(ev_id),)) + ev_id, "sha256")[:16].hex()


def match_car(cars: Iterable[CarRecord], told: str) -> CarRecord | None:
    """The car with this fingerprint; None when there is none, and when several residents' cars have it."""
    found = [car for car in cars if car.fingerprint == told]
    return found[0] if len({car.resident_id for car in found}) == 1 else None
