"""A statement as PDF (fpdf2), A4. Fonts are embedded, so it looks the same everywhere and in fifty years."""

from io import BytesIO
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, TableBordersLayout
from fpdf.fonts import FontFace
from segno import QRCode

from .document import StatementDocument
from .printed import Printed, printed

_FONTS = Path(__file__).parent / "fonts"
_INK = (28, 37, 32)
_QUIET = (91, 104, 96)
_LINE = (219, 226, 220)
_ACCENT = (23, 102, 63)
_TINT = (234, 244, 238)
_MARGIN_MM = 18
_QR_MM = 34


class _Page(FPDF):
    """A4 with our fonts and a footer that names the statement."""

    def __init__(self, document: StatementDocument) -> None:
        super().__init__(format="A4")
        self._footer = f"{document.number} \N{MIDDLE DOT} {document.building}"
        self.set_creation_date(document.issued)
        self.set_title(f"{document.number}")
        self.set_lang(document.language)
        self.add_font("DejaVu", fname=_FONTS / "DejaVuSans.ttf")
        self.add_font("DejaVu", style="B", fname=_FONTS / "DejaVuSans-Bold.ttf")
        self.set_margins(_MARGIN_MM, _MARGIN_MM)
        self.set_auto_page_break(True, margin=20)
        self.set_draw_color(*_LINE)
        self.set_line_width(0.2)
        self.add_page()

    def footer(self) -> None:
        """Print number and page."""
        self.set_y(-13)
        self.write_text(f"{self._footer} \N{MIDDLE DOT} {self.page_no()}/{{nb}}", 7.5, _QUIET)

    def write_text(
        self, text: str, size: float, color: tuple[int, int, int] = _INK, *, bold: bool = False, width: float = 0
    ) -> None:
        """Write a paragraph from the left margin (or the present x) downwards."""
        self.set_font("DejaVu", "B" if bold else "", size)
        self.set_text_color(*color)
        self.multi_cell(width, size * 0.5, text, align="L", new_x="LEFT", new_y="NEXT")


def render_pdf(document: StatementDocument) -> bytes:
    """Return the PDF file. The same document gives the same bytes."""
    statement = printed(document)
    page = _Page(document)
    _head(page, statement)
    _payment(page, statement)
    _sessions(page, statement)
    _prices(page, statement)
    _readings(page, statement)
    page.ln(5)
    for note in statement.notes:
        page.write_text(note, 7.5, _QUIET)
        page.ln(1)
    return bytes(page.output())


def _head(page: _Page, statement: Printed) -> None:
    page.write_text(" \N{MIDDLE DOT} ".join(statement.sender), 8, _QUIET)
    page.ln(3)
    page.write_text(statement.title, 18, bold=True)
    page.ln(1.5)
    page.write_text(statement.recipient, 11)
    page.ln(3)
    _facts(page, statement.facts)
    page.ln(4)


def _facts(page: _Page, facts: tuple[tuple[str, str], ...]) -> None:
    left = page.get_x()
    page.set_font("DejaVu", "", 8.5)
    label_mm = max((page.get_string_width(label) for label, _ in facts), default=0) + 7
    for label, value in facts:
        page.set_x(left)
        page.set_text_color(*_QUIET)
        page.cell(label_mm, 4.8, label)
        page.set_text_color(*_INK)
        page.cell(0, 4.8, value, new_x="LEFT", new_y="NEXT")
    page.set_x(left)


