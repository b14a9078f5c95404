"""Sun, battery and grid of a slice: quarter hours by hand, and the laws that hold in all of them."""

from collections import Counter, defaultdict
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from evshare_app.split.sources import (
    SLOT_MS,
    Guess,
    Guessed,
    Mix,
    SliceSources,
    Slot,
    SolarRule,
    UsedSlice,
    mix_for_cars,
    pieces_of,
    solar_by_party,
    split_sources,
)

NOON = 1_780_315_200_000  # 2026-06-01 12:00 UTC
FIRST, EVEN = SolarRule.FIRST_COME, SolarRule.PROPORTIONAL


def slot(number: int = 0, **values) -> Slot:
    known = {"import_wh": 0, "export_wh": 0, "pv_wh": 0} | values
    return Slot(start_ms=NOON + number * SLOT_MS, **known | {"estimated": frozenset(known.get("estimated", ()))})


def used(slice_id: int, energy_wh: int, *, start: int = 0, length: int = 900, party: str = "", **more) -> UsedSlice:
    begin_ms = NOON + start * 1000
    return UsedSlice(
        slice_id=slice_id,
        party=party or str(slice_id),
        start_ms=begin_ms,
        end_ms=begin_ms + length * 1000,
        energy_wh=energy_wh,
        **more,
    )


def sources(slices, slots, rule=FIRST) -> dict[int, tuple[int, int, int]]:
    """Solar, battery and grid Wh by slice."""
    return {
        one.slice_id: (one.solar_wh, one.battery_wh, one.grid_wh)
        for one in split_sources(slices, {each.start_ms: each for each in slots}, rule)
    }


# --- a quarter hour by hand ----------------------------------------------------------------------------------------


def test_first_come_gives_the_cars_what_the_house_left_over():
    # PV 1000, 200 of it exported: 800 stayed, with 500 from the grid 1300 were used. Cars 700, so the house 600:
    # it takes 600 of the sun, the cars the other 200 and all of the grid.
    sunny = slot(pv_wh=1000, export_wh=200, import_wh=500)
    assert mix_for_cars(sunny, 700, FIRST) == Mix(solar_wh=200, battery_wh=0)


def test_proportional_gives_cars_and_house_the_same_mix():
    # 800 of 1300 was sun: 700 × 800 / 1300 = 430.77.
    sunny = slot(pv_wh=1000, export_wh=200, import_wh=500)
    assert mix_for_cars(sunny, 700, EVEN) == Mix(solar_wh=431, battery_wh=0)


def test_a_battery_that_discharges_is_a_source_of_its_own():
    # 600 from the battery, 400 from the grid; cars 500, house 500. First come: the house has the battery first.
    evening = slot(import_wh=400, battery_discharge_wh=600)
    assert mix_for_cars(evening, 500, FIRST) == Mix(solar_wh=0, battery_wh=100)
    assert mix_for_cars(evening, 500, EVEN) == Mix(solar_wh=0, battery_wh=300)


def test_sun_that_went_into_the_battery_did_not_go_into_cars():
    # PV 1000, 300 into the battery, 700 to loads with 200 of the grid; cars 450 are half of 900: 350 of the sun.
    assert mix_for_cars(slot(pv_wh=1000, battery_charge_wh=300, import_wh=200), 450, EVEN) == Mix(
        solar_wh=350, battery_wh=0
    )
    # 300 of the grid's 500 went into it, which gave 200 at another time of the quarter hour: cars 200 are half of 400.
    assert mix_for_cars(slot(battery_charge_wh=300, battery_discharge_wh=200, import_wh=500), 200, EVEN) == Mix(
        solar_wh=0, battery_wh=100
    )


def test_what_a_battery_exports_is_not_in_the_cars():
    # PV 100, export 300: 200 of the 500 discharged went out, 300 stayed beside 300 of the grid; cars 300 are half.
    assert mix_for_cars(slot(pv_wh=100, export_wh=300, battery_discharge_wh=500, import_wh=300), 300, EVEN) == Mix(
        solar_wh=0, battery_wh=150
    )


