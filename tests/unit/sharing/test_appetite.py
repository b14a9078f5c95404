"""A car that leaves amps unused gives them back, and gets them again when it wants them."""

from hypothesis import given
from hypothesis import strategies as st

from custom_components.evshare.sharing.appetite import Appetite, watch


def looked(appetite: Appetite, *, offered_a: int, drawn_a: float | None, seconds: int, start_s: float = 0) -> Appetite:
    for tick in range(0, seconds + 1, 10):
        appetite = watch(appetite, offered_a=offered_a, drawn_a=drawn_a, min_a=6, now_s=start_s + tick)
    return appetite


def test_a_car_that_takes_all_is_not_capped() -> None:
    assert looked(Appetite(), offered_a=16, drawn_a=15.8, seconds=600).cap_a is None


def test_a_sixteen_ampere_car_is_capped_just_above_after_a_minute() -> None:
    assert looked(Appetite(), offered_a=32, drawn_a=15.7, seconds=50).cap_a is None
    assert looked(Appetite(), offered_a=32, drawn_a=15.7, seconds=60).cap_a == 17


def test_a_full_car_keeps_what_it_needs_to_wake() -> None:
    assert looked(Appetite(), offered_a=20, drawn_a=0.0, seconds=60).cap_a == 6


def test_a_capped_car_stays_capped_while_it_leaves_something_of_the_cap() -> None:
    capped = looked(Appetite(), offered_a=32, drawn_a=15.7, seconds=60)
    assert looked(capped, offered_a=17, drawn_a=15.7, seconds=600, start_s=70).cap_a == 17


def test_a_car_that_fills_its_cap_is_free_again() -> None:
    capped = looked(Appetite(), offered_a=20, drawn_a=0.0, seconds=60)
    assert watch(capped, offered_a=6, drawn_a=5.9, min_a=6, now_s=90).cap_a is None


def test_where_nobody_measures_currents_nothing_is_capped() -> None:
    assert looked(Appetite(), offered_a=32, drawn_a=None, seconds=600).cap_a is None


def test_a_wavering_car_does_not_move_its_cap() -> None:
    capped = looked(Appetite(), offered_a=32, drawn_a=15.7, seconds=60)
    assert watch(capped, offered_a=17, drawn_a=14.9, min_a=6, now_s=80).cap_a == 17


@given(st.lists(st.tuples(st.integers(0, 32), st.none() | st.floats(0, 33)), max_size=40))
def test_a_cap_leaves_room_for_what_was_drawn(looks: list[tuple[int, float | None]]) -> None:
    appetite = Appetite()
    for number, (offered_a, drawn_a) in enumerate(looks):
        appetite = watch(appetite, offered_a=offered_a, drawn_a=drawn_a, min_a=6, now_s=number * 10.0)
        if appetite.cap_a is not None:
            assert appetite.cap_a >= 6
            if (
                drawn_a is not None
                and drawn_a <= offered_a - 1
                and offered_a >= 6
                and appetite.less_since_s is not None
            ):
                assert appetite.cap_a >= drawn_a or number * 10.0 - appetite.less_since_s < 60
