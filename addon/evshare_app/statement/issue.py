"""Issuing one statement: number, booking and document, all in the caller's transaction. Files are made afterwards."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
import hashlib
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from ..books import schema
from ..books.accounting_tables import statement_charge
from ..books.building import BuildingRow
from ..books.quarantine import refuse_in_quarantine
from ..formats import locale_for
from ..i18n import LANGUAGES, gettext_for
from ..ledger import accounts
from ..ledger.ledger import head, post
from ..ledger.templates import Event, credit_note, statement_issued
from ..model import AccountId, Month, StatementId, to_ms
from ..tariff.store import tariff_version
from ..tariff.text import tariff_lines
from . import charge as charges
from .advance import advance_for, in_favour_minor, use_advance
from .charge import Charge
from .document import ChargePart, StatementDocument, TariffText
from .house_rules import law_profile
from .parts import RatedPart, rated_parts, vat_of
from .remittance import reference_for, statement_number

DUE_AFTER = timedelta(days=14)
SERIES, CREDIT_NOTES = "", "CN"
"""Prefixes of the series of numbers: of statements, and of what takes them back."""

STATEMENT, CREDIT_NOTE, CORRECTION, MOVE_OUT = "statement", "credit_note", "correction", "move_out"
"""Kinds of statements."""
_ORDER = (charges.BASE_FEE, charges.INCLUDED, charges.DEMAND, charges.SOLAR, charges.COST, charges.LOSSES)
"""In which charges are printed; others follow."""

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
CHARGE_INCOME = {
    charges.BASE_FEE: accounts.BASE_FEE,
    charges.INCLUDED: accounts.ENERGY,
    charges.DEMAND: accounts.COST_SHARE,
    charges.COST: accounts.COST_SHARE,
    charges.SOLAR: accounts.ENERGY,
    charges.TRUE_UP: accounts.COST_SHARE,
    charges.LOSSES: accounts.COST_SHARE,
}
"""The income account of a charge's kind."""


@dataclass(frozen=True, kw_only=True)
class Issue:
    """Whose statement of which month is issued, by whom and when."""

    building: BuildingRow
    month: Month
    account_id: AccountId
    actor: str
    now: datetime
    ledger_key: str = ""
    """What is printed of the key the ledger's heads are signed with."""
    kind: str = STATEMENT
    corrects: tuple[StatementId, str] | None = None
    """Id and number of the statement that is taken back, or that this one stands in for."""
    place: int = 1
    """How many of this kind there are then, of the same account about the same statement or month."""
    reason: str = ""
    """Why it is corrected, in the manager's words."""

    @property
    def statement_id(self) -> StatementId:
        """32 hex digits, the same whenever this statement is issued."""
        name = f"{self.building.building_id}:{self.month}:{self.account_id}"
        if self.kind != STATEMENT:
            of = "" if self.corrects is None else self.corrects[0]
            name += f":{self.kind}:{of}:{self.place}"
        return StatementId(hashlib.sha256(name.encode()).hexdigest()[:32])


def issue_statement(
    conn: Connection, issue: Issue, cdr_ids: Sequence[str], billed: Sequence[Charge] = ()
) -> StatementId:
    """Issue the statement over these CDRs and charges, which the books have, and return its id."""
    billed = sorted(billed, key=lambda one: (_ORDER.index(one.kind) if one.kind in _ORDER else 99, one.charge_id))
    number = _next_number(conn, issue)
    parts = rated_parts(conn, cdr_ids)
    _book(conn, issue, number, parts, billed)
    document = _document(conn, issue, number, parts, billed)
    text = document.to_json()
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
            document_json=text,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            kind=issue.kind,
            corrects=None if issue.corrects is None else issue.corrects[0],
        )
    )
    if cdr_ids:
        conn.execute(
            insert(schema.statement_cdr),
            [{"building_id": building_id, "cdr_id": one, "statement_id": issue.statement_id} for one in cdr_ids],
        )
    if billed:
        conn.execute(
            insert(statement_charge),
            [
                {"building_id": building_id, "charge_id": one.charge_id, "statement_id": issue.statement_id}
                for one in billed
            ],
        )
    use_advance(conn, issue.building, issue.account_id, document, issue.actor)
    return issue.statement_id


def _next_number(conn: Connection, issue: Issue) -> str:
    """Take the next number of the year of issue. A rollback gives it back: numbers have no gaps."""
    refuse_in_quarantine(conn)  # numbers that were given out may be missing
    year = issue.now.astimezone(issue.building.zone).year
    prefix = CREDIT_NOTES if issue.kind == CREDIT_NOTE else SERIES
    at = (schema.series.c.prefix == prefix, schema.series.c.year == year)
    last = conn.scalar(select(schema.series.c.last).where(*at))
    if last is None:
        conn.execute(
            insert(schema.series).values(building_id=issue.building.building_id, prefix=prefix, year=year, last=1)
        )
        return statement_number(year, 1, prefix)
    conn.execute(update(schema.series).where(*at).values(last=last + 1))
    return statement_number(year, last + 1, prefix)


