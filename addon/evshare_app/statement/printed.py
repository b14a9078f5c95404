"""What a statement says, in words: the same sentences and rows for HTML and PDF."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC

from segno import QRCode

from .. import formats
from ..i18n import gettext_for, mark
from ..money import Money
from ..tariff.objects import EnergySource
from ..tariff.text import source_name
from . import charge as charges
from .charge_text import charge_text
from .document import Line, ReceiptDocument, SessionPart, StatementDocument
from .qr_bill import QrBill, qr_bill
from .remittance import epc_qr

_SCAN = mark("Scan the code with your banking app, or transfer the amount and name the reference.")


@dataclass(frozen=True, kw_only=True)
class SessionRow:
    """A session in the table: where and when, and one calculation per price line."""

    stall: str
    resident: str
    when: str
    energy: str
    lines: tuple[tuple[str, str], ...]
    """Calculation and amount; then where the energy came from, with no amount."""


@dataclass(frozen=True, kw_only=True)
class Printed:
    """Every text of a statement, ready to be laid out."""

    language: str
    title: str
    sender: tuple[str, ...]
    recipient: str
    facts: tuple[tuple[str, str], ...]
    headline: str
    amount: str
    sessions_title: str
    session_columns: tuple[str, ...]
    sessions: tuple[SessionRow, ...]
    charges_title: str
    charges: tuple[tuple[str, str], ...]
    """Sentence and amount."""
    totals: tuple[tuple[str, str], ...]
    """The last one is what is to be paid."""
    advance_title: str
    advance: tuple[tuple[str, str], ...]
    """What was paid in advance and what is left of it, as label and amount."""
    payment_title: str
    payment_text: str
    payment_facts: tuple[tuple[str, str], ...]
    qr: QRCode | None
    bill: QrBill | None
    """Where Swiss banks read it: the code has a cross, and paper a payment part."""
    prices_title: str
    prices: tuple[tuple[str, tuple[str, ...]], ...]
    readings_title: str
    reading_columns: tuple[str, ...]
    readings: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


type Billed = StatementDocument | ReceiptDocument
"""What calculations and sums are printed of."""


def printed(document: StatementDocument) -> Printed:
    """Say a statement in its language."""
    text = gettext_for(document.language)
    locale = document.locale
    payment_text, payment_facts, qr = _payment(document, text)
    bill = _swiss(document) if qr is None and payment_facts else None
    if bill is not None:
        payment_text, qr = text(_SCAN), bill.qr
    issued = formats.day(document.issued.astimezone(document.zone).date(), locale)
    return Printed(
        language=document.language,
        title=_title(document, text),
        sender=tuple(line for line in (document.payee, *document.address.splitlines()) if line),
        recipient="\n".join((document.account, *document.account_address.splitlines())),
        facts=(
            (text("Building"), document.building),
            (text("Statement"), document.number),
            (text("Issued"), issued),
            (text("Energy"), formats.kwh(document.energy_wh, locale)),
            *(((text("Corrects"), document.corrects),) if document.corrects else ()),
            *(((text("Reason"), document.reason),) if document.reason else ()),
        ),
        headline=_headline(document, text),
        amount=formats.money(document.to_pay, locale),
        sessions_title=text("Sessions"),
        session_columns=(text("Stall"), text("When"), text("Energy"), text("Calculation"), text("Amount")),
        sessions=tuple(session_row(document, one, text) for one in document.sessions),
        charges_title=text("Besides charging") if document.sessions else text("For this month"),
        charges=tuple(
            (
                charge_text(
                    one.kind,
                    one.details,
                    text,
                    currency=document.currency,
                    locale=locale,
                    zone=document.zone,
                ),
                formats.money(Money(one.net_minor, document.currency), locale),
            )
            for one in document.charges
        ),
        totals=(*totals(document, text), *_paid_before(document, text)),
        advance_title=text("Paid in advance"),
        advance=_advance(document, text),
        payment_title=text("Payment"),
        payment_text=payment_text,
        payment_facts=payment_facts,
        qr=qr,
        bill=bill,
        prices_title=text("Prices"),
        prices=tuple((text("Tariff %(version)s") % {"version": one.version_id}, one.lines) for one in document.tariffs),
        readings_title=text("Meter readings"),
        reading_columns=reading_columns(text),
        readings=tuple(row for one in document.sessions for row in readings(document, one)),
        notes=_notes(document, text),
    )


def _title(document: StatementDocument, text: Callable[[str], str]) -> str:
    month = {"month": formats.month_name(document.month, document.locale)}
    match document.kind:
        case "credit_note":
            return text("Credit note: charging in %(month)s") % month
        case "correction":
            return text("Corrected statement: charging in %(month)s") % month
        case "move_out":
            return text("Statement on moving out: charging in %(month)s") % month
        case _:
            return text("Charging in %(month)s") % month


def _headline(document: StatementDocument, text: Callable[[str], str]) -> str:
    if document.gross_minor > 0 and not document.to_pay.minor:
        return text("Nothing left to pay")
    if not document.gross_minor:
        return text("Nothing to pay")
    if document.gross_minor < 0:
        return text("This amount is in your favour")
    if document.card is not None:
        return text("We collect this from %(card)s") % {"card": document.card}
    return text("To pay by %(date)s") % {"date": formats.day(document.due, document.locale)}


def session_row(document: Billed, one: SessionPart, text: Callable[[str], str]) -> SessionRow:
    """Say a session: where, when, how much, and how its price comes about."""
    locale, zone = document.locale, document.zone
    start, end = formats.moment(one.start, zone, locale), formats.moment(one.end, zone, locale)
    if one.start.astimezone(zone).date() == one.end.astimezone(zone).date():
        end = end.rpartition(", ")[2]
    several = len({each.resident for each in document.sessions}) > 1
    guest = text("Guest: %(label)s") % {"label": one.guest} if one.guest else ""
    return SessionRow(
        stall=one.stall,
        resident=", ".join(part for part in (one.resident if several else "", guest) if part),
        when=f"{start} \N{EN DASH} {end}",
        energy=formats.kwh(one.energy_wh, locale),
        lines=(
            *(
                (calculation(document, line, text), formats.money(Money(line.net_minor, document.currency), locale))
                for line in one.lines
            ),
            *((source, "") for source in _sources(document, one)),
        ),
    )


def _sources(document: Billed, one: SessionPart) -> Iterator[str]:
    """Say where a session's energy came from."""
    for source in EnergySource:
        if energy_wh := one.sources.get(source):
            yield f"{formats.kwh(energy_wh, document.locale)} {source_name(source, document.locale)}"


