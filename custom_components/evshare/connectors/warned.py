"""What a connector in use has to say to whoever looks after it, beside its readings: nothing that stops anybody."""

from enum import StrEnum
from typing import Protocol, runtime_checkable


class Warned(StrEnum):
    """What needs a person. Values are translation keys of repair issues."""

    CONTACTOR_WELDED = "contactor_welded"  # needs a person, and to be told that one looked at it
    CONTACTOR_BUSY = "contactor_busy"
    METER_SILENT = "twc_meter_silent"
    METER_IGNORED = "twc_meter_ignored"


@runtime_checkable
class Warns(Protocol):
    """A connector that may have something to say."""

    @property
    def warnings(self) -> frozenset[Warned]:
        """What it says now."""


def warnings(connector: object) -> frozenset[Warned]:
    """What a connector says now; nothing if it never does."""
    return connector.warnings if isinstance(connector, Warns) else frozenset()
