"""Sampled values into a `Sample`: measurands, units and phases as OCPP 1.6 and 2.0.1 name them. Pure.

Unsaid means Energy.Active.Import.Register in Wh at the outlet, raw. A total counts before the sum of phases. What the
box signed (OCMF) is evidence and never a number here; what it measured elsewhere than at the outlet (in the car, on
the cable) is not what was delivered. The inlet counts only where the outlet says nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from ..decode import floor_wh
from .signed import signed_value
from .words import Sample

REGISTER = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"
CURRENT = "Current.Import"
OFFERED = "Current.Offered"
SAMPLED = (REGISTER, POWER, CURRENT, OFFERED)
"""What we ask a box to send, the most important first."""

_UNITS = {
    REGISTER: {"": 1, "WH": 1, "KWH": 1000},
    POWER: {"": 1, "W": 1, "KW": 1000},
    CURRENT: {"": 1, "A": 1},
    OFFERED: {"": 1, "A": 1},
}
"""What a value counts in the measurand's own unit (Wh, W, A)."""
_PHASES = {"L1": "L1", "L1-N": "L1", "L2": "L2", "L2-N": "L2", "L3": "L3", "L3-N": "L3"}
_PLACES = ("Outlet", "Inlet")
_LONGEST = 40
_MAGNITUDE = 15
"""A value of more digits before its point is no reading of a wall connector."""


@dataclass(frozen=True, kw_only=True)
class SampledValue:
    """One value of a meter, as the box says it."""

    text: str
    measurand: str = REGISTER
    unit: str = ""
    """Empty: the measurand's own."""
    phase: str | None = None
    """None: the total."""
    place: str = "Outlet"
    signed: bool = False


def sample(at: datetime, values: Iterable[SampledValue]) -> Sample:
    """What one reading of the meter says. Values nobody can make sense of are left out."""
    values = tuple(values)
    read = _Read(values)
    signed = [signed_value(value.text) for value in values if value.signed]
    register = read.total(REGISTER)
    power = read.total(POWER)
    offered = read.total(OFFERED, summed=False)
    return Sample(
        at=at,
        register_wh=None if register is None else floor_wh(register),
        power_w=None if power is None else float(power),
        currents_a=read.currents(),
        offered_a=None if offered is None else float(offered),
        signed=tuple(value for value in signed if value is not None),
    )


class _Read:
    """The numbers of one reading by measurand and phase ('' is the total)."""

    def __init__(self, values: Iterable[SampledValue]) -> None:
        self._numbers: dict[str, dict[str, dict[str, Decimal]]] = {place: {} for place in _PLACES}
        for value in values:
            number = _number(value)
            phase = "" if value.phase is None else _PHASES.get(value.phase)
            if number is not None and phase is not None and value.place in self._numbers:
                self._numbers[value.place].setdefault(value.measurand, {})[phase] = number

    def total(self, measurand: str, *, summed: bool = True) -> Decimal | None:
        """The total, else the sum of the phases; with `summed` False the least of them."""
        phases = self._of(measurand)
        if not phases:
            return None
        if "" in phases:
            return phases[""]
        return sum(phases.values(), Decimal(0)) if summed else min(phases.values())

    def currents(self) -> tuple[float, float, float] | None:
        """By phase; a current without a phase could be any of them, or all."""
        phases = self._of(CURRENT)
        if not phases.keys() & {"L1", "L2", "L3"}:
            return None
        l1, l2, l3 = (float(phases.get(phase, 0)) for phase in ("L1", "L2", "L3"))
        return l1, l2, l3

    def _of(self, measurand: str) -> dict[str, Decimal]:
        for place in _PLACES:
            if phases := self._numbers[place].get(measurand):
                return phases
        return {}


def _number(value: SampledValue) -> Decimal | None:
    if value.signed or len(value.text) > _LONGEST:
        return None
    scale = _UNITS.get(value.measurand, {}).get(value.unit.upper())
    if scale is None:
        return None
    try:
        number = Decimal(value.text.strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or (number and number.adjusted() >= _MAGNITUDE):
        return None
    return number * scale
