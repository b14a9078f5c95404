"""What all tests of the app share: new books cost next to nothing. `tests/app/books` shows how they are made."""

from collections.abc import Iterator

from hypothesis import settings
import pytest

from tests.app.blank_books import new_books_are_copied

# Laws are checked on examples, never on how long one took: a busy machine is no reason to fail.
settings.register_profile("evshare", deadline=None)
settings.load_profile("evshare")


@pytest.fixture(scope="session", autouse=True)
def _new_books_are_copied() -> Iterator[None]:
    with new_books_are_copied():
        yield
