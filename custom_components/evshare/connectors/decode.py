"""From registers and JSON to values, exactly as a profile's point says. Pure.

Numbers stay integers and decimals all the way, so that a register's Wh are never rounded by a float. What cannot be a
value (NaN, infinity, the point's null value, a missing key) is None.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
import json
import math
import re
import struct

from .profile_model import Point, Scalar, Value, WordOrder

_FLOATS = {"float32": ">f", "float64": ">d"}
_INTEGERS = {"uint16": ">H", "int16": ">h", "uint32": ">I", "int32": ">i", "uint64": ">Q", "int64": ">q"}
_BARE_NAN = re.compile(r"(?<=[:\[,])(\s*)-?nan\b", re.IGNORECASE)
"""A nan where JSON wants a value. Texts with `:nan` inside are not known in any of these bodies."""


MAX_WH = 10**12
"""No stall's register gets there; beyond it is a wrong word order or a broken counter."""
MAX_DIGITS = 30


class Unreadable(ValueError):
    """A body that is not the JSON object that was expected."""


class CutOff(Unreadable):
    """A body that stops before its end."""


def decode_registers(point: Point, registers: Sequence[int]) -> Value:
    """Decode the registers of one point (as many as it is wide).

    Raises:
        ValueError: Not the point's number of registers.
    """
    if len(registers) != point.words:
        raise ValueError(f"{point.name}: got {len(registers)} registers; accepted: {point.words}")
    if point.type in ("ascii", "hex"):
        content = struct.pack(f">{len(registers)}H", *registers)
        raw: Scalar = content.hex().upper() if point.type == "hex" else _text(content)
        return _finish(point, raw or None)
    ordered = registers if point.word_order is WordOrder.BIG else tuple(reversed(registers))
    content = struct.pack(f">{len(ordered)}H", *ordered)
    if point.type in _FLOATS:
        (number,) = struct.unpack(_FLOATS[point.type], content)
        return _finish(point, Decimal(number) if math.isfinite(number) else None)
    (integer,) = struct.unpack(_INTEGERS[point.type], content)
    if point.extract is not None:
        integer = point.extract(integer)
    if point.format is not None:
        return re.sub(r"byte(\d)", lambda match: str(integer >> 8 * int(match[1]) & 0xFF), point.format)
    return _finish(point, integer)


def encode_registers(kind: str, value: int | Decimal) -> list[int]:
    """Encode a number for writing, high word first.

    Raises:
        ValueError: It does not fit the type.
    """
    try:
        if kind in _FLOATS:
            content = struct.pack(_FLOATS[kind], float(value))
        else:
            content = struct.pack(_INTEGERS[kind], int(value))
    except struct.error as error:
        raise ValueError(f"got {value}; accepted: what fits {kind}") from error
    return list(struct.unpack(f">{len(content) // 2}H", content))


def parse_object(body: str, fixups: Sequence[str] = ()) -> Mapping[str, object]:
    """Parse a JSON object; numbers with a point become decimals. `fixups` name known faults to repair first.

    Raises:
        CutOff: It begins like an object and stops too early.
        Unreadable: It is something else.
    """
    content = body.strip()
    if not content.startswith("{"):
        raise Unreadable("the answer is not a JSON object")
    if "nan_to_null" in fixups:
        content = _BARE_NAN.sub(r"\1null", content)
    try:
        return _object(content)
    except json.JSONDecodeError as error:
        if "append_missing_brace" in fixups:
            try:
                return _object(content + "}")
            except json.JSONDecodeError:
                pass
        if error.pos >= len(content) or not content.endswith("}"):
            raise CutOff("the answer stops before its end") from error
        raise Unreadable(f"the answer is not JSON: {error.msg} at {error.pos}") from error
    except RecursionError as error:
        raise Unreadable("the answer is nested too deeply") from error


def decode_json(point: Point, body: Mapping[str, object]) -> Value:
    """Take one point out of a parsed body; None where its path leads nowhere."""
    found: object = body
    for part in point.path:
        if isinstance(part, str) and isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(part, int) and isinstance(found, list) and part < len(found):
            found = found[part]
        else:
            return None
    if isinstance(found, list):
        return tuple(found)
    if isinstance(found, str):
        return _finish(point, found.replace(point.strip, "").strip() if point.strip else found.strip())
    if isinstance(found, bool | int | Decimal):
        return _finish(point, found)
    return None


def floor_wh(value: Value) -> int | None:
    """A cumulative energy in whole Wh, rounded down; None for anything that cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= MAX_WH:
        return None
    return math.floor(value)


def _object(content: str) -> Mapping[str, object]:
    parsed = json.loads(content, parse_float=_decimal, parse_int=_integer, parse_constant=lambda _: None)
    if not isinstance(parsed, dict):
        raise Unreadable("the answer is not a JSON object")
    return parsed


def _decimal(text: str) -> Decimal | None:
    """A number of sane size: an exponent of a billion must not become a billion digits later."""
    number = Decimal(text)
    return number if abs(number.adjusted()) < MAX_DIGITS else None


def _integer(text: str) -> int | None:
    return int(text) if len(text) < MAX_DIGITS else None


def _text(content: bytes) -> str:
    return content.split(b"\0", 1)[0].decode("ascii", errors="replace").strip()


def _finish(point: Point, raw: Scalar | None) -> Value:
    if raw is None or (point.null_value is not None and raw == point.null_value):
        return None
    if point.value_map is not None:
        return point.value_map.get(raw)
    if point.scale is not None and isinstance(raw, int | Decimal) and not isinstance(raw, bool):
        return raw * point.scale
    return raw
