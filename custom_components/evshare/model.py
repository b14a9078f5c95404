"""The words of a building: what every room of the integration passes around.

Frozen values only, no behaviour beyond their own truth. Terms are those of IEC 61851 (pilot states),
OCPP 1.6 (stall status) and OCPI 2.2.1 (authorisation, sessions). Units are in the names: ``_wh`` integer
watt-hours, ``_w`` watts, ``_a`` amperes per phase, ``_s`` seconds. ``datetime`` values are aware and in UTC;
durations and time-outs are measured on the monotonic clock (``*_mono_s``, seconds as float).
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

StallId = NewType("StallId", str)
"""Subentry id of the stall; never changes, even when the connector is swapped."""
ResidentId = NewType("ResidentId", str)
"""Subentry id of the resident."""
SessionId = NewType("SessionId", str)
"""32 hex digits, made by the integration before anything is energised."""
CardId = NewType("CardId", str)
"""16 hex digits naming a card in the journal; says nothing of its UID."""
CarId = NewType("CarId", str)
"""16 hex digits naming a car in the journal; says nothing of the identifier it tells connectors."""

MIN_CURRENT_A = 6
"""The lowest current an IEC 61851-1 pilot can offer; below it there is only 0."""


class Pilot(StrEnum):
    """IEC 61851-1 state of the control pilot, or X when nobody knows."""

    A = "A"  # no car
    B = "B"  # car connected, no energy
    C = "C"  # energy may flow and the car closed its contactor
    E = "E"  # error
    F = "F"  # connector out of service
    X = "X"  # unknown

    @property
    def plugged(self) -> bool | None:
        """Whether a car is connected; None when the state does not tell."""
        if self in (Pilot.B, Pilot.C):
            return True
        return False if self is Pilot.A else None


class StallStatus(StrEnum):
    """What a stall is doing, in OCPP 1.6 words (values are HA state keys)."""

    AVAILABLE = "available"
    PREPARING = "preparing"  # plugged without session, or authorised and waiting for the plug
    CHARGING = "charging"
    SUSPENDED_EV = "suspended_ev"  # offered, the car does not draw
    SUSPENDED_EVSE = "suspended_evse"  # session open, we offer nothing (load, sun, pause)
    FINISHING = "finishing"  # session ended, car still plugged
    RESERVED = "reserved"
    UNAVAILABLE = "unavailable"  # connector silent
    FAULTED = "faulted"


class LimitReason(StrEnum):
    """Why a session is offered what it is offered."""

    NONE = "none"  # nothing limits it but the stall itself
    CIRCUIT = "circuit"  # shared amps
    SOLAR = "solar"  # waiting for or following the sun
    PAUSED = "paused"  # a person or an automation
    FAILSAFE = "failsafe"  # a meter or a connector is silent
    NO_SESSION = "no_session"


class ChargeMode(StrEnum):
    """What the resident asks of a session."""

    FAST = "fast"
    SOLAR_ONLY = "solar_only"


class CredentialKind(StrEnum):
    """By what someone was let in."""

    CARD = "card"  # RFID
    PHONE = "phone"  # portal behind the QR code
    HA_USER = "ha_user"  # signed-in HA user: admin, or the resident's own
    PASS = "pass"  # noqa: S105  # a guest of the resident, on the portal
    CAR = "car"  # the resident's car itself, without anybody asking (plug and charge)


class DenyReason(StrEnum):
    """Why nobody was let in. Values are translation keys."""

    UNKNOWN_CARD = "unknown_card"
    BLOCKED_CARD = "blocked_card"
    UNKNOWN_RESIDENT = "unknown_resident"
    BLOCKED_RESIDENT = "blocked_resident"
    STALL_IN_USE = "stall_in_use"
    STALL_UNAVAILABLE = "stall_unavailable"
    NO_PLUG = "no_plug"  # armed, but no car came in the window
    PLUG_TOO_OLD = "plug_too_old"  # phone start long after plugging in
    PLUG_CHANGED = "plug_changed"  # another car than the one the page showed
    EXPIRED = "expired"  # the intent's time was over
    QUOTA = "quota"  # the resident (or card, or pass) has as many open sessions as it may
    NOT_ALLOWED = "not_allowed"  # this HA user may not do this, or nobody opted in to it
    WRONG_STALL = "wrong_stall"  # not one of the stalls the resident or the pass may use
    OUTSIDE_HOURS = "outside_hours"  # not in the hours the resident may start
    MONTH_USED_UP = "month_used_up"  # the resident's energy of this calendar month
    NO_CREDIT = "no_credit"  # the resident's money, as the app told it
    LEFT_IN_USE = "left_in_use"  # what is left of a limit is what an open session may still use
    HELD = "held"  # the stall is kept free for somebody else
    PASS_EXPIRED = "pass_expired"  # noqa: S105  # a guest's pass is over, or used up
    CARD_USED_UP = "card_used_up"  # the card's energy of this calendar month
    CARD_QUIET = "card_quiet"  # the card starts nothing in these hours
    APP_AWAY = "app_away"  # the owner lets nobody in while the app cannot be heard
    WHICH_STALL = "which_stall"  # a reader of several stalls, and more than one could be meant


class CardAnswer(StrEnum):
    """What came of a card that was shown."""

    ACCEPTED = "accepted"  # its holder has the session that is open here now
    STOPPED = "stopped"  # it ended its own session
    ENROLLED = "enrolled"  # it became a resident's card, and starts nothing
    REFUSED = "refused"


class StopReason(StrEnum):
    """Why a session ended."""

    UNPLUGGED = "unplugged"
    PERSON = "person"  # the resident, on phone or by card
    OFFICE = "office"  # an HA admin or the app's manager
    NO_PLUG = "no_plug"  # armed and never plugged
    START_FAILED = "start_failed"  # the connector could not be enabled
    GAP = "gap"  # unplugged while nobody was looking
    REMOVED = "removed"  # the stall was taken out of the building
    CAP = "cap"  # it has the energy that was announced as its end


class EpochReason(StrEnum):
    """Why a register's history starts anew."""

    FIRST = "first"
    RESET = "reset"
    ROLLOVER = "rollover"
    SWAPPED = "swapped"  # another serial number
    JUMP = "jump"  # more than the stall can deliver: not believed


