"""What the app told residents may, and whom the manager blocked, in the journal. Writer thread only, like the store."""

from collections.abc import Mapping, Sequence
from datetime import datetime
import json

from ..access.rules import ResidentRules, rules_body, rules_from
from ..model import ResidentId
from .records import Position, SessionEnd
from .store import Store, from_ms


class RuleBook:
    """The rules of a building's residents, each list replaced as a whole."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def replace(self, rules: Mapping[ResidentId, ResidentRules], told_ms: int, told: Position | None) -> None:
        """Replace all rules."""
        incarnation = None if told is None else self._store.outboxes[told.generation].incarnation
        seq = None if told is None else told.seq
        with self._store.transaction() as db:
            db.execute("DELETE FROM rule")
            db.executemany(
                "INSERT INTO rule (resident_id, body) VALUES (?, ?)",
                ((resident_id, json.dumps(rules_body(each))) for resident_id, each in rules.items()),
            )
            db.execute(
                "UPDATE about SET rules_told_ms = ?, rules_told_incarnation = ?, rules_told_seq = ?",
                (told_ms, incarnation, seq),
            )

    def rules(self) -> tuple[dict[ResidentId, ResidentRules], datetime | None, Position | None]:
        """Return all rules, when they were told, and as of which record."""
        with self._store.looking() as db:
            rows = db.execute("SELECT resident_id, body FROM rule").fetchall()
            told_ms, incarnation, seq = db.execute(
                "SELECT rules_told_ms, rules_told_incarnation, rules_told_seq FROM about"
            ).fetchone()
        rules = {ResidentId(resident_id): rules_from(json.loads(body)) for resident_id, body in rows}
        told = None if incarnation is None else self.position(incarnation, seq)
        return rules, None if told_ms is None else from_ms(told_ms), told

    def position(self, incarnation: str, seq: int) -> Position:
        """Where a record stands. Raises ValueError for an incarnation the journal does not know."""
        known = [outbox.incarnation for outbox in self._store.outboxes]
        if incarnation not in known:
            msg = f"the journal knows no incarnation {incarnation}"
            raise ValueError(msg)
        return Position(known.index(incarnation), seq)

    def ends_after(self, position: Position) -> list[SessionEnd]:
        """Return the sessions whose end stands after a record; one of several incarnations with its last."""
        ends: dict[str, SessionEnd] = {}
        for generation, outbox in enumerate(self._store.outboxes):
            if generation < position.generation:
                continue
            after = position.seq if generation == position.generation else 0
            with self._store.looking() as db:
                rows = db.execute(
                    "SELECT seq, at_ms, json_extract(body, '$.session_id') FROM record"
                    " WHERE incarnation = ? AND seq > ? AND kind = 'session_ended' ORDER BY seq",
                    (outbox.incarnation, after),
                ).fetchall()
            for seq, at_ms, session_id in rows:
                place = Position(generation, seq)
                ends[session_id] = SessionEnd(session_id=session_id, at=from_ms(at_ms), position=place)
        return list(ends.values())

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
