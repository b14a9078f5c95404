"""Registers and their epochs: from readings of a cumulative register to energy that may be billed.

An *epoch* is a stretch of a register's life in which it only counted up. Inside it, energy is the difference of two
readings and nothing else, so lost readings cost time resolution, never energy. What breaks the count starts a new
epoch at the register's new value; what happened in between is unknown and belongs to nobody:

- another serial number: the meter was *swapped*;
- a lower value: *reset*, or *rollover* when it stood just under a power of ten or a full 16 or 32 bit counter and the
  way over the top is what the stall can have delivered. Then both ends are known and the energy counts: up to the
  top in the old epoch, from 0 in the new one;
- a *jump* higher than the stall can deliver in the time.

A single odd reading may be a glitch on the wire (an unready register reads 0), so swaps, resets and jumps are
believed only when the next reading goes on from there; until then the register stands still. Nothing is lost by
that: the confirmed epoch starts at the first of the two.

Facts: security-reliability.md F-7 to F-11, connectors.md 6 (7); coarse registers count in steps of 100 Wh
(connectors.md 0, point 5).
"""

from dataclasses import dataclass
from datetime import datetime

from ..frozen import replace
from ..model import EpochReason, MeterEpoch, StallId

MARGIN = 1.2
"""A stall may deliver this much more than its nominal power: voltage above nominal, clock and meter errors."""
COARSE_WH = 100
"""The coarsest register evshare reads counts in such steps, so a step may come at any time."""
SLOW_METER_S = 3600.0
"""A meter that is read through HA may report this rarely, and then all at once."""
NEAR_TOP = 0.05
"""A rollover is looked for only in the last part of the counting range."""
TOPS_WH: tuple[int, ...] = (2**16, 2**32 // 10, 2**32, *(10**digits for digits in range(5, 10)))
"""Where registers turn over: full 16 and 32 bit counters (in Wh and in 0.1 Wh), and decimal displays."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One reading of a register."""

    register_wh: int
    at: datetime
    mono_s: float
    serial: str | None = None


@dataclass(frozen=True, kw_only=True)
class MeterState:
    """A register as far as it is believed."""

    epoch: MeterEpoch
    last: Sample
    """The last reading that was believed."""
    counted_mono_s: float
    """When the register last moved."""
    suspect: Sample | None = None
    """A reading that would begin an epoch, waiting for a second one."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one reading did: from the last believed reading to `state.last`, perhaps over the edge of an epoch."""

    state: MeterState
    believed: bool = True
    """False: the register stands where it stood."""
    epoch: MeterEpoch | None = None
    """The epoch that began, if one did: at `epoch.started_at`, at `epoch.register_wh`."""
    ends_wh: int | None = None
    """With a new epoch: where the old one ended; None when there was none."""


def observe(state: MeterState | None, sample: Sample, *, stall_id: StallId, max_power_w: float) -> Step | None:
    """One more reading of the register. None when it is a duplicate or older than the last (by `mono_s`).

    `max_power_w` is the most the stall can deliver. Times never go back: a sample from before the last one's wall
    time counts as taken then.
    """
    if state is None:
        return _begin(None, sample, EpochReason.FIRST, stall_id)
    last, suspect = state.last, state.suspect
    newest = suspect or last
    if sample.mono_s <= newest.mono_s:
        return None
    sample = replace(sample, at=max(sample.at, newest.at), serial=sample.serial or last.serial)
    swapped = last.serial is not None and sample.serial != last.serial
    if not swapped and _plausible(state.counted_mono_s, last, sample, max_power_w):
        return Step(state=_counted(replace(state, suspect=None), sample))
    top = None if swapped else _rollover_top(state, sample, max_power_w)
    if top is not None:
        epoch = _epoch(state, sample, EpochReason.ROLLOVER, stall_id, register_wh=0)
        return Step(state=MeterState(epoch=epoch, last=sample, counted_mono_s=sample.mono_s), epoch=epoch, ends_wh=top)
    if suspect is None or not _confirms(suspect, sample, max_power_w):
        return Step(state=replace(state, suspect=sample), believed=False)
    begun = _begin(state, suspect, _why(last, suspect), stall_id)
    return replace(begun, state=_counted(begun.state, sample))


def _confirms(suspect: Sample, sample: Sample, max_power_w: float) -> bool:
    return sample.serial == suspect.serial and _plausible(suspect.mono_s, suspect, sample, max_power_w)


def _why(last: Sample, suspect: Sample) -> EpochReason:
    if last.serial is not None and suspect.serial != last.serial:
        return EpochReason.SWAPPED
    return EpochReason.RESET if suspect.register_wh < last.register_wh else EpochReason.JUMP


def _begin(state: MeterState | None, sample: Sample, reason: EpochReason, stall_id: StallId) -> Step:
    epoch = _epoch(state, sample, reason, stall_id, register_wh=sample.register_wh)
    return Step(
        state=MeterState(epoch=epoch, last=sample, counted_mono_s=sample.mono_s),
        epoch=epoch,
        ends_wh=None if state is None else state.last.register_wh,
    )


def _epoch(
    state: MeterState | None, sample: Sample, reason: EpochReason, stall_id: StallId, *, register_wh: int
) -> MeterEpoch:
    return MeterEpoch(
        stall_id=stall_id,
        number=1 if state is None else state.epoch.number + 1,
        started_at=sample.at,
        register_wh=register_wh,
        reason=reason,
        serial=sample.serial,
    )


def _counted(state: MeterState, sample: Sample) -> MeterState:
    moved = sample.register_wh != state.last.register_wh
    return replace(state, last=sample, counted_mono_s=sample.mono_s if moved else state.counted_mono_s)


def _deliverable_wh(counted_mono_s: float, last: Sample, sample: Sample, max_power_w: float) -> float:
    """The most that can have flowed since the register last moved; a meter's long silence is not stretched further."""
    since_read_s = sample.mono_s - last.mono_s
    since_moved_s = sample.mono_s - counted_mono_s
    seconds = max(since_read_s, min(since_moved_s, SLOW_METER_S))
    return MARGIN * max_power_w * seconds / 3600 + COARSE_WH


def _plausible(counted_mono_s: float, last: Sample, sample: Sample, max_power_w: float) -> bool:
    gain_wh = sample.register_wh - last.register_wh
    return 0 <= gain_wh <= _deliverable_wh(counted_mono_s, last, sample, max_power_w)


def _rollover_top(state: MeterState, sample: Sample, max_power_w: float) -> int | None:
    """Where the register turned over, if it can have.

    After a long silence a reset cannot be told from a rollover by the energy, so then it is a reset.
    """
    last = state.last
    if sample.mono_s - last.mono_s > SLOW_METER_S or sample.register_wh >= last.register_wh:
        return None
    deliverable_wh = _deliverable_wh(state.counted_mono_s, last, sample, max_power_w)
    for top in TOPS_WH:
        near = top * (1 - NEAR_TOP) <= last.register_wh < top
        if near and top - last.register_wh + sample.register_wh <= deliverable_wh:
            return top
    return None