def calculation(document: Billed, line: Line, text: Callable[[str], str]) -> str:
    """Say how a price line comes about."""
    if line.price is None:
        return text("Up to the least price") if line.kind == "MIN_PRICE" else text("Down to the highest price")
    match line.kind:
        case "ENERGY":
            volume = formats.kwh(line.volume, document.locale)
        case "TIME":
            volume = text("Charging %(time)s") % {"time": formats.duration(line.volume)}
        case "PARKING_TIME":
            volume = text("Connected %(time)s") % {"time": formats.duration(line.volume)}
        case _:
            return text("Session fee")
    price = formats.price(line.price, document.currency, document.locale)
    return f"{volume} \N{MULTIPLICATION SIGN} {price}"


def totals(document: Billed, text: Callable[[str], str]) -> tuple[tuple[str, str], ...]:
    """Say the sums; the last one is with VAT."""

    def amount(minor: int) -> str:
        return formats.money(Money(minor, document.currency), document.locale)

    rates = [one for one in document.vat if one.percent]
    if not rates:
        return ((text("Total, without VAT"), amount(document.gross_minor)),)
    return (
        (text("Net"), amount(document.net_minor)),
        *(
            (
                text("%(percent)s%% VAT on %(net)s")
                % {"percent": formats.number(one.percent, document.locale), "net": amount(one.net_minor)},
                amount(one.vat_minor),
            )
            for one in rates
        ),
        (text("Total"), amount(document.gross_minor)),
    )


def _paid_before(document: StatementDocument, text: Callable[[str], str]) -> tuple[tuple[str, str], ...]:
    """Say what pays the statement already, and what is left."""
    used = 0 if document.advance is None else document.advance.used_minor
    paid = ((text("In your favour from before"), document.in_favour_minor), (text("Paid in advance"), used))
    rows = tuple((label, _amount(document, -minor)) for label, minor in paid if minor)
    return (*rows, (text("Left to pay"), _amount(document, document.to_pay.minor))) if rows else ()


