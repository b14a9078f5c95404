"""What is booked for what happened: one pure function per event, each giving a balanced transaction.

The rows of the bookkeeping table: debit first, then credit. Amounts are given as people say them, above zero; the sides
and signs are made here. Nothing is booked for SEPA that is still processing, nor for a guest's authorised hold: both
are states of an operation, not money.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ..model import AccountId
from . import accounts
from .ledger import LedgerError, NewTransaction, Posting

type Vat = Mapping[Decimal, int]
"""VAT in minor units per rate in percent."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """What every transaction needs to be told."""

    transaction_id: str
    occurred: datetime
    actor: str
    reason: str
    currency: str
    reverses: str | None = None


# --- statements --------------------------------------------------------------------------------------------------


def statement_issued(event: Event, account_id: AccountId, net: Mapping[str, int], vat: Vat) -> NewTransaction:
    """The account owes what the statement says. `net` is by income account; single entries may be below zero."""
    return _owed(event, "statement", account_id, net, vat, sign=1)


def credit_note(event: Event, account_id: AccountId, net: Mapping[str, int], vat: Vat) -> NewTransaction:
    """The account owes that much less; `net` and `vat` are what is taken back."""
    return _owed(event, "credit_note", account_id, net, vat, sign=-1)


def true_up(event: Event, account_id: AccountId, net_minor: int, vat: Vat) -> NewTransaction:
    """The year's costs became known: the account owes the rest, or gets back what it paid too much (below zero)."""
    return _owed(event, "true_up", account_id, {accounts.COST_SHARE: net_minor}, vat, sign=1)


def written_off(event: Event, account_id: AccountId, net_minor: int, vat: Vat) -> NewTransaction:
    """Nobody will pay it any more. `vat` is what the law lets the building take back of it."""
    _positive(net=net_minor)
    return _owed(event, "write_off", account_id, {accounts.WRITTEN_OFF: net_minor}, vat, sign=-1)


def goodwill(event: Event, account_id: AccountId, net_minor: int, vat: Vat) -> NewTransaction:
    """The building lets the account off an amount."""
    _positive(net=net_minor)
    return _owed(event, "goodwill", account_id, {accounts.GOODWILL: net_minor}, vat, sign=-1)


def cash_rounding(event: Event, account_id: AccountId, minor: int) -> NewTransaction:
    """Cash has no such small coins: the account owes `minor` less (or more, below zero)."""
    return _owed(event, "rounding", account_id, {accounts.ROUNDING: minor}, {}, sign=-1)


# --- money that comes in -----------------------------------------------------------------------------------------


def paid(event: Event, account_id: AccountId, minor: int, into: str) -> NewTransaction:
    """Money of this account arrived: by card or debit (stripe_clearing), bank transfer (bank), or cash."""
    return _moved(event, "payment", minor, into, accounts.receivable(account_id))


def topped_up(event: Event, account_id: AccountId, minor: int, into: str) -> NewTransaction:
    """The account paid in advance."""
    return _moved(event, "top_up", minor, into, accounts.prepaid(account_id))


def prepaid_used(event: Event, account_id: AccountId, minor: int) -> NewTransaction:
    """What was paid in advance pays what is owed."""
    return _moved(event, "prepaid_used", minor, accounts.prepaid(account_id), accounts.receivable(account_id))


def unknown_receipt(event: Event, minor: int) -> NewTransaction:
    """Money arrived at the bank and nobody knows whose."""
    return _moved(event, "unknown_receipt", minor, accounts.BANK, accounts.UNALLOCATED_RECEIPTS)


def receipt_recognised(event: Event, account_id: AccountId, minor: int) -> NewTransaction:
    """Money that arrived earlier is this account's."""
    return _moved(event, "receipt_recognised", minor, accounts.UNALLOCATED_RECEIPTS, accounts.receivable(account_id))


def guest_captured(event: Event, net: Mapping[str, int], vat: Vat) -> NewTransaction:
    """A guest's card paid for a session; nobody owes it. `net` is by income account."""
    return _made(event, "guest", {accounts.STRIPE_CLEARING: sum(net.values()) + sum(vat.values())}, _negative(net, vat))


# --- the provider and the bank -----------------------------------------------------------------------------------


def fee_kept(event: Event, minor: int, of: str) -> NewTransaction:
    """The provider kept a fee of the money it holds in `of`."""
    return _moved(event, "payment_fee", minor, accounts.PAYMENT_FEES, of)