class GateKind(StrEnum):
    """What lets energy flow."""

    NATIVE = "native"  # the connector itself
    CONTACTOR = "contactor"  # an HA switch in front of it


class OnLoss(StrEnum):
    """What a connector does when it is left alone (HA silent, reboot, unplug)."""

    CLOSED = "closed"
    HOLDS = "holds"
    OPENS = "opens"


class LockQuality(StrEnum):
    """How far the stall can enforce that only residents charge (DESIGN rule 3)."""

    ENFORCED = "enforced"
    HELD = "held"
    DETECT_AND_BILL = "detect_and_bill"
    MONITOR = "monitor"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A point in time on both clocks: the wall's for records, the monotonic one for durations."""

    at: datetime
    mono_s: float


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One poll of a stall. None in a field means: not offered, or unreadable this time."""

    at: datetime
    mono_s: float
    pilot: Pilot = Pilot.X
    power_w: float | None = None
    currents_a: tuple[float, float, float] | None = None
    """Measured current of L1, L2, L3 as the connector numbers them."""
    register_wh: int | None = None
    """Cumulative import, rounded down to whole Wh; the only value that is ever billed."""
    session_wh: int | None = None
    """The connector's own count since plug-in: evidence for continuity, never billed."""
    limit_a: float | None = None
    """Read-back of the offered current."""
    enabled: bool | None = None
    """Read-back of the gate: may energy flow?"""
    gate_read: bool = False
    """`enabled` is what the hardware said this time; else it is what it was last told."""
    card_uid: str | None = None
    """Card the connector reports, upper-case hex; a level, not an edge."""
    ev_id: str | None = field(default=None, repr=False)
    """What the car that is plugged in told of itself (EVCCID), upper case, on each poll; never one before it left."""
    serial: str | None = None
    fault: str | None = None


