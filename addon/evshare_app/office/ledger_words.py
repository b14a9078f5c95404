"""What ledger accounts and transactions are called, for people."""

from collections.abc import Callable, Mapping

from ..i18n import mark
from ..ledger import accounts

NUMBERS = {
    accounts.BANK: mark("Bank"),
    accounts.STRIPE_CLEARING: mark("Held by Stripe"),
    accounts.STRIPE_IN_TRANSIT: mark("On its way from Stripe"),
    accounts.CASH: mark("Cash"),
    "1400": mark("Owed by"),
    accounts.DISPUTED: mark("Taken back, in dispute"),
    "2100": mark("Paid in advance by"),
    accounts.GUEST_HOLDS: mark("Reserved on guests’ cards"),
    "2300": mark("VAT to be paid"),
    accounts.RESERVE: mark("Put aside"),
    accounts.UNALLOCATED_RECEIPTS: mark("Received, not known from whom"),
    accounts.ENERGY: mark("Income: energy"),
    accounts.IDLE: mark("Income: parking time"),
    accounts.SESSION_FEE: mark("Income: session fees"),
    accounts.BASE_FEE: mark("Income: base fees"),
    accounts.COST_SHARE: mark("Income: shares of costs"),
    accounts.ROUNDING: mark("Rounding"),
    accounts.UTILITY: mark("Cost: the utility’s bills"),
    accounts.LOSSES: mark("Cost: losses"),
    accounts.PAYMENT_FEES: mark("Cost: payment fees"),
    accounts.WRITTEN_OFF: mark("Cost: written off"),
    accounts.GOODWILL: mark("Cost: goodwill"),
    accounts.COMMON_COST: mark("Cost: charged for the building"),
}
"""Every number of the chart."""

KINDS = {
    "statement": mark("Statement"),
    "credit_note": mark("Credit note"),
    "true_up": mark("True-up"),
    "write_off": mark("Write-off"),
    "goodwill": mark("Goodwill"),
    "rounding": mark("Cash rounding"),
    "payment": mark("Payment"),
    "top_up": mark("Top-up"),
    "prepaid_used": mark("Used of what was paid in advance"),
    "unknown_receipt": mark("Receipt from somebody unknown"),
    "receipt_recognised": mark("Receipt recognised"),
    "guest": mark("A guest’s payment"),
    "payment_fee": mark("Payment fee"),
    "payout": mark("Payout"),
    "refund": mark("Refund"),
    "chargeback": mark("Chargeback"),
    "utility": mark("Utility bill"),
    "losses": mark("Losses"),
    "reserve": mark("Reserve"),
    "common": mark("Charged for the building"),
    "dispute": mark("Dispute upheld"),
    "slices": mark("Meter values sealed"),
}
"""Kinds of transactions."""


def account_name(account: str, parties: Mapping[str, str], say: Callable[[str], str]) -> str:
    """Return what a ledger account is called; `parties` is the names of those who owe, by account id."""
    number, _, of = account.partition(":")
    name = say(NUMBERS[number])
    if not of:
        return name
    return f"{name} {parties.get(of, of)}" if number != "2300" else f"{name}, {of}\N{NO-BREAK SPACE}%"
