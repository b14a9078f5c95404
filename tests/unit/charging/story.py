"""Tells a stall what happens to it, with a clock of its own, and keeps what it wanted done."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
from typing import Any

from custom_components.evshare.charging import (
    Authorised,
    Effect,
    Event,
    OfferDecided,
    ReadingTaken,
    Record,
    StallState,
    advance,
    initial,
    restore,
    snapshot,
)
from custom_components.evshare.model import (
    ChargeMode,
    Credential,
    CredentialKind,
    GateKind,
    LimitReason,
    Moment,
    Pilot,
    Reading,
    ResidentId,
    Session,
    SessionId,
    StallConfig,
    StallId,
    StallStatus,
)

NOON = datetime(2026, 6, 29, 12, 0, tzinfo=UTC)
STALL = StallId("stall-1")
ANNA = ResidentId("res-anna")
CONFIG = StallConfig(id=STALL, name="Stall 1", connector="keba_p30", max_current_a=16)
CONTACTOR = replace(CONFIG, gate=GateKind.CONTACTOR)


def a_session(at: datetime, number: int = 1, mode: ChargeMode = ChargeMode.FAST) -> Session:
    """A new session of Anna's card."""
    credential = Credential(kind=CredentialKind.CARD, id="ca2d000000000001", resident_id=ANNA)
    return Session(id=SessionId(f"{number:032x}"), stall_id=STALL, credential=credential, mode=mode, authorised_at=at)


class Story:
    """One stall's life."""

    def __init__(self, config: StallConfig = CONFIG, start: datetime = NOON, mono_s: float = 1000.0) -> None:
        self.now = Moment(at=start, mono_s=mono_s)
        self.state: StallState = initial(config, self.now)
        self.log: list[Effect] = []
        self.sessions = 0

    def after(self, seconds: float) -> Story:
        """Let time pass."""
        self.now = Moment(at=self.now.at + timedelta(seconds=seconds), mono_s=self.now.mono_s + seconds)
        return self

    def tell(self, event: Event) -> tuple[Effect, ...]:
        """Something happens."""
        self.state, effects = advance(self.state, event, self.now)
        self.log.extend(effects)
        return effects

    def read(
        self, pilot: str, register_wh: int | None = 1000, power_w: float | None = 0.0, **more: Any
    ) -> tuple[Effect, ...]:
        """The connector is polled."""
        reading = Reading(
            at=self.now.at,
            mono_s=self.now.mono_s,
            pilot=Pilot(pilot),
            register_wh=register_wh,
            power_w=power_w,
            **more,
        )
        return self.tell(ReadingTaken(reading))

    def authorise(self, mode: ChargeMode = ChargeMode.FAST, cap_wh: int | None = None) -> tuple[Effect, ...]:
        """Anna's card is accepted."""
        self.sessions += 1
        return self.tell(Authorised(replace(a_session(self.now.at, self.sessions, mode), cap_wh=cap_wh)))

    def offer(self, limit_a: int, reason: LimitReason = LimitReason.NONE) -> tuple[Effect, ...]:
        """The allocation is made."""
        return self.tell(OfferDecided(limit_a, reason))

    def charging(self, register_wh: int = 1000, limit_a: int = 16, cap_wh: int | None = None) -> Story:
        """Plugged at `now`, authorised, offered and drawing five seconds later."""
        self.read("A", register_wh)
        self.after(5).read("B", register_wh)
        self.authorise(cap_wh=cap_wh)
        self.offer(limit_a)
        self.after(5).read("C", register_wh, 11000.0, enabled=True)
        return self

    def restart(self, away_s: float = 30.0, mono_s: float = 7.0) -> Story:
        """HA restarts: the monotonic clock begins somewhere else."""
        stored = json.loads(json.dumps(snapshot(self.state)))
        self.now = Moment(at=self.now.at + timedelta(seconds=away_s), mono_s=mono_s)
        self.state = restore(self.state.config, stored, self.now)
        return self

    def status(self) -> StallStatus:
        """What the stall is doing."""
        return self.state.status

    def records(self, kind: str) -> list[dict[str, Any]]:
        """Bodies of all records of a kind so far."""
        return [dict(effect.body) for effect in self.log if isinstance(effect, Record) and effect.kind == kind]
