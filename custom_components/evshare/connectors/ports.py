"""The five ports of a stall and the errors a driver may raise.

A stall composes *plug*, *limit*, *gate*, *register* and *identity* from whatever hardware offers them. A driver
fills the ports its profile names; a contactor or an external meter fills the rest (``contactor.py``).
"""

from dataclasses import dataclass
from typing import Protocol

from ..model import CardAnswer, OnLoss, Reading, SessionId, SignedValue


class ConnectorError(Exception):
    """The connector could not do what was asked; the message is for the log."""


class ConnectorUnreachable(ConnectorError):
    """No answer: wrong address, no power, network gone."""


class ConnectorRefused(ConnectorError):
    """It answered, but refused: wrong unit id, register or value."""


class NotAllowed(ConnectorRefused):
    """It answered, but wants another user name, password or token."""


class WrongDevice(ConnectorError):
    """It answered like another model than the profile's, or with another serial number."""


class NotYet(ConnectorError):
    """It will, but not before `after_s` seconds have passed: ask again then, or with another wish.

    So says hardware that may not be hurried (a contactor rests, waits for its turn, or for a car to stop). Nothing
    failed; until then it can be polled as ever.
    """

    def __init__(self, why: str, after_s: float) -> None:
        super().__init__(why)
        self.after_s = after_s


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who the connector says it is."""

    serial: str | None
    firmware: str | None = None
    model: str | None = None


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Which ports are filled, and what happens when the connector is left alone (DESIGN rule 3)."""

    plug: bool
    limit: bool
    gate: bool
    register: bool
    identity: bool
    on_silence: OnLoss
    on_reboot: OnLoss
    on_unplug: OnLoss
    polled_identity: bool = False
    """The card is seen only by polling, so `poll_idle_s` bounds how fast a tap is noticed."""
    ev_id: bool = False
    """It tells the identifier of a car, if the car tells it one."""
    session_share: bool = False
    """Silence closes it without a session only; in one it goes on with the safe share, whoever plugs in."""


NO_PORTS = Ports(
    plug=False,
    limit=False,
    gate=False,
    register=False,
    identity=False,
    on_silence=OnLoss.HOLDS,
    on_reboot=OnLoss.HOLDS,
    on_unplug=OnLoss.HOLDS,
)
"""Of a connector that cannot be used: what it does alone nobody knows, and it is not touched."""


@dataclass(frozen=True, kw_only=True)
class Failsafe:
    """What the connector does by itself when nobody talks to it, as last read from it; None: it does not tell."""

    current_a: float | None = None
    """What it then offers; below 6 A is nothing."""
    timeout_s: float | None = None
    """After how long."""


class Watcher(Protocol):
    """Who wants to hear of a connector that speaks by itself (OCPP, entities of Home Assistant)."""

    def changed(self) -> None:
        """There is something new to `poll`."""

    async def card(self, uid: str) -> CardAnswer:
        """A card (UID in hex) was shown at its reader just now; returns when it is decided and in the journal."""

    async def stopped(self) -> None:
        """Somebody at the connector ended charging there (its stop button, the card that began it)."""

    @property
    def session_id(self) -> SessionId | None:
        """The session that is open, to which what is signed from now on belongs."""

    async def signed(self, session_id: SessionId, value: SignedValue) -> None:
        """The connector signed something about a session, perhaps after it ended; returns when it is kept."""


class Connector(Protocol):
    """A stall's hardware. All methods raise `ConnectorError`; none blocks the event loop.

    Calls are serialised by the caller: one method at a time per connector.
    """

    @property
    def ports(self) -> Ports:
        """What this stall can do. What happens on loss may change with what was read (a failsafe set to 0 A)."""

    @property
    def failsafe(self) -> Failsafe | None:
        """Its own failsafe; None when it has none, or none that can be read."""

    @property
    def poll_charging_s(self) -> float:
        """Seconds between polls while energy flows in a session."""

    @property
    def poll_plugged_s(self) -> float:
        """Seconds between polls while a car is there that does not charge, or somebody is waited for."""

    @property
    def poll_idle_s(self) -> float:
        """Seconds between polls while nobody is there."""

    def watch(self, watcher: Watcher | None) -> None:
        """Tell `watcher` when something happens between polls; None ends it. No effect where it must be asked."""

    @property
    def min_a(self) -> int:
        """Lowest current it can be told, at least 6 A."""

    @property
    def max_a(self) -> int:
        """Highest current it can be told."""

    def set_failsafe_share(self, limit_a: int) -> None:
        """Amperes it may offer on its own while a session runs and we are silent; 0 closes it on silence.

        Only remembered here; written with the next `enable`, `set_limit` or `heartbeat`. No effect where the
        connector's failsafe cannot be written.
        """

    async def identify(self) -> Identity:
        """Read serial, firmware and model."""

    async def prepare(self) -> None:
        """Bring it into the state evshare relies on: locked, own failsafe at 0 A, watchdog set. Idempotent.

        Closes the gate, so never call it while a session is open there (DESIGN rule 2).
        """

    async def poll(self) -> Reading:
        """Read everything a stall needs to know. Unreadable points are None, an unreachable device raises."""

    async def enable(self, limit_a: int) -> None:
        """Open the gate at `limit_a` (>= `min_a`). Failsafe first (safe share), then limit, then gate."""

    async def set_limit(self, limit_a: int) -> None:
        """Change the offered current; 0 pauses without closing the gate."""

    async def disable(self) -> None:
        """Close the gate: failsafe to 0 A first, then gate. With a contactor: stop the car, then open it."""

    async def heartbeat(self) -> None:
        """Feed the connector's watchdog, if it has one; due every `heartbeat_s`."""

    @property
    def heartbeat_s(self) -> float | None:
        """Seconds between heartbeats; None when there is no watchdog."""

    async def close(self) -> None:
        """Release sockets."""
