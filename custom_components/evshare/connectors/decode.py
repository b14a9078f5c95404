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

from .profile_model import Point
from .profile_values import TEXTS, Scalar, Value, WordOrder

_FLOATS = {"float32": ">f", "float64": ">d"}
_INTEGERS = {"uint16": ">H", "int16": ">h", "uint32": ">I", "int32": ">i", "uint64": ">Q", "int64": ">q"}
_BARE_NAN = re.compile(r"(?<=[:\[,])(\s*)-?nan\b", re.IGNORECASE)
"""A nan where JSON wants a value. Texts with `:nan` inside are not known in any of these bodies."""


CARD_DIGITS = (8, 14, 16, 20)
"""Cards have numbers of 4, 7 or 10 bytes (ISO 14443-3), some of 8 (ISO 15693)."""
_HEX = re.compile(r"[0-9A-Fa-f]+")
MAX_WH = 10**12
"""No stall's register gets there; beyond it is a wrong word order or a broken counter."""
MAX_DIGITS = 30


type Body = Mapping[str, object] | list[object]


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
    order = "<" if point.byte_swap else ">"
    if point.type in TEXTS:
        content = struct.pack(f"{order}{len(registers)}H", *registers)
        return _finish(point, _picked(point, _text(point.type, content)) or None)
    if point.words == 1 and point.type == "uint16" and not point.byte_swap:
        integer = registers[0]
    else:
        ordered = registers if point.word_order is WordOrder.BIG else tuple(reversed(registers))
        content = struct.pack(f"{order}{len(ordered)}H", *ordered)
        if point.type in _FLOATS:
            (number,) = struct.unpack(_FLOATS[point.type], content)
            return _finish(point, Decimal(number) if math.isfinite(number) else None)
        (integer,) = struct.unpack(_INTEGERS[point.type], content)
    if point.extract is not None:
        integer = point.extract(integer)
    if point.format is not None:
        return re.sub(r"byte(\d)", lambda match: str(integer >> 8 * int(match[1]) & 0xFF), point.format)
    return _finish(point, integer)


def decode_bit(point: Point, bit: bool) -> Value:
    """Decode one coil or discrete input."""
    return _finish(point, bit)


def encode_registers(kind: str, value: int | Decimal, order: WordOrder = WordOrder.BIG) -> list[int]:
    """Encode a number for writing.

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
    registers = list(struct.unpack(f">{len(content) // 2}H", content))
    return registers if order is WordOrder.BIG else registers[::-1]


def parse_body(body: str, fixups: Sequence[str] = ()) -> Body:
    """Parse a JSON object or list; numbers with a point become decimals. `fixups` name known faults to repair first.

    Raises:
        CutOff: It begins like one and stops too early.
        Unreadable: It is something else.
    """
    content = body.strip()
    if not content.startswith(("{", "[")):
        raise Unreadable("the answer is not a JSON object")
    if "nan_to_null" in fixups:
        content = _BARE_NAN.sub(r"\1null", content)
    try:
        return _loaded(content)
    except json.JSONDecodeError as error:
        if "append_missing_brace" in fixups:
            try:
                return _loaded(content + "}")
            except json.JSONDecodeError:
                pass
        if error.pos >= len(content) or not content.endswith(("}", "]")):
            raise CutOff("the answer stops before its end") from error
        raise Unreadable(f"the answer is not JSON: {error.msg} at {error.pos}") from error
    except RecursionError as error:
        raise Unreadable("the answer is nested too deeply") from error


def decode_json(point: Point, body: Body, path: Sequence[str | int] | None = None) -> Value:
    """Take one point out of a parsed body; None where its path (or `path` in its place) leads nowhere."""
    found: object = body
    for part in point.path if path is None else path:
        if isinstance(part, str) and isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(part, int) and isinstance(found, list) and part < len(found):
            found = found[part]
        else:
            return None
    if isinstance(found, list):
        return tuple(found)
    if isinstance(found, str):
        return _finish(point, _picked(point, found.strip()) or None)
    if isinstance(found, bool | int | Decimal):
        return _finish(point, found)
    return None


def floor_wh(value: Value) -> int | None:
    """A cumulative energy in whole Wh, rounded down; None for anything that cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= MAX_WH:
        return None
    return math.floor(value)


def _loaded(content: str) -> Body:
    parsed = json.loads(content, parse_float=_decimal, parse_int=_integer, parse_constant=lambda _: None)
    if not isinstance(parsed, dict | list):
        raise Unreadable("the answer is not a JSON object")
    return parsed


def _decimal(text: str) -> Decimal | None:
    """A number of sane size: an exponent of a billion must not become a billion digits later."""
    number = Decimal(text)
    return number if abs(number.adjusted()) < MAX_DIGITS else None


def _integer(text: str) -> int | None:
    return int(text) if len(text) < MAX_DIGITS else None


def _text(kind: str, content: bytes) -> str:
    if kind == "hex":
        return content.hex().upper()
    if kind == "utf16be":
        return content.decode("utf-16-be", errors="replace").split("\0", 1)[0].strip()
    return content.strip(b"\0").split(b"\0", 1)[0].decode("ascii", errors="replace").strip()


def _picked(point: Point, text: str) -> str:
    if point.strip:
        text = text.replace(point.strip, "").strip()
    match point.pick:
        case "first_char":
            return text[:1]
        case "last_char":
            return text[-1:]
        case "uid":
            return _uid(text)
        case "card":
            return text if len(text) in CARD_DIGITS and _HEX.fullmatch(text) else ""
    return text


def _uid(text: str) -> str:
    """A card's number out of a field it does not fill: card numbers have 4, 7 or 10 bytes (ISO 14443-3)."""
    used = len(text.rstrip("0"))
    return next((text[:digits] for digits in CARD_DIGITS if digits != 16 and 0 < used <= digits), "")


def _finish(point: Point, raw: Scalar | None) -> Value:
    if raw is None or (point.null_value is not None and raw == point.null_value):
        return None
    if point.value_map is not None:
        return point.value_map.get(raw)
    if isinstance(raw, bool | str):
        return raw
    number = raw if point.scale is None else raw * point.scale
    if (point.minimum is not None and number < point.minimum) or (point.maximum is not None and number > point.maximum):
        return None
    return number
