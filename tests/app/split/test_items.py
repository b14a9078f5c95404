"""Cost items by hand: amounts by days, keys, and people who come and go."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from evshare_app.model import AccountId, Month
from evshare_app.split.days import Days, Window
from evshare_app.split.items import CostItem, Every, amount_in, split_item
from evshare_app.split.keys import Basis, Held, Holder, Key, Member, UnitShare, Used, ownership, weights_by
from evshare_app.split.remainder import NothingToShareBy

A, B, C = AccountId("a"), AccountId("b"), AccountId("c")
MARCH, JUNE = Window.of_month(Month(2026, 3)), Window.of_month(Month(2026, 6))
FOR_GOOD = Days(from_day=date(2020, 1, 1))
TWO = (Member(account_id=A, days=FOR_GOOD), Member(account_id=B, days=FOR_GOOD))


def item(
    amount_minor: int, every: Every = Every.MONTH, key: Key = Key.EQUAL, days: Days = FOR_GOOD, **more
) -> CostItem:
    return CostItem(item_id="loan", name="Loan", key=key, amount_minor=amount_minor, every=every, days=days, **more)


def month(year: int, number: int) -> Window:
    return Window.of_month(Month(year, number))


# --- what falls into a month ---------------------------------------------------------------------------------------


def test_a_yearly_amount_falls_into_a_month_by_its_days():
    # 1200.00 a year: January 31/365 is 101.918, January and February 59/365 are 193.973: 101.92, then 193.97 - 101.92.
    loan = item(120_000, Every.YEAR)
    assert amount_in(loan, month(2026, 1)) == 10_192
    assert amount_in(loan, month(2026, 2)) == 9_205
    assert amount_in(loan, Window.of_year(2026)) == 120_000
    # In a leap year 31/366 is 101.639.
    assert amount_in(item(120_000, Every.YEAR, days=Days(from_day=date(2028, 1, 1))), month(2028, 1)) == 10_164


def test_a_monthly_amount_that_begins_in_mid_month_counts_from_its_day():
    # 16 of 31 days of March.
    fee = item(3_100, days=Days(from_day=date(2026, 3, 16), to_day=date(2026, 6, 11)))
    assert [amount_in(fee, month(2026, number)) for number in (2, 3, 4, 5, 6, 7)] == [0, 1_600, 3_100, 3_100, 1_033, 0]


def test_what_is_due_once_is_spread_over_its_days_or_falls_on_its_day():
    # 90 days: 16 in January, 28, 31, 15 in April.
    repair = item(9_000, Every.ONCE, days=Days(from_day=date(2026, 1, 16), to_day=date(2026, 4, 16)))
    assert [amount_in(repair, month(2026, number)) for number in (1, 2, 3, 4, 5)] == [1_600, 2_800, 3_100, 1_500, 0]
    bill = item(9_000, Every.ONCE, days=Days(from_day=date(2026, 3, 31)))
    assert [amount_in(bill, month(2026, number)) for number in (2, 3, 4)] == [0, 9_000, 0]
    # It is for the month, not for whoever is there on its day: A 31 days of March and B 14 are 2.00 a day.
    gone = Member(account_id=B, days=Days(from_day=date(2020, 1, 1), to_day=date(2026, 3, 15)))
    assert split_item(bill, Basis(accounts=(TWO[0], gone)), MARCH).shares_minor == {A: 6_200, B: 2_800}


@given(
    st.integers(-(10**6), 10**6),
    st.sampled_from(Every),
    st.dates(date(2027, 1, 1), date(2027, 12, 31)),
    st.integers(0, 500),
)
@settings(max_examples=40)
def test_months_in_a_row_sum_to_the_whole(amount_minor, every, from_day, length):
    cost = item(
        amount_minor, every, days=Days(from_day=from_day, to_day=date.fromordinal(from_day.toordinal() + length))
    )
    windows = [month(year, number) for year in (2027, 2028, 2029) for number in range(1, 13)]
    whole = Window(from_day=date(2027, 1, 1), to_day=date(2030, 1, 1))
    assert sum(amount_in(cost, window) for window in windows) == amount_in(cost, whole)


# --- who bears how much of it --------------------------------------------------------------------------------------


def test_who_comes_and_goes_in_mid_month_bears_its_days():
    # March: A 31 days, B 1st to 15th, C 16th to 31st: 62 days in all, 93.00 by them is 1.50 a day.
    basis = Basis(
        accounts=(
            Member(account_id=A, days=FOR_GOOD),
            Member(account_id=B, days=Days(from_day=date(2020, 1, 1), to_day=date(2026, 3, 16))),
            Member(account_id=C, days=Days(from_day=date(2026, 3, 16))),
        )
    )
    split = split_item(item(9_300), basis, MARCH)
    assert split.total_minor == 9_300
    assert split.weights == {A: 31, B: 15, C: 16}
    assert split.shares_minor == {A: 4_650, B: 2_250, C: 2_400}


def test_a_share_that_changes_in_mid_month_counts_by_days():
    # June: A 100 for 15 days and 150 for 15 are 3750, B 250 for 30 days are 7500; 112.50 by 1:2.
    held = (
        Held(account_id=A, weight=100, days=Days(from_day=date(2020, 1, 1), to_day=date(2026, 6, 16))),
        Held(account_id=A, weight=150, days=Days(from_day=date(2026, 6, 16))),
        Held(account_id=B, weight=250, days=FOR_GOOD),
    )
    split = split_item(item(11_250, key=Key.OWNERSHIP), Basis(accounts=TWO, ownership=held), JUNE)
    assert split.shares_minor == {A: 3_750, B: 7_500}


def test_each_key_divides_by_its_own_weights():
    # 60.00 in June: stalls 2:1, capacity 11 kW : 22 kW, kWh 300:100, booked time 1:5, custom 0.5:1.
    basis = Basis(
        accounts=TWO,
        stalls=[Held(account_id=one, weight=1, days=FOR_GOOD) for one in (A, A, B)],
        capacity=[
            Held(account_id=A, weight=Decimal("11"), days=FOR_GOOD),
            Held(account_id=B, weight=22, days=FOR_GOOD),
        ],
        used_wh=[
            Used(account_id=A, day=date(2026, 6, 1), amount=100_000),
            Used(account_id=A, day=date(2026, 6, 30), amount=200_000),
            Used(account_id=B, day=date(2026, 6, 30), amount=100_000),
            Used(account_id=B, day=date(2026, 7, 1), amount=900_000),
        ],
        booked_s=[
            Used(account_id=A, day=date(2026, 6, 2), amount=3_600),
            Used(account_id=B, day=date(2026, 6, 2), amount=18_000),
        ],
    )
    by = {
        key: split_item(item(6_000, key=key, weights={A: Decimal("0.5"), B: 1}), basis, JUNE)
        for key in Key
        if key is not Key.OWNERSHIP
    }
    assert {key: split.shares_minor for key, split in by.items()} == {
        Key.EQUAL: {A: 3_000, B: 3_000},
        Key.STALL: {A: 4_000, B: 2_000},
        Key.CAPACITY: {A: 2_000, B: 4_000},
        Key.KWH: {A: 4_500, B: 1_500},
        Key.TIME: {A: 1_000, B: 5_000},
        Key.CUSTOM: {A: 2_000, B: 4_000},
    }


def test_only_members_bear_an_item_and_only_on_their_days():
    # B takes part from the 21st of June: 10 of its days beside 30 of A's; C is no member.
    basis = Basis(
        accounts=(*TWO, Member(account_id=C, days=FOR_GOOD)),
        used_wh=[Used(account_id=B, day=date(2026, 6, day), amount=10) for day in (20, 21, 22)]
        + [Used(account_id=one, day=date(2026, 6, 1), amount=60) for one in (A, C)],
        stalls=[Held(account_id=one, weight=1, days=FOR_GOOD) for one in (A, B, C)],
    )
    members = (Member(account_id=A, days=FOR_GOOD), Member(account_id=B, days=Days(from_day=date(2026, 6, 21))))
    for key in (Key.EQUAL, Key.STALL):
        assert split_item(item(4_000, key=key, members=members), basis, JUNE).shares_minor == {A: 3_000, B: 1_000}
    # Of B's 30 Wh the 20 from the 21st on count: 60 to 20.
    assert split_item(item(4_000, key=Key.KWH, members=members), basis, JUNE).shares_minor == {A: 3_000, B: 1_000}


def test_two_residents_on_one_account_count_once():
    twice = (Member(account_id=A, days=FOR_GOOD), Member(account_id=A, days=FOR_GOOD), *TWO[1:])
    assert split_item(item(1_000), Basis(accounts=twice), JUNE).shares_minor == {A: 500, B: 500}


def test_a_flats_share_counts_once_and_is_halved_between_two_accounts():
    # Flat 1 (300): two residents of A until the 10th, then A and B, 10 and 20 days. Flat 2 (120): C, all 30 days.
    half = Days(from_day=date(2026, 6, 11))
    holders = [
        Holder(account_id=A, unit_id="1", days=FOR_GOOD),
        Holder(account_id=A, unit_id="1", days=FOR_GOOD),
        Holder(account_id=B, unit_id="1", days=half),
        Holder(account_id=C, unit_id="2", days=FOR_GOOD),
    ]
    shares = [
        UnitShare(unit_id=unit, share=share, days=FOR_GOOD) for unit, share in (("1", 300), ("2", 120), ("3", 80))
    ]
    held = ownership(holders, shares, JUNE)
    # A: 10 × 300 + 20 × 150; B: 20 × 150; C: 30 × 120. Flat 3 has no account.
    assert weights_by(Key.OWNERSHIP, Basis(accounts=(), ownership=held), JUNE) == {A: 6_000, B: 3_000, C: 3_600}
    # By days, so that a member of ten days has those ten.
    only_then = (Member(account_id=A, days=half),)
    assert weights_by(Key.OWNERSHIP, Basis(accounts=(), ownership=held), JUNE, only_then) == {A: 20 * 150}


def test_a_flat_that_stood_empty_for_a_while_counts_on_the_days_before_and_after():
    there = Days(from_day=date(2026, 6, 1), to_day=date(2026, 6, 6)), Days(from_day=date(2026, 6, 21))
    holders = [Holder(account_id=A, unit_id="1", days=days) for days in there]
    held = ownership(holders, [UnitShare(unit_id="1", share=100, days=FOR_GOOD)], JUNE)
    assert [(one.weight, one.days.within(JUNE)) for one in held] == [(100, days.within(JUNE)) for days in there]


def test_days_are_those_of_the_building():
    # 22:30 UTC on 31 March is half past midnight of 1 April in Berlin.
    days = Days.between(datetime(2026, 3, 31, 22, 30, tzinfo=UTC), None, ZoneInfo("Europe/Berlin"))
    assert days == Days(from_day=date(2026, 4, 1))
    with pytest.raises(ValueError, match="to_day: got 2026-01-01, accepted is 2026-01-02 or later"):
        Days(from_day=date(2026, 1, 2), to_day=date(2026, 1, 1))


def test_an_item_nobody_could_bear_is_refused_by_its_name():
    with pytest.raises(NothingToShareBy, match="cost item 'Loan' by kwh: all weights are zero"):
        split_item(item(1_000, key=Key.KWH), Basis(accounts=TWO), JUNE)
    # Out of force it costs nothing, and there is nothing to refuse.
    over = item(1_000, key=Key.KWH, days=Days(from_day=date(2020, 1, 1), to_day=date(2026, 1, 1)))
    assert split_item(over, Basis(accounts=TWO), JUNE).shares_minor == {A: 0, B: 0}


@given(st.lists(st.integers(1, 12), min_size=3, max_size=3), st.integers(1, 10**5))
@settings(max_examples=20)
def test_a_year_of_months_gives_each_account_its_exact_share_to_the_cent(moves, amount_minor):
    # Each account moves in on the first day of a month and stays: its shares of the months are exact fractions.
    accounts = [Member(account_id=AccountId(str(i)), days=Days(from_day=date(2026, m, 1))) for i, m in enumerate(moves)]
    fee = item(amount_minor * 10, days=Days(from_day=date(2026, min(moves), 1)))
    carried: dict[AccountId, int] = {}
    had: dict[AccountId, Fraction] = {}
    for number in range(1, 13):
        split = split_item(fee, Basis(accounts=accounts), month(2026, number), carried)
        carried = dict(split.residual_n)
        there = [str(i) for i, since in enumerate(moves) if since <= number]
        for one, part in split.shares_minor.items():
            exact = Fraction(amount_minor * 10, len(there)) if one in there else Fraction(0)
            had[one] = had.get(one, Fraction(0)) + part - exact
    assert sum(had.values()) == 0
    assert all(abs(off) < 1 + Fraction(12, 10**9) for off in had.values())
