"""The paper of documents (fpdf2): A4, with embedded fonts, so that it looks the same everywhere and in fifty years."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace

FONTS = Path(__file__).parent / "fonts"
INK = (28, 37, 32)
QUIET = (91, 104, 96)
LINE = (219, 226, 220)
ACCENT = (23, 102, 63)
TINT = (234, 244, 238)
MARGIN_MM = 18
CORE_ENCODING = "cp1252"
"""What every reader's own Helvetica has letters for; only a Swiss payment part is set in it."""


class Paper(FPDF):
    """A4 with our fonts and a footer that names the document."""

    def __init__(self, footer: str, *, title: str, made: datetime, language: str) -> None:
        super().__init__(format="A4")
        self._footer = footer
        self._pages_before: int | None = None
        self._bare_pages: set[int] = set()
        self.set_creation_date(made)
        self.set_title(title)
        self.set_lang(language)
        self.core_fonts_encoding = CORE_ENCODING
        self.add_font("DejaVu", fname=FONTS / "DejaVuSans.ttf")
        self.add_font("DejaVu", style="B", fname=FONTS / "DejaVuSans-Bold.ttf")
        self.set_margins(MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(True, margin=20)
        self.set_draw_color(*LINE)
        self.set_line_width(0.2)
        self.add_page()

    def footer(self) -> None:
        """Print number and page."""
        if self.page_no() in self._bare_pages:
            return
        # Of several documents in one file each counts its own pages; how many it has is not known yet.
        page = f"{self.page_no()}/{{nb}}" if self._pages_before is None else str(self.page_no() - self._pages_before)
        self.set_y(-13)
        self.write_text(f"{self._footer} \N{MIDDLE DOT} {page}", 7.5, QUIET)

    def bare_page(self) -> None:
        """Begin a page without footer, to be drawn on to its edges."""
        self.add_page()
        self._bare_pages.add(self.page_no())
        self.set_auto_page_break(False)
        self.set_text_color(0, 0, 0)

    def whole_page(self) -> None:
        """End such a page: the next ones are as before."""
        self.set_auto_page_break(True, margin=20)
        self.set_draw_color(*LINE)

    def counts_alone(self) -> None:
        """Count pages by document, for a file that has several."""
        self._pages_before = 0

    def next_document(self, footer: str) -> None:
        """Go on with another document, on the front of a sheet: printed on both sides, each is by itself."""
        blank, pages = self.page_no() % 2, self.page_no()
        if blank:
            self.add_page()
            pages += 1
        self.add_page()
        # The footer of a page is printed when it is left.
        self._pages_before, self._footer = pages, footer

    def write_text(
        self, text: str, size: float, color: tuple[int, int, int] = INK, *, bold: bool = False, width: float = 0
    ) -> None:
        """Write a paragraph from the left margin (or the present x) downwards."""
        self.set_font("DejaVu", "B" if bold else "", size)
        self.set_text_color(*color)
        self.multi_cell(width, size * 0.5, text, align="L", new_x="LEFT", new_y="NEXT")

    def write_link(self, address: str, size: float) -> None:
        """Write an address that can be followed."""
        self.set_font("DejaVu", "", size)
        self.set_text_color(*ACCENT)
        self.multi_cell(0, size * 0.5, address, align="L", new_x="LEFT", new_y="NEXT", link=address)

    def facts(self, facts: tuple[tuple[str, str], ...]) -> None:
        """Write labels with their values."""
        left = self.get_x()
        self.set_font("DejaVu", "", 8.5)
        label_mm = max((self.get_string_width(label) for label, _ in facts), default=0) + 7
        for label, value in facts:
            self.set_x(left)
            self.set_text_color(*QUIET)
            self.cell(label_mm, 4.8, label)
            self.set_text_color(*INK)
            # A reason may take more than one line.
            self.multi_cell(0, 4.8, value, align="L", new_x="LEFT", new_y="NEXT")
        self.set_x(left)

    def heading(self, text: str) -> None:
        """Write the heading of a part."""
        # A heading is not left alone at the foot of a page.
        if self.will_page_break(22):
            self.add_page()
        self.write_text(text, 9.5, ACCENT, bold=True)
        self.ln(1.5)

    def table_style(self, size: float) -> FontFace:
        """Return the style of a table's head, and take that of its rows."""
        self.set_font("DejaVu", "", size)
        self.set_text_color(*INK)
        return FontFace(emphasis="", color=QUIET, size_pt=size)


def print_totals(page: Paper, totals: Sequence[tuple[str, str]]) -> None:
    """Print sums at the right, the last one large."""
    for place, (label, value) in enumerate(totals, 1):
        last = place == len(totals)
        page.set_font("DejaVu", "B" if last else "", 10 if last else 8.5)
        page.set_text_color(*(INK if last else QUIET))
        page.cell(page.epw - 34, 6 if last else 5, label, align="R")
        page.set_text_color(*INK)
        page.cell(34 - 1.5, 6 if last else 5, value, align="R", new_x="LMARGIN", new_y="NEXT")


def print_readings(page: Paper, columns: Sequence[str], readings: Iterable[Sequence[str]]) -> None:
    """Print the table of meter readings."""
    style = page.table_style(7)
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
        table.row(columns)
        for reading in readings:
            table.row(reading)
