"""Cards in the journal: those enrolled, and for a while those refused as unknown. Writer thread only, like the store.

A card is kept as keyed hashes of its number (`access.credentials`); its number is nowhere. Cards hashed with a key
that is lost cannot be recognised any more and have to be enrolled again.
"""

from collections.abc import Sequence
import json
import sqlite3
from typing import Final
from uuid import uuid4

from ..access.credentials import CardRecord, UnknownCard
from ..access.rules import span_body, span_from
from ..model import CardId, ResidentId, StallId
from .records import CardConflict
from .store import Store, from_ms

MOST_UNKNOWN: Final = 50
UNKNOWN_KEPT_MS: Final = 7 * 86_400_000


class CardShelf:
    """The cards enrolled in a building, and the inbox of unknown ones."""

    def __init__(self, store: Store, key_id: str) -> None:
        self._store = store
        self._key_id = key_id

    def add(
        self,
        fingerprints: Sequence[str],
        resident_id: ResidentId,
        at_ms: int,
        *,
        label: str,
        weak: bool,
        month_wh: int | None,
    ) -> CardId:
        """Enrol a card; it is unknown no more. Raises `CardConflict` when its full number is enrolled already."""
        with self._store.transaction() as db:
            return self._add(db, fingerprints, resident_id, at_ms, label=label, weak=weak, month_wh=month_wh)

    def cards(self) -> list[CardRecord]:
        """Return the cards that can be recognised, oldest first."""
        with self._store.looking() as db:
            cards = db.execute(
                "SELECT card_id, resident_id, label, weak, month_wh, money_month_wh, quiet, added_ms, blocked_ms,"
                " blocked_by_holder, used_ms FROM card WHERE key_id = ? ORDER BY added_ms, rowid",
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
                label=label,
                blocked=blocked_ms is not None,
                blocked_by_holder=bool(by_holder),
                weak=bool(weak),
                month_wh=month_wh,
                money_month_wh=money_wh,
                quiet=None if quiet is None else span_from(json.loads(quiet)),
                added_at=from_ms(added_ms),
                used_at=None if used_ms is None else from_ms(used_ms),
            )
            for (
                card_id,
                resident_id,
                label,
                weak,
                month_wh,
                money_wh,
                quiet,
                added_ms,
                blocked_ms,
                by_holder,
                used_ms,
            ) in cards
        ]

    def count_unreadable(self) -> int:
        """Count the cards made with a key that is lost."""
        with self._store.looking() as db:
            row = db.execute("SELECT count(*) FROM card WHERE key_id <> ?", (self._key_id,)).fetchone()
        return int(row[0])

    def change(self, card: CardRecord, at_ms: int) -> bool:
        """Make label, block (and by whom), monthly limits and quiet hours those of `card`; False: no such card."""
        with self._store.transaction() as db:
            changed = db.execute(
                "UPDATE card SET label = ?, month_wh = ?, money_month_wh = ?, quiet = ?,"
                " blocked_ms = CASE WHEN ? THEN coalesce(blocked_ms, ?) END, blocked_by_holder = ? WHERE card_id = ?",
                (
                    card.label,
                    card.month_wh,
                    card.money_month_wh,
                    None if card.quiet is None else json.dumps(span_body(card.quiet)),
                    card.blocked,
                    at_ms,
                    card.blocked and card.blocked_by_holder,
                    card.id,
                ),
            )
            return changed.rowcount == 1

    def used(self, card_id: CardId, at_ms: int) -> None:
        """A card let somebody in."""
        with self._store.transaction() as db:
            db.execute("UPDATE card SET used_ms = ? WHERE card_id = ?", (at_ms, card_id))

    def remove(self, card_id: CardId) -> None:
        """Forget a card; its fingerprints go with it."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM card WHERE card_id = ?", (card_id,))

    # --- unknown cards -----------------------------------------------------------------------------------------

    def refused(self, fingerprints: Sequence[str], stall_id: StallId, at_ms: int, *, tail: str, weak: bool) -> None:
        """Keep a card that was refused; the oldest go when there are too many."""
        with self._store.transaction() as db:
            db.execute(
                "INSERT INTO unknown_card"
                " (unknown_id, key_id, full_number, fingerprints, weak, stall_id, at_ms, times, tail)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT (full_number) DO UPDATE"
                " SET stall_id = excluded.stall_id, at_ms = excluded.at_ms, times = times + 1",
                (
                    uuid4().hex[:16],
                    self._key_id,
                    fingerprints[0],
                    json.dumps(list(fingerprints)),
                    weak,
                    stall_id,
                    at_ms,
                    tail,
                ),
            )
            db.execute(
                "DELETE FROM unknown_card WHERE at_ms < ? OR unknown_id NOT IN"
                " (SELECT unknown_id FROM unknown_card ORDER BY at_ms DESC, rowid DESC LIMIT ?)",
                (at_ms - UNKNOWN_KEPT_MS, MOST_UNKNOWN),
            )

    def unknown(self, now_ms: int) -> list[UnknownCard]:
        """Return the cards refused of late, newest first."""
        with self._store.looking() as db:
            rows = db.execute(
                "SELECT unknown_id, stall_id, at_ms, times, tail FROM unknown_card WHERE key_id = ? AND at_ms >= ?"
                " ORDER BY at_ms DESC, rowid DESC",
                (self._key_id, now_ms - UNKNOWN_KEPT_MS),
            ).fetchall()
        return [
            UnknownCard(id=unknown_id, stall_id=StallId(stall_id), at=from_ms(at_ms), times=times, tail=tail)
            for unknown_id, stall_id, at_ms, times, tail in rows
        ]

    def assign(
        self, unknown_id: str, resident_id: ResidentId, at_ms: int, *, label: str, month_wh: int | None
    ) -> CardId | None:
        """Make an unknown card a resident's; None: there is none of this id. Raises `CardConflict`."""
        with self._store.transaction() as db:
            row = db.execute(
                "SELECT fingerprints, weak FROM unknown_card WHERE unknown_id = ? AND key_id = ? AND at_ms >= ?",
                (unknown_id, self._key_id, at_ms - UNKNOWN_KEPT_MS),
            ).fetchone()
            if row is None:
                return None
            prints, weak = json.loads(row[0]), bool(row[1])
            return self._add(db, prints, resident_id, at_ms, label=label, weak=weak, month_wh=month_wh)

    def _add(
        self,
        db: sqlite3.Connection,
        fingerprints: Sequence[str],
        resident_id: ResidentId,
        at_ms: int,
        *,
        label: str,
        weak: bool,
        month_wh: int | None,
    ) -> CardId:
        card_id = uuid4().hex[:16]
        taken = db.execute(
            "SELECT 1 FROM card_fingerprint WHERE fingerprint = ? AND position = 0", (fingerprints[0],)
        ).fetchone()
        if taken is not None:
            msg = "this card is enrolled already"
            raise CardConflict(msg)
        db.execute(
            "INSERT INTO card (card_id, resident_id, key_id, added_ms, label, weak, month_wh)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (card_id, resident_id, self._key_id, at_ms, label, weak, month_wh),
        )
        db.executemany(
            "INSERT INTO card_fingerprint (card_id, position, fingerprint) VALUES (?, ?, ?)",
            ((card_id, position, fingerprint) for position, fingerprint in enumerate(fingerprints)),
        )
        db.execute("DELETE FROM unknown_card WHERE full_number = ?", (fingerprints[0],))
        return CardId(card_id)
