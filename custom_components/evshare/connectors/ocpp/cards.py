"""By what somebody may begin a transaction at one connector: a tag of ours, or a card the stall let in.

A tag of ours is random, begins with letters no card's number has, and is good for one transaction. A card is good for
the session it was let in for: it is forgotten when the stall locks. Kept in memory only.
"""

import secrets

from ..clock import Clock

PREFIX = "EVS"
TAG_S = 40.0
"""How long a box may take from our start to its transaction."""
CARD_S = 8.0
"""A box that is plugged in begins by itself with a card that was let in; after this we start it."""
ASKED_S = 600.0
"""For so long a card that was shown is known to have been; what begins with it later needs it shown again."""
ASKED_CARDS = 64
STOPPED_S = 15.0
"""A box shows the end of a session from afar like a refusal; who shows the card again then wants no new session."""


class Cards:
    """Who was let in at one connector."""

    def __init__(self, clock: Clock) -> None:
        """Nobody."""
        self._clock = clock
        self._tag: tuple[str, float] | None = None
        self._card: tuple[str, float] | None = None
        self._card_began = False
        """A transaction began with the card."""
        self._asked: dict[str, float] = {}
        self._stopped: tuple[str, float] | None = None

    def issue(self) -> str:
        """A new tag of ours, 19 characters; the one before is void."""
        tag = f"{PREFIX}{secrets.token_hex(8).upper()}"
        self._tag = (tag, self._clock.monotonic())
        return tag

    def void(self) -> None:
        """The tag was not taken."""
        self._tag = None

    def ours(self, id_tag: str) -> bool:
        """Whether this is our tag, and still good."""
        return self.starting and self._tag is not None and self._tag[0] == _same(id_tag)

    @property
    def starting(self) -> bool:
        """A tag of ours is out, and its transaction not there yet."""
        return self._tag is not None and self._clock.monotonic() - self._tag[1] < TAG_S

    @property
    def card_starts(self) -> bool:
        """A card was let in just now: the box begins by itself."""
        return self._card_waits is not None and self._clock.monotonic() - self._card_waits < CARD_S

    @property
    def awaited(self) -> bool:
        """A card was let in or a start of ours is under way, and no transaction has come of it."""
        return self._card_waits is not None or self.starting

    @property
    def _card_waits(self) -> float | None:
        return None if self._card is None or self._card_began else self._card[1]

    def let_in(self, id_tag: str) -> None:
        """The stall let this card in."""
        self._card_began = self._card_began and self.holds(id_tag)
        self._card = (_same(id_tag), self._clock.monotonic())

    def holds(self, id_tag: str) -> bool:
        """Whether this is the card that was let in."""
        return self._card is not None and self._card[0] == _same(id_tag)

    def asked(self, id_tag: str) -> None:
        """This card was shown, and the stall was asked."""
        now_mono_s = self._clock.monotonic()
        self._asked.pop(_same(id_tag), None)
        self._asked[_same(id_tag)] = now_mono_s
        if len(self._asked) > ASKED_CARDS:
            del self._asked[next(iter(self._asked))]

    def was_asked(self, id_tag: str) -> bool:
        """Whether this card was shown a while ago: a transaction that comes of it now is no new wish."""
        asked_mono_s = self._asked.get(_same(id_tag))
        return asked_mono_s is not None and self._clock.monotonic() - asked_mono_s < ASKED_S

    def stopped(self, id_tag: str) -> None:
        """Its session is being ended."""
        self._stopped = (_same(id_tag), self._clock.monotonic())

    def just_stopped(self, id_tag: str) -> bool:
        """Whether it is the card that ended its session a moment ago, shown once more."""
        stopped = self._stopped
        if stopped is None or stopped[0] != _same(id_tag):
            return False
        return self._clock.monotonic() - stopped[1] < STOPPED_S

    def used(self, id_tag: str) -> None:
        """A transaction began with it: a tag of ours is good for one only."""
        if self._tag is not None and self._tag[0] == _same(id_tag):
            self._tag = None
        if self.holds(id_tag):
            self._card_began = True

    def forget(self) -> None:
        """Nobody is let in any more."""
        self._tag = None
        self._card = None
        self._card_began = False


def _same(id_tag: str) -> str:
    """Id tags are compared without regard to case (CiString)."""
    return id_tag.strip().upper()
