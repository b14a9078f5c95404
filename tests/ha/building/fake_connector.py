"""A wall connector at the edge of the tests: registers, a gate, a car, and a log of what reached it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from custom_components.evshare.connectors.ports import (
    ConnectorRefused,
    ConnectorUnreachable,
    Failsafe,
    Identity,
    Ports,
    Watcher,
)
from custom_components.evshare.model import OnLoss, Pilot, Reading

PORTS = Ports(
    plug=True,
    limit=True,
    gate=True,
    register=True,
    identity=True,
    on_silence=OnLoss.CLOSED,
    on_reboot=OnLoss.CLOSED,
    on_unplug=OnLoss.HOLDS,
)
VOLTS = 230


@dataclass
class FakeConnector:
    """Three phases; the car follows the offer at once and draws `wants_a` at most."""

    utcnow: Callable[[], datetime]
    monotonic: Callable[[], float]
    ports: Ports = PORTS
    poll_charging_s: float = 2.0
    poll_plugged_s: float = 2.0
    poll_idle_s: float = 2.0
    min_a: int = 6
    max_a: int = 16
    heartbeat_s: float | None = None
    failsafe: Failsafe | None = None
    watcher: Watcher | None = None
    serial: str = "17619300"

    plugged: bool = False
    wants_a: int = 16
    enabled: bool = False
    limit_a: int = 0
    failsafe_share_a: int = 0
    card: str | None = None
    silent: bool = False
    refuses: set[str] = field(default_factory=set)
    """Commands it does not obey: enable, limit, disable."""
    on_enable: Callable[[], None] = lambda: None
    log: list[str] = field(default_factory=list)
    closed: bool = False
    _register_mws: int = 1_000_000 * 3_600_000
    _session_start_mws: int = 0
    _counted_mono_s: float | None = None

    def plug(self) -> None:
        """A car comes."""
        self.count()
        self.plugged = True
        self._session_start_mws = self._register_mws

    def unplug(self) -> None:
        """The car goes."""
        self.count()
        self.plugged = False

    @property
    def power_w(self) -> int:
        """What flows now."""
        if not (self.plugged and self.enabled and self.limit_a >= 6):
            return 0
        return 3 * VOLTS * min(self.limit_a, self.wants_a)

    @property
    def register_wh(self) -> int:
        """The true register."""
        self.count()
        return self._register_mws // 3_600_000

    def count(self) -> None:
        """Let the register run up to now."""
        now = self.monotonic()
        if self._counted_mono_s is not None:
            self._register_mws += round(self.power_w * (now - self._counted_mono_s) * 1000)
        self._counted_mono_s = now

    async def poll(self) -> Reading:
        self._answer()
        self.count()
        current_a = self.power_w / (3 * VOLTS)
        return Reading(
            at=self.utcnow(),
            mono_s=self.monotonic(),
            pilot=Pilot.A if not self.plugged else Pilot.C if self.power_w else Pilot.B,
            power_w=float(self.power_w),
            currents_a=(current_a, current_a, current_a),
            register_wh=self.register_wh,
            session_wh=(self._register_mws - self._session_start_mws) // 3_600_000 if self.plugged else 0,
            limit_a=float(self.limit_a),
            enabled=self.enabled,
            card_uid=self.card,
            serial=self.serial,
        )

    async def enable(self, limit_a: int) -> None:
        self.log.append(f"enable {limit_a}")
        self.on_enable()
        self._obey("enable")
        self.count()
        self.enabled, self.limit_a = True, limit_a

    async def set_limit(self, limit_a: int) -> None:
        self.log.append(f"limit {limit_a}")
        self._obey("limit")
        self.count()
        self.limit_a = limit_a

    async def disable(self) -> None:
        self.log.append("disable")
        self._obey("disable")
        self.count()
        self.enabled, self.limit_a = False, 0

    async def prepare(self) -> None:
        self.log.append("prepare")
        self._answer()
        self.count()
        self.enabled, self.limit_a = False, 0

    async def identify(self) -> Identity:
        self._answer()
        return Identity(serial=self.serial, firmware="3.10.42", model="fake")

    async def heartbeat(self) -> None:
        self.log.append("heartbeat")
        self._answer()

    def set_failsafe_share(self, limit_a: int) -> None:
        self.failsafe_share_a = limit_a

    def watch(self, watcher: Watcher | None) -> None:
        self.watcher = watcher

    async def close(self) -> None:
        self.closed = True

    def _answer(self) -> None:
        if self.silent:
            raise ConnectorUnreachable("no answer")

    def _obey(self, command: str) -> None:
        self._answer()
        if command in self.refuses:
            raise ConnectorRefused(f"{command} refused")


POLLED_READER = replace(PORTS, polled_identity=True)
