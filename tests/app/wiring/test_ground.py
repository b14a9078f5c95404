"""The web ground's own laws: buckets, addresses, secrets, numbers and times."""

from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
import pytest

from evshare_app.i18n import best_language
from evshare_app.tokens import TokenKey, key_file, masked, new_stall_code, pairing_token
from evshare_app.web.formats import Formats
from evshare_app.web.limits import Rate, TokenBuckets, client_address


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    buckets = TokenBuckets(Rate(per_minute=6, burst=2))
    assert [buckets.take("a", 0) for _ in range(3)] == [0, 0, 10]
    assert buckets.take("b", 0) == 0
    assert buckets.take("a", 9) == 1
    assert buckets.take("a", 10) == 0


@given(st.lists(st.floats(min_value=0, max_value=100), max_size=100))
def test_no_bucket_ever_gives_more_than_burst_and_rate(times: list[float]) -> None:
    buckets = TokenBuckets(Rate(per_minute=60, burst=5))
    given_ = sum(buckets.take("a", at) == 0 for at in sorted(times))
    assert given_ <= 5 + max(times, default=0) + 1e-6


PROXY = (ip_network("10.0.0.5/32"),)


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "whose"),
    [
        ("192.0.2.1", "", PROXY, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.9", PROXY, "192.0.2.1"),
        ("10.0.0.5", "198.51.100.9", PROXY, "198.51.100.9"),
        ("10.0.0.5", "203.0.113.7, 198.51.100.9", PROXY, "198.51.100.9"),
        ("10.0.0.5", "198.51.100.9, 10.0.0.5", PROXY, "198.51.100.9"),
        ("10.0.0.5", "", PROXY, "10.0.0.5"),
        ("10.0.0.5", "198.51.100.9", (), "10.0.0.5"),
        ("10.0.0.5", "nonsense", PROXY, "unknown"),
        (None, "", (), "unknown"),
        ("2001:db8:1:2:aaaa::1", "", (), "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "", (), "192.0.2.1"),
        ("10.0.0.5", "::ffff:198.51.100.9", PROXY, "198.51.100.9"),
        ("2001:db8:1:2:bbbb::9", "", (), "2001:db8:1:2::/64"),
    ],
)
def test_whose_bucket_it_is(peer: str | None, forwarded: str, trusted: tuple[object, ...], whose: str) -> None:
    assert client_address(peer, forwarded, trusted) == whose  # type: ignore[arg-type]


def test_secrets_are_made_once_and_only_we_may_read_them(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "pairing.token"
    token, is_new = pairing_token(path)
    assert is_new
    assert pairing_token(path) == (token, False)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert len(token) == 43  # 256 bits in base64url
    key = key_file(tmp_path / "keys" / "token.key")
    assert len(key) == 32
    assert key_file(tmp_path / "keys" / "token.key") == key


def test_a_stall_code_has_80_bits_in_crockfords_alphabet() -> None:
    codes = {new_stall_code() for _ in range(100)}
    assert len(codes) == 100
    assert all(len(code) == 16 and not set(code) - set("0123456789ABCDEFGHJKMNPQRSTVWXYZ") for code in codes)


def test_cookies_and_csrf_values_of_one_key_are_apart() -> None:
    key, other = TokenKey(b"a" * 32), TokenKey(b"b" * 32)
    assert key.mac("x") != key.csrf("x") != other.csrf("x")
    assert key.csrf_matches("x", masked(key.csrf("x")))
    assert not key.csrf_matches("x", masked(key.csrf("y")))
    assert not key.csrf_matches("x", key.csrf("x"))  # pages hold it masked only
    assert not key.csrf_matches("x", "\udc80é")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("it, en-GB;q=0.5", "en"),
        ("fr-CH, fr;q=0.9, de;q=0.8", "fr"),
        ("it", "de"),
        ("", "de"),
        ("en;q=0, de;q=nonsense", "de"),
        (";;q=,,=", "de"),
    ],
)
def test_a_language_is_chosen_from_what_the_browser_asks(header: str, language: str) -> None:
    assert best_language(header, "de") == language


def test_numbers_are_written_as_people_there_do() -> None:
    berlin, new_york = Formats("en", ZoneInfo("Europe/Berlin")), Formats("en", ZoneInfo("America/New_York"))
    at = datetime(2026, 6, 29, 18, 2, tzinfo=UTC)
    assert berlin.clock(at) == "20:02"
    assert new_york.clock(at).replace("\u202f", " ") == "2:02 PM"
    assert berlin.kwh_number(12_345) == "12,35"
    assert new_york.kwh_number(12_345) == "12.35"
    assert new_york.money(123_456, "USD") == "$1,234.56"
    assert Formats("de", ZoneInfo("Europe/Berlin")).weekday(at) == "Montag, 29. Juni 2026"
    zurich = Formats("fr", ZoneInfo("Europe/Zurich"))
    assert zurich.weekday(at) == "lundi, 29 juin 2026"
    assert zurich.money(123_456, "CHF") == "1\N{NARROW NO-BREAK SPACE}234,56\N{NO-BREAK SPACE}CHF"
