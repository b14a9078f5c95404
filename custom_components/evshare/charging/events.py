"""What can happen to a stall. Fed to `stall.advance` one at a time, in one order per stall."""

from dataclasses import dataclass
from datetime import datetime

from ..model import ChargeMode, CredentialKind, DenyReason, LimitReason, Reading, ResidentId, Session, StopReason


@dataclass(frozen=True)
class ReadingTaken:
    """The connector was polled and answered. Older readings (by `mono_s`) change nothing."""

    reading: Reading


@dataclass(frozen=True)
class ConnectorLost:
    """A poll failed. Behind a contactor that is off this is normal."""

    why: str


@dataclass(frozen=True)
class Authorised:
    """Access was granted (`access.policy.decide`); `session` is new, without plug, start or end.

    An illegal move while another session is open.
    """

    session: Session


@dataclass(frozen=True)
class Denied:
    """Access was refused at this stall: for the journal and the event entity only."""

    credential_kind: CredentialKind
    reason: DenyReason
    resident_id: ResidentId | None = None
    credential_id: str | None = None
    """The card or the pass, if it is known."""
    elsewhere: bool = False
    """This card has a session open at another stall: perhaps there are two of it."""


@dataclass(frozen=True)
class HoldTold:
    """The stall is kept free for somebody until then; None: for nobody."""

    until: datetime | None


@dataclass(frozen=True)
class StopAsked:
    """Somebody who may wants the session to end. Without a session nothing happens."""

    reason: StopReason


@dataclass(frozen=True)
class ModeAsked:
    """The open session shall charge in this mode. Without a session nothing happens."""

    mode: ChargeMode


@dataclass(frozen=True)
class PauseAsked:
    """Offer nothing for a while (True), or go on (False). Ends with the session."""

    paused: bool


@dataclass(frozen=True)
class OfferDecided:
    """The allocation: 0, or 6 A up to the stall's `max_current_a`."""

    limit_a: int
    reason: LimitReason


@dataclass(frozen=True)
class EnableFailed:
    """`Enable` could not be carried out, after all its retries."""

    why: str


@dataclass(frozen=True)
class DisableFailed:
    """`Disable` could not be carried out, after all its retries. The stall asks again."""

    why: str


@dataclass(frozen=True)
class Ticked:
    """Time went by: sent at least every 5 s, so that windows close without readings."""


@dataclass(frozen=True)
class Removed:
    """The stall is taken out of the building."""


Event = (
    ReadingTaken
    | ConnectorLost
    | Authorised
    | Denied
    | HoldTold
    | StopAsked
    | ModeAsked
    | PauseAsked
    | OfferDecided
    | EnableFailed
    | DisableFailed
    | Ticked
    | Removed
)
