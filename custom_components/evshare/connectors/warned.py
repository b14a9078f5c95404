"""What a connector in use has to say to whoever looks after it, beside its readings: nothing that stops anybody."""

from enum import StrEnum


class Warned(StrEnum):
    """What needs a person. Values are translation keys of repair issues."""

    CONTACTOR_WELDED = "contactor_welded"  # needs a person, and to be told that one looked at it
    CONTACTOR_BUSY = "contactor_busy"
    METER_SILENT = "twc_meter_silent"
    METER_IGNORED = "twc_meter_ignored"


def warnings(connector: object) -> frozenset[Warned]:
    """What a connector says now (its own `warnings`); nothing if it never does."""
    said: frozenset[Warned] = getattr(connector, "warnings", frozenset())
    return said
