"""What a resident may read in the books: their account's month so far and its statements, nothing else.

Every function takes whose they are, and finds nothing that is someone else's.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from ..books.schema import cdr, statement
from ..model import AccountId, StatementId, to_ms
from ..money import Money
from ..payment.rail import Standing
from ..payment.standing import standings
from ..resident.disputes import in_question
from ..statement.files import HTML, PDF, kept_file


@dataclass(frozen=True, kw_only=True)
class StatementLine:
    """A statement in a list, and how it stands."""

    statement_id: StatementId
    number: str
    month: str
    issued_ms: int
    gross: Money
    reference: str
    standing: Standing


@dataclass(frozen=True, kw_only=True)
class MonthSoFar:
    """What someone used since the month began, ended sessions only."""

    sessions: int
    energy_wh: int
    gross_minor: int


def month_so_far(conn: Connection, account_id: AccountId, start: datetime) -> MonthSoFar:
    """Return what an account's sessions that ended since `start`, the month's first instant, come to."""
    row = conn.execute(
        select(func.count(), func.sum(cdr.c.energy_wh), func.sum(cdr.c.gross_minor)).where(
            cdr.c.account_id == account_id,
            cdr.c.ended_ms >= to_ms(start),
            cdr.c.session_id.not_in(in_question()),
        )
    ).one()
    return MonthSoFar(sessions=row[0], energy_wh=int(row[1] or 0), gross_minor=int(row[2] or 0))


def statements_of(conn: Connection, account_id: AccountId, now: datetime) -> list[StatementLine]:
    """Return an account's statements, the newest first."""
    stand = {one.statement_id: one for one in standings(conn, now, account_id)}
    rows = conn.execute(
        select(
            statement.c.statement_id,
            statement.c.number,
            statement.c.month,
            statement.c.issued_ms,
            statement.c.gross_minor,
            statement.c.currency,
            statement.c.reference,
        )
        .where(statement.c.account_id == account_id)
        .order_by(statement.c.month.desc(), statement.c.number.desc())
    )
    return [
        StatementLine(
            statement_id=StatementId(row.statement_id),
            number=row.number,
            month=row.month,
            issued_ms=row.issued_ms,
            gross=Money(row.gross_minor, row.currency),
            reference=row.reference,
            standing=stand[StatementId(row.statement_id)],
        )
        for row in rows
    ]


def statement_of(conn: Connection, account_id: AccountId, statement_id: str, now: datetime) -> StatementLine | None:
    """Return one statement, if it is this account's."""
    return next((one for one in statements_of(conn, account_id, now) if one.statement_id == statement_id), None)


def statement_pdf(conn: Connection, account_id: AccountId, statement_id: str) -> tuple[str, bytes] | None:
    """Return number and PDF of a statement, if it is this account's."""
    number = _number(conn, account_id, statement_id)
    return None if number is None else (number, kept_file(conn, statement_id, PDF))


def statement_html(conn: Connection, account_id: AccountId, statement_id: str) -> str | None:
    """Return a statement as the page it was issued as, if it is this account's."""
    if _number(conn, account_id, statement_id) is None:
        return None
    return kept_file(conn, statement_id, HTML).decode()


def _number(conn: Connection, account_id: AccountId, statement_id: str) -> str | None:
    return conn.scalar(
        select(statement.c.number).where(statement.c.statement_id == statement_id, statement.c.account_id == account_id)
    )
