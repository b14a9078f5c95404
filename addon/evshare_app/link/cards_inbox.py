"""Takes the cards that the integration told into the books: the lists are replaced as a whole.

Runs inside one transaction of the books.
"""

from datetime import datetime
import json

from sqlalchemy import Connection, delete, insert

from ..books.access_tables import card as card_table
from ..books.access_tables import unknown_card
from ..books.building import the_building
from ..model import to_ms
from ..resident.notices import is_news, note
from .messages import CardsTold


def take_cards(conn: Connection, told: CardsTold, now: datetime) -> None:
    """Make the cards be those the integration told, and tell the holders of new ones."""
    building_id = the_building(conn).building_id
    conn.execute(delete(card_table))
    conn.execute(delete(unknown_card))
    for card in told.cards:
        quiet = None if card.quiet is None else json.dumps({"from": card.quiet.start, "to": card.quiet.end})
        conn.execute(
            insert(card_table).values(
                building_id=building_id,
                card_id=card.card_id,
                resident_id=card.resident_id,
                label=card.label,
                blocked=int(card.blocked),
                blocked_by_holder=int(card.blocked_by_holder),
                weak=int(card.weak),
                month_wh=card.month_wh,
                money_month_wh=card.money_month_wh,
                quiet_json=quiet,
                added_ms=to_ms(card.added_at),
                used_ms=None if card.used_at is None else to_ms(card.used_at),
            )
        )
        if is_news(card.added_at, now):
            note(conn, card.resident_id, "card_added", card.card_id, {"card": card.label}, now)
    for unknown in told.unknown:
        conn.execute(
            insert(unknown_card).values(
                building_id=building_id,
                unknown_id=unknown.unknown_id,
                stall_id=unknown.stall_id,
                at_ms=to_ms(unknown.at),
                times=unknown.times,
                tail=unknown.tail,
            )
        )
