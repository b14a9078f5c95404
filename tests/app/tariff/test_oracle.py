"""The fast rating against the plain one (`straightforward.py`), and the laws both must keep."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from evshare_app.tariff.objects import EnergySource, Tariff
from evshare_app.tariff.ocpi import parse_tariff
from evshare_app.tariff.rating import Period, RatedInput, RatedSlice, Rater, Rating, difference, rate
from tests.app.tariff.examples import element, price, tariff
from tests.app.tariff.straightforward import bill

law = settings(max_examples=60, deadline=None)
ZONES = [ZoneInfo(name) for name in ("Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")]
TIMES = ["00:00", "01:30", "02:00", "02:30", "03:00", "06:00", "17:45", "22:00"]
DATES = ["2026-03-28", "2026-03-29", "2026-03-30", "2026-10-25", "2026-10-26"]
WEEK = ["MONDAY", "SATURDAY", "SUNDAY"]


def optional(values: list[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.sampled_from(values)


restrictions = st.fixed_dictionaries(
    {},
    optional={
        "start_time": st.sampled_from(TIMES),
        "end_time": st.sampled_from(TIMES),
        "start_date": st.sampled_from(DATES),
        "end_date": st.sampled_from(DATES),
        "day_of_week": st.lists(st.sampled_from(WEEK), min_size=1, max_size=2, unique=True),
        "min_kwh": st.sampled_from([0, 0.5, 3.3337]),
        "max_kwh": st.sampled_from([1, 2.0005, 7]),
        "min_power": st.sampled_from([0, 3.7]),
        "max_power": st.sampled_from([4, 11]),
        "min_current": st.sampled_from([0, 10.5]),
        "max_current": st.sampled_from([16, 32]),
        "reservation": st.just("RESERVATION"),
        "min_duration": st.sampled_from([0, 600, 3601]),
        "max_duration": st.sampled_from([1800, 7200]),
    },
)
prices = st.sampled_from([0, 0.1, 0.2937, 1, 2.5])
vats = st.sampled_from([None, 7, 19, 5.2])
steps = st.sampled_from([1, 1, 60, 500, 900])


@st.composite
def elements(draw, only=restrictions):
    kinds = draw(st.lists(st.sampled_from(["ENERGY", "TIME", "PARKING_TIME", "FLAT"]), min_size=1, unique=True))
    made = element(*(price(kind, draw(prices), draw(vats), draw(steps)) for kind in kinds), **draw(only))
    if kinds == ["ENERGY"] and draw(st.booleans()):
        source = draw(st.sampled_from(["solar", "battery", "grid"]))
        made["restrictions"] = made.get("restrictions", {}) | {"x_evshare": {"energy_source": source}}
    return made


@st.composite
def tariffs(draw, only=restrictions):
    made = tariff(*draw(st.lists(elements(only), min_size=1, max_size=5)))
    taxed = draw(st.sampled_from([None, None, "YES", "NO"]))
    names = ("excl_vat", "incl_vat") if taxed is None else ("before_taxes", "after_taxes")
    made |= {"tax_included": taxed} if taxed else {}
    for name, amounts in (("min_price", [0, 0.5, 3]), ("max_price", [1, 4])):
        if amount := draw(optional(amounts)):
            made[name] = {names[0]: amount} | ({names[1]: amount + 0.25} if draw(st.booleans()) else {})
    return parse_tariff(made)


# From a second before the clocks change, or anywhere around it.
starts = st.sampled_from(
    [
        datetime(2026, 3, 28, 22, tzinfo=UTC),
        datetime(2026, 10, 24, 23, tzinfo=UTC),
        datetime(2026, 6, 5, 20, tzinfo=UTC),
    ]
).flatmap(lambda at: st.integers(0, 14_400_000).map(lambda ms: at + timedelta(milliseconds=ms)))


@st.composite
def sessions(draw):
    at = started = draw(starts)
    made = []
    for _ in range(draw(st.integers(0, 6))):
        seconds = draw(st.sampled_from([0, 60, 899, 900, 3600, 5000]))
        energy_wh = draw(st.sampled_from([0, 1, 7, 925, 2500, 6001]))
        parts = [draw(st.integers(0, energy_wh)), draw(st.integers(0, energy_wh))]
        sums = sorted(parts)
        split = (sums[0], sums[1] - sums[0], energy_wh - sums[1])
        sources = tuple((one, part) for one, part in zip(EnergySource, split, strict=True) if part)
        made.append(
            RatedSlice(
                start=at,
                end=at + timedelta(seconds=seconds),
                energy_wh=energy_wh,
                charging_s=draw(st.sampled_from([0, seconds // 3, seconds])),
                parking_s=draw(st.sampled_from([0, seconds // 2])),
                sources=sources if draw(st.booleans()) else (),
            )
        )
        at += timedelta(seconds=seconds)
    return RatedInput(started=started, slices=made)


@settings(max_examples=150, deadline=None)
@given(tariffs(), sessions(), st.sampled_from(ZONES), st.booleans())
def test_the_fast_way_and_the_plain_way_agree_to_the_last_digit(of, session, zone, final):
    plain, fast = bill(of, session, zone, final=final), Rater(of, zone).rate(session, final=final)
    assert {line.component: line.volume for line in fast.lines} == plain.volumes
    assert fast.exact == (plain.net, plain.gross)


@law
@given(tariffs(), sessions(), st.sampled_from(ZONES))
def test_nothing_is_negative_and_the_pieces_of_a_session_sum_to_it(of, session, zone):
    rating = rate(of, session, zone)
    assert 0 <= rating.net <= rating.gross
    assert all(line.volume > 0 and line.net >= 0 and line.vat >= 0 and line.added >= 0 for line in rating.lines)
    for name in ("energy_wh", "charging_s", "parking_s"):
        assert sum(getattr(one, name) for one in rating.periods) == sum(getattr(one, name) for one in session.slices)
    for before, after in pairwise(rating.periods):
        assert before.start <= before.end == after.start


@law
@given(tariffs(), sessions(), st.sampled_from(ZONES), st.data())
def test_the_parts_of_a_session_sum_to_the_whole(of, session, zone, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(session.slices)), max_size=3)))
    upto = [RatedInput(started=session.started, slices=session.slices[:cut]) for cut in cuts]
    cumulative = [rate(of, one, zone, final=False) for one in upto] + [rate(of, session, zone)]
    parts = [cumulative[0], *(difference(now, before) for before, now in pairwise(cumulative))]
    whole = cumulative[-1]
    assert sum(one.exact[0] for one in parts) == whole.exact[0]
    assert sum(one.exact[1] for one in parts) == whole.exact[1]
    minors = [one.minor("EUR") for one in cumulative]
    sold = [minors[0], *((b[0] - a[0], b[1] - a[1]) for a, b in pairwise(minors))]
    assert (sum(one[0] for one in sold), sum(one[1] for one in sold)) == whole.minor("EUR")
    volumes: dict[Any, int] = {}
    for line in (line for one in parts for line in one.lines):
        volumes[line.component] = volumes.get(line.component, 0) + line.volume
    assert {one: volume for one, volume in volumes.items() if volume} == {
        line.component: line.volume for line in whole.lines
    }
    for name in ("energy_wh", "charging_s", "parking_s"):
        billed = sum(getattr(period, name) for one in parts for period in one.periods)
        assert billed == sum(getattr(one, name) for one in session.slices)


@law
@given(tariffs(), sessions(), st.sampled_from(ZONES))
def test_going_on_never_makes_a_session_cheaper(of, session, zone):
    costs = [
        rate(of, RatedInput(started=session.started, slices=session.slices[:upto]), zone, final=False).net
        for upto in range(1, len(session.slices) + 1)
    ]
    assert costs == sorted(costs)


@law
@given(tariffs(st.just({})), sessions(), st.integers(0, 5000))
def test_more_energy_is_never_cheaper_where_prices_do_not_depend_on_it(of, session, more_wh):
    for place, one in enumerate(session.slices):
        plain = [each._replace(sources=()) for each in session.slices]
        dearer = [*plain[:place], one._replace(energy_wh=one.energy_wh + more_wh, sources=()), *plain[place + 1 :]]
        less, more = (rate(of, replace(session, slices=each), ZONES[0]) for each in (plain, dearer))
        # The net: below a limit without VAT, more of what bears little VAT lowers the VAT in it.
        assert less.exact[0] <= more.exact[0]


EXCLUSIVE = [
    element(price("ENERGY", 0.10, 19), day_of_week=["SATURDAY"]),
    element(price("ENERGY", 0.20, 7), day_of_week=["SUNDAY"]),
    element(price("ENERGY", 0.30), day_of_week=["MONDAY", "FRIDAY"], start_time="06:00", end_time="22:00"),
    element(price("TIME", 1.20, 19), min_duration=3600),
    element(price("TIME", 0.60), max_duration=3600),
]


@law
@given(st.permutations(EXCLUSIVE), sessions(), st.sampled_from(ZONES))
def test_the_order_of_elements_that_cannot_both_hold_does_not_matter(order, session, zone):
    ours, theirs = (Rater(parse_tariff(tariff(*each)), zone).rate(session) for each in (EXCLUSIVE, order))
    assert ours.exact == theirs.exact
    assert set(ours.lines) == set(theirs.lines)


def test_a_price_that_ends_where_the_clock_jumps_over_it_ends_with_the_jump():
    # 29 March 2026 in Berlin: 02:00 is followed by 03:00, so there is no 02:30 at which the night could end.
    of = parse_tariff(tariff(element(price("ENERGY", 1), start_time="00:00", end_time="02:30")))
    midnight = datetime(2026, 3, 28, 23, tzinfo=UTC)
    one = RatedSlice(midnight, midnight + timedelta(hours=4), 4_000, 14_400, 0)
    assert rate(of, RatedInput(started=midnight, slices=[one]), ZONES[0]).exact[0] == 2


def test_a_price_within_the_hour_that_comes_twice_holds_in_both():
    # 25 October 2026 in Berlin: 02:30 to 03:00 comes before the clocks go back at 03:00, and again after.
    of = parse_tariff(tariff(element(price("ENERGY", 1), start_time="02:30", end_time="04:00")))
    midnight = datetime(2026, 10, 24, 22, tzinfo=UTC)
    one = RatedSlice(midnight, midnight + timedelta(hours=6), 6_000, 21_600, 0)
    # 02:30-03:00 once, then 02:00 again (not), 02:30-04:00: half an hour and one and a half at 1 kW.
    assert rate(of, RatedInput(started=midnight, slices=[one]), ZONES[0]).exact[0] == 2


def of_energy(*kwh: float) -> Tariff:
    return parse_tariff(tariff(*(element(price("ENERGY", 1 + n), max_kwh=one) for n, one in enumerate(kwh))))


@pytest.mark.parametrize(("upto_wh", "net"), [(999, "0.999"), (1_000, "1"), (1_001, "1.002"), (3_000, "5")])
def test_an_amount_of_energy_is_cut_to_the_wh(upto_wh, net):
    at = datetime(2026, 6, 1, tzinfo=UTC)
    one = RatedSlice(at, at + timedelta(minutes=15), upto_wh, 900, 0)
    assert rate(of_energy(1, 3), RatedInput(started=at, slices=[one]), ZONES[0]).exact[0] == Fraction(net)


def test_a_slice_that_ends_where_the_price_changes_ends_it():
    at = datetime(2026, 6, 1, tzinfo=UTC)
    quarter = timedelta(minutes=15)
    two = [RatedSlice(at, at + quarter, 1_000, 900, 0), RatedSlice(at + quarter, at + 2 * quarter, 500, 900, 0)]
    # 1 kWh at 1, half a kWh at 2.
    assert rate(of_energy(1, 3), RatedInput(started=at, slices=two), ZONES[0]).exact[0] == 2


def test_periods_without_length_are_not_mistaken_for_each_other():
    at = datetime(2026, 6, 1, tzinfo=UTC)
    period = Period(start=at, end=at, energy_wh=1, charging_s=0, parking_s=0, prices=(), elements=())
    other = replace(period, source=EnergySource.SOLAR)
    whole, part = (
        Rating(lines=(), periods=each, net_n=0, gross_n=0, scale=1) for each in ((period, other, period), (period,))
    )
    assert sum(one.energy_wh for one in difference(whole, part).periods) == 2
