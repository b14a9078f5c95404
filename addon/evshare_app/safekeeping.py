"""Keeping the books safe while the app runs: the daily copy, the drill, how far the books are, the end of quarantine.

Wiring of `books/backup.py`, `drill.py`, `position.py` and `quarantine.py` with what they cannot know: the clock, the
checks of the floors above, the link and the rails.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
import logging
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, func, select

from .books import drill, quarantine
from .books.backup import LIVE, Copy, CopyFaulty, Shelf
from .books.building import NoBuilding, the_building
from .books.engine import Books, CopyStopped
from .books.position import Position, position_file, position_of, read_position, write_position
from .books.schema import ledger_transaction
from .ledger.ledger import verify
from .link.live import LiveBuilding
from .model import from_ms
from .payment.rail import RailUnavailable, Unclaimed
from .statement.checks import run_checks

_LOGGER = logging.getLogger(__name__)

COPY_EVERY = timedelta(days=1)
LOOK_EVERY_S = 60
QUIET = timedelta(minutes=1)
"""So long the integration has to be connected with nothing left to send before it counts as having sent all again:
what it has of earlier incarnations comes in conversations of their own, one after the other."""
_COMPARE_EVERY = timedelta(hours=1)
_DRILL_AGAIN = timedelta(days=1)
"""After one that failed."""


class Compares(Protocol):
    """What is asked of a rail (`payment.rail.Rail`)."""

    async def compare(self, since: datetime) -> Sequence[Unclaimed]:
        """Compare everything at the provider since then with the books."""


def what_is_wrong(conn: Connection) -> list[str]:
    """Return what is wrong with books of the newest schema: of the chain, and of every law of `statement/checks.py`."""
    chain = verify(conn)
    wrong = [] if chain.ok else [f"ledger: transaction {chain.broken_at}: {chain.problem}"]
    return wrong + [f"{check.name}: {check.found}" for check in run_checks(conn) if not check.ok]


def chain_is_wrong(conn: Connection) -> list[str]:
    """Return what is wrong with the ledger's chain: a copy is as good as the books it is of."""
    chain = verify(conn)
    return [] if chain.ok else [f"ledger: transaction {chain.broken_at}: {chain.problem}"]


