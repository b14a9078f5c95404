"""Issuing one statement: number, booking, document, page, PDF, all in the caller's transaction."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
import hashlib
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from ..books import schema
from ..books.building import BuildingRow
from ..formats import locale_for
from ..i18n import LANGUAGES, gettext_for
from ..ledger import accounts
from ..ledger.ledger import NewTransaction, Posting, head, post
from ..model import AccountId, Month, StatementId, to_ms
from ..tariff.store import tariff_version
from ..tariff.text import tariff_lines
from .document import StatementDocument, TariffText
from .html import render_html
from .parts import RatedPart, rated_parts, vat_of
from .pdf import render_pdf
from .remittance import rf_reference, statement_number

DUE_AFTER = timedelta(days=14)
SERIES = ""
"""Prefix of statement numbers; other documents get series of their own."""

INCOME = {
    "ENERGY": accounts.ENERGY,
    "TIME": accounts.ENERGY,
    "PARKING_TIME": accounts.IDLE,
    "FLAT": accounts.SESSION_FEE,
    # What a least or highest price adds or takes is a fee of the session, or a discount on it.
    "MIN_PRICE": accounts.SESSION_FEE,
    "MAX_PRICE": accounts.SESSION_FEE,
}
"""The income account of a price line's kind."""


@dataclass(frozen=True, kw_only=True)
class Issue:
    """Whose statement of which month is issued, by whom and when."""

    building: BuildingRow
    month: Month
    account_id: AccountId
    actor: str
    now: datetime

    @property
    def statement_id(self) -> StatementId:
        """32 hex digits, the same whenever this statement is issued."""
        name = f"{self.building.building_id}:{self.month}:{self.account_id}"
        return StatementId(hashlib.sha256(name.encode()).hexdigest()[:32])


def issue_statement(conn: Connection, issue: Issue, cdr_ids: Sequence[str]) -> StatementId:
    """Issue the statement over these CDRs and return its id."""
    number = _next_number(conn, issue)
    parts = rated_parts(conn, cdr_ids)
    _book(conn, issue, number, parts)
    document = _document(conn, issue, number, parts)
    building_id = issue.building.building_id
    conn.execute(
        insert(schema.statement).values(
            building_id=building_id,
            statement_id=issue.statement_id,
            number=number,
            account_id=issue.account_id,
            month=str(issue.month),
            issued_ms=to_ms(issue.now),
            net_minor=document.net_minor,
            vat_minor=document.vat_minor,
            gross_minor=document.gross_minor,
            currency=document.currency,
            reference=document.reference,
            document_json=document.to_json(),
            html=render_html(document),
            pdf=render_pdf(document),
            sha256=document.seal,
        )
    )
    conn.execute(
        insert(schema.statement_cdr),
        [{"building_id": building_id, "cdr_id": one, "statement_id": issue.statement_id} for one in cdr_ids],
    )
    return issue.statement_id


def _next_number(conn: Connection, issue: Issue) -> str:
    """Take the next number of the year of issue. A rollback gives it back: numbers have no gaps."""
    year = issue.now.astimezone(issue.building.zone).year
    at = (schema.series.c.prefix == SERIES, schema.series.c.year == year)
    last = conn.scalar(select(schema.series.c.last).where(*at))
    if last is None:
        conn.execute(
            insert(schema.series).values(building_id=issue.building.building_id, prefix=SERIES, year=year, last=1)
        )
        return statement_number(year, 1)
    conn.execute(update(schema.series).where(*at).values(last=last + 1))
    return statement_number(year, last + 1)


def _book(conn: Connection, issue: Issue, number: str, parts: Sequence[RatedPart]) -> None:
    """Debit what the account owes, credit income and VAT (one transaction per statement)."""
    credited: dict[str, int] = defaultdict(int)
    for part in parts:
        for line in part.session.lines:
            credited[INCOME[line.kind]] += line.net_minor
        for percent, minor in part.vat:
            credited[accounts.vat_payable(percent)] += minor
    gross = sum(part.gross_minor for part in parts)
    postings = [
        Posting(accounts.receivable(issue.account_id), gross),
        *(Posting(account, -minor) for account, minor in sorted(credited.items())),
    ]
    if not any(one.amount_minor for one in postings):
        return  # energy for free: nothing is owed
    post(
        conn,
        NewTransaction(
            transaction_id=f"statement:{issue.statement_id}",
            kind="statement",
            occurred=issue.now,
            actor=issue.actor,
            reason=f"Statement {number} for {issue.month}",
            postings=[one for one in postings if one.amount_minor],
            currency=issue.building.currency,
        ),
        issue.now,
    )


def _document(conn: Connection, issue: Issue, number: str, parts: Sequence[RatedPart]) -> StatementDocument:
    building = issue.building
    account = conn.execute(select(schema.account).where(schema.account.c.account_id == issue.account_id)).one()
    language = _language(conn, issue)
    versions = [tariff_version(conn, one) for one in dict.fromkeys(part.version_id for part in parts)]
    locale = locale_for(language, building.zone)
    vat = vat_of(parts)
    net = sum(part.session.net_minor for part in parts)
    vat_minor = sum(one.vat_minor for one in vat)
    gross = sum(part.gross_minor for part in parts)
    if net + vat_minor != gross:
        msg = f"statement {number}: net {net} and VAT {vat_minor} do not sum to gross {gross}"
        raise AssertionError(msg)
    return StatementDocument(
        statement_id=issue.statement_id,
        number=number,
        month=issue.month,
        issued=issue.now,
        due=(issue.now.astimezone(building.zone) + DUE_AFTER).date(),
        language=language,
        time_zone=building.zone.key,
        currency=building.currency,
        building=building.name,
        payee=building.payee or building.name,
        address=building.address or "",
        account=account.name,
        sessions=tuple(part.session for part in parts),
        tariffs=tuple(
            TariffText(version_id=one.version_id, lines=tuple(tariff_lines(one.tariff, locale))) for one in versions
        ),
        energy_wh=sum(part.session.energy_wh for part in parts),
        net_minor=net,
        vat=vat,
        vat_minor=vat_minor,
        gross_minor=gross,
        reference=rf_reference(number),
        iban=building.iban,
        card=_card(account, language),
        ledger_head=head(conn).hex()[:12],
    )


def _card(account: Row[Any], language: str) -> str | None:
    if account.rail != "stripe" or account.stripe_payment_method is None:
        return None
    return str(account.card_label or gettext_for(language)("your card"))


def _language(conn: Connection, issue: Issue) -> str:
    """Return the language of the account's people, else the building's."""
    chosen = conn.scalars(
        select(schema.resident.c.language)
        .where(schema.resident.c.account_id == issue.account_id, schema.resident.c.language.is_not(None))
        .order_by(schema.resident.c.resident_id)
    ).first()
    language = chosen or issue.building.language
    return language if language in LANGUAGES else LANGUAGES[0]
