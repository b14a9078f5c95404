"""A program that is killed: it imports the app once, and forks whoever is to die, because importing takes long.

Reads a line for each (``ledger PATH SECONDS`` or ``migrate PATH STATEMENT``), and says how it ended.
"""

import asyncio
from datetime import UTC, datetime, timedelta
import itertools
import os
from pathlib import Path
import signal
import sys
import threading

from sqlalchemy import event

from evshare_app.books.backup import Shelf
from evshare_app.books.engine import Books, create_books_engine
from evshare_app.books.migrate import upgrade
from tests.app.books.house_books import add, chain_is_wrong, transactions


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def book(path: Path, when: float) -> None:
    """Book on and on while a copy is made, saying in a file what was acknowledged.

    Killed after as many bookings as `when` has whole parts, and its fraction in hundredths of a second later.
    """
    books = await Books.open(path)
    said = os.open(path.with_suffix(".said"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    first = await books.read(transactions) + 1
    taken = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=first)
    copying = asyncio.create_task(Shelf(path.parent).take(books, chain_is_wrong, taken))
    for number in itertools.count(first):
        if number - first == int(when):
            threading.Timer(when % 1 / 100, die).start()
        booked = await books.write(lambda conn, number=number: add(conn, number))
        os.write(said, f"{booked}\n".encode())
    await copying


def migrate(path: Path, statement: int) -> None:
    """Migrate, and be killed before the n-th statement."""
    engine, count = create_books_engine(path), itertools.count(1)

    def before(*_: object) -> None:
        if next(count) == statement:
            die()

    event.listen(engine, "before_cursor_execute", before)
    upgrade(engine)


def main() -> None:
    for line in sys.stdin:
        what, path, number = line.split()
        child = os.fork()
        if child == 0:
            if what == "ledger":
                asyncio.run(book(Path(path), float(number)))
            else:
                migrate(Path(path), int(number))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write("killed\n" if os.WIFSIGNALED(status) else f"ended {status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
