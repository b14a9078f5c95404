"""Making guest passes, renewing their links and withdrawing them.

A pass is given as a 128-bit link, whose SHA-256 is kept, or as a short code.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
import json

from sqlalchemy import Connection, insert, select, update

from ..books.access_tables import guest_pass
from ..books.building import the_building
from ..model import ResidentId, to_ms
from ..tokens import digest, new_token
from .passes import PassLine, PassState, Payer, pass_lines
from .people import NoSuchResident, person

MOST_DAYS = 7
MOST_USES = 20
MOST_KWH = 200
MOST_MONEY = 500
"""Of the building's currency, in its main unit."""
MOST_VALID = {Payer.HOST: 5, Payer.BUILDING: 20}
"""Passes that are good at the same time: of one resident, and of the building."""


class TooManyPasses(Exception):
    """Who pays has as many valid passes as they may have."""

    def __init__(self, most: int) -> None:
        super().__init__(f"there are {most} valid passes already")
        self.most = most


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a pass shall be."""

    label: str
    stall_ids: tuple[str, ...] | None
    """None: all the host may charge at."""
    cap_wh: int | None
    cap_minor: int | None
    """With VAT, in minor units. At least one of the two caps is set."""
    days: int
    uses: int
    shows_host: bool
    payer: Payer = Payer.HOST

    def __post_init__(self) -> None:
        """Refuse what no pass may be."""
        if self.cap_wh is None and self.cap_minor is None:
            msg = "cap_wh, cap_minor: got neither, accepted is at least one"
            raise ValueError(msg)
        for name, value, most in (("days", self.days, MOST_DAYS), ("uses", self.uses, MOST_USES)):
            if not 1 <= value <= most:
                msg = f"{name}: got {value}, accepted are 1 to {most}"
                raise ValueError(msg)


def make_pass(  # noqa: PLR0917 - in the order one says it
    conn: Connection, pass_id: str, resident_id: ResidentId, wanted: Wanted, by: str, now: datetime
) -> str | None:
    """Make a pass under an id its maker chose, and return the token of its link, which is shown once.

    Made again under the same id it stays what it is and gets another link; None where the id is someone else's.
    `by` is ``resident:<id>`` or ``office:<user>``; only the office spends the building's money. Raises
    `NoSuchResident` and `TooManyPasses`.
    """
    if wanted.payer is Payer.BUILDING and not by.startswith("office:"):
        msg = f"payer: got {wanted.payer}, accepted of a resident is {Payer.HOST}"
        raise ValueError(msg)
    there = conn.execute(select(guest_pass).where(guest_pass.c.pass_id == pass_id)).one_or_none()
    if there is not None:
        return renew_link(conn, pass_id, now) if there.made_by == by[:80] and there.resident_id == resident_id else None
    if not person(conn, resident_id).here(now):
        raise NoSuchResident(resident_id)
    if len(valid_passes(conn, now, resident_id, wanted.payer)) >= MOST_VALID[wanted.payer]:
        raise TooManyPasses(MOST_VALID[wanted.payer])
    token = new_token(128)
    conn.execute(
        insert(guest_pass).values(
            building_id=the_building(conn).building_id,
            pass_id=pass_id,
            token_hash=digest(token),
            label=wanted.label[:60],
            made_by=by[:80],
            resident_id=resident_id,
            payer=wanted.payer,
            stalls_json=None if wanted.stall_ids is None else json.dumps(wanted.stall_ids),
            cap_wh=wanted.cap_wh,
            cap_minor=wanted.cap_minor,
            uses=wanted.uses,
            shows_host=int(wanted.shows_host),
            created_ms=to_ms(now),
            expires_ms=to_ms(now + timedelta(days=wanted.days)),
        )
    )
    return token


def renew_link(conn: Connection, pass_id: str, now: datetime) -> str | None:
    """Return the token of a new link; the old one opens nothing any more. None for a pass that is over or revoked."""
    token = new_token(128)
    renewed = conn.execute(
        update(guest_pass)
        .where(guest_pass.c.pass_id == pass_id, guest_pass.c.revoked_ms.is_(None), guest_pass.c.expires_ms > to_ms(now))
        .values(token_hash=digest(token))
    )
    return token if renewed.rowcount == 1 else None


def revoke_pass(conn: Connection, pass_id: str, now: datetime) -> None:
    """Let nobody start with a pass any more. What charges goes on."""
    conn.execute(
        update(guest_pass)
        .where(guest_pass.c.pass_id == pass_id, guest_pass.c.revoked_ms.is_(None))
        .values(revoked_ms=to_ms(now))
    )


def valid_passes(conn: Connection, now: datetime, resident_id: ResidentId, payer: Payer) -> list[PassLine]:
    """Return the passes that are good now: those a resident pays for, or all the building does."""
    whose = resident_id if payer is Payer.HOST else None
    lines = pass_lines(conn, now, resident_id=whose)
    return [line for line in lines if line.state is PassState.VALID and line.pass_.payer is payer]
