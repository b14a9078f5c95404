"""What keeps the stalls of a building in order: how well each locks now, and what can be done about it."""

from collections.abc import Callable, Mapping

from ..connectors.warned import Warned, warnings
from ..model import LockQuality, StallId
from .garage import Garage
from .remembered import Remembered
from .stall import RunningStall

type Condition = tuple[LockQuality, frozenset[Warned]]


class Care:
    """Looks after the stalls."""

    def __init__(self, garage: Garage, remembered: Remembered, changed: Callable[[], None]) -> None:
        """`changed` is called when something was done about a stall."""
        self._garage = garage
        self._remembered = remembered
        self._changed = changed
        self._conditions: dict[StallId, Condition] = {}

    @property
    def lock_qualities(self) -> Mapping[StallId, LockQuality]:
        """How well each stall locks now."""
        return {stall_id: stall.lock_quality for stall_id, stall in self._garage.stalls.items()}

    def is_news(self, stall: RunningStall) -> bool:
        """Whether a stall locks better or worse than when this was asked last, or has something else to say."""
        condition = stall.lock_quality, warnings(stall.connector)
        before = self._conditions.get(stall.config.id, (stall.config.lock_quality, frozenset()))
        self._conditions[stall.config.id] = condition
        return condition != before

    async def async_program(self, stall_id: StallId) -> None:
        """Set a connector's own failsafe anew, and read it again.

        Raises `InSession`, `NotInBuilding`, and `connectors.ports.ConnectorError`.
        """
        await self._garage[stall_id].prepare()
        self._changed()

    def risk_accepted(self, stall_id: StallId) -> bool:
        """Whether somebody put up with what the connector does when it hears nothing."""
        return self._remembered.risk_accepted(self._garage[stall_id].wiring)

    async def async_accept_risk(self, stall_id: StallId) -> None:
        """Somebody puts up with it, until the stall gets another connector. Raises `NotInBuilding`."""
        await self._remembered.async_accept_risk(self._garage[stall_id].wiring)
        self._changed()
