"""Lindenhof's books, settled in and otherwise empty."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.app.statement.lindenhof import open_engine, settle_in


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Connection]:
    engine = open_engine(tmp_path / "books.db")
    with engine.begin() as connection:
        settle_in(connection)
        yield connection
    engine.dispose()
