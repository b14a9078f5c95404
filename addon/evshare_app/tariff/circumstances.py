"""What a price may depend on besides the session: recorded prices, where energy came from, who waited, holidays.

Pure values; whoever rates fetches them. `needs` says which ones a tariff asks for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from ..split.sources import Guessed
from .objects import EnergySource, Tariff


@dataclass(frozen=True, kw_only=True)
class PriceSlot:
    """A stretch of a recorded price series; per kWh, in the series' own unit."""

    start: datetime
    end: datetime
    price: Decimal


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What is known. Nothing known is a truth too: prices fall back, energy is the grid's, nobody waited."""

    prices: Mapping[str, Sequence[PriceSlot]] = field(default_factory=dict)
    """By series, in order and without overlaps; from some time before the session, so that gaps have a last price."""
    sources: Sequence[Mapping[EnergySource, int]] | None = None
    """One per slice of the session: its Wh by source. They are weights: the slice's own Wh are what is divided."""
    guessed: Sequence[Guessed] = ()
    """One per slice, or none at all where everything was measured: what its sources rest on that was not."""
    waiting: Sequence[tuple[datetime, datetime]] | None = None
    """When somebody waited for a stall, in order and without overlaps. None: that is not known."""
    holidays: frozenset[date] = frozenset()
    """The public holidays of the tariff's country around the session."""


class Need(StrEnum):
    """A kind of circumstance."""

    PRICES = "prices"
    SOURCES = "sources"
    WAITING = "waiting"
    HOLIDAYS = "holidays"


def needs(tariff: Tariff) -> frozenset[Need]:
    """Return the circumstances without which the tariff cannot be rated as it is meant."""
    wanted = set()
    if any(element.restrictions.energy_source for element in tariff.elements):
        wanted.add(Need.SOURCES)
    extensions = tariff.x_evshare
    if extensions is not None:
        wanted |= {Need.PRICES} if extensions.spot else set()
        wanted |= {Need.WAITING} if extensions.idle_only_if_queue else set()
        wanted |= {Need.HOLIDAYS} if extensions.holidays else set()
    return frozenset(wanted)


class GapKind(StrEnum):
    """What was not known, and what stands in its place."""

    PARTLY = "partly"  # the mean of the part of the slot that is known
    LAST_KNOWN = "last_known"
    FALLBACK = "fallback"
    SOURCE = "source"  # counted as grid
    ESTIMATED = "estimated"  # where energy came from was estimated: `of` names of what
    WAITING = "waiting"  # counted as nobody


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A stretch for which something was not known."""

    kind: GapKind
    start: datetime
    end: datetime
    price: Decimal | None = None
    """The price that was used, for gaps of prices."""
    of: tuple[str, ...] = ()
    """What was estimated, for gaps of estimates (names of `Guess`)."""
