"""Cards that another integration's entity tells of, told apart into what is shown now and what is left over.

Home Assistant brings states back after a restart, and integrations read leftovers from their chargers. Who is billed
hangs on the difference, so a card counts only as an edge that was watched: an event whose time is new and recent, or
a sensor that changed from something it was seen to say. The first thing a source says after it appeared is where we
take our bearings.
"""

from datetime import datetime, timedelta
import hashlib

from ...access import BadUid, normalise_uid
from ..clock import Clock
from .source import UNAVAILABLE, UNKNOWN, EntityState

FRESH = timedelta(seconds=30)
"""An event that is older came from before a restart, or over a line that was down; a card is not shown by it now."""
EMPTY_S = 30.0
"""A sensor that has been *unknown* for so long says that there is no card, not that it has not looked yet."""
NO_CARD = frozenset({"", "none", "null", "no_card", "no card", "-", UNKNOWN})
LONGEST = 64


class CardSlot:
    """Watches the entity of one `rfid` slot."""

    def __init__(self, entity_id: str, attribute: str | None, clock: Clock) -> None:
        """`attribute` is where an event holds the card."""
        self._is_event = entity_id.startswith("event.")
        self._attribute = attribute
        self._clock = clock
        self._last_at: datetime | None = None
        """The time of the last event that was seen, shown now or not."""
        self._bearings = False
        """The sensor was seen to say something since it appeared."""
        self._unknown_mono_s: float | None = None

    def begin(self, state: EntityState | None) -> None:
        """Take bearings: whatever is said now is left over."""
        self.changed(None, state)

    def changed(self, before: EntityState | None, now: EntityState | None) -> str | None:
        """The card that was shown by this change (UID in hex), None if none was."""
        if now is None or now.state == UNAVAILABLE:
            self._bearings, self._unknown_mono_s = False, None
            return None
        card = self._event(before, now) if self._is_event else self._sensor(before, now)
        return None if card is None else uid_of(card, labels=self._is_event)

    def _event(self, before: EntityState | None, now: EntityState) -> str | None:
        at = _time(now.state)
        if at is None or (self._last_at is not None and at <= self._last_at):
            return None
        self._last_at = at
        late = self._clock.utcnow() - at
        if before is None or not -FRESH <= late <= FRESH:
            return None
        card = now.attributes.get(self._attribute or "")
        return card if isinstance(card, str) else None

    def _sensor(self, before: EntityState | None, now: EntityState) -> str | None:
        mono_s = self._clock.monotonic()
        if now.state == UNKNOWN:
            self._unknown_mono_s = mono_s if self._unknown_mono_s is None else self._unknown_mono_s
            return None
        watched = self._bearings or (self._unknown_mono_s is not None and mono_s - self._unknown_mono_s >= EMPTY_S)
        self._bearings, self._unknown_mono_s = True, None
        if not watched or (before is not None and before.state == now.state):
            return None
        return now.state


def uid_of(card: str, *, labels: bool) -> str | None:
    """A card's UID in hex; None for what readers say when there is no card.

    With `labels` a name that the charger gives a card stands for it (Peblar's event says no UID): a digest of eight
    bytes, so that it is stored and compared like any UID and the name is kept nowhere. Without, only UIDs count:
    some sensors show the tags that remote starts make up (OCPP).
    """
    text = card.strip()
    if text.lower() in NO_CARD or len(text) > LONGEST or set(text) <= set("0:.- "):
        return None
    try:
        return normalise_uid(text).hex().upper()
    except BadUid:
        return hashlib.sha256(f"label of a card\n{text}".encode()).hexdigest()[:16].upper() if labels else None


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if at.tzinfo is None else at
