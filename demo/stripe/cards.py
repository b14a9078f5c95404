"""What a card or bank account does when it is saved and charged (numbers of payments.md 5.4, point 4).

Declines carry Stripe's `code`, `decline_code` and `advice_code`. Cards of the wallet are data, so a test may change
one (`World.cards`): a customer who has money again, or a bank that wants no authentication any more.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Decline:
    """Why a charge is declined."""

    code: str
    decline_code: str | None = None
    advice_code: str | None = None


@dataclass(frozen=True, kw_only=True)
class Card:
    """A card: what happens on saving and on charging it."""

    brand: str = "visa"
    on_saving: Decline | None = None
    on_charging: Decline | None = None
    authenticates: bool = False
    """Strong customer authentication: it cannot be charged while the customer is away."""


@dataclass(frozen=True, kw_only=True)
class BankAccount:
    """A SEPA account: a debit is `processing` for days and then succeeds or fails with a code."""

    failure_code: str | None = None


type Wallet = dict[str, Card | BankAccount]

_INSUFFICIENT = Decline(code="card_declined", decline_code="insufficient_funds", advice_code="try_again_later")
_GENERIC = Decline(code="card_declined", decline_code="generic_decline", advice_code="try_again_later")


def wallet() -> Wallet:
    """Return the known numbers; others are refused as `incorrect_number`."""
    return {
        "4242424242424242": Card(),
        "5555555555554444": Card(brand="mastercard"),
        "4000000000000002": Card(on_saving=_GENERIC, on_charging=_GENERIC),
        "4000000000009995": Card(on_charging=_INSUFFICIENT),
        "4000000000000341": Card(on_charging=Decline(code="card_declined", decline_code="generic_decline")),
        "4000000000009987": Card(
            on_charging=Decline(code="card_declined", decline_code="lost_card", advice_code="do_not_try_again")
        ),
        "4000000000000069": Card(on_charging=Decline(code="expired_card", advice_code="confirm_card_data")),
        "4000000000000119": Card(on_charging=Decline(code="processing_error", advice_code="try_again_later")),
        # Wants authentication unless it was set up; whatever is saved here was set up by its customer.
        "4000002500003155": Card(),
        "4000002760003184": Card(authenticates=True),
        "DE89370400440532013000": BankAccount(),
        "DE62370400440532013001": BankAccount(failure_code="insufficient_funds"),
        "DE36370400440532013005": BankAccount(failure_code="debit_not_authorized"),
    }


UNKNOWN_NUMBER = Card(on_saving=Decline(code="incorrect_number"), on_charging=Decline(code="incorrect_number"))
AUTHENTICATION_REQUIRED = Decline(code="authentication_required", decline_code="authentication_required")
