"""Power into energy per quarter hour: exact in integers, unknown where nobody measured."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from custom_components.evshare.building.series import BuildingSeries, BuildingSlice

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)

type Sample = tuple[int, float | None, float | None]


def _fed(series: BuildingSeries, samples: Sequence[Sample]) -> list[BuildingSlice]:
    """Feed (seconds after noon, grid W, PV W)."""
    return [
        closed
        for seconds, grid_w, pv_w in samples
        for closed in series.observe(NOON + timedelta(seconds=seconds), grid_w=grid_w, pv_w=pv_w)
    ]


def _series(*, grid: bool = True, pv: bool = True) -> BuildingSeries:
    return BuildingSeries(grid=grid, pv=pv, snapshot=None)


def test_constant_power_is_a_quarter_of_it_per_quarter_hour() -> None:
    (quarter,) = _fed(_series(), [(s, 4000.0, 1000.0) for s in range(0, 901, 10)])
    assert quarter == BuildingSlice(
        start=NOON,
        end=NOON + timedelta(minutes=15),
        import_wh=1000,
        export_wh=0,
        pv_wh=250,
        estimated=False,
    )


def test_import_and_export_of_one_quarter_are_counted_apart() -> None:
    # 3600 W for 300 s are 300 Wh in; a straight line to -3600 W crosses zero half-way: 75 Wh each; 180 s out: 180 Wh.
    (quarter,) = _fed(
        _series(pv=False),
        [(0, 3600.0, None), (300, 3600.0, None), (600, -3600.0, None), (780, -3600.0, None), (900, 0.0, None)],
    )
    assert (quarter.import_wh, quarter.export_wh, quarter.pv_wh) == (375, 75 + 180 + 60, None)


def test_a_sample_across_the_cut_is_divided_there() -> None:
    quarters = _fed(_series(pv=False), [(s, 3600.0, None) for s in (0, 60, 120, *range(200, 1900, 100))])
    assert [quarter.import_wh for quarter in quarters] == [900, 900]


def test_a_missing_meter_is_unknown_and_not_zero() -> None:
    (quarter,) = _fed(_series(grid=False), [(s, None, 1000.0) for s in range(0, 901, 10)])
    assert (quarter.import_wh, quarter.export_wh, quarter.pv_wh) == (None, None, 250)
    assert _fed(_series(grid=False, pv=False), [(s, None, None) for s in range(0, 2000, 10)]) == []


def test_a_meter_that_was_silent_for_a_while_is_bridged_and_said_to_be_estimated() -> None:
    samples = [(s, None if 300 < s < 600 else 3600.0, 1000.0) for s in range(0, 901, 10)]
    (quarter,) = _fed(_series(), samples)
    assert (quarter.import_wh, quarter.estimated) == (900, True)


def test_a_meter_that_was_silent_too_long_leaves_a_quarter_unknown() -> None:
    samples = [(s, None if 300 < s < 1300 else 3600.0, 1000.0) for s in range(0, 3601, 10)]
    quarters = _fed(_series(), samples)
    assert [(quarter.import_wh, quarter.pv_wh) for quarter in quarters] == [
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
    after = BuildingSeries(grid=True, pv=True, snapshot=stored)
    (quarter,) = _fed(after, [(s, 4000.0, 1000.0) for s in range(500, 901, 10)])
    assert (quarter.import_wh, quarter.pv_wh) == (1000, 250)


def test_a_clock_set_back_begins_anew() -> None:
    series = _series(pv=False)
    _fed(series, [(s, 3600.0, None) for s in range(86_400, 87_000, 10)])
    quarters = _fed(series, [(s, 3600.0, None) for s in range(0, 901, 10)])
    assert [(quarter.start, quarter.import_wh) for quarter in quarters] == [(NOON, 900)]


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
    counted_wh = sum((q.import_wh or 0) - (q.export_wh or 0) for q in quarters)
    # What does not make a whole Wh is carried on, for import and export each; cuts and crossings round to 1 mW, 1 ms.
    assert abs(counted_wh - net_ws / 3600) < 2.1
    assert all(
        q.import_wh is not None and q.import_wh >= 0 and q.export_wh is not None and q.export_wh >= 0 for q in quarters
    )
