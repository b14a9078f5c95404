"""What a contactor in front is made of: the relay, what tells its state, what keeps it closed, what stops the car.

Protocols only, and the times it is treated with; they are put together in ``contactor.py``.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

DRAWING_W = 100.0
"""Less than this is electronics, not a car."""
DRAWING_A = 1.0
"""The same per phase, where currents are measured: more than the noise of it."""


class Switch(Protocol):
    """What closes the contactor's coil."""

    def is_on(self) -> bool | None:
        """Whether it is on; None while nobody knows."""

    async def turn_on(self) -> None:
        """Switch on; raises `ConnectorError`."""

    async def turn_off(self) -> None:
        """Switch off; raises `ConnectorError`."""


class Feedback(Protocol):
    """The contactor's auxiliary contact: it moves with the main contacts, so it knows better than the coil's switch."""

    def is_closed(self) -> bool | None:
        """Whether the contactor is closed; None while nobody knows."""


class Refresh(Protocol):
    """What keeps a dead-man relay closed: when it stays away, the relay opens by itself."""

    @property
    def every_s(self) -> float:
        """How often it is due."""

    async def refresh(self) -> None:
        """Do it once; raises `ConnectorError`."""


class SoftStop(Protocol):
    """What makes the car stop, so that the contactor opens without load: its charge switch, a script."""

    async def stop(self) -> None:
        """Ask the car to stop; raises `ConnectorError`."""

    async def start(self) -> None:
        """Let it go on; raises `ConnectorError`. No effect where it can only be stopped."""


@dataclass(frozen=True, kw_only=True)
class ContactorTimes:
    """How a contactor is treated, in seconds (connectors reference 1.5 a and 5)."""

    grace_s: float = 60.0
    """After a session the car is waited for this long: by its owner, or a soft stop. Then it opens under load."""
    pause_s: float = 30.0
    """The same for a pause, where something can stop the car: a fuse bears an overload that long."""
    open_wait_s: float = 10.0
    """The same where nobody was let in, or nothing but opening will stop the car: a car lets go within 10 s, or not."""
    reclose_after_s: float = 60.0
    """It stays open at least this long; a sooner close waits."""
    confirm_s: float = 5.0
    """Switch and auxiliary contact must report the new state in this time."""
    boot_s: float = 90.0
    """How long the connector may stay silent after closing: it starts and joins its network."""
    gap_s: float = 60.0
    """After a longer silence nobody knows whose car it is."""
    weld_s: float = 10.0
    """An auxiliary contact that stays closed, or a current that flows on, for so long says welded."""
    lag_s: float = 0.0
    """What the connector behind says may be this old (entities of Home Assistant that are polled seldom)."""
    settle_s: float = 60.0
    """A meter may deliver late what flowed before the opening; what it counts after this says welded…"""
    weld_wh: int = 10
    """…if it is more than this, the step of coarse meters…"""
    weld_window_s: float = 600.0
    """…in this time: a meter that creeps for hours is no car."""
    look_every_s: float = 2.0
    """Between two looks while waiting for a car."""
    confirm_every_s: float = 0.5
    """Between two looks while waiting for switch and auxiliary contact."""


@dataclass(frozen=True, kw_only=True)
class ContactorLife:
    """What must not be forgotten over a restart."""

    closings: int = 0
    loaded_openings: int = 0
    """How often it opened while a car drew, or nobody could tell: what wears it."""
    welded: bool = False
    """Welded or bypassed, until somebody had it looked at."""


class ContactorMemory(Protocol):
    """Where a contactor's life is kept."""

    def recall(self) -> ContactorLife:
        """What was kept last; a new life if nothing was."""

    def keep(self, life: ContactorLife) -> None:
        """Keep it. Does not wait for the disk."""


@dataclass
class Forgetful:
    """A memory that lasts as long as the program."""

    life: ContactorLife = ContactorLife()

    def recall(self) -> ContactorLife:
        """What was kept last."""
        return self.life

    def keep(self, life: ContactorLife) -> None:
        """Keep it."""
        self.life = life


@dataclass(frozen=True, kw_only=True)
class ContactorAids:
    """What a contactor has beside its coil; all of it optional."""

    feedback: Feedback | None = None
    refresh: Refresh | None = None
    soft_stop: SoftStop | None = None
    memory: ContactorMemory | None = None
    open_since: datetime | None = None
    """Since when it is known to be open, before anybody looked; aware."""
