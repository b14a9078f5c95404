"""How far the books have come, kept outside them and outside every backup of them (`keys/books.position`).

When an older copy of the books comes back, this file still knows what they had: then they lack it, and begin in
quarantine. Where it is missing beside books that are not empty they came out of a backup, too, since no backup has it.
It may lag behind the books by a minute, never run ahead: it is written after what it tells was committed.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
import json
import os
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from ..model import to_ms
from .backup_tables import books_incarnation
from .schema import ledger_transaction, payment_operation, record, series

_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Position:
    """The newest the books have of everything that goes on outside of them."""

    incarnation: str = ""
    """Of the books."""
    ledger_number: int = 0
    ledger_hash: str = ""
    """Hex; empty in an empty ledger."""
    records: dict[str, int] = field(default_factory=dict)
    """Highest acknowledged seq per incarnation of the journal."""
    operation: str = ""
    """Newest payment operation."""
    numbers: dict[str, int] = field(default_factory=dict)
    """Last number given out per series, as ``prefix/year``."""
    restored_ms: int | None = None
    """A copy was put in the place of the books and has not been looked at since."""


def position_file(data_dir: Path) -> Path:
    """Return where it lies."""
    return data_dir / "keys" / "books.position"


def read_position(path: Path) -> Position | None:
    """Return what was written last; None where there is nothing, or nothing that can be read."""
    try:
        said: dict[str, Any] = json.loads(path.read_text())
        if said.pop("format") != _FORMAT:
            return None
        return Position(**said)
    except FileNotFoundError, ValueError, KeyError, TypeError, AttributeError:
        return None


def write_position(path: Path, position: Position) -> None:
    """Replace the file, durably."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"format": _FORMAT, **asdict(position)}, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def note_restored(data_dir: Path, now: datetime) -> None:
    """Write down that a copy takes the place of the books. What they had is kept, to be compared with the copy."""
    path = position_file(data_dir)
    before = read_position(path) or Position()
    write_position(path, Position(**{**asdict(before), "restored_ms": to_ms(now)}))


def position_of(conn: Connection) -> Position:
    """Return how far these books are."""
    head = conn.execute(
        select(ledger_transaction.c.number, ledger_transaction.c.hash)
        .order_by(ledger_transaction.c.number.desc())
        .limit(1)
    ).one_or_none()
    newest = (
        select(payment_operation.c.operation_id)
        .order_by(payment_operation.c.created_ms.desc(), payment_operation.c.operation_id.desc())
        .limit(1)
    )
    life = select(books_incarnation.c.incarnation_id).order_by(books_incarnation.c.number.desc()).limit(1)
    return Position(
        incarnation=conn.scalar(life) or "",
        ledger_number=head.number if head else 0,
        ledger_hash=head.hash.hex() if head else "",
        records=_acknowledged(conn),
        operation=conn.scalar(newest) or "",
        numbers={f"{row.prefix}/{row.year}": row.last for row in conn.execute(select(series))},
    )


def missing(conn: Connection, known: Position) -> list[dict[str, Any]]:
    """Return what a position tells of that these books do not have: one ``{kind, …}`` for each."""
    found: list[dict[str, Any]] = []
    present = position_of(conn)
    if known.ledger_number:
        ours = conn.scalar(select(ledger_transaction.c.hash).where(ledger_transaction.c.number == known.ledger_number))
        if ours is None:
            found.append({"kind": "transactions", "have": present.ledger_number, "known": known.ledger_number})
        elif ours.hex() != known.ledger_hash:
            found.append({"kind": "chain", "number": known.ledger_number})
    for incarnation, seq in known.records.items():
        have = present.records.get(incarnation, 0)
        if have < seq:
            found.append({"kind": "records", "incarnation": incarnation, "have": have, "known": seq})
    for name, last in known.numbers.items():
        if (have := present.numbers.get(name, 0)) < last:
            found.append({"kind": "numbers", "series": name, "have": have, "known": last})
    if known.operation and not conn.scalar(
        select(func.count()).where(payment_operation.c.operation_id == known.operation)
    ):
        found.append({"kind": "payments"})
    return found


def _acknowledged(conn: Connection) -> dict[str, int]:
    # One step of the index per incarnation: the journal has millions of records, and a handful of incarnations.
    found: dict[str, int] = {}
    last = ""
    while (
        incarnation := conn.scalar(select(func.min(record.c.incarnation)).where(record.c.incarnation > last))
    ) is not None:
        found[incarnation] = conn.scalar(select(func.max(record.c.seq)).where(record.c.incarnation == incarnation)) or 0
        last = incarnation
    return found
