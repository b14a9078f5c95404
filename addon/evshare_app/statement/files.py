"""Statements as people get them: a page and a PDF, made from the frozen document after it was issued, and kept.

The same document always gives the same bytes, so a file that is not kept yet is made when somebody asks for it.
"""

from collections.abc import Mapping
from datetime import datetime
import hashlib

from sqlalchemy import Connection, insert, select

from ..books.accounting_tables import statement_file
from ..books.schema import statement
from ..model import StatementId, to_ms
from .document import StatementDocument
from .html import render_html
from .pdf import render_pdf

HTML, PDF = "html", "pdf"
_KINDS = (HTML, PDF)


def render_files(document: StatementDocument) -> dict[str, bytes]:
    """Return a statement's page and PDF by kind."""
    return {kind: _rendered(document, kind) for kind in _KINDS}


def keep_files(conn: Connection, statement_id: StatementId, files: Mapping[str, bytes], now: datetime) -> None:
    """Keep a statement's files; those that are kept already stay as they are."""
    building_id = conn.execute(
        select(statement.c.building_id).where(statement.c.statement_id == statement_id)
    ).scalar_one()
    kept = select(statement_file.c.kind).where(statement_file.c.statement_id == statement_id)
    for kind in sorted(files.keys() - set(conn.scalars(kept))):
        conn.execute(
            insert(statement_file).values(
                building_id=building_id,
                statement_id=statement_id,
                kind=kind,
                content=files[kind],
                sha256=hashlib.sha256(files[kind]).hexdigest(),
                made_ms=to_ms(now),
            )
        )


def kept_file(conn: Connection, statement_id: str, kind: str) -> bytes:
    """Return a statement's page or PDF: as it is kept, else made now. Raises LookupError for an unknown statement."""
    content = conn.scalar(
        select(statement_file.c.content).where(
            statement_file.c.statement_id == statement_id, statement_file.c.kind == kind
        )
    )
    return _rendered(frozen_document(conn, statement_id), kind) if content is None else bytes(content)


def frozen_document(conn: Connection, statement_id: str) -> StatementDocument:
    """Return a statement's document. Raises LookupError for an unknown statement."""
    text = conn.scalar(select(statement.c.document_json).where(statement.c.statement_id == statement_id))
    if text is None:
        msg = f"statement: got {statement_id!r}, accepted is the id of an issued one"
        raise LookupError(msg)
    return StatementDocument.from_json(text)


def _rendered(document: StatementDocument, kind: str) -> bytes:
    return render_html(document).encode() if kind == HTML else render_pdf(document)
