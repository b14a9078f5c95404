"""The account of the building itself: what all owners pay together, and which sessions are not their resident's to pay.

A session's account is set when it is authorised (`session.account_id`); where it is null the resident's own owes.
"""

from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Select, insert, select

from ..model import AccountId
from .access_tables import dispute
from .building import the_building
from .schema import account, session

COMMON = "building"
"""Kind of the building's own account, of which there is one."""
_NOT_A_RESIDENTS = (COMMON, "guest")


def find_common_account(conn: Connection) -> AccountId | None:
    """Return the building's own account; None while nothing was ever charged on it."""
    found = conn.scalar(
        select(account.c.account_id).where(
            account.c.building_id == the_building(conn).building_id, account.c.kind == COMMON
        )
    )
    return None if found is None else AccountId(found)


def common_account(conn: Connection) -> AccountId:
    """Return the building's own account, made when it is needed first."""
    there = find_common_account(conn)
    if there is not None:
        return there
    building, made = the_building(conn), AccountId(uuid4().hex)
    conn.execute(
        insert(account).values(building_id=building.building_id, account_id=made, name=building.name, kind=COMMON)
    )
    return made


def paid_by_others() -> ColumnElement[bool]:
    """Whether a session is on an account that is no resident's: the building's, or a guest's own."""
    others = select(account.c.account_id).where(account.c.kind.in_(_NOT_A_RESIDENTS))
    return session.c.account_id.is_not(None) & session.c.account_id.in_(others)


def nobodys() -> Select[tuple[str]]:
    """Select the sessions that were found not to be theirs on whose account they are: nobody owes them."""
    return select(dispute.c.session_id).where(dispute.c.state == "upheld")
