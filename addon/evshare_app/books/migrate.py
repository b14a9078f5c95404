"""Brings the books to the newest schema with Alembic. The scripts are in `migrations/`; nothing is written beside them.

Everything happens in one transaction: books are either fully migrated or untouched.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine


class BooksTooNew(Exception):
    """The books were written by a newer version of the app; start that one, or restore an older backup."""


def upgrade(engine: Engine) -> None:
    """Create or migrate the books.

    Raises:
        BooksTooNew: the books' revision is not one this version knows.
    """
    config = Config()
    # Alembic reads the option with ConfigParser, where % begins an interpolation.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with engine.begin() as connection:
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        present = MigrationContext.configure(connection).get_current_revision()
        if present is not None and present not in known:
            msg = f"books: revision is {present}, accepted are {', '.join(sorted(known))}"
            raise BooksTooNew(msg)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
