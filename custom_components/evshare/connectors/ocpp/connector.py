"""A connector of an OCPP box as a stall's hardware (`connectors.ports.Connector`).

Nothing is asked here: the box tells by itself, and `poll` returns the present picture. An unplug that happened between
two polls is shown once, even if the next car is there already.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ...model import MIN_CURRENT_A, Pilot, Reading
from ..clock import Clock
from ..ports import (
    ConnectorRefused,
    ConnectorUnreachable,
    Failsafe,
    Identity,
    Ports,
    Watcher,
    WrongDevice,
)
from . import configuration
from .box import Box

POLL_S = 10.0
IDLE_S = 30.0
REFRESH_S = 10.0


@dataclass(frozen=True, kw_only=True)
class OcppSettings:
    """What set-up knows of a connector. `serial`: the one seen then; another box with the same name is refused."""

    point: int = 1
    max_current_a: int = 16
    serial: str | None = None


class OcppConnector:
    """One connector of a box."""

    poll_charging_s = POLL_S
    poll_plugged_s = POLL_S
    poll_idle_s = IDLE_S
    min_a = MIN_CURRENT_A
    heartbeat_s: float | None = REFRESH_S
    """No watchdog: increases of current that had to wait are written then."""
    failsafe: Failsafe | None = None
    """A box goes on with the limit it was told last."""

    def __init__(self, box: Box, settings: OcppSettings, clock: Clock, release: Callable[[], None]) -> None:
        """`release` is called when it is closed.

        Raises:
            ValueError: a setting out of range; the message names it.
        """
        if settings.max_current_a < MIN_CURRENT_A:
            raise ValueError(f"max_current_a: got {settings.max_current_a}; accepted: {MIN_CURRENT_A} or more")
        self._box = box
        self._settings = settings
        self._point = box.point(settings.point)
        self._clock = clock
        self._release = release
        self._unplugs = self._point.picture.unplugs
        self._watcher: Watcher | None = None

    @property
    def ports(self) -> Ports:
        """What the box can do, as far as it has told."""
        return self._box.ports(self._settings.point)

    @property
    def max_a(self) -> int:
        """What set-up says."""
        return self._settings.max_current_a

    def watch(self, watcher: Watcher | None) -> None:
        """From now on `watcher` is asked about cards."""
        if watcher is not None or self._point.watcher is self._watcher:
            self._point.watcher = watcher
        self._watcher = watcher

    def set_failsafe_share(self, limit_a: int) -> None:
        """There is no failsafe to write it to."""

    async def identify(self) -> Identity:
        """Who the box says it is."""
        self._meet()
        boot = self._box.boot
        if boot is None:
            return Identity(serial=None)
        return Identity(serial=boot.serial, firmware=boot.firmware, model=f"{boot.vendor} {boot.model}"[:100])

    async def prepare(self) -> None:
        """End what runs, and let nothing begin by itself."""
        self._meet()
        await self._point.gate.shut()

    async def poll(self) -> Reading:
        """The present picture."""
        self._meet()
        point, picture = self._point, self._point.picture
        await point.look()
        if not picture.heard:
            raise ConnectorUnreachable(f"{point.name} has not said how it is")
        if point.catching_up:
            raise ConnectorUnreachable(f"{point.name} has not told yet what happened meanwhile")
        if picture.unplugs != self._unplugs:
            self._unplugs = picture.unplugs
            if point.pilot is not Pilot.A:
                point.changed()  # the next car is read at once
                return self._gone()
        flow, running, enabled = picture.flow, point.running, point.gate.enabled
        return Reading(
            at=self._clock.utcnow(),
            mono_s=self._clock.monotonic(),
            pilot=point.pilot,
            power_w=flow.power_w,
            currents_a=flow.currents_a,
            register_wh=picture.register_wh,
            session_wh=picture.counted_wh,
            limit_a=None if running is None else picture.offered_since(point.limits.told_mono_s),
            enabled=enabled,
            gate_read=enabled is not None and (enabled or running is None),
            serial=self._serial,
            fault=picture.fault,
        )

    async def enable(self, limit_a: int) -> None:
        """Let the transaction of the card have it, or begin one."""
        self._check_limit(limit_a)
        self._check_device()
        await self._point.gate.open(limit_a)

    async def set_limit(self, limit_a: int) -> None:
        """Change what is offered; an increase may be written a few seconds later."""
        if limit_a:
            self._check_limit(limit_a)
        self._check_device()
        await self._point.gate.offer(limit_a)

    async def disable(self) -> None:
        """End the transaction, and offer nothing."""
        await self._point.gate.shut()

    async def heartbeat(self) -> None:
        """Write what had to wait; what the box refuses now it is told again."""
        with suppress(ConnectorRefused):
            await self._point.gate.refresh()

    async def close(self) -> None:
        """Let go of the box; it stays as it is."""
        self.let_go()

    def let_go(self) -> None:
        """As `close`; again changes nothing."""
        self.watch(None)
        self._release()

    @property
    def _serial(self) -> str | None:
        return None if self._box.boot is None else self._box.boot.serial

    def _gone(self) -> Reading:
        """The moment at which the last car had left."""
        picture = self._point.picture
        return Reading(
            at=self._clock.utcnow(),
            mono_s=self._clock.monotonic(),
            pilot=Pilot.A,
            power_w=0.0,
            currents_a=(0.0, 0.0, 0.0),
            register_wh=picture.unplugged_wh,
            session_wh=picture.unplugged_count_wh,
            enabled=False,
            gate_read=True,
            serial=self._serial,
        )

    def _meet(self) -> None:
        """Raise unless the box is here, set up, and the right one."""
        _ = self._box.commands
        if self._box.met_mono_s is None:
            raise ConnectorUnreachable(f"{self._box.identity} is being set up")
        self._check_device()

    def _check_device(self) -> None:
        expected, serial = self._settings.serial, self._serial
        if None not in (expected, serial) and serial != expected:
            raise WrongDevice(f"{self._box.identity} has serial number {serial}; accepted: {expected}")
        count = None if self._box.settings is None else configuration.points(self._box.settings)
        if count is not None and self._settings.point > count:
            raise ConnectorRefused(f"point: got {self._settings.point}; accepted: 1 to {count}, as the box says")

    def _check_limit(self, limit_a: int) -> None:
        if not self.min_a <= limit_a <= self.max_a:
            raise ConnectorRefused(f"limit_a: got {limit_a}; accepted: {self.min_a} to {self.max_a}")
