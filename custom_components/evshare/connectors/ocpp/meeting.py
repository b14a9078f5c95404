"""What happens when a box connects: it is asked who it is, set up as we need it, and asked how it stands.

Nothing of this is in the way of a running transaction. A step the box does not know is left out; one it does not
answer ends the meeting, and the next connection begins it again.
"""

import asyncio
from collections.abc import Awaitable
import logging
from typing import TYPE_CHECKING

from ..clock import Clock
from ..ports import ConnectorRefused, ConnectorUnreachable
from . import configuration
from .words import Commands, Configured

if TYPE_CHECKING:
    from .box import Box

FIRST_WORD_S = 10.0
"""A box that has just started says so first; one that only lost its connection may say nothing for minutes."""

_LOGGER = logging.getLogger(__name__)


class Meeting:
    """The first minute with a box that connected."""

    def __init__(self, box: Box, commands: Commands, clock: Clock) -> None:
        """Nothing is said yet."""
        self._box = box
        self._commands = commands
        self._clock = clock
        self._word = asyncio.Event()
        self.over_mono_s: float | None = None
        """When it was set up and asked how it stands."""

    def heard(self) -> None:
        """The box has spoken."""
        self._word.set()

    async def run(self) -> None:
        """Meet it."""
        try:
            async with asyncio.timeout(FIRST_WORD_S):
                await self._word.wait()
        except TimeoutError:
            pass
        try:
            if self._box.boot is None:
                await self._try(self._commands.ask_boot())
            await self._configure()
            for number in list(self._box.points):
                await self.ask(number)
        except ConnectorUnreachable as error:
            _LOGGER.warning("%s could not be set up: %s", self._box.identity, error)
            if self._box.settings is None:  # what it does alone nobody knows
                self._box.settled({})
        self.over_mono_s = self._clock.monotonic()
        self._box.changed()

    async def _configure(self) -> None:
        box, commands = self._box, self._commands
        try:
            settings = await commands.settings()
        except ConnectorRefused:
            settings = {}
        had_cards = configuration.remembers_cards(settings)
        for change in configuration.changes(settings):
            for value in change.values:
                if configuration.says(settings, change.key, value):
                    break
                try:
                    outcome = await commands.configure(change.key, value)
                except ConnectorRefused:
                    outcome = Configured.REFUSED
                if outcome is not Configured.REFUSED:
                    settings = configuration.changed(settings, change, value, outcome)
                    break
                _LOGGER.debug("%s does not take %s", box.identity, change.key)
        box.settled(settings)
        if had_cards:
            await self._try(commands.forget_cards())

    async def ask(self, point: int) -> None:
        """Ask how one connector stands."""
        await self._try(self._commands.ask_status(point))
        await self._try(self._commands.ask_meter(point))

    async def _try(self, step: Awaitable[None]) -> None:
        try:
            await step
        except ConnectorRefused as error:
            _LOGGER.debug("%s", error)
