"""The Swiss QR-bill: what its code says, and the payment part with receipt on the last page of a statement.

Source: SIX, Swiss Implementation Guidelines QR-bill 2.3 (structured addresses only). An account with a QR-IBAN asks
for a QR reference (27 digits, mod 10 recursive), any other takes the ISO 11649 reference statements have anyway.
"""

from dataclasses import dataclass
from io import BytesIO
import re

from segno import QRCode, make_qr
from stdnum import iban as iban_rules

from ..money import Money
from .paper import CORE_ENCODING, Paper

_COUNTRIES = ("CH", "LI")
_CURRENCIES = ("CHF", "EUR")
_QR_IIDS = range(30000, 32000)
"""Institutions of QR-IBANs."""
_MOD_10 = (0, 9, 4, 6, 8, 2, 7, 1, 3, 5)
_QR_MM, _CROSS_MM = 46, 7
_TOP_MM, _RECEIPT_MM = 192, 62
"""Where the payment part begins on A4, and how wide the receipt is."""
_BLACK = (0, 0, 0)

WORDS = {
    "en": (
        "Payment part",
        "Receipt",
        "Account / Payable to",
        "Reference",
        "Additional information",
        "Payable by",
        "Payable by (name/address)",
        "Currency",
        "Amount",
        "Acceptance point",
    ),
    "de": (
        "Zahlteil",
        "Empfangsschein",
        "Konto / Zahlbar an",
        "Referenz",
        "Zusätzliche Informationen",
        "Zahlbar durch",
        "Zahlbar durch (Name/Adresse)",
        "Währung",
        "Betrag",
        "Annahmestelle",
    ),
    "fr": (
        "Section paiement",
        "Récépissé",
        "Compte / Payable à",
        "Référence",
        "Informations supplémentaires",
        "Payable par",
        "Payable par (nom/adresse)",
        "Monnaie",
        "Montant",
        "Point de dépôt",
    ),
}
"""The headings the guideline prescribes, word for word; so they are in no catalogue."""


