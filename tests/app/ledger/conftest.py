"""Lindenhof's books, settled in and otherwise empty."""

from collections.abc import Iterator
from pathlib import Path
import shutil

import pytest
from sqlalchemy import Connection

from evshare_app.books.engine import create_books_engine
from tests.app.statement.lindenhof import open_engine, settle_in


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The books, made once and copied for whoever needs them."""
    path = tmp_path_factory.mktemp("settled") / "books.db"
    engine = open_engine(path)
    with engine.begin() as connection:
        settle_in(connection)
    engine.dispose()
    return path


@pytest.fixture
def conn(settled: Path, tmp_path: Path) -> Iterator[Connection]:
    shutil.copy(settled, tmp_path / "books.db")
    engine = create_books_engine(tmp_path / "books.db")
    with engine.begin() as connection:
        yield connection
    engine.dispose()
