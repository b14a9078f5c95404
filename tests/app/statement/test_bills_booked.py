"""A utility bill is a cost of the building: in the ledger as long as it stands."""

from datetime import date

import pytest

from evshare_app.ledger.accounts import BANK, ENERGY, LOSSES, RESERVE, UTILITY
from evshare_app.ledger.ledger import balance, verify
from evshare_app.split.days import Window
from evshare_app.statement.bill_booking import withdraw_bill
from evshare_app.statement.bill_outcome import bill_outcome
from evshare_app.statement.bills import Bill, BillError, add_bill, bills
from evshare_app.statement.checks import run_checks
from tests.app.statement.costs import JULY_1, JUNE, JUNE_DAYS, berlin, utility
from tests.app.statement.lindenhof import Cut, add_session
from tests.app.statement.steps import close_month


def test_a_bill_is_booked_when_it_is_entered_and_taken_back_with_it(conn):
    bill_id = utility(conn, "SW-6", 391_000, 10_373, (date(2026, 6, 1), date(2026, 7, 1)))
    assert (balance(conn, UTILITY), balance(conn, BANK)) == (10_373, -10_373)
    withdraw_bill(conn, bill_id, "office:m", JULY_1)
    assert (balance(conn, UTILITY), balance(conn, BANK)) == (0, 0)
    assert bills(conn) == []
    assert verify(conn).ok
    with pytest.raises(BillError, match="accepted is one that stands"):
        withdraw_bill(conn, bill_id, "office:m", JULY_1)


@pytest.mark.parametrize(
    ("energy_minor", "reserve", "losses"),
    [
        # 100 of 125 kWh are the residents', at 0.30: they bring 30.00. Of 25.00 theirs are 20.00, losses 5.00.
        (2_500, 1_000, 500),
        # Of 50.00 theirs are 40.00: 10.00 are missing; losses 10.00.
        (5_000, -1_000, 1_000),
    ],
)
def test_what_fixed_tariffs_bring_more_or_less_than_the_bill_goes_through_the_reserve(
    conn, energy_minor, reserve, losses
):
    add_session(conn, "s1", berlin(3, 18), [Cut(600, 100_000)])
    bill_id = utility(conn, "SW-6", 125_000, energy_minor, JUNE_DAYS)
    assert balance(conn, RESERVE) == 0
    assert bill_outcome(conn, bills(conn)[0]).settled is None
    close_month(conn, JUNE, "office:m", JULY_1)
    assert -balance(conn, RESERVE) == reserve
    assert -balance(conn, ENERGY) == 3_000 - reserve
    assert (balance(conn, LOSSES), balance(conn, UTILITY)) == (losses, energy_minor - losses)
    [bill] = bills(conn)
    became = bill_outcome(conn, bill)
    assert (became.settled, became.billed) == (JUNE, False)
    outcome = became.fixed
    assert outcome is not None
    assert (outcome.surplus.minor, outcome.reserve.minor) == (reserve, reserve)
    assert [check for check in run_checks(conn) if not check.ok] == []
    withdraw_bill(conn, bill_id, "office:m", JULY_1)
    assert [balance(conn, one) for one in (RESERVE, LOSSES, UTILITY, BANK)] == [0, 0, 0, 0]
    assert balance(conn, ENERGY) == -3_000
    assert verify(conn).ok


def test_a_bill_without_energy_is_refused_since_nobody_could_bear_it(conn):
    new = Bill(
        bill_id="",
        number="SW-6",
        window=Window(from_day=JUNE_DAYS[0], to_day=JUNE_DAYS[1]),
        feeder_wh=0,
        energy_minor=0,
        fixed_minor=1_290,
        demand_minor=0,
        tax_minor=0,
        created_ms=0,
    )
    with pytest.raises(BillError, match="feeder_wh: got 0 with a bill of 1290"):
        add_bill(conn, new, "office:m", JULY_1)
    assert (bills(conn), balance(conn, UTILITY)) == ([], 0)
