"""Slices cut the register's path at the quarter hours, and add up to the watt-hour."""

from datetime import UTC, datetime, timedelta
import itertools

from hypothesis import given
from hypothesis import strategies as st
import pytest

from custom_components.evshare.metering.slices import OpenSlice, close, next_quarter, opened, relabelled, run_to
from custom_components.evshare.model import SessionId, Slice, StallId

STALL = StallId("stall-1")
SESSION = SessionId("5e55")


def at(hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(2026, 6, 29, hour, minute, second, tzinfo=UTC)


def a_slice(start: datetime, register_wh: int, session_id: SessionId | None = SESSION) -> OpenSlice:
    return opened(STALL, session_id, 1, start, register_wh)


def test_the_next_quarter_after_a_quarter_is_a_quarter_of_an_hour_later() -> None:
    assert next_quarter(at(18, 15)) == at(18, 30)
    assert next_quarter(at(18, 14, 59)) == at(18, 15)


def test_between_two_quarters_nothing_is_cut() -> None:
    running, pieces = run_to(a_slice(at(18, 2, 10), 4_213_877), at(18, 14, 59), 4_216_000)
    assert pieces == ()
    assert (running.end, running.register_end_wh) == (at(18, 14, 59), 4_216_000)


def test_a_reading_on_the_quarter_cuts_without_guessing() -> None:
    running, pieces = run_to(a_slice(at(18, 2, 10), 4_213_877), at(18, 15), 4_216_231)
    (piece,) = pieces
    assert (piece.start, piece.end) == (at(18, 2, 10), at(18, 15))
    assert (piece.register_start_wh, piece.register_end_wh) == (4_213_877, 4_216_231)
    assert not piece.estimated
    assert (running.start, running.register_start_wh) == (at(18, 15), 4_216_231)


def test_between_two_readings_the_quarter_is_interpolated_and_rounded_down() -> None:
    running, _ = run_to(a_slice(at(18, 0), 1000), at(18, 14, 56), 1000)
    running, (piece,) = run_to(running, at(18, 15, 3), 1010)  # 4 of 7 s: 10 x 4/7 = 5.7
    assert piece.register_end_wh == 1005
    assert not piece.estimated
    assert running.register_start_wh == 1005
    assert running.register_end_wh == 1010


def test_a_long_silence_is_cut_at_each_quarter_and_marked_on_both_sides() -> None:
    running, pieces = run_to(a_slice(at(18, 0), 0), at(18, 40), 4000)
    assert [(piece.end, piece.energy_wh, piece.estimated) for piece in pieces] == [
        (at(18, 15), 1500, True),
        (at(18, 30), 1500, True),
    ]
    assert (running.register_start_wh, running.register_end_wh, running.estimated) == (3000, 4000, True)


def test_a_minute_of_silence_is_not_marked() -> None:
    running, _ = run_to(a_slice(at(18, 0), 0), at(18, 14), 100)
    _, (piece,) = run_to(running, at(18, 16), 120)
    assert not piece.estimated


def test_nobodys_idle_quarters_leave_no_trace() -> None:
    running, pieces = run_to(a_slice(at(18, 0), 1000, None), at(23, 0), 1000)
    assert pieces == ()
    assert running.start == at(23, 0)


def test_a_sessions_idle_quarters_are_kept_as_suspended_time() -> None:
    _, pieces = run_to(a_slice(at(18, 0), 1000), at(18, 31), 1000)
    assert [(piece.charging_s, piece.suspended_s, piece.energy_wh) for piece in pieces] == [(0, 900, 0), (0, 900, 0)]


def test_another_limit_cuts_where_the_register_is_known() -> None:
    running, _ = run_to(a_slice(at(18, 0), 1000), at(18, 5), 1200)
    running, (piece,) = relabelled(running, charging=True, limit_a=10)
    assert (piece.end, piece.register_end_wh, piece.limit_a) == (at(18, 5), 1200, 0)
    assert (running.start, running.register_start_wh, running.limit_a) == (at(18, 5), 1200, 10)


def test_the_same_limit_cuts_nothing() -> None:
    running, _ = run_to(a_slice(at(18, 0), 1000), at(18, 5), 1200)
    assert relabelled(running, charging=False, limit_a=0) == (running, ())


def test_a_silence_of_two_months_is_one_estimated_slice() -> None:
    running, pieces = run_to(a_slice(at(18, 0), 1000, None), at(18, 1) + timedelta(days=62), 9000)
    assert pieces == ()
    assert running.estimated
    assert (running.start, running.register_end_wh) == (at(18, 0), 9000)


def test_a_register_that_went_back_is_refused() -> None:
    with pytest.raises(ValueError, match="register_wh: 999 is below 1000"):
        run_to(a_slice(at(18, 0), 1000), at(18, 5), 999)


@given(
    st.integers(0, 5000),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 900), st.booleans(), st.integers(0, 32)), max_size=40),
    st.sampled_from([SESSION, None]),
)
def test_slices_join_and_add_up_to_the_register(
    offset_s: int, course: list[tuple[int, int, bool, int]], session_id: SessionId | None
) -> None:
    now, register_wh = at(0, 0) + timedelta(seconds=offset_s), 100_000
    running = a_slice(now, register_wh, session_id)
    pieces: list[Slice] = []
    for step_s, gain_wh, charging, limit_a in course:
        now, register_wh = now + timedelta(seconds=step_s), register_wh + gain_wh
        running, cut = run_to(running, now, register_wh)
        pieces.extend(cut)
        running, cut = relabelled(running, charging=charging, limit_a=limit_a)
        pieces.extend(cut)
    pieces.append(close(running))
    assert sum(piece.energy_wh for piece in pieces) == register_wh - 100_000
    for piece in pieces:
        assert piece.energy_wh >= 0
        assert piece.end <= next_quarter(piece.start)
        if session_id is not None:
            assert piece.charging_s + piece.suspended_s == (piece.end - piece.start).total_seconds()
    if session_id is not None:
        for one, other in itertools.pairwise(pieces):
            assert (one.end, one.register_end_wh) == (other.start, other.register_start_wh)