@dataclass(frozen=True, kw_only=True)
class StallConfig:
    """What set-up knows of a stall."""

    id: StallId
    name: str
    connector: str
    """Profile id, e.g. ``keba_p30``."""
    max_current_a: int
    phase_map: tuple[int, ...] = (1, 2, 3)
    """Supply phase (1..3) that the connector's L1, L2, L3 are wired to; shorter for fewer phases."""
    gate: GateKind = GateKind.NATIVE
    billable: bool = True
    """A trustworthy cumulative register exists (own, or an external meter)."""
    lock_quality: LockQuality = LockQuality.ENFORCED
    presence_before_s: int = 300
    """A phone start is believed this long after the plug-in edge."""
    presence_after_s: int = 180
    """An authorisation waits this long for the plug."""


@dataclass(frozen=True, kw_only=True)
class Resident:
    """A person who may charge. Cards and limits live in the journal, money in the app."""

    id: ResidentId
    name: str
    ha_user_id: str | None = None
    blocked: bool = False


@dataclass(frozen=True, kw_only=True)
class Credential:
    """By what, and as whom, someone asks to charge."""

    kind: CredentialKind
    id: str
    """Card id, pass id, app request id, HA user id, car id or kind of evidence; never a UID."""
    resident_id: ResidentId
    counts: bool = True
    """Whether its energy counts as the resident's; not a guest's that somebody else pays for."""

    @property
    def recorded_id(self) -> str | None:
        """What records and the app name of it: a card or a pass; a request or a user is nobody else's affair."""
        return self.id if self.kind in (CredentialKind.CARD, CredentialKind.PASS) else None


@dataclass(frozen=True, kw_only=True)
class Session:
    """An authorisation and what came of it. ``ended_at`` None: still open."""

    id: SessionId
    stall_id: StallId
    credential: Credential
    mode: ChargeMode
    authorised_at: datetime
    cap_wh: int | None = None
    """It ends when it has this much, announced at its start; None: no such end."""
    plug_epoch: int | None = None
    """The plug-in this session belongs to; None while it waits for the plug."""
    started_at: datetime | None = None
    """When gate and car came together (authorised and plugged)."""
    register_start_wh: int | None = None
    ended_at: datetime | None = None
    register_end_wh: int | None = None
    energy_wh: int = 0
    """Sum of its slices so far."""
    stop_reason: StopReason | None = None

    @property
    def resident_id(self) -> ResidentId:
        """Whose session it is."""
        return self.credential.resident_id


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A piece of a register's history: register_end - register_start Wh between start and end.

    Cut at each quarter hour, state change and limit change. ``session_id`` None is energy nobody
    can be billed for (*unattributed*).
    """

    stall_id: StallId
    session_id: SessionId | None
    epoch: int
    start: datetime
    end: datetime
    register_start_wh: int
    register_end_wh: int
    charging_s: int = 0
    suspended_s: int = 0
    limit_a: int = 0
    estimated: bool = False
    """The cut lies between two readings and was interpolated (energy is exact, its time is not)."""

    @property
    def energy_wh(self) -> int:
        """Energy of this slice in Wh, never negative."""
        return self.register_end_wh - self.register_start_wh


@dataclass(frozen=True, kw_only=True)
class MeterEpoch:
    """A stretch of a register's life without reset."""

    stall_id: StallId
    number: int
    started_at: datetime
    register_wh: int
    reason: EpochReason
    serial: str | None = None


@dataclass(frozen=True, kw_only=True)
class SignedValue:
    """What a connector or its meter signed about a session, character by character."""

    format: str
    """OCMF where it is one."""
    text: str
    public_key: str | None
    """As hex or base64; None where it was not sent."""


@dataclass(frozen=True, kw_only=True)
class BuildingReading:
    """What the building's own meters say, all optional. Import and draw positive."""

    at: datetime
    mono_s: float
    grid_w: float | None = None
    """Feeder power, export negative."""
    currents_a: tuple[float, float, float] | None = None
    pv_w: float | None = None


@dataclass(frozen=True, kw_only=True)
class Building:
    """The building as a whole (OCPI Location)."""

    id: str
    name: str
    currency: str
    """ISO 4217."""
    time_zone: str
    """IANA name."""
    fuse_a: int
    phases: int = 3
    voltage_v: int = 230
    stalls: tuple[StallConfig, ...] = field(default=())
    residents: tuple[Resident, ...] = field(default=())
    price_series: tuple[str, ...] = ()
    """Names of the prices that its sensors tell."""
