"""What the app says, as values: one frozen class per message of docs/link.md.

How they are read is in `parsing.py`, what goes to the app is built in `frames.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ..access import Guest, Hold, Hours, Proof, ResidentRules
from ..model import CardId, ChargeMode, ResidentId, SessionId, StallId

VERSIONS = (1, 2, 3)
"""Link versions spoken, oldest first."""


class BadMessage(Exception):
    """A message that changes nothing. `code` is one of docs/link.md; `ask_id` is set when it was an ask."""

    def __init__(self, message: str, *, code: str = "bad_message", ask_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.ask_id = ask_id


@dataclass(frozen=True, kw_only=True)
class Welcome:
    """The app answers our hello."""

    version: int
    ack_seq: int


@dataclass(frozen=True, kw_only=True)
class Ack:
    """Records are in the books."""

    incarnation: str
    ack_seq: int


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """The app refused a message of ours."""

    code: str
    message: str
    ack_seq: int | None


@dataclass(frozen=True, kw_only=True)
class StartAsk:
    """A resident wants to charge here."""

    id: str
    stall_id: StallId
    resident_id: ResidentId
    plug_epoch: int | None
    mode: ChargeMode
    expires_at: datetime
    proof: Proof | None = None
    guest: Guest | None = None


@dataclass(frozen=True, kw_only=True)
class StopAsk:
    """A resident or the office wants a session to end. `resident_id` None: the office."""

    id: str
    session_id: SessionId
    resident_id: ResidentId | None


@dataclass(frozen=True, kw_only=True)
class SetModeAsk:
    """A resident wants another charge mode."""

    id: str
    session_id: SessionId
    resident_id: ResidentId
    mode: ChargeMode


@dataclass(frozen=True, kw_only=True)
class EnrolAsk:
    """The next unknown card at the stall is to become the resident's."""

    id: str
    resident_id: ResidentId
    stall_id: StallId
    timeout_s: int
    label: str = ""
    by_holder: bool = False
    """They ask for themself, and it is no office that does."""


@dataclass(frozen=True, kw_only=True)
class ChangeCardAsk:
    """A card gets another label, block, monthly limit or quiet hours."""

    id: str
    card_id: CardId
    label: str
    blocked: bool
    month_wh: int | None
    quiet: Hours | None
    money_month_wh: int | None = None
    """What its money is good for; with an app that speaks an earlier version that is in `month_wh`."""
    blocked_by_holder: bool = False
    resident_id: ResidentId | None = None
    """Who asks, about a card of theirs; None: the office."""


@dataclass(frozen=True, kw_only=True)
class RemoveCardAsk:
    """A card is to be forgotten."""

    id: str
    card_id: CardId


@dataclass(frozen=True, kw_only=True)
class AssignCardAsk:
    """A card that was refused as unknown is to become the resident's."""

    id: str
    unknown_id: str
    resident_id: ResidentId
    label: str


@dataclass(frozen=True, kw_only=True)
class RoleAsk:
    """Who is this Home Assistant user?"""

    id: str
    user_id: str


@dataclass(frozen=True, kw_only=True)
class ResendAsk:
    """The app wants records it acknowledged once more."""

    id: str
    from_seq: int


@dataclass(frozen=True, kw_only=True)
class BlockedTold:
    """The full list of residents the manager blocked."""

    resident_ids: tuple[ResidentId, ...]


@dataclass(frozen=True, kw_only=True)
class CostTold:
    """What a running session costs so far; for display only."""

    session_id: SessionId
    amount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True)
class RulesTold:
    """The full list of what residents may."""

    residents: Mapping[ResidentId, ResidentRules]
    seq: int | None = None
    """The newest record of the incarnation that greeted the app which it had then; None: it did not say."""


@dataclass(frozen=True, kw_only=True)
class HoldsTold:
    """The full list of stalls that are kept free for somebody."""

    holds: tuple[Hold, ...]


type Ask = (
    StartAsk | StopAsk | SetModeAsk | EnrolAsk | ChangeCardAsk | RemoveCardAsk | AssignCardAsk | RoleAsk | ResendAsk
)
type Told = BlockedTold | CostTold | RulesTold | HoldsTold
type FromApp = Welcome | Ack | Refusal | Ask | Told
