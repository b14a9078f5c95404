"""What leaves the house of a month's statements: all lines (CSV), the documents (JSON), and the service charge's rows.

Made from the frozen documents, so an export says what was issued, and from the books only which flat it is. Text that a
spreadsheet would take for a formula begins with an apostrophe. `service_charge` is for a property manager's
spreadsheet: UTF-8 with a byte order mark, semicolons, decimals as the building's country writes them. `lines` is for
programs: UTF-8 without one, commas, decimal points.
"""

from collections.abc import Iterator, Sequence
import csv
from datetime import UTC, timedelta
from decimal import Decimal
import io
import json
from typing import Any

from babel.numbers import get_decimal_symbol
from sqlalchemy import Connection, select

from ..books import schema
from ..books.accounting_tables import membership
from ..books.building import the_building
from ..formats import locale_for
from ..i18n import gettext_for
from ..model import Month, to_ms
from ..money import Money
from .charge_text import charge_text
from .document import StatementDocument
from .printed import calculation

_LINES = (
    "statement",
    "kind",
    "corrects",
    "account",
    "resident",
    "stall",
    "session",
    "start_utc",
    "end_utc",
    "kwh",
    "text",
    "net",
    "vat_percent",
    "currency",
    # Of the whole statement, on its first line.
    "total",
    "paid_before",
    "paid_in_advance",
    "left_to_pay",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def documents_of(conn: Connection, month: Month, *, on_paper: bool = False) -> Iterator[StatementDocument]:
    """Yield a month's statements, credit notes and corrections by number; only of accounts that want paper."""
    statement, account = schema.statement, schema.account
    rows = select(statement.c.document_json).where(statement.c.month == str(month)).order_by(statement.c.number)
    if on_paper:
        rows = rows.join(account, account.c.account_id == statement.c.account_id).where(account.c.paper == 1)
    for text in conn.scalars(rows, execution_options={"yield_per": 50}):
        yield StatementDocument.from_json(text)


def anyone_on_paper(conn: Connection, month: Month) -> bool:
    """Whether a statement of a month goes to somebody who gets it printed."""
    of = schema.statement.c.account_id == schema.account.c.account_id
    found = select(schema.statement.c.statement_id).join(schema.account, of)
    return (
        conn.scalar(found.where(schema.statement.c.month == str(month), schema.account.c.paper == 1).limit(1))
        is not None
    )


def lines(conn: Connection, month: Month) -> bytes:
    """Return every line of a month's statements as CSV: sessions' price lines, then charges."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _LINES, restval="", lineterminator="\r\n")
    writer.writeheader()
    for document in documents_of(conn, month):
        for place, row in enumerate(_lines_of(document)):
            whole = _sums_of(document) if place == 0 else {}
            writer.writerow({name: _safe(value) for name, value in (row | whole).items()})
    return text.getvalue().encode()


def as_json(conn: Connection, month: Month) -> bytes:
    """Return a month's documents as they were frozen, with their seals."""
    statement = schema.statement
    rows = conn.execute(
        select(statement.c.document_json, statement.c.sha256)
        .where(statement.c.month == str(month))
        .order_by(statement.c.number)
    )
    documents = [{"sha256": row.sha256, "document": json.loads(row.document_json)} for row in rows]
    building = the_building(conn)
    content = {"building": building.name, "month": str(month), "currency": building.currency, "statements": documents}
    return json.dumps(content, ensure_ascii=False, indent=1).encode()


def service_charge(conn: Connection, month: Month) -> bytes:
    """Return a row per statement for whoever makes the house's service-charge bill."""
    building = the_building(conn)
    say, locale = gettext_for(building.language), locale_for(building.language, building.zone)
    point = get_decimal_symbol(locale)
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(
        (
            say("Unit"),
            say("Account"),
            say("Residents"),
            say("First day"),
            say("Last day"),
            say("Statement"),
            "kWh",
            say("Net"),
            say("VAT"),
            say("Gross"),
            say("In your favour from before"),
            say("Paid in advance"),
            say("Left to pay"),
            say("Currency"),
        )
    )
    begin, end = month.bounds(building.zone)
    first, last = begin.astimezone(building.zone).date(), (end - timedelta(days=1)).astimezone(building.zone).date()
    rows = conn.execute(
        select(schema.statement, schema.account.c.name)
        .join(schema.account, schema.account.c.account_id == schema.statement.c.account_id)
        .where(schema.statement.c.month == str(month))
        .order_by(schema.account.c.name, schema.statement.c.number)
    )
    for row in rows:
        units, residents = _who(conn, row.account_id, to_ms(begin), to_ms(end))
        document = StatementDocument.from_json(row.document_json)
        sums = _sums_of(document)
        amounts = (
            str(one).replace(".", point)
            for one in (
                Money(row.net_minor, row.currency).to_decimal(),
                Money(row.vat_minor, row.currency).to_decimal(),
                *sums.values(),
            )
        )
        kwh = f"{Decimal(document.energy_wh) / 1000:.3f}".replace(".", point)
        texts = (", ".join(units), row.name, ", ".join(residents))
        writer.writerow((*(_safe(one) for one in texts), first, last, row.number, kwh, *amounts, row.currency))
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _sums_of(document: StatementDocument) -> dict[str, object]:
    """Return what a statement comes to, what pays it already, and what is left."""
    used = 0 if document.advance is None else document.advance.used_minor
    sums = {
        "total": document.gross_minor,
        "paid_before": document.in_favour_minor,
        "paid_in_advance": used,
        "left_to_pay": document.to_pay.minor,
    }
    return {name: Money(minor, document.currency).to_decimal() for name, minor in sums.items()}


def _lines_of(document: StatementDocument) -> Iterator[dict[str, object]]:
    text = gettext_for(document.language)
    every: dict[str, object] = {
        "statement": document.number,
        "kind": document.kind,
        "corrects": document.corrects,
        "account": document.account,
        "currency": document.currency,
    }
    for session in document.sessions:
        for place, line in enumerate(session.lines):
            yield every | {
                "resident": session.resident,
                "stall": session.stall,
                "session": session.session_id,
                "start_utc": f"{session.start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
                "end_utc": f"{session.end.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
                "kwh": f"{Decimal(session.energy_wh) / 1000:.3f}" if place == 0 else "",
                "text": calculation(document, line, text),
                "net": Money(line.net_minor, document.currency).to_decimal(),
                "vat_percent": line.vat_percent,
            }
    for one in document.charges:
        said = charge_text(
            one.kind, one.details, text, currency=document.currency, locale=document.locale, zone=document.zone
        )
        yield every | {
            "text": said,
            "net": Money(one.net_minor, document.currency).to_decimal(),
            "vat_percent": one.vat_percent,
        }


def _safe(value: object) -> object:
    """Return a value that no spreadsheet takes for a formula; numbers stay numbers."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


def _who(conn: Connection, account_id: str, begin_ms: int, end_ms: int) -> tuple[Sequence[str], Sequence[str]]:
    """Return the flats and people of an account in a span."""
    given: Any = conn.execute(
        select(schema.resident.c.name, schema.unit.c.name.label("unit"))
        .join_from(membership, schema.resident, schema.resident.c.resident_id == membership.c.resident_id)
        .outerjoin(schema.unit, schema.unit.c.unit_id == membership.c.unit_id)
        .where(
            membership.c.account_id == account_id,
            membership.c.from_ms < end_ms,
            membership.c.to_ms.is_(None) | (membership.c.to_ms > begin_ms),
        )
    ).all()
    if not given:
        given = conn.execute(
            select(schema.resident.c.name, schema.unit.c.name.label("unit"))
            .outerjoin(schema.unit, schema.unit.c.unit_id == schema.resident.c.unit_id)
            .where(schema.resident.c.account_id == account_id)
        ).all()
    units = sorted({row.unit for row in given if row.unit is not None})
    return units, sorted({row.name for row in given})
