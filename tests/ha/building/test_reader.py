"""Telling a tap from a card that still shows."""

from datetime import timedelta

import pytest

from custom_components.evshare.access import BadUid
from custom_components.evshare.building.reader import CardReader
from custom_components.evshare.model import Moment, Reading

from .passing_time import START

CARD, OTHER = "04A2B3C4", "04C0FFEE"


class _Box:
    """A connector with a reader, read every `every_s`."""

    def __init__(self) -> None:
        self.reader = CardReader(bytes(32))
        self.mono_s = 1000.0

    def shows(self, card: str | None, after_s: float = 2.0) -> bool:
        """Read it; whether that was a tap."""
        self.mono_s += after_s
        at = START + timedelta(seconds=self.mono_s)
        reading = Reading(at=at, mono_s=self.mono_s, card_uid=card)
        return self.reader.polled(reading, Moment(at=at, mono_s=self.mono_s)) is not None


@pytest.fixture
def box() -> _Box:
    return _Box()


def test_a_card_that_comes_is_a_tap_once(box: _Box) -> None:
    assert [box.shows(card) for card in (None, CARD, CARD, CARD)] == [False, True, False, False]


def test_another_card_is_another_tap(box: _Box) -> None:
    assert [box.shows(card) for card in (None, CARD, OTHER, OTHER)] == [False, True, True, False]


def test_the_same_card_counts_again_after_it_was_gone(box: _Box) -> None:
    assert [box.shows(card) for card in (None, CARD, None, None, CARD)] == [False, True, False, False, True]


def test_one_reading_without_card_may_be_a_lost_value(box: _Box) -> None:
    assert [box.shows(card) for card in (None, CARD, None, CARD)] == [False, True, False, False]


def test_a_card_found_when_we_begin_to_look_is_old(box: _Box) -> None:
    assert [box.shows(card) for card in (CARD, CARD, None, None, CARD)] == [False, False, False, False, True]


def test_a_card_found_after_a_silence_is_old(box: _Box) -> None:
    assert not box.shows(None)
    assert not box.shows(CARD, after_s=31)
    assert not box.shows(CARD)


def test_a_pushing_reader_says_some_taps_twice(box: _Box) -> None:
    def pushed(after_s: float) -> bool:
        box.mono_s += after_s
        return box.reader.pushed(CARD, Moment(at=START, mono_s=box.mono_s)) is not None

    assert [pushed(after_s) for after_s in (1.0, 1.0, 5.0)] == [True, False, True]


def test_what_is_no_card_number_is_refused(box: _Box) -> None:
    with pytest.raises(BadUid):
        box.reader.pushed("hello", Moment(at=START, mono_s=1.0))
