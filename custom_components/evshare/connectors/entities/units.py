"""Numbers of entities in our units. Register energies are not converted here but exactly, in ``hass_ports.py``."""

from collections.abc import Mapping
import math
import re

from .source import EntityState

WATTS: Mapping[str, float] = {"mW": 0.001, "W": 1.0, "kW": 1000.0, "MW": 1e6}
AMPERES: Mapping[str, float] = {"mA": 0.001, "A": 1.0}
VOLTS: Mapping[str, float] = {"mV": 0.001, "V": 1.0, "kV": 1000.0}
UNIT = "unit_of_measurement"

_LEADING = re.compile(r"\s*(\d+(?:[.,]\d+)?)")


def measured(state: EntityState | None, factors: Mapping[str, float]) -> float | None:
    """The value of a sensor; None when it is no finite number, or in another unit than `factors` knows."""
    if state is None:
        return None
    factor = factors.get(state.attributes.get(UNIT, ""))
    value = finite(state.state)
    return None if factor is None or value is None else value * factor


def amperes(state: EntityState | None) -> float | None:
    """A limit in amperes: a number (its unit may be missing, as Wallbox's is), or what a choice begins with."""
    if state is None:
        return None
    value = finite(state.state)
    if value is None:
        return leading_number(state.state)
    factor = AMPERES.get(state.attributes.get(UNIT) or "A")
    return None if factor is None else value * factor


def leading_number(text: str) -> float | None:
    """The number a text begins with: 16 of `16 A`."""
    match = _LEADING.match(text)
    return None if match is None else float(match[1].replace(",", "."))


def finite(value: object) -> float | None:
    """A number out of a text or an attribute; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
