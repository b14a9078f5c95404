"""What the building pays for itself: sessions of guests whose pass the owners pay together.

They are rated like any other and come on no statement. Closing a month books each of them, once, as a cost of the
building (5500) against the income its price lines belong to. Nobody is sold anything, so there is no VAT in it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, literal, select

from ..books import schema
from ..books.building import BuildingRow
from ..ledger.accounts import COMMON_COST, ENERGY
from ..ledger.ledger import NewTransaction, Posting, post
from ..model import to_ms
from .issue import INCOME
from .parts import RatedPart, rated_parts

_KIND = "common"
_PREFIX = "common:"


@dataclass(frozen=True, kw_only=True)
class CommonTotal:
    """What the building paid for itself in a month; `net_minor` without VAT."""

    sessions: int = 0
    energy_wh: int = 0
    net_minor: int = 0


def is_booked() -> ColumnElement[bool]:
    """Whether a CDR is booked as the building's own cost."""
    booked = select(schema.ledger_transaction.c.transaction_id).where(schema.ledger_transaction.c.kind == _KIND)
    return (literal(_PREFIX) + schema.cdr.c.cdr_id).in_(booked)


def common_total(conn: Connection, cdr_ids: Sequence[str]) -> CommonTotal:
    """Return what these CDRs of the building's own account come to."""
    row = conn.execute(
        select(func.count(), func.sum(schema.cdr.c.energy_wh), func.sum(schema.cdr.c.net_minor)).where(
            schema.cdr.c.cdr_id.in_(cdr_ids)
        )
    ).one()
    return CommonTotal(sessions=row[0], energy_wh=int(row[1] or 0), net_minor=int(row[2] or 0))


def booked_at(conn: Connection, closed: datetime) -> list[str]:
    """Return the CDRs that were booked when a month was closed at this instant."""
    ids = conn.scalars(
        select(schema.ledger_transaction.c.transaction_id).where(
            schema.ledger_transaction.c.kind == _KIND, schema.ledger_transaction.c.recorded_ms == to_ms(closed)
        )
    )
    return [one.removeprefix(_PREFIX) for one in ids]


def book_common(conn: Connection, building: BuildingRow, cdr_ids: Sequence[str], actor: str, now: datetime) -> None:
    """Book these CDRs, one transaction each."""
    for cdr_id in cdr_ids:
        (part,) = rated_parts(conn, [cdr_id])
        post(
            conn,
            NewTransaction(
                transaction_id=f"{_PREFIX}{cdr_id}",
                kind=_KIND,
                occurred=now,
                actor=actor[:64],
                reason=f"Session {part.session.session_id} at {part.session.stall}, paid by the building",
                postings=_postings(part),
                currency=building.currency,
            ),
            now,
        )


def _postings(part: RatedPart) -> list[Posting]:
    credited: dict[str, int] = defaultdict(int)
    for line in part.session.lines:
        credited[INCOME[line.kind]] += line.net_minor
    # What costs nothing is booked too: then it is known to be dealt with.
    earned = {account: minor for account, minor in credited.items() if minor} or {ENERGY: 0}
    return [
        Posting(COMMON_COST, sum(earned.values())),
        *(Posting(account, -minor) for account, minor in sorted(earned.items())),
    ]
