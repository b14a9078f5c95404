"""Cards shown at HA tag readers.

Only a tag from the reader that belongs to a stall counts there: anyone may scan a copied tag with a phone at home,
and that says nothing of who stands at the stall.
"""

from collections.abc import Callable, Mapping

from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback

from ..model import StallId
from .stall import RunningStall

EVENT_TAG_SCANNED = "tag_scanned"
"""Fired by HA's tag integration with `tag_id`, `name` and the `device_id` of the reader."""


def watch_tags(
    hass: HomeAssistant, stalls: Mapping[StallId, RunningStall], shown: Callable[[StallId, str], object]
) -> CALLBACK_TYPE:
    """Call `shown` with stall and tag whenever a tag is scanned at a stall's reader; returns what ends it."""

    @callback
    def scanned(event: Event) -> None:
        device_id, tag_id = event.data.get("device_id"), event.data.get("tag_id")
        if device_id is None or not isinstance(tag_id, str):
            return
        for stall_id, stall in stalls.items():
            if stall.tag_reader == device_id:
                shown(stall_id, tag_id)

    return hass.bus.async_listen(EVENT_TAG_SCANNED, scanned)
