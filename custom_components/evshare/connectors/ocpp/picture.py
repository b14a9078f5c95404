"""What a connector of a box shows, as a stall reads it: its plug, its meter, its fault. Pure but for the clock.

The plug. Whether a car is there follows from the status, with three odd cases. *Preparing* is also what a box shows to
somebody who held up a card and has not plugged in yet. *Finishing* goes on after the car was pulled out at its own
side. And a car that leaves ends its transaction, but the message that says with which register may come after the one
that says the connector is free; it is waited for, so that what the car took is its own to the last Wh. An unplug is
counted, never only shown: the next car may be there before anybody looks.

The meter. Samples may come late, out of a box's memory; an older one that is lower than what is known is left out. What
flows is 0 as soon as the connector says that nothing does, unless it was measured after that.
"""

from dataclasses import dataclass
from datetime import datetime

from ...model import Pilot
from ..clock import Clock
from .configuration import SAMPLE_S
from .words import Sample, Status

GRACE_S = 10.0
"""How long the end of a transaction is waited for when the connector says that it is over."""
STALE_S = 6.0 * SAMPLE_S
"""What was measured longer ago says nothing about now."""
UNMETERED_S = 300.0
"""A register that is 0 after charging for so long counts nothing."""
DRAW_W = 100.0
DRAW_A = 1.0

_PLAIN = {
    Status.AVAILABLE: Pilot.A,
    Status.PREPARING: Pilot.B,
    Status.CHARGING: Pilot.C,
    Status.SUSPENDED_EVSE: Pilot.B,
    Status.SUSPENDED_EV: Pilot.B,
    Status.FINISHING: Pilot.B,
    Status.RESERVED: Pilot.X,
    Status.UNAVAILABLE: Pilot.F,
    Status.FAULTED: Pilot.E,
}
_IN_TRANSACTION = frozenset({Status.CHARGING, Status.SUSPENDED_EV, Status.SUSPENDED_EVSE})


@dataclass(frozen=True, kw_only=True)
class Flow:
    """What flows now. None: nobody measures it."""

    power_w: float | None
    currents_a: tuple[float, float, float] | None


