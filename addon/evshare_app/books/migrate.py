"""Brings the books to the newest schema with Alembic. The scripts are in `migrations/`; nothing is written beside them.

Everything happens in one transaction: books are either fully migrated or untouched. SQLite can change a constraint only
by making its table anew, and keeps other tables' references to it only while it does not check them; so they are not
checked one by one while migrating, but all together before the end.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from .invariants import differences, facts_of


class BooksTooNew(Exception):
    """The books were written by a newer version of the app; start that one, or restore an older backup."""


class MigrationFailed(Exception):
    """The books could not be migrated and are as they were."""


def upgrade(engine: Engine) -> None:
    """Create or migrate the books.

    Raises:
        BooksTooNew: the books' revision is not one this version knows.
        MigrationFailed: facts would not have come through as they were.
    """
    config = _config()
    with _references_unchecked(engine), engine.begin() as connection:
        if not is_behind(connection):
            return
        before = facts_of(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        changed = differences(before, facts_of(connection))
        if changed:
            msg = f"books: migrating would have changed facts ({'; '.join(changed)}); they are as they were"
            raise MigrationFailed(msg)
        if connection.dialect.name == "sqlite":
            astray = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            if astray is not None:
                msg = f"books: after migrating, a row of {astray[0]} refers to nothing in {astray[2]}"
                raise MigrationFailed(msg)


def revision(connection: Connection) -> str | None:
    """Return the schema's revision; None for a file without tables."""
    return MigrationContext.configure(connection).get_current_revision()


def is_behind(connection: Connection) -> bool:
    """Whether there is something to migrate, or to create. Raises `BooksTooNew` where this version knows too little."""
    scripts, present = ScriptDirectory.from_config(_config()), revision(connection)
    known = {script.revision for script in scripts.walk_revisions()}
    if present is not None and present not in known:
        msg = f"books: revision is {present}, accepted are {', '.join(sorted(known))}"
        raise BooksTooNew(msg)
    return present != scripts.get_current_head()


def _config() -> Config:
    config = Config()
    # Alembic reads the option with ConfigParser, where % begins an interpolation.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


@contextmanager
def _references_unchecked(engine: Engine) -> Iterator[None]:
    if engine.dialect.name != "sqlite":
        yield
        return
    # Past SQLAlchemy, because the setting has no effect inside a transaction. It is the engine's one connection.
    raw = engine.raw_connection()
    raw.cursor().execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        raw.cursor().execute("PRAGMA foreign_keys=ON")
        raw.close()
