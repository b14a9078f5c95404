"""Lindenhof's books, settled in and otherwise empty; and the house whose doors these tests knock at."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.app.house import furnished, house
from tests.app.statement.lindenhof import open_engine, settle_in

__all__ = ["furnished", "house"]


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Connection]:
    engine = open_engine(tmp_path / "books.db")
    with engine.begin() as connection:
        settle_in(connection)
        yield connection
    engine.dispose()
