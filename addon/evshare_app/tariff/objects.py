"""What an OCPI Tariff object says, as frozen values, and its canonical JSON. `ocpi.py` reads it, `rating.py` rates it.

Source: OCPI 2.2.1 and 2.3.0 `mod_tariffs.asciidoc`. A tariff with `tax_included` is one of 2.3, one without of 2.2.1.
What OCPI cannot say stands under ``x_evshare``: on the tariff (`Extensions`), and in a restriction (`energy_source`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
import json
from typing import Any

DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
RESERVATIONS = ("RESERVATION", "RESERVATION_EXPIRES")
TARIFF_TYPES = ("AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR")


class TariffError(ValueError):
    """The tariff cannot be used; the message names the field, what came and what is accepted.

    `message` and `accepted` are message ids of the catalogues; `values` go into both, and what is accepted into the
    message. The error itself is in English, for logs and programs.
    """

    def __init__(self, message: str, *, accepted: str = "", **values: object) -> None:
        self._message, self._accepted, self._values = message, accepted, values
        super().__init__(self.text(str))

    def text(self, say: Callable[[str], str]) -> str:
        """Return the message in the language of `say`."""
        return say(self._message) % {**self._values, "accepted": self.accepted(say)}

    def accepted(self, say: Callable[[str], str]) -> str:
        """Return only what is accepted, in the language of `say`."""
        return say(self._accepted) % self._values if self._accepted else ""


class Dimension(StrEnum):
    """What is priced."""

    ENERGY = "ENERGY"  # per kWh; step in Wh
    FLAT = "FLAT"  # per session
    TIME = "TIME"  # charging, per hour; step in seconds
    PARKING_TIME = "PARKING_TIME"  # connected and not asking for energy, per hour; step in seconds


class TaxIncluded(StrEnum):
    """Whether the amounts of a 2.3 tariff have the taxes in them."""

    YES = "YES"
    NO = "NO"
    NOT_APPLICABLE = "N/A"


class EnergySource(StrEnum):
    """Where a Wh came from. Within a slice they are used up in this order."""

    SOLAR = "solar"
    BATTERY = "battery"
    GRID = "grid"


@dataclass(frozen=True, kw_only=True)
class PriceComponent:
    """A price of one dimension."""

    type: Dimension
    price: Decimal
    vat: Decimal | None = None
    """Percent; None: no VAT applies."""
    step_size: int = 1
    tax_included: bool = False
    """Whether `price` is with VAT: said once by the tariff, known by each of its prices."""

    @property
    def gross_price(self) -> Decimal:
        """The price with VAT, exact."""
        return self.price if self.tax_included else self.price * (100 + (self.vat or 0)) / 100


@dataclass(frozen=True, kw_only=True)
class Restrictions:
    """When an element is active. All given ones must hold; times and dates are the building's local ones."""

    start_time: time | None = None
    end_time: time | None = None
    start_date: date | None = None
    end_date: date | None = None
    min_kwh: Decimal | None = None
    max_kwh: Decimal | None = None
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    min_current: Decimal | None = None
    """Amperes, summed over the phases."""
    max_current: Decimal | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    day_of_week: tuple[str, ...] = ()
    reservation: str | None = None
    """The element prices reservations, so never a session."""
    energy_source: EnergySource | None = None
    """An extension (``x_evshare``): the element prices only energy of this source."""


@dataclass(frozen=True, kw_only=True)
class TariffElement:
    """Prices that hold together under the same restrictions."""

    price_components: tuple[PriceComponent, ...]
    restrictions: Restrictions = field(default_factory=Restrictions)


@dataclass(frozen=True, kw_only=True)
class PriceLimit:
    """The least or the most a session costs: 2.2.1's excl_vat and incl_vat, 2.3's before_taxes and after_taxes."""

    excl_vat: Decimal
    incl_vat: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class DisplayText:
    """A text in a language (ISO 639-1)."""

    language: str
    text: str


@dataclass(frozen=True, kw_only=True)
class EnergyShare:
    """A part of the energy mix."""

    source: str
    percentage: Decimal


