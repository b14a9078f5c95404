"""A statement as PDF."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from itertools import batched

from fpdf.enums import MethodReturnValue, TableBordersLayout
from fpdf.util import Padding
from segno import QRCode

from .document import StatementDocument
from .paper import MARGIN_MM, QUIET, TINT, Paper, print_readings, print_totals
from .printed import Printed, printed
from .qr_bill import print_payment_part

_QR_MM = 34
_COLUMNS_MM = (30, 45, 23, 52, 24)
_PADDING = Padding(1.1, 1.5, 1.1, 0)
_LINE_MM = 4.2
_MOST_LINES = 10
"""Price lines of a session in one row, which has to fit on a page: spot prices make many."""
_MOST_BESIDE = 7


def render_pdf(document: StatementDocument) -> bytes:
    """Return the PDF file. The same document gives the same bytes."""
    page = Paper(_footer(document), title=document.number, made=document.issued, language=document.language)
    _print(page, document)
    return bytes(page.output())


def render_together(documents: Iterable[StatementDocument]) -> bytes | None:
    """Return one PDF file of several statements, to be printed on both sides; None where there are none."""
    page: Paper | None = None
    for document in documents:
        if page is None:
            page = Paper(_footer(document), title=str(document.month), made=document.issued, language=document.language)
            page.counts_alone()
        else:
            page.next_document(_footer(document))
        _print(page, document)
    return None if page is None else bytes(page.output())


def _footer(document: StatementDocument) -> str:
    return f"{document.number} \N{MIDDLE DOT} {document.building}"


def _print(page: Paper, document: StatementDocument) -> None:
    statement = printed(document)
    _head(page, statement)
    _payment(page, statement)
    if statement.sessions:
        _sessions(page, statement)
    if statement.charges:
        _charges(page, statement)
    page.ln(1)
    _sums(page, statement)
    page.ln(5)
    if statement.prices:
        _prices(page, statement)
    if statement.readings:
        _readings(page, statement)
    page.ln(5)
    for note in statement.notes:
        page.write_text(note, 7.5, QUIET)
        page.ln(1)
    if statement.bill is not None:
        print_payment_part(page, statement.bill, statement.language)


def _head(page: Paper, statement: Printed) -> None:
    page.write_text(" \N{MIDDLE DOT} ".join(statement.sender), 8, QUIET)
    page.ln(3)
    page.write_text(statement.title, 18, bold=True)
    page.ln(1.5)
    page.write_text(statement.recipient, 11)
    page.ln(3)
    page.facts(statement.facts)
    page.ln(4)


def _payment(page: Paper, statement: Printed) -> None:
    top, padding = page.get_y(), 6
    # Swiss banks read theirs from the payment part.
    code = None if statement.bill is not None else statement.qr
    left = MARGIN_MM + padding
    width = page.epw - 2 * padding - (_QR_MM + padding if code else 0)
    page.set_font("DejaVu", "", 8.5)
    text_height = page.multi_cell(width, 4.25, statement.payment_text, dry_run=True, output=MethodReturnValue.HEIGHT)
    assert isinstance(text_height, int | float)
    texts_height = 20.5 + text_height + 4.8 * len(statement.payment_facts)
    height = max(texts_height, _QR_MM if code else 0) + 2 * padding
    # Only here: tables would take the colour for their cells.
    with page.local_context(fill_color=TINT):
        page.rect(MARGIN_MM, top, page.epw, height, style="F", round_corners=True, corner_radius=3)
    page.set_xy(left, top + padding)
    page.write_text(statement.headline, 9, QUIET, width=width)
    page.set_xy(left, top + padding + 6)
    page.write_text(statement.amount, 20, bold=True, width=width)
    page.set_xy(left, top + padding + 19)
    page.write_text(statement.payment_text, 8.5, width=width)
    page.set_xy(left, top + padding + 20.5 + text_height)
    page.facts(statement.payment_facts)
    if code is not None:
        side = page.w - left - _QR_MM
        page.image(_png(code), x=side, y=top + (height - _QR_MM) / 2, w=_QR_MM, alt_text=statement.payment_text)
    page.set_xy(MARGIN_MM, top + height + 7)


def _png(qr: QRCode) -> BytesIO:
    image = BytesIO()
    # Many pixels per module: scaled down by the reader, never blurred by it.
    qr.save(image, kind="png", scale=12, border=4)
    return image


def _sessions(page: Paper, statement: Printed) -> None:
    page.heading(statement.sessions_title)
    style = page.table_style(8)
    with page.table(
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=style,
        line_height=_LINE_MM,
        padding=_PADDING,
        col_widths=_COLUMNS_MM,
        text_align=("LEFT", "LEFT", "RIGHT", "LEFT", "RIGHT"),
        v_align="TOP",
        width=page.epw,
    ) as table:
        table.row(statement.session_columns)
        for session in statement.sessions:
            told = ("\n".join(part for part in (session.stall, session.resident) if part), session.when, session.energy)
            for lines in batched(session.lines, _MOST_LINES, strict=False):
                row = table.row()
                for text in told:
                    row.cell(text)
                row.cell("\n".join(calculation for calculation, _ in lines))
                row.cell(_beside(page, lines))
                told = ("", "", "")


def _charges(page: Paper, statement: Printed) -> None:
    if statement.sessions:
        page.ln(3)
    page.heading(statement.charges_title)
    page.table_style(8)
    with page.table(
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        first_row_as_headings=False,
        line_height=_LINE_MM,
        padding=_PADDING,
        col_widths=(sum(_COLUMNS_MM[:4]), _COLUMNS_MM[4]),
        text_align=("LEFT", "RIGHT"),
        v_align="TOP",
        width=page.epw,
    ) as table:
        for charge in statement.charges:
            table.row(charge)


def _sums(page: Paper, statement: Printed) -> None:
    """Print the sums at the right, and what was paid in advance beside them, or where that is long below them."""
    beside = 0 < len(statement.advance) <= _MOST_BESIDE
    if beside and page.will_page_break(10 + 5 * max(len(statement.totals), len(statement.advance))):
        page.add_page()
    top = page.get_y()
    print_totals(page, statement.totals)
    bottom = page.get_y()
    if not statement.advance:
        return
    page.set_y(top if beside else bottom + 5)
    page.heading(statement.advance_title)
    page.facts(statement.advance)
    if beside:
        page.set_y(max(bottom, page.get_y()))


def _beside(page: Paper, lines: Sequence[tuple[str, str]]) -> str:
    """Return the amounts, each at the first line of its calculation, which may need more than one."""
    amounts = ""
    for calculation, amount in lines:
        taken = page.multi_cell(
            _COLUMNS_MM[3],
            _LINE_MM,
            calculation,
            align="L",
            padding=_PADDING,
            dry_run=True,
            output=MethodReturnValue.LINES,
        )
        assert isinstance(taken, list)
        amounts += amount + "\n" * len(taken)
    return amounts.rstrip("\n")


def _prices(page: Paper, statement: Printed) -> None:
    page.heading(statement.prices_title)
    for version, lines in statement.prices:
        page.write_text("; ".join(lines), 8.5)
        page.write_text(version, 7.5, QUIET)
        page.ln(1)
    page.ln(4)


def _readings(page: Paper, statement: Printed) -> None:
    page.heading(statement.readings_title)
    print_readings(page, statement.reading_columns, statement.readings)
