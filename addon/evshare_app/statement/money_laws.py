"""What must hold of money: statements are the sum of what they bill, are booked as issued, and nothing is lost."""

from collections import defaultdict
import hashlib
import json

from sqlalchemy import Connection, func, select

from ..books import schema
from ..books.access_tables import dispute
from ..books.accounting_tables import charge, statement_charge
from ..books.building import NoBuilding, the_building
from ..books.common import find_common_account
from ..ledger.accounts import COMMON_COST, prepaid, receivable
from ..ledger.heads import verify_books
from ..model import AccountId, Month, to_ms
from ..tariff.cdr import CREDIT
from .issue import CREDIT_NOTES, SERIES
from .remittance import statement_number

_AMOUNTS = ("net_minor", "vat_minor", "gross_minor")
_OWED_BY = ("statement", "credit_note")
"""Kinds of transactions that say what an account owes."""
_OWN_DATES = (*_OWED_BY, "common", "dispute")
"""Kinds of transactions that are dated by the books themselves."""


def statements_and_parts(conn: Connection) -> list[str]:
    """Each statement is the sum of its CDRs and charges."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for on, of in ((schema.statement_cdr, schema.cdr), (statement_charge, charge)):
        rows = conn.execute(
            select(on.c.statement_id, *(func.sum(of.c[name]).label(name) for name in _AMOUNTS))
            .join_from(on, of)
            .group_by(on.c.statement_id)
        )
        for row in rows:
            for place, name in enumerate(_AMOUNTS):
                sums[row.statement_id][place] += getattr(row, name)
    return [
        f"statement {row.number}: {row.gross_minor}, what is on it {sums[row.statement_id][2]}"
        for row in conn.execute(select(*(schema.statement.c[name] for name in ("statement_id", "number", *_AMOUNTS))))
        if sums[row.statement_id] != [getattr(row, name) for name in _AMOUNTS]
    ]


def statements_and_ledger(conn: Connection) -> list[str]:
    """Each statement is booked as it was issued, on the chain whose digits it prints."""
    owed = {
        row.transaction_id: (row.amount_minor, row.hash.hex()[:12])
        for row in conn.execute(
            select(schema.ledger_transaction.c.transaction_id, schema.ledger_transaction.c.hash, schema.posting)
            .join_from(schema.ledger_transaction, schema.posting)
            .where(
                schema.ledger_transaction.c.kind.in_(_OWED_BY),
                schema.posting.c.ledger_account_id.startswith(receivable(AccountId("")), autoescape=True),
            )
        )
    }
    statement = schema.statement
    breaches = []
    for row in conn.execute(select(statement).where(statement.c.gross_minor != 0), execution_options=_STREAMED):
        printed = (row.gross_minor, json.loads(row.document_json)["ledger_head"])
        booked = owed.get(f"{'credit_note' if row.kind == 'credit_note' else 'statement'}:{row.statement_id}")
        if booked != printed:
            breaches.append(f"statement {row.number}: printed {printed}, booked {booked}")
    return breaches


_STREAMED = {"yield_per": 200}


def common_costs(conn: Connection) -> list[str]:
    """What the building pays for itself is on no statement, and booked as it was rated."""
    account_id = find_common_account(conn)
    own = {
        row.cdr_id: row.net_minor
        for row in conn.execute(select(schema.cdr).where(schema.cdr.c.account_id == account_id))
    }
    breaches = [
        f"CDR {cdr_id}: is on a statement"
        for cdr_id in conn.scalars(select(schema.statement_cdr.c.cdr_id).where(schema.statement_cdr.c.cdr_id.in_(own)))
    ]
    booked = {
        row.transaction_id.removeprefix("common:"): row.amount_minor
        for row in conn.execute(
            select(schema.ledger_transaction.c.transaction_id, schema.posting.c.amount_minor)
            .join_from(schema.ledger_transaction, schema.posting)
            .where(schema.ledger_transaction.c.kind == "common", schema.posting.c.ledger_account_id == COMMON_COST)
        )
    }
    return breaches + [
        f"CDR {cdr_id}: net {own.get(cdr_id)}, booked {minor}"
        for cdr_id, minor in booked.items()
        if own.get(cdr_id) != minor
    ]


def disputes(conn: Connection) -> list[str]:
    """What is billed for a session that was found not to be theirs has to be credited, in full."""
    cdr = schema.cdr
    gone = select(cdr.c.credits).where(cdr.c.credits.is_not(None))
    billed = conn.execute(
        select(cdr.c.cdr_id, cdr.c.gross_minor)
        .join_from(dispute, cdr, cdr.c.session_id == dispute.c.session_id)
        .join(schema.statement_cdr, schema.statement_cdr.c.cdr_id == cdr.c.cdr_id)
        .where(dispute.c.state == "upheld", cdr.c.kind != CREDIT, cdr.c.cdr_id.not_in(gone))
    )
    # Before there were credit notes for them, they were credited by a payment.
    credits_: dict[str, int] = {
        row.external_id: row.amount_minor
        for row in conn.execute(select(schema.payment).where(schema.payment.c.rail == "credit"))
    }
    return [
        f"CDR {row.cdr_id}: billed {row.gross_minor}, credited {credits_.get(row.cdr_id, 0)}"
        for row in billed
        if credits_.get(row.cdr_id, 0) != row.gross_minor
    ]


def seals(conn: Connection) -> list[str]:
    """Each statement's seal fits its document."""
    return [
        f"statement {row.number}: its document was changed"
        for row in conn.execute(select(schema.statement), execution_options=_STREAMED)
        if hashlib.sha256(row.document_json.encode()).hexdigest() != row.sha256
    ]


