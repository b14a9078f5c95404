"""Sheets to print and cut: stickers for the stalls, and the poster that says how to get in.

A sticker is a rectangle of one fixed layout, drawn at its size or larger; the paper (A4 or US Letter) only decides how
many fit and where the cut marks are. Codes carry four modules of white around them (ISO/IEC 18004), and level M, which
survives a scratch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import NamedTuple

from fpdf import FPDF
from fpdf.enums import MethodReturnValue
import segno

from ..i18n import gettext_for
from ..statement.paper import ACCENT, FONTS, INK, LINE, QUIET, TINT

PAPERS = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}
"""Width and height in mm."""

_STICKER_W, _STICKER_H = 95.0, 65.0
SIZES = {"small": 1.0, "large": 2.0}
"""How many times the sticker's 95 x 65 mm; eight or two of them fit on either paper."""
_MARK_MM = 4.0
_GAP_MM = 1.0
"""Between a cut mark and the corner it points to, so that no ink is left on what is cut out."""
_POSTER_MARGIN_MM = 10.0
_LEAST_POINTS = 4

type _Color = tuple[int, int, int]


class _Box(NamedTuple):
    """Where something is: its upper left corner, width and height in mm."""

    x: float
    y: float
    width: float
    height: float

    def within(self, outer: _Box, scale: float) -> _Box:
        """Return where this box of an unscaled drawing is, when that is drawn at `outer`."""
        return _Box(outer.x + self.x * scale, outer.y + self.y * scale, self.width * scale, self.height * scale)


@dataclass(frozen=True, kw_only=True)
class House:
    """What every sheet says of the house."""

    name: str
    address: str
    """Where the portal is, without a trailing slash."""
    contact: str
    """Whom to ask; empty where nobody is named."""
    language: str
    indoors: bool
    """The address works only inside the house's network."""
    made: datetime

    @property
    def short_address(self) -> str:
        """Return the address as people type it."""
        return self.address.partition("://")[2]


@dataclass(frozen=True, kw_only=True)
class Sticker:
    """One stall's sticker."""

    stall: str
    code: str


