"""The words a connector profile is written in: types of values, tables, tiers, units. See ``profile_model.py``."""

from decimal import Decimal
from enum import StrEnum

type Scalar = bool | int | Decimal | str
"""A number or text a profile compares with."""
type Value = Scalar | tuple[object, ...] | None
"""What a point decodes to; a tuple is a JSON list, None means unreadable or not a value."""


FAILSAFE_POINTS = ("failsafe_current_a", "watchdog_timeout_s")
"""What a connector offers when nobody talks to it, and after how long."""
WIDTHS = {
    "uint16": 1,
    "int16": 1,
    "uint32": 2,
    "int32": 2,
    "uint64": 4,
    "int64": 4,
    "float32": 2,
    "float64": 4,
}
"""Registers of each numeric type; text (`TEXTS`) says its own `words`, a coil or discrete input is one `bit`."""
TEXTS = ("ascii", "hex", "utf16be")
PICKS = ("first_char", "last_char", "uid", "card")
"""What is taken of a text."""
PER_AMPERE = {"A": 1, "0.1A": 10, "0.01A": 100, "mA": 1000}
"""One ampere in the units a connector may want to be told in."""
PER_WATT = {"W": Decimal(1), "100W": Decimal("0.01")}
"""The same for connectors that are told the power of all phases together."""
DUTY = "permille"
"""IEC 61851-1 duty cycle of the pilot: 0.6 A for each percent (up to 51 A)."""
PLACEHOLDERS = {"A": "{a}", "0.1A": "{da}", "0.01A": "{ca}", "mA": "{ma}", "W": "{w}"}
"""What stands in an HTTP path or body for the current in that unit."""
NOMINAL_V = 230


class ProfileError(ValueError):
    """A profile that cannot be used; the message names file, key, what came and what is accepted."""


class Tier(StrEnum):
    """How often a point is read."""

    FAST = "fast"  # every poll
    ACTIVE = "active"  # every poll while a car is plugged, else as slow
    SLOW = "slow"  # every `slow_s`, and after a state change
    EVENT = "event"  # after a state change only
    ONCE = "once"  # when the connector (re)appears


class Table(StrEnum):
    """Modbus tables by their read function code: coil 1, discrete 2, holding 3, input 4."""

    HOLDING = "holding"
    INPUT = "input"
    COIL = "coil"
    DISCRETE = "discrete"

    @property
    def is_bits(self) -> bool:
        """Whether it holds single bits."""
        return self in (Table.COIL, Table.DISCRETE)


class Support(StrEnum):
    """How far we answer for a model."""

    SUPPORTED = "supported"  # every scenario of the suite runs against a simulator of its own
    EXPERIMENTAL = "experimental"  # only what the sources say


class NoRegister(StrEnum):
    """Why a model has no register to bill from."""

    MISSING = "missing"
    APPARENT = "apparent"  # counts VAh
    COARSE = "coarse"  # counts in steps of 100 Wh
    UNRELIABLE = "unreliable"


class WordOrder(StrEnum):
    """Which register of a value wider than 16 bits comes first."""

    BIG = "big"  # high word first
    LITTLE = "little"
