"""Alembic's environment: the connection comes from `books.migrate.upgrade`, there is no ini file."""

from alembic import context

from evshare_app.books.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite's DDL is transactional; the whole upgrade is one transaction of the caller's.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
