"""What is told to a connector: the commands of its profile, in order, and what need not be written again.

When something is told is the driver's business (``driver.py``); how it travels is the wire's. Writes come only on a
change, or where a watchdog wants them again: registers wear (connectors reference 1.2).
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from ..model import MIN_CURRENT_A
from . import rules
from .ports import ConnectorError, ConnectorRefused
from .profile_model import Profile, Step
from .profile_values import Tier, Value
from .settings import ConnectorSettings


class Wire(Protocol):
    """Reads and writes what a profile names. Both raise `ConnectorError`."""

    async def read(self, tiers: frozenset[Tier]) -> Mapping[str, Value]:
        """Read all points of these tiers; a single unreadable point is None."""

    async def write(self, step: Step, limit_a: int | None) -> None:
        """Do one write; `limit_a` goes in where the step takes amperes."""

    def adopt(self, profile: Profile) -> None:
        """Go on with another variant of the model."""


class Orders:
    """Writes to one connector, as the variant of the model that answers (`profile`) wants it."""

    def __init__(
        self,
        profile: Profile,
        settings: ConnectorSettings,
        wire: Wire,
        values: dict[str, Value],
        lost: Callable[[], None],
    ) -> None:
        """`values` is what is known of the connector; `lost` is called when a write finds it away.

        Raises:
            ValueError: `max_current_a` below what the model can offer at all.
        """
        self.profile = profile
        self._settings = settings
        self._wire = wire
        self._values = values
        self._lost = lost
        self._failsafe_a = 0
        self._failsafe_told_a: int | None = None
        if settings.max_current_a < self.min_a:
            raise ValueError(f"max_current_a: got {settings.max_current_a}; accepted: {self.min_a} or more")

    @property
    def min_a(self) -> int:
        """Lowest current it can be told."""
        command = self.profile.set_current
        return MIN_CURRENT_A if command is None else command.min_a

    @property
    def max_a(self) -> int:
        """Highest current it can be told: the model's or the stall's, whichever is lower."""
        command = self.profile.set_current
        return self._settings.max_current_a if command is None else min(command.max_a, self._settings.max_current_a)

    @property
    def zero_pauses(self) -> bool:
        """Whether it may be told 0 A, and pauses then."""
        command = self.profile.set_current
        return command is not None and command.zero_pauses

    def check(self, limit_a: int) -> None:
        """Refuse a current that it cannot be told. Raises `ConnectorRefused`."""
        if not self.min_a <= limit_a <= self.max_a:
            raise ConnectorRefused(f"limit_a: got {limit_a}; accepted: {self.min_a} to {self.max_a}")

    def set_failsafe_share(self, limit_a: int) -> None:
        """Remember what its failsafe is to be in a session; below 6 A means 0."""
        self._failsafe_a = min(limit_a, self.max_a) if limit_a >= MIN_CURRENT_A else 0

    def forget(self) -> None:
        """It may not know its failsafe any more."""
        self._failsafe_told_a = None

    async def run(self, name: str, limit_a: int | None = None) -> None:
        """Do the steps of a command; one the profile does not have is nothing to do."""
        command = self.profile.commands.get(name)
        for step in command.steps if command else ():
            if step.unless is not None and rules.passes(step.unless, self._values):
                continue
            try:
                await self._write(step, limit_a)
            except ConnectorRefused:
                if not step.optional:
                    raise

    async def tell_failsafe(self) -> None:
        """Write the share of a session, if it does not have it."""
        if self._failsafe_told_a != self._failsafe_a:
            await self.run("set_failsafe_current", self._failsafe_a)
            self._failsafe_told_a = self._failsafe_a

    async def tell_limit(self, limit_a: int) -> None:
        """Write a current; where writing wears the memory, only one that it does not read already."""
        command = self.profile.set_current
        if command is None:
            return
        reads = command.skip_if_reads
        if reads is not None and self._values.get(reads) == limit_a:
            return
        for step in command.steps:
            await self._write(step, limit_a)
        if reads is not None:
            self._values[reads] = limit_a

    async def _write(self, step: Step, limit_a: int | None) -> None:
        try:
            await self._wire.write(step, limit_a)
        except ConnectorRefused:
            raise  # it is there and keeps what it was told before
        except ConnectorError:
            self._lost()
            raise
