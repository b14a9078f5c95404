"""Cards: what a reader says of them, and what is kept.

A UID is never stored, logged or shown. It has too little entropy for a plain hash, so what is kept is a keyed one
(HMAC-SHA256 over length and UID, first 128 bits); the key lives apart from the journal. Readers disagree on the
encoding of the same card: most give the full UID, some reverse its bytes, KEBA's register holds only its first four
bytes (KEBA Modbus guide 1.07, register 1500). So a card is kept under every form a reader may deliver.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
import hmac
import re

from ..model import CardId, ResidentId, StallId
from .rules import Hours

KEY_BYTES = 32
SHORT_BYTES = 4
"""What KEBA's register holds of a UID."""
UID_LENGTHS = (4, 7, 8, 10)
"""ISO/IEC 14443-3 has 4, 7 and 10 bytes, ISO/IEC 15693 has 8."""

_SEPARATORS = re.compile(r"[\s:.\-]")
_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2})+)")


class BadUid(ValueError):
    """Not a card's UID. The message never repeats it."""


@dataclass(frozen=True, kw_only=True)
class CardRecord:
    """An enrolled card. `fingerprints`: the full UID's first."""

    id: CardId
    resident_id: ResidentId
    fingerprints: tuple[str, ...]
    label: str = ""
    blocked: bool = False
    blocked_by_holder: bool = False
    """Its holder blocked it, and may take that back; what the manager blocked only the manager unblocks."""
    weak: bool = False
    """Its number has four bytes: others may have the same, and it says nothing of the card."""
    month_wh: int | None = None
    """At most so much per calendar month; None: no limit of its own."""
    money_month_wh: int | None = None
    """The same, what the app told that its money of a month is good for."""
    quiet: Hours | None = None
    """It starts nothing in these hours, every day."""
    added_at: datetime | None = None
    used_at: datetime | None = None
    """When it last let somebody in."""


@dataclass(frozen=True, kw_only=True)
class UnknownCard:
    """A card that was refused as unknown, kept for a while so that it can be given to somebody."""

    id: str
    """16 hex digits; says nothing of its UID."""
    stall_id: StallId
    """Where it was shown last."""
    at: datetime
    times: int
    tail: str
    """The last two hex digits of its number, to tell it from others."""


def normalise_uid(text: str) -> bytes:
    """The UID's bytes from what a reader says: hex with or without ``-``, ``:``, ``.``, spaces, ``0x``.

    Raises `BadUid` for anything else, for other lengths, and for a UID of zeros (a reader's "no card").
    """
    match = _HEX.fullmatch(_SEPARATORS.sub("", text))
    if match is None:
        raise BadUid("uid: not hexadecimal; accepted are 4, 7, 8 or 10 bytes in hexadecimal, as in 04-A2-3B-9C")
    uid = bytes.fromhex(match[1])
    if len(uid) not in UID_LENGTHS:
        raise BadUid(f"uid: {len(uid)} bytes came; accepted are 4, 7, 8 or 10 bytes in hexadecimal")
    if not any(uid):
        raise BadUid("uid: all zeros, which readers say when there is no card")
    return uid


def encodings(uid: bytes) -> tuple[bytes, ...]:
    """The forms in which readers may deliver this card: full, reversed, first four bytes; each once."""
    return tuple(dict.fromkeys((uid, uid[::-1], uid[:SHORT_BYTES])))


def is_weak(uid: bytes) -> bool:
    """Whether a number is too short to be one card's only (ISO/IEC 14443-3: 4 bytes may be random or used again)."""
    return len(uid) <= SHORT_BYTES


def tail(uid: bytes) -> str:
    """The last two hex digits of a number: enough to tell two cards apart, useless to copy one."""
    return uid[-1:].hex().upper()


def fingerprint(key: bytes, uid: bytes) -> str:
    """32 hex digits: the keyed hash of what a reader delivered. ValueError for a key of another length than 32."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"key: {len(key)} bytes came; {KEY_BYTES} are needed")
    return hmac.digest(key, bytes((len(uid),)) + uid, "sha256")[:16].hex()


def fingerprints(key: bytes, uid: bytes) -> tuple[str, ...]:
    """What is stored of a card at enrolment: one fingerprint per encoding, the full UID's first."""
    return tuple(fingerprint(key, form) for form in encodings(uid))


def shortened(key: bytes, uid: bytes) -> str | None:
    """The fingerprint of what a KEBA reads of a longer UID; None where there is nothing to shorten."""
    return fingerprint(key, uid[:SHORT_BYTES]) if len(uid) > SHORT_BYTES else None


def match_card(cards: Iterable[CardRecord], shown: str, short: str | None = None) -> CardRecord | None:
    """The card with this fingerprint; its full UID counts before a shortened or reversed one.

    `short` is the fingerprint of the shown UID's first four bytes: it finds a card that was enrolled at a reader which
    knows no more of it. None when there is no card, and when a shortened UID fits several: then nobody can say whose
    it is.
    """
    known = tuple(cards)
    found = [card for card in known if shown in card.fingerprints]
    full = [card for card in found if card.fingerprints[0] == shown]
    enrolled_short = [card for card in known if short is not None and card.fingerprints[0] == short]
    certain = full or found or enrolled_short
    return certain[0] if len(certain) == 1 else None
