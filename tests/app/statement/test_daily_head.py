"""What was measured is sealed and the ledger's newest place signed, once a day: it cannot be written anew unseen."""

from datetime import timedelta
from pathlib import Path

from evshare_app.closing import Closing
from evshare_app.ledger.heads import last_signed
from tests.app.books.house_books import NOON, add, new_books
from tests.app.statement.lindenhof import Cut, add_session


async def test_the_newest_place_is_signed_once_a_day(tmp_path: Path) -> None:
    books = await new_books(tmp_path / "books.db", transactions=1)
    at = [NOON]
    closing = Closing(books, lambda: at[0], keys=tmp_path)
    signed = []
    for hours, number in ((0, 0), (12, 2), (24, 3)):
        at[0] = NOON + timedelta(hours=hours)
        if number:
            await books.write(lambda conn, number=number: add(conn, number))
            await books.write(
                lambda conn, number=number: add_session(conn, f"s{number}", NOON, [Cut(15, 100)], rated=False)
            )
        await closing.sign_daily()
        last = await books.read(last_signed)
        assert last is not None
        signed.append(last.number)
    await books.close()
    # The second and third transaction, then a seal of both sessions.
    assert signed == [1, 1, 4]
