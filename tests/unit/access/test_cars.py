"""Where a car stands that says it was plugged in."""

import pytest

from custom_components.evshare.access import CarWord, PlugEdge, matched
from custom_components.evshare.model import ResidentId, StallId

ANNA, BEN = ResidentId("anna"), ResidentId("ben")


def word(at_s: float, resident_id: ResidentId = ANNA) -> CarWord:
    return CarWord(resident_id=resident_id, mono_s=at_s)


def edge(seen_s: float, *, stall: int = 1, came_s: float | None = -1.0) -> PlugEdge:
    """A plug-in that was seen then; it came up to 2 s before, unless said otherwise."""
    came = seen_s - 2 if came_s == -1.0 else came_s
    return PlugEdge(stall_id=StallId(f"stall-{stall}"), plug_epoch=1, came_mono_s=came, seen_mono_s=seen_s)


def test_a_word_without_a_plug_in_is_nothing() -> None:
    assert matched(word(1000), [word(1000)], []) is None


@pytest.mark.parametrize("seen_s", [1000, 942, 1058])
def test_a_word_and_the_only_plug_in_of_that_minute_belong_together(seen_s: float) -> None:
    said, seen = word(1000), edge(seen_s)
    match = matched(said, [said], [seen])
    assert match is not None
    assert (match.edges, match.sure) == ((seen,), True)


@pytest.mark.parametrize("seen_s", [939, 1063])
def test_a_plug_in_more_than_a_minute_away_is_another_event(seen_s: float) -> None:
    assert matched(word(1000), [word(1000)], [edge(seen_s)]) is None


def test_a_plug_in_elsewhere_is_waited_for_and_makes_it_unsure() -> None:
    said = word(1000)
    match = matched(said, [said], [edge(1010)])
    assert match is not None
    assert match.due_mono_s == 1040  # half a minute after both are known
    match = matched(said, [said], [edge(1010), edge(1035, stall=2)])
    assert match is not None
    assert not match.sure
    assert {each.stall_id for each in match.edges} == {"stall-1", "stall-2"}


def test_a_late_word_is_decided_before_the_plug_in_is_too_old() -> None:
    said = word(1050)
    match = matched(said, [said], [edge(1002)])  # came at 1000; a car is believed for 60 s
    assert match is not None
    assert match.due_mono_s == 1059


def test_two_cars_that_say_so_at_once_make_it_unsure() -> None:
    annas, bens = word(1000), word(1005, BEN)
    match = matched(annas, [annas, bens], [edge(1001)])
    assert match is not None
    assert not match.sure


def test_a_car_that_says_it_twice_is_one_car() -> None:
    first, again = word(1000), word(1004)
    match = matched(first, [first, again], [edge(1001)])
    assert match is not None
    assert match.sure


def test_a_car_that_may_have_stood_there_for_long_is_not_let_in() -> None:
    """After a restart, or a silent connector, nobody knows when it came: it could be anybody's."""
    said = word(1000)
    match = matched(said, [said], [edge(1001, came_s=None)])
    assert match is not None
    assert not match.sure


def test_a_plug_in_nobody_saw_in_time_still_makes_another_one_unsure() -> None:
    said = word(1000)
    silent_for_long = edge(1020, stall=2, came_s=400)
    match = matched(said, [said], [edge(1001), silent_for_long])
    assert match is not None
    assert not match.sure
