"""What is left of the money an account paid in advance, and telling its residents when that is little.

Left is the ledger's prepaid balance, less what the account owes by statements (or with what it was given back there),
what was charged and is on none yet, and what runs now. Base fees and shares of costs come off with the month's
statement.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from ..books.building import the_building
from ..books.payers import Plan, PlanKind, payer_at, plan_at
from ..books.schema import cdr, ledger_transaction, posting, resident, session, statement_cdr
from ..ledger.accounts import prepaid, receivable
from ..ledger.ledger import balance
from ..model import AccountId
from ..money import Money
from ..tariff.running import running_cost
from .disputes import not_theirs
from .notices import note

LOW_BALANCE = "low_balance"


@dataclass(frozen=True, kw_only=True)
class PrepaidBalance:
    """What an account paid in advance, and what of it is used. Amounts are gross."""

    paid: Money
    """As the ledger has it, less what is owed by statements, or with what is in the account's favour there."""
    unbilled: Money
    """Charged, and on no statement yet."""
    running: Money
    """Of sessions that are open, until now."""

    @property
    def settled(self) -> Money:
        """What is left, sessions that are open not taken off."""
        return self.paid - self.unbilled

    @property
    def left(self) -> Money:
        """What is left; below zero where more was charged than was there."""
        return self.settled - self.running


def prepaid_plan(conn: Connection, resident_id: str, now: datetime) -> tuple[AccountId, Plan] | None:
    """Return the account a resident charges on and its plan, where that is a prepaid one."""
    account_id = payer_at(conn, resident_id, now)
    plan = plan_at(conn, account_id, now)
    return (account_id, plan) if plan.kind is PlanKind.PREPAID else None


def prepaid_balance(
    conn: Connection,
    account_id: AccountId,
    now: datetime,
    running_wh: Mapping[str, int] | None = None,
    *,
    without: Collection[str] = (),
) -> PrepaidBalance:
    """Return how an account stands.

    `running_wh` is what running sessions have used, where that is known better than by the books; open sessions of the
    residents `without` are not counted.
    """
    currency = the_building(conn).currency
    paid_minor = -balance(conn, prepaid(account_id)) - balance(conn, receivable(account_id))
    billed = select(statement_cdr.c.cdr_id)
    unbilled_minor = conn.scalar(
        select(func.sum(cdr.c.gross_minor)).where(
            cdr.c.account_id == account_id, cdr.c.cdr_id.not_in(billed), cdr.c.session_id.not_in(not_theirs())
        )
    )
    own = or_(
        session.c.account_id == account_id,
        session.c.account_id.is_(None)
        & session.c.resident_id.in_(select(resident.c.resident_id).where(resident.c.account_id == account_id)),
    )
    open_ = conn.execute(
        select(session.c.session_id, session.c.energy_wh).where(
            own, session.c.ended_ms.is_(None), session.c.resident_id.not_in(without)
        )
    ).all()
    known_wh = running_wh or {}
    costs = [
        running_cost(conn, row.session_id, max(row.energy_wh, known_wh.get(row.session_id, 0)), now) for row in open_
    ]
    return PrepaidBalance(
        paid=Money(paid_minor, currency),
        unbilled=Money(int(unbilled_minor or 0), currency),
        running=Money(sum(cost.minor for cost in costs if cost is not None), currency),
    )


def prepaid_of(
    conn: Connection, resident_id: str, now: datetime, running_wh: Mapping[str, int] | None = None
) -> PrepaidBalance | None:
    """Return how the account a resident charges on stands; None where it does not pay in advance."""
    found = prepaid_plan(conn, resident_id, now)
    return None if found is None else prepaid_balance(conn, found[0], now, running_wh)


def note_low_balance(conn: Connection, session_id: str, now: datetime) -> None:
    """Tell everyone on a prepaid account, once after each top-up, that little is left after a session."""
    row = conn.execute(
        select(session.c.resident_id, session.c.account_id).where(session.c.session_id == session_id)
    ).one_or_none()
    if row is None:
        return
    account_id = AccountId(row.account_id) if row.account_id is not None else payer_at(conn, row.resident_id, now)
    plan = plan_at(conn, account_id, now)
    if plan.kind is not PlanKind.PREPAID or plan.low_balance_minor is None:
        return
    left = prepaid_balance(conn, account_id, now).left
    if left.minor >= plan.low_balance_minor:
        return
    topped_up = conn.scalar(
        select(func.max(posting.c.number))
        .join(ledger_transaction, ledger_transaction.c.number == posting.c.number)
        .where(posting.c.ledger_account_id == prepaid(account_id), ledger_transaction.c.kind == "top_up")
    )
    body = {"minor": left.minor, "currency": left.currency}
    for resident_id in conn.scalars(select(resident.c.resident_id).where(resident.c.removed_ms.is_(None))).all():
        if payer_at(conn, resident_id, now) == account_id:
            note(conn, resident_id, LOW_BALANCE, f"{account_id}:{topped_up or 0}:{resident_id}", body, now)
