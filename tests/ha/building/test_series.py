"""Power, registers and prices into quarter hours: exact in integers, unknown where nobody measured."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
import itertools
import json

from hypothesis import given
from hypothesis import strategies as st
import pytest

from custom_components.evshare.building.series import BuildingSeries, BuildingSlice, QuarterPrice, Seen

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)

MOST_W = 4 * 63 * 230 * 3
"""What no feeder of 63 A and three phases carries."""

type Sample = tuple[int, float | None, float | None]


def _fed(series: BuildingSeries, samples: Sequence[Sample]) -> list[BuildingSlice]:
    """Feed (seconds after noon, grid W, PV W)."""
    closed = []
    for seconds, grid_w, pv_w in samples:
        powers = {name: watts for name, watts in (("grid", grid_w), ("pv", pv_w)) if watts is not None}
        closed += series.observe(NOON + timedelta(seconds=seconds), Seen(powers_w=powers))
    return closed


def _series(*, grid: bool = True, pv: bool = True) -> BuildingSeries:
    powers = [name for name, exists in (("grid", grid), ("pv", pv)) if exists]
    return BuildingSeries(powers=powers, most_w=MOST_W, snapshot=None)


def _wh(quarter: BuildingSlice, *names: str) -> tuple[int | None, ...]:
    return tuple(quarter.energies_wh[name] for name in names)


def test_constant_power_is_a_quarter_of_it_per_quarter_hour() -> None:
    (quarter,) = _fed(_series(), [(s, 4000.0, 1000.0) for s in range(0, 901, 10)])
    assert quarter == BuildingSlice(
        start=NOON,
        end=NOON + timedelta(minutes=15),
        energies_wh={"import": 1000, "export": 0, "pv": 250, "battery_in": None, "battery_out": None},
        prices={},
        # Nobody counted: it was added up from watts.
        estimated=frozenset({"import", "export", "pv"}),
    )


def test_import_and_export_of_one_quarter_are_counted_apart() -> None:
    # 3600 W for 300 s are 300 Wh in; a straight line to -3600 W crosses zero half-way: 75 Wh each; 180 s out: 180 Wh.
    (quarter,) = _fed(
        _series(pv=False),
        [(0, 3600.0, None), (300, 3600.0, None), (600, -3600.0, None), (780, -3600.0, None), (900, 0.0, None)],
    )
    assert _wh(quarter, "import", "export", "pv") == (375, 75 + 180 + 60, None)


def test_a_sample_across_the_cut_is_divided_there() -> None:
    quarters = _fed(_series(pv=False), [(s, 3600.0, None) for s in (0, 60, 120, *range(200, 1900, 100))])
    assert [_wh(quarter, "import") for quarter in quarters] == [(900,), (900,)]


def test_a_missing_meter_is_unknown_and_not_zero() -> None:
    (quarter,) = _fed(_series(grid=False), [(s, None, 1000.0) for s in range(0, 901, 10)])
    assert _wh(quarter, "import", "export", "pv") == (None, None, 250)
    assert _fed(_series(grid=False, pv=False), [(s, None, None) for s in range(0, 2000, 10)]) == []


def test_a_meter_that_was_silent_for_a_while_is_bridged() -> None:
    samples = [(s, None if 300 < s < 600 else 3600.0, 1000.0) for s in range(0, 901, 10)]
    (quarter,) = _fed(_series(), samples)
    assert _wh(quarter, "import") == (900,)


def test_a_meter_that_was_silent_too_long_leaves_a_quarter_unknown() -> None:
    samples = [(s, None if 300 < s < 1300 else 3600.0, 1000.0) for s in range(0, 3601, 10)]
    quarters = _fed(_series(), samples)
    assert [_wh(quarter, "import", "pv") for quarter in quarters] == [
        (None, 250),
        (None, 250),
        (900, 250),
        (900, 250),
    ]


def test_an_hour_without_us_is_left_out() -> None:
    quarters = _fed(
        _series(), [*((s, 3600.0, 0.0) for s in range(0, 901, 10)), *((s, 3600.0, 0.0) for s in range(4500, 6301, 10))]
    )
    assert [quarter.start for quarter in quarters] == [NOON + timedelta(minutes=m) for m in (0, 75, 90)]


def test_it_goes_on_from_a_snapshot() -> None:
    before = _series()
    _fed(before, [(s, 4000.0, 1000.0) for s in range(0, 451, 10)])
    stored = json.loads(json.dumps(before.snapshot()))
    after = BuildingSeries(powers=["grid", "pv"], most_w=MOST_W, snapshot=stored)
    (quarter,) = _fed(after, [(s, 4000.0, 1000.0) for s in range(500, 901, 10)])
    assert _wh(quarter, "import", "pv") == (1000, 250)


def test_a_clock_set_back_begins_anew() -> None:
    series = _series(pv=False)
    _fed(series, [(s, 3600.0, None) for s in range(86_400, 87_000, 10)])
    quarters = _fed(series, [(s, 3600.0, None) for s in range(0, 901, 10)])
    assert [(quarter.start, *_wh(quarter, "import")) for quarter in quarters] == [(NOON, 900)]


@given(
    powers=st.lists(st.integers(-20_000, 20_000), min_size=2, max_size=60),
    step_s=st.integers(1, 120),
)
def test_no_energy_is_made_or_lost_by_cutting(powers: list[int], step_s: int) -> None:
    series = _series(pv=False)
    last = len(powers) - 1
    samples: list[Sample] = [(i * step_s, float(p), None) for i, p in enumerate(powers)]
    end_s = last * step_s
    # Zero power until two more quarters are over: everything is closed then.
    samples += [(end_s + 1, 0.0, None)]
    samples += [(s, 0.0, None) for s in range(end_s + 60, end_s + 1920, 60)]
    quarters = _fed(series, samples)
    net_ws = sum((a + b) * step_s for a, b in itertools.pairwise(powers)) / 2 + powers[-1] / 2
    flows = [_wh(quarter, "import", "export") for quarter in quarters]
    counted_wh = sum((imported or 0) - (exported or 0) for imported, exported in flows)
    # What does not make a whole Wh is carried on, for import and export each; cuts and crossings round to 1 mW, 1 ms.
    assert abs(counted_wh - net_ws / 3600) < 2.1
    assert all(energy is not None and energy >= 0 for flow in flows for energy in flow)


def test_a_snapshot_of_an_earlier_version_is_gone_on_from() -> None:
    start_ms = int(NOON.timestamp() * 1000)
    half = [450_000, 2 * 4_000_000 * 450_000, 0, False]  # 4 kW for half of the quarter hour, and a flag
    stored = {
        "next_ms": start_ms,
        "meters": {"grid": {"last": [start_ms + 450_000, 4_000_000], "quarters": {str(start_ms): half}}},
    }
    series = BuildingSeries(powers=["grid"], registers=["pv"], prices=["Market"], most_w=MOST_W, snapshot=stored)
    quarters = _fed(series, [(s, 4000.0, None) for s in range(460, 901, 10)])
    quarters += _fed(series, [(s, 4000.0, None) for s in range(910, 2200, 10)])
    assert _wh(quarters[0], "import", "pv") == (1000, None)


# --- the battery -------------------------------------------------------------------------------------------------


def test_a_battery_of_watts_gives_and_takes() -> None:
    series = BuildingSeries(powers=["battery"], most_w=MOST_W, snapshot=None)
    quarters = []
    for second in range(0, 1801, 10):
        watts = 2000.0 if second < 900 else -400.0
        quarters += series.observe(NOON + timedelta(seconds=second), Seen(powers_w={"battery": watts}))
    # 890 s at 2000 W are 494.4 Wh; on the straight line to -400 W it gives 2.3 Wh more, and takes 0.1 Wh before 100 Wh.
    assert [_wh(quarter, "battery_out", "battery_in") for quarter in quarters] == [(496, 0), (0, 100)]
    assert quarters[0].estimated == {"battery_in", "battery_out"}


# --- registers ---------------------------------------------------------------------------------------------------

type Report = tuple[int, int | None]


def _counted(
    reports: Sequence[Report], *, until: int, series: BuildingSeries | None = None
) -> list[tuple[int | None, bool] | None]:
    """Look every 10 s at an import register that reported (seconds after noon, Wh; None: unavailable).

    Returns Wh and whether estimated for each quarter hour from noon on, None where there is no record.
    """
    series = series or BuildingSeries(registers=["import"], most_w=MOST_W, snapshot=None)
    closed = []
    for second in range(0, until, 10):
        said = [report for report in reports if report[0] <= second]
        registers = {}
        if said and (wh := said[-1][1]) is not None:
            registers["import"] = (NOON + timedelta(seconds=said[-1][0]), wh)
        closed += series.observe(NOON + timedelta(seconds=second), Seen(registers=registers))
    by_start = {quarter.start: quarter for quarter in closed}
    last = max(by_start, default=NOON)
    starts = [NOON + timedelta(minutes=15 * n) for n in range((last - NOON) // timedelta(minutes=15) + 1)]
    found = [by_start.get(start) for start in starts]
    return [None if each is None else (each.energies_wh["import"], "import" in each.estimated) for each in found]


def test_a_register_that_reports_often_is_counted_and_no_estimate() -> None:
    # 3600 W are 1 Wh a second; it is read every 60 s, never at the quarter hour.
    reports = [(second, 50_000 + second) for second in range(5, 2000, 60)]
    assert _counted([(0, 50_000), *reports], until=1900) == [(900, False), (900, False)]


def test_energy_between_distant_reports_is_exact_and_estimated_only_where_they_cross_a_quarter_hour() -> None:
    # 600 Wh from 12:05 to 12:10; then 1200 Wh from 12:10 to 12:20, half of it in each quarter hour.
    reports = [(0, 1000), (300, 1000), (600, 1600), (1200, 2800), (1750, 2800), (1800, 2800)]
    assert _counted(reports, until=1900) == [(1200, True), (600, True)]
    assert _counted([(0, 1000), (300, 1000), (899, 1600), (901, 1600), (1800, 2800)], until=1900) == [
        (600, False),
        (1200, False),
    ]


def test_a_register_that_stands_still_is_zero_and_no_estimate() -> None:
    assert _counted([(second, 1000) for second in range(0, 1801, 600)], until=1900) == [(0, False), (0, False)]


def test_a_register_that_says_nothing_more_is_taken_to_stand_still_and_that_is_an_estimate() -> None:
    # It reports changes only; the next one comes after an hour, and nothing of it is lost.
    reports = [(0, 1000), (3700, 1500), (3800, 1500), (4500, 1500), (5400, 1500)]
    quarters = _counted(reports, until=5500)
    assert quarters == [(0, True), (0, True), (0, True), (0, True), (500, True), (0, False)]


def test_a_register_that_is_unavailable_is_unknown_and_not_zero() -> None:
    """What it counted meanwhile is not put where it did not flow."""
    reports = [(0, 1000), (60, None), (5400, 7000), (5430, 7000), *((s, 7000) for s in range(6300, 7300, 60))]
    quarters = _counted(reports, until=7300)
    # 6000 Wh in 90 minutes, 1000 Wh a quarter hour; 12:00 to 13:00 had been waited for long enough.
    assert quarters[:4] == [None, None, None, None]
    assert quarters[4:7] == [(1000, True), (1000, True), (0, False)]


def test_an_absence_of_our_own_is_bridged_by_a_register() -> None:
    before = BuildingSeries(registers=["import"], most_w=MOST_W, snapshot=None)
    at = NOON + timedelta(minutes=10)
    before.observe(at, Seen(registers={"import": (at, 1000)}))
    after = BuildingSeries(registers=["import"], most_w=MOST_W, snapshot=json.loads(json.dumps(before.snapshot())))
    back = NOON + timedelta(hours=26)
    # Its sensor needs a minute after the start.
    assert after.observe(back, Seen()) == []
    at = back + timedelta(seconds=60)
    quarters = after.observe(at, Seen(registers={"import": (at, 1000 + 15_510)}))
    # 10 Wh a minute for 25 hours and 51 minutes; the quarter hour it went away in was not seen from its beginning.
    assert [quarter.start for quarter in quarters] == [NOON + timedelta(minutes=15 * n) for n in range(1, 104)]
    assert {_wh(quarter, "import") for quarter in quarters} == {(150,)}
    assert all(quarter.estimated == {"import"} for quarter in quarters)


@pytest.mark.parametrize(
    ("values", "energy"),
    [
        ([5000, 0, 5100], (100, False)),  # a glitch
        ([5000, 4999, 5100], (100, False)),  # rounded once
        ([5000, 9_999_999, 5100], (100, False)),
        ([5000, 0, 20, 40], (40, True)),  # another count, as each midnight
        ([5000, 900_000, 900_100], (100, True)),  # another meter
    ],
    ids=["zero", "rounding", "jump", "reset", "swap"],
)
def test_a_count_that_breaks_begins_anew_and_invents_nothing(values: list[int], energy: tuple[int, bool]) -> None:
    steady = [(100 + 10 * place, value) for place, value in enumerate(values)]
    rest = [(second, values[-1]) for second in range(200, 1900, 60)]
    assert _counted([(0, 5000), (90, 5000), *steady, *rest], until=1000)[0] == energy


def test_a_clock_set_back_begins_a_register_anew() -> None:
    series = BuildingSeries(registers=["import"], most_w=MOST_W, snapshot=None)
    later = NOON + timedelta(days=1)
    series.observe(later, Seen(registers={"import": (later, 90_000)}))
    reports = [(second, 1000 + second) for second in range(0, 1000, 60)]
    assert _counted(reports, until=1000, series=series) == [(900, False)]


def test_where_a_register_is_unknown_watts_are_what_there_is() -> None:
    series = BuildingSeries(powers=["grid"], registers=["import"], most_w=MOST_W, snapshot=None)
    quarters = []
    for second in range(0, 4000, 10):
        at = NOON + timedelta(seconds=second)
        registers = {"import": (at, 1000 + second // 10)} if second <= 900 else {}
        quarters += series.observe(at, Seen(powers_w={"grid": 3600.0}, registers=registers))
    assert [(_wh(q, "import", "export"), "import" in q.estimated) for q in quarters[:2]] == [
        ((90, 0), False),
        ((900, 0), True),
    ]


@given(
    steps=st.lists(st.tuples(st.integers(1, 1200), st.integers(0, 2000)), min_size=1, max_size=30),
)
def test_what_a_register_counted_is_in_its_quarter_hours_to_the_last_wh(steps: list[tuple[int, int]]) -> None:
    """However rarely it reports, as long as it reports every 20 minutes."""
    second, wh, reports = 0, 0, [(0, 0)]
    for pause_s, gained_wh in steps:
        second, wh = second + pause_s, wh + gained_wh
        reports.append((second, wh))
    reports += [(second + 60 * n, wh) for n in range(1, 32)]
    counted = _counted(reports, until=second + 1860)
    assert None not in counted
    assert sum(each[0] or 0 for each in counted if each is not None) == wh


# --- prices ---------------------------------------------------------------------------------------------------


def _priced(prices: Sequence[tuple[int, str | None]], *, until: int, first: int = 0) -> list[tuple[str, bool] | None]:
    """Look every 10 s at a price that changed at (seconds after noon); price and estimated per quarter hour."""
    series = BuildingSeries(powers=["grid"], prices=["Market"], most_w=MOST_W, snapshot=None)
    closed = []
    for second in range(first, until, 10):
        said = [price for since, price in prices if since <= second]
        price = None if not said or said[-1] is None else Decimal(said[-1])
        seen = Seen(powers_w={"grid": 0.0}, prices={} if price is None else {"Market": price})
        closed += series.observe(NOON + timedelta(seconds=second), seen)
    told = [each.prices.get("Market") for each in closed]
    return [None if each is None else (str(each.price), each.estimated) for each in told]


def test_a_quarter_hour_has_the_price_it_began_with() -> None:
    # The integration is half a minute late; later changes belong to the next quarter hour.
    prices = [(0, "0.30"), (930, "0.25"), (1500, "-0.02")]
    assert _priced(prices, until=2720) == [("0.30", False), ("0.25", False), ("-0.02", False)]


def test_a_price_seen_late_is_an_estimate_and_an_unavailable_one_is_none() -> None:
    prices = [(0, None), (400, "0.30"), (890, None), (2400, "0.28")]
    assert _priced(prices, until=2720) == [("0.30", True), None, ("0.28", True)]


def test_a_building_with_nothing_but_prices_has_each_under_its_name() -> None:
    names = ["Market", "Grid fee"]
    series = BuildingSeries(prices=names, most_w=MOST_W, snapshot=None)
    closed = []
    for second in range(0, 1810, 10):
        if second == 450:  # a restart
            stored = json.loads(json.dumps(series.snapshot()))
            series = BuildingSeries(prices=names, most_w=MOST_W, snapshot=stored)
        prices = {"Market": Decimal("0.30")}
        if second < 900:  # the other sensor goes away, and the first goes on without it
            prices["Grid fee"] = Decimal("0.08")
        closed += series.observe(NOON + timedelta(seconds=second), Seen(prices=prices))
    first, second_quarter = closed
    assert (set(first.energies_wh.values()), first.estimated) == ({None}, set())
    assert first.prices == {
        "Market": QuarterPrice(price=Decimal("0.30")),
        "Grid fee": QuarterPrice(price=Decimal("0.08")),
    }
    assert second_quarter.prices == {"Market": QuarterPrice(price=Decimal("0.30"))}
