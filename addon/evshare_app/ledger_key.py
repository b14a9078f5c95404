"""Changing the key the ledger is signed with: the old one introduces the new one, and papers stay what they were."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from .books.engine import Books
from .books.quarantine import refuse_in_quarantine
from .ledger.heads import change_key, fingerprint, open_key

MEANING = (
    "Another key then signs the ledger, and the old one introduces it. Statements that were printed stay valid: the "
    "digits on them are those of the key of their time, and exports tell of both. Do it when somebody may have got "
    "hold of the key, or a machine it was on is given away."
)
"""What a change means, for the command line."""


class DigitsWrong(ValueError):
    """Whoever wants the key changed did not name the one in force."""


async def change_ledger_key(books: Books, keys: Path, digits: str, now: datetime) -> tuple[str, str]:
    """Change the key in the folder `keys`; return the digits of the old and the new one.

    `digits` are those of the key in force, so that nobody changes it twice. Raises `DigitsWrong`, and `InQuarantine`:
    books that may be put aside again are no place to do it.
    """

    def change(conn: Connection) -> tuple[str, str]:
        refuse_in_quarantine(conn)
        old = fingerprint(open_key(conn, keys).public)
        if digits.replace(" ", "").lower() != old:
            msg = f"digits: got {digits[:40]!r}, accepted are those of the key in force, {old}"
            raise DigitsWrong(msg)
        return old, fingerprint(change_key(conn, keys, now).public)

    done = await books.write(change)
    # The books have it: now the new key's file takes the old one's place.
    await books.write(lambda conn: open_key(conn, keys))
    return done
