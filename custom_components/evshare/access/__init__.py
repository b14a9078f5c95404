"""Who is let in: credentials, presence, policy. Pure."""

from .credentials import (
    BadUid,
    CardRecord,
    encodings,
    fingerprint,
    fingerprints,
    match_card,
    normalise_uid,
    shortened,
)
from .policy import (
    AccessView,
    Ask,
    CardAsk,
    Denial,
    Grant,
    Ignored,
    PhoneAsk,
    StallFacts,
    Toggle,
    UserAsk,
    decide,
)
from .taps import Taps, polled, pushed

__all__ = [
    "AccessView",
    "Ask",
    "BadUid",
    "CardAsk",
    "CardRecord",
    "Denial",
    "Grant",
    "Ignored",
    "PhoneAsk",
    "StallFacts",
    "Taps",
    "Toggle",
    "UserAsk",
    "decide",
    "encodings",
    "fingerprint",
    "fingerprints",
    "match_card",
    "normalise_uid",
    "polled",
    "pushed",
    "shortened",
]
