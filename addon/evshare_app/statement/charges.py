"""What a month bills besides sessions: base fees, included energy, demand, shares of costs, sun, losses, true-ups.

Worked out from the books by the pure rooms of `split/`, the same way for a preview and for the close; only the close
keeps it. A charge's id is made of what it is for, so that none is made twice. Amounts are net, with their VAT.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, insert

from ..books.accounting_tables import charge, remainder, solar_bank
from ..books.building import the_building
from ..model import AccountId, Month
from ..split import solar
from ..split.items import split_item
from .bills import BillShare, bill_shares
from .charge import COST, Charge, charge_row
from .costs import cost_items
from .house_rules import solar_price
from .month_work import MonthWork
from .plan_charges import plan_charges
from .residuals import carried
from .solar_charges import solar_charges


@dataclass(frozen=True, kw_only=True)
class MonthCharges:
    """A month's charges, and what has to be remembered for the next."""

    charges: tuple[Charge, ...]
    residuals: Mapping[str, Mapping[AccountId, int]]
    """Billionths of a minor unit (of a Wh, for the sun) by item and account."""
    banked: tuple[solar.Banked, ...] = ()


def month_charges(conn: Connection, work: MonthWork) -> MonthCharges:
    """Work out a month's charges. Raises `NothingToShareBy` naming a cost that nobody can bear."""
    month = work.month
    charges = list(plan_charges(work))
    residuals: dict[str, Mapping[AccountId, int]] = {}
    for item, vat in cost_items(conn, work.building.zone):
        split = split_item(item, work.basis, work.window, carried(conn, item.item_id))
        if split.total_minor or any(split.residual_n.values()):
            residuals[item.item_id] = split.residual_n
        whole = sum(split.weights.values())
        charges += [
            Charge(
                charge_id=f"cost:{month}:{item.item_id}:{account_id}",
                account_id=account_id,
                month=month,
                kind=COST,
                of=item.item_id,
                net_minor=minor,
                vat=vat,
                details={
                    "name": item.name,
                    "key": item.key,
                    "weight": str(split.weights[account_id]),
                    "whole": str(whole),
                    "total_minor": split.total_minor,
                },
            )
            for account_id, minor in split.shares_minor.items()
            if minor
        ]
    shares, remembered = bill_shares(conn, month, lambda name: carried(conn, name))
    charges += [_of_bill(one, month) for one in shares if one.net_minor]
    residuals |= remembered
    banked: tuple[solar.Banked, ...] = ()
    price = solar_price(conn, month)
    if price is not None:
        made, remembered_wh, banked = solar_charges(work, price)
        charges += made
        residuals |= remembered_wh
    return MonthCharges(charges=tuple(charges), residuals=residuals, banked=banked)


def keep_charges(conn: Connection, month: Month, made: MonthCharges, at_ms: int) -> None:
    """Write a month's charges and what they leave to remember."""
    building = the_building(conn)
    if made.charges:
        conn.execute(insert(charge), [charge_row(one, building, at_ms) for one in made.charges])
    owed = [
        {
            "building_id": building.building_id,
            "item_id": item_id,
            "account_id": account_id,
            "month": str(month),
            "residual": residual,
        }
        for item_id, by_account in made.residuals.items()
        for account_id, residual in by_account.items()
    ]
    if owed:
        conn.execute(insert(remainder), owed)
    for lot in made.banked:
        conn.execute(
            insert(solar_bank).values(
                building_id=building.building_id,
                month=str(month),
                account_id=lot.account_id,
                earned=str(lot.earned),
                last=str(lot.last),
                wh=lot.wh,
            )
        )


def _of_bill(one: BillShare, month: Month) -> Charge:
    return Charge(
        charge_id=f"{one.kind}:{one.of}:{one.account_id}",
        account_id=one.account_id,
        month=month,
        kind=one.kind,
        of=one.of,
        net_minor=one.net_minor,
        vat=one.vat,
        details=one.details,
    )
