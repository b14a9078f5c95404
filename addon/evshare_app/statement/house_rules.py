"""What the owners decided for the building's money, read from the books: each rule holds from a month on.

A rule is kept as JSON under its name. A month uses the newest one that began by then; what is closed stays closed, so
a rule can only be set for months that are open.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
import json
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from ..books import schema
from ..books.accounting_tables import money_rule
from ..books.building import the_building
from ..model import Month, to_ms
from ..split.methods import Method
from ..split.reconcile import Bearer
from ..split.solar import SolarSharing
from ..split.sources import SolarRule
from .law_profile import GENERIC, LawProfile, law_profiles


class RuleError(ValueError):
    """The rule cannot be set; the message names the field, what came and what is accepted. Nothing was changed."""


@dataclass(frozen=True, kw_only=True)
class EnergyRule:
    """How the feeder's real cost is met, and what of it is nobody's charging."""

    method: Method = Method.FIXED
    bearer: Bearer = Bearer.COMMON
    """Of losses, where tariffs are fixed; with the others they are part of the real cost."""
    standby_w: int = 0
    """Of all wall connectors together while nobody charges."""
    vat: Decimal | None = None
    """Percent, on losses and true-ups."""


@dataclass(frozen=True, kw_only=True)
class SolarPrice:
    """How the owners share the sun, and what it saves per kWh, net."""

    rule: SolarRule
    sharing: SolarSharing
    grid_price: Decimal
    solar_price: Decimal
    vat: Decimal | None = None
    valid_months: int = 12
    """How long banked energy may be drawn."""


_BEGINNING = Month(2000, 1)
"""Before any house was on it."""
_NAMES = ("energy", "solar", "law")


def energy_rule(conn: Connection, month: Month) -> EnergyRule:
    """Return the rule for the feeder's cost in a month."""
    found = _value(conn, "energy", month)
    return EnergyRule() if found is None else _energy(found)


def solar_price(conn: Connection, month: Month) -> SolarPrice | None:
    """Return the rule for solar energy in a month; None: it costs what any energy costs."""
    found = _value(conn, "solar", month)
    return None if not found else _solar(found)


def law_profile(conn: Connection, month: Month) -> LawProfile:
    """Return the law profile for statements of a month."""
    found = _value(conn, "law", month)
    return law_profiles()[GENERIC] if found is None else _law(found)


def open_month(conn: Connection) -> Month:
    """Return the first month a rule can still be set for: the one after the last that is closed."""
    last = conn.scalar(select(func.max(schema.period.c.month)))
    return _BEGINNING if last is None else Month.parse(last).following()


def set_rule(  # noqa: PLR0917 - in the order one says it
    conn: Connection, name: str, since: Month, value: Mapping[str, Any] | None, by: str, now: datetime
) -> None:
    """Set a rule from a month on; None: none any more. Raises `RuleError`."""
    if name not in _NAMES:
        msg = f"name: got {name!r}, accepted are {', '.join(_NAMES)}"
        raise RuleError(msg)
    if value is not None:
        {"energy": _energy, "solar": _solar, "law": _law}[name](value)
    last = conn.scalar(select(func.max(schema.period.c.month)))
    if last is not None and str(since) <= last:
        msg = f"since: got {since}, accepted is {Month.parse(last).following()} or later: months before are closed"
        raise RuleError(msg)
    conn.execute(delete(money_rule).where(money_rule.c.name == name, money_rule.c.from_month >= str(since)))
    conn.execute(
        insert(money_rule).values(
            building_id=the_building(conn).building_id,
            name=name,
            from_month=str(since),
            value_json=json.dumps({} if value is None else dict(value), sort_keys=True, default=str),
            changed_ms=to_ms(now),
            changed_by=by[:80],
        )
    )


def _value(conn: Connection, name: str, month: Month) -> Mapping[str, Any] | None:
    text = conn.scalar(
        select(money_rule.c.value_json)
        .where(money_rule.c.name == name, money_rule.c.from_month <= str(month))
        .order_by(money_rule.c.from_month.desc())
        .limit(1)
    )
    found: Mapping[str, Any] | None = None if text is None else json.loads(text)
    return found or None


def _energy(value: Mapping[str, Any]) -> EnergyRule:
    standby_w = value.get("standby_w", 0)
    if not isinstance(standby_w, int) or not 0 <= standby_w <= 10_000:
        msg = f"standby_w: got {standby_w!r}, accepted is a whole number from 0 to 10000"
        raise RuleError(msg)
    return EnergyRule(
        method=_one_of("method", value.get("method", Method.FIXED), Method),
        bearer=_one_of("bearer", value.get("bearer", Bearer.COMMON), Bearer),
        standby_w=standby_w,
        vat=_percent("vat", value.get("vat")),
    )


def _law(value: Mapping[str, Any]) -> LawProfile:
    profile = law_profiles().get(str(value.get("profile")))
    if profile is None:
        msg = f"profile: got {value.get('profile')!r}, accepted are {', '.join(law_profiles())}"
        raise RuleError(msg)
    return profile


def _solar(value: Mapping[str, Any]) -> SolarPrice:
    grid, solar = (_price(name, value.get(name)) for name in ("grid_price", "solar_price"))
    if solar > grid:
        msg = f"solar_price: got {solar}, accepted is at most the grid's price of {grid}"
        raise RuleError(msg)
    months = value.get("valid_months", 12)
    if not isinstance(months, int) or not 1 <= months <= 36:
        msg = f"valid_months: got {months!r}, accepted is a whole number from 1 to 36"
        raise RuleError(msg)
    return SolarPrice(
        rule=_one_of("rule", value.get("rule"), SolarRule),
        sharing=_one_of("sharing", value.get("sharing"), SolarSharing),
        grid_price=grid,
        solar_price=solar,
        vat=_percent("vat", value.get("vat")),
        valid_months=months,
    )


def _one_of[T: StrEnum](name: str, value: object, kind: type[T]) -> T:
    try:
        return kind(str(value))
    except ValueError:
        msg = f"{name}: got {value!r}, accepted are {', '.join(kind)}"
        raise RuleError(msg) from None


def _price(name: str, value: object) -> Decimal:
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        price = Decimal(-1)
    if not price.is_finite() or not 0 <= price < 10**6 or price != round(price, 6):
        msg = f"{name}: got {value!r}, accepted is a price per kWh from 0 with at most 6 decimals"
        raise RuleError(msg)
    return price


def _percent(name: str, value: object) -> Decimal | None:
    if value is None:
        return None
    percent = _price(name, value)
    if percent > 100:
        msg = f"{name}: got {value!r}, accepted is a percentage from 0 to 100"
        raise RuleError(msg)
    return percent
