"""Cards and blocked residents in the journal. Writer thread only, like the store.

A card is kept as keyed hashes of its number (`access.credentials`); its number is nowhere. Cards hashed with a key
that is lost cannot be recognised any more and have to be enrolled again.
"""

from collections.abc import Sequence
from uuid import uuid4

from ..access.credentials import CardRecord
from ..model import CardId, ResidentId
from .records import CardConflict
from .store import Store, from_ms


class CardShelf:
    """The cards enrolled in a building."""

    def __init__(self, store: Store, key_id: str) -> None:
        self._store = store
        self._key_id = key_id

    def add(self, fingerprints: Sequence[str], resident_id: ResidentId, at_ms: int) -> CardId:
        """Enrol a card. Raises `CardConflict` when its full number is enrolled already."""
        card_id = uuid4().hex[:16]
        with self._store.transaction() as db:
            taken = db.execute(
                "SELECT 1 FROM card_fingerprint WHERE fingerprint = ? AND position = 0", (fingerprints[0],)
            ).fetchone()
            if taken is not None:
                msg = "this card is enrolled already"
                raise CardConflict(msg)
            db.execute(
                "INSERT INTO card (card_id, resident_id, key_id, added_ms) VALUES (?, ?, ?, ?)",
                (card_id, resident_id, self._key_id, at_ms),
            )
            db.executemany(
                "INSERT INTO card_fingerprint (card_id, position, fingerprint) VALUES (?, ?, ?)",
                ((card_id, position, fingerprint) for position, fingerprint in enumerate(fingerprints)),
            )
        return CardId(card_id)

    def cards(self) -> list[CardRecord]:
        """Return the cards that can be recognised, oldest first."""
        with self._store.looking() as db:
            cards = db.execute(
                "SELECT card_id, resident_id, added_ms, blocked_ms FROM card WHERE key_id = ? ORDER BY added_ms, rowid",
                (self._key_id,),
            ).fetchall()
            prints: dict[str, list[str]] = {}
            for card_id, fingerprint in db.execute(
                "SELECT card_id, fingerprint FROM card_fingerprint ORDER BY card_id, position"
            ):
                prints.setdefault(card_id, []).append(fingerprint)
        return [
            CardRecord(
                id=CardId(card_id),
                resident_id=ResidentId(resident_id),
                fingerprints=tuple(prints[card_id]),
                blocked=blocked_ms is not None,
                added_at=from_ms(added_ms),
            )
            for card_id, resident_id, added_ms, blocked_ms in cards
        ]

    def count_unreadable(self) -> int:
        """Count the cards made with a key that is lost."""
        with self._store.looking() as db:
            row = db.execute("SELECT count(*) FROM card WHERE key_id <> ?", (self._key_id,)).fetchone()
        return int(row[0])

    def block(self, card_id: CardId, at_ms: int | None) -> None:
        """Block a card, or lift the block with None."""
        with self._store.transaction() as db:
            db.execute("UPDATE card SET blocked_ms = ? WHERE card_id = ?", (at_ms, card_id))

    def remove(self, card_id: CardId) -> None:
        """Forget a card; its fingerprints go with it."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM card WHERE card_id = ?", (card_id,))

    def set_blocked(self, resident_ids: Sequence[ResidentId]) -> None:
        """Replace the list of blocked residents."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM blocked_resident")
            db.executemany(
                "INSERT INTO blocked_resident (resident_id) VALUES (?)",
                ((resident_id,) for resident_id in dict.fromkeys(resident_ids)),
            )

    def blocked(self) -> frozenset[ResidentId]:
        """Return the blocked residents."""
        with self._store.looking() as db:
            rows = db.execute("SELECT resident_id FROM blocked_resident").fetchall()
        return frozenset(ResidentId(row[0]) for row in rows)
