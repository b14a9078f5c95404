"""Only sun: starts when it lasts, stops when it is gone for long, and does not flicker with the clouds."""

from collections.abc import Callable
from dataclasses import dataclass, field
import random

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from custom_components.evshare.model import ChargeMode
from custom_components.evshare.sharing import Budget, Demand, SolarFollower, SolarSettings, allocate, surplus_w
from tests.unit.sharing.plans import demand

SUN = ChargeMode.SOLAR_ONLY
CAR = demand("a", mode=SUN)  # three phases: 4140 W at 6 A, 690 W per ampere
SMALL = demand("b", (1,), mode=SUN, since_s=1.0)  # one phase: 1380 W at 6 A


@dataclass
class Day:
    """A building under a sky: every tick the cars draw what they were given last."""

    demands: list[Demand]
    sky_w: Callable[[float], float | None]
    tick_s: float = 10.0
    follower: SolarFollower = field(default_factory=SolarFollower)
    now_s: float = 0.0
    amps: dict[str, int] = field(default_factory=dict)
    log: list[tuple[float, dict[str, int]]] = field(default_factory=list)

    def run(self, seconds: float) -> Day:
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            surplus = self.sky_w(self.now_s)
            self.follower, lit, watts = self.follower.follow(self.demands, surplus, self.now_s)
            shared = allocate(lit, Budget(amps=(100, 100, 100), solar_w=watts))
            self.amps = {str(each.stall_id): shared.amps.get(each.stall_id, 0) for each in self.demands}
            self.log.append((self.now_s, self.amps))
            self.now_s += self.tick_s
        return self

    def switches(self, name: str) -> list[float]:
        on = [(at_s, amps[name] > 0) for at_s, amps in self.log]
        return [at_s for (_, before), (at_s, after) in zip([(0.0, False), *on], on, strict=False) if before != after]


def test_the_surplus_is_what_is_exported_and_what_sun_sessions_draw_less_a_reserve() -> None:
    assert surplus_w(grid_w=-3000.0, pv_w=9000.0, solar_sessions_w=4140.0) == 7040.0
    assert surplus_w(grid_w=500.0, pv_w=None, solar_sessions_w=0.0) == -600.0


def test_without_a_feeder_meter_the_roof_counts_and_without_both_nobody_knows() -> None:
    assert surplus_w(grid_w=None, pv_w=5000.0, solar_sessions_w=4140.0) == 4900.0
    assert surplus_w(grid_w=None, pv_w=None, solar_sessions_w=0.0) is None


def test_a_car_starts_when_the_sun_has_carried_it_for_a_minute() -> None:
    day = Day([CAR], lambda now_s: 4140.0).run(120)
    assert day.switches("a") == [60.0]
    assert day.amps == {"a": 6}


def test_a_watt_too_little_starts_nobody() -> None:
    assert Day([CAR], lambda now_s: 4139.0).run(3600).switches("a") == []


def test_a_gap_in_the_minute_begins_it_anew() -> None:
    day = Day([CAR], lambda now_s: 0.0 if now_s == 40 else 9000.0).run(3600)
    (started_s,) = day.switches("a")
    assert started_s >= 50 + 60


def test_a_car_pauses_when_the_sun_has_been_gone_for_three_minutes() -> None:
    day = Day([CAR], lambda now_s: 5000.0 if now_s < 1000 else 500.0).run(2000)
    assert day.switches("a") == [60.0, 1180.0]
    held = [amps["a"] for at_s, amps in day.log if 1000 <= at_s < 1180]
    assert set(held) == {6}


def test_a_passing_cloud_pauses_nobody() -> None:
    day = Day([CAR], lambda now_s: 500.0 if 1000 <= now_s < 1170 else 8000.0).run(3000)
    assert day.switches("a") == [60.0]


def test_a_car_that_started_runs_five_minutes_even_without_sun() -> None:
    day = Day([CAR], lambda now_s: 5000.0 if now_s <= 60 else 0.0).run(900)
    assert day.switches("a") == [60.0, 360.0]


def test_a_car_that_paused_rests_five_minutes() -> None:
    day = Day([CAR], lambda now_s: 0.0 if 1000 <= now_s < 1180 else 5000.0).run(2000)
    _started_s, paused_s, again_s = day.switches("a")
    assert paused_s == 1180.0
    assert again_s - paused_s == 300.0


