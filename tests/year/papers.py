"""Pages and PDFs of the statements, rendered in a process beside the year, and kept in the books as the app does."""

from concurrent.futures import Future, ProcessPoolExecutor
from datetime import datetime
from time import process_time

from sqlalchemy import Connection, select

from evshare_app.books.accounting_tables import statement_file
from evshare_app.books.engine import Books
from evshare_app.books.schema import statement
from evshare_app.model import StatementId
from evshare_app.statement.document import StatementDocument
from evshare_app.statement.files import keep_files, render_files

type _Rendered = tuple[dict[str, bytes], float]


class Printer:
    """Renders what is issued."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(max_workers=1)
        self._waiting: dict[str, Future[_Rendered]] = {}
        self.rendered = 0
        self.cpu_s = 0.0

    async def issued(self, books: Books) -> None:
        """Begin with the statements that are new."""
        for row in await books.read(_without_files):
            if row.statement_id not in self._waiting:
                self._waiting[row.statement_id] = self._pool.submit(_render, row.document_json)

    async def finish(self, books: Books, now: datetime) -> None:
        """Wait for the last one and keep them all."""
        for statement_id, coming in self._waiting.items():
            files, took_s = coming.result()
            await books.write(lambda conn, of=statement_id, made=files: keep_files(conn, StatementId(of), made, now))
            self.rendered += 1
            self.cpu_s += took_s
        self._pool.shutdown()


def _without_files(conn: Connection) -> list:
    kept = select(statement_file.c.statement_id)
    rows = select(statement.c.statement_id, statement.c.document_json).where(statement.c.statement_id.not_in(kept))
    return list(conn.execute(rows).all())


def _render(document_json: str) -> _Rendered:
    before = process_time()
    return render_files(StatementDocument.from_json(document_json)), process_time() - before
