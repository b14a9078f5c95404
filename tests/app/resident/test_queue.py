"""The waiting list as rules: who is offered which stall, and what must hold whatever people and stalls do."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from evshare_app.resident.queue import (
    Change,
    Expired,
    Offer,
    Offered,
    Place,
    Spot,
    TakenBack,
    is_one_free,
    number_in_line,
    turn,
)

NOW = datetime(2026, 7, 2, 16, 30, tzinfo=UTC)
HOLD = timedelta(minutes=15)


def place(name: str, minutes_ago: int, **more: object) -> Place:
    return Place(waiting_id=name, resident_id=name, joined=NOW - timedelta(minutes=minutes_ago), **more)  # type: ignore[arg-type]


def free(stall_id: str = "stall-1") -> Spot:
    return Spot(stall_id=stall_id, free=True)


def taken(stall_id: str = "stall-1", by: str = "somebody") -> Spot:
    return Spot(stall_id=stall_id, free=False, user=by)


def offered(name: str, stall_id: str = "stall-1", after: timedelta = HOLD) -> Offered:
    return Offered(waiting_id=name, offer=Offer(stall_id=stall_id, until=NOW + after))


def test_whoever_waited_longest_is_offered_the_free_stall() -> None:
    assert turn([place("bo", 5), place("ada", 9)], [free()], NOW, HOLD) == [offered("ada")]


def test_two_free_stalls_go_to_the_first_two() -> None:
    line = [place("ada", 9), place("bo", 5), place("cy", 1)]
    assert turn(line, [free("stall-1"), free("stall-2")], NOW, HOLD) == [
        offered("ada", "stall-1"),
        offered("bo", "stall-2"),
    ]


def test_a_stall_that_is_kept_is_offered_to_nobody_else() -> None:
    ada = place("ada", 9, offer=Offer(stall_id="stall-1", until=NOW + timedelta(minutes=3)))
    assert turn([ada, place("bo", 5)], [free()], NOW, HOLD) == []


def test_an_offer_that_ran_out_goes_to_the_next_at_once() -> None:
    ada = place("ada", 9, offer=Offer(stall_id="stall-1", until=NOW))
    assert turn([ada, place("bo", 5)], [free()], NOW, HOLD) == [Expired(waiting_id="ada"), offered("bo")]


def test_whoever_snoozes_is_left_out_and_keeps_the_place() -> None:
    ada = place("ada", 9, snoozed_until=NOW + timedelta(minutes=1))
    assert turn([ada, place("bo", 5)], [free()], NOW, HOLD) == [offered("bo")]
    awake = NOW + timedelta(minutes=1)
    assert turn([ada, place("bo", 5)], [free()], awake, HOLD)[0].waiting_id == "ada"


def test_a_stall_somebody_may_not_use_goes_to_the_next_who_may() -> None:
    ada = place("ada", 9, stall_ids=frozenset({"stall-2"}))
    assert turn([ada, place("bo", 5)], [free("stall-1")], NOW, HOLD) == [offered("bo", "stall-1")]


def test_whoever_is_blocked_is_offered_nothing_and_loses_what_they_were_offered() -> None:
    ada = place("ada", 9, able=False, offer=Offer(stall_id="stall-1", until=NOW + HOLD))
    assert turn([ada, place("bo", 5)], [free()], NOW, HOLD) == [TakenBack(waiting_id="ada"), offered("bo")]


def test_somebody_faster_or_a_broken_stall_costs_nobody_their_place() -> None:
    ada = place("ada", 9, offer=Offer(stall_id="stall-1", until=NOW + HOLD))
    for spot in (taken(by="cy"), Spot(stall_id="stall-1", free=False, out=True)):
        changes = turn([ada, place("bo", 5)], [spot, free("stall-2")], NOW, HOLD)
        assert changes == [TakenBack(waiting_id="ada"), offered("ada", "stall-2")]


def test_their_own_session_at_the_kept_stall_takes_nothing_back() -> None:
    ada = place("ada", 9, offer=Offer(stall_id="stall-1", until=NOW + HOLD))
    assert turn([ada], [taken(by="ada")], NOW, HOLD) == []


def test_while_the_house_is_silent_nothing_is_offered_and_offers_still_run_out() -> None:
    ada = place("ada", 9, offer=Offer(stall_id="stall-1", until=NOW - timedelta(seconds=1)))
    assert turn([ada, place("bo", 5)], [], NOW, HOLD) == [Expired(waiting_id="ada")]


def test_the_number_in_line_counts_those_before_and_nobody_who_was_offered_a_stall() -> None:
    ada = place("ada", 9, offer=Offer(stall_id="stall-1", until=NOW + HOLD))
    line = [place("cy", 1), ada, place("bo", 5)]
    assert [number_in_line(line, name) for name in ("ada", "bo", "cy", "dee")] == [None, 1, 2, None]


def test_a_stall_that_is_kept_for_somebody_is_not_free_for_others() -> None:
    ada = place("ada", 9, offer=Offer(stall_id="stall-1", until=NOW + HOLD))
    me = place("me", 0)
    assert not is_one_free([ada], [free("stall-1"), taken("stall-2")], me)
    assert is_one_free([ada], [free("stall-1"), free("stall-2")], me)
    assert not is_one_free([], [free("stall-2")], replace(me, stall_ids=frozenset({"stall-1"})))


# --- laws ----------------------------------------------------------------------------------------------------------

STALLS = ("stall-1", "stall-2", "stall-3")
people = st.lists(
    st.builds(
        Place,
        waiting_id=st.uuids().map(str),
        resident_id=st.uuids().map(str),
        joined=st.integers(0, 300).map(lambda minutes: NOW - timedelta(minutes=minutes)),
        stall_ids=st.none() | st.frozensets(st.sampled_from(STALLS)),
        able=st.booleans(),
        snoozed_until=st.none() | st.integers(-60, 60).map(lambda minutes: NOW + timedelta(minutes=minutes)),
        offer=st.none()
        | st.builds(
            Offer,
            stall_id=st.sampled_from(STALLS),
            until=st.integers(-5, 15).map(lambda minutes: NOW + timedelta(minutes=minutes)),
        ),
    ),
    max_size=8,
)
stalls = st.lists(
    st.builds(
        Spot,
        stall_id=st.sampled_from(STALLS),
        free=st.booleans(),
        user=st.none() | st.just("somebody"),
        out=st.booleans(),
    ).map(lambda spot: replace(spot, free=spot.free and not spot.out and spot.user is None)),
    unique_by=lambda spot: spot.stall_id,
    max_size=3,
)


def after(places: Sequence[Place], changes: Sequence[Change]) -> dict[str, Place]:
    """What becomes of the places: written by hand here, as the books do it."""
    line = {one.waiting_id: one for one in places}
    for change in changes:
        match change:
            case Expired(waiting_id=name):
                del line[name]
            case TakenBack(waiting_id=name):
                line[name] = replace(line[name], offer=None)
            case Offered(waiting_id=name, offer=offer):
                line[name] = replace(line[name], offer=offer, snoozed_until=None)
    return line


@given(people, stalls)
@settings(deadline=None, max_examples=400)
def test_at_most_one_offer_per_stall_and_per_resident(places: list[Place], spots: list[Spot]) -> None:
    line = after(places, turn(places, spots, NOW, HOLD))
    kept = [one.offer.stall_id for one in line.values() if one.offer is not None]
    assert len(kept) == len(set(kept))


@given(people, stalls)
@settings(deadline=None, max_examples=400)
def test_nobody_is_passed_by_and_no_free_stall_is_left_while_somebody_could_use_it(
    places: list[Place], spots: list[Spot]
) -> None:
    changes = turn(places, spots, NOW, HOLD)
    line = after(places, changes)
    still = [one for one in line.values() if one.offer is None]
    for change in changes:
        if isinstance(change, Offered):
            chosen = next(one for one in places if one.waiting_id == change.waiting_id)
            before = [one for one in still if one.joined < chosen.joined]
            assert not any(could_use(one, change.offer.stall_id) for one in before)
    kept = {one.offer.stall_id for one in line.values() if one.offer is not None}
    for spot in spots:
        if spot.free and spot.stall_id not in kept:
            assert not any(could_use(one, spot.stall_id) for one in still)


def could_use(one: Place, stall_id: str) -> bool:
    awake = one.snoozed_until is None or one.snoozed_until <= NOW
    return one.able and awake and (one.stall_ids is None or stall_id in one.stall_ids)


@given(people, stalls)
@settings(deadline=None, max_examples=200)
def test_looking_again_changes_nothing(places: list[Place], spots: list[Spot]) -> None:
    line = after(places, turn(places, spots, NOW, HOLD))
    assert turn(list(line.values()), spots, NOW, HOLD) == []


@given(st.integers(1, 9), st.integers(1, 3), st.data())
@settings(deadline=None, max_examples=150)
def test_everyone_in_a_list_is_offered_a_stall_before_anyone_is_twice(
    size: int, stalls_there: int, data: st.DataObject
) -> None:
    """Nobody ever comes: each offer runs out or is passed on, and everyone joins again at the end."""
    now, joined = NOW, 0
    names = [f"person-{number}" for number in range(size)]
    line = {
        name: Place(waiting_id=name, resident_id=name, joined=NOW - timedelta(minutes=size - number))
        for number, name in enumerate(names)
    }
    spots = [free(stall_id) for stall_id in STALLS[:stalls_there]]
    offered_since: dict[str, set[str]] = {}
    for _ in range(8 * size):
        changes = turn(list(line.values()), spots, now, HOLD)
        line = after(list(line.values()), changes)
        kept = sorted(one.waiting_id for one in line.values() if one.offer is not None)
        for name in (one.waiting_id for one in changes if isinstance(one, Offered)):
            assert offered_since.get(name, set(names)) >= set(names)
            # Who had a stall in hand when this one was offered theirs, had their turn already.
            offered_since[name] = set(kept)
            for others in offered_since.values():
                others.add(name)
        gone = sorted(set(names) - set(line))
        if kept and data.draw(st.booleans()):
            passed = data.draw(st.sampled_from(kept))
            del line[passed]
            gone.append(passed)
        else:
            now += data.draw(st.sampled_from((timedelta(minutes=7), HOLD)))
        for name in gone:
            joined += 1
            line[name] = Place(waiting_id=name, resident_id=name, joined=now + timedelta(microseconds=joined))
    assert set(offered_since) == set(names)
