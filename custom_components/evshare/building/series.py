"""The building series: energies and prices per quarter hour, from what the building's meters say.

Where a cumulative register is known it counts, else power is integrated; each value says whether it is estimated.
Only the division of solar energy, prices and the reconciliation depend on it, no stall's register does (DESIGN
rule 5). What is not known is None, never zero.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from .power_series import QUARTER_MS, UNKNOWN_MS, PowerSeries
from .register_series import BRIDGED_MS, RegisterSeries

IMPORT, EXPORT, PV, BATTERY_IN, BATTERY_OUT = "import", "export", "pv", "battery_in", "battery_out"
ENERGIES: Final = (IMPORT, EXPORT, PV, BATTERY_IN, BATTERY_OUT)
"""The energies of a quarter hour; a register is named after the one it counts."""
GRID_POWER, PV_POWER, BATTERY_POWER = "grid", "pv", "battery"
_OF_POWER: Final = {GRID_POWER: (IMPORT, EXPORT), PV_POWER: (PV, None), BATTERY_POWER: (BATTERY_OUT, BATTERY_IN)}
"""What positive and what negative power makes: all give energy into the house while positive."""
PRICE_SETTLED_MS: Final = 60_000
"""Integrations change their price up to a minute after the quarter hour from which it is in force."""
PRICE_LATE_MS: Final = 180_000
"""A price that was seen only so long after the quarter hour began may not be the one it began with."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the building's meters say at one moment; what is not known now is not in it."""

    powers_w: Mapping[str, float] = field(default_factory=dict)
    """By `GRID_POWER`, `PV_POWER`, `BATTERY_POWER`."""
    registers: Mapping[str, tuple[datetime, int]] = field(default_factory=dict)
    """By what they count: when it was reported, and Wh."""
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    """Per kWh, by the series' name."""


@dataclass(frozen=True, kw_only=True)
class QuarterPrice:
    """What a price series says of one quarter hour."""

    price: Decimal
    """Per kWh, in force when the quarter hour began."""
    estimated: bool = False
    """It was seen late, so that the quarter hour may have begun with another one."""


@dataclass(frozen=True, kw_only=True)
class BuildingSlice:
    """One quarter hour of the building; None where it is not known."""

    start: datetime
    end: datetime
    energies_wh: Mapping[str, int | None]
    """By `ENERGIES`, all of them."""
    prices: Mapping[str, QuarterPrice]
    """By the series' name; only those that are known."""
    estimated: frozenset[str]
    """Which of the energies are estimates."""