def test_what_cars_used_beyond_what_the_meters_saw_came_from_the_grid():
    # 50 of sun and 50 of grid, and yet the cars' registers counted 120.
    assert mix_for_cars(slot(pv_wh=50, import_wh=50), 120, FIRST) == Mix(solar_wh=50, battery_wh=0)
    assert mix_for_cars(slot(pv_wh=50, import_wh=50), 120, EVEN) == Mix(solar_wh=50, battery_wh=0)


# --- slices ----------------------------------------------------------------------------------------------------------


def test_slices_of_all_stalls_share_a_quarter_hours_sun_by_their_wh():
    # 200 of sun by 400 to 300: 114.29 and 85.71.
    sunny = slot(pv_wh=1000, export_wh=200, import_wh=500)
    assert sources([used(1, 400), used(2, 300)], [sunny]) == {1: (114, 0, 286), 2: (86, 0, 214)}


def test_the_odd_wh_goes_round():
    # 5 of sun by 5 to 5, four times: 2.5 each; the odd one changes sides.
    slots = [slot(number, pv_wh=5, import_wh=5) for number in range(4)]
    slices = [used(10 * n + side, 5, start=n * 900, party=str(side)) for n in range(4) for side in (1, 2)]
    solar = Counter()
    for one in split_sources(slices, {each.start_ms: each for each in slots}, FIRST):
        solar[one.party] += one.solar_wh
    assert solar == {"1": 10, "2": 10}


def test_a_slice_over_two_quarter_hours_is_cut_by_time_into_integers():
    # 12:07:30 to 12:22:30, 101 Wh: 50.5 and 50.5; the first is 50. Sun in the second only.
    across = used(1, 101, start=450, length=900)
    assert pieces_of(across) == [(NOON, 50), (NOON + SLOT_MS, 51)]
    assert sources([across], [slot(0, import_wh=500), slot(1, pv_wh=500, export_wh=449)]) == {1: (51, 0, 50)}
    assert pieces_of(used(1, 7, start=3, length=0)) == [(NOON, 7)]


def test_slices_that_cover_a_part_of_a_quarter_hour_share_all_of_it():
    # Five minutes each, one after the other: 90 of sun by 100, 50, 30 of the cars' 180, the house used nothing.
    slices = [used(1, 100, length=300), used(2, 50, start=300, length=300), used(3, 30, start=600, length=300)]
    assert sources(slices, [slot(pv_wh=90, import_wh=90)]) == {1: (50, 0, 50), 2: (25, 0, 25), 3: (15, 0, 15)}


MISSING = frozenset({Guess.MISSING})


@pytest.mark.parametrize(
    ("slots", "guesses"),
    [
        ([], frozenset()),  # no series
        ([slot(0, pv_wh=None, import_wh=900), slot(1, pv_wh=None)], frozenset()),  # no PV meter
        ([slot(1, pv_wh=500)], MISSING),  # this quarter hour is missing
        ([slot(0, pv_wh=None), slot(1, pv_wh=500)], MISSING),
        ([slot(0, pv_wh=500, import_wh=None)], MISSING),
    ],
)
def test_what_is_not_known_is_grid_and_a_guess_where_there_is_sun_to_guess(slots, guesses):
    [one] = split_sources([used(1, 100)], {each.start_ms: each for each in slots}, FIRST)
    guessed = Guessed(guesses, guesses)
    assert one == SliceSources(slice_id=1, party="1", solar_wh=0, battery_wh=0, grid_wh=100, guessed=guessed)


def guessed(one_slot: Slot, energy_wh: int, rule=FIRST, **more) -> tuple[int, int, set[str], set[str]]:
    """Solar and battery Wh of a slice, and what each rests on that was not measured."""
    [one] = split_sources([used(1, energy_wh, **more)], {one_slot.start_ms: one_slot}, rule)
    solar, battery = ({str(each) for each in names} for names in one.guessed)
    return one.solar_wh, one.battery_wh, solar, battery


def test_sun_of_which_only_watts_are_known_is_divided_and_named():
    assert guessed(slot(pv_wh=100), 100) == (100, 0, set(), set())
    assert guessed(slot(pv_wh=100, estimated={"pv"}), 100) == (100, 0, {"solar"}, set())
    # Half of 200 was sun, whose import is a guess: all of it, or two thirds of 300, might have come from the grid.
    assert guessed(slot(pv_wh=100, import_wh=100, estimated={"import"}), 200, EVEN) == (100, 0, {"grid"}, set())
    # Without a meter of what is exported, all of the sun may have been.
    assert guessed(slot(pv_wh=100, export_wh=None), 100) == (100, 0, {"grid"}, set())
    # The slice's own energy may have flowed before or after the sun shone.
    assert guessed(slot(pv_wh=100), 100, estimated=True) == (100, 0, {"stall"}, set())
    assert guessed(slot(import_wh=100), 100, estimated=True) == (0, 0, set(), set())


