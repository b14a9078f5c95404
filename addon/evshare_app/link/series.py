"""Two kinds of records that are no stall's metering: the building series, and what a connector signed itself.

Values, and how they are read. What becomes of them in the books is in `series_inbox.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
import re
from typing import Final

from .fields import Fields

ENERGIES: Final = ("import", "export", "pv", "battery_in", "battery_out")
MOST_PRICES: Final = 8
_LONGEST_NAME: Final = 64
LONGEST_SIGNED: Final = 8000
"""Characters of a signed text; those of real meters have about a thousand."""
_PRICE: Final = re.compile(r"-?[0-9]{1,7}(\.[0-9]{1,12})?")


@dataclass(frozen=True, kw_only=True)
class PriceTold:
    """What a price series says of one quarter hour."""

    name: str
    price: Decimal
    """Of a kWh of grid energy, in the building's currency, in force when it began."""
    estimated: bool


@dataclass(frozen=True, kw_only=True)
class BuildingSlice:
    """What the building's own meters counted; None where there is no meter."""

    start: datetime
    end: datetime
    import_wh: int | None
    export_wh: int | None
    pv_wh: int | None
    battery_in_wh: int | None
    battery_out_wh: int | None
    prices: tuple[PriceTold, ...]
    """Those that are known, each name once."""
    estimated: frozenset[str] | None
    """Which of `ENERGIES` are estimates; None: some of those that are there, as before version 3."""


@dataclass(frozen=True, kw_only=True)
class SignedValue:
    """What a connector or its meter signed about a session, character by character."""

    session_id: str
    stall_id: str
    format: str
    """OCMF where it is one; else as the connector calls it."""
    text: str
    public_key: str | None
    """As the connector sent it; None where it did not."""


def read_building_slice(fields: Fields) -> BuildingSlice:
    """Read the body of a `building_slice`. Raises `BadMessage`."""
    return BuildingSlice(
        start=fields.time("start"),
        end=fields.time("end"),
        import_wh=fields.optional("import_wh", fields.whole),
        export_wh=fields.optional("export_wh", fields.whole),
        pv_wh=fields.optional("pv_wh", fields.whole),
        battery_in_wh=fields.newer("battery_in_wh", fields.whole),
        battery_out_wh=fields.newer("battery_out_wh", fields.whole),
        prices=_prices(fields),
        estimated=_estimated(fields),
    )


def read_price_names(fields: Fields, name: str) -> tuple[str, ...]:
    """Read the names of the building's price series. Raises `BadMessage`."""
    said = fields.raw(name)
    if not isinstance(said, list) or len(said) > MOST_PRICES or not all(_is_name(one) for one in said):
        raise fields.refuse(name, said, f"a list of at most {MOST_PRICES} names of 1 to {_LONGEST_NAME} characters")
    return _once(fields, name, said)


def read_prices_now(fields: Fields, name: str) -> dict[str, Decimal]:
    """Read the prices that are in force, by their series; none in older versions. Raises `BadMessage`."""
    told = fields.newer(name, lambda where: [_price_now(child) for child in fields.children(where, MOST_PRICES)]) or []
    _once(fields, name, [series for series, _ in told])
    return dict(told)


def read_signed_value(fields: Fields) -> SignedValue:
    """Read the body of a `signed_value`. Raises `BadMessage`."""
    return SignedValue(
        session_id=fields.text("session_id"),
        stall_id=fields.text("stall_id"),
        format=fields.text("format", 16),
        text=fields.verbatim("text", LONGEST_SIGNED),
        public_key=fields.optional("public_key", lambda name: fields.verbatim(name, LONGEST_SIGNED)),
    )


def _prices(fields: Fields) -> tuple[PriceTold, ...]:
    told = fields.newer("prices", lambda name: tuple(_price(child) for child in fields.children(name, MOST_PRICES)))
    prices = told or ()
    _once(fields, "prices", [one.name for one in prices])
    return prices


def _price(fields: Fields) -> PriceTold:
    name, price, estimated = fields.text("name"), _amount(fields), fields.flag("estimated")
    fields.done()
    return PriceTold(name=name, price=price, estimated=estimated)


def _price_now(fields: Fields) -> tuple[str, Decimal]:
    name, price = fields.text("name"), _amount(fields)
    fields.done()
    return name, price


def _amount(fields: Fields) -> Decimal:
    text = fields.text("price", 24)
    if not _PRICE.fullmatch(text):
        raise fields.refuse("price", text, "a decimal number such as 0.2814")
    return Decimal(text)


def _is_name(said: object) -> bool:
    return isinstance(said, str) and 0 < len(said) <= _LONGEST_NAME and said.isprintable()


def _once(fields: Fields, field: str, names: Sequence[str]) -> tuple[str, ...]:
    if len(set(names)) != len(names):
        raise fields.refuse(field, names, "each name once")
    return tuple(names)


def _estimated(fields: Fields) -> frozenset[str] | None:
    """Which values; before version 3 it was one flag for all of them."""
    said = fields.raw("estimated")
    if isinstance(said, bool):
        return None if said else frozenset()
    if not isinstance(said, list) or not all(isinstance(name, str) and name in ENERGIES for name in said):
        raise fields.refuse("estimated", said, f"true, false, or a list of {', '.join(ENERGIES)}")
    return frozenset(said)