class PriceSeries:
    """One price at the start of each quarter hour."""

    def __init__(self) -> None:
        self._prices: dict[int, tuple[str, bool]] = {}

    def observe(self, at_ms: int, price: Decimal) -> None:
        """A price is in force now; the first one of a quarter hour, as soon as it has settled, is its price."""
        start_ms = at_ms - at_ms % QUARTER_MS
        if at_ms - start_ms >= PRICE_SETTLED_MS:
            self._prices.setdefault(start_ms, (str(price), at_ms - start_ms > PRICE_LATE_MS))

    def take(self, start_ms: int) -> QuarterPrice | None:
        """Close a quarter hour: its price. None when none was seen in it."""
        taken = self._prices.pop(start_ms, None)
        self._prices = {start: price for start, price in self._prices.items() if start > start_ms}
        return None if taken is None else QuarterPrice(price=Decimal(taken[0]), estimated=taken[1])

    def snapshot(self) -> dict[str, Any]:
        """Return what `restore` needs, as JSON."""
        return {str(start): list(price) for start, price in self._prices.items()}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go on where a snapshot was made."""
        self._prices = {int(start): (text, estimated) for start, (text, estimated) in snapshot.items()}


class BuildingSeries:
    """All meters together, on the grid of the quarter hours."""

    def __init__(
        self,
        *,
        powers: Iterable[str] = (),
        registers: Iterable[str] = (),
        prices: Iterable[str] = (),
        most_w: int,
        snapshot: Mapping[str, Any] | None,
    ) -> None:
        """Count with the meters that exist, going on from `snapshot` if there is one; `most_w` no meter exceeds."""
        self._powers = {name: PowerSeries() for name in powers}
        self._registers = {name: RegisterSeries(most_w) for name in registers}
        self._prices = {name: PriceSeries() for name in prices}
        self._next_ms: int | None = None
        self._began_ms: int | None = None
        if snapshot is not None:
            self._restore(snapshot)

    def snapshot(self) -> dict[str, Any]:
        """Return the state as JSON."""
        return {
            "next_ms": self._next_ms,
            "meters": {name: series.snapshot() for name, series in self._powers.items()},
            "registers": {name: series.snapshot() for name, series in self._registers.items()},
            "prices": {name: series.snapshot() for name, series in self._prices.items()},
        }

    def observe(self, at: datetime, seen: Seen) -> list[BuildingSlice]:
        """Take in what the meters say and return the quarter hours that are complete by now, oldest first."""
        if not (self._powers or self._registers or self._prices):
            return []
        at_ms = _ms(at)
        for name, power_w in seen.powers_w.items():
            self._powers[name].observe(at_ms, round(power_w * 1000))
        for name, (reported, register_wh) in seen.registers.items():
            self._registers[name].observe(at_ms, min(at_ms, _ms(reported)), register_wh)
        for name, price in seen.prices.items():
            self._prices[name].observe(at_ms, price)
        self._keep_to_the_clock(at_ms)
        closed = []
        while self._next_ms is not None and self._may_close(self._next_ms, at_ms):
            if (done := self._close(self._next_ms)) is not None:
                closed.append(done)
            self._next_ms += QUARTER_MS
        return closed

    def _keep_to_the_clock(self, at_ms: int) -> None:
        """A clock that was set back, and an absence longer than any register bridges, begin the grid anew."""
        next_ms = self._next_ms
        if next_ms is None or at_ms < next_ms - 2 * (QUARTER_MS + UNKNOWN_MS) or at_ms > next_ms + BRIDGED_MS:
            self._next_ms = at_ms - at_ms % QUARTER_MS
            self._began_ms = at_ms
        elif self._began_ms is None:
            self._began_ms = at_ms

    def _may_close(self, start_ms: int, at_ms: int) -> bool:
        end_ms = start_ms + QUARTER_MS
        if at_ms < end_ms:
            return False
        # A meter that is silent now may still bridge the gap with its next report, also after we were away ourselves.
        meters: list[PowerSeries | RegisterSeries] = [*self._powers.values(), *self._registers.values()]
        waiting = [series.patience_ms for series in meters if not series.reaches(end_ms)]
        return not waiting or at_ms > max(end_ms, self._began_ms or 0) + max(waiting)

    def _close(self, start_ms: int) -> BuildingSlice | None:
        energies: dict[str, int | None] = dict.fromkeys(ENERGIES)
        estimated: set[str] = set()
        for name, powers in self._powers.items():
            taken = powers.take(start_ms)
            for value, energy_wh in zip(_OF_POWER[name], taken or (), strict=False):
                if value is not None:
                    energies[value] = energy_wh
                    estimated.add(value)
        for name, registers in self._registers.items():
            if (counted := registers.take(start_ms)) is not None:
                energies[name] = counted[0]
                estimated = estimated | {name} if counted[1] else estimated - {name}
        taken_prices = {name: series.take(start_ms) for name, series in self._prices.items()}
        prices = {name: price for name, price in taken_prices.items() if price is not None}
        if not prices and all(energy is None for energy in energies.values()):
            return None
        return BuildingSlice(
            start=_EPOCH + timedelta(milliseconds=start_ms),
            end=_EPOCH + timedelta(milliseconds=start_ms + QUARTER_MS),
            energies_wh=energies,
            prices=prices,
            estimated=frozenset(estimated),
        )

    def _restore(self, snapshot: Mapping[str, Any]) -> None:
        self._next_ms = snapshot["next_ms"]
        for name, powers in self._powers.items():
            if name in snapshot["meters"]:
                powers.restore(snapshot["meters"][name])
        for name, registers in self._registers.items():
            if name in snapshot.get("registers", {}):  # earlier versions knew none
                registers.restore(snapshot["registers"][name])
        for name, prices in self._prices.items():
            if name in snapshot.get("prices", {}):
                prices.restore(snapshot["prices"][name])


def _ms(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)
