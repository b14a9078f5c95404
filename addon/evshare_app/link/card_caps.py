"""What money caps of cards ask of the integration: another one in energy whenever the money is good for another."""

from datetime import datetime
from functools import partial
import logging

from sqlalchemy import Connection

from ..books.building import the_building
from ..books.engine import Books
from ..resident.card_caps import cap_to_tell, capped_cards, note_told
from ..resident.cards import find_card, note_changed
from .door import AskRefused, LinkDoor, LinkDown

_LOGGER = logging.getLogger(__name__)

_CARDS = 2
"""Version of the link that knows cards."""


async def keep_card_caps(books: Books, link: LinkDoor, now: datetime) -> None:
    """Have the cards changed whose money is good for something else by now; a session that runs keeps its end.

    What cannot be asked now is asked the next time; until then the card has the cap that was told last.
    """
    version = link.version or 0
    if version < _CARDS:
        return
    for card_id in await books.read(capped_cards):
        # A card is asked for as a whole: one that is being blocked must not be unblocked by what was read before.
        async with link.changing_cards:
            body, own_wh = await books.read(partial(_to_tell, card_id=card_id, now=now, version=version))
            if body is None:
                continue
            try:
                await link.ask("change_card", body)
            except LinkDown:
                return
            except AskRefused as refusal:
                if refusal.code != "not_found":  # else it is gone, and the next `cards` says so
                    _LOGGER.warning("A card was not told what its money is good for: %s", refusal)
                continue
            await books.write(partial(_note, asked=body, own_wh=own_wh, version=version))


def _to_tell(
    conn: Connection, card_id: str, now: datetime, version: int
) -> tuple[dict[str, object] | None, int | None]:
    """Return what to ask for, and the cap in kWh that people set."""
    body, card = cap_to_tell(conn, card_id, now, the_building(conn).zone, version), find_card(conn, card_id)
    return body, None if card is None else card.own_month_wh


def _note(conn: Connection, asked: dict[str, object], own_wh: int | None, version: int) -> None:
    note_changed(conn, asked)
    note_told(conn, str(asked["card_id"]), own_wh, version)
