"""What became of one try to deliver a notice."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto


class Fate(Enum):
    """How a try ended."""

    SENT = auto()
    LATER = auto()  # nobody there, or too busy
    GONE = auto()  # the phone or mailbox does not exist any more
    REFUSED = auto()  # it would be refused again


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a try ended, and why; `reason` holds no secret and no address."""

    fate: Fate
    reason: str = ""
    not_before: timedelta | None = None
    """How long the other side wants to be left alone."""


SENT = Outcome(fate=Fate.SENT)
