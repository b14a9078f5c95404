"""Cards shown at HA tag readers.

Only a tag from the reader that belongs to a stall counts there: anyone may scan a copied tag with a phone at home,
and that says nothing of who stands at the stall. Home Assistant's phone app lets every user fire any event with any
contents, a reader's among them; such an event has a user and comes from outside, a reader's has neither.
"""

from collections.abc import Callable, Mapping, Sequence
import logging

from homeassistant.core import CALLBACK_TYPE, Event, EventOrigin, HomeAssistant, callback

from ..model import StallId
from .stall import RunningStall

EVENT_TAG_SCANNED = "tag_scanned"
"""Fired by HA's tag integration with `tag_id`, `name` and the `device_id` of the reader."""

_LOGGER = logging.getLogger(__name__)


def watch_tags(
    hass: HomeAssistant, stalls: Mapping[StallId, RunningStall], shown: Callable[[Sequence[StallId], str], object]
) -> CALLBACK_TYPE:
    """Call `shown` whenever a tag is scanned, with the stalls whose reader that is and the tag; returns what ends it.

    A reader may belong to several stalls; which of them a tag means is decided at the door.
    """

    @callback
    def scanned(event: Event) -> None:
        device_id, tag_id = event.data.get("device_id"), event.data.get("tag_id")
        if device_id is None or not isinstance(tag_id, str):
            return
        stall_ids = [stall_id for stall_id, stall in stalls.items() if stall.tag_reader == device_id]
        if not stall_ids:
            return
        if event.context.user_id is not None or event.origin is not EventOrigin.local:
            _LOGGER.warning("a tag at a stall's reader was made up by Home Assistant user %s", event.context.user_id)
            return
        shown(stall_ids, tag_id)

    return hass.bus.async_listen(EVENT_TAG_SCANNED, scanned)