class Picture:
    """One connector as it was last heard."""

    def __init__(self, clock: Clock) -> None:
        """Nothing was heard yet."""
        self._clock = clock
        self.status: Status | None = None
        self.fault: str | None = None
        self.heard = False
        """The status was said since the box connected last."""
        self.unplugs = 0
        """Cars that left."""
        self.unplugged_wh: int | None = None
        """The register when the last one did."""
        self.unplugged_count_wh: int | None = None
        """What it had taken since it came."""
        self.register_wh: int | None = None
        self.plug_wh: int | None = None
        """The register when the car came; None: nobody knows."""
        self._status_mono_s = self._said_mono_s = float("-inf")
        self._register_at: datetime | None = None
        self.plugged = False
        """A car is there, or left a moment ago."""
        self.came_mono_s = float("-inf")
        self._came_unseen = False
        self.unmetered = False
        """It was seen to charge without counting."""
        self._metered = False
        """It was seen to count."""
        self._charged_s = 0.0
        """How long it said that it charges, while it was not seen to count."""
        self._gone_mono_s: float | None = None
        """Since when the connector is free, though its transaction is not told to be over."""
        self._car_gone = False
        """The car was pulled out at its own side."""
        self._card_first = False
        """A card was let in before the car came."""
        self._sample: Sample | None = None
        self._sample_mono_s = float("-inf")
        self._offered: tuple[float, float] | None = None

    # --- what is heard -----------------------------------------------------------------------------------------

    def unchanged(self) -> None:
        """The box was asked, and has nothing new to say."""
        self.heard = self.status is not None

    def taken_up(self, plug_wh: int | None) -> None:
        """A transaction is known to run, from before we were started."""
        self.plugged = True
        self.plug_wh, self._came_unseen = plug_wh, plug_wh is None

    def silent(self) -> None:
        """The box went away: what it showed may be over."""
        self.heard = False

    def said(self, status: Status, error: str | None, *, running: bool, awaited: bool) -> None:
        """The connector says how it is.

        `running`: a transaction is not told to be over. `awaited`: a card was let in, and its car has not come.
        """
        first = self.status is None
        if status is Status.PREPARING and self.status is not Status.PREPARING:
            self._card_first = awaited and not self.plugged
        if status is not Status.FINISHING:
            self._car_gone = False
        now_mono_s = self._clock.monotonic()
        if self.status is Status.CHARGING and self.heard:
            self._charged_s += now_mono_s - self._said_mono_s
        self._said_mono_s = now_mono_s
        if status is not self.status or not self.heard:
            self._status_mono_s = now_mono_s
        self.status, self.heard = status, True
        self.fault = (error or status.value) if status is Status.FAULTED else None
        if self._seen is Pilot.A and self.plugged and self._gone_mono_s is None:
            self._gone_mono_s = self._clock.monotonic()
        self.look(running=running)
        if first and not running:  # it may have come long ago
            self.plug_wh = None
            self._came_unseen = True

    def began(self) -> None:
        """A transaction runs: a car is there."""
        self._card_first = False
        self._car_gone = False
        if self._gone_mono_s is not None:
            self._leave()
        if not self.plugged:
            self._come()

    def ended(self, *, unplugged: bool) -> None:
        """A transaction is over."""
        self._car_gone = unplugged
        if unplugged and self.plugged and self._gone_mono_s is None:
            self._gone_mono_s = self._clock.monotonic()
        self.look(running=False)

    def measured(self, sample: Sample) -> None:
        """The meter was read."""
        now_mono_s = self._clock.monotonic()
        if sample.register_wh is not None:
            late = self._register_at is not None and sample.at < self._register_at
            if not (late and self.register_wh is not None and sample.register_wh < self.register_wh):
                self._count(sample.register_wh)
            if not late:
                self._register_at = sample.at
        if self._sample is None or sample.at >= self._sample.at:
            if sample.power_w is not None or sample.currents_a is not None:
                self._sample, self._sample_mono_s = sample, now_mono_s
            if sample.offered_a is not None:
                self._offered = (sample.offered_a, now_mono_s)

    def _count(self, register_wh: int) -> None:
        """Every transaction has to say a register; one that stays at 0 all the while is none."""
        self.register_wh = register_wh
        if self.plugged and self.plug_wh is None and not self._came_unseen:
            self.plug_wh = register_wh
        charges_s = self._clock.monotonic() - self._said_mono_s if self.status is Status.CHARGING else 0.0
        if register_wh:
            self._metered, self.unmetered = True, False
        elif not self._metered and self._charged_s + charges_s >= UNMETERED_S:
            self.unmetered = True

    # --- what is shown -----------------------------------------------------------------------------------------

    def look(self, *, running: bool) -> None:
        """Let time go by: a car that left is gone when its transaction is over, or was waited for long enough."""
        gone_mono_s = self._gone_mono_s
        if gone_mono_s is not None and (not running or self._clock.monotonic() - gone_mono_s >= GRACE_S):
            self._leave()
        if self._seen is Pilot.A and self.plugged and not running:
            self._leave()
        if self._gone_mono_s is None and self._seen in (Pilot.B, Pilot.C) and not self.plugged:
            self._come()

    @property
    def pilot(self) -> Pilot:
        """State of the control pilot, as far as the status tells."""
        seen = self._seen
        return Pilot.B if self._gone_mono_s is not None or (seen is Pilot.A and self.plugged) else seen

    @property
    def counted_wh(self) -> int | None:
        """What the car took since it came, or the last one did until it left; None: nobody knows."""
        return self._count_wh if self.plugged else self.unplugged_count_wh

    @property
    def _count_wh(self) -> int | None:
        if self.register_wh is None or self.plug_wh is None or self.register_wh < self.plug_wh:
            return None
        return self.register_wh - self.plug_wh

    def over_s(self, since_mono_s: float) -> float | None:
        """For how long the connector has said, after that moment, that it has no transaction; None: it does not."""
        over = self.status in (Status.AVAILABLE, Status.PREPARING, Status.FINISHING)
        if not (over and self.heard and self._status_mono_s > since_mono_s):
            return None
        return self._clock.monotonic() - self._status_mono_s

    @property
    def in_transaction(self) -> bool:
        """The connector says that it has a transaction."""
        return self.status in _IN_TRANSACTION

    @property
    def flow(self) -> Flow:
        """What flows now."""
        now_mono_s, sample = self._clock.monotonic(), self._sample
        if self.status is not Status.CHARGING and self._sample_mono_s <= self._status_mono_s:
            return Flow(power_w=0.0, currents_a=(0.0, 0.0, 0.0))
        if sample is None or now_mono_s - self._sample_mono_s > STALE_S:
            quiet = self.status is not Status.CHARGING
            return Flow(power_w=0.0 if quiet else None, currents_a=(0.0, 0.0, 0.0) if quiet else None)
        return Flow(power_w=sample.power_w, currents_a=sample.currents_a)

    def draws_since(self, mono_s: float) -> bool:
        """Whether it was measured after that moment that something flows."""
        sample = self._sample
        if sample is None or self._sample_mono_s <= mono_s:
            return False
        if sample.power_w is not None:
            return sample.power_w >= DRAW_W
        return sample.currents_a is not None and max(sample.currents_a) > DRAW_A

    def offered_since(self, mono_s: float) -> float | None:
        """What the box said after that moment that it offers."""
        return self._offered[0] if self._offered is not None and self._offered[1] > mono_s else None

    @property
    def _seen(self) -> Pilot:
        status = self.status
        if status is None:
            return Pilot.X
        if (status is Status.PREPARING and self._card_first) or (status is Status.FINISHING and self._car_gone):
            return Pilot.A
        return _PLAIN[status]

    def _come(self) -> None:
        self.plugged = True
        self.came_mono_s = self._clock.monotonic()
        self.plug_wh, self._came_unseen = self.register_wh, False

    def _leave(self) -> None:
        self._gone_mono_s = None
        self.plugged = False
        self.unplugs += 1
        self.unplugged_wh, self.unplugged_count_wh = self.register_wh, self._count_wh
