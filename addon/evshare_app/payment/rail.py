"""What a rail is, how a statement stands, and what can go wrong: the words all rails share.

A rail never decides what is owed. Amount, currency and account come from the books; the rail collects and reports.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ..model import AccountId, StatementId
from ..money import Money


class PaymentError(Exception):
    """A payment step was not done; the message says why and what to do next. It holds no personal data."""


class PaymentRefused(PaymentError):
    """What was asked cannot be done as asked; nothing changed."""


class RailUnavailable(PaymentError):
    """The provider did not answer or was too busy. Nothing is lost: what was begun is finished by `Rail.poll`."""


class RailMisconfigured(RailUnavailable):
    """The provider refused our key, or the key may not do this. The manager must correct the key."""


class PayState(StrEnum):
    """How a statement stands (values are catalogue keys)."""

    PAID = "paid"
    OPEN = "open"  # nothing under way: by transfer, by link, or with the next collection
    PROCESSING = "processing"  # money is on its way
    RETRY_LATER = "retry_later"  # declined for now; the rail tries again at `retry_at`
    NEEDS_CUSTOMER = "needs_customer"  # the rail cannot go on alone: pay by link, or save another card
    BELOW_MINIMUM = "below_minimum"  # too little for a card; stays open


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How one statement stands."""

    statement_id: StatementId
    account_id: AccountId
    number: str
    total: Money
    due: Money
    """What is still owed, never negative. What was paid too much counts for the account's oldest open statement."""
    state: PayState
    reason: str | None = None
    """Why it was declined or needs the customer: a Stripe decline, advice or error code."""
    retry_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Unclaimed:
    """Money at the provider that carries our mark, and that the books cannot place."""

    external_id: str
    number: str
    """Of the statement it was for."""
    amount_minor: int
    currency: str
    at: datetime


class Rail(Protocol):
    """A way to collect. Every method may be repeated at any time; none collects twice."""

    @property
    def name(self) -> str:
        """The value of `account.rail` this rail serves."""

    async def collect(self, statement_id: StatementId) -> Standing:
        """Collect what is due of one statement, if the rail can do so without the customer."""

    async def collect_open(self) -> list[Standing]:
        """Collect all statements of this rail's accounts that are due now; return those it touched."""

    async def poll(self) -> None:
        """Finish what was begun and learn what happened at the provider."""

    async def compare(self, since: datetime) -> Sequence[Unclaimed]:
        """Compare everything made at the provider since then with the books, taking in what they can place.

        Returns what they cannot. Nothing is ordered.
        """
