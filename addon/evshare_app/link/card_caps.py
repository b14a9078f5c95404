"""What money caps of cards ask of the integration: another cap in kWh whenever the money is good for another one."""

from datetime import datetime
from functools import partial
import logging

from sqlalchemy import Connection

from ..books.building import the_building
from ..books.engine import Books
from ..resident.card_caps import cap_to_tell, capped_cards
from ..resident.cards import note_changed
from .door import AskRefused, LinkDoor, LinkDown

_LOGGER = logging.getLogger(__name__)

_CARDS = 2
"""Version of the link that knows cards."""


async def keep_card_caps(books: Books, link: LinkDoor, now: datetime) -> None:
    """Have the cards changed whose money is good for something else by now; a session that runs keeps its end.

    What cannot be asked now is asked the next time; until then the card has the cap that was told last.
    """
    if (link.version or 0) < _CARDS:
        return
    for card_id in await books.read(capped_cards):
        # A card is asked for as a whole: one that is being blocked must not be unblocked by what was read before.
        async with link.changing_cards:
            body = await books.read(partial(_to_tell, card_id=card_id, now=now))
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
            await books.write(partial(note_changed, asked=body))


def _to_tell(conn: Connection, card_id: str, now: datetime) -> dict[str, object] | None:
    return cap_to_tell(conn, card_id, now, the_building(conn).zone)
