"""A car seen by status, plug, charging or power (connector reference, section 4)."""

import pytest

from custom_components.evshare.connectors.entities.plug import PowerWatch, pilot
from custom_components.evshare.model import Pilot

A, B, C, E, F, X = Pilot.A, Pilot.B, Pilot.C, Pilot.E, Pilot.F, Pilot.X


@pytest.mark.parametrize(
    ("status", "plugged", "charging", "draws", "expected"),
    [
        (A, None, None, None, A),
        (B, None, None, None, B),
        (C, None, None, None, C),
        (E, True, True, None, E),
        (F, False, False, None, F),
        (B, None, True, None, C),  # the contactor says more than the status
        (C, None, False, None, C),
        (C, False, None, None, C),  # energy may flow: the plug's sensor is late
        (X, True, None, None, B),  # a status that is asleep hides the plug
        (X, False, None, None, A),
        (B, False, None, None, A),
        (A, True, None, None, B),
        (None, True, False, None, B),
        (None, False, False, None, A),
        (None, None, True, None, C),
        (None, None, False, None, X),  # not charging is not unplugged
        (None, None, None, True, C),
        (None, None, None, False, B),
        (None, True, None, True, C),
        (None, True, None, False, B),
        (None, False, None, None, A),
        (None, None, None, None, X),
    ],
)
def test_what_several_entities_say_together(
    status: Pilot | None, plugged: bool | None, charging: bool | None, draws: bool | None, expected: Pilot
) -> None:
    assert pilot(status, plugged, charging, draws) is expected


def seen(*readings: tuple[float, float | None]) -> bool | None:
    """What a watch makes of (second, watts)."""
    watch = PowerWatch()
    for second, power_w in readings:
        watch.see(power_w, 5000.0 + second)
    return watch.draws


def test_more_than_100_w_for_10_s_is_a_car_that_charges() -> None:
    assert seen((0, 101), (9.9, 101)) is None
    assert seen((0, 101), (10, 101)) is True
    assert seen((0, 100), (60, 100)) is None


def test_a_dip_below_100_w_begins_the_10_s_anew() -> None:
    assert seen((0, 200), (5, 90), (10, 200), (19, 200)) is None
    assert seen((0, 200), (5, 90), (10, 200), (20, 200)) is True


def test_a_car_that_charged_stays_until_less_than_50_w_for_60_s() -> None:
    charged = ((0, 7000.0), (10, 7000.0))
    assert seen(*charged, (20, 49), (79, 49)) is True
    assert seen(*charged, (20, 49), (80, 49)) is False
    assert seen(*charged, (20, 50), (300, 50)) is True


def test_little_power_without_a_car_before_says_nothing() -> None:
    assert seen((0, 0), (3600, 0)) is None


def test_a_missing_measurement_is_neither_much_nor_little() -> None:
    assert seen((0, 200), (5, None), (10, 200), (15, 200)) is None
    assert seen((0, 7000), (10, 7000), (20, 0), (50, None), (79, 0), (81, 0)) is True


def test_it_charges_again_after_10_s_more() -> None:
    assert seen((0, 7000), (10, 7000), (20, 0), (80, 0), (90, 7000), (99, 7000)) is False
    assert seen((0, 7000), (10, 7000), (20, 0), (80, 0), (90, 7000), (100, 7000)) is True


def test_what_was_seen_can_be_forgotten() -> None:
    watch = PowerWatch()
    watch.see(7000, 0)
    watch.see(7000, 10)
    watch.forget()
    assert watch.draws is None
    watch.see(7000, 11)
    assert watch.draws is None