def test_the_offer_falls_at_once_and_rises_slowly() -> None:
    day = Day([CAR], lambda now_s: 5520.0 if 500 <= now_s < 600 else 11_040.0).run(700)
    amps = {at_s: given["a"] for at_s, given in day.log}
    assert amps[490.0] == 16
    assert amps[500.0] == 8
    assert 8 < amps[600.0] < 16  # 1 - exp(-10/20) = 39 % of the way


def test_the_edge_of_an_ampere_does_not_chatter() -> None:
    day = Day([CAR], lambda now_s: 5520.0 + (60.0 if int(now_s / 10) % 2 else -60.0)).run(3600)
    settled = [amps["a"] for at_s, amps in day.log if at_s > 300]
    assert len(set(settled)) == 1


def test_two_cars_share_one_sun() -> None:
    other = demand("b", mode=SUN, since_s=1.0)
    day = Day([CAR, other], lambda now_s: 11_040.0).run(300)
    assert day.amps == {"a": 8, "b": 8}


def test_sun_for_one_starts_who_waited_longest_and_nobody_else() -> None:
    other = demand("b", mode=SUN, since_s=-5.0)
    day = Day([CAR, other], lambda now_s: 6000.0).run(3600)
    assert day.switches("b") == [60.0]
    assert day.switches("a") == []


def test_less_sun_pauses_who_started_last() -> None:
    day = Day([CAR, SMALL], lambda now_s: 9000.0 if now_s < 1000 else 4500.0).run(3000)
    assert day.amps == {"a": 6, "b": 0}
    assert day.switches("b")[-1] == 1180.0


def test_a_small_car_gets_the_sun_a_large_one_cannot_use() -> None:
    day = Day([CAR, SMALL], lambda now_s: 2000.0).run(600)
    assert day.amps == {"a": 0, "b": 8}


def test_a_lost_meter_starts_nobody_and_lets_the_running_run_out() -> None:
    assert Day([CAR], lambda now_s: None).run(3600).switches("a") == []
    day = Day([CAR], lambda now_s: 9000.0 if now_s < 1000 else None).run(2000)
    assert day.switches("a") == [60.0, 1180.0]


def test_tolerated_import_keeps_a_car_running() -> None:
    follower = SolarFollower(settings=SolarSettings(grid_allowance_w=1000.0))
    day = Day([CAR], lambda now_s: 5000.0 if now_s < 1000 else 3200.0, follower=follower).run(5000)
    assert day.switches("a") == [60.0]


def test_leaving_and_coming_back_resets_no_count() -> None:
    day = Day([CAR], lambda now_s: 9000.0).run(600)
    day.demands = []
    day.run(20)
    day.demands = [CAR]
    day.run(270)
    assert day.amps == {"a": 0}
    day.run(60)
    assert day.amps["a"] > 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([20, 120, 400, 900]))
def test_clouds_switch_no_car_more_than_six_times_an_hour(seed: int, period_s: int) -> None:
    rng = random.Random(seed)
    sky = [rng.choice([0.0, 3000.0, 6000.0, 9000.0]) for _ in range(6 * 3600 // period_s + 1)]
    day = Day([CAR, SMALL], lambda now_s: sky[int(now_s // period_s)] + rng.uniform(-300, 300)).run(6 * 3600)
    for name in ("a", "b"):
        switches = day.switches(name)
        for at_s in switches:
            assert sum(1 for other_s in switches if at_s <= other_s < at_s + 3600) <= 6


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_above_the_minimum_no_watt_is_imported(seed: int) -> None:
    rng = random.Random(seed)
    sky = [rng.uniform(0.0, 14_000.0) for _ in range(200)]
    day = Day([CAR, SMALL], lambda now_s: sky[int(now_s // 60)]).run(200 * 60)
    for at_s, amps in day.log:
        drawn_w = amps["a"] * 690 + amps["b"] * 230
        least_w = (4140 if amps["a"] else 0) + (1380 if amps["b"] else 0)
        assert drawn_w <= max(sky[int(at_s // 60)], least_w)


@pytest.mark.parametrize("surplus", [4140.0, 7300.0, 11_040.0])
def test_a_steady_sun_gives_a_steady_offer(surplus: float) -> None:
    day = Day([CAR], lambda now_s: surplus).run(1200)
    assert {amps["a"] for at_s, amps in day.log if at_s >= 60} == {int(surplus // 690)}
