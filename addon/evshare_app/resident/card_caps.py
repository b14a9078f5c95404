"""Money per card and month, told to the integration as a cap in energy beside the one that people set.

The integration counts a card's energy by calendar month, sessions in the month in which they end, and takes off itself
what its open session uses. So it is told what the ended ones used and what the rest of the money is good for, together:
at the highest price of the holder's tariff, after a session's flat fee, rounded down. What time costs is not in it.
Every session of the card counts, also one that was found not to be the holder's: the cap is the card's.

An integration that speaks a link before version 3 has one cap per card: it is told the smaller of both, and the one
that people set is kept here until it can have both.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, insert, update

from ..books.access_tables import card_cap
from ..books.building import the_building
from ..books.schema import session
from ..model import to_ms
from .cards import Card, cards, find_card
from .rules import Used, left_wh, used_in_month

_CARD: Final = "card"
_APART: Final = 3
"""The version of the link in which a card has a cap for its money beside its own."""
_CLOSE_WH: Final = 100
_CLOSE_SHARE: Final = 100
"""What differs by no more than this much, and no more than one part in so many, is not told again."""
_MOST_WH: Final = 100_000_000
"""The largest cap there is; where the money is good for more it limits nothing."""


def set_card_cap(conn: Connection, card_id: str, month_minor: int | None, by: str, now: datetime) -> None:
    """Cap a card's money beside its own cap in kWh."""
    conn.execute(delete(card_cap).where(card_cap.c.card_id == card_id))
    if month_minor is not None:
        conn.execute(
            insert(card_cap).values(
                building_id=the_building(conn).building_id,
                card_id=card_id,
                month_minor=month_minor,
                in_one=0,
                changed_ms=to_ms(now),
                changed_by=by[:80],
            )
        )


def card_used(
    conn: Connection, card_id: str, now: datetime, zone: ZoneInfo, running_wh: Mapping[str, int] | None = None
) -> Used:
    """Return what a card's sessions of this month used and cost."""
    own = (session.c.credential_kind == _CARD, session.c.credential_id == card_id)
    return used_in_month(conn, own, now, zone, running_wh)


def caps_told(  # noqa: PLR0917 - which card, which caps, when and to whom
    conn: Connection,
    card: Card,
    month_minor: int | None,
    month_wh: int | None,
    now: datetime,
    zone: ZoneInfo,
    version: int,
) -> dict[str, int | None]:
    """Return the fields of a `change_card` for a card with these caps of its own. Raises `NoTariff`."""
    good_for = None if month_minor is None else _good_for_wh(conn, card, month_minor, now, zone)
    if version >= _APART:
        return {"month_wh": month_wh, "money_month_wh": good_for}
    caps = [each for each in (month_wh, good_for) if each is not None]
    return {"month_wh": min(caps, default=None), "money_month_wh": None}


def _good_for_wh(conn: Connection, card: Card, month_minor: int, now: datetime, zone: ZoneInfo) -> int | None:
    """Return what a card may have this month for its money; None: it limits nothing."""
    used = card_used(conn, card.card_id, now, zone)
    left = left_wh(conn, card.resident_id, month_minor, used.cost, now, (card.resident_id,))
    good_for = None if left is None else used.energy_wh - used.running_wh + left
    return None if good_for is None or good_for > _MOST_WH else good_for


def capped_cards(conn: Connection) -> list[str]:
    """Return the ids of the cards whose money is capped."""
    return [card.card_id for card in cards(conn) if card.month_minor is not None]


def cap_to_tell(
    conn: Connection, card_id: str, now: datetime, zone: ZoneInfo, version: int
) -> dict[str, object] | None:
    """Return the `change_card` of a card whose money is good for something else than was told; None: it is told."""
    card = find_card(conn, card_id)
    if card is None or card.month_minor is None:
        return None
    caps = caps_told(conn, card, card.month_minor, card.own_month_wh, now, zone, version)
    name = "money_month_wh" if version >= _APART else "month_wh"
    is_told = card.caps_in_one == (version < _APART) and _is_close(getattr(card, name), caps[name])
    return None if is_told else card.asked(**caps)


def note_told(conn: Connection, card_id: str, own_month_wh: int | None, version: int) -> None:
    """Note how the caps of a card went to the integration, in whose version there may be but one."""
    in_one = version < _APART
    conn.execute(
        update(card_cap)
        .where(card_cap.c.card_id == card_id)
        .values(in_one=int(in_one), month_wh=own_month_wh if in_one else None)
    )


def _is_close(told_wh: int | None, wanted_wh: int | None) -> bool:
    if told_wh is None or wanted_wh is None:
        return told_wh == wanted_wh
    apart_wh = abs(told_wh - wanted_wh)
    return apart_wh <= _CLOSE_WH and apart_wh * _CLOSE_SHARE <= told_wh
