"""Cars in the journal: those learnt by the identifier they tell connectors. Writer thread only, like the store.

A car is kept as one keyed hash of its identifier (`access.car_ids`), made with the cards' key; the identifier is
nowhere. Cars hashed with a key that is lost cannot be recognised any more and have to be learnt again.
"""

from uuid import uuid4

from ..access.car_ids import CarRecord
from ..model import CarId, ResidentId
from .records import CarConflict
from .store import Store, from_ms


class CarShelf:
    """The cars a building knows."""

    def __init__(self, store: Store, key_id: str) -> None:
        self._store = store
        self._key_id = key_id

    def add(self, fingerprint: str, resident_id: ResidentId, at_ms: int, *, label: str) -> CarId:
        """Learn a car. Raises `CarConflict` when somebody's has this identifier already."""
        car_id = uuid4().hex[:16]
        with self._store.transaction() as db:
            if db.execute("SELECT 1 FROM car WHERE fingerprint = ?", (fingerprint,)).fetchone() is not None:
                msg = "this car is known already"
                raise CarConflict(msg)
            db.execute(
                "INSERT INTO car (car_id, resident_id, key_id, fingerprint, label, added_ms) VALUES (?, ?, ?, ?, ?, ?)",
                (car_id, resident_id, self._key_id, fingerprint, label, at_ms),
            )
        return CarId(car_id)

    def cars(self) -> list[CarRecord]:
        """Return the cars that can be recognised, oldest first."""
        with self._store.looking() as db:
            rows = db.execute(
                "SELECT car_id, resident_id, fingerprint, label, added_ms, used_ms FROM car WHERE key_id = ?"
                " ORDER BY added_ms, rowid",
                (self._key_id,),
            ).fetchall()
        return [
            CarRecord(
                id=CarId(car_id),
                resident_id=ResidentId(resident_id),
                fingerprint=fingerprint,
                label=label,
                added_at=from_ms(added_ms),
                used_at=None if used_ms is None else from_ms(used_ms),
            )
            for car_id, resident_id, fingerprint, label, added_ms, used_ms in rows
        ]

    def used(self, car_id: CarId, at_ms: int) -> None:
        """A car let itself in."""
        with self._store.transaction() as db:
            db.execute("UPDATE car SET used_ms = ? WHERE car_id = ?", (at_ms, car_id))

    def remove(self, car_id: CarId) -> None:
        """Forget a car, and its fingerprint with it."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM car WHERE car_id = ?", (car_id,))
