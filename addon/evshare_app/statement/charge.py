"""A charge: an amount that is billed besides sessions, and how the books keep it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
import json
from typing import Any

from sqlalchemy import Row

from ..books.building import BuildingRow
from ..model import AccountId, Month

BASE_FEE, INCLUDED, DEMAND, COST, SOLAR, TRUE_UP, LOSSES, CREDIT = (
    "base_fee",
    "included",
    "demand",
    "cost",
    "solar",
    "true_up",
    "losses",
    "credit",
)
"""Kinds of charges."""


@dataclass(frozen=True, kw_only=True)
class Charge:
    """An amount an account owes for a month, or is owed (negative), besides its sessions."""

    charge_id: str
    account_id: AccountId
    month: Month
    kind: str
    of: str
    """The plan, cost item, bill or CDR it is about."""
    net_minor: int
    vat: Decimal | None
    """Percent; None: no VAT applies."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """How it came about, for people."""

    @property
    def gross_minor(self) -> int:
        """With VAT, half up away from zero."""
        if self.vat is None:
            return self.net_minor
        return int((self.net_minor * (100 + self.vat) / 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))

    @property
    def vat_minor(self) -> int:
        """VAT on it."""
        return self.gross_minor - self.net_minor


def charge_row(one: Charge, building: BuildingRow, at_ms: int) -> dict[str, Any]:
    """Return a charge as the books keep it."""
    return {
        "building_id": building.building_id,
        "charge_id": one.charge_id,
        "account_id": one.account_id,
        "month": str(one.month),
        "kind": one.kind,
        "of": one.of,
        "net_minor": one.net_minor,
        "vat_minor": one.vat_minor,
        "gross_minor": one.gross_minor,
        "vat": None if one.vat is None else str(one.vat),
        "currency": building.currency,
        "details_json": json.dumps(one.details, sort_keys=True, ensure_ascii=False, default=str),
        "created_ms": at_ms,
    }


def read_charge(row: Row[Any]) -> Charge:
    """Return a charge of the books."""
    return Charge(
        charge_id=row.charge_id,
        account_id=AccountId(row.account_id),
        month=Month.parse(row.month),
        kind=row.kind,
        of=row.of,
        net_minor=row.net_minor,
        vat=None if row.vat is None else Decimal(row.vat),
        details=json.loads(row.details_json),
    )
