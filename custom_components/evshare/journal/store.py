"""The journal's file: one `sqlite3` connection, used by one thread (the journal's own).

Everything here is synchronous and runs in the writer thread. Each public method is one transaction. What must hold
of the numbering is checked where it is written and again where it is read.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
import os
from pathlib import Path
import sqlite3
from typing import Any
from uuid import uuid4

from .apart import KeptApart
from .records import JournalCorrupt, JournalError, NewRecord, Outbox, StoredRecord
from .schema import APPLICATION_ID, MIGRATIONS, SETTINGS

_DOUBT = (
    "UPDATE outbox SET acked_seq = min(acked_seq, ifnull((SELECT min(seq) - 1 FROM record"
    " WHERE record.incarnation = outbox.incarnation), acked_seq)) WHERE incarnation != ?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(at: datetime) -> int:
    """Return UTC milliseconds of an aware time, rounded down."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def from_ms(at_ms: int) -> datetime:
    """Return the aware UTC time of `to_ms`."""
    return _EPOCH + timedelta(milliseconds=at_ms)


class Store:
    """An open journal file."""

    def __init__(self, path: Path, apart: KeptApart) -> None:
        """Open or create the file at `path`, bring it to the newest schema and tell a restored backup.

        Raises `JournalCorrupt` when the file is damaged or not ours, `JournalError` when the disk refuses.
        """
        self._path = path
        self._apart = apart
        with _disk():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, autocommit=True)
        try:
            with _disk():
                self._connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
                self._set_up()
                self._migrate()
                self._check()
                self._tell_restored()
        except BaseException:
            self._connection.close()
            raise
        self.outboxes = self._read_outboxes()
        with self.looking() as db:
            about = db.execute("SELECT unattributed_wh, restored FROM about").fetchone()
        self.unattributed_wh: int = about[0]
        """Energy of all slices without a session, ever."""
        self.restored = bool(about[1])
        """The file came out of a backup, and its sessions have not been ended since."""

    def close(self) -> None:
        """Write everything back into the main file and close it."""
        with _disk():
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.close()

    @contextmanager
    def looking(self) -> Iterator[sqlite3.Connection]:
        """Read only; every SQLite error becomes `JournalError`."""
        with _disk():
            yield self._connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; every SQLite error becomes `JournalError`."""
        with _disk():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    # --- records -----------------------------------------------------------------------------------------------

    def commit(
        self,
        records: Sequence[NewRecord],
        snapshots: Mapping[str, dict[str, Any]],
        answers: Mapping[str, Any],
        now_ms: int,
    ) -> int:
        """Append records, replace snapshots and remember answers in one transaction; returns the new head."""
        incarnation = self.outboxes[-1].incarnation
        unattributed_wh = _unattributed_wh(records)
        with self.transaction() as db:
            row = db.execute("SELECT head_seq FROM outbox WHERE incarnation = ?", (incarnation,)).fetchone()
            head: int = row[0]
            if head != self.outboxes[-1].head_seq:
                msg = f"the file's newest record is {head}, this process wrote {self.outboxes[-1].head_seq}"
                raise JournalCorrupt(msg)
            db.executemany(
                "INSERT INTO record (incarnation, seq, kind, at_ms, body) VALUES (?, ?, ?, ?, ?)",
                (
                    (incarnation, head + number, record.kind, to_ms(record.at), _dumped(record.body))
                    for number, record in enumerate(records, start=1)
                ),
            )
            head += len(records)
            db.execute("UPDATE outbox SET head_seq = ? WHERE incarnation = ?", (head, incarnation))
            db.execute("UPDATE about SET unattributed_wh = unattributed_wh + ?", (unattributed_wh,))
            db.executemany(
                "INSERT INTO snapshot (owner, state) VALUES (?, ?)"
                " ON CONFLICT (owner) DO UPDATE SET state = excluded.state",
                ((owner, _dumped(state)) for owner, state in snapshots.items()),
            )
            db.executemany(
                "INSERT INTO answer (ask_id, answered_ms, body) VALUES (?, ?, ?) ON CONFLICT (ask_id) DO NOTHING",
                ((ask_id, now_ms, _dumped(answer)) for ask_id, answer in answers.items()),
            )
        # Not read back: were that to fail, what is committed would be taken for lost, and written twice.
        self.outboxes = (*self.outboxes[:-1], replace(self.outboxes[-1], head_seq=head))
        self.unattributed_wh += unattributed_wh
        return head

    def unacked(self, incarnation: str, limit: int) -> list[StoredRecord]:
        """Return the oldest records the app has not acknowledged, ascending without gaps."""
        outbox = self._outbox(incarnation)
        with _disk():
            rows = self._connection.execute(
                "SELECT seq, kind, at_ms, body FROM record WHERE incarnation = ? AND seq > ? ORDER BY seq LIMIT ?",
                (incarnation, outbox.acked_seq, limit),
            ).fetchall()
        if [row[0] for row in rows] != list(range(outbox.acked_seq + 1, outbox.acked_seq + 1 + len(rows))) or (
            len(rows) < min(limit, outbox.waiting)
        ):
            msg = f"records after {outbox.acked_seq} are not without gaps"
            raise JournalCorrupt(msg)
        return [
            StoredRecord(seq=seq, kind=kind, at=from_ms(at_ms), body=json.loads(body))
            for seq, kind, at_ms, body in rows
        ]

    def acknowledge(self, incarnation: str, seq: int) -> None:
        """The app has every record up to `seq`; less than known before changes nothing."""
        outbox = self._outbox(incarnation)
        acked = min(seq, outbox.head_seq)
        if acked > outbox.acked_seq:
            self._set_acked(incarnation, acked)

    def resend_from(self, incarnation: str, seq: int) -> None:
        """Hold the records from `seq` on as not acknowledged. Raises ValueError when they are no longer kept."""
        outbox = self._outbox(incarnation)
        with _disk():
            row = self._connection.execute(
                "SELECT min(seq) FROM record WHERE incarnation = ?", (incarnation,)
            ).fetchone()
        oldest = row[0] if row[0] is not None else outbox.head_seq + 1
        if not oldest <= seq <= outbox.head_seq + 1:
            msg = f"records {oldest} to {outbox.head_seq} are kept, {seq} is not among them"
            raise ValueError(msg)
        if seq <= outbox.acked_seq:
            self._set_acked(incarnation, seq - 1)

    def doubt_earlier(self) -> None:
        """Hold nothing of earlier incarnations as acknowledged: the app may have lost what it had of them."""
        with self.transaction() as db:
            db.execute(_DOUBT, (self.outboxes[-1].incarnation,))
        self.outboxes = self._read_outboxes()

    def renew(self) -> None:
        """Begin a new incarnation: the app knows more of this one than the file does (an old copy came back).

        What was not acknowledged is numbered anew; nothing is lost.
        """
        old = self.outboxes[-1]
        with self.transaction() as db:
            new = _insert_incarnation(db)
            db.execute(
                "INSERT INTO record (incarnation, seq, kind, at_ms, body)"
                " SELECT ?, seq - ?, kind, at_ms, body FROM record WHERE incarnation = ? AND seq > ?",
                (new, old.acked_seq, old.incarnation, old.acked_seq),
            )
            db.execute("UPDATE outbox SET head_seq = ? WHERE incarnation = ?", (old.waiting, new))
            db.execute("UPDATE outbox SET acked_seq = head_seq WHERE incarnation = ?", (old.incarnation,))
        self.outboxes = self._read_outboxes()

    def prune(self, before_ms: int) -> int:
        """Delete acknowledged records, and answers, older than `before_ms`; returns how many records went."""
        with self.transaction() as db:
            db.execute("INSERT INTO pruning (id, before_ms) VALUES (1, ?)", (before_ms,))
            deleted = db.execute(
                "DELETE FROM record WHERE at_ms < ? AND seq <="
                " (SELECT acked_seq FROM outbox WHERE outbox.incarnation = record.incarnation)",
                (before_ms,),
            ).rowcount
            db.execute("DELETE FROM pruning")
            db.execute("DELETE FROM answer WHERE answered_ms < ?", (before_ms,))
        return deleted

    def sessions(self, start_ms: int, end_ms: int) -> list[dict[str, Any]]:
        """Return what is known of each session that ended in [start, end), oldest first."""
        with _disk():
            ended = self._connection.execute(
                "SELECT at_ms, body FROM record WHERE kind = 'session_ended'"
                " AND at_ms >= ? AND at_ms < ? ORDER BY at_ms",
                (start_ms, end_ms),
            ).fetchall()
            begun = self._connection.execute(
                "SELECT kind, at_ms, body FROM record"
                " WHERE kind IN ('session_authorised', 'session_started') AND at_ms < ?",
                (end_ms,),
            ).fetchall()
        facts: dict[str, dict[str, Any]] = {}
        for kind, at_ms, text in begun:
            body = json.loads(text)
            known = facts.setdefault(body["session_id"], {"authorised_at": None, "started_at": None})
            known |= body | {"authorised_at" if kind == "session_authorised" else "started_at": from_ms(at_ms)}
        exported: dict[str, dict[str, Any]] = {}  # by id: a session may stand in two incarnations
        for at_ms, text in ended:
            body = json.loads(text)
            exported[body["session_id"]] = facts.get(body["session_id"], {}) | body | {"ended_at": from_ms(at_ms)}
        return list(exported.values())

    # --- state -------------------------------------------------------------------------------------------------

    def snapshots(self) -> dict[str, dict[str, Any]]:
        """Return the newest snapshot of each owner (stalls, and the building itself)."""
        with _disk():
            rows = self._connection.execute("SELECT owner, state FROM snapshot").fetchall()
        return {owner: json.loads(state) for owner, state in rows}

    def settle_restored(self) -> None:
        """The sessions of the backup have been ended."""
        with self.transaction() as db:
            db.execute("UPDATE about SET restored = 0")
        self.restored = False

    def forget_snapshot(self, owner: str) -> None:
        """Drop the snapshot of a stall that is no more."""
        with self.transaction() as db:
            db.execute("DELETE FROM snapshot WHERE owner = ?", (owner,))

    def answered(self, ask_id: str) -> Any:
        """Return the remembered answer, None if there is none."""
        with _disk():
            row = self._connection.execute("SELECT body FROM answer WHERE ask_id = ?", (ask_id,)).fetchone()
        return None if row is None else json.loads(row[0])

    # --- backup ------------------------------------------------------------------------------------------------

    def pre_backup(self) -> None:
        """Make the main file whole and leave it alone: what is written meanwhile stays in the WAL."""
        with _disk():
            self._connection.execute("PRAGMA wal_autocheckpoint = 0")
            busy, *_ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            msg = "another program reads the journal's file, it could not be made ready for the backup"
            raise JournalError(msg)

    def post_backup(self) -> None:
        """Take up normal work; a copy made until now is told as restored when it ever comes back."""
        with _disk():
            self._connection.execute("PRAGMA wal_autocheckpoint = 1000")
        self._mark_anew()

    def copy_to(self, path: Path) -> None:
        """Write a consistent copy to `path`, whole or not at all."""
        partial = path.with_name(f"{path.name}.part")
        with _disk():
            partial.unlink(missing_ok=True)
            copy = sqlite3.connect(partial, autocommit=True)
            try:
                self._connection.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
            finally:
                copy.close()
            with partial.open("rb+") as written:
                os.fsync(written.fileno())
            partial.replace(path)
        self._mark_anew()

    # --- opening -----------------------------------------------------------------------------------------------

    def _set_up(self) -> None:
        # Also a file whose making a crash cut short.
        if not self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            self._connection.execute("PRAGMA auto_vacuum = incremental")
            self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        if self._pragma("application_id") != APPLICATION_ID:
            msg = f"{self._path.name} is not a journal of evshare"
            raise JournalCorrupt(msg)
        for name, value, expected in SETTINGS:
            self._connection.execute(f"PRAGMA {name} = {value}")
            if (got := self._pragma(name)) != expected:
                msg = f"SQLite did not take {name} = {value}, it says {got}"
                raise JournalError(msg)

    def _migrate(self) -> None:
        version = self._pragma("user_version")
        if version > len(MIGRATIONS):
            msg = f"{self._path.name} was written by a newer evshare (schema {version}, known up to {len(MIGRATIONS)})"
            raise JournalCorrupt(msg)
        for number, steps in enumerate(MIGRATIONS[version:], start=version + 1):
            with self.transaction() as db:
                for step in steps:
                    db.execute(step)
                db.execute(f"PRAGMA user_version = {number}")

    def _check(self) -> None:
        if (found := self._pragma("quick_check(1)")) != "ok":
            msg = f"{self._path.name} is damaged: {found}"
            raise JournalCorrupt(msg)

    def _tell_restored(self) -> None:
        """Compare the file's marker with the one kept apart, and begin a new incarnation if it is another's."""
        row = self._connection.execute("SELECT marker FROM about").fetchone()
        if row is not None and row[0] in self._apart.markers():
            self._mark_anew()
            return
        marker = uuid4().hex
        self._apart.write_markers([marker])
        with self.transaction() as db:
            if row is None:
                db.execute("INSERT INTO about (id, marker, restored, unattributed_wh) VALUES (1, ?, 0, 0)", (marker,))
            else:
                db.execute("UPDATE about SET marker = ?, restored = 1", (marker,))
            # The app may have come out of the same backup, a little older than this file: it is asked what it has.
            db.execute(_DOUBT, (_insert_incarnation(db),))

    def _mark_anew(self) -> None:
        """Change the marker inside and outside. Until the outside one is written alone both are accepted."""
        row = self._connection.execute("SELECT marker FROM about").fetchone()
        marker = uuid4().hex
        with _disk():
            self._apart.write_markers([row[0], marker])
            with self.transaction() as db:
                db.execute("UPDATE about SET marker = ?", (marker,))
            self._apart.write_markers([marker])

    def _pragma(self, name: str) -> Any:
        return self._connection.execute(f"PRAGMA {name}").fetchone()[0]

    def _set_acked(self, incarnation: str, seq: int) -> None:
        with self.transaction() as db:
            db.execute("UPDATE outbox SET acked_seq = ? WHERE incarnation = ?", (seq, incarnation))
        self.outboxes = tuple(
            replace(outbox, acked_seq=seq) if outbox.incarnation == incarnation else outbox for outbox in self.outboxes
        )

    def _read_outboxes(self) -> tuple[Outbox, ...]:
        with _disk():
            rows = self._connection.execute(
                "SELECT incarnation, head_seq, acked_seq FROM outbox ORDER BY ordinal"
            ).fetchall()
        return tuple(Outbox(incarnation=name, head_seq=head, acked_seq=acked) for name, head, acked in rows)

    def _outbox(self, incarnation: str) -> Outbox:
        for outbox in self.outboxes:
            if outbox.incarnation == incarnation:
                return outbox
        msg = f"the journal knows no incarnation {incarnation}"
        raise ValueError(msg)


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "") in ("SQLITE_CORRUPT", "SQLITE_NOTADB"):
            raise JournalCorrupt(str(error)) from error
        raise JournalError(str(error)) from error
    except OSError as error:
        raise JournalError(str(error)) from error


def _insert_incarnation(db: sqlite3.Connection) -> str:
    incarnation = uuid4().hex
    db.execute("INSERT INTO outbox (incarnation, head_seq, acked_seq) VALUES (?, 0, 0)", (incarnation,))
    return incarnation


def _dumped(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _unattributed_wh(records: Sequence[NewRecord]) -> int:
    return sum(
        record.body["register_end_wh"] - record.body["register_start_wh"]
        for record in records
        if record.kind == "slice" and record.body["session_id"] is None
    )
