"""The utility's bill against the meters: by hand, and to the Wh."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from evshare_app.model import AccountId, StallId
from evshare_app.split.reconcile import Bearer, LossAlarm, Position, SubMeter, bear_losses, reconcile
from evshare_app.split.remainder import NothingToShareBy

A, B, HOUSE = AccountId("a"), AccountId("b"), AccountId("house")


def stall(name: str, register_wh: int, billed_wh: int, common_wh: int = 0) -> SubMeter:
    return SubMeter(stall_id=StallId(name), register_wh=register_wh, billed_wh=billed_wh, common_wh=common_wh)


def test_a_bill_is_divided_into_what_became_of_it():
    # 1000 kWh for 250.00, 0.25 each. Stall 1 counted 500 kWh, 490 billed; stall 2 430, 400 billed and 30 common.
    # Standby 20: losses are 1000 - 500 - 430 - 20 = 50 kWh, 5 %, above 30.
    bill = reconcile(
        feeder_wh=1_000_000,
        energy_minor=25_000,
        meters=[stall("1", 500_000, 490_000), stall("2", 430_000, 400_000, 30_000)],
        standby_wh=20_000,
    )
    assert bill.billed == Position(wh=890_000, minor=22_250)
    assert bill.common == Position(wh=30_000, minor=750)
    assert bill.unattributed == Position(wh=10_000, minor=250)
    assert bill.standby == Position(wh=20_000, minor=500)
    assert bill.losses == Position(wh=50_000, minor=1_250)
    assert (bill.losses_percent, bill.alarm) == (Decimal("5.00"), LossAlarm.LARGE)


@pytest.mark.parametrize(
    ("feeder_wh", "register_wh", "alarm"),
    [
        (1_000_000, 970_000, None),  # 3 % exactly
        (1_000_000, 969_999, LossAlarm.LARGE),
        (40_000, 38_000, None),  # 5 %, but 2 kWh
        (40_000, 37_999, LossAlarm.LARGE),
        (40_000, 40_001, LossAlarm.NEGATIVE),
        (0, 0, None),
    ],
)
def test_losses_raise_an_alarm_above_three_percent_and_two_kwh_or_below_zero(feeder_wh, register_wh, alarm):
    bill = reconcile(feeder_wh=feeder_wh, energy_minor=0, meters=[stall("1", register_wh, register_wh)])
    assert bill.alarm is alarm


def test_negative_losses_are_shown_with_their_money_and_percent():
    # 100 kWh for 30.00, the stalls counted 110: they are worth 33.00, the losses -3.00.
    bill = reconcile(feeder_wh=100_000, energy_minor=3_000, meters=[stall("1", 110_000, 110_000)])
    assert (bill.billed.minor, bill.losses, bill.losses_percent) == (
        3_300,
        Position(wh=-10_000, minor=-300),
        Decimal("-10.00"),
    )


def test_more_billed_than_a_register_counted_is_refused_with_the_stalls_name():
    with pytest.raises(ValueError, match=r"stall 2: got 90 Wh billed and 20 Wh common, .* within the 100 Wh"):
        stall("2", 100, 90, 20)


def test_energy_that_cost_something_without_a_wh_is_refused():
    with pytest.raises(ValueError, match="energy_minor: got 5 for 0 Wh"):
        reconcile(feeder_wh=0, energy_minor=5, meters=[])
    with pytest.raises(ValueError, match="feeder_wh, standby_wh: got 0 and -1"):
        reconcile(feeder_wh=0, energy_minor=0, meters=[], standby_wh=-1)


def test_the_owners_choose_who_bears_the_losses():
    # 12.00 by 300 to 100 kWh, equally, or by the building.
    losses = Position(wh=40_000, minor=1_200)
    used = {A: 300_000, B: 100_000}
    assert bear_losses(losses, Bearer.KWH, used, HOUSE).given == {A: 900, B: 300}
    assert bear_losses(losses, Bearer.EQUAL, used, HOUSE).given == {A: 600, B: 600}
    assert bear_losses(losses, Bearer.COMMON, used, HOUSE).given == {A: 0, B: 0, HOUSE: 1_200}


def test_nobody_is_credited_for_a_meter_that_is_wrong():
    used = {A: 300_000, B: 100_000}
    assert bear_losses(Position(wh=-10, minor=-300), Bearer.KWH, used, HOUSE).given == {A: 0, B: 0, HOUSE: -300}


def test_losses_nobody_used_anything_for_are_refused():
    with pytest.raises(NothingToShareBy, match="losses by kwh"):
        bear_losses(Position(wh=10, minor=3), Bearer.KWH, {A: 0}, HOUSE)


energies = st.integers(0, 10**7)


@given(
    energies.filter(bool),
    st.integers(-(10**6), 10**6),
    st.lists(st.tuples(energies, energies, energies), max_size=4),
    energies,
)
@settings(max_examples=60)
def test_every_wh_and_every_cent_is_accounted_for(feeder_wh, energy_minor, stalls, standby_wh):
    meters = [stall(str(i), sum(parts), parts[0], parts[1]) for i, parts in enumerate(stalls)]
    bill = reconcile(feeder_wh=feeder_wh, energy_minor=energy_minor, meters=meters, standby_wh=standby_wh)
    parts = (bill.billed, bill.common, bill.unattributed, bill.standby, bill.losses)
    assert sum(part.wh for part in parts) == feeder_wh
    assert sum(part.minor for part in parts) == energy_minor
    assert (bill.billed.wh, bill.unattributed.wh) == (sum(p[0] for p in stalls), sum(p[2] for p in stalls))
    assert bill.standby.wh == standby_wh