@dataclass(frozen=True, kw_only=True)
class Impact:
    """What a kWh of the energy mix emits, in grams."""

    category: str
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class EnergyMix:
    """What the energy is made of; for information, nothing is rated by it."""

    is_green_energy: bool
    energy_sources: tuple[EnergyShare, ...] = ()
    environ_impact: tuple[Impact, ...] = ()
    supplier_name: str | None = None
    energy_product_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Spot:
    """An energy price that follows a recorded series: price = series x factor + adder, within min and max.

    It holds where no element prices the energy. Prices are per kWh, and with taxes where the tariff's are.
    """

    series: str
    """The name of a price that the building tells."""
    factor: Decimal = Decimal(1)
    adder: Decimal = Decimal(0)
    min: Decimal = Decimal(0)
    max: Decimal | None = None
    fallback: Decimal
    """The price where nothing of the series is known."""
    vat: Decimal | None = None
    slot_minutes: int = 60


@dataclass(frozen=True, kw_only=True)
class Holidays:
    """Public holidays that are charged as another day of the week."""

    country: str
    subdivision: str | None = None
    as_day: str = "SUNDAY"


@dataclass(frozen=True, kw_only=True)
class Extensions:
    """What OCPI has no field for. `compiling.py` turns it into plain OCPI for one session."""

    spot: Spot | None = None
    idle_grace_s: int = 0
    """So many seconds of a session's parking cost nothing."""
    idle_only_if_queue: bool = False
    """Parking costs nothing while nobody waits for a stall."""
    holidays: Holidays | None = None


@dataclass(frozen=True, kw_only=True)
class Tariff:
    """A tariff as OCPI defines it. `to_json` gives back the object it was read from."""

    country_code: str
    party_id: str
    id: str
    currency: str
    elements: tuple[TariffElement, ...]
    last_updated: datetime
    type: str | None = None
    tariff_alt_text: tuple[DisplayText, ...] = ()
    tariff_alt_url: str | None = None
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    tax_included: TaxIncluded | None = None
    """None: a tariff of 2.2.1, whose prices are without taxes."""
    start_date_time: datetime | None = None
    end_date_time: datetime | None = None
    energy_mix: EnergyMix | None = None
    x_evshare: Extensions | None = None

    def to_json(self) -> str:
        """Return the OCPI object as canonical JSON (sorted keys, no spaces)."""
        return dump(self)


def dump(value: object) -> str:
    """Return canonical JSON of OCPI values: decimals as numbers, times as RFC 3339 with Z, absent fields left out."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)


_EXACT = json.JSONDecoder(parse_float=Decimal)
"""Made once: a close reads tens of thousands of CDRs."""


def load(text: str) -> dict[str, Any]:
    """Read what `dump` wrote, numbers exact."""
    read: dict[str, Any] = _EXACT.decode(text)
    return read


def rfc3339(at: datetime) -> str:
    """Return an OCPI DateTime."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _plain(value: object) -> object:
    match value:
        case Decimal():
            # Only to be printed: a double writes back any decimal of up to 15 digits as it came, and ours are shorter.
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime():
            return rfc3339(value)
        case date():
            return value.isoformat()
        case time():
            return f"{value:%H:%M}"
        case Tariff():
            made = _present(value)
            if value.tax_included is not None:
                for name, limit in (("min_price", value.min_price), ("max_price", value.max_price)):
                    if limit is not None:
                        made[name] = {"before_taxes": limit.excl_vat}
                        made[name] |= {} if limit.incl_vat is None else {"after_taxes": limit.incl_vat}
            return made
        case PriceComponent():
            made = _present(value)
            made.pop("tax_included", None)
            return made
        case Restrictions():
            made = _present(value)
            source = made.pop("energy_source", None)
            return made | ({"x_evshare": {"energy_source": source}} if source else {})
        case Spot() | Holidays() | Extensions():
            # Defaults of our own may be left out: the reader puts them back.
            defaults = type(value).__dataclass_fields__
            return {name: one for name, one in vars(value).items() if one != defaults[name].default}
        case TariffElement() | PriceLimit() | DisplayText() | EnergyMix() | EnergyShare() | Impact():
            return _present(value)
    msg = f"no JSON for {value!r}"
    raise TypeError(msg)


def _present(value: object) -> dict[str, Any]:
    absent = (None, (), Restrictions())
    return {name: one for name, one in vars(value).items() if one not in absent}