def numbers(conn: Connection) -> list[str]:
    """Numbers have no gaps, in each series and year."""
    issued = set(conn.scalars(select(schema.statement.c.number)))
    due = {
        statement_number(row.year, place, row.prefix)
        for row in conn.execute(select(schema.series).where(schema.series.c.prefix.in_((SERIES, CREDIT_NOTES))))
        for place in range(1, row.last + 1)
    }
    return sorted(f"number {number} is missing" for number in due - issued) + sorted(
        f"number {number} was never given out" for number in issued - due
    )


def receivables(conn: Connection) -> list[str]:
    """What accounts owe by the ledger is what statements ask for less what was paid and credited."""
    posting, transaction, payment = schema.posting, schema.ledger_transaction, schema.payment
    owed: dict[str, int] = defaultdict(int)
    for row in conn.execute(
        select(schema.statement.c.account_id, func.sum(schema.statement.c.gross_minor)).group_by(
            schema.statement.c.account_id
        )
    ):
        owed[receivable(AccountId(row[0]))] += row[1]
    for row in conn.execute(select(payment.c.account_id, func.sum(payment.c.amount_minor)).group_by("account_id")):
        owed[receivable(AccountId(row[0]))] -= row[1]
    booked: dict[str, int] = defaultdict(int)
    for row in conn.execute(
        select(posting.c.ledger_account_id, func.sum(posting.c.amount_minor))
        .join_from(posting, transaction)
        .where(
            transaction.c.kind.in_((*_OWED_BY, "payment", "prepaid_used", "dispute")),
            posting.c.ledger_account_id.startswith(receivable(AccountId("")), autoescape=True),
        )
        .group_by(posting.c.ledger_account_id)
    ):
        booked[row[0]] += row[1]
    return [
        f"account {one.partition(':')[2]}: statements less payments {owed[one]}, ledger {booked[one]}"
        for one in sorted({*owed, *booked})
        if owed[one] != booked[one]
    ]


def prepaid_balances(conn: Connection) -> list[str]:
    """Nobody has used more than was paid in advance."""
    posting = schema.posting
    rows = conn.execute(
        select(posting.c.ledger_account_id, func.sum(posting.c.amount_minor).label("minor"))
        .where(posting.c.ledger_account_id.startswith(prepaid(AccountId("")), autoescape=True))
        .group_by(posting.c.ledger_account_id)
        .having(func.sum(posting.c.amount_minor) > 0)
    )
    return [f"account {row.ledger_account_id.partition(':')[2]}: {row.minor} too much used" for row in rows]


def closed_periods(conn: Connection) -> list[str]:
    """Nothing was booked into a month that was closed before."""
    try:
        zone = the_building(conn).zone
    except NoBuilding:
        return []
    transaction, breaches = schema.ledger_transaction, []
    for period in conn.execute(select(schema.period)):
        month = Month.parse(period.month)
        begin, end = month.bounds(zone)
        numbers_ = conn.scalars(
            select(transaction.c.number).where(
                transaction.c.kind.in_(_OWN_DATES),
                transaction.c.occurred_ms >= to_ms(begin),
                transaction.c.occurred_ms < to_ms(end),
                transaction.c.recorded_ms > period.closed_ms,
            )
        )
        breaches += [f"transaction {one} was booked into {month} after that was closed" for one in numbers_]
    return breaches


def currencies(conn: Connection) -> list[str]:
    """Debits are credits, in every transaction and currency."""
    posting = schema.posting
    rows = conn.execute(
        select(posting.c.number, posting.c.currency, func.sum(posting.c.amount_minor).label("minor"))
        .group_by(posting.c.number, posting.c.currency)
        .having(func.sum(posting.c.amount_minor) != 0)
    )
    return [f"transaction {row.number}: {row.minor} {row.currency}" for row in rows]


def ledger(conn: Connection) -> list[str]:
    """The chain is whole, and its heads are as they were signed."""
    report = verify_books(conn)
    chain = [] if report.chain.ok else [f"transaction {report.chain.broken_at}: {report.chain.problem}"]
    return [*chain, *report.problems]