def test_an_estimate_that_changes_nothing_of_the_sun_is_none_of_the_sun():
    # PV 1000, 200 exported, 100 into the battery; 700 to loads with 500 from the grid. Cars 700, so the house 500:
    # the cars get 200. Had the battery taken nothing, the house would have used 600, and the cars got 200 all the same.
    noon = {"pv_wh": 1000, "export_wh": 200, "import_wh": 500, "battery_charge_wh": 100}
    assert guessed(slot(**noon, estimated={"battery_in"}), 700) == (200, 0, set(), set())
    # At night there is no sun to be wrong about. House 500, cars 500; the battery gave 600, the grid 400: the cars get
    # 100 of the battery; had it given nothing, none.
    night = {"import_wh": 400, "battery_discharge_wh": 600}
    assert guessed(slot(**night, estimated={"battery_out"}), 500) == (0, 100, set(), {"battery"})
    # Of nothing there is no more than nothing: the night's zero of a sun meter that is asleep.
    assert guessed(slot(**night, estimated={"pv"}), 500) == (0, 100, set(), set())


def test_an_estimate_that_decides_about_the_sun_is_named_there():
    # PV 1000, nothing exported, the battery gave 200: the loads were 1200. Cars 900, house 300: the cars get 700 of
    # the sun; had the battery given nothing, the loads were 1000, and the cars would have got 900.
    cloudy = {"pv_wh": 1000, "battery_discharge_wh": 200}
    assert guessed(slot(**cloudy, estimated={"battery_out"}), 900) == (700, 200, {"battery"}, {"battery"})


def test_a_quarter_hour_that_gave_a_slice_nothing_does_not_make_it_a_guess():
    # 1 Wh over two quarter hours: 0 in the first, which is missing, 1 in the second.
    [one] = split_sources([used(1, 1, start=450)], {NOON + SLOT_MS: slot(1, pv_wh=500)}, FIRST)
    assert (one.solar_wh, one.guessed) == (1, Guessed(frozenset(), frozenset()))


def test_the_sun_by_party_is_that_of_the_slices_with_what_it_rests_on():
    # Sun 114 and 86 of 400 and 300 as above, with a sun meter of watts; then 15 minutes that nobody recorded.
    sunny = slot(pv_wh=1000, export_wh=200, import_wh=500, estimated={"pv"})
    slices = [used(1, 400, party="a"), used(2, 300, party="b"), used(3, 50, start=900, party="b")]
    solar, guesses = solar_by_party(slices, {sunny.start_ms: sunny}, FIRST)
    assert (solar, guesses) == ({"a": 114, "b": 86}, {"a": {Guess.SOLAR}, "b": {Guess.SOLAR, Guess.MISSING}})


def test_slices_out_of_order_and_slots_off_the_quarter_hour_are_refused():
    with pytest.raises(ValueError, match="slices: got slice 2 after a later one"):
        sources([used(1, 5, start=60), used(2, 5)], [slot()])
    with pytest.raises(ValueError, match="slots: got one that does not start at a quarter hour"):
        sources([], [Slot(start_ms=NOON + 1, import_wh=0, export_wh=0, pv_wh=0)])


def test_no_more_slices_are_kept_than_overlap():
    # Of a stream without end the first is known as soon as its quarter hour is over.
    def endless():
        number = 0
        while True:
            yield used(number, 100, start=number * 900)
            number += 1

    stream = split_sources(endless(), {NOON: slot(pv_wh=60, import_wh=40)}, FIRST)
    assert next(stream).solar_wh == 60


# --- laws ----------------------------------------------------------------------------------------------------------

