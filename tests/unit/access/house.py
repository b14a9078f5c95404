"""A small house for the access tests: who lives there, their cards, and a stall as the policy sees it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from custom_components.evshare.access import AccessView, CardAsk, CardRecord, Guest, PhoneAsk, UserAsk
from custom_components.evshare.model import (
    CardId,
    ChargeMode,
    Credential,
    CredentialKind,
    Moment,
    Resident,
    ResidentId,
    Session,
    SessionId,
    StallConfig,
    StallId,
    StallStatus,
)

NOON = datetime(2026, 6, 29, 12, 0, tzinfo=UTC)
"""A Monday."""
NOW = Moment(at=NOON, mono_s=10_000.0)
ANNA, CARLA = ResidentId("anna"), ResidentId("carla")
STALL_1, STALL_2 = StallId("stall-1"), StallId("stall-2")
VIEW = AccessView(
    residents={ANNA: Resident(id=ANNA, name="Anna", ha_user_id="user-anna"), CARLA: Resident(id=CARLA, name="Carla")},
    cards=(
        CardRecord(id=CardId("c0"), resident_id=ANNA, fingerprints=("anna-card",)),
        CardRecord(id=CardId("c1"), resident_id=ANNA, fingerprints=("anna-spare",)),
        CardRecord(id=CardId("c4"), resident_id=CARLA, fingerprints=("carla-card",)),
    ),
)


CONFIG = StallConfig(id=STALL_1, name="Stall 1", connector="keba_p30", max_current_a=16)


@dataclass(frozen=True, kw_only=True)
class Stall:
    """A stall as the policy sees it."""

    config: StallConfig = CONFIG
    status: StallStatus = StallStatus.AVAILABLE
    plugged: bool = False
    plug_epoch: int = 4
    plugged_mono_s: float | None = None
    session: Session | None = None
    finished_on_epoch: int | None = None
    finished_resident_id: ResidentId | None = None

    def named(self, stall_id: StallId) -> Stall:
        """The same at another place."""
        return replace(self, config=replace(self.config, id=stall_id))


FREE = Stall()
PLUGGED = Stall(status=StallStatus.PREPARING, plugged=True, plugged_mono_s=NOW.mono_s - 20)
PLUGGED_LONG_AGO = replace(PLUGGED, plugged_mono_s=NOW.mono_s - 301)

CARD = CardAsk(fingerprint="anna-card")
PHONE = PhoneAsk(id="ask-1", resident_id=ANNA, plug_epoch=4, expires_at=NOON + timedelta(seconds=30))
USER = UserAsk(user_id="user-anna", is_admin=False, resident_id=ANNA)
ADMIN = UserAsk(user_id="user-admin", is_admin=True, resident_id=ANNA)
PASS = Guest(pass_id="pass-1", expires_at=NOON + timedelta(days=1))
GUEST = replace(PHONE, guest=PASS)


def session_of(
    resident_id: ResidentId = ANNA,
    *,
    kind: CredentialKind = CredentialKind.PHONE,
    by: str = "ask-0",
    at: StallId = STALL_2,
    energy_wh: int = 0,
) -> Session:
    """A session that has been open for ten minutes."""
    return Session(
        id=SessionId("5e55"),
        stall_id=at,
        credential=Credential(kind=kind, id=by, resident_id=resident_id),
        mode=ChargeMode.FAST,
        authorised_at=NOON - timedelta(minutes=10),
        energy_wh=energy_wh,
    )
