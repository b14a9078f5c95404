"""The building's peak quarter hour, and who drew how much in it."""

from decimal import Decimal

from evshare_app.split.demand import Peak, building_peak, demand_minor, demand_wh, stalls_peak
from evshare_app.split.sources import SLOT_MS, Slot, UsedSlice

NOON = 1_780_315_200_000  # 2026-06-01 12:00 UTC


def slot(number: int, import_wh: int | None, *estimated: str) -> Slot:
    start_ms = NOON + number * SLOT_MS
    return Slot(start_ms=start_ms, import_wh=import_wh, export_wh=0, pv_wh=None, estimated=frozenset(estimated))


def used(slice_id: int, party: str, start_s: int, end_s: int, energy_wh: int) -> UsedSlice:
    return UsedSlice(
        slice_id=slice_id,
        party=party,
        start_ms=NOON + start_s * 1000,
        end_ms=NOON + end_s * 1000,
        energy_wh=energy_wh,
    )


def test_the_peak_is_the_quarter_hour_of_highest_import_the_earliest_of_several():
    peak = building_peak([slot(0, 5_000), slot(3, 7_500, "import"), slot(2, 7_500, "pv"), slot(4, None)])
    # That its sun was estimated makes no estimate of what came from the grid.
    assert peak == Peak(start_ms=NOON + 2 * SLOT_MS, wh=7_500, estimated=False)
    assert building_peak([slot(0, 7_500, "import")]) == Peak(start_ms=NOON, wh=7_500, estimated=True)
    assert peak.kw == Decimal(30)
    assert building_peak([slot(0, None)]) is None


def test_an_accounts_demand_is_what_its_slices_used_there():
    # In 12:15 to 12:30: a 2500 Wh, b two thirds of 1500 (12:20 to 12:35) and 50; c only before and after.
    slices = [
        used(1, "c", 0, 900, 2_000),
        used(2, "a", 900, 1800, 2_500),
        used(3, "b", 1200, 2100, 1_500),
        used(4, "b", 900, 900, 50),
        used(5, "c", 1800, 2700, 2_000),
    ]
    found = demand_wh(slices, Peak(start_ms=NOON + SLOT_MS, wh=9_000, estimated=False))
    assert found == {"a": 2_500, "b": 1_050}
    # 10 kW and 4.2 kW at 8.55 per kW: 85.50 and 35.91.
    assert demand_minor(found, 855) == {"a": 8_550, "b": 3_591}


def test_without_a_feeder_meter_the_stalls_own_peak_stands_in_as_an_estimate():
    slices = [used(1, "a", 0, 900, 2_000), used(2, "a", 900, 1800, 1_500), used(3, "b", 900, 1800, 600)]
    assert stalls_peak(slices) == Peak(start_ms=NOON + SLOT_MS, wh=2_100, estimated=True)
    assert stalls_peak([]) is None
