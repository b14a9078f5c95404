"""Two kinds of records that are no stall's metering: the building series, and what a connector signed itself.

Values, and how they are read. What becomes of them in the books is in `series_inbox.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
import re
from typing import Final

from .fields import Fields

ENERGIES: Final = ("import", "export", "pv", "battery_in", "battery_out")
PRICE: Final = "price"
LONGEST_SIGNED: Final = 8000
"""Characters of a signed text; those of real meters have about a thousand."""
_PRICE: Final = re.compile(r"-?[0-9]{1,7}(\.[0-9]{1,12})?")


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
    price: Decimal | None
    """Of a kWh of grid energy, in the building's currency, in force at `start`."""
    estimated: frozenset[str]
    """Which of `ENERGIES` and `PRICE` are estimates."""


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
        price=fields.newer("price", lambda name: _price(fields, name)),
        estimated=_estimated(fields),
    )


def read_signed_value(fields: Fields) -> SignedValue:
    """Read the body of a `signed_value`. Raises `BadMessage`."""
    return SignedValue(
        session_id=fields.text("session_id"),
        stall_id=fields.text("stall_id"),
        format=fields.text("format", 16),
        text=fields.verbatim("text", LONGEST_SIGNED),
        public_key=fields.optional("public_key", lambda name: fields.verbatim(name, LONGEST_SIGNED)),
    )


def _price(fields: Fields, name: str) -> Decimal:
    text = fields.text(name, 24)
    if not _PRICE.fullmatch(text):
        raise fields.refuse(name, text, "a decimal number such as 0.2814")
    return Decimal(text)


def _estimated(fields: Fields) -> frozenset[str]:
    """Which values; before version 3 it was one flag for all of them."""
    said = fields.raw("estimated")
    if isinstance(said, bool):
        return frozenset(ENERGIES) if said else frozenset()
    accepted = (*ENERGIES, PRICE)
    if not isinstance(said, list) or not all(isinstance(name, str) and name in accepted for name in said):
        raise fields.refuse("estimated", said, f"true, false, or a list of {', '.join(accepted)}")
    return frozenset(said)
