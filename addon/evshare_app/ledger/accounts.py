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
CASH = "1300"
UNALLOCATED_RECEIPTS = "2500"
"""Money that came and that no one recognises yet."""
ENERGY = "4000"
IDLE = "4010"
"""Income from parking time: connected, not charging."""
SESSION_FEE = "4020"
ROUNDING = "4090"
PAYMENT_FEES = "5200"
WRITTEN_OFF = "5300"
"""Energy that was charged and that nobody owes: "that was not my car" was true."""

CHART = {
    BANK: AccountKind.ASSET,
    STRIPE_CLEARING: AccountKind.ASSET,
    CASH: AccountKind.ASSET,
    "1400": AccountKind.ASSET,  # receivable, per account
    "2100": AccountKind.LIABILITY,  # prepaid, per account
    "2300": AccountKind.LIABILITY,  # VAT payable, per rate
    UNALLOCATED_RECEIPTS: AccountKind.LIABILITY,
    ENERGY: AccountKind.INCOME,
    IDLE: AccountKind.INCOME,
    SESSION_FEE: AccountKind.INCOME,
    ROUNDING: AccountKind.INCOME,
    PAYMENT_FEES: AccountKind.EXPENSE,
    WRITTEN_OFF: AccountKind.EXPENSE,
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