@dataclass(frozen=True, kw_only=True)
class Party:
    """A name with a structured address."""

    name: str
    street: str
    number: str
    postcode: str
    town: str
    country: str

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the seven lines of the code."""
        return (
            "S",
            self.name[:70],
            self.street[:70],
            self.number[:16],
            self.postcode[:16],
            self.town[:35],
            self.country,
        )

    @property
    def printed(self) -> str:
        """Return it as an address is written."""
        street = f"{self.street} {self.number}".strip()
        return "\n".join(line for line in (self.name, street, f"{self.postcode} {self.town}") if line)


@dataclass(frozen=True, kw_only=True)
class QrBill:
    """A bill that Swiss banks read."""

    iban: str
    creditor: Party
    amount: Money
    reference: str
    debtor: Party | None
    message: str

    @property
    def payload(self) -> str:
        """Return what the code says, line by line."""
        nobody = ("",) * 7
        return "\n".join(
            (
                "SPC",
                "0200",
                "1",
                self.iban,
                *self.creditor.lines,
                *nobody,
                f"{self.amount.to_decimal():.2f}",
                self.amount.currency,
                *(nobody if self.debtor is None else self.debtor.lines),
                "SCOR" if self.reference.startswith("RF") else "QRR",
                self.reference,
                self.message[:140],
                "EPD",
            )
        )

    @property
    def qr(self) -> QRCode:
        """Return the code: level M, with room for the Swiss cross in its middle."""
        return make_qr(self.payload.encode(), error="m", boost_error=False, encoding="utf-8")

    @property
    def reference_in_groups(self) -> str:
        """Return the reference as it is printed."""
        if self.reference.startswith("RF"):
            return _in_groups(self.reference, 4)
        return f"{self.reference[:2]} {_in_groups(self.reference[2:], 5)}"


def is_qr_iban(iban: str) -> bool:
    """Whether an account takes QR references only."""
    compact = iban_rules.compact(iban)
    return compact[:2] in _COUNTRIES and compact[4:9].isdigit() and int(compact[4:9]) in _QR_IIDS


def qr_reference(printed_number: str) -> str:
    """Return the QR reference of a statement: its digits, filled up to 26, and their check digit."""
    digits = re.sub(r"\D", "", printed_number).zfill(26)
    carry = 0
    for digit in digits:
        carry = _MOD_10[(carry + int(digit)) % 10]
    return f"{digits}{(10 - carry) % 10}"


def party(name: str, address: str, country: str) -> Party | None:
    """Read an address of a street and a town line; None where it is not written like one."""
    lines = [line.strip() for line in address.splitlines() if line.strip()]
    if len(lines) != 2:
        return None
    town = re.fullmatch(r"(?:([A-Z]{2})-)?(\d{4,5})\s+(\S.*)", lines[1])
    if town is None or (town[1] is None and len(town[2]) != 4):
        # Swiss postcodes have four digits; others say whose they are (DE-10969).
        return None
    street = re.fullmatch(r"(.*\D)\s+(\d+\s?[A-Za-z]?)", lines[0])
    return Party(
        name=name,
        street=street[1] if street else lines[0],
        number=street[2] if street else "",
        postcode=town[2],
        town=town[3],
        country=town[1] or country,
    )


def qr_bill(
    *, payee: str, address: str, iban: str, amount: Money, reference: str, debtor: tuple[str, str], message: str
) -> QrBill | None:
    """Return the bill, or None where it is none: the account, the currency, the amount or the address do not fit.

    `debtor` is name and address; without an address that can be read, whoever pays writes it down.
    """
    compact = iban_rules.compact(iban)
    if compact[:2] not in _COUNTRIES or not iban_rules.is_valid(compact):
        return None
    if amount.currency not in _CURRENCIES or not 0 < amount.minor < 10**11:
        return None
    if is_qr_iban(compact) == reference.startswith("RF"):
        return None
    creditor = party(payee, address, compact[:2])
    if creditor is None:
        return None
    return QrBill(
        iban=compact,
        creditor=creditor,
        amount=amount,
        reference=reference,
        debtor=party(*debtor, compact[:2]),
        message=message,
    )


# --- drawing ---------------------------------------------------------------------------------------------------------


def svg_with_cross(qr: QRCode) -> str:
    """Return the code as inline SVG, the Swiss cross in its middle."""
    modules = qr.symbol_size(border=0)[0]
    side = modules * _CROSS_MM / _QR_MM
    unit, at = side / 19.8, 4 + (modules - side) / 2
    boxes = "".join(
        f'<path fill="{color}" d="M{at + x * unit:.3f} {at + y * unit:.3f}'
        f'h{width * unit:.3f}v{height * unit:.3f}h-{width * unit:.3f}z"/>'
        for color, x, y, width, height in _CROSS
    )
    return qr.svg_inline(border=4, omitsize=True, light="#fff").replace("</svg>", f"{boxes}</svg>")


_CROSS = (
    ("#fff", 0, 0, 19.8, 19.8),
    ("#000", 1.4, 1.4, 17, 17),
    ("#fff", 8.25, 4.4, 3.3, 11),
    ("#fff", 4.4, 8.25, 11, 3.3),
)
"""Boxes of the Swiss cross: colour, left, top, width, height, in 19.8ths of its side."""


def print_payment_part(page: Paper, bill: QrBill, language: str) -> None:
    """Draw receipt and payment part at the foot of a page of their own."""
    part, receipt, payable_to, reference, more, payable_by, blank, currency, amount, point = WORDS.get(
        language, WORDS["en"]
    )
    to = f"{_in_groups(bill.iban, 4)}\n{bill.creditor.printed}"
    by = (payable_by, bill.debtor.printed) if bill.debtor else (blank, "")
    face = _face(to, bill.reference_in_groups, bill.message, *by)
    page.bare_page()
    page.set_draw_color(*_BLACK)
    page.set_line_width(0.2)
    page.line(0, _TOP_MM, page.w, _TOP_MM)
    page.line(_RECEIPT_MM, _TOP_MM, _RECEIPT_MM, page.h)
    sum_ = f"{bill.amount.to_decimal():,.2f}".replace(",", " ")
    rows = [(payable_to, to), (reference, bill.reference_in_groups)]
    _column(page, face, 5, 52, (6, 8), receipt, 12, [*rows, by])
    _sums(page, face, 5, (6, 8), 14, ((currency, bill.amount.currency), (amount, sum_)))
    page.set_font(face, "B", 6)
    page.set_xy(5, _TOP_MM + 82)
    page.cell(52, 3, point, align="R")
    left = _RECEIPT_MM + 5
    page.set_font(face, "B", 11)
    page.set_xy(left, _TOP_MM + 5)
    page.cell(51, 5, part)
    _code(page, bill.qr, left, _TOP_MM + 17)
    _sums(page, face, left, (8, 10), 18, ((currency, bill.amount.currency), (amount, sum_)))
    told = [(more, bill.message)] if bill.message else []
    _column(page, face, left + 51, 87, (8, 10), "", 5, [*rows, *told, by])
    page.whole_page()


def _face(*texts: str) -> str:
    """Return what the part is set in: one of the four faces the guideline allows, where that has all its letters."""
    try:
        "".join(texts).encode(CORE_ENCODING)
    except UnicodeEncodeError:
        return "DejaVu"
    return "Helvetica"


def _column(  # noqa: PLR0917 - where, how, what
    page: Paper,
    face: str,
    x: float,
    width: float,
    sizes: tuple[int, int],
    title: str,
    top: float,
    rows: list[tuple[str, str]],
) -> None:
    if title:
        page.set_font(face, "B", 11)
        page.set_xy(x, _TOP_MM + 5)
        page.cell(width, 5, title)
    page.set_xy(x, _TOP_MM + top)
    small, large = sizes
    for heading, value in rows:
        page.set_x(x)
        page.set_font(face, "B", small)
        page.multi_cell(width, small * 0.42, heading, align="L", new_x="LEFT", new_y="NEXT")
        if value:
            page.set_font(face, "", large)
            page.multi_cell(width, large * 0.4, value, align="L", new_x="LEFT", new_y="NEXT")
        else:
            # Whoever pays writes here.
            high = 20 if width < 60 else 25
            page.rect(x, page.get_y() + 1, min(width, 65), high)
            page.set_y(page.get_y() + high)
        page.ln(large * 0.22)


def _sums(  # noqa: PLR0917 - where, how, what
    page: Paper, face: str, x: float, sizes: tuple[int, int], apart: float, sums: tuple[tuple[str, str], ...]
) -> None:
    small, large = sizes
    for place, (heading, value) in enumerate(sums):
        page.set_xy(x + place * apart, _TOP_MM + 68)
        page.set_font(face, "B", small)
        page.cell(30, small * 0.42, heading, new_x="LEFT", new_y="NEXT")
        page.set_font(face, "", large)
        page.cell(30, large * 0.5, value)


def _code(page: Paper, qr: QRCode, x: float, y: float) -> None:
    image = BytesIO()
    qr.save(image, kind="png", scale=12, border=0)
    page.image(image, x=x, y=y, w=_QR_MM)
    unit, at = _CROSS_MM / 19.8, (_QR_MM - _CROSS_MM) / 2
    for color, left, top, width, height in _CROSS:
        page.set_fill_color(255 if color == "#fff" else 0)
        page.rect(x + at + left * unit, y + at + top * unit, width * unit, height * unit, style="F")


def _in_groups(text: str, size: int) -> str:
    return " ".join(text[place : place + size] for place in range(0, len(text), size))
