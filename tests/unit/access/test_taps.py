"""When a card was shown, and when it only still is."""

from datetime import UTC, datetime, timedelta

from custom_components.evshare.access import Taps, polled, pushed
from custom_components.evshare.model import Moment

NOON = datetime(2026, 6, 29, 12, 0, tzinfo=UTC)


def after(seconds: float) -> Moment:
    return Moment(at=NOON + timedelta(seconds=seconds), mono_s=100.0 + seconds)


def test_a_pushed_card_is_a_tap() -> None:
    assert pushed(Taps(), "anna", after(0))[1]


def test_the_same_card_within_three_seconds_is_the_same_tap() -> None:
    taps, _ = pushed(Taps(), "anna", after(0))
    taps, first = pushed(taps, "anna", after(2.9))
    taps, second = pushed(taps, "anna", after(3.0))
    assert (first, second) == (False, True)


def test_another_card_within_three_seconds_is_another_tap() -> None:
    taps, _ = pushed(Taps(), "anna", after(0))
    assert pushed(taps, "bruno", after(1))[1]


def test_a_card_found_at_the_first_look_is_old() -> None:
    taps, tap = polled(Taps(), "anna", after(0))
    assert not tap
    assert not polled(taps, "anna", after(600))[1]


def test_a_card_that_appears_is_a_tap_and_once_only() -> None:
    taps, _ = polled(Taps(), None, after(0))
    taps, first = polled(taps, "anna", after(5))
    taps, second = polled(taps, "anna", after(10))
    assert (first, second) == (True, False)


def test_the_same_card_after_a_pause_is_a_tap_again() -> None:
    taps, _ = polled(Taps(), "anna", after(0))
    taps, _ = polled(taps, None, after(5))
    assert polled(taps, "anna", after(10))[1]


def test_a_change_of_cards_is_a_tap() -> None:
    taps, _ = polled(Taps(), "anna", after(0))
    assert polled(taps, "bruno", after(5))[1]
