"""A statement as one HTML page that needs nothing else: style and QR code are in it, there is no script."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from .document import StatementDocument
from .printed import Printed, printed
from .qr_bill import svg_with_cross


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_html(document: StatementDocument) -> str:
    """Return the page, complete with doctype."""
    statement = printed(document)
    # Both are our own: the style sheet beside the template, and what segno drew.
    style = Markup(_environment().get_template("statement.css").render())  # noqa: S704
    qr = None if statement.qr is None else Markup(_code(statement))  # noqa: S704
    return _environment().get_template("statement.html").render(statement=statement, style=style, qr=qr)


def _code(statement: Printed) -> str:
    if statement.bill is not None:
        return svg_with_cross(statement.bill.qr)
    return "" if statement.qr is None else statement.qr.svg_inline(border=4, omitsize=True, light="#fff")
