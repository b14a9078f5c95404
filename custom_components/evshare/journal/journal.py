"""The journal as the event loop sees it.

One writer thread owns the one SQLite connection (`store.py`), so transactions have one order and none of them is
ever half done when a caller is cancelled: a cancelled caller stops waiting, the transaction goes on.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from ..access import CardRecord, CarRecord, ResidentRules, UnknownCard
from ..model import CardId, CarId, ResidentId, StallId
from .apart import KeptApart, key_id
from .cards import CardShelf
from .cars import CarShelf
from .records import JournalError, NewRecord, Outbox, Position, SessionEnd, StoredRecord
from .rules import RuleBook
from .store import Store, to_ms

BATCH = 200
"""Records per batch on the link (docs/link.md)."""


class Journal:
    """A building's durable log, outbox, snapshots, cards and cars.

    Methods raise `JournalError` when the disk refuses.
    """

    def __init__(self, executor: ThreadPoolExecutor, store: Store, card_key: bytes) -> None:
        """Use `open`."""
        self._executor = executor
        self._store = store
        self._shelf = CardShelf(store, key_id(card_key))
        self._car_shelf = CarShelf(store, key_id(card_key))
        self._rule_book = RuleBook(store)
        self._closed = False
        self.card_key = card_key
        """HMAC key of the fingerprints of cards and cars."""

    @classmethod
    async def open(cls, path: Path, apart: KeptApart) -> Self:
        """Open or create the journal at `path`.

        Raises `JournalCorrupt` when the file is damaged, not ours or of a newer evshare (it is left as it is), and
        `JournalError` when the disk refuses.
        """
        executor = ThreadPoolExecutor(1, thread_name_prefix="evshare-journal")

        def opened() -> tuple[Store, bytes]:
            store = Store(path, apart)
            try:
                return store, apart.card_key()
            except OSError as error:
                store.close()
                raise JournalError(str(error)) from error

        try:
            store, card_key = await asyncio.get_running_loop().run_in_executor(executor, opened)
        except BaseException:
            executor.shutdown()
            raise
        return cls(executor, store, card_key)

    async def close(self) -> None:
        """Finish what is under way and close the file. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._run(self._store.close)
        finally:
            self._executor.shutdown()  # nothing is left to do, so nothing is waited for

    # --- numbering ---------------------------------------------------------------------------------------------

    @property
    def incarnation(self) -> str:
        """Id under which new records are numbered; another one after a restored backup."""
        return self._store.outboxes[-1].incarnation

    @property
    def head_seq(self) -> int:
        """Newest record of this incarnation, 0 if none."""
        return self._store.outboxes[-1].head_seq

    @property
    def acked_seq(self) -> int:
        """The app has every record of this incarnation up to here."""
        return self._store.outboxes[-1].acked_seq

    @property
    def restored(self) -> bool:
        """The file came out of a backup. Its sessions went on without it, so they must not be taken up again."""
        return self._store.restored

    @property
    def outbox(self) -> Outbox:
        """What is to be delivered now: an earlier incarnation's rest comes first, under its own numbers."""
        return next((outbox for outbox in self._store.outboxes if outbox.waiting), self._store.outboxes[-1])

    @property
    def records_waiting(self) -> int:
        """Records the app has not acknowledged."""
        return sum(outbox.waiting for outbox in self._store.outboxes)

    @property
    def unattributed_wh(self) -> int:
        """Energy nobody could be billed for, since the journal began."""
        return self._store.unattributed_wh

    # --- records -----------------------------------------------------------------------------------------------

    async def commit(
        self,
        entries: Sequence[NewRecord],
        snapshots: Mapping[StallId, dict[str, Any]],
        *,
        answers: Mapping[str, Any] | None = None,
        now: datetime,
    ) -> int:
        """Append records, replace snapshots and remember answers to asks, all in one transaction.

        Returns the newest seq once everything is on disk.
        """
        keyed = {str(stall_id): snapshot for stall_id, snapshot in snapshots.items()}
        return await self._run(self._store.commit, list(entries), keyed, dict(answers or {}), to_ms(now))

    async def unacked(self, incarnation: str, limit: int = BATCH) -> list[StoredRecord]:
        """Return the oldest records the app has not acknowledged."""
        return await self._run(self._store.unacked, incarnation, limit)

    async def acknowledge(self, incarnation: str, seq: int) -> None:
        """The app committed every record up to `seq`."""
        await self._run(self._store.acknowledge, incarnation, seq)

    async def resend_from(self, incarnation: str, seq: int) -> None:
        """Deliver the records from `seq` on again. Raises ValueError when they are no longer kept."""
        await self._run(self._store.resend_from, incarnation, seq)

    async def doubt_earlier(self) -> None:
        """Compare earlier incarnations with the app once more: it has lost records, perhaps some of theirs too."""
        await self._run(self._store.doubt_earlier)

    async def renew(self) -> None:
        """Begin a new incarnation with the records not acknowledged: the app knows newer ones than this file."""
        await self._run(self._store.renew)

    async def prune(self, older_than: datetime) -> int:
        """Delete acknowledged records and answers from before `older_than`; returns how many records."""
        return await self._run(self._store.prune, to_ms(older_than))

    async def sessions(self, start: datetime, end: datetime) -> list[dict[str, Any]]:
        """Return the sessions that ended in [start, end): the fields of their records and three times."""
        return await self._run(self._store.sessions, to_ms(start), to_ms(end))

    # --- state -------------------------------------------------------------------------------------------------

    async def snapshots(self) -> dict[StallId, dict[str, Any]]:
        """Return the newest snapshot of each stall."""
        snapshots = await self._run(self._store.snapshots)
        return {StallId(stall_id): snapshot for stall_id, snapshot in snapshots.items()}

    async def settle_restored(self) -> None:
        """The sessions of the backup have been ended."""
        await self._run(self._store.settle_restored)

    async def forget_snapshot(self, stall_id: StallId) -> None:
        """Drop the snapshot of a stall that was removed."""
        await self._run(self._store.forget_snapshot, stall_id)

    async def answered(self, ask_id: str) -> Any:
        """Return the answer given to this ask before, None if there is none."""
        return await self._run(self._store.answered, ask_id)

    async def remember_answer(self, ask_id: str, answer: Any, now: datetime) -> None:
        """Keep the answer to an ask; the first one stays."""
        await self.commit((), {}, answers={ask_id: answer}, now=now)

    # --- cards, cars, blocks and rules -----------------------------------------------------------------------------

    async def add_card(
        self,
        fingerprints: Sequence[str],
        resident_id: ResidentId,
        at: datetime,
        *,
        label: str = "",
        weak: bool = False,
        month_wh: int | None = None,
    ) -> CardId:
        """Enrol a card; it is unknown no more. Raises `CardConflict` when its full number is enrolled already."""
        return await self._run(
            self._shelf.add, tuple(fingerprints), resident_id, to_ms(at), label=label, weak=weak, month_wh=month_wh
        )

    async def cards(self) -> list[CardRecord]:
        """Return every card that was enrolled under the present key."""
        return await self._run(self._shelf.cards)

    async def cards_unreadable(self) -> int:
        """Count the cards enrolled under a key that is lost."""
        return await self._run(self._shelf.count_unreadable)

    async def change_card(self, card: CardRecord, at: datetime) -> bool:
        """Make label, block (from `at` on), monthly limit and quiet hours those of `card`; False: no such card."""
        return await self._run(self._shelf.change, card, to_ms(at))

    async def card_used(self, card_id: CardId, at: datetime) -> None:
        """A card let somebody in."""
        await self._run(self._shelf.used, card_id, to_ms(at))

    async def remove_card(self, card_id: CardId) -> None:
        """Forget a card and its fingerprints."""
        await self._run(self._shelf.remove, card_id)

    async def card_refused(
        self, fingerprints: Sequence[str], stall_id: StallId, at: datetime, *, tail: str, weak: bool
    ) -> None:
        """Keep a card that was refused as unknown, for a while."""
        await self._run(self._shelf.refused, tuple(fingerprints), stall_id, to_ms(at), tail=tail, weak=weak)

    async def unknown_cards(self, now: datetime) -> list[UnknownCard]:
        """Return the unknown cards of the last days, newest first."""
        return await self._run(self._shelf.unknown, to_ms(now))

    async def assign_card(
        self, unknown_id: str, resident_id: ResidentId, at: datetime, *, label: str, month_wh: int | None
    ) -> CardId | None:
        """Make an unknown card a resident's; None: there is no such unknown card. Raises `CardConflict`."""
        return await self._run(self._shelf.assign, unknown_id, resident_id, to_ms(at), label=label, month_wh=month_wh)

    async def add_car(self, fingerprint: str, resident_id: ResidentId, at: datetime, *, label: str = "") -> CarId:
        """Learn a car. Raises `CarConflict` when one with this identifier is known."""
        return await self._run(self._car_shelf.add, fingerprint, resident_id, to_ms(at), label=label)

    async def cars(self) -> list[CarRecord]:
        """Return every car that was learnt under the present key."""
        return await self._run(self._car_shelf.cars)

    async def car_used(self, car_id: CarId, at: datetime) -> None:
        """A car let itself in."""
        await self._run(self._car_shelf.used, car_id, to_ms(at))

    async def remove_car(self, car_id: CarId) -> None:
        """Forget a car and its fingerprint."""
        await self._run(self._car_shelf.remove, car_id)

    async def set_blocked(self, resident_ids: Sequence[ResidentId]) -> None:
        """Replace the list of residents the manager blocked."""
        await self._run(self._rule_book.set_blocked, tuple(resident_ids))

    async def blocked(self) -> frozenset[ResidentId]:
        """Return the residents the manager blocked."""
        return await self._run(self._rule_book.blocked)

    async def set_rules(
        self, rules: Mapping[ResidentId, ResidentRules], told_at: datetime, told: Position | None = None
    ) -> None:
        """Replace what the app told residents may, as of the record `told`; None: it did not say."""
        await self._run(self._rule_book.replace, dict(rules), to_ms(told_at), told)

    async def rules(self) -> tuple[dict[ResidentId, ResidentRules], datetime | None, Position | None]:
        """Return what the app told residents may, when (None: it never did), and as of which record."""
        return await self._run(self._rule_book.rules)

    def position(self, incarnation: str, seq: int) -> Position:
        """Return where a record stands. Raises ValueError for an incarnation that is not known."""
        return self._rule_book.position(incarnation, seq)

    async def ends_after(self, position: Position) -> list[SessionEnd]:
        """Return the sessions whose end stands after a record."""
        return await self._run(self._rule_book.ends_after, position)

    # --- backup ------------------------------------------------------------------------------------------------

    async def async_pre_backup(self) -> None:
        """Make the file fit to be copied; writing goes on beside it."""
        await self._run(self._store.pre_backup)

    async def async_post_backup(self) -> None:
        """End what `async_pre_backup` began."""
        await self._run(self._store.post_backup)

    async def copy_to(self, path: Path) -> None:
        """Write a consistent copy; it is told as restored when it ever comes back as the journal."""
        await self._run(self._store.copy_to, path)

    async def _run[**P, R](self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        if self._closed and work != self._store.close:
            msg = "the journal is closed"
            raise JournalError(msg)
        future = asyncio.get_running_loop().run_in_executor(self._executor, lambda: work(*args, **kwargs))
        return await asyncio.shield(future)
