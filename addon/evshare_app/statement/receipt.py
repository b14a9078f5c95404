"""The receipt of one session as PDF: for a person's own papers, made when it is asked for, from what was rated once."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from .. import formats
from ..books.building import the_building
from ..formats import locale_for
from ..i18n import gettext_for
from ..model import SessionId
from ..money import Money
from ..tariff.store import tariff_version
from ..tariff.text import tariff_lines
from .document import ReceiptDocument, TariffText
from .paper import QUIET, Paper, print_readings, print_totals
from .parts import rated_session, vat_of
from .printed import reading_columns, readings, session_row, totals


def receipt_of(
    conn: Connection, session_id: SessionId, language: str, now: datetime, *, portal_url: str | None = None
) -> ReceiptDocument | None:
    """Return the receipt of a session; None while it has no CDR: it runs, or there is nothing to bill.

    `portal_url` is the portal's public address, where the app knows it: the receipt leads to the page there.
    """
    part, building = rated_session(conn, session_id), the_building(conn)
    if part is None:
        return None
    version = tariff_version(conn, part.version_id)
    lines = tariff_lines(version.tariff, locale_for(language, building.zone))
    return ReceiptDocument(
        made=now,
        language=language,
        zone=building.zone,
        currency=building.currency,
        building=building.name,
        payee=building.payee or building.name,
        address=building.address or "",
        resident=part.session.resident,
        sessions=(part.session,),
        tariff=TariffText(version_id=part.version_id, lines=tuple(lines)),
        net_minor=part.session.net_minor,
        vat=vat_of([part]),
        gross_minor=part.gross_minor,
        explained_at="" if portal_url is None else f"{portal_url}/sessions/{session_id}/price",
    )


@dataclass(frozen=True, kw_only=True)
class PrintedReceipt:
    """Every text of a receipt, ready to be laid out."""

    title: str
    number: str
    sender: str
    facts: tuple[tuple[str, str], ...]
    calculation: tuple[str, tuple[tuple[str, str], ...]]
    """Heading, and what is added up; the last one is the total."""
    prices: tuple[str, str]
    version: str
    """By which version of the tariff it was rated."""
    explained: tuple[str, str] | None
    """What is found at an address, and the address."""
    meter: tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]]
    """Heading, columns, rows."""
    note: str


def printed_receipt(document: ReceiptDocument) -> PrintedReceipt:
    """Say a receipt in its language."""
    text, locale = gettext_for(document.language), document.locale
    session = document.session
    row = session_row(document, session, text)
    number = session.session_id[:12]
    gross = formats.money(Money(document.gross_minor, document.currency), locale)
    note = text("This receipt asks for no money: %(amount)s are part of the month’s statement.")
    day = formats.day(session.start.astimezone(document.zone).date(), locale)
    return PrintedReceipt(
        title=text("Receipt: charging on %(day)s") % {"day": day},
        number=number,
        sender=" \N{MIDDLE DOT} ".join(line for line in (document.payee, *document.address.splitlines()) if line),
        facts=(
            (text("Building"), document.building),
            (text("Stall"), row.stall),
            (text("When"), row.when),
            (text("Energy"), row.energy),
            (text("Session"), number),
        ),
        calculation=(text("Calculation"), (*row.lines, *totals(document, text))),
        prices=(text("Prices"), "; ".join(document.tariff.lines)),
        version=text("Tariff %(version)s") % {"version": document.tariff.version_id},
        explained=(text("How this price came about"), document.explained_at) if document.explained_at else None,
        meter=(text("Meter readings"), reading_columns(text), tuple(readings(document, session))),
        note=note % {"amount": gross},
    )


def render_receipt(document: ReceiptDocument) -> bytes:
    """Return the PDF file."""
    receipt = printed_receipt(document)
    footer = f"{receipt.number} \N{MIDDLE DOT} {document.building}"
    page = Paper(footer, title=receipt.title, made=document.made, language=document.language)
    page.write_text(receipt.sender, 8, QUIET)
    page.ln(3)
    page.write_text(receipt.title, 18, bold=True)
    page.ln(1.5)
    page.write_text(document.resident, 11)
    page.ln(3)
    page.facts(receipt.facts)
    page.ln(6)
    page.heading(receipt.calculation[0])
    print_totals(page, receipt.calculation[1])
    page.ln(6)
    page.heading(receipt.prices[0])
    page.write_text(receipt.prices[1], 8.5)
    page.write_text(receipt.version, 7.5, QUIET)
    if receipt.explained is not None:
        what, address = receipt.explained
        page.ln(1)
        page.write_text(f"{what}:", 8.5)
        # In full: on paper nobody can press it.
        page.write_link(address, 8)
    page.ln(4)
    page.heading(receipt.meter[0])
    print_readings(page, *receipt.meter[1:])
    page.ln(5)
    page.write_text(receipt.note, 8, QUIET)
    return bytes(page.output())
