"""Whether somebody's phone reached the portal under its public address over HTTPS: only then are signs printed for it.

The code that is shown in the office and comes back from the phone is signed, lives ten minutes, and counts once: a
check that is younger than a code has used it up.
"""

from datetime import datetime, timedelta
import hmac

from sqlalchemy import Connection, delete, insert, select

from ..model import from_ms, to_ms
from ..tokens import TokenKey
from .access_tables import reach_check
from .building import the_building

CODE_LIFE = timedelta(minutes=10)


def reach_code(key: TokenKey, address: str, now: datetime) -> str:
    """Make a code that says: whoever sends it back, did so within ten minutes, for this address."""
    return f"{to_ms(now)}-{key.reach(address, to_ms(now))}"


def code_counts(conn: Connection, key: TokenKey, address: str, code: str, now: datetime) -> bool:
    """Whether a code is ours, for this address, not too old and not used."""
    made, _, proof = code.partition("-")
    if not (made.isascii() and made.isdecimal() and len(made) <= 15):
        return False
    made_ms = int(made)
    if not hmac.compare_digest(proof.encode(errors="replace"), key.reach(address, made_ms).encode()):
        return False
    checked = checked_at(conn, address)
    return now - CODE_LIFE <= from_ms(made_ms) <= now and (checked is None or to_ms(checked) < made_ms)


def note_reached(conn: Connection, key: TokenKey, address: str, code: str, now: datetime) -> bool:
    """Note that the address works; False where the code does not count."""
    if not code_counts(conn, key, address, code, now):
        return False
    conn.execute(delete(reach_check))
    building_id = the_building(conn).building_id
    conn.execute(insert(reach_check).values(building_id=building_id, address=address, checked_ms=to_ms(now)))
    return True


def checked_at(conn: Connection, address: str) -> datetime | None:
    """Return when this address was reached by a phone."""
    found = conn.execute(select(reach_check.c.checked_ms).where(reach_check.c.address == address)).scalar_one_or_none()
    return None if found is None else from_ms(found)


def forget_other_addresses(conn: Connection, address: str | None) -> None:
    """Void the check of any other address: who goes back to an earlier one has to see whether it still works."""
    conn.execute(delete(reach_check).where(reach_check.c.address != (address or "")))
