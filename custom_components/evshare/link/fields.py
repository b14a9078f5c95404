"""Typed looks into a JSON object that came over the link. No socket, no clock."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time
import json
import re
from typing import Any

from ..model import ChargeMode
from .messages import BadMessage

_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")


class Fields:
    """A JSON object; each look raises `BadMessage` naming the field, what came and what is accepted.

    Fields a later version added beside the known ones are ignored.
    """

    def __init__(self, fields: Mapping[str, Any], prefix: str, version: int) -> None:
        self._fields = fields
        self._prefix = prefix
        self._version = version
        """Of the link, in which it was said."""

    def get(self, name: str) -> Any:
        """Whatever it is."""
        if name not in self._fields:
            msg = f"{self._prefix}{name} is missing"
            raise BadMessage(msg)
        return self._fields[name]

    def since_2[T](self, name: str, read: Callable[[str], T], before: T) -> T:
        """What `read` makes of a field that version 2 added; `before` where it is left out in version 1."""
        return self._since(2, name, read, before)

    def since_3[T](self, name: str, read: Callable[[str], T], before: T) -> T:
        """What `read` makes of a field that version 3 added; `before` where it is left out earlier."""
        return self._since(3, name, read, before)

    def _since[T](self, version: int, name: str, read: Callable[[str], T], before: T) -> T:
        return before if self._version < version and name not in self._fields else read(name)

    def optional[T](self, name: str, read: Callable[[str], T]) -> T | None:
        """None for null, else what `read` makes of it."""
        return None if self.get(name) is None else read(name)

    def text(self, name: str) -> str:
        """A text that is not empty."""
        value = self.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= 1000:
            raise self._refuse(name, "a text of 1 to 1000 characters")
        return value

    def label(self, name: str) -> str:
        """A short text, may be empty, on one line."""
        value = self.get(name)
        if not isinstance(value, str) or len(value) > 60 or not (value.isprintable() or not value):
            raise self._refuse(name, "a text of at most 60 characters on one line")
        return value.strip()

    def texts(self, name: str) -> list[str]:
        """A list of texts that are not empty."""
        value = self.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self._refuse(name, "a list of texts")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self.get(name)
        if not isinstance(value, bool):
            raise self._refuse(name, "true or false")
        return value

    def integer(self, name: str, least: int | None = 0, most: int | None = None) -> int:
        """An integer in a range."""
        value = self.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._refuse(name, "an integer")
        if (least is not None and value < least) or (most is not None and value > most):
            raise self._refuse(name, f"an integer from {least}" + ("" if most is None else f" to {most}"))
        return value

    def weekdays(self, name: str) -> frozenset[int]:
        """Days of the week, 1 is Monday."""
        value = self.get(name)
        accepted = range(1, 8)
        if not isinstance(value, list) or not value or not all(type(day) is int and day in accepted for day in value):
            raise self._refuse(name, "a list of days from 1 (Monday) to 7")
        return frozenset(value)

    def choice(self, name: str, accepted: Sequence[str]) -> str:
        """One of these."""
        value = self.get(name)
        if value not in accepted:
            raise self._refuse(name, ", ".join(accepted))
        return str(value)

    def mode(self, name: str) -> ChargeMode:
        """A charge mode."""
        return ChargeMode(self.choice(name, list(ChargeMode)))

    def instant(self, name: str) -> datetime:
        """An instant."""
        value = self.text(name)
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            at = None
        if at is None or at.utcoffset() is None:
            raise self._refuse(name, "a time like 2026-06-29T18:05:00Z")
        return at.astimezone(UTC)

    def clock(self, name: str) -> time:
        """A time of day."""
        value = self.get(name)
        if not isinstance(value, str) or _CLOCK.fullmatch(value) is None:
            raise self._refuse(name, "a time of day from 00:00 to 23:59")
        return time.fromisoformat(value)

    def inner(self, name: str) -> Fields:
        """An object."""
        value = self.get(name)
        if not isinstance(value, dict):
            raise self._refuse(name, "an object")
        return Fields(value, f"{self._prefix}{name}.", self._version)

    def each(self, name: str, most: int) -> list[Fields]:
        """A list of objects."""
        value = self.get(name)
        if not isinstance(value, list) or len(value) > most or not all(isinstance(item, dict) for item in value):
            raise self._refuse(name, f"a list of at most {most} objects")
        return [Fields(item, f"{self._prefix}{name}[{place}].", self._version) for place, item in enumerate(value)]

    def _refuse(self, name: str, accepted: str) -> BadMessage:
        return BadMessage(f"{self._prefix}{name}: got {json.dumps(self._fields[name])[:100]}, accepted is {accepted}")
