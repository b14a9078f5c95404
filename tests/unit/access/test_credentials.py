"""Cards as readers tell them, and what is kept of them."""

from hypothesis import given
from hypothesis import strategies as st
import pytest

from custom_components.evshare.access import (
    BadUid,
    CardRecord,
    encodings,
    fingerprint,
    fingerprints,
    match_card,
    normalise_uid,
    shortened,
)
from custom_components.evshare.model import CardId, ResidentId

KEY = bytes(range(32))


def card(uid: bytes, number: int = 1) -> CardRecord:
    return CardRecord(
        id=CardId(f"{number:016x}"), resident_id=ResidentId(f"res-{number}"), fingerprints=fingerprints(KEY, uid)
    )


@pytest.mark.parametrize(
    "text", ["04A23B9C", "04-a2-3b-9c", "04:A2:3B:9C", " 04 a2 3b 9c ", "0x04A23B9C", "04.A2.3B.9C"]
)
def test_every_spelling_of_a_uid_is_the_same_card(text: str) -> None:
    assert normalise_uid(text) == bytes.fromhex("04a23b9c")


@pytest.mark.parametrize("text", ["04de5f1eacc040", "e00401500a1b2c3d", "04de5f1eacc040aabbcc"])
def test_uids_of_seven_eight_and_ten_bytes_are_cards(text: str) -> None:
    assert normalise_uid(text) == bytes.fromhex(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not hexadecimal"),
        ("hello", "not hexadecimal"),
        ("04A23B9", "not hexadecimal"),
        ("04A23B", "3 bytes came; accepted are 4, 7, 8 or 10"),
        ("9b1c6a1e-3f0e-4b52-9a10-53a3d86f2c11", "16 bytes came"),
        ("00000000", "all zeros"),
    ],
)
def test_what_is_no_uid_is_refused_without_repeating_it(text: str, complaint: str) -> None:
    with pytest.raises(BadUid, match=complaint) as refused:
        normalise_uid(text)
    assert not text or text not in str(refused.value)


def test_a_card_is_kept_as_full_reversed_and_shortened_uid() -> None:
    assert encodings(bytes.fromhex("04de5f1eacc040")) == (
        bytes.fromhex("04de5f1eacc040"),
        bytes.fromhex("40c0ac1e5fde04"),
        bytes.fromhex("04de5f1e"),
    )


def test_a_four_byte_card_needs_no_shortened_form() -> None:
    assert encodings(bytes.fromhex("04a23b9c")) == (bytes.fromhex("04a23b9c"), bytes.fromhex("9c3ba204"))


def test_a_fingerprint_is_the_keyed_hash_of_length_and_uid() -> None:
    # printf '\x04\x04\xa2\x3b\x9c' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102...1f
    assert fingerprint(KEY, bytes.fromhex("04a23b9c")) == "87b307bb424132e922803ff1c2dd576b"


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="key: 16 bytes came; 32 are needed"):
        fingerprint(KEY[:16], b"\x04\xa2\x3b\x9c")


@pytest.mark.parametrize("shown", ["04de5f1eacc040", "40c0ac1e5fde04", "04de5f1e"])
def test_a_card_is_known_in_every_form_a_reader_delivers(shown: str) -> None:
    anna = card(bytes.fromhex("04de5f1eacc040"))
    assert match_card([anna], fingerprint(KEY, bytes.fromhex(shown))) == anna


def test_another_key_knows_no_card() -> None:
    anna = card(bytes.fromhex("04de5f1eacc040"))
    assert match_card([anna], fingerprint(bytes(32), bytes.fromhex("04de5f1eacc040"))) is None


def test_a_short_uid_that_fits_two_cards_is_nobodys() -> None:
    cards = [card(bytes.fromhex("04de5f1eacc040"), 1), card(bytes.fromhex("04de5f1e112233"), 2)]
    assert match_card(cards, fingerprint(KEY, bytes.fromhex("04de5f1e"))) is None


def test_a_full_uid_counts_before_anothers_shortened_one() -> None:
    long, short = card(bytes.fromhex("04de5f1eacc040"), 1), card(bytes.fromhex("04de5f1e"), 2)
    assert match_card([long, short], fingerprint(KEY, bytes.fromhex("04de5f1e"))) == short


@given(st.binary(min_size=4, max_size=10), st.binary(min_size=4, max_size=10))
def test_different_numbers_have_different_fingerprints(one: bytes, other: bytes) -> None:
    assert (fingerprint(KEY, one) == fingerprint(KEY, other)) == (one == other)


def test_a_card_enrolled_at_a_keba_is_known_at_a_reader_that_sees_all_of_it() -> None:
    uid = bytes.fromhex("04de5f1eacc040")
    anna = card(uid[:4])
    assert match_card([anna], fingerprint(KEY, uid), shortened(KEY, uid)) == anna


def test_a_card_enrolled_whole_is_not_confused_with_another_that_begins_alike() -> None:
    anna, other = card(bytes.fromhex("04de5f1eacc040")), bytes.fromhex("04de5f1e112233")
    assert match_card([anna], fingerprint(KEY, other), shortened(KEY, other)) is None


def test_four_bytes_have_nothing_to_shorten() -> None:
    assert shortened(KEY, bytes.fromhex("04de5f1e")) is None
