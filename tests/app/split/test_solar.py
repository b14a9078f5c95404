"""The owners' rules for a month's sun: by hand, and to the Wh."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from evshare_app.model import AccountId, Month
from evshare_app.money import Money
from evshare_app.split.remainder import NothingToShareBy
from evshare_app.split.solar import (
    Banked,
    SolarDearerThanGrid,
    share_by_bank,
    share_by_use,
    share_by_weight,
    solar_credit,
)

A, B, C = AccountId("a"), AccountId("b"), AccountId("c")
MAY, JUNE, JULY = Month(2026, 5), Month(2026, 6), Month(2026, 7)


def test_by_use_everyone_has_what_its_slices_got():
    shares = share_by_use({A: 300, B: 0}, {A: 1000, B: 500})
    assert (shares.credited_wh, shares.unshared_wh) == ({A: 300, B: 0}, 0)
    with pytest.raises(ValueError, match="own_solar_wh: got 501 for b, accepted are 0 to the 500 it used"):
        share_by_use({B: 501}, {B: 500})


def test_what_one_cannot_use_goes_to_the_others():
    # 900 by three is 300 each; A used 100 only, so B and C share 800.
    shares = share_by_weight(900, {A: 1, B: 1, C: 1}, {A: 100, B: 1000, C: 1000})
    assert shares.credited_wh == {A: 100, B: 400, C: 400}
    # By 50:30:20 of 1000: B has 300 but used 150; the 150 left go 50:20, 107.14 and 42.86.
    shares = share_by_weight(1000, {A: 50, B: 30, C: 20}, {A: 5000, B: 150, C: 5000})
    assert shares.credited_wh == {A: 607, B: 150, C: 243}


def test_sun_nobody_could_use_stays_unshared():
    shares = share_by_weight(900, {A: 2, B: 1, C: 0}, {A: 100, B: 200, C: 700})
    assert (shares.credited_wh, shares.unshared_wh) == ({A: 100, B: 200, C: 0}, 600)
    with pytest.raises(NothingToShareBy, match=r"weights of the sun: all are zero, .* to divide 5 Wh"):
        share_by_weight(5, {A: 0}, {A: 10})


def test_a_bank_keeps_what_was_not_used_until_it_expires():
    # May: 300 each; A used 100 and keeps 200 until June. B used all of its 300.
    may = share_by_bank(MAY, 600, {A: 1, B: 1}, {A: 100, B: 500}, valid_months=1)
    assert may.credited_wh == {A: 100, B: 300}
    assert may.drawn_wh == {A: 0, B: 0}
    assert may.banked == (Banked(account_id=A, earned=MAY, wh=200, last=JUNE),)
    # June: 50 each. A uses 150: all from May's 200, for that expires first. B uses 10 of its 50.
    june = share_by_bank(JUNE, 100, {A: 1, B: 1}, {A: 150, B: 10}, may.banked, valid_months=1)
    assert june.credited_wh == {A: 150, B: 10}
    assert june.drawn_wh == {A: 150, B: 0}
    assert june.banked == (
        Banked(account_id=A, earned=MAY, wh=50, last=JUNE),
        Banked(account_id=A, earned=JUNE, wh=50, last=JULY),
        Banked(account_id=B, earned=JUNE, wh=40, last=JULY),
    )
    # July: no sun. May's 50 are gone; A draws June's 50, B uses nothing.
    july = share_by_bank(JULY, 0, {A: 1, B: 1}, {A: 900, B: 0}, june.banked, valid_months=1)
    assert (july.credited_wh, july.expired_wh) == ({A: 50, B: 0}, {A: 50})
    assert july.banked == (Banked(account_id=B, earned=JUNE, wh=40, last=JULY),)


def test_validity_goes_over_the_end_of_a_year():
    bank = share_by_bank(Month(2026, 11), 10, {A: 1}, {}, valid_months=2).banked
    assert bank == (Banked(account_id=A, earned=Month(2026, 11), wh=10, last=Month(2027, 1)),)


def test_credited_sun_is_worth_what_it_is_cheaper_by():
    # 123.456 kWh × (0.30 - 0.18) = 14.81472.
    credit = solar_credit({A: 123_456, B: 0}, grid_price=Decimal("0.30"), solar_price=Decimal("0.18"), currency="CHF")
    assert credit == {A: Money(1_481, "CHF"), B: Money(0, "CHF")}


def test_solar_power_may_cost_as_much_as_the_grids_and_is_then_worth_nothing():
    price = Decimal("0.30")
    assert solar_credit({A: 1_000}, grid_price=price, solar_price=price, currency="CHF") == {A: Money(0, "CHF")}


def test_solar_power_dearer_than_the_grids_is_refused_by_name():
    with pytest.raises(SolarDearerThanGrid, match=r"solar_price: got 0.31 per kWh, accepted is at most .* 0.30"):
        solar_credit({A: 1}, grid_price=Decimal("0.30"), solar_price=Decimal("0.31"), currency="CHF")


some_wh = st.integers(0, 5000)
accounts = st.dictionaries(st.sampled_from("abcde"), st.tuples(st.integers(0, 300), some_wh), min_size=1).filter(
    lambda one: any(weight for weight, _ in one.values())
)
months = st.lists(st.tuples(st.integers(0, 20_000), accounts), min_size=1, max_size=5)


@given(months)
@settings(max_examples=60)
def test_shared_sun_sums_to_what_there_was_and_nobody_has_more_than_it_used(months):
    carried: dict[str, int] = {}
    for available_wh, by in months:
        shares = share_by_weight(
            available_wh, {one: w for one, (w, _) in by.items()}, {one: wh for one, (_, wh) in by.items()}, carried
        )
        carried = dict(shares.residual_n)
        assert sum(shares.credited_wh.values()) + shares.unshared_wh == available_wh
        assert all(0 <= wh <= by[one][1] for one, wh in shares.credited_wh.items())
        # Something is left over only when everybody with a share is full.
        if shares.unshared_wh:
            assert all(shares.credited_wh[one] == wh for one, (weight, wh) in by.items() if weight)
        assert sum(carried.values()) == 0


@given(months, st.integers(0, 3))
@settings(max_examples=60)
def test_the_bank_neither_makes_nor_loses_a_wh(months, valid_months):
    carried: dict[str, int] = {}
    banked: tuple[Banked, ...] = ()
    month = Month(2026, 11)
    for available_wh, by in months:
        used_wh = {one: wh for one, (_, wh) in by.items()}
        before_wh = sum(one.wh for one in banked)
        made = share_by_bank(
            month,
            available_wh,
            {one: w for one, (w, _) in by.items()},
            used_wh,
            banked,
            valid_months=valid_months,
            carried_n=carried,
        )
        banked, carried = made.banked, dict(made.residual_n)
        after_wh = sum(one.wh for one in banked)
        credited_wh = sum(made.credited_wh.values())
        assert available_wh + before_wh == credited_wh + after_wh + sum(made.expired_wh.values())
        assert all(0 <= made.drawn_wh[one] <= wh <= used_wh[one] for one, wh in made.credited_wh.items())
        assert all(one.last >= month and one.wh > 0 for one in banked)
        month = month.following()
