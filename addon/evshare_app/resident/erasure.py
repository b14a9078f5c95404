"""Erasing a person: what tells who they were goes, what the accounts rest on stays.

Amounts, registers, random ids and hashes are kept, so every statement still adds up and the ledger's chain is as whole
as before. Issued documents keep the name they were issued to, because they have to be kept unchanged; they go when the
law no longer asks for them. Backups made before keep everything until they are deleted.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, or_, select, update

from ..books.access_tables import dispute
from ..books.accounting_tables import membership
from ..books.building import the_building
from ..books.schema import payment_operation, period, resident, session
from ..ledger.accounts import prepaid, receivable
from ..ledger.ledger import balance
from ..model import AccountId, Month, ResidentId, from_ms
from .personal import OF_ACCOUNT, OF_RESIDENT, TOMBSTONE, OfPerson


class EraseRefused(Exception):
    """They cannot be erased yet; nothing changed.

    `why`: ``unknown``; ``still_there`` (remove them in Home Assistant first); ``charging``; ``disputes`` (one is not
    decided); ``not_billed`` (the month of their last session is not closed); ``payment_open``; ``owes``; ``has_money``.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """What was erased."""

    rows: dict[str, int]
    """Rows deleted or blanked, by table."""
    accounts: tuple[AccountId, ...]
    """Accounts that nobody is on any more, whose names went too."""
    stripe_customers: tuple[str, ...]
    """What Stripe calls these accounts; to be deleted there by whoever holds its key."""


def is_erased(conn: Connection, resident_id: ResidentId) -> bool:
    """Whether somebody was erased."""
    return conn.scalar(select(resident.c.name).where(resident.c.resident_id == resident_id)) == TOMBSTONE


def erase(conn: Connection, resident_id: ResidentId) -> Erasure:
    """Erase a person who is gone and owes nothing. Raises `EraseRefused`. Repeating it does no harm."""
    own = own_accounts(conn, resident_id)
    reason = _reason_against(conn, resident_id, own)
    if reason is not None:
        raise EraseRefused(reason)
    rows: dict[str, int] = {}
    customers = tuple(_customers(conn, own))
    for part in OF_RESIDENT:
        rows[part.table.name] = _erase(conn, part, resident_id)
    for account_id in own:
        for part in OF_ACCOUNT:
            rows[part.table.name] = rows.get(part.table.name, 0) + _erase(conn, part, account_id)
    return Erasure(
        rows={table: count for table, count in rows.items() if count}, accounts=own, stripe_customers=customers
    )


def reason_against(conn: Connection, resident_id: ResidentId) -> str | None:
    """Return why somebody cannot be erased now (see `EraseRefused`); None where they can."""
    return _reason_against(conn, resident_id, own_accounts(conn, resident_id))


def accounts_of(conn: Connection, resident_id: ResidentId) -> tuple[AccountId, ...]:
    """Return the accounts a resident is or was on."""
    today = select(resident.c.account_id).where(resident.c.resident_id == resident_id)
    ever = select(membership.c.account_id).where(membership.c.resident_id == resident_id)
    return tuple(sorted(AccountId(one) for one in set(conn.scalars(today)) | set(conn.scalars(ever))))


def _erase(conn: Connection, part: OfPerson, of: str) -> int:
    change = (
        delete(part.table).where(part.rows(of))
        if part.blanks is None
        else update(part.table).where(part.rows(of)).values(**part.blanks)
    )
    return conn.execute(change).rowcount


def own_accounts(conn: Connection, resident_id: ResidentId) -> tuple[AccountId, ...]:
    """Return those of their accounts that are a household's and on which nobody else is left who has a name."""
    return tuple(
        account_id
        for account_id in accounts_of(conn, resident_id)
        if not conn.scalar(
            select(func.count())
            .select_from(resident)
            .outerjoin(membership, membership.c.resident_id == resident.c.resident_id)
            .where(
                or_(resident.c.account_id == account_id, membership.c.account_id == account_id),
                resident.c.resident_id != resident_id,
                resident.c.name != TOMBSTONE,
            )
        )
        and conn.scalar(select(_ACCOUNT.c.kind).where(_ACCOUNT.c.account_id == account_id)) == "household"
    )


_ACCOUNT = OF_ACCOUNT[0].table


def _customers(conn: Connection, accounts: tuple[AccountId, ...]) -> list[str]:
    named = select(_ACCOUNT.c.stripe_customer).where(
        _ACCOUNT.c.account_id.in_(accounts), _ACCOUNT.c.stripe_customer.is_not(None)
    )
    return [str(one) for one in conn.scalars(named)]


def _reason_against(conn: Connection, resident_id: ResidentId, own: tuple[AccountId, ...]) -> str | None:
    row = conn.execute(select(resident).where(resident.c.resident_id == resident_id)).one_or_none()
    if row is None:
        return "unknown"
    if row.removed_ms is None:
        return "still_there"
    theirs = session.c.resident_id == resident_id
    if conn.scalar(select(func.count()).where(theirs, session.c.ended_ms.is_(None))):
        return "charging"
    undecided = select(func.count()).where(dispute.c.resident_id == resident_id, dispute.c.state == "open")
    if conn.scalar(undecided):
        return "disputes"
    last_ms = conn.scalar(select(func.max(session.c.ended_ms)).where(theirs))
    if last_ms is not None and not _is_closed(conn, last_ms):
        return "not_billed"
    return _money_against(conn, own)


def _money_against(conn: Connection, own: tuple[AccountId, ...]) -> str | None:
    open_ = payment_operation.c.state.in_(("pending", "processing", "needs_customer"))
    if conn.scalar(select(func.count()).where(payment_operation.c.account_id.in_(own), open_)):
        return "payment_open"
    for account_id in own:
        owed = balance(conn, receivable(account_id))
        if owed > 0:
            return "owes"
        if owed < 0 or balance(conn, prepaid(account_id)):
            return "has_money"
    return None


def _is_closed(conn: Connection, ended_ms: int) -> bool:
    month = Month.of(from_ms(ended_ms), the_building(conn).zone)
    return bool(conn.scalar(select(func.count()).where(period.c.month == str(month))))
