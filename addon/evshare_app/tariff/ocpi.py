"""An OCPI 2.2.1 Tariff object, read strictly: what we cannot rate exactly is refused by name, never ignored.

Source: OCPI 2.2.1 `mod_tariffs.asciidoc`. Prices are net of VAT, per kWh or per hour. Currents and reservations are
refused: the stalls' registers do not measure the one, and nobody can make the other here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import StrEnum
import json
from typing import Any

from babel.numbers import list_currencies

DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
TARIFF_TYPES = ("AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR")


class TariffError(ValueError):
    """The tariff cannot be used; the message names the field, what came and what is accepted."""


class Dimension(StrEnum):
    """What is priced."""

    ENERGY = "ENERGY"  # per kWh; step in Wh
    FLAT = "FLAT"  # per session
    TIME = "TIME"  # charging, per hour; step in seconds
    PARKING_TIME = "PARKING_TIME"  # connected and not asking for energy, per hour; step in seconds


@dataclass(frozen=True, kw_only=True)
class PriceComponent:
    """A price of one dimension, net."""

    type: Dimension
    price: Decimal
    vat: Decimal | None = None
    """Percent; None: no VAT applies."""
    step_size: int = 1


@dataclass(frozen=True, kw_only=True)
class Restrictions:
    """When an element is active. All given ones must hold; times and dates are the building's local ones."""

    start_time: time | None = None
    end_time: time | None = None
    start_date: date | None = None
    end_date: date | None = None
    min_kwh: Decimal | None = None
    max_kwh: Decimal | None = None
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    day_of_week: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TariffElement:
    """Prices that hold together under the same restrictions."""

    price_components: tuple[PriceComponent, ...]
    restrictions: Restrictions = field(default_factory=Restrictions)


@dataclass(frozen=True, kw_only=True)
class PriceLimit:
    """The least or the most a session costs."""

    excl_vat: Decimal
    incl_vat: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class DisplayText:
    """A text in a language (ISO 639-1)."""

    language: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Tariff:
    """A tariff as OCPI 2.2.1 defines it. `to_json` gives back the object it was read from."""

    country_code: str
    party_id: str
    id: str
    currency: str
    elements: tuple[TariffElement, ...]
    last_updated: datetime
    type: str | None = None
    tariff_alt_text: tuple[DisplayText, ...] = ()
    tariff_alt_url: str | None = None
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    start_date_time: datetime | None = None
    end_date_time: datetime | None = None

    def to_json(self) -> str:
        """Return the OCPI object as canonical JSON (sorted keys, no spaces)."""
        return dump(self)


def dump(value: object) -> str:
    """Return canonical JSON of OCPI values: decimals as numbers, times as RFC 3339 with Z, absent fields left out."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)


def load(text: str) -> dict[str, Any]:
    """Read what `dump` wrote, numbers exact."""
    loaded: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return loaded


def rfc3339(at: datetime) -> str:
    """Return an OCPI DateTime."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _plain(value: object) -> object:
    match value:
        case Decimal():
            # Only to be printed: a double writes back any decimal of up to 15 digits as it came, and ours are shorter.
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime():
            return rfc3339(value)
        case date():
            return value.isoformat()
        case time():
            return f"{value:%H:%M}"
        case Tariff() | TariffElement() | PriceComponent() | Restrictions() | PriceLimit() | DisplayText():
            absent = (None, (), Restrictions())
            return {name: one for name, one in vars(value).items() if one not in absent}
    msg = f"no JSON for {value!r}"
    raise TypeError(msg)


def parse_tariff(source: Mapping[str, Any]) -> Tariff:
    """Read a Tariff object.

    Raises:
        TariffError: a field is missing, unknown, of another kind, or a restriction that cannot be rated here.
    """
    required = {"country_code", "party_id", "id", "currency", "elements", "last_updated"}
    return Tariff(**_object("", source, _TARIFF, required))


type _Reader = Callable[[str, Any], Any]


def _refuse(path: str, got: object, accepted: str) -> TariffError:
    return TariffError(f"{path}: got {got!r}, accepted is {accepted}")


def _object(path: str, source: Any, readers: Mapping[str, _Reader], required: set[str]) -> dict[str, Any]:
    where = f"{path}." if path else ""
    if not isinstance(source, Mapping):
        raise _refuse(path or "tariff", source, "an object")
    for name in source:
        if name not in readers:
            msg = f"{where}{name}: is not accepted here, accepted are {', '.join(readers)}"
            raise TariffError(msg)
    for name in sorted(required - source.keys()):
        msg = f"{where}{name}: is missing"
        raise TariffError(msg)
    return {name: readers[name](f"{where}{name}", value) for name, value in source.items()}


def _number(path: str, value: Any) -> Decimal:
    # bool is an int to Python, but not a number to JSON.
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite() and 0 <= number < 10**9 and number == round(number, 4):
            return number.normalize()
    raise _refuse(path, value, "a number from 0 to 999999999 with at most 4 decimals")


