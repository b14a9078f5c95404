"""Laws of the simulated building: nothing flows that is not counted, nothing is counted that did not flow."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from demo.battery import Battery
from demo.car import Car
from demo.connectors.goe import GoE
from demo.physics import SimulatedBuilding, Totals
from demo.stalls import LINDENHOF, BuildingPlan, Model, StallPlan, stalls_of
from demo.weather import Weather

START = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)


def open_building(*, stalls: int = 2, **plan: object) -> SimulatedBuilding:
    """Chargers that offer 16 A to anyone."""
    built = BuildingPlan(stalls=stalls_of([Model.GOE_HTTP_V2] * stalls), **plan)  # type: ignore[arg-type]
    return SimulatedBuilding(built, START, {stall.id: GoE(stall) for stall in built.stalls})


cars = st.builds(
    Car,
    name=st.just("car"),
    need_wh=st.integers(0, 5_000),
    max_a=st.integers(6, 32),
    phases=st.sampled_from([1, 3]),
    taper_wh=st.integers(0, 5_000),
)


@settings(max_examples=40, deadline=None)
@given(first=cars, second=cars, steps=st.lists(st.integers(0, 900), max_size=8), leaves_after=st.integers(0, 8))
def test_what_the_feeder_counts_is_what_house_and_cars_drew_less_the_sun(
    first: Car, second: Car, steps: list[int], leaves_after: int
) -> None:
    building = open_building()
    feeder = building.feeder
    counted_before = feeder.import_mws - feeder.export_mws - feeder.house_mws + feeder.pv_mws
    building.plug("stall-1", first)
    building.plug("stall-2", second)
    now = START
    for number, step in enumerate(steps):
        now += timedelta(seconds=step)
        building.advance(now)
        if number == leaves_after:
            building.unplug("stall-1")
    drawn = sum(outlet.delivered_mws for outlet in building.outlets.values())
    assert feeder.import_mws - feeder.export_mws - feeder.house_mws + feeder.pv_mws - counted_before == drawn
    assert drawn == first.drawn_mws + second.drawn_mws


def lived(building: SimulatedBuilding, hours: int) -> tuple[Totals, int]:
    """Let hours pass; returns what the meters counted and what house and cars drew, in mWs."""
    before, drawn = building.feeder.totals_mws, building.feeder.house_mws
    cars = sum(outlet.delivered_mws for outlet in building.outlets.values())
    building.advance(datetime.fromtimestamp(building.second, UTC) + timedelta(hours=hours))
    counted = Totals(*(after - first for after, first in zip(building.feeder.totals_mws, before, strict=True)))
    drawn_now = building.feeder.house_mws + sum(outlet.delivered_mws for outlet in building.outlets.values())
    return counted, drawn_now - drawn - cars


def test_the_battery_takes_what_sun_is_left_and_gives_it_in_the_evening_and_the_sum_holds() -> None:
    building = open_building(stalls=1, battery_wh=12_000, cloudiness=0.4)
    battery = building.battery
    assert battery is not None
    building.plug("stall-1", Car(name="a", need_wh=20_000))
    for begin, hours in ((9, 4), (16, 6)):  # 11 to 15 o'clock in Berlin, and 18 to 24
        building.advance(START.replace(hour=begin))
        held_mws, lost_mws = battery.held_mws, battery.lost_mws
        counted, drawn_mws = lived(building, hours)
        came_mws = counted.import_mws + counted.pv_mws + counted.battery_out_mws
        assert came_mws == counted.export_mws + counted.battery_in_mws + drawn_mws
        stored_mws = counted.battery_in_mws - counted.battery_out_mws - (battery.lost_mws - lost_mws)
        assert stored_mws == battery.held_mws - held_mws
        if begin == 9:
            # It was half full: at most 6 kWh more, of which it keeps 92 of 100; and cars may begin on what it leaves.
            assert counted.battery_out_mws == 0
            assert 6_000 * 3_600_000 < counted.battery_in_mws <= 6_523 * 3_600_000
        else:
            assert (battery.held_mws, counted.battery_in_mws) == (0, 0)
            assert 11_990 * 3_600_000 < counted.battery_out_mws <= 12_000 * 3_600_000
    # Each quarter hour's registers are remembered, for whoever checks what others made of them.
    assert {second % 900 for second in building.totals_at} == {0}
    assert building.totals_at[int((START.replace(hour=22)).timestamp())] == building.feeder.totals_mws


def test_a_battery_leaves_enough_for_a_car_that_charges_on_sun_to_begin() -> None:
    battery = Battery(capacity_wh=10_000, power_w=5_000, spared_w=4_500)
    assert [battery.second(surplus_mw=watts * 1000, hour=10) for watts in (4_500, 4_501, 9_500, 20_000)] == [
        0,
        -1_000,
        -5_000_000,
        -5_000_000,
    ]
    # At night it rests; in the evening it gives what is missing, as long as it lasts.
    assert [battery.second(surplus_mw=-1_000, hour=hour) for hour in (3, 17, 18, 23)] == [0, 0, 1_000, 1_000]


@settings(max_examples=30, deadline=None)
@given(looks=st.lists(st.floats(0.01, 400), min_size=1, max_size=20))
def test_how_often_someone_looks_changes_nothing(looks: list[float]) -> None:
    watched, left_alone = open_building(), open_building()
    watched.plug("stall-1", Car(name="a", need_wh=10_000))
    left_alone.plug("stall-1", Car(name="a", need_wh=10_000))
    now = START
    for seconds in looks:
        now += timedelta(seconds=seconds)
        watched.advance(now)
    left_alone.advance(now)
    assert watched.outlets["stall-1"] == left_alone.outlets["stall-1"]
    assert watched.feeder == left_alone.feeder


@settings(max_examples=40, deadline=None)
@given(car=cars)
def test_a_car_takes_what_it_came_for_and_not_much_more(car: Car) -> None:
    for _ in range(5_000 * 3_600 // 1_380 + 60):
        car.second(32_000, 3)
        if car.full:
            break
    for _ in range(3):
        car.second(32_000, 3)
    # Filling up is noticed on a whole second, and the current needs a moment to fall.
    assert 0 <= car.drawn_mws - car.need_wh * 3_600_000 <= 4 * 32_000 * 230 * 3
    assert car.current_ma == 0


def test_a_car_follows_the_offer_within_a_few_seconds() -> None:
    building = open_building(stalls=1)
    box = building.wallboxes["stall-1"]
    assert isinstance(box, GoE)
    outlet = building.outlets["stall-1"]
    building.plug("stall-1", Car(name="a", need_wh=40_000, max_a=16))
    building.advance(START + timedelta(seconds=3))
    assert outlet.currents_ma == (0, 0, 0)
    building.advance(START + timedelta(seconds=10))
    assert outlet.currents_ma == (16_000, 16_000, 16_000)
    box.set("amp", "8")
    building.advance(START + timedelta(seconds=15))
    assert outlet.currents_ma == (8_000, 8_000, 8_000)
    box.set("frc", "1")
    building.advance(START + timedelta(seconds=18))
    assert outlet.currents_ma == (0, 0, 0)


def test_an_hour_at_full_current_is_eleven_kilowatt_hours() -> None:
    building = open_building(stalls=1)
    building.plug("stall-1", Car(name="a", need_wh=60_000, max_a=16))
    building.advance(START + timedelta(seconds=60))
    before = building.outlets["stall-1"].delivered_mws
    building.advance(START + timedelta(seconds=60 + 3600))
    assert building.outlets["stall-1"].delivered_mws - before == 11_040 * 3_600_000  # 3 x 16 A x 230 V, one hour in mWs


def test_a_single_phase_car_loads_the_supply_phase_its_stall_is_wired_to() -> None:
    building = open_building(stalls=2, pv_peak_w=0, house_w=0)
    building.plug("stall-2", Car(name="a", need_wh=9_000, phases=1))  # stall-2 is wired 2, 3, 1
    building.advance(START + timedelta(seconds=30))
    assert building.feeder.currents_ma == (0, 16_000, 0)


def test_a_car_that_was_paused_for_long_needs_longer_to_wake() -> None:
    car = Car(name="a", need_wh=9_000)
    for _ in range(700):
        car.second(0, 3)
    for _ in range(20):
        car.second(16_000, 3)
    assert car.current_ma == 0
    for _ in range(8):
        car.second(16_000, 3)
    assert car.current_ma == 16_000


def test_an_unplugged_register_stands_still() -> None:
    building = open_building(stalls=1)
    building.plug("stall-1", Car(name="a", need_wh=9_000))
    building.advance(START + timedelta(minutes=5))
    building.unplug("stall-1")
    held = building.true_register_wh("stall-1")
    building.advance(START + timedelta(hours=5))
    assert building.true_register_wh("stall-1") == held
    assert held > 137_000


def test_a_reset_begins_a_new_life_of_the_register_and_loses_no_energy() -> None:
    building = open_building(stalls=1)
    outlet = building.outlets["stall-1"]
    building.plug("stall-1", Car(name="a", need_wh=9_000))
    building.advance(START + timedelta(minutes=10))
    outlet.reset_register()
    building.advance(START + timedelta(minutes=20))
    (first, second) = outlet.all_epochs
    assert first[0] == 137_000
    assert second[0] == 0
    whole_wh = first[1] - first[0] + second[1] - second[0]
    assert outlet.delivered_mws // 3_600_000 - 1 <= whole_wh <= outlet.delivered_mws // 3_600_000


def test_time_never_runs_back() -> None:
    building = open_building(stalls=1)
    building.advance(START + timedelta(hours=1))
    second = building.second
    building.advance(START)
    assert building.second == second


def test_a_clock_that_leaps_by_months_is_refused() -> None:
    building = open_building(stalls=1)
    with pytest.raises(ValueError, match="at most 5356800 s at once"):
        building.advance(START + timedelta(days=63))


def test_a_clock_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        open_building().advance(datetime(2026, 6, 15, 9, 0))  # noqa: DTZ001


def test_two_cars_do_not_fit_at_one_stall() -> None:
    building = open_building()
    building.plug("stall-1", Car(name="Ada's", need_wh=1))
    with pytest.raises(ValueError, match="stall-1: Ada's is already plugged in"):
        building.plug("stall-1", Car(name="b", need_wh=1))


def test_one_car_does_not_stand_at_two_stalls() -> None:
    building = open_building()
    car = Car(name="Ada's", need_wh=1)
    building.plug("stall-1", car)
    with pytest.raises(ValueError, match="Ada's is plugged in at stall-1"):
        building.plug("stall-2", car)


@pytest.mark.parametrize(
    ("wrong", "message"), [({"need_wh": -1}, "need_wh"), ({"max_a": 5}, "max_a"), ({"phases": 2}, "phases")]
)
def test_an_impossible_car_is_refused(wrong: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Car(**({"name": "a", "need_wh": 1} | wrong))  # type: ignore[arg-type]


def test_a_plan_names_what_is_there_twice() -> None:
    stall = StallPlan(id="a", name="A", model=Model.KEBA_P30, serial="1")
    with pytest.raises(ValueError, match="id must be unique, but a is there twice"):
        BuildingPlan(stalls=(stall, stall))


def weather(cloudiness: float = 0) -> Weather:
    return Weather(
        seed=1,
        latitude=LINDENHOF.latitude,
        longitude=LINDENHOF.longitude,
        time_zone="Europe/Berlin",
        pv_peak_w=30_000,
        cloudiness=cloudiness,
        house_w=4_000,
    )


def test_the_sun_rises_and_sets_over_berlin() -> None:
    def second(hour: int, month: int = 6) -> int:
        return int(datetime(2026, month, 21, hour, 0, tzinfo=UTC).timestamp())

    # Midsummer: up from about 02:45 to 19:33 UTC, 60.9 degrees at noon (90 - 52.5 + 23.4).
    assert weather().pv_mw(second(2)) == 0
    assert weather().pv_mw(second(4)) > 0
    assert weather().pv_mw(second(20)) == 0
    assert weather().sun_elevation_sine(second(11)) == pytest.approx(0.874, abs=0.005)
    assert 20_000_000 < weather().pv_mw(second(11)) < 28_500_000
    assert weather().pv_mw(second(11, month=12)) < 8_000_000


@given(second=st.integers(1_780_000_000, 1_800_000_000))
def test_clouds_only_take(second: int) -> None:
    assert 0 <= weather(cloudiness=1).pv_mw(second) <= weather().pv_mw(second) <= 30_000_000


@given(second=st.integers(1_780_000_000, 1_800_000_000))
def test_the_house_always_draws_a_plausible_load(second: int) -> None:
    assert 500_000 < sum(weather().house_mw(second)) < 12_000_000