def _book(conn: Connection, issue: Issue, number: str, parts: Sequence[RatedPart], billed: Sequence[Charge]) -> None:
    """Debit what the account owes, credit income and VAT (one transaction per statement); a credit note the reverse."""
    net: dict[str, int] = defaultdict(int)
    vat: dict[Decimal, int] = defaultdict(int)
    for part in parts:
        for line in part.session.lines:
            net[INCOME[line.kind]] += line.net_minor
        for percent, minor in part.vat:
            vat[percent] += minor
    for one in billed:
        net[income_of(one)] += one.net_minor
        if one.vat is not None:
            vat[one.vat] += one.vat_minor
    if not any(net.values()) and not any(vat.values()):
        return  # energy for free: nothing is owed
    event = Event(
        transaction_id=f"{CREDIT_NOTE if issue.kind == CREDIT_NOTE else STATEMENT}:{issue.statement_id}",
        occurred=issue.now,
        actor=issue.actor,
        reason=f"Statement {number} for {issue.month}",
        currency=issue.building.currency,
    )
    if issue.kind == CREDIT_NOTE:
        # A credit note's own amounts are below zero; what is taken back is above.
        taken = {account: -minor for account, minor in net.items()}
        post(
            conn, credit_note(event, issue.account_id, taken, {rate: -minor for rate, minor in vat.items()}), issue.now
        )
    else:
        post(conn, statement_issued(event, issue.account_id, net, vat), issue.now)


def income_of(one: Charge) -> str:
    """Return the income account of a charge; a credit takes back what it is a credit of."""
    kind = str(one.details.get("kind", "")) if one.kind == charges.CREDIT else one.kind
    return CHARGE_INCOME.get(kind, accounts.ENERGY)


def _document(
    conn: Connection, issue: Issue, number: str, parts: Sequence[RatedPart], billed: Sequence[Charge]
) -> StatementDocument:
    building = issue.building
    account = conn.execute(select(schema.account).where(schema.account.c.account_id == issue.account_id)).one()
    language = language_of(conn, building, issue.account_id)
    versions = [tariff_version(conn, one) for one in dict.fromkeys(part.version_id for part in parts)]
    locale = locale_for(language, building.zone)
    vat = vat_of(parts, billed)
    net = sum(part.session.net_minor for part in parts) + sum(one.net_minor for one in billed)
    vat_minor = sum(one.vat_minor for one in vat)
    gross = sum(part.gross_minor for part in parts) + sum(one.gross_minor for one in billed)
    if net + vat_minor != gross:
        msg = f"statement {number}: net {net} and VAT {vat_minor} do not sum to gross {gross}"
        raise AssertionError(msg)
    # A credit note asks for nothing: what it gives back is in the account's favour afterwards.
    due = 0 if issue.kind == CREDIT_NOTE else max(0, gross)
    in_favour = min(due, in_favour_minor(conn, issue.account_id)) if due else 0
    advance = None if issue.kind == CREDIT_NOTE else advance_for(conn, building, issue.account_id, due - in_favour)
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
        account_address=account.address or "",
        sessions=tuple(part.session for part in parts),
        tariffs=tuple(
            TariffText(version_id=one.version_id, lines=tuple(tariff_lines(one.tariff, locale))) for one in versions
        ),
        energy_wh=sum(part.session.energy_wh for part in parts),
        net_minor=net,
        vat=vat,
        vat_minor=vat_minor,
        gross_minor=gross,
        reference=reference_for(number, building.iban),
        iban=building.iban,
        card=_card(account, language),
        ledger_head=head(conn).hex()[:12],
        ledger_key=issue.ledger_key,
        legal=law_profile(conn, issue.month).texts(language),
        kind=issue.kind,
        corrects="" if issue.corrects is None else issue.corrects[1],
        reason=issue.reason,
        advance=advance,
        in_favour_minor=in_favour,
        to_pay_minor=gross - in_favour - (0 if advance is None else advance.used_minor),
        charges=tuple(
            ChargePart(
                charge_id=one.charge_id,
                kind=one.kind,
                net_minor=one.net_minor,
                vat_percent=one.vat,
                details=one.details,
            )
            for one in billed
        ),
    )


def _card(account: Row[Any], language: str) -> str | None:
    if account.rail != "stripe" or account.stripe_payment_method is None:
        return None
    return str(account.card_label or gettext_for(language)("your card"))


def language_of(conn: Connection, building: BuildingRow, account_id: AccountId) -> str:
    """Return the language of an account's people, else the building's."""
    chosen = conn.scalars(
        select(schema.resident.c.language)
        .where(schema.resident.c.account_id == account_id, schema.resident.c.language.is_not(None))
        .order_by(schema.resident.c.resident_id)
    ).first()
    language = chosen or building.language
    return language if language in LANGUAGES else LANGUAGES[0]
