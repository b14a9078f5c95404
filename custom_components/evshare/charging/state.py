"""Everything a stall is. Frozen; changed only by `stall.advance`."""

from dataclasses import dataclass
from datetime import datetime

from ..metering import MeterState, OpenSlice
from ..model import (
    GateKind,
    LimitReason,
    Moment,
    Pilot,
    Reading,
    ResidentId,
    Session,
    StallConfig,
    StallStatus,
)

DRAW_W = 100.0
"""Below this a car is not charging: standby of on-board chargers stays under it."""
DRAW_A = 1.0
"""The same for a connector that measures currents only."""


def draws(reading: Reading) -> bool:
    """Whether energy flows: by power, else by current, else by the pilot."""
    if reading.power_w is not None:
        return reading.power_w >= DRAW_W
    if reading.currents_a is not None:
        return max(reading.currents_a) > DRAW_A
    return reading.pilot is Pilot.C


@dataclass(frozen=True, kw_only=True)
class StallState:
    """A stall between two events."""

    config: StallConfig
    clock: Moment
    """When the last event was; its wall time never goes back."""
    online: bool = False
    pilot: Pilot = Pilot.X
    fault: str | None = None
    reading: Reading | None = None
    """The last one; None after a restart until the connector answers."""
    read_mono_s: float | None = None
    """When the last reading was taken."""

    plugged: bool = False
    plug_epoch: int = 0
    """Counts plug-in edges; 0 before the first."""
    plugged_at: datetime | None = None
    """When the car was first seen; None when nothing is plugged or the edge was missed."""
    plugged_mono_s: float | None = None
    """The earliest the plug-in can have been; None as above."""

    session: Session | None = None
    """The open one: armed (`started_at` None), running, or stopping (`stop_reason` set)."""
    armed_until_mono_s: float | None = None
    stopping_since_mono_s: float | None = None
    finished_on_epoch: int | None = None
    """Plug epoch whose session ended with the car still there."""
    finished_resident_id: ResidentId | None = None
    """Who owned that session."""
    held_until: datetime | None = None
    """Kept free for somebody until then, as the app told; not kept over a restart."""

    offered_a: int = 0
    limit_reason: LimitReason = LimitReason.NO_SESSION
    paused: bool = False
    energised: bool = False
    """We ordered the gate open and not closed since."""
    asserted: bool = False
    """`Enable` or `SetLimit` was ordered since the connector was last lost, and did not fail."""
    lock_failed: bool = False
    """A `Disable` failed and nothing has shown the gate closed since."""
    commanded_mono_s: float | None = None
    """When `Enable` or `Disable` was last ordered."""

    meter: MeterState | None = None
    open_slice: OpenSlice | None = None
    session_wh: int | None = None
    """The connector's own count at `meter`'s register: evidence for continuity over a gap."""

    @property
    def stopping(self) -> bool:
        """A stop was asked; the session stays open until the car has let go."""
        return self.session is not None and self.session.stop_reason is not None

    @property
    def armed(self) -> bool:
        """Authorised and waiting for the plug."""
        return self.session is not None and self.session.started_at is None

    @property
    def held(self) -> bool:
        """Kept free for somebody, by the clock of the last event."""
        return self.held_until is not None and self.clock.at < self.held_until

    @property
    def drawing(self) -> bool:
        """Whether the last reading showed energy flowing."""
        return self.online and self.reading is not None and draws(self.reading)

    @property
    def dark(self) -> bool:
        """Behind a contactor that is off, or just closed: silence is normal and draws nothing."""
        return self.config.gate is GateKind.CONTACTOR and (self.session is None or self.armed)

    @property
    def wants_current(self) -> bool:
        """Whether the allocation should give it amps.

        True for an open session that is neither paused nor stopping. An armed stall behind a contactor wants
        amps too: its connector wakes only when the contactor closes, and the car may then draw at once.
        """
        if self.session is None or self.stopping or self.paused:
            return False
        return not self.armed or self.config.gate is GateKind.CONTACTOR

    @property
    def status(self) -> StallStatus:
        """The stall in OCPP words."""
        if self.online and (self.fault is not None or self.pilot is Pilot.E):
            return StallStatus.FAULTED
        if (not self.online and not self.dark) or self.pilot is Pilot.F:
            return StallStatus.UNAVAILABLE
        if self.session is None:
            if not self.plugged:
                return StallStatus.RESERVED if self.held else StallStatus.AVAILABLE
            finished = self.finished_on_epoch == self.plug_epoch
            return StallStatus.FINISHING if finished else StallStatus.PREPARING
        if self.stopping:
            return StallStatus.FINISHING
        if self.armed:
            return StallStatus.PREPARING
        if self.drawing:
            return StallStatus.CHARGING
        return StallStatus.SUSPENDED_EVSE if self.offered_a == 0 else StallStatus.SUSPENDED_EV
