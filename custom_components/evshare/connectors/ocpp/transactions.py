"""The transactions of all boxes: their ids, which one runs where, and what was said before.

Ids are counted, and the count is kept: an id is never given twice, not after a restart and not in the same second. The
count is kept a block ahead, so that a restored backup does not count over again what was given after it was made, and
begins anywhere, so that a lost file does not either. What a box repeats because it did not hear the answer is found by
connector, id tag, register and time; the id tag only while we run, since it is a card's number and not kept.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
import logging
import secrets
from typing import Any, Protocol

from .words import Start

BLOCK = 1000
"""Ids are reserved in blocks of so many."""
HIGHEST = 2**31 - 1
"""A box may keep an id in a signed 32-bit number."""
REMEMBERED = 32
"""Ended transactions that are kept per box, to know what comes late or again."""

_LOGGER = logging.getLogger(__name__)


class Store(Protocol):
    """Keeps a JSON object, durably."""

    async def load(self) -> Mapping[str, Any] | None:
        """What was kept last; None: nothing yet."""

    async def save(self, content: Mapping[str, Any]) -> None:
        """Keep it; returns when it is on the disk, raises OSError when it is not."""


@dataclass(frozen=True, kw_only=True)
class Transaction:
    """One transaction of a box."""

    id: str
    identity: str
    point: int
    started_at: str
    """By the clock of the box, ISO 8601; what it was adopted with may be empty."""
    register_start_wh: int | None
    accepted: bool
    """It may draw: we began it, or a card that was let in did."""
    plug_wh: int | None = None
    """The register when its car came; None: nobody knows."""
    session_id: str | None = None
    """The session it belongs to; None: none, or it began when nothing was kept of that."""
    running: bool = True


class Transactions:
    """The book of transactions. `load` before anything else."""

    def __init__(self, store: Store) -> None:
        """`store` holds nothing else."""
        self._store = store
        self._next = self._reserved = 1 + secrets.randbelow(HIGHEST // 2)
        self._known: list[Transaction] = []
        self._saving = asyncio.Lock()
        self._tags: dict[str, str] = {}
        """Id tags by transaction, in memory only."""

    async def load(self) -> None:
        """Read what was kept; what cannot be read is begun anew."""
        kept = await self._store.load()
        if kept is None:
            return
        try:
            known = [Transaction(**transaction) for transaction in kept["transactions"]]
            reserved = int(kept["reserved"])
        except (KeyError, TypeError, ValueError) as error:
            _LOGGER.error("What was kept of OCPP transactions cannot be read: %s", error)
            return
        self._known = known
        self._next = self._reserved = reserved if 0 < reserved < HIGHEST else 1

    def running(self, identity: str, point: int) -> Transaction | None:
        """The transaction that runs at a connector."""
        for transaction in reversed(self._known):
            if transaction.running and (transaction.identity, transaction.point) == (identity, point):
                return transaction
        return None

    def find(self, identity: str, transaction_id: str) -> Transaction | None:
        """A transaction of a box by its id, running or over."""
        for transaction in reversed(self._known):
            if (transaction.identity, transaction.id) == (identity, transaction_id):
                return transaction
        return None

    def said_before(self, identity: str, start: Start) -> Transaction | None:
        """The transaction a box tells of again, because it did not hear our answer."""
        said = (identity, start.point, start.register_wh, start.at.isoformat())
        for transaction in reversed(self._known):
            known = (transaction.identity, transaction.point, transaction.register_start_wh, transaction.started_at)
            if known == said and self._tags.get(transaction.id, start.id_tag) == start.id_tag:
                return transaction
        return None

    async def begin(
        self,
        identity: str,
        start: Start,
        *,
        accepted: bool,
        plug_wh: int | None,
        session_id: str | None = None,
    ) -> Transaction:
        """Give a new transaction its id, and keep it before anybody hears of it.

        One that cannot be kept is not accepted, whoever began it; one that is not accepted need not be kept, so that
        nobody wears out the disk by trying. Raises OSError when not even an id is left that is certain to be new.
        """
        number = self._number(identity)
        if number >= self._reserved:
            await self._save(reserved=number + BLOCK)
        transaction = Transaction(
            id=str(number),
            identity=identity,
            point=start.point,
            started_at=start.at.isoformat(),
            register_start_wh=start.register_wh,
            accepted=accepted,
            plug_wh=plug_wh,
            session_id=session_id if accepted else None,
        )
        self._keep(transaction)
        self._tags[transaction.id] = start.id_tag
        if accepted:
            try:
                await self._save()
            except OSError:
                transaction = replace(transaction, accepted=False)
                self._replace(transaction)
        return transaction

    async def adopt(
        self, identity: str, point: int, transaction_id: str, *, accepted: bool, session_id: str | None = None
    ) -> Transaction:
        """Take over a transaction that runs at a box and is not known here (a lost file, a lost message).

        It belongs to `session_id`, unless it is known to belong to another.
        """
        known = self.find(identity, transaction_id)
        transaction = Transaction(
            id=transaction_id,
            identity=identity,
            point=point,
            started_at="" if known is None else known.started_at,
            register_start_wh=None if known is None else known.register_start_wh,
            accepted=accepted,
            plug_wh=None if known is None else known.plug_wh,
            session_id=(session_id if accepted else None) if known is None else known.session_id,
        )
        self._keep(transaction)
        await self._save()
        return transaction

    async def end(self, transaction: Transaction) -> Transaction:
        """It runs no more."""
        ended = replace(transaction, running=False)
        self._replace(ended)
        if ended.accepted:
            await self._save()
        return ended

    def _number(self, identity: str) -> int:
        """The next id; one that a box made up for itself is left out."""
        while True:
            number, self._next = self._next, self._next % HIGHEST + 1
            if self.find(identity, str(number)) is None:
                return number

    def _replace(self, transaction: Transaction) -> None:
        self._known = [
            transaction if (known.identity, known.id) == (transaction.identity, transaction.id) else known
            for known in self._known
        ]

    def _keep(self, transaction: Transaction) -> None:
        """A connector has one transaction at a time: one whose end was never told is over now."""
        place = (transaction.identity, transaction.point)
        known = [
            replace(one, running=False) if transaction.running and (one.identity, one.point) == place else one
            for one in self._known
            if (one.identity, one.id) != (transaction.identity, transaction.id)
        ]
        over = [one for one in known if one.identity == transaction.identity and not one.running]
        forgotten = {one.id for one in over[:-REMEMBERED]}
        self._known = [
            *(one for one in known if one.identity != transaction.identity or one.running or one.id not in forgotten),
            transaction,
        ]
        kept = {one.id for one in self._known}
        self._tags = {key: tag for key, tag in self._tags.items() if key in kept}

    async def _save(self, reserved: int | None = None) -> None:
        """Keep everything as it is now; what is kept never goes back, however many keep at once."""
        async with self._saving:
            highest = max(self._reserved, reserved or 0)
            known = [asdict(transaction) for transaction in self._known]
            await self._store.save({"reserved": highest, "transactions": known})
            self._reserved = highest
