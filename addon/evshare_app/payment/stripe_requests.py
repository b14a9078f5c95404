"""What Stripe is asked, as exact parameters. Pure; checked in tests against the SDK's own request types.

Stripe is told pseudonyms only: account and operation ids and statement numbers, no names, flats or e-mail addresses.
`evshare_op` in the metadata is our operation, so that an object can be found by it when the answer was lost.
"""

from dataclasses import dataclass
from typing import Any

from .stripe_amounts import to_stripe

type Params = dict[str, Any]

SITE_KEY = "evshare_site"
ACCOUNT_KEY = "evshare_account"
OPERATION_KEY = "evshare_op"
STATEMENT_KEY = "evshare_stmt"

INTENT_EXPAND = ("latest_charge.balance_transaction", "payment_method")
"""What is read of a PaymentIntent."""
SESSION_EXPAND = (
    "setup_intent.payment_method",
    *(f"payment_intent.{path}" for path in INTENT_EXPAND),
)
"""What is read of a Checkout Session."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Whose operation it is; goes into the metadata of everything made at Stripe."""

    building_id: str
    account_id: str
    operation_id: str
    number: str | None = None

    def metadata(self) -> dict[str, str]:
        """Return the metadata of its objects."""
        named = {
            SITE_KEY: self.building_id,
            ACCOUNT_KEY: self.account_id,
            OPERATION_KEY: self.operation_id,
        }
        return named | ({STATEMENT_KEY: self.number} if self.number else {})


def customer(origin: Origin) -> Params:
    """A customer known by the account's id only."""
    return {"metadata": origin.metadata()}


def card_setup(origin: Origin, *, customer_id: str, currency: str, return_url: str) -> Params:
    """A hosted page that saves a method for later payments without the customer."""
    return {
        "mode": "setup",
        "currency": currency.lower(),
        "customer": customer_id,
        "success_url": return_url,
        "cancel_url": return_url,
        "client_reference_id": origin.account_id,
        "locale": "auto",
        "consent_collection": {"payment_method_reuse_agreement": {"position": "auto"}},
        "metadata": origin.metadata(),
        "setup_intent_data": {"metadata": origin.metadata()},
    }


def collection(
    origin: Origin, *, amount_minor: int, currency: str, customer_id: str, payment_method: str, month: str
) -> Params:
    """A payment from the saved method while the customer is away."""
    return {
        "amount": to_stripe(amount_minor, currency),
        "currency": currency.lower(),
        "customer": customer_id,
        "payment_method": payment_method,
        "off_session": True,
        "confirm": True,
        # Nobody is there to be redirected; without this Stripe wants a return_url.
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "description": f"EV charging {month}, statement {origin.number}",
        "statement_descriptor_suffix": f"EV {month}",
        "metadata": origin.metadata(),
        "expand": list(INTENT_EXPAND),
    }


def checkout(
    origin: Origin, *, amount_minor: int, currency: str, customer_id: str | None, save_card: bool, return_url: str
) -> Params:
    """A hosted page on which one statement is paid; with `save_card` the method is kept for the next ones."""
    intent: Params = {"description": f"EV charging, statement {origin.number}", "metadata": origin.metadata()}
    if save_card:
        intent["setup_future_usage"] = "off_session"
    params: Params = {
        "mode": "payment",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": currency.lower(),
                    "unit_amount": to_stripe(amount_minor, currency),
                    "product_data": {"name": f"EV charging, statement {origin.number}"},
                },
            }
        ],
        "success_url": return_url,
        "cancel_url": return_url,
        "client_reference_id": origin.account_id,
        "locale": "auto",
        "metadata": origin.metadata(),
        "payment_intent_data": intent,
    }
    return params | ({"customer": customer_id} if customer_id else {})