class Safekeeping:
    """One per running app. Run `run` as a task."""

    def __init__(
        self,
        books: Books,
        data_dir: Path,
        clock: Callable[[], datetime],
        *,
        rail: Compares | None = None,
        live: LiveBuilding | None = None,
    ) -> None:
        """`rail` is where money is collected, `live` what the integration said last; without them both are skipped."""
        self.shelf = Shelf(data_dir)
        self._books = books
        self._live_file = data_dir / LIVE
        self._position = position_file(data_dir)
        self._written: Position | None = None
        self._clock = clock
        self._rail = rail
        self._live = live
        self._one_at_a_time = asyncio.Lock()
        self.quarantined = False
        """Whether the books are in quarantine."""
        self.problem = ""
        """Why the last copy could not be taken; empty: it was."""

    async def begin(self) -> None:
        """Find out whether these are the books that were here last, and begin a quarantine if not."""
        known, now = await asyncio.to_thread(read_position, self._position), self._clock()
        found = await self._books.write(lambda conn: quarantine.look(conn, known, now))
        self.quarantined = found is not None
        if found is not None:
            _LOGGER.warning(
                "The books came out of a backup: no payments, no statements and no closing of months until what they "
                "lack is found out (known to be missing: %s). Charging goes on.",
                ", ".join(one["kind"] for one in found.missing),
            )
        await self.note_position()

    async def run(self) -> None:
        """Look after everything until cancelled."""
        while True:
            # Not in the first minute: the house is just waking up.
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look_after()
            except Exception:
                # Tomorrow's copy must not depend on today's fault.
                _LOGGER.exception("Looking after the books failed; it is tried again")

    async def look_after(self) -> None:
        """Do what is due now."""
        await self.note_position()
        await self.end_quarantine()
        newest, now = self.shelf.newest(), self._clock()
        if newest is None or now - newest.taken >= COPY_EVERY:
            try:
                await self.take_copy()
            except (CopyFaulty, OSError) as problem:
                _LOGGER.error("The books could not be copied: %s", problem)
            except CopyStopped:
                return
        if await self._books.read(lambda conn: self._drill_due(conn, now)):
            await self.practise()

    async def take_copy(self) -> Copy:
        """Take a copy and hand it to Home Assistant's backup. Raises `CopyFaulty`, OSError."""
        async with self._one_at_a_time:
            try:
                copy = await self.shelf.take(self._books, chain_is_wrong, self._clock())
                await asyncio.to_thread(self.shelf.hand_over, copy.path)
            except (CopyFaulty, OSError) as problem:
                self.problem = str(problem)
                raise
            self.problem = ""
            return copy

    async def practise(self) -> drill.Drill | None:
        """Restore the newest copy on the side; None where there is none."""
        async with self._one_at_a_time:
            newest = self.shelf.newest()
            if newest is None:
                return None
            done = await drill.practise(self._books, newest.path, what_is_wrong, self._clock())
        if not done.ok:
            _LOGGER.error("The restore drill with %s failed: %s", done.copy, done.found)
        return done

    async def note_position(self) -> None:
        """Write down outside the books how far they are, where that changed."""
        present = await self._books.read(position_of)
        if present != self._written:
            await asyncio.to_thread(write_position, self._position, present)
            self._written = present

    async def end_quarantine(self) -> None:
        """See what came back since; end the quarantine if that is all."""
        lasting = await self._books.read(quarantine.current)
        if lasting is None:
            return
        now = self._clock()
        back = lasting.resent is None and self._all_sent(now)
        if back and await self._books.read(partial(quarantine.records_are_back, quarantine=lasting)):
            await self._books.write(lambda conn: quarantine.note_resent(conn, now))
        if lasting.compared is None or now - lasting.compared >= _COMPARE_EVERY:
            await self._compare(now)
        lasting = await self._books.read(quarantine.current)
        if lasting is not None and lasting.may_end and await self.leave_quarantine(quarantine.AUTOMATIC):
            _LOGGER.warning("The books have again what they lacked; quarantine is over")

    async def leave_quarantine(self, by: str) -> bool:
        """End the quarantine; False where there is none."""
        now = self._clock()
        left = await self._books.write(lambda conn: quarantine.leave(conn, by, now))
        self.quarantined = False
        return left

    def _all_sent(self, now: datetime) -> bool:
        live = self._live
        return (
            live is not None
            and live.connected
            and live.waiting == 0
            and live.changed_at is not None
            and now - live.changed_at >= QUIET
        )

    async def _compare(self, now: datetime) -> None:
        """Compare what is at the providers with the books, from where they end."""
        unclaimed: list[dict[str, Any]] = []
        if self._rail is not None:
            try:
                found = await self._rail.compare(await self._books.read(_ended))
            except RailUnavailable as problem:
                _LOGGER.info("The books could not be compared with the provider: %s", problem)
                return
            unclaimed = [asdict(one) | {"at": one.at.isoformat()} for one in found]
        await self._books.write(partial(quarantine.note_compared, unclaimed=unclaimed, now=now))

    @staticmethod
    def _drill_due(conn: Connection, now: datetime) -> bool:
        try:
            the_building(conn)
        except NoBuilding:
            return False
        if not drill.is_due(conn, now):
            return False
        last = drill.last_drill(conn)
        return last is None or now - last.at >= _DRILL_AGAIN


def _ended(conn: Connection) -> datetime:
    """Return when the newest transaction of the ledger was booked, or the beginning of time."""
    return from_ms(conn.scalar(select(func.max(ledger_transaction.c.recorded_ms))) or 0)
