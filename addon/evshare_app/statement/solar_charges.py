"""The sun of a month: whose energy came from the roof, shared as the owners decided, and what it saves."""

from collections.abc import Mapping

from sqlalchemy import Connection, func, insert, select

from ..books.accounting_tables import slice_source, solar_bank
from ..books.building import BuildingRow
from ..model import AccountId, Month, to_ms
from ..split import solar, sources
from ..split.keys import Key, weights_by
from ..tariff.gather import guesses_text, slots, solar_rule
from .basis import bounds, energy_by_account
from .charge import SOLAR, Charge
from .house_rules import SolarPrice
from .month_work import MonthWork, slices_of
from .residuals import carried

_AT_A_TIME = 5000


def keep_sources(conn: Connection, month: Month, building: BuildingRow) -> None:
    """Write down where the energy of the month's slices came from: from now on it is known for good."""
    batch: list[dict[str, object]] = []
    begin, end = month.bounds(building.zone)
    series = slots(conn, to_ms(begin), to_ms(end))
    for one in sources.split_sources(slices_of(conn, begin, end), series, solar_rule(conn, month)):
        batch.append(
            {
                "building_id": building.building_id,
                "slice_id": one.slice_id,
                "solar_wh": one.solar_wh,
                "battery_wh": one.battery_wh,
                "grid_wh": one.grid_wh,
                "solar_guessed": guesses_text(one.guessed.solar),
                "battery_guessed": guesses_text(one.guessed.battery),
            }
        )
        if len(batch) == _AT_A_TIME:
            conn.execute(insert(slice_source), batch)
            batch.clear()
    if batch:
        conn.execute(insert(slice_source), batch)


def solar_charges(
    work: MonthWork, price: SolarPrice
) -> tuple[list[Charge], Mapping[str, Mapping[AccountId, int]], tuple[solar.Banked, ...]]:
    """Return what the sun saves each account, the residuals to remember, and what stays in the bank."""
    begin, end = bounds(work.window, work.building.zone)
    members = {one.account_id for one in work.basis.accounts}
    found_wh, guesses = sources.solar_by_party(work.used_slices(), work.slots(), price.rule)
    by_party = {AccountId(party): wh for party, wh in found_wh.items()}
    used_wh = {who: wh for who, wh in energy_by_account(work.conn, begin, end).items() if who in members and wh > 0}
    own = {who: min(wh, used_wh.get(who, 0)) for who, wh in by_party.items() if who in members}
    available_wh = sum(own.values())
    owed = carried(work.conn, SOLAR)
    banked: tuple[solar.Banked, ...] = ()
    if price.sharing is solar.SolarSharing.BY_USE:
        shares = solar.share_by_use(own, used_wh)
        credited, residual_n = shares.credited_wh, shares.residual_n
    else:
        key = Key.EQUAL if price.sharing is solar.SolarSharing.EQUAL else Key.OWNERSHIP
        weights = weights_by(key, work.basis, work.window)
        if price.sharing is solar.SolarSharing.BANK:
            bank = solar.share_by_bank(
                work.month,
                available_wh,
                weights,
                used_wh,
                _banked(work.conn),
                valid_months=price.valid_months,
                carried_n=owed,
            )
            credited, residual_n, banked = bank.credited_wh, bank.residual_n, bank.banked
        else:
            shares = solar.share_by_weight(available_wh, weights, used_wh, owed)
            credited, residual_n = shares.credited_wh, shares.residual_n
    saved = solar.solar_credit(
        credited, grid_price=price.grid_price, solar_price=price.solar_price, currency=work.building.currency
    )
    charges = [
        Charge(
            charge_id=f"solar:{work.month}:{account_id}",
            account_id=account_id,
            month=work.month,
            kind=SOLAR,
            of=SOLAR,
            net_minor=-amount.minor,
            vat=price.vat,
            details={
                "wh": credited[account_id],
                "sharing": price.sharing,
                "saved": str(price.grid_price - price.solar_price),
                "estimated": sorted(guesses.get(account_id, ())),
            },
        )
        for account_id, amount in saved.items()
        if credited[account_id]
    ]
    return charges, ({SOLAR: residual_n} if residual_n else {}), banked


def _banked(conn: Connection) -> list[solar.Banked]:
    newest = select(func.max(solar_bank.c.month)).scalar_subquery()
    return [
        solar.Banked(
            account_id=AccountId(row.account_id),
            earned=Month.parse(row.earned),
            wh=row.wh,
            last=Month.parse(row.last),
        )
        for row in conn.execute(select(solar_bank).where(solar_bank.c.month == newest))
    ]