some_wh = st.integers(0, 3000)
slots_of_an_hour = st.lists(
    st.builds(
        lambda number, values: slot(number, **values),
        st.integers(0, 5),
        st.fixed_dictionaries(
            dict.fromkeys(("import_wh", "export_wh", "pv_wh", "battery_charge_wh", "battery_discharge_wh"), some_wh)
        ),
    ),
    unique_by=lambda one: one.start_ms,
)
guessed_slots = st.builds(
    lambda slots, names: [replace(one, estimated=frozenset(names)) for one in slots],
    slots_of_an_hour,
    st.sets(st.sampled_from(("import", "export", "pv", "battery_in", "battery_out"))),
)
slices_of_an_hour = st.lists(
    st.tuples(st.integers(0, 3600), st.integers(0, 1800), some_wh, st.sampled_from("abc")), max_size=12
)


@given(slices_of_an_hour, slots_of_an_hour, st.sampled_from(SolarRule))
@settings(max_examples=120)
def test_parts_sum_to_each_slice_and_none_is_negative(drawn, slots, rule):
    slices = [
        used(i, wh, start=start, length=length, party=party)
        for i, (start, length, wh, party) in enumerate(sorted(drawn))
    ]
    made = {one.slice_id: one for one in split_sources(slices, {each.start_ms: each for each in slots}, rule)}
    assert made.keys() == {one.slice_id for one in slices}
    for one in slices:
        parts = made[one.slice_id]
        assert parts.solar_wh + parts.battery_wh + parts.grid_wh == one.energy_wh
        assert min(parts.solar_wh, parts.battery_wh, parts.grid_wh) >= 0


@given(slices_of_an_hour, guessed_slots, st.sampled_from(SolarRule), st.integers(0, 2))
@settings(max_examples=60)
def test_each_partys_sun_is_that_of_its_slices_and_as_good(drawn, slots, rule, unsure):
    slices = [
        used(i, wh, start=start, length=length, party=party, estimated=i % 3 == unsure)
        for i, (start, length, wh, party) in enumerate(sorted(drawn))
    ]
    had = {one.start_ms: one for one in slots}
    solar_wh, guesses = Counter(), defaultdict(frozenset)
    for one in split_sources(slices, had, rule):
        solar_wh[one.party] += one.solar_wh
        guesses[one.party] |= one.guessed.solar
    found_wh, found = solar_by_party(slices, had, rule)
    assert Counter(found_wh) == solar_wh
    assert found == {party: names for party, names in guesses.items() if names}


@given(slices_of_an_hour, slots_of_an_hour, st.sampled_from(SolarRule))
@settings(max_examples=80)
def test_no_quarter_hour_gives_more_than_it_had(drawn, slots, rule):
    # Slices within one quarter hour each, so that what they got is what their quarter hour gave.
    slices = [
        used(i, wh, start=start - start % 900, length=length % 900, party=party)
        for i, (start, length, wh, party) in enumerate(sorted(drawn))
    ]
    at = {one.slice_id: one.start_ms for one in slices}
    had = {one.start_ms: one for one in slots}
    solar, battery, load = defaultdict(int), defaultdict(int), defaultdict(int)
    for one in split_sources(slices, had, rule):
        solar[at[one.slice_id]] += one.solar_wh
        battery[at[one.slice_id]] += one.battery_wh
    for one in slices:
        load[one.start_ms] += one.energy_wh
    for start_ms in load:
        there = had.get(start_ms)
        assert solar[start_ms] <= (max(0, there.pv_wh - there.export_wh) if there else 0)
        assert battery[start_ms] <= (there.battery_discharge_wh if there else 0)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50), st.integers(0, 100)), min_size=30, max_size=60))
@settings(max_examples=30)
def test_over_many_quarter_hours_nobody_is_favoured_by_odd_wh(quarters):
    slots, slices, exact = {}, [], Counter()
    for number, (a_wh, b_wh, sun) in enumerate(quarters):
        sun_wh = min(sun, a_wh + b_wh)
        slots[NOON + number * SLOT_MS] = slot(number, pv_wh=sun_wh, import_wh=a_wh + b_wh - sun_wh)
        slices += [used(2 * number, a_wh, start=number * 900, party="a")]
        slices += [used(2 * number + 1, b_wh, start=number * 900, party="b")]
        exact["a"] += sun_wh * a_wh / (a_wh + b_wh)
    got = sum(one.solar_wh for one in split_sources(slices, slots, FIRST) if one.party == "a")
    assert abs(got - exact["a"]) < 1.001
