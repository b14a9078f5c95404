"""What is looked at before the books are used: that the file is whole and ours, and that SQLite does as it was told.

Facts: SQLite up to 3.51.2 may damage a file in WAL mode that two connections write to (the WAL-reset bug), whatever
its mapping; so there is one connection, and memory mapping stays off.
"""

import logging
import sqlite3

_LOGGER = logging.getLogger(__name__)

APPLICATION_ID = 0x45565348
"""``EVSH`` in the file's header: these are books of evshare."""
WAL_RESET_FIXED = (3, 51, 3)

SETTINGS: tuple[tuple[str, str, object], ...] = (
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("foreign_keys", "ON", 1),
    ("busy_timeout", "5000", 5000),
    ("trusted_schema", "OFF", 0),
    ("cell_size_check", "ON", 1),
    ("recursive_triggers", "ON", 1),
    ("mmap_size", "0", 0),
    ("journal_size_limit", "16777216", 16_777_216),
)
"""Name, what it is set to, and what SQLite has to say it is then."""


class BooksUnusable(Exception):
    """The books cannot be used as they are; they were left alone. The message says what to do."""


def configure(connection: sqlite3.Connection) -> None:
    """Set up a connection of ours.

    Raises `BooksUnusable` for another program's file, and where SQLite does not do as it is told.
    """
    # SQLAlchemy must not open transactions by itself: BEGIN IMMEDIATE is ours (see `engine.py`).
    connection.isolation_level = None
    try:
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise BooksUnusable(_damaged(str(error))) from None
    if owner not in (0, APPLICATION_ID):
        msg = f"books: application_id is {owner:#x}, accepted is {APPLICATION_ID:#x}; this is another program's file"
        raise BooksUnusable(msg)
    connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
    for name, value, expected in SETTINGS:
        connection.execute(f"PRAGMA {name}={value}")
        row = connection.execute(f"PRAGMA {name}").fetchone()
        if row is None and name == "mmap_size":
            continue  # this SQLite cannot map at all
        if row is None or row[0] != expected:
            got = None if row is None else row[0]
            msg = f"books: {name} is {got!r} after setting it, accepted is {expected!r}; is the disk a local one?"
            raise BooksUnusable(msg)


def check_file(connection: sqlite3.Connection) -> None:
    """Look at every page before anything is written. Raises `BooksUnusable`."""
    if sqlite3.sqlite_version_info < WAL_RESET_FIXED:
        _LOGGER.debug("SQLite %s has the WAL-reset bug, which takes two connections", sqlite3.sqlite_version)
    try:
        found = connection.execute("PRAGMA quick_check(3)").fetchall()
    except sqlite3.DatabaseError as error:
        raise BooksUnusable(_damaged(str(error))) from None
    if found != [("ok",)]:
        raise BooksUnusable(_damaged("; ".join(str(row[0]) for row in found)))


def claim(connection: sqlite3.Connection) -> None:
    """Write into the file's header whose it is."""
    if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")


def _damaged(what: str) -> str:
    return (
        f"books: the file is damaged ({what}); nothing was changed. Cars go on charging, and Home Assistant keeps what "
        "happens. Put a copy back with: python -m evshare_app restore"
    )
