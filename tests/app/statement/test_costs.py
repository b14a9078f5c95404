"""Cost items: what is entered, ended and refused. Amounts accrue by days."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection

from evshare_app.model import AccountId, Month
from evshare_app.split.days import Window
from evshare_app.split.items import Every, amount_in
from evshare_app.split.keys import Key
from evshare_app.statement.costs import CostError, CostKind, NewCost, add_cost, costs, end_cost, preview_costs
from tests.app.statement.lindenhof import JULY_1
from tests.app.statement.steps import close_month

WEBER, OKAFOR = AccountId("acc-weber"), AccountId("acc-okafor")
JUNE, JULY = Month(2026, 6), Month(2026, 7)
LOAN = NewCost(
    name="Loan",
    kind=CostKind.LOAN,
    key=Key.EQUAL,
    amount_minor=3_100,
    vat=None,
    every=Every.MONTH,
    from_day=date(2026, 7, 1),
)


def in_month(conn: Connection, month: Month) -> list[int]:
    return [amount_in(one.item, Window.of_month(month)) for one in costs(conn)]


def test_an_odd_unit_is_shown_where_it_goes(conn: Connection) -> None:
    """31.01 for two: one bears 15.51, the other 15.50."""
    add_cost(conn, replace(LOAN, amount_minor=3_101), "office:u1", JULY_1)
    (preview,) = preview_costs(conn, JULY)
    assert preview.total_minor == 3_101
    assert preview.split is not None
    assert sorted(preview.split.shares_minor.values()) == [1_550, 1_551]
    assert [one.total_minor for one in preview_costs(conn, JUNE)] == [0]


def test_an_ended_cost_counts_until_its_day(conn: Connection) -> None:
    """Ten of July's 31 days of 31.00 are 10.00, and August has none of it."""
    item_id = add_cost(conn, LOAN, "office:u1", JULY_1)
    end_cost(conn, item_id, date(2026, 7, 11))
    assert in_month(conn, JULY) == [1_000]
    assert in_month(conn, Month(2026, 8)) == [0]
    with pytest.raises(CostError, match=f"item: got '{item_id}'"):
        end_cost(conn, item_id, date(2026, 7, 12))


def test_a_cost_over_days_of_its_own_does_not_fall_due_when_it_is_ended(conn: Connection) -> None:
    """365.00 over 365 days, ended after 41 days: 31.00 in July, 10.00 in August, nothing later."""
    once = replace(LOAN, every=Every.ONCE, amount_minor=36_500, to_day=date(2027, 7, 1))
    end_cost(conn, add_cost(conn, once, "office:u1", JULY_1), date(2026, 8, 11))
    assert [in_month(conn, Month(2026, month)) for month in (7, 8, 9)] == [[3_100], [1_000], [0]]


def test_what_is_due_at_once_is_taken_back_whole(conn: Connection) -> None:
    item_id = add_cost(conn, replace(LOAN, every=Every.ONCE), "office:u1", JULY_1)
    assert in_month(conn, JULY) == [3_100]
    end_cost(conn, item_id, date(2026, 7, 20))
    assert in_month(conn, JULY) == [0]


def test_weights_are_each_accounts_own(conn: Connection) -> None:
    weights = {WEBER: Decimal("1.5"), OKAFOR: Decimal("0.5")}
    add_cost(conn, replace(LOAN, key=Key.CUSTOM, weights=weights), "office:u1", JULY_1)
    (preview,) = preview_costs(conn, JULY)
    assert preview.split is not None
    assert preview.split.shares_minor == {WEBER: 2_325, OKAFOR: 775}


def test_a_cost_that_nobody_can_bear_says_so(conn: Connection) -> None:
    add_cost(conn, replace(LOAN, key=Key.STALL), "office:u1", JULY_1)
    (preview,) = preview_costs(conn, JULY)
    assert preview.split is None
    assert "'Loan' by stall" in preview.problem


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"name": " "}, "name: got ' ', accepted are 1 to 80"),
        ({"amount_minor": 0}, "amount: got 0, accepted is an amount other than 0"),
        ({"vat": Decimal(101)}, "vat: got 101, accepted is a percentage"),
        ({"to_day": date(2026, 7, 1)}, "to_day: got 2026-07-01, accepted is a day after 2026-07-01"),
        ({"members": ()}, "members: got"),
        ({"members": (AccountId("nobody"),)}, "members: got"),
        ({"weights": {WEBER: Decimal(1)}}, "weights: got"),
        ({"key": Key.CUSTOM}, "weights: got None with the key custom"),
        ({"key": Key.CUSTOM, "weights": {WEBER: Decimal(0)}}, "weights: got nothing above 0"),
        ({"from_day": date(2026, 6, 30)}, "from_day: got 2026-06-30, accepted is 2026-07-01 or later"),
    ],
)
def test_what_cannot_be_set_is_named(conn: Connection, changed: dict[str, Any], problem: str) -> None:
    close_month(conn, JUNE, "office:u1", datetime(2026, 7, 1, 8, tzinfo=UTC))
    with pytest.raises(CostError, match=problem):
        add_cost(conn, replace(LOAN, **changed), "office:u1", JULY_1)
    assert costs(conn) == []
