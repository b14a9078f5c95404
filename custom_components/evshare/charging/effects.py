"""What a stall wants done. The performer commits all records and the snapshot in one transaction first, then
commands the hardware in the given order, then announces.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

AUTHORISATION_TYPES = ("accepted", "denied", "card_elsewhere")
"""`Announce.type` when `kind` is ``authorisation``. Attributes: ``credential``, and ``reason`` when denied.

``card_elsewhere`` comes after ``denied``: the card that was shown has a session open at another stall.
"""

SESSION_TYPES = ("started", "paused", "resumed", "ended")
"""`Announce.type` when `kind` is ``session``. Attributes: ``mode``; ``reason`` and ``energy_wh`` when ended."""

type JsonValue = str | int | float | bool | None


@dataclass(frozen=True)
class Record:
    """A journal record; `kind` and `body` as in the table of ``docs/link.md``."""

    kind: str
    at: datetime
    body: Mapping[str, JsonValue]


@dataclass(frozen=True)
class Persist:
    """Store `snapshot(state)` in the same transaction as the records."""


@dataclass(frozen=True)
class Enable:
    """Open the gate at `limit_a` (6 A or more)."""

    limit_a: int


@dataclass(frozen=True)
class SetLimit:
    """Change the offered current; 0 pauses without closing the gate."""

    limit_a: int


@dataclass(frozen=True)
class Disable:
    """Close the gate."""


@dataclass(frozen=True)
class Announce:
    """For HA's event entities. Holds no personal data and no card."""

    kind: str
    type: str
    attributes: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True)
class UnauthorisedEnergy:
    """`energy_wh` more flowed that nobody was authorised for. Comes with every reading that shows some."""

    energy_wh: int


Effect = Record | Persist | Enable | SetLimit | Disable | Announce | UnauthorisedEnergy
