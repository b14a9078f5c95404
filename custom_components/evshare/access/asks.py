"""What people, cards and cars ask of a stall."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..model import CarId, ChargeMode, ResidentId, StallId


class Proof(StrEnum):
    """How somebody showed to be at the stall although the plug is old. The app has checked it."""

    PASSKEY = "passkey"
    TAG = "tag"  # a tag at the stall whose address changes with each tap


class CarEvidence(StrEnum):
    """Why a car that was just plugged in is believed to be a resident's. None of them is proof: each is an opt-in."""

    RESERVED_STALL = "reserved_stall"  # the stall is the resident's alone
    CAR_ENTITY = "car_entity"  # their car's own entity says it was plugged in at this moment
    CAR_ID = "car_id"  # the connector tells an identifier of the car


class Payer(StrEnum):
    """Whose money a guest's energy is."""

    HOST = "host"
    GUEST = "guest"  # not the host's: the guest's own, or the building's


@dataclass(frozen=True, kw_only=True)
class Guest:
    """The pass of a guest, as the app made it. A guest may never do what the host may not."""

    pass_id: str
    expires_at: datetime
    stall_ids: frozenset[StallId] | None = None
    """None: wherever the host may."""
    cap_wh: int | None = None
    """What the pass is still good for; None: no limit of its own."""
    payer: Payer = Payer.HOST


@dataclass(frozen=True, kw_only=True)
class CardAsk:
    """A card was shown at the stall's reader."""

    fingerprint: str
    short: str | None = None
    """The fingerprint of the UID's first four bytes, if it has more (`credentials.shortened`)."""
    mode: ChargeMode = ChargeMode.FAST


@dataclass(frozen=True, kw_only=True)
class PhoneAsk:
    """The app asks for a resident, or their guest, who pressed start on the page behind the QR code."""

    id: str
    """The app's id of this request."""
    resident_id: ResidentId
    """Who answers for it: for a guest the host."""
    plug_epoch: int | None
    """What the page showed; None: no car."""
    expires_at: datetime
    mode: ChargeMode = ChargeMode.FAST
    proof: Proof | None = None
    guest: Guest | None = None


@dataclass(frozen=True, kw_only=True)
class UserAsk:
    """A signed-in HA user asks, for themself or, as admin, for any resident."""

    user_id: str | None
    is_admin: bool
    resident_id: ResidentId
    mode: ChargeMode = ChargeMode.FAST


@dataclass(frozen=True, kw_only=True)
class CarAsk:
    """A car was plugged in that seems to be a resident's who wants no more asked than that."""

    resident_id: ResidentId
    evidence: CarEvidence
    plug_epoch: int
    """The plug-in it was seen with."""
    car_id: CarId | None = None
    """Which of their cars, where that is the evidence."""
    mode: ChargeMode = ChargeMode.FAST


type Ask = CardAsk | PhoneAsk | UserAsk | CarAsk