def payout_sent(event: Event, minor: int) -> NewTransaction:
    """Stripe sent its balance to the bank."""
    return _moved(event, "payout", minor, accounts.STRIPE_IN_TRANSIT, accounts.STRIPE_CLEARING)


def payout_arrived(event: Event, minor: int, out_of: str = accounts.STRIPE_IN_TRANSIT) -> NewTransaction:
    """The bank shows a payout. `out_of` is stripe_clearing where its sending was not booked."""
    return _moved(event, "payout", minor, accounts.BANK, out_of)


def refunded(event: Event, ledger_account: str, minor: int, out_of: str = accounts.STRIPE_CLEARING) -> NewTransaction:
    """An account was given back money it is owed: its receivable (after a credit note) or prepaid account."""
    return _moved(event, "refund", minor, ledger_account, out_of)


def chargeback_opened(event: Event, minor: int, fee_minor: int) -> NewTransaction:
    """A cardholder's bank took an amount back, and Stripe its fee for that (0: none)."""
    _positive(amount=minor)
    if fee_minor < 0:
        msg = f"fee: got {fee_minor}, accepted is 0 or more"
        raise LedgerError(msg)
    sides = {accounts.DISPUTED: minor, accounts.PAYMENT_FEES: fee_minor}
    return _made(event, "chargeback", sides, {accounts.STRIPE_CLEARING: -minor - fee_minor})


def chargeback_won(event: Event, minor: int) -> NewTransaction:
    """The bank gave it back to us."""
    return _moved(event, "chargeback", minor, accounts.STRIPE_CLEARING, accounts.DISPUTED)


def chargeback_lost(event: Event, account_id: AccountId, minor: int) -> NewTransaction:
    """The bank keeps it: the account owes it again."""
    return _moved(event, "chargeback", minor, accounts.receivable(account_id), accounts.DISPUTED)


# --- the building's own ------------------------------------------------------------------------------------------


def energy_given_up(event: Event, net: Mapping[str, int]) -> NewTransaction:
    """Nobody owes a session: income shows what it was worth, 5300 that the house bears it. `net` is by account."""
    return _made(event, "dispute", {accounts.WRITTEN_OFF: sum(net.values())}, _negative(net, {}))


def utility_billed(event: Event, minor: int) -> NewTransaction:
    """The supplier was paid."""
    return _moved(event, "utility", minor, accounts.UTILITY, accounts.BANK)


def losses_allocated(event: Event, minor: int) -> NewTransaction:
    """That much of the supplier's bill was for energy no sub-meter counted, and the house bears it."""
    return _moved(event, "losses", minor, accounts.LOSSES, accounts.UTILITY)


def reserved(event: Event, minor: int, out_of: str = accounts.COST_SHARE) -> NewTransaction:
    """The owners put aside what came in for it."""
    return _moved(event, "reserve", minor, out_of, accounts.RESERVE)


def reserve_used(event: Event, minor: int, out_of: str = accounts.BANK) -> NewTransaction:
    """Something was paid out of what had been put aside."""
    return _moved(event, "reserve", minor, accounts.RESERVE, out_of)


# --- how they are made -------------------------------------------------------------------------------------------


def _owed(
    event: Event, kind: str, account_id: AccountId, net: Mapping[str, int], vat: Vat, *, sign: int
) -> NewTransaction:
    gross = sum(net.values()) + sum(vat.values())
    others = {account: sign * minor for account, minor in _negative(net, vat).items()}
    return _made(event, kind, {accounts.receivable(account_id): sign * gross}, others)


def _moved(event: Event, kind: str, minor: int, debit: str, credit: str) -> NewTransaction:
    _positive(amount=minor)
    return _made(event, kind, {debit: minor}, {credit: -minor})


def _made(event: Event, kind: str, first: Mapping[str, int], then: Mapping[str, int]) -> NewTransaction:
    sides = [*first.items(), *sorted(then.items())]
    return NewTransaction(
        transaction_id=event.transaction_id,
        kind=kind,
        occurred=event.occurred,
        actor=event.actor,
        reason=event.reason,
        postings=[Posting(account, minor) for account, minor in sides if minor],
        currency=event.currency,
        reverses=event.reverses,
    )


def _negative(net: Mapping[str, int], vat: Vat) -> dict[str, int]:
    sides = {account: -minor for account, minor in net.items()}
    for percent, minor in vat.items():
        account = accounts.vat_payable(percent)
        sides[account] = sides.get(account, 0) - minor
    return sides


def _positive(**amounts: int) -> None:
    for name, minor in amounts.items():
        if minor <= 0:
            msg = f"{name}: got {minor}, accepted is more than 0"
            raise LedgerError(msg)
