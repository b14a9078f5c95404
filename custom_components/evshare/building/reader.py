"""What a stall's card reader says, told apart into taps.

A reader that pushes (an HA tag reader) says each tap, some of them several times. A connector's own reader is
polled and shows a level that stays after the tap (KEBA register 1500). Who is billed hangs on telling a tap from a
leftover: a tap is a card that was not there at the reading before, another one, or the same one after the level had
gone. A card that is there when we begin to look, or look again after a while, may be hours old: it is no tap, the
person has to show it again.
"""

from dataclasses import dataclass, replace

from ..access import Taps, fingerprint, normalise_uid, polled, pushed, shortened
from ..model import Moment, Reading

FRESH_S = 30.0
"""Readings further apart than this say nothing about when a card came."""
GONE_READINGS = 2
"""One empty reading may be a value that could not be read; two in a row are a card that went."""


@dataclass(frozen=True)
class Tap:
    """A card was shown. Kept in memory only."""

    uid: bytes
    fingerprint: str
    short: str | None = None
    """The fingerprint of the first four bytes of a longer UID."""


class CardReader:
    """The card reader of one stall. Raises `access.BadUid` for what is no card's number."""

    def __init__(self, card_key: bytes) -> None:
        self._card_key = card_key
        self._taps = Taps()
        self._read_mono_s: float | None = None
        self._empty = 0

    def pushed(self, uid_text: str, now: Moment) -> Tap | None:
        """Return the tap a pushing reader says, None if it is the last one again."""
        tap = self._tap(uid_text)
        self._taps, is_tap = pushed(self._taps, tap.fingerprint, now)
        return tap if is_tap else None

    def polled(self, reading: Reading, now: Moment) -> Tap | None:
        """Return the tap since the last reading, None if there was none."""
        looking = self._read_mono_s is not None and reading.mono_s - self._read_mono_s <= FRESH_S
        self._read_mono_s = reading.mono_s
        if not looking:
            self._taps = replace(self._taps, looked=False)
        tap = None if reading.card_uid is None else self._tap(reading.card_uid)
        self._empty = self._empty + 1 if tap is None else 0
        if tap is None and looking and self._empty < GONE_READINGS:
            return None
        self._taps, is_tap = polled(self._taps, None if tap is None else tap.fingerprint, now)
        return tap if is_tap else None

    def _tap(self, uid_text: str) -> Tap:
        uid = normalise_uid(uid_text)
        return Tap(uid, fingerprint(self._card_key, uid), shortened(self._card_key, uid))
