"""The fields of a message, read with care: a box may send anything."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
import math
from typing import Any

from ocpp.exceptions import (  # type: ignore[import-untyped]
    OccurenceConstraintViolationError,
    PropertyConstraintViolationError,
    TypeConstraintViolationError,
)

LONGEST = 255
PARTS_MOST = 1000
HIGHEST = 2**53


class Fields:
    """The fields of one JSON object. What is needed and wrong raises an `OCPPError` that names it."""

    def __init__(self, payload: Any) -> None:
        self._payload: Mapping[str, Any] = payload if isinstance(payload, Mapping) else {}

    def text(self, name: str) -> str:
        """A text that must be there."""
        value = self._needed(name)
        if not isinstance(value, str):
            raise TypeConstraintViolationError(description=f"{name}: accepted is text")
        if not 0 < len(value) <= LONGEST:
            raise PropertyConstraintViolationError(description=f"{name}: accepted are 1 to {LONGEST} characters")
        return value

    def maybe_text(self, name: str, longest: int = LONGEST) -> str | None:
        """A text, or a number for one; None: not there, or of no use."""
        value = self._payload.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        return value if isinstance(value, str) and 0 < len(value) <= longest else None

    def whole(self, name: str, *, least: int = 0, most: int = HIGHEST) -> int:
        """A whole number that must be there."""
        value = self._needed(name)
        number = _whole(value)
        if number is None:
            raise TypeConstraintViolationError(description=f"{name}: accepted is a whole number")
        if not least <= number <= most:
            raise PropertyConstraintViolationError(description=f"{name}: accepted are {least} to {most}")
        return number

    def maybe_whole(self, name: str) -> int | None:
        """A whole number; None: not there, or of no use."""
        number = _whole(self._payload.get(name))
        return number if number is not None and 0 <= number <= HIGHEST else None

    def time(self, name: str) -> datetime:
        """A time that must be there; without a zone it is taken for UTC."""
        self._needed(name)
        at = self.maybe_time(name)
        if at is None:
            raise PropertyConstraintViolationError(description=f"{name}: accepted is a time as in ISO 8601")
        return at

    def maybe_time(self, name: str) -> datetime | None:
        """A time; None: not there, or of no use."""
        value = self._payload.get(name)
        try:
            at = datetime.fromisoformat(value) if isinstance(value, str) else None
            return None if at is None else at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
        except ValueError, OverflowError:
            return None

    def one_of[E: StrEnum](self, name: str, words: type[E]) -> E:
        """One of several words that must be there."""
        value = self.text(name)
        try:
            return words(value)
        except ValueError as error:
            accepted = ", ".join(words)
            raise PropertyConstraintViolationError(description=f"{name}: accepted are {accepted}") from error

    def flag(self, name: str) -> bool:
        """Whether it is true."""
        return self._payload.get(name) is True

    def parts(self, name: str) -> list[Fields]:
        """The objects of a list; none when it is no list."""
        value = self._payload.get(name)
        return [Fields(part) for part in value[:PARTS_MOST]] if isinstance(value, list) else []

    def _needed(self, name: str) -> Any:
        value = self._payload.get(name)
        if value is None:
            raise OccurenceConstraintViolationError(description=f"{name}: is missing")
        return value


def _whole(value: object) -> int | None:
    """A whole number; some boxes send a register with digits behind the point, which are let go."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return math.floor(value) if math.isfinite(value) else None
    return value if isinstance(value, int) else None
