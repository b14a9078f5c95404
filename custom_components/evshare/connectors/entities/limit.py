"""The limit of an entity connector: a number, a choice, a script or an action that is told how much to offer.

It is written only when it is to change, or has said nothing since Home Assistant started, within what the entity
accepts: a number's smallest and largest value and step (rounded down), or the choices that are there. It is not waited
for: the next readings show it, and the stall writes again what did not come true.
"""

from collections.abc import Mapping
import math
from typing import Any

from ...model import MIN_CURRENT_A
from ..clock import Clock
from ..ports import ConnectorRefused, ConnectorUnreachable
from .gate import Patience
from .slots import CHOICES, NUMBERS, EntitySettings, Slot
from .source import Entities
from .units import AMPERES, UNIT, amperes, finite, leading_number

SAME_A = 0.05
"""Two limits closer than this are one."""


class Limit:
    """What a stall's current is told to. `settings.tells_limit` says whether there is anything."""

    def __init__(self, entities: Entities, settings: EntitySettings, clock: Clock, patience: Patience) -> None:
        """Nothing is told yet."""
        self._entities = entities
        self._settings = settings
        self._clock = clock
        self._patience = patience
        self._entity_id = settings.slots.get(Slot.MAX_CURRENT)
        self._domain = settings.domain(Slot.MAX_CURRENT)
        self._told: tuple[int, float] | None = None
        """What was told last, and when."""
        self._was_told = False
        self._range_a: tuple[float, float] | None = None
        """What the entity accepts, as last seen."""

    @property
    def told_mono_s(self) -> float:
        """When it was last told anything."""
        return -math.inf if self._told is None else self._told[1]

    @property
    def min_a(self) -> int:
        """The lowest current it can be told, at least 6 A."""
        low_a = self._accepted()[0]
        return max(MIN_CURRENT_A, math.ceil(low_a - SAME_A))

    @property
    def max_a(self) -> int:
        """The highest current it can be told: the entity's or the stall's, whichever is lower."""
        high_a = self._accepted()[1]
        return min(self._settings.max_current_a, math.floor(high_a + SAME_A))

    @property
    def zero_pauses(self) -> bool:
        """Whether it can be told 0 A, and that stops the car."""
        if not self._settings.zero_pauses:
            return False
        return self._domain not in NUMBERS | CHOICES or self._accepted()[0] <= 0

    def reads_a(self) -> float | None:
        """What it says is offered; None where nothing tells."""
        if (shown := self._settings.slots.get(Slot.LIMIT_NOW)) is not None:
            return amperes(self._entities.read(shown))
        if self._entity_id is None or self._domain not in NUMBERS | CHOICES:
            return None
        return amperes(self._entities.read(self._entity_id))

    async def tell(self, limit_a: int) -> None:
        """Offer so much, or 0 where that pauses. Raises `ConnectorError`."""
        now_mono_s = self._clock.monotonic()
        just_told = (
            self._told is not None and self._told[0] == limit_a and now_mono_s - self._told[1] < self._patience.again_s
        )
        if just_told:
            return
        self._told = None
        await self._write(limit_a)
        self._told, self._was_told = (limit_a, now_mono_s), True

    async def _write(self, limit_a: int) -> None:
        settings = self._settings
        if self._entity_id is None:
            assert settings.limit_action is not None, "there is something to tell"
            action = settings.limit_action
            await self._entities.act(action.action, {**action.data, action.parameter: limit_a})
            return
        if not self._entities.can_be_told(self._entity_id):
            raise ConnectorUnreachable(f"{self._entity_id} is unavailable")
        if self._domain in NUMBERS:
            await self._write_number(self._entity_id, limit_a)
        elif self._domain in CHOICES:
            await self._write_choice(self._entity_id, limit_a)
        else:
            variables = {"stall": settings.name, "action": "limit", "current_a": limit_a}
            await self._entities.run(self._entity_id, variables)

    async def _write_number(self, entity_id: str, limit_a: int) -> None:
        attributes, state = self._entities.attributes(entity_id), self._entities.read(entity_id)
        value = _fitted(attributes, limit_a)
        if value is None:
            raise ConnectorRefused(f"{entity_id}: got {limit_a} A; accepted: {_range_text(attributes)}")
        present = None if state is None or not self._known(entity_id) else finite(state.state)
        if present is None or abs(present - value) > SAME_A * _per_ampere(attributes):
            await self._entities.call(entity_id, "set_value", {"value": value})

    async def _write_choice(self, entity_id: str, limit_a: int) -> None:
        choices, state = _choices(self._entities.attributes(entity_id)), self._entities.read(entity_id)
        fitting = [choice for choice in choices if choice[0] <= limit_a + SAME_A]
        if not fitting:
            raise ConnectorRefused(f"{entity_id}: got {limit_a} A; accepted: {', '.join(each for _, each in choices)}")
        option = max(fitting)[1]
        if state is None or state.state != option or not self._known(entity_id):
            await self._entities.call(entity_id, "select_option", {"option": option})

    def _known(self, entity_id: str) -> bool:
        """Whether what it shows is so now; what it showed before Home Assistant started may not be."""
        return self._was_told or self._entities.said_since_start(entity_id)

    def _accepted(self) -> tuple[float, float]:
        """The lowest and highest current the entity takes. While it is away: as it was last."""
        attributes = {} if self._entity_id is None else self._entities.attributes(self._entity_id)
        if self._domain in NUMBERS:
            self._range_a = _number_range_a(attributes) or self._range_a
        elif self._domain in CHOICES and (choices := _choices(attributes)):
            self._range_a = (min(choices)[0], max(choices)[0])
        return self._range_a or (MIN_CURRENT_A, self._settings.max_current_a)


def _per_ampere(attributes: Mapping[str, Any]) -> float:
    return 1 / AMPERES.get(attributes.get(UNIT) or "A", 1.0)


def _number_range_a(attributes: Mapping[str, Any]) -> tuple[float, float] | None:
    """A number that cannot take 6 A (0 to 0 before its device has answered) says nothing."""
    low, high = finite(attributes.get("min")), finite(attributes.get("max"))
    if low is None or high is None:
        return None
    per_ampere = _per_ampere(attributes)
    return (low / per_ampere, high / per_ampere) if high / per_ampere >= MIN_CURRENT_A else None


def _fitted(attributes: Mapping[str, Any], limit_a: int) -> float | None:
    """The limit in the number's unit, on its steps and no more than was asked for; None below its smallest value."""
    value = limit_a * _per_ampere(attributes)
    low, high = finite(attributes.get("min")) or 0.0, finite(attributes.get("max"))
    if high is not None and _number_range_a(attributes) is not None:
        value = min(value, high)
    if value < low:
        return None
    step = finite(attributes.get("step"))
    return round(low + math.floor((value - low) / step + 1e-6) * step if step else value, 6)


def _range_text(attributes: Mapping[str, Any]) -> str:
    return f"{attributes.get('min')} to {attributes.get('max')} {attributes.get(UNIT) or 'A'}"


def _choices(attributes: Mapping[str, Any]) -> list[tuple[float, str]]:
    options = attributes.get("options", ())
    return [(value, option) for option in options if (value := leading_number(str(option))) is not None]
