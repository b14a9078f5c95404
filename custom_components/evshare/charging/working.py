"""A stall while one event is worked in: the state so far, and what it wants done so far.

Here lives what every transition needs: records, commands, and the bookkeeping between register, slices and session.
When anything changes is decided in `stall.py`.
"""

from datetime import UTC, datetime

from ..frozen import replace
from ..metering import Sample, Step, observe
from ..metering.slices import OpenSlice, close, opened, relabelled, run_to, whole_second
from ..model import (
    LimitReason,
    MeterEpoch,
    Moment,
    Reading,
    Session,
    Slice,
    StallConfig,
    StallStatus,
    StopReason,
)
from .effects import (
    Announce,
    Disable,
    Effect,
    Enable,
    JsonValue,
    Persist,
    Record,
    SetLimit,
    UnauthorisedEnergy,
)
from .events import Denied
from .state import StallState

NOMINAL_V = 240.0
"""For the most a stall can deliver per phase and ampere; `metering.epochs.MARGIN` covers the rest."""


def max_power_w(config: StallConfig) -> float:
    """The most this stall can deliver."""
    return config.max_current_a * NOMINAL_V * len(config.phase_map)


def rfc3339(at: datetime) -> str:
    """`at` as records write it: UTC, whole seconds, ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Working:
    """Collects the consequences of one event. Never leaves `advance`."""

    def __init__(self, state: StallState, at: datetime, now: Moment) -> None:
        """`at` is when the event became true; it counts as no earlier than the stall's last event."""
        self._before = state
        self.at = max(whole_second(at), state.clock.at)
        self.mono_s = now.mono_s
        self.state = replace(state, clock=Moment(at=max(whole_second(now.at), self.at), mono_s=now.mono_s))
        self._records: list[Record] = []
        self._commands: list[Effect] = []
        self._announcements: list[Effect] = []
        self._unauthorised_wh = 0

    def done(self) -> tuple[StallState, tuple[Effect, ...]]:
        """The new state, and the effects in the order in which they must be performed."""
        persist = self._records or _lasting(self.state) != _lasting(self._before)
        unauthorised = [UnauthorisedEnergy(self._unauthorised_wh)] if self._unauthorised_wh else []
        effects: list[Effect] = [*self._records, *([Persist()] if persist else []), *self._commands]
        return self.state, (*effects, *self._announcements, *unauthorised)

    # Records, announcements, commands

    def record(self, kind: str, body: dict[str, JsonValue], at: datetime | None = None) -> None:
        """Write a record; `body` as in docs/link.md."""
        self._records.append(Record(kind, at or self.at, body))

    def announce(self, kind: str, type_: str, attributes: dict[str, JsonValue]) -> None:
        """Tell HA's event entities."""
        self._announcements.append(Announce(kind, type_, attributes))

    def deny(self, denied: Denied) -> None:
        """Somebody was not let in: for the journal and the event entity only."""
        self.record(
            "denied",
            {
                "stall_id": self.state.config.id,
                "credential_kind": denied.credential_kind,
                "reason": denied.reason,
                "resident_id": denied.resident_id,
                "credential_id": denied.credential_id,
            },
        )
        kind = denied.credential_kind
        self.announce("authorisation", "denied", {"credential": kind, "reason": denied.reason})
        if denied.elsewhere:
            self.announce("authorisation", "card_elsewhere", {"credential": kind})

    def enable(self, limit_a: int) -> None:
        """Open the gate."""
        self._commands.append(Enable(limit_a))
        self.state = replace(self.state, energised=True, asserted=True, commanded_mono_s=self.mono_s, offered_a=limit_a)

    def set_limit(self, limit_a: int) -> None:
        """Change what is offered through an open gate."""
        self._commands.append(SetLimit(limit_a))
        self.state = replace(self.state, asserted=True, commanded_mono_s=self.mono_s, offered_a=limit_a)

    def lock(self) -> None:
        """Close the gate."""
        if Disable() not in self._commands:
            self._commands.append(Disable())
        self.state = replace(self.state, energised=False, asserted=False, commanded_mono_s=self.mono_s, offered_a=0)

    def commanded_within(self, seconds: float) -> bool:
        """Whether the hardware may still be carrying out the last command."""
        last = self.state.commanded_mono_s
        return last is not None and self.mono_s - last < seconds

    # Register, slices, session

    def meter(self, reading: Reading) -> None:
        """Take the register into account: energy to the running session, else to nobody."""
        if reading.register_wh is None:
            return
        sample = Sample(register_wh=reading.register_wh, at=self.at, mono_s=reading.mono_s, serial=reading.serial)
        config = self.state.config
        step = observe(self.state.meter, sample, stall_id=config.id, max_power_w=max_power_w(config))
        if step is None:
            return
        self.state = replace(self.state, meter=step.state)
        if not step.believed:
            return
        if step.epoch is not None:
            self._begin_epoch(step, step.epoch)
        self._run_to(step.state.last.at, step.state.last.register_wh)
        self.state = replace(self.state, session_wh=reading.session_wh)

    def label(self) -> None:
        """Cut the running slice at the last known register if state or offer changed. Called after readings."""
        open_slice = self.state.open_slice
        if open_slice is None or open_slice.session_id is None:
            return
        charging = self.state.status is StallStatus.CHARGING
        open_slice, pieces = relabelled(open_slice, charging=charging, limit_a=self.state.offered_a)
        self._write(pieces)
        self.state = replace(self.state, open_slice=open_slice)

    def arm(self, session: Session) -> None:
        """A session begins, and waits for its car."""
        state = self.state
        self.record(
            "session_authorised",
            {
                "session_id": session.id,
                "stall_id": session.stall_id,
                "resident_id": session.resident_id,
                "credential_kind": session.credential.kind,
                "mode": session.mode,
                "plug_epoch": state.plug_epoch if state.plugged else None,
                "credential_id": session.credential.recorded_id,
                "cap_wh": session.cap_wh,
                # For our own counting; it does not go over the link.
                **({} if session.credential.counts else {"counts": False}),
            },
        )
        self.announce("authorisation", "accepted", {"credential": session.credential.kind})
        self.state = replace(
            state,
            session=session,
            armed_until_mono_s=self.mono_s + state.config.presence_after_s,
            finished_on_epoch=None,
            finished_resident_id=None,
        )

    def start(self) -> None:
        """The armed session meets its car: from here on the register counts for it."""
        session = self._session()
        meter = self.state.meter
        register_wh = None if meter is None else meter.last.register_wh
        session = replace(session, plug_epoch=self.state.plug_epoch, started_at=self.at, register_start_wh=register_wh)
        self.state = replace(self.state, session=session, armed_until_mono_s=None)
        self._turn_over()
        self.record(
            "session_started",
            {
                "session_id": session.id,
                "stall_id": session.stall_id,
                "plug_epoch": session.plug_epoch,
                "register_start_wh": register_wh,
            },
        )
        self.announce("session", "started", {"mode": session.mode})

    def end(self, reason: StopReason, *, at: datetime | None = None) -> None:
        """End the open session, at `at` if that is not now. Locking is the caller's affair."""
        session = self._session()
        ended_at = at or self.at
        open_slice = self.state.open_slice
        if open_slice is not None and session.started_at is not None:
            self._run_to(max(ended_at, open_slice.end), open_slice.register_end_wh)
        session = self._session()
        meter = self.state.meter
        started = session.started_at is not None
        register_end_wh = meter.last.register_wh if started and meter is not None else None
        self.state = replace(
            self.state,
            session=None,
            armed_until_mono_s=None,
            stopping_since_mono_s=None,
            finished_on_epoch=self.state.plug_epoch if self.state.plugged else None,
            finished_resident_id=session.resident_id if self.state.plugged else None,
            limit_reason=LimitReason.NO_SESSION,
            paused=False,
        )
        if started:
            self._turn_over()
        self.record(
            "session_ended",
            {
                "session_id": session.id,
                "stall_id": session.stall_id,
                "stop_reason": reason,
                "register_start_wh": session.register_start_wh,
                "register_end_wh": register_end_wh,
                "energy_wh": session.energy_wh,
            },
            ended_at,
        )
        self.announce("session", "ended", {"mode": session.mode, "reason": reason, "energy_wh": session.energy_wh})

    def flush(self) -> None:
        """Write what the open slice holds: the stall goes away."""
        if self.state.open_slice is not None:
            self._write_open(self.state.open_slice)
            self.state = replace(self.state, open_slice=None)

    def _session(self) -> Session:
        session = self.state.session
        assert session is not None
        return session

    def _owner(self) -> Session | None:
        """Whom the register counts for."""
        session = self.state.session
        return session if session is not None and session.started_at is not None else None

    def _turn_over(self) -> None:
        """From here on the register counts for whoever owns it now."""
        before, meter, owner = self.state.open_slice, self.state.meter, self._owner()
        if before is not None:
            self._write_open(before)
        if meter is None:
            return
        start = self.at if owner is not None or before is None else before.end
        self.state = replace(self.state, open_slice=self._opened(meter.epoch, start, meter.last.register_wh))

    def _begin_epoch(self, step: Step, epoch: MeterEpoch) -> None:
        if self.state.open_slice is not None and step.ends_wh is not None:
            self._run_to(epoch.started_at, step.ends_wh)
        if self.state.open_slice is not None:
            self._write_open(self.state.open_slice)
        self.record(
            "epoch",
            {
                "stall_id": epoch.stall_id,
                "number": epoch.number,
                "register_wh": epoch.register_wh,
                "reason": epoch.reason,
                "serial": epoch.serial,
            },
            epoch.started_at,
        )
        owner = self._owner()
        if owner is not None and owner.register_start_wh is None:
            self.state = replace(self.state, session=replace(owner, register_start_wh=epoch.register_wh))
        self.state = replace(self.state, open_slice=self._opened(epoch, epoch.started_at, epoch.register_wh))

    def _opened(self, epoch: MeterEpoch, at: datetime, register_wh: int) -> OpenSlice:
        owner = self._owner()
        fresh = opened(self.state.config.id, None if owner is None else owner.id, epoch.number, at, register_wh)
        if owner is None:
            return fresh
        charging = self.state.status is StallStatus.CHARGING
        return relabelled(fresh, charging=charging, limit_a=self.state.offered_a)[0]

    def _run_to(self, at: datetime, register_wh: int) -> None:
        open_slice = self.state.open_slice
        assert open_slice is not None
        energy_wh = register_wh - open_slice.register_end_wh
        open_slice, pieces = run_to(open_slice, at, register_wh)
        self._write(pieces)
        self.state = replace(self.state, open_slice=open_slice)
        owner = self._owner()
        if owner is not None and owner.id == open_slice.session_id:
            self.state = replace(self.state, session=replace(owner, energy_wh=owner.energy_wh + energy_wh))
        else:
            self._unauthorised_wh += energy_wh

    def _write_open(self, open_slice: OpenSlice) -> None:
        if not open_slice.empty:
            self._write((close(open_slice),))

    def _write(self, pieces: tuple[Slice, ...]) -> None:
        for piece in pieces:
            self.record(
                "slice",
                {
                    "stall_id": piece.stall_id,
                    "session_id": piece.session_id,
                    "epoch": piece.epoch,
                    "start": rfc3339(piece.start),
                    "end": rfc3339(piece.end),
                    "register_start_wh": piece.register_start_wh,
                    "register_end_wh": piece.register_end_wh,
                    "charging_s": piece.charging_s,
                    "suspended_s": piece.suspended_s,
                    "limit_a": piece.limit_a,
                    "estimated": piece.estimated,
                },
                piece.end,
            )


def _lasting(state: StallState) -> object:
    """What must survive a restart at once. Readings and offers come again by themselves."""
    session = state.session
    return (
        None if session is None else replace(session, energy_wh=0),
        state.plugged,
        state.plug_epoch,
        state.armed_until_mono_s,
        state.stopping_since_mono_s,
        state.finished_on_epoch,
        state.finished_resident_id,
        state.paused,
        state.energised,
        state.lock_failed,
    )