def _percent(path: str, value: Any) -> Decimal:
    number = _number(path, value)
    if number > 100:
        raise _refuse(path, value, "a percentage from 0 to 100")
    return number


def _whole(least: int) -> _Reader:
    def read(path: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 10**9:
            raise _refuse(path, value, f"a whole number from {least}")
        return value

    return read


def _text(longest: int, shortest: int = 1) -> _Reader:
    def read(path: str, value: Any) -> str:
        if not isinstance(value, str) or not shortest <= len(value) <= longest or not value.isprintable():
            raise _refuse(path, value, f"a text of {shortest} to {longest} characters")
        return value

    return read


def _one_of(accepted: tuple[str, ...]) -> _Reader:
    def read(path: str, value: Any) -> str:
        if value not in accepted:
            raise _refuse(path, value, f"one of {', '.join(accepted)}")
        return str(value)

    return read


def _list(read_one: _Reader) -> _Reader:
    def read(path: str, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or not 0 < len(value) <= 1000:
            raise _refuse(path, value, "a list with 1 to 1000 entries")
        return tuple(read_one(f"{path}[{place}]", one) for place, one in enumerate(value))

    return read


def _currency(path: str, value: Any) -> str:
    if value not in list_currencies():
        raise _refuse(path, value, "an ISO 4217 code")
    return str(value)


def _instant(path: str, value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(value)
    except TypeError, ValueError:
        raise _refuse(path, value, "a UTC time like 2026-11-20T05:00:00Z") from None
    # OCPI: a time without Z means UTC; other offsets are not allowed.
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    if at.utcoffset():
        raise _refuse(path, value, "a UTC time like 2026-11-20T05:00:00Z")
    return at.astimezone(UTC)


def _time_of_day(path: str, value: Any) -> time:
    try:
        if isinstance(value, str) and len(value) == 5:
            return datetime.strptime(value, "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone of its own
    except ValueError:
        pass
    raise _refuse(path, value, "a local time of day like 22:00")


def _day(path: str, value: Any) -> date:
    try:
        if isinstance(value, str) and len(value) == 10:
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise _refuse(path, value, "a local date like 2026-12-24")


def _alt_text(path: str, value: Any) -> DisplayText:
    return DisplayText(**_object(path, value, {"language": _text(2, 2), "text": _text(512)}, {"language", "text"}))


def _limit(path: str, value: Any) -> PriceLimit:
    limit = PriceLimit(**_object(path, value, {"excl_vat": _number, "incl_vat": _number}, {"excl_vat"}))
    if limit.incl_vat is not None and limit.incl_vat < limit.excl_vat:
        raise _refuse(f"{path}.incl_vat", limit.incl_vat, "a price not below excl_vat")
    return limit


def _component(path: str, value: Any) -> PriceComponent:
    read = _object(path, value, _COMPONENT, {"type", "price", "step_size"})
    return PriceComponent(**read | {"type": Dimension(read["type"])})


def _restrictions(path: str, value: Any) -> Restrictions:
    return Restrictions(**_object(path, value, _RESTRICTIONS, set()))


def _element(path: str, value: Any) -> TariffElement:
    read = _object(path, value, _ELEMENT, {"price_components"})
    dimensions = [component.type for component in read["price_components"]]
    if len(set(dimensions)) < len(dimensions):
        raise _refuse(f"{path}.price_components", [str(one) for one in dimensions], "each type at most once")
    return TariffElement(**read)


_COMPONENT: dict[str, _Reader] = {
    "type": _one_of(tuple(Dimension)),
    "price": _number,
    "vat": _percent,
    "step_size": _whole(1),
}
_RESTRICTIONS: dict[str, _Reader] = {
    "start_time": _time_of_day,
    "end_time": _time_of_day,
    "start_date": _day,
    "end_date": _day,
    "min_kwh": _number,
    "max_kwh": _number,
    "min_power": _number,
    "max_power": _number,
    "min_duration": _whole(0),
    "max_duration": _whole(0),
    "day_of_week": _list(_one_of(DAYS)),
}
_ELEMENT: dict[str, _Reader] = {"price_components": _list(_component), "restrictions": _restrictions}
_TARIFF: dict[str, _Reader] = {
    "country_code": _text(2, 2),
    "party_id": _text(3, 3),
    "id": _text(36),
    "currency": _currency,
    "type": _one_of(TARIFF_TYPES),
    "tariff_alt_text": _list(_alt_text),
    "tariff_alt_url": _text(255),
    "min_price": _limit,
    "max_price": _limit,
    "elements": _list(_element),
    "start_date_time": _instant,
    "end_date_time": _instant,
    "last_updated": _instant,
}
assert {one.name for one in fields(Tariff)} == _TARIFF.keys()
assert {one.name for one in fields(Restrictions)} == _RESTRICTIONS.keys()
