"""What a box and we say to each other, whatever version of OCPP it speaks.

A dialect (`dialect16.py`) turns messages into these values and back; nothing else here knows a message. Ids of
transactions are text: in 1.6 they are our numbers, in 2.0.1 the box makes them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum, auto
from typing import Protocol

from ...model import SignedValue

POINTS_MOST = 16
"""No wall connector has more connectors."""


class Status(StrEnum):
    """What a connector shows (ChargePointStatus of OCPP 1.6)."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    SUSPENDED_EV = "SuspendedEV"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class Verdict(Enum):
    """What comes of an id tag."""

    ACCEPTED = auto()
    INVALID = auto()
    CONCURRENT = auto()
    """It is known, and already has a transaction."""


class Purpose(StrEnum):
    """Which limit of a box is set (ChargingProfilePurposeType of OCPP 1.6)."""

    TRANSACTION = "TxProfile"
    CONNECTOR = "TxDefaultProfile"
    """What every transaction of the connector gets that has no limit of its own."""
    BOX = "ChargePointMaxProfile"


class Ended(Enum):
    """Why a transaction ended, as far as it matters to us."""

    PERSON = auto()
    """At the box itself: a card, its stop button, its emergency stop."""
    UNPLUGGED = auto()
    ASKED = auto()
    """By us."""
    BOX = auto()
    """It restarted or lost power."""
    BOX_WISH = auto()
    """It has reasons of its own."""


class Configured(Enum):
    """What came of a setting that was written."""

    DONE = auto()
    AFTER_REBOOT = auto()
    REFUSED = auto()


@dataclass(frozen=True, kw_only=True)
class Boot:
    """Who a box says it is."""

    vendor: str
    model: str
    serial: str | None = None
    firmware: str | None = None


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the meter of a connector showed at one moment. None: not said."""

    at: datetime
    register_wh: int | None = None
    """Cumulative import, rounded down to whole Wh."""
    power_w: float | None = None
    currents_a: tuple[float, float, float] | None = None
    offered_a: float | None = None
    signed: tuple[SignedValue, ...] = ()
    """What the box signed about it."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """A transaction began."""

    point: int
    id_tag: str
    register_wh: int
    at: datetime
    """By the clock of the box: long ago when it was offline."""


@dataclass(frozen=True, kw_only=True)
class Stop:
    """A transaction ended."""

    transaction: str
    register_wh: int | None
    at: datetime
    ended: Ended
    id_tag: str | None = None
    samples: Sequence[Sample] = field(default=())


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A key of a box's configuration."""

    value: str
    readonly: bool = False


type Settings = Mapping[str, Setting]


class Commands(Protocol):
    """What a box can be told. Methods that return a bool say whether it agreed.

    All raise `ConnectorUnreachable` when there is no answer, `ConnectorRefused` when the box does not know the message.
    """

    async def start(self, point: int, id_tag: str) -> bool:
        """Begin a transaction."""

    async def stop(self, transaction: str) -> bool:
        """End a transaction."""

    async def limit(self, purpose: Purpose, point: int, limit_a: int, transaction: str | None) -> bool:
        """Offer at most `limit_a` amperes per phase; 0 pauses. `transaction` belongs to `Purpose.TRANSACTION`."""

    async def forget_limits(self, point: int) -> None:
        """Take all limits off a connector, also those somebody else left there."""

    async def allow(self, point: int, *, allowed: bool) -> bool:
        """Take a connector into service, or out of it; a running transaction is not ended by that."""

    async def ask_boot(self) -> None:
        """Have it say who it is."""

    async def ask_status(self, point: int) -> None:
        """Have it say how a connector is."""

    async def ask_meter(self, point: int) -> None:
        """Have it say what the meter of a connector shows."""

    async def settings(self) -> Settings:
        """Read its configuration."""

    async def configure(self, key: str, value: str) -> Configured:
        """Write one key of its configuration."""

    async def forget_cards(self) -> None:
        """Have it forget the cards it let in before."""


class Listener(Protocol):
    """Who hears what a box says."""

    def booted(self, boot: Boot) -> None:
        """It started, or was asked who it is."""

    def status_said(self, point: int, status: Status, error: str | None) -> None:
        """A connector, or the whole box (0), changed."""

    async def authorise(self, id_tag: str) -> Verdict:
        """Somebody shows a card, or the box asks for the tag we started with."""

    async def started(self, start: Start) -> tuple[str, Verdict]:
        """A transaction began: its id, and whether it may go on."""

    async def metered(self, point: int, transaction: str | None, samples: Sequence[Sample]) -> None:
        """A meter was read, in or out of a transaction."""

    async def stopped(self, stop: Stop) -> None:
        """A transaction ended."""
