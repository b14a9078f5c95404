"""The accounts that owe, as the office sees them: how they are printed, who is in their groups, whose stall is whose.

Who charges on an account and on which plan it is, is set in `plans.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from ..books.accounting_tables import member_group, stall_holder
from ..books.building import the_building
from ..books.schema import account, stall
from ..model import AccountId, StallId
from .plans import PlanError, known_account, open_since, printable_name

OWING = ("household", "employer")
"""Kinds of accounts that residents charge on."""
_MOST_ADDRESS = 300


@dataclass(frozen=True, kw_only=True)
class Account:
    """Who owes."""

    account_id: AccountId
    name: str
    kind: str
    address: str
    """Printed on its statements; empty: none."""
    paper: bool
    """It gets its statements printed."""


@dataclass(frozen=True, kw_only=True)
class GroupMember:
    """An account in a group, for a time."""

    account_id: AccountId
    group: str
    from_ms: int
    to_ms: int | None


def accounts(conn: Connection) -> list[Account]:
    """Return the accounts residents charge on, by name."""
    return _accounts(conn, account.c.kind.in_(OWING))


def account_of(conn: Connection, account_id: str) -> Account | None:
    """Return one of them; None where there is none with this id."""
    found = _accounts(conn, account.c.kind.in_(OWING) & (account.c.account_id == account_id))
    return found[0] if found else None


def set_account(conn: Connection, account_id: AccountId, *, name: str, address: str, paper: bool) -> None:
    """Set how an account is printed; statements that are issued stay as they are. Raises `PlanError`."""
    known_account(conn, account_id)
    if len(address) > _MOST_ADDRESS:
        msg = f"address: got {len(address)} characters, accepted are at most {_MOST_ADDRESS}"
        raise PlanError(msg)
    conn.execute(
        update(account)
        .where(account.c.account_id == account_id)
        .values(name=printable_name(name), address=address.strip() or None, paper=int(paper))
    )


def group_members(conn: Connection) -> list[GroupMember]:
    """Return who is or was in a group, by group, the newest first."""
    rows = conn.execute(
        select(member_group).order_by(func.lower(member_group.c.group_name), member_group.c.from_ms.desc())
    )
    return [
        GroupMember(account_id=AccountId(row.account_id), group=row.group_name, from_ms=row.from_ms, to_ms=row.to_ms)
        for row in rows
    ]


def stall_holders(conn: Connection) -> dict[StallId, Mapping[date, AccountId | None]]:
    """Return whose parking place each stall is, by the day from which it is; None: nobody's any more."""
    found: dict[StallId, dict[date, AccountId | None]] = {}
    for row in conn.execute(select(stall_holder).order_by(stall_holder.c.stall_id, stall_holder.c.from_day)):
        whose = None if row.account_id is None else AccountId(row.account_id)
        found.setdefault(StallId(row.stall_id), {})[date.fromisoformat(row.from_day)] = whose
    return dict(found)


def set_stall_holder(conn: Connection, stall_id: str, account_id: AccountId | None, since: date) -> None:
    """Say whose parking place a stall is from a local day on; None: nobody's. Raises `PlanError`.

    What was to follow later no longer does.
    """
    if conn.scalar(select(stall.c.stall_id).where(stall.c.stall_id == stall_id)) is None:
        msg = f"stall: got {stall_id!r}, accepted is the id of a stall"
        raise PlanError(msg)
    if account_id is not None:
        known_account(conn, account_id)
    building = the_building(conn)
    if since < (earliest := open_since(conn).astimezone(building.zone).date()):
        msg = f"since: got {since}, accepted is {earliest} or later: months before are closed"
        raise PlanError(msg)
    day = since.isoformat()
    conn.execute(delete(stall_holder).where(stall_holder.c.stall_id == stall_id, stall_holder.c.from_day >= day))
    conn.execute(
        insert(stall_holder).values(
            building_id=building.building_id, stall_id=stall_id, from_day=day, account_id=account_id
        )
    )


def _accounts(conn: Connection, which: ColumnElement[bool]) -> list[Account]:
    return [
        Account(
            account_id=AccountId(row.account_id),
            name=row.name,
            kind=row.kind,
            address=row.address or "",
            paper=bool(row.paper),
        )
        for row in conn.execute(select(account).where(which).order_by(func.lower(account.c.name)))
    ]