def _payment(page: _Page, statement: Printed) -> None:
    top, padding = page.get_y(), 6
    left = _MARGIN_MM + padding
    width = page.epw - 2 * padding - (_QR_MM + padding if statement.qr else 0)
    page.set_font("DejaVu", "", 8.5)
    text_height = page.multi_cell(width, 4.25, statement.payment_text, dry_run=True, output=MethodReturnValue.HEIGHT)
    assert isinstance(text_height, int | float)
    texts_height = 20.5 + text_height + 4.8 * len(statement.payment_facts)
    height = max(texts_height, _QR_MM if statement.qr else 0) + 2 * padding
    # Only here: tables would take the colour for their cells.
    with page.local_context(fill_color=_TINT):
        page.rect(_MARGIN_MM, top, page.epw, height, style="F", round_corners=True, corner_radius=3)
    page.set_xy(left, top + padding)
    page.write_text(statement.headline, 9, _QUIET, width=width)
    page.set_xy(left, top + padding + 6)
    page.write_text(statement.amount, 20, bold=True, width=width)
    page.set_xy(left, top + padding + 19)
    page.write_text(statement.payment_text, 8.5, width=width)
    page.set_xy(left, top + padding + 20.5 + text_height)
    _facts(page, statement.payment_facts)
    if statement.qr is not None:
        side = page.w - left - _QR_MM
        page.image(_png(statement.qr), x=side, y=top + (height - _QR_MM) / 2, w=_QR_MM, alt_text=statement.payment_text)
    page.set_xy(_MARGIN_MM, top + height + 7)


def _png(qr: QRCode) -> BytesIO:
    image = BytesIO()
    # Many pixels per module: scaled down by the reader, never blurred by it.
    qr.save(image, kind="png", scale=12, border=4)
    return image


def _heading(page: _Page, text: str) -> None:
    # A heading is not left alone at the foot of a page.
    if page.will_page_break(22):
        page.add_page()
    page.write_text(text, 9.5, _ACCENT, bold=True)
    page.ln(1.5)


def _table_style(page: _Page, size: float) -> FontFace:
    page.set_font("DejaVu", "", size)
    page.set_text_color(*_INK)
    return FontFace(emphasis="", color=_QUIET, size_pt=size)


def _sessions(page: _Page, statement: Printed) -> None:
    _heading(page, statement.sessions_title)
    style = _table_style(page, 8)
    with page.table(
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=style,
        line_height=4.2,
        padding=(1.1, 1.5, 1.1, 0),
        col_widths=(30, 48, 26, 46, 24),
        text_align=("LEFT", "LEFT", "RIGHT", "LEFT", "RIGHT"),
        v_align="TOP",
        width=page.epw,
    ) as table:
        table.row(statement.session_columns)
        for session in statement.sessions:
            row = table.row()
            row.cell("\n".join(part for part in (session.stall, session.resident) if part))
            row.cell(session.when)
            row.cell(session.energy)
            row.cell("\n".join(calculation for calculation, _ in session.lines))
            row.cell("\n".join(amount for _, amount in session.lines))
    page.ln(1)
    for place, (label, value) in enumerate(statement.totals, 1):
        last = place == len(statement.totals)
        page.set_font("DejaVu", "B" if last else "", 10 if last else 8.5)
        page.set_text_color(*(_INK if last else _QUIET))
        page.cell(page.epw - 34, 6 if last else 5, label, align="R")
        page.set_text_color(*_INK)
        page.cell(34 - 1.5, 6 if last else 5, value, align="R", new_x="LMARGIN", new_y="NEXT")
    page.ln(5)


def _prices(page: _Page, statement: Printed) -> None:
    _heading(page, statement.prices_title)
    for version, lines in statement.prices:
        page.write_text("; ".join(lines), 8.5)
        page.write_text(version, 7.5, _QUIET)
        page.ln(1)
    page.ln(4)


def _readings(page: _Page, statement: Printed) -> None:
    _heading(page, statement.readings_title)
    style = _table_style(page, 7)
    with page.table(
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=style,
        line_height=3.8,
        padding=(0.8, 1.5, 0.8, 0),
        col_widths=(24, 24, 31, 25, 31, 25, 19),
        text_align=("LEFT", "LEFT", "LEFT", "RIGHT", "LEFT", "RIGHT", "RIGHT"),
        v_align="TOP",
        width=page.epw,
    ) as table:
        table.row(statement.reading_columns)
        for reading in statement.readings:
            table.row(reading)
