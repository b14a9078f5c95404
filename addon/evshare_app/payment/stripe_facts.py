"""What we read of Stripe's objects: plain facts of PaymentIntents, Checkout Sessions and payment methods. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import stripe

from .receipts import Fee
from .stripe_amounts import from_stripe
from .stripe_requests import ACCOUNT_KEY, OPERATION_KEY, SITE_KEY, STATEMENT_KEY


class IntentStatus(StrEnum):
    """Statuses of a PaymentIntent."""

    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_ACTION = "requires_action"
    REQUIRES_CAPTURE = "requires_capture"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


@dataclass(frozen=True, kw_only=True)
class SavedMethod:
    """A payment method kept at Stripe."""

    id: str
    label: str
    """For people: ``Visa 4242``."""


@dataclass(frozen=True, kw_only=True)
class IntentFacts:
    """A PaymentIntent as it is now."""

    id: str
    status: IntentStatus
    created: datetime
    currency: str
    received_minor: int
    received_at: datetime
    fee: Fee | None
    """What Stripe keeps; None while it is not known yet."""
    error_code: str | None
    """Why the last try failed: the advice code where it decides, else the decline code, else the error's code."""
    method: SavedMethod | None
    operation_id: str | None
    number: str | None
    """Number of the statement it is for."""
    site: str | None
    """Building it was made for; several may share a Stripe account."""
    account_id: str | None
    """Account it was made for."""
    amount_minor: int
    """What was asked for."""


class SessionStatus(StrEnum):
    """Statuses of a Checkout Session."""

    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True)
class SessionFacts:
    """A Checkout Session as it is now."""

    id: str
    status: SessionStatus
    url: str | None
    intent: IntentFacts | None
    setup_status: str | None
    saved: SavedMethod | None
    """What mode setup saved."""


_DECIDING_ADVICE = ("do_not_try_again", "confirm_card_data")


def intent_facts(intent: stripe.PaymentIntent | dict[str, Any]) -> IntentFacts:
    """Read a PaymentIntent retrieved with `stripe_requests.INTENT_EXPAND`."""
    raw: dict[str, Any] = intent if isinstance(intent, dict) else intent.to_dict()
    currency = raw["currency"].upper()
    charge = raw.get("latest_charge")
    charge = charge if isinstance(charge, dict) else {}
    metadata = raw.get("metadata") or {}
    return IntentFacts(
        id=raw["id"],
        status=IntentStatus(raw["status"]),
        created=_at(raw["created"]),
        currency=currency,
        received_minor=from_stripe(raw.get("amount_received") or 0, currency),
        received_at=_at(charge.get("created", raw["created"])),
        fee=_fee(charge.get("balance_transaction")),
        error_code=error_code(raw.get("last_payment_error")),
        method=_method(raw.get("payment_method")),
        operation_id=metadata.get(OPERATION_KEY),
        number=metadata.get(STATEMENT_KEY),
        site=metadata.get(SITE_KEY),
        account_id=metadata.get(ACCOUNT_KEY),
        amount_minor=from_stripe(raw["amount"], currency),
    )


def session_facts(session: stripe.checkout.Session) -> SessionFacts:
    """Read a Checkout Session retrieved with `stripe_requests.SESSION_EXPAND`, or as it was just created."""
    raw = session.to_dict()
    intent, setup = raw.get("payment_intent"), raw.get("setup_intent")
    setup = setup if isinstance(setup, dict) else {}
    return SessionFacts(
        id=raw["id"],
        status=SessionStatus(raw["status"]),
        url=raw.get("url"),
        intent=intent_facts(intent) if isinstance(intent, dict) else None,
        setup_status=setup.get("status"),
        saved=_method(setup.get("payment_method")),
    )


def error_code(error: dict[str, Any] | None) -> str | None:
    """Return the one code that says what to do about a failed try."""
    if error is None:
        return None
    if error.get("advice_code") in _DECIDING_ADVICE:
        return str(error["advice_code"])
    return str(error.get("decline_code") or error.get("code") or "unknown")[:64]


def _fee(transaction: object) -> Fee | None:
    if not isinstance(transaction, dict):
        return None
    currency = transaction["currency"].upper()
    return Fee(
        amount_minor=from_stripe(transaction["fee"], currency), currency=currency, at=_at(transaction["created"])
    )


def _method(method: object) -> SavedMethod | None:
    if not isinstance(method, dict):
        return None
    kind = method["type"]
    details = method.get(kind) or {}
    name = str(details.get("display_brand") or details.get("brand") or kind)
    return SavedMethod(id=method["id"], label=f"{name.replace('_', ' ').title()} {details.get('last4') or ''}".strip())


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