def stickers_pdf(house: House, stickers: Sequence[Sticker], *, paper: str, size: str) -> bytes:
    """Return a PDF of stickers, as many to a page as fit."""
    say, scale = gettext_for(house.language), SIZES[size]
    sheet = _Sheet(house, paper, title=say("Stickers for the stalls"))
    width, height = _STICKER_W * scale, _STICKER_H * scale
    across, down = int(sheet.w // width), int(sheet.h // height)
    left, top = (sheet.w - across * width) / 2, (sheet.h - down * height) / 2
    for place, sticker in enumerate(stickers):
        row, column = divmod(place % (across * down), across)
        if row == column == 0:
            sheet.add_page()
            sheet.cut_marks([left + width * n for n in range(across + 1)], [top + height * n for n in range(down + 1)])
        _draw_sticker(sheet, house, sticker, _Box(left + column * width, top + row * height, width, height), scale)
    return bytes(sheet.output())


def poster_pdf(house: House, *, paper: str) -> bytes:
    """Return the poster that says how to get in, one page."""
    say = gettext_for(house.language)
    sheet = _Sheet(house, paper, title=say("Charge your car here"))
    sheet.add_page()
    edge = _POSTER_MARGIN_MM
    sheet.cut_marks([edge, sheet.w - edge], [edge, sheet.h - edge])
    left, width = edge + 14, sheet.w - 2 * edge - 28
    sheet.text_box(house.name, _Box(left, edge + 14, width, 7), 14, color=ACCENT, bold=True)
    sheet.text_box(say("Charge your car here"), _Box(left, edge + 23, width, 15), 34, bold=True)
    promise = say("With your phone, at the price you see before you start. No app to install.")
    sheet.text_box(promise, _Box(left, edge + 41, width, 14), 14, color=QUIET)
    y = edge + 64
    for number, (heading, text) in enumerate(_steps(house), 1):
        sheet.number(number, left + 7, y + 7)
        sheet.text_box(heading, _Box(left + 22, y - 0.5, width - 22, 8), 17, bold=True)
        sheet.text_box(text, _Box(left + 22, y + 8, width - 22, 13), 12, color=QUIET)
        y += 27
    side = 62.0
    top = sheet.h - edge - side - 24
    sheet.panel(left, top - 6, width, side + 12)
    sheet.qr(f"{house.address}/", left + 6, top, side)
    beside, room = left + side + 14, width - side - 20
    sheet.text_box(say("The portal of the house"), _Box(beside, top + 3, room, 7), 14, bold=True)
    sheet.text_box(house.short_address, _Box(beside, top + 11, room, 14), 15, color=ACCENT, bold=True)
    by_card = say("No phone? A card works too: it is held to the reader at the stall.")
    sheet.text_box(by_card, _Box(beside, top + 27, room, 11), 10)
    contact = say("Questions: %s") % house.contact if house.contact else ""
    sheet.text_box(contact, _Box(beside, top + 40, room, 10), 10)
    if house.indoors:
        sheet.text_box(say("Works only in the house’s Wi-Fi."), _Box(beside, top + 52, room, 5), 10, color=QUIET)
    return bytes(sheet.output())


def _steps(house: House) -> tuple[tuple[str, str], ...]:
    say = gettext_for(house.language)
    ask = say("Ask %s.") % house.contact if house.contact else say("Ask the manager of the house.")
    return (
        (say("Ask for an invitation"), f"{ask} {say('It comes as a link, or as a code you scan or type.')}"),
        (
            say("Open it once on your phone"),
            say("From then on this phone is known. No password, and nothing to remember."),
        ),
        (
            say("Plug in, scan the code at the stall, start"),
            say("The page says what it costs, starts and stops, and shows what you used."),
        ),
    )


def _draw_sticker(sheet: _Sheet, house: House, sticker: Sticker, at: _Box, scale: float) -> None:
    say = gettext_for(house.language)

    def text(words: str, box: _Box, size: float, *, color: _Color = INK, bold: bool = False) -> None:
        sheet.text_box(words, box.within(at, scale), size * scale, color=color, bold=bold)

    sheet.qr(f"{house.address}/s/{sticker.code}", at.x + 3 * scale, at.y + 4 * scale, 46 * scale)
    text(house.name, _Box(51, 6, 39, 4.2), 8, color=ACCENT, bold=True)
    text(sticker.stall, _Box(51, 11, 39, 17), 24, bold=True)
    text(say("Scan to charge"), _Box(51, 29.5, 39, 5), 10.5, bold=True)
    text(say("The price is on the page, before you start."), _Box(51, 35, 39, 7.5), 8)
    if house.indoors:
        text(say("Works only in the house’s Wi-Fi."), _Box(51, 43.5, 39, 6.5), 7.5, color=QUIET)
    sheet.rule(at.x + 5 * scale, at.x + at.width - 5 * scale, at.y + 51.5 * scale, scale)
    text(say("No camera? Open %s and enter") % house.short_address, _Box(5, 53, 51, 3.6), 6.8, color=QUIET)
    text(in_fours(sticker.code), _Box(5, 56.6, 51, 5), 11.5, bold=True)
    if house.contact:
        text(say("Questions: %s") % house.contact, _Box(58, 53, 32, 8.6), 6.8)


def in_fours(code: str) -> str:
    """Return a code in groups of four, as it is read and typed."""
    return " ".join(code[place : place + 4] for place in range(0, len(code), 4))


class _Sheet(FPDF):
    """Paper with our fonts, and what is drawn on it. All measures in mm, sizes of letters in points."""

    def __init__(self, house: House, paper: str, *, title: str) -> None:
        super().__init__(format=PAPERS[paper])
        self.set_creation_date(house.made)
        self.set_title(f"{title} \N{MIDDLE DOT} {house.name}")
        self.set_lang(house.language)
        self.add_font("DejaVu", fname=FONTS / "DejaVuSans.ttf")
        self.add_font("DejaVu", style="B", fname=FONTS / "DejaVuSans-Bold.ttf")
        self.set_margins(0, 0)
        self.set_auto_page_break(False)
        self.c_margin = 0

    def text_box(self, words: str, box: _Box, size: float, *, color: _Color = INK, bold: bool = False) -> None:
        """Write into a box, at `size` points or as much smaller as makes it fit; what never fits is cut at the end."""
        style = "B" if bold else ""
        while size > _LEAST_POINTS and not self._fits(words, box, size, style):
            size -= 0.5
        while words and not self._fits(words, box, size, style):
            words = words[:-2].rstrip() + "…" if len(words) > 2 else ""
        self.set_font("DejaVu", style, size)
        self.set_text_color(*color)
        self.set_xy(box.x, box.y)
        self.multi_cell(box.width, _line_mm(size), words, align="L")

    def _fits(self, words: str, box: _Box, size: float, style: str) -> bool:
        self.set_font("DejaVu", style, size)
        # A word longer than a line would be broken anywhere.
        if any(self.get_string_width(word) > box.width for word in words.split()):
            return False
        self.set_xy(0, 0)
        needed = self.multi_cell(
            box.width, _line_mm(size), words, align="L", dry_run=True, output=MethodReturnValue.HEIGHT
        )
        assert isinstance(needed, int | float)
        return needed <= box.height + 0.01

    def qr(self, address: str, x: float, y: float, side: float) -> None:
        """Draw a QR code with its white border."""
        image = BytesIO()
        segno.make(address, error="m", micro=False).save(image, kind="png", scale=12, border=4)
        self.image(image, x=x, y=y, w=side, h=side, alt_text=address)

    def number(self, number: int, x: float, y: float) -> None:
        """Draw a number in a disc around a point."""
        with self.local_context(fill_color=ACCENT):
            self.circle(x, y, 7, style="F")
        self.set_font("DejaVu", "B", 18)
        self.set_text_color(255, 255, 255)
        self.set_xy(x - 7, y - 4.5)
        self.cell(14, 9, str(number), align="C")

    def panel(self, x: float, y: float, width: float, height: float) -> None:
        """Draw a tinted ground with round corners."""
        with self.local_context(fill_color=TINT):
            self.rect(x, y, width, height, style="F", round_corners=True, corner_radius=5)

    def rule(self, left: float, right: float, y: float, scale: float) -> None:
        """Draw a thin line."""
        with self.local_context(draw_color=LINE, line_width=0.25 * scale):
            self.line(left, y, right, y)

    def cut_marks(self, columns: Sequence[float], rows: Sequence[float]) -> None:
        """Draw marks outside of what is cut out, where each cut begins and ends."""
        with self.local_context(draw_color=QUIET, line_width=0.15):
            for x in columns:
                self.line(x, rows[0] - _GAP_MM - _MARK_MM, x, rows[0] - _GAP_MM)
                self.line(x, rows[-1] + _GAP_MM, x, rows[-1] + _GAP_MM + _MARK_MM)
            for y in rows:
                self.line(columns[0] - _GAP_MM - _MARK_MM, y, columns[0] - _GAP_MM, y)
                self.line(columns[-1] + _GAP_MM, y, columns[-1] + _GAP_MM + _MARK_MM, y)


def _line_mm(size: float) -> float:
    return size * 0.42
