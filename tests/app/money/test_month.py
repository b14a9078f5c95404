from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
import pytest

from evshare_app.model import Month, from_ms, to_ms

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "UTC"]


def test_march_is_an_hour_short_and_october_an_hour_long_where_clocks_change():
    # Berlin 2026: +01:00 until 29 March, +02:00 until 25 October.
    assert Month(2026, 3).bounds(BERLIN) == (
        datetime(2026, 2, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 31, 22, tzinfo=UTC),
    )
    assert Month(2026, 10).bounds(BERLIN) == (
        datetime(2026, 9, 30, 22, tzinfo=UTC),
        datetime(2026, 10, 31, 23, tzinfo=UTC),
    )


def test_an_instant_belongs_to_the_month_on_the_buildings_clocks():
    last_second = datetime(2026, 6, 30, 21, 59, 59, tzinfo=UTC)
    assert Month.of(last_second, BERLIN) == Month(2026, 6)
    assert Month.of(last_second + timedelta(seconds=1), BERLIN) == Month(2026, 7)


def test_december_is_followed_by_january():
    assert Month(2026, 12).following() == Month(2027, 1)
    assert Month(2026, 12).bounds(BERLIN)[1] == datetime(2026, 12, 31, 23, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026", "2026-13", "2026-00", "June", "", "2026-06-01"])
def test_a_text_that_is_no_month_is_refused_with_what_is_accepted(text):
    with pytest.raises(ValueError, match="accepted is YYYY-MM"):
        Month.parse(text)


@given(st.integers(1971, 2100), st.integers(1, 12), st.sampled_from(ZONES))
def test_months_follow_each_other_without_gap_or_overlap(year, month, zone):
    this = Month(year, month)
    start, end = this.bounds(ZoneInfo(zone))
    assert Month.parse(str(this)) == this
    assert end == this.following().bounds(ZoneInfo(zone))[0]
    assert Month.of(start, ZoneInfo(zone)) == this
    assert Month.of(end - timedelta(milliseconds=1), ZoneInfo(zone)) == this


@given(st.datetimes(timezones=st.just(UTC)))
def test_milliseconds_keep_an_instant(at):
    assert from_ms(to_ms(at)) == at.replace(microsecond=at.microsecond // 1000 * 1000)


def test_a_naive_time_is_refused():
    with pytest.raises(ValueError, match="accepted is an aware one"):
        to_ms(datetime(2026, 6, 1))  # noqa: DTZ001
