"""What the app told residents may, and whom the manager blocked, in the journal. Writer thread only, like the store."""

from collections.abc import Mapping, Sequence
from datetime import datetime
import json

from ..access.rules import ResidentRules, rules_body, rules_from
from ..model import ResidentId
from .store import Store, from_ms


class RuleBook:
    """The rules of a building's residents, each list replaced as a whole."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def replace(self, rules: Mapping[ResidentId, ResidentRules], told_ms: int) -> None:
        """Replace all rules."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM rule")
            db.executemany(
                "INSERT INTO rule (resident_id, body) VALUES (?, ?)",
                ((resident_id, json.dumps(rules_body(each))) for resident_id, each in rules.items()),
            )
            db.execute("UPDATE about SET rules_told_ms = ?", (told_ms,))

    def rules(self) -> tuple[dict[ResidentId, ResidentRules], datetime | None]:
        """Return all rules, and when they were told."""
        with self._store.looking() as db:
            rows = db.execute("SELECT resident_id, body FROM rule").fetchall()
            told_ms = db.execute("SELECT rules_told_ms FROM about").fetchone()[0]
        rules = {ResidentId(resident_id): rules_from(json.loads(body)) for resident_id, body in rows}
        return rules, None if told_ms is None else from_ms(told_ms)

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
