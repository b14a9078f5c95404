"""Readers of single JSON fields: each returns the value, or refuses it and names the field and what is accepted."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from ..i18n import mark
from .objects import TariffError

type Reader = Callable[[str, Any], Any]


def refuse(path: str, got: object, accepted: str, **values: object) -> TariffError:
    """Return the error to raise; `accepted` is a message id, `values` go into it."""
    message = mark("%(path)s: got %(got)s, accepted is %(accepted)s")
    return TariffError(message, accepted=accepted, path=path, got=repr(got), **values)


def read_object(path: str, source: Any, readers: Mapping[str, Reader], required: set[str]) -> dict[str, Any]:
    """Read the fields of an object; unknown and missing ones are refused."""
    where = f"{path}." if path else ""
    if not isinstance(source, Mapping):
        raise refuse(path or "tariff", source, mark("an object"))
    for name in source:
        if name not in readers:
            message = mark("%(path)s: is not accepted here, accepted are %(names)s")
            raise TariffError(message, path=f"{where}{name}", names=", ".join(readers))
    for name in sorted(required - source.keys()):
        raise TariffError(mark("%(path)s: is missing"), path=f"{where}{name}")
    return {name: readers[name](f"{where}{name}", value) for name, value in source.items()}


def number(path: str, value: Any) -> Decimal:
    """Read a number that is not negative."""
    return _decimal(path, value, 0)


def signed(path: str, value: Any) -> Decimal:
    """Read a number."""
    return _decimal(path, value, 1 - 10**9)


def _decimal(path: str, value: Any, least: int) -> Decimal:
    # bool is an int to Python, but not a number to JSON.
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        try:
            read = Decimal(str(value))
        except InvalidOperation:
            read = Decimal("NaN")
        if read.is_finite() and least <= read < 10**9 and read == round(read, 4):
            return read.normalize()
    raise refuse(path, value, mark("a number from %(least)s to 999999999 with at most 4 decimals"), least=least)


def percent(path: str, value: Any) -> Decimal:
    """Read a percentage."""
    read = number(path, value)
    if read > 100:
        raise refuse(path, value, mark("a percentage from 0 to 100"))
    return read


def whole(least: int) -> Reader:
    """Read a whole number."""

    def read(path: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 10**9:
            raise refuse(path, value, mark("a whole number from %(least)s"), least=least)
        return value

    return read


def yes_or_no(path: str, value: Any) -> bool:
    """Read a boolean."""
    if not isinstance(value, bool):
        raise refuse(path, value, mark("true or false"))
    return value


def text(longest: int, shortest: int = 1) -> Reader:
    """Read a printable text."""

    def read(path: str, value: Any) -> str:
        if not isinstance(value, str) or not shortest <= len(value) <= longest or not value.isprintable():
            accepted = mark("a text of %(shortest)s to %(longest)s characters")
            raise refuse(path, value, accepted, shortest=shortest, longest=longest)
        return value

    return read


def one_of(accepted: tuple[str, ...]) -> Reader:
    """Read one of some words."""

    def read(path: str, value: Any) -> str:
        if value not in accepted:
            raise refuse(path, value, mark("one of %(choices)s"), choices=", ".join(accepted))
        return str(value)

    return read


def many(read_one: Reader) -> Reader:
    """Read a list with at least one entry."""

    def read(path: str, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or not 0 < len(value) <= 1000:
            raise refuse(path, value, mark("a list with 1 to 1000 entries"))
        return tuple(read_one(f"{path}[{place}]", one) for place, one in enumerate(value))

    return read


def instant(path: str, value: Any) -> datetime:
    """Read a UTC time. OCPI: one without Z is UTC too; other offsets are not allowed."""
    try:
        at = datetime.fromisoformat(value)
    except TypeError, ValueError:
        raise refuse(path, value, mark("a UTC time like 2026-11-20T05:00:00Z")) from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    if at.utcoffset():
        raise refuse(path, value, mark("a UTC time like 2026-11-20T05:00:00Z"))
    return at.astimezone(UTC)


def time_of_day(path: str, value: Any) -> time:
    """Read a local time of day."""
    try:
        if isinstance(value, str) and len(value) == 5:
            return datetime.strptime(value, "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone of its own
    except ValueError:
        pass
    raise refuse(path, value, mark("a local time of day like 22:00"))


def day(path: str, value: Any) -> date:
    """Read a local date."""
    try:
        if isinstance(value, str) and len(value) == 10:
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise refuse(path, value, mark("a local date like 2026-12-24"))