def _advance(document: StatementDocument, text: Callable[[str], str]) -> tuple[tuple[str, str], ...]:
    """Say how the prepaid balance moved."""
    advance = document.advance
    if advance is None:
        return ()
    return (
        *(((text("Left from before"), _amount(document, advance.before_minor)),) if advance.before_minor else ()),
        *(
            (
                text("Topped up on %(day)s") % {"day": formats.day(one.day, document.locale)},
                _amount(document, one.minor),
            )
            for one in advance.top_ups
        ),
        (text("Used for this statement"), _amount(document, -advance.used_minor)),
        (text("Left for later"), _amount(document, advance.left_minor)),
    )


def _amount(document: StatementDocument, minor: int) -> str:
    return formats.money(Money(minor, document.currency), document.locale)


def _payment(
    document: StatementDocument, text: Callable[[str], str]
) -> tuple[str, tuple[tuple[str, str], ...], QRCode | None]:
    reference = (text("Reference"), _in_fours(document.reference))
    if not document.gross_minor:
        return text("There is nothing to pay this time."), (), None
    if document.gross_minor < 0:
        return text("There is nothing to pay: the amount is taken off what you owe next."), (), None
    if not document.to_pay.minor:
        return text("You do not have to do anything: it is paid already."), (), None
    if document.card is not None:
        return text("You do not have to do anything: we collect the amount from your saved card."), (reference,), None
    if document.iban is None:
        return text("Please ask the building's office how to pay, and name the reference."), (reference,), None
    facts = (
        (text("To"), document.payee),
        (text("IBAN"), _in_fours(document.iban)),
        (text("Amount"), formats.money(document.to_pay, document.locale)),
        reference,
    )
    qr = epc_qr(document.payee, document.iban, document.to_pay, document.reference)
    if qr is None:
        return text("Please transfer the amount and name the reference."), facts, None
    return text(_SCAN), facts, qr


def _swiss(document: StatementDocument) -> QrBill | None:
    if document.iban is None or document.card is not None:
        return None
    return qr_bill(
        payee=document.payee,
        address=document.address,
        iban=document.iban,
        amount=document.to_pay,
        reference=document.reference,
        debtor=(document.account, document.account_address),
        message=document.number,
    )


def reading_columns(text: Callable[[str], str]) -> tuple[str, ...]:
    """Head the table of meter readings."""
    return (
        text("Stall"),
        text("Meter"),
        text("Start (UTC)"),
        text("Register"),
        text("End (UTC)"),
        text("Register"),
        text("Used"),
    )


def readings(document: Billed, one: SessionPart) -> list[tuple[str, ...]]:
    """Say what the meters of a session showed before and after it."""
    locale = document.locale
    return [
        (
            one.stall,
            meter.serial or "\N{EN DASH}",
            f"{one.start.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            f"{formats.number(meter.start_wh, locale)} Wh",
            f"{one.end.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            f"{formats.number(meter.end_wh, locale)} Wh",
            f"{formats.number(meter.end_wh - meter.start_wh, locale)} Wh",
        )
        for meter in one.meters
    ]


def _notes(document: StatementDocument, text: Callable[[str], str]) -> tuple[str, ...]:
    losses = {charges.LOSSES, charges.TRUE_UP} & {one.kind for one in document.charges}
    how = text(
        "You pay for what the register of the stall counted, to the watt-hour. Losses in the building's wiring are "
        "not charged here. Amounts are rounded once per session."
    )
    if losses:
        how = text(
            "You pay for what the register of the stall counted, to the watt-hour; your share of the losses in the "
            "building's wiring is named. Amounts are rounded once per session."
        )
    seal = text(
        "Seal %(seal)s, ledger %(head)s: with these two codes anyone can check that the books have not been "
        "changed since."
    )
    if document.ledger_key:
        seal = text(
            "Seal %(seal)s, ledger %(head)s, key %(key)s: with these codes anyone can check that the books have not "
            "been changed since."
        )
    return (
        *((how,) if document.sessions else ()),
        *document.legal,
        text("Is something wrong? Please tell %(payee)s and name statement %(number)s.")
        % {"payee": document.payee, "number": document.number},
        seal % {"seal": document.seal[:12], "head": document.ledger_head, "key": document.ledger_key},
    )


def _in_fours(code: str) -> str:
    return " ".join(code[place : place + 4] for place in range(0, len(code), 4))
