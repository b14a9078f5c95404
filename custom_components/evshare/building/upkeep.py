"""What a journal needs now and then."""

import asyncio
from datetime import timedelta
import logging

from homeassistant.util import dt as dt_util

from ..journal import Journal, JournalError

KEPT = timedelta(days=396)
"""Acknowledged records stay 13 months (docs/link.md)."""
PRUNE_EVERY_S = 86_400.0

_LOGGER = logging.getLogger(__name__)


async def prune_daily(journal: Journal) -> None:
    """Delete what is old enough, now and every day."""
    while True:
        try:
            await journal.prune(dt_util.utcnow() - KEPT)
        except JournalError as error:
            _LOGGER.error("old records could not be pruned: %s", error)
        await asyncio.sleep(PRUNE_EVERY_S)
