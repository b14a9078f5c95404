"""Money per card and month, told to the integration as the card's cap in energy.

The integration counts a card's energy by calendar month, sessions in the month in which they end, and takes off itself
what its open session uses. So it is told what the ended ones used and what the rest of the money is good for, together:
at the highest price of the holder's tariff, after a session's flat fee, rounded down. What time costs is not in it.
Every session of the card counts, also one that was found not to be the holder's: the cap is the card's.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, insert

from ..books.access_tables import card_cap
from ..books.building import the_building
from ..books.schema import session
from ..model import to_ms
from .cards import Card, cards, find_card
from .rules import Used, left_wh, used_in_month

_CARD: Final = "card"
_CLOSE_WH: Final = 100
_CLOSE_SHARE: Final = 100
"""What differs by no more than this much, and no more than one part in so many, is not told again."""
_MOST_WH: Final = 100_000_000
"""The largest cap there is; where the money is good for more it limits nothing."""


def set_card_cap(  # noqa: PLR0917 - whose, what, by whom and when
    conn: Connection, card_id: str, month_minor: int | None, month_wh: int | None, by: str, now: datetime
) -> None:
    """Cap a card's money beside its own cap in kWh; without money the kWh are the integration's alone."""
    conn.execute(delete(card_cap).where(card_cap.c.card_id == card_id))
    if month_minor is not None:
        conn.execute(
            insert(card_cap).values(
                building_id=the_building(conn).building_id,
                card_id=card_id,
                month_minor=month_minor,
                month_wh=month_wh,
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


def cap_told_wh(  # noqa: PLR0917 - which card, which caps and when
    conn: Connection, card: Card, month_minor: int | None, month_wh: int | None, now: datetime, zone: ZoneInfo
) -> int | None:
    """Return the cap in energy a card has with these of its own; None: it has none. Raises `NoTariff`."""
    if month_minor is None:
        return month_wh
    used = card_used(conn, card.card_id, now, zone)
    left = left_wh(conn, card.resident_id, month_minor, used.cost, now)
    good_for = None if left is None else used.energy_wh - used.running_wh + left
    if good_for is None or good_for > _MOST_WH:
        return month_wh
    return good_for if month_wh is None else min(good_for, month_wh)


def capped_cards(conn: Connection) -> list[str]:
    """Return the ids of the cards whose money is capped."""
    return [card.card_id for card in cards(conn) if card.month_minor is not None]


def cap_to_tell(conn: Connection, card_id: str, now: datetime, zone: ZoneInfo) -> dict[str, object] | None:
    """Return the `change_card` of a card whose money is good for something else than was told; None: it is told."""
    card = find_card(conn, card_id)
    if card is None or card.month_minor is None:
        return None
    month_wh = cap_told_wh(conn, card, card.month_minor, card.own_month_wh, now, zone)
    return None if _is_close(card.month_wh, month_wh) else card.asked(month_wh=month_wh)


def _is_close(told_wh: int | None, wanted_wh: int | None) -> bool:
    if told_wh is None or wanted_wh is None:
        return told_wh == wanted_wh
    apart_wh = abs(told_wh - wanted_wh)
    return apart_wh <= _CLOSE_WH and apart_wh * _CLOSE_SHARE <= told_wh
