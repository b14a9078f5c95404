"""What a decline means for the next try. Pure; the codes are Stripe's decline and advice codes.

Three answers exist: try the same card again after 3, 5 and 7 days, ask the customer, or (for reasons we do not know)
try once more and then ask. Card networks fine those who try more often.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

AUTHENTICATION_REQUIRED = "authentication_required"
"""The bank wants the customer present (strong customer authentication)."""
NEVER_SENT = "never_sent"
"""Our own: Stripe does not know the operation, so nothing was tried."""

GONE = "resource_missing"
"""Stripe does not know what we name: deleted there, or our key is for another Stripe account now."""

PAUSES = (timedelta(days=3), timedelta(days=5), timedelta(days=7))
"""Wait after the first, second and third decline; after the fourth the customer is asked."""

SOFT = frozenset(
    {
        "insufficient_funds",
        "processing_error",
        "try_again_later",
        "issuer_not_available",
        "reenter_transaction",
        "approve_with_id",
    }
)
"""The same card may work in some days."""

DEAD_CARD = frozenset(
    {
        # Advice codes decide over decline codes.
        "do_not_try_again",
        "confirm_card_data",
        "lost_card",
        "stolen_card",
        "pickup_card",
        "restricted_card",
        "incorrect_number",
        "invalid_number",
        "incorrect_cvc",
        "expired_card",
        "invalid_account",
        "invalid_expiry_month",
        "invalid_expiry_year",
        "card_not_supported",
        "currency_not_supported",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stop_payment_order",
        "debit_not_authorized",
        "account_closed",
        "no_account",
        # The saved card or its customer is gone at Stripe.
        GONE,
        "payment_method_unexpected_state",
    }
)
"""This card works for no statement any more: the customer has to save another."""

HARD = DEAD_CARD | {AUTHENTICATION_REQUIRED, "amount_too_small", "amount_too_large", "invalid_request"}
"""Trying again without the customer is useless or forbidden."""


@dataclass(frozen=True)
class Failure:
    """A try that ended, with the code that says why."""

    code: str
    at: datetime


def next_try(failures: Sequence[Failure]) -> datetime | None:
    """Return when one more try with the same card is allowed, None when the customer is needed.

    `failures` are all failed tries of one statement with one card, oldest first, at least one.
    """
    last = failures[-1]
    tries = len(failures)
    if last.code in HARD or tries > len(PAUSES) or (last.code not in SOFT and tries > 1):
        return None
    return last.at + PAUSES[tries - 1]
