"""Reading JSON that came over the wire, strictly: every field is named, typed and bounded, nothing else is accepted."""

from collections.abc import Callable
from datetime import UTC, datetime
import re
from typing import Any

_BIGGEST = 2**53
"""Integers above this are not exact in JSON."""
TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


class BadMessage(ValueError):
    """A message cannot be used; says which field, what came and what is accepted."""

    def __init__(self, field: str, got: object, accepted: str) -> None:
        shown = repr(got)
        super().__init__(f"{field}: got {shown if len(shown) <= 80 else shown[:80] + '…'}, accepted is {accepted}")


_MISSING = object()


class Fields:
    """One JSON object, read field by field; `done` refuses what was not asked for."""

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict):
            raise BadMessage(path or "message", value, "an object")
        self._values: dict[str, Any] = dict(value)
        self._path = f"{path}." if path else ""

    def text(self, name: str, max_length: int = 64, *, empty: bool = False) -> str:
        """Return a text of 1 (0 if `empty`) to `max_length` characters."""
        value = self._take(name)
        if not isinstance(value, str) or not (empty or value) or len(value) > max_length:
            raise BadMessage(self._path + name, value, f"a text of {0 if empty else 1} to {max_length} characters")
        if any(character < " " or "\ud800" <= character <= "\udfff" for character in value):
            raise BadMessage(self._path + name, value, "a text without control characters and lone surrogates")
        return value

    def verbatim(self, name: str, max_length: int) -> str:
        """Return a text of 1 to `max_length` characters that is kept as it came, whatever is in it."""
        value = self._take(name)
        if not isinstance(value, str) or not 0 < len(value) <= max_length:
            raise BadMessage(self._path + name, value, f"a text of 1 to {max_length} characters")
        if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
            raise BadMessage(self._path + name, value, "a text without null characters and lone surrogates")
        return value

    def whole(self, name: str, minimum: int = 0) -> int:
        """Return an integer, at least `minimum`."""
        value = self._take(name)
        if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= _BIGGEST:
            raise BadMessage(self._path + name, value, f"an integer >= {minimum}")
        return value

    def number(self, name: str) -> float:
        """Return a number of a measurement (never of energy or money, which are integers)."""
        value = self._take(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= _BIGGEST:
            raise BadMessage(self._path + name, value, "a number")
        return float(value)

    def flag(self, name: str) -> bool:
        """Return true or false."""
        value = self._take(name)
        if not isinstance(value, bool):
            raise BadMessage(self._path + name, value, "true or false")
        return value

    def time(self, name: str) -> datetime:
        """Return an instant, written as RFC 3339 in UTC with ``Z``."""
        value = self._take(name)
        if isinstance(value, str) and value.endswith("Z"):
            try:
                return datetime.fromisoformat(value).astimezone(UTC)
            except ValueError:
                pass
        raise BadMessage(self._path + name, value, "a UTC time such as 2026-06-29T18:00:00Z")

    def time_of_day(self, name: str) -> str:
        """Return a time of the building's clock, HH:MM."""
        value = self._take(name)
        if not isinstance(value, str) or not TIME_OF_DAY.fullmatch(value):
            raise BadMessage(self._path + name, value, "a time of day such as 22:30")
        return value

    def optional[T](self, name: str, read: Callable[[str], T]) -> T | None:
        """Return None for an explicit null, else what `read` makes of the field."""
        if name in self._values and self._values[name] is None:
            del self._values[name]
            return None
        return read(name)

    def newer[T](self, name: str, read: Callable[[str], T]) -> T | None:
        """Return what `read` makes of a field of a later version; None where it is missing or null."""
        return self.optional(name, read) if name in self._values else None

    def child(self, name: str) -> Fields:
        """Return a nested object."""
        return Fields(self._take(name), self._path + name)

    def children(self, name: str, at_most: int) -> list[Fields]:
        """Return a list of nested objects."""
        value = self._take(name)
        if not isinstance(value, list) or len(value) > at_most:
            raise BadMessage(self._path + name, value, f"a list of at most {at_most} objects")
        return [Fields(item, f"{self._path}{name}[{place}]") for place, item in enumerate(value)]

    def raw(self, name: str) -> Any:
        """Return a field as it came."""
        return self._take(name)

    def refuse(self, name: str, got: object, accepted: str) -> BadMessage:
        """Return the error about one of these fields."""
        return BadMessage(self._path + name, got, accepted)

    def done(self) -> None:
        """Refuse fields nobody asked for: what they mean is not known, so nothing may be done."""
        if self._values:
            name = next(iter(self._values))
            raise BadMessage(self._path + name, self._values[name], "no such field")

    def _take(self, name: str) -> Any:
        value = self._values.pop(name, _MISSING)
        if value is _MISSING:
            raise BadMessage(self._path + name, None, "this field, which is missing")
        return value
