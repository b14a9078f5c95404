"""The chart of accounts: which numbers exist and what they are. One account per number, and per party where one owes.

A debit is positive, a credit negative. The id of an account is its number, or `<number>:<whom or what>`.
"""

from decimal import Decimal
from enum import StrEnum

from ..model import AccountId


class AccountKind(StrEnum):
    """What a balance on the account means."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"


BANK = "1100"
STRIPE_CLEARING = "1200"
"""Money Stripe holds for us."""
STRIPE_IN_TRANSIT = "1210"
"""Money Stripe has sent and the bank does not show yet."""
CASH = "1300"
DISPUTED = "1450"
"""Money a cardholder's bank took back until a dispute is decided."""
GUEST_HOLDS = "2200"
"""A memo: what is only authorised on a guest's card is no money yet, and no template books it."""
RESERVE = "2400"
"""What the owners put aside, for repairs say."""
UNALLOCATED_RECEIPTS = "2500"
"""Money that came and that no one recognises yet."""
ENERGY = "4000"
IDLE = "4010"
"""Income from parking time: connected, not charging."""
SESSION_FEE = "4020"
BASE_FEE = "4030"
"""Income from plans: base fees and what belongs to them."""
COST_SHARE = "4040"
"""What accounts bear of the building's costs: loan, maintenance, demand, true-ups."""
ROUNDING = "4090"
UTILITY = "5000"
"""What the supplier bills."""
LOSSES = "5100"
"""Energy of the feeder that no sub-meter counted, and the house bears."""
PAYMENT_FEES = "5200"
WRITTEN_OFF = "5300"
"""Energy that was charged and that nobody owes: "that was not my car" was true."""
GOODWILL = "5400"
COMMON_COST = "5500"
"""What the building charged for itself, such as a craftsman's car: a cost of all owners."""

CHART = {
    BANK: AccountKind.ASSET,
    STRIPE_CLEARING: AccountKind.ASSET,
    STRIPE_IN_TRANSIT: AccountKind.ASSET,
    CASH: AccountKind.ASSET,
    "1400": AccountKind.ASSET,  # receivable, per account
    DISPUTED: AccountKind.ASSET,
    "2100": AccountKind.LIABILITY,  # prepaid, per account
    GUEST_HOLDS: AccountKind.LIABILITY,
    "2300": AccountKind.LIABILITY,  # VAT payable, per rate
    RESERVE: AccountKind.LIABILITY,
    UNALLOCATED_RECEIPTS: AccountKind.LIABILITY,
    ENERGY: AccountKind.INCOME,
    IDLE: AccountKind.INCOME,
    SESSION_FEE: AccountKind.INCOME,
    BASE_FEE: AccountKind.INCOME,
    COST_SHARE: AccountKind.INCOME,
    ROUNDING: AccountKind.INCOME,
    UTILITY: AccountKind.EXPENSE,
    LOSSES: AccountKind.EXPENSE,
    PAYMENT_FEES: AccountKind.EXPENSE,
    WRITTEN_OFF: AccountKind.EXPENSE,
    GOODWILL: AccountKind.EXPENSE,
    COMMON_COST: AccountKind.EXPENSE,
}
"""Every account number in use."""

_DIVIDED = {"1400", "2100", "2300"}


def receivable(account_id: AccountId) -> str:
    """Return what this account owes the building."""
    return f"1400:{account_id}"


def prepaid(account_id: AccountId) -> str:
    """Return what the building holds for this account: paid too much or in advance."""
    return f"2100:{account_id}"


def vat_payable(rate_percent: Decimal) -> str:
    """Return the tax account of a VAT rate, e.g. ``2300:19``."""
    return f"2300:{rate_percent.normalize():f}"


def kind_of(ledger_account: str) -> AccountKind:
    """Return what an account is. Raises ValueError for one that is not in the chart."""
    number, colon, of = ledger_account.partition(":")
    if number not in CHART or bool(of) != (number in _DIVIDED) or bool(colon) != bool(of):
        numbers = ", ".join(f"{known}:…" if known in _DIVIDED else known for known in CHART)
        msg = f"ledger account: got {ledger_account!r}, accepted are {numbers}"
        raise ValueError(msg)
    return CHART[number]
