"""The bookkeeping table, row by row: event, debit, credit (payments.md 11.2). Amounts are made up, sides are not."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from evshare_app.ledger import templates as t
from evshare_app.ledger.accounts import CHART
from evshare_app.ledger.ledger import LedgerError, balance, post, verify

NOW = datetime(2026, 7, 1, 8, tzinfo=UTC)
EVENT = t.Event(transaction_id="t1", occurred=NOW, actor="office", reason="because", currency="EUR")
A = "acc-weber"
VAT = {Decimal("19.0"): 190}

TABLE = [
    # statement issued: receivable gross | energy, idle, fees net, vat
    (
        t.statement_issued(EVENT, A, {"4000": 900, "4010": 60, "4030": 40}, VAT),
        {"1400:acc-weber": 1190, "4000": -900, "4010": -60, "4030": -40, "2300:19": -190},
    ),
    # prepaid used: prepaid | receivable
    (t.prepaid_used(EVENT, A, 500), {"2100:acc-weber": 500, "1400:acc-weber": -500}),
    # top-up received (Stripe): stripe_clearing | prepaid
    (t.topped_up(EVENT, A, 5000, "1200"), {"1200": 5000, "2100:acc-weber": -5000}),
    # card paid: stripe_clearing | receivable
    (t.paid(EVENT, A, 1190, "1200"), {"1200": 1190, "1400:acc-weber": -1190}),
    # Stripe fee: payment_fees | stripe_clearing
    (t.fee_kept(EVENT, 42, "1200"), {"5200": 42, "1200": -42}),
    # payout arrives: bank | stripe_clearing, in two steps where its sending was seen
    (t.payout_arrived(EVENT, 1148, "1200"), {"1100": 1148, "1200": -1148}),
    (t.payout_sent(EVENT, 1148), {"1210": 1148, "1200": -1148}),
    (t.payout_arrived(EVENT, 1148), {"1100": 1148, "1210": -1148}),
    # bank transfer matched: bank | receivable
    (t.paid(EVENT, A, 1190, "1100"), {"1100": 1190, "1400:acc-weber": -1190}),
    # unknown receipt: bank | unallocated_receipts, and whose it was found to be
    (t.unknown_receipt(EVENT, 77), {"1100": 77, "2500": -77}),
    (t.receipt_recognised(EVENT, A, 77), {"2500": 77, "1400:acc-weber": -77}),
    # refund: receivable or prepaid (after a credit note) | stripe_clearing
    (t.refunded(EVENT, "1400:acc-weber", 300), {"1400:acc-weber": 300, "1200": -300}),
    (t.refunded(EVENT, "2100:acc-weber", 300), {"2100:acc-weber": 300, "1200": -300}),
    # dispute opened: disputed + payment_fees | stripe_clearing
    (t.chargeback_opened(EVENT, 1190, 2000), {"1450": 1190, "5200": 2000, "1200": -3190}),
    (t.chargeback_opened(EVENT, 1190, 0), {"1450": 1190, "1200": -1190}),
    # dispute won / lost: stripe_clearing / receivable | disputed
    (t.chargeback_won(EVENT, 1190), {"1200": 1190, "1450": -1190}),
    (t.chargeback_lost(EVENT, A, 1190), {"1400:acc-weber": 1190, "1450": -1190}),
    # credit note: energy, vat | receivable
    (t.credit_note(EVENT, A, {"4000": 1000}, VAT), {"4000": 1000, "2300:19": 190, "1400:acc-weber": -1190}),
    # write-off: write_offs (+ vat per law) | receivable
    (t.written_off(EVENT, A, 1000, VAT), {"5300": 1000, "2300:19": 190, "1400:acc-weber": -1190}),
    (t.written_off(EVENT, A, 1190, {}), {"5300": 1190, "1400:acc-weber": -1190}),
    (t.goodwill(EVENT, A, 500, {}), {"5400": 500, "1400:acc-weber": -500}),
    # guest capture: stripe_clearing | energy, vat
    (t.guest_captured(EVENT, {"4000": 1000}, VAT), {"1200": 1190, "4000": -1000, "2300:19": -190}),
    # utility bill: utility | bank
    (t.utility_billed(EVENT, 90000), {"5000": 90000, "1100": -90000}),
    # loss allocation: losses | utility
    (t.losses_allocated(EVENT, 1200), {"5100": 1200, "5000": -1200}),
    # cash rounding: rounding | receivable, either way round
    (t.cash_rounding(EVENT, A, 2), {"4090": 2, "1400:acc-weber": -2}),
    (t.cash_rounding(EVENT, A, -2), {"1400:acc-weber": 2, "4090": -2}),
    # a year's costs became known: more, or less, than was paid provisionally
    (t.true_up(EVENT, A, 1000, VAT), {"1400:acc-weber": 1190, "4040": -1000, "2300:19": -190}),
    (t.true_up(EVENT, A, -1000, {Decimal(19): -190}), {"4040": 1000, "2300:19": 190, "1400:acc-weber": -1190}),
    # the owners' reserve
    (t.reserved(EVENT, 5000), {"4040": 5000, "2400": -5000}),
    (t.reserve_used(EVENT, 5000), {"2400": 5000, "1100": -5000}),
]


@pytest.mark.parametrize(("transaction", "sides"), TABLE)
def test_an_event_is_booked_as_the_table_says(transaction, sides):
    assert {one.account: one.amount_minor for one in transaction.postings} == sides
    assert sum(sides.values()) == 0


def test_the_ledger_takes_every_template(conn):
    for place, (transaction, _) in enumerate(TABLE):
        fields = vars(transaction) | {"transaction_id": f"t{place}"}
        post(conn, type(transaction)(**fields), NOW)
    assert verify(conn).ok
    # Two disputes were opened, one was won and one lost.
    assert balance(conn, "1450") == 0


def test_the_chart_has_every_account_of_the_reference():
    """payments.md 11.1."""
    wanted = "1100 1200 1210 1300 1400 1450 2100 2200 2300 2400 2500 4000 4010 4020 4030 4090 5000 5100 5200 5300 5400"
    assert set(wanted.split()) <= set(CHART)
    assert CHART["1450"] == "asset"
    assert CHART["2400"] == "liability"
    assert CHART["4040"] == "income"
    assert CHART["5100"] == "expense"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: t.paid(EVENT, A, 0, "1100"),
        lambda: t.topped_up(EVENT, A, -5, "1200"),
        lambda: t.written_off(EVENT, A, 0, {}),
        lambda: t.chargeback_opened(EVENT, 5, -1),
    ],
)
def test_amounts_are_said_above_zero(wrong):
    with pytest.raises(LedgerError, match="accepted is"):
        wrong()
