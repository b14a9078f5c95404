"""Slices: the register's path through an epoch, cut into pieces that can be priced.

A slice runs from one believed register value to another and carries one label: whose it is, whether the car was
charging, what it was offered. It is cut at every quarter hour, the grid of settlement, of day-ahead prices and of the
building series. A quarter hour rarely coincides with a reading, so the register there is interpolated and rounded
down; the sum stays exact because the next slice starts where this one ended. Where the two readings around a cut lie
more than two minutes apart, both sides are marked `estimated`. Times are whole seconds.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..frozen import replace
from ..model import SessionId, Slice, StallId

QUARTER = timedelta(minutes=15)
SURE = timedelta(seconds=120)
"""Readings closer together than this say well enough what flowed at a cut between them."""
MAX_CUTS = 31 * 96
"""A silence longer than a month becomes one slice: its quarter hours would be invention."""


def whole_second(at: datetime) -> datetime:
    """`at`, without the fraction of a second."""
    return at.replace(microsecond=0)


def next_quarter(at: datetime) -> datetime:
    """The first quarter hour after `at`."""
    return at.replace(minute=at.minute - at.minute % 15, second=0, microsecond=0) + QUARTER


@dataclass(frozen=True, kw_only=True)
class OpenSlice:
    """A slice that still runs: from `start` to the last reading, `end`."""

    stall_id: StallId
    session_id: SessionId | None
    epoch: int
    start: datetime
    register_start_wh: int
    end: datetime
    register_end_wh: int
    charging: bool = False
    limit_a: int = 0
    estimated: bool = False

    @property
    def empty(self) -> bool:
        """Nothing to tell: no energy, and neither time nor anyone whose time it was."""
        return self.register_end_wh == self.register_start_wh and (self.session_id is None or self.start == self.end)


def opened(stall_id: StallId, session_id: SessionId | None, epoch: int, at: datetime, register_wh: int) -> OpenSlice:
    """A slice that begins now."""
    at = whole_second(at)
    return OpenSlice(
        stall_id=stall_id,
        session_id=session_id,
        epoch=epoch,
        start=at,
        register_start_wh=register_wh,
        end=at,
        register_end_wh=register_wh,
    )


def run_to(open_slice: OpenSlice, at: datetime, register_wh: int) -> tuple[OpenSlice, tuple[Slice, ...]]:
    """Let it run to a reading; returns the pieces that the quarter hours on the way cut off.

    ValueError if the register went back: that is another epoch's affair.
    """
    if register_wh < open_slice.register_end_wh:
        raise ValueError(f"register_wh: {register_wh} is below {open_slice.register_end_wh} of the same epoch")
    begin, from_wh = open_slice.end, open_slice.register_end_wh
    at = max(whole_second(at), begin)
    gap = at - begin
    closed: list[Slice] = []
    cut = next_quarter(begin)
    if gap > MAX_CUTS * QUARTER:
        return replace(open_slice, end=at, register_end_wh=register_wh, estimated=True), ()
    while cut <= at:
        at_cut_wh = from_wh + (register_wh - from_wh) * int((cut - begin).total_seconds()) // int(gap.total_seconds())
        sure = gap <= SURE or cut == at
        piece = replace(open_slice, end=cut, register_end_wh=at_cut_wh, estimated=open_slice.estimated or not sure)
        if not piece.empty:
            closed.append(close(piece))
        open_slice = replace(
            open_slice,
            start=cut,
            register_start_wh=at_cut_wh,
            end=cut,
            register_end_wh=at_cut_wh,
            estimated=not sure,
        )
        cut += QUARTER
    return replace(open_slice, end=at, register_end_wh=register_wh), tuple(closed)


def relabelled(open_slice: OpenSlice, *, charging: bool, limit_a: int) -> tuple[OpenSlice, tuple[Slice, ...]]:
    """Another state or limit from here on; returns the piece before it, if it lasted at all."""
    if (open_slice.charging, open_slice.limit_a) == (charging, limit_a):
        return open_slice, ()
    if open_slice.start == open_slice.end:
        return replace(open_slice, charging=charging, limit_a=limit_a), ()
    rest = replace(
        open_slice,
        start=open_slice.end,
        register_start_wh=open_slice.register_end_wh,
        charging=charging,
        limit_a=limit_a,
        estimated=False,
    )
    return rest, (() if open_slice.empty else (close(open_slice),))


def close(open_slice: OpenSlice) -> Slice:
    """The finished slice. Its seconds are a session's: charging, or suspended; nobody's time is not counted."""
    seconds = int((open_slice.end - open_slice.start).total_seconds()) if open_slice.session_id is not None else 0
    return Slice(
        stall_id=open_slice.stall_id,
        session_id=open_slice.session_id,
        epoch=open_slice.epoch,
        start=open_slice.start,
        end=open_slice.end,
        register_start_wh=open_slice.register_start_wh,
        register_end_wh=open_slice.register_end_wh,
        charging_s=seconds if open_slice.charging else 0,
        suspended_s=0 if open_slice.charging else seconds,
        limit_a=open_slice.limit_a,
        estimated=open_slice.estimated,
    )
