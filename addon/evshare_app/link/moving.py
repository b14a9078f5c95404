"""What moving out asks of the integration: the cards of those who are gone are removed there."""

from datetime import datetime
from functools import partial
import logging

from ..books.engine import Books
from ..resident.cards import note_removed
from ..resident.moving import cards_left_behind
from .door import AskRefused, LinkDoor, LinkDown

_LOGGER = logging.getLogger(__name__)


async def remove_cards_left_behind(books: Books, link: LinkDoor, now: datetime) -> None:
    """Have the cards removed of everyone who moved out; what cannot be asked now is asked the next time.

    They start nothing meanwhile: their holder is told as blocked.
    """
    for card_id in await books.read(lambda conn: cards_left_behind(conn, now)):
        try:
            await link.ask("remove_card", {"card_id": card_id})
        except LinkDown:
            return
        except AskRefused as refusal:
            if refusal.code != "not_found":
                _LOGGER.warning("A card of someone who moved out was not removed: %s", refusal)
                continue
        await books.write(partial(note_removed, card_id=card_id))
