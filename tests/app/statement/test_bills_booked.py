"""A utility bill is a cost of the building: in the ledger as long as it stands."""

from datetime import date

import pytest

from evshare_app.ledger.accounts import BANK, UTILITY
from evshare_app.ledger.ledger import balance, verify
from evshare_app.statement.bills import BillError, bills, withdraw_bill
from tests.app.statement.costs import JULY_1, utility


def test_a_bill_is_booked_when_it_is_entered_and_taken_back_with_it(conn):
    bill_id = utility(conn, "SW-6", 391_000, 10_373, (date(2026, 6, 1), date(2026, 7, 1)))
    assert (balance(conn, UTILITY), balance(conn, BANK)) == (10_373, -10_373)
    withdraw_bill(conn, bill_id, "office:m", JULY_1)
    assert (balance(conn, UTILITY), balance(conn, BANK)) == (0, 0)
    assert bills(conn) == []
    assert verify(conn).ok
    with pytest.raises(BillError, match="accepted is one that stands"):
        withdraw_bill(conn, bill_id, "office:m", JULY_1)
