"""Shows at a card reader what came of a card: by a light, a siren or a switch of Home Assistant beside it.

Told by length and number, not by colour, so that a buzzer says the same as a lamp. It is only a courtesy: the decision
is made before, nothing waits for it, and what fails here is logged and forgotten.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
import logging
from typing import Final

from homeassistant.const import (
    ATTR_ENTITY_ID,
    SERVICE_TURN_OFF,
    SERVICE_TURN_ON,
    STATE_ON,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)
from homeassistant.core import Context, HomeAssistant, State, split_entity_id
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.state import async_reproduce_state

from ..model import CardAnswer

DOMAINS: Final = ("light", "siren", "switch")
OBEYED_S: Final = 5.0
"""How long an entity is waited for; one that takes longer shows nothing more of this pattern."""

_LOGGER = logging.getLogger(__name__)

type Spawn = Callable[..., asyncio.Task[None]]


@dataclass(frozen=True)
class Beat:
    """On or off for so long."""

    on: bool
    seconds: float


SHORT_S: Final = 0.3
LONG_S: Final = 1.0
_SHORT: Final = (Beat(True, SHORT_S), Beat(False, SHORT_S))
_LONG: Final = (Beat(True, LONG_S), Beat(False, SHORT_S))

PATTERNS: Final[Mapping[CardAnswer, tuple[Beat, ...]]] = {
    CardAnswer.ACCEPTED: _LONG,
    CardAnswer.STOPPED: (*_LONG, *_SHORT),
    CardAnswer.ENROLLED: _SHORT * 2,
    CardAnswer.REFUSED: _SHORT * 3,
}


def pattern(answer: CardAnswer, *, was_on: bool) -> tuple[Beat, ...]:
    """What to show; one that is on already goes off for a moment first."""
    beats = PATTERNS[answer]
    return (Beat(False, SHORT_S), *beats) if was_on else beats


@dataclass(frozen=True)
class _Shown:
    before: State
    task: asyncio.Task[None]


class ReaderSignals:
    """Shows answers; a new one at the same entity takes the place of the one that is being shown."""

    def __init__(self, hass: HomeAssistant, spawn: Spawn) -> None:
        """`spawn` runs something in the background while the building runs."""
        self._hass = hass
        self._spawn = spawn
        self._shown: dict[str, _Shown] = {}

    def show(self, entity_ids: Iterable[str | None], answer: CardAnswer) -> None:
        """Show at each of these entities what came of a card; returns at once."""
        for entity_id in dict.fromkeys(entity_ids):
            if entity_id is not None:
                self._show(entity_id, answer)

    async def stop(self) -> None:
        """End what is being shown; every entity is as it was then."""
        tasks = [shown.task for shown in self._shown.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _show(self, entity_id: str, answer: CardAnswer) -> None:
        present = self._shown.get(entity_id)
        if present is not None and present.task.done():
            present = None
        before = self._hass.states.get(entity_id) if present is None else present.before
        if before is None or before.state in (STATE_UNAVAILABLE, STATE_UNKNOWN):
            return
        if present is not None:
            present.task.cancel()
        play = self._play(before, pattern(answer, was_on=before.state == STATE_ON), present)
        self._shown[entity_id] = _Shown(before, self._spawn(play, f"evshare signal {entity_id}"))

    async def _play(self, before: State, beats: tuple[Beat, ...], earlier: _Shown | None) -> None:
        if earlier is not None:
            await asyncio.wait([earlier.task])
        try:
            for beat in beats:
                await self._turn(before.entity_id, on=beat.on)
                await asyncio.sleep(beat.seconds)
        except (HomeAssistantError, ValueError, TimeoutError) as error:
            _LOGGER.warning("%s does not show what came of a card: %s", before.entity_id, error or "no answer")
        finally:
            await self._restore(before)

    async def _restore(self, before: State) -> None:
        try:
            if before.state == STATE_ON and before.domain != "siren":  # with its brightness and colour
                async with asyncio.timeout(OBEYED_S):
                    await async_reproduce_state(self._hass, before, context=Context())
            else:
                await self._turn(before.entity_id, on=before.state == STATE_ON)
        except (HomeAssistantError, ValueError, TimeoutError) as error:
            _LOGGER.warning("%s could not be put back as it was: %s", before.entity_id, error or "no answer")

    async def _turn(self, entity_id: str, *, on: bool) -> None:
        domain, _ = split_entity_id(entity_id)
        async with asyncio.timeout(OBEYED_S):
            await self._hass.services.async_call(
                domain,
                SERVICE_TURN_ON if on else SERVICE_TURN_OFF,
                {ATTR_ENTITY_ID: entity_id},
                blocking=True,
                context=Context(),
            )
