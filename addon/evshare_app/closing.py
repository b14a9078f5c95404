"""Carrying out an approved close: issue, sign, render, collect, reconcile; each step can be taken up again.

Wiring of `statement/close.py` with what it cannot know: the key of the books, the rails, the checks. How far a close is
stands in the books (`close_run`), and every step leaves there what it did in the same transaction. So a close that was
cut off at any point is taken up where it was when the app starts again: an account has its statement or has not, a
number is given out with its statement or not at all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
import logging
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, select

from .books.accounting_tables import close_run, statement_file
from .books.building import NoBuilding
from .books.engine import Books
from .books.quarantine import InQuarantine
from .books.schema import statement
from .ledger.heads import fingerprint, last_signed, open_key, sign_head
from .ledger.seals import seal_slices
from .model import Month, StatementId, to_ms
from .payment.rail import PaymentError, Standing
from .statement.checks import run_checks
from .statement.close import ISSUING, SIGNING, approve, close_of, issue_next, set_step
from .statement.files import frozen_document, keep_files, render_files
from .statement.findings import DONE

_LOGGER = logging.getLogger(__name__)

FILES, COLLECTING, CHECKING = "files", "collecting", "checking"
STEPS = (ISSUING, SIGNING, FILES, COLLECTING, CHECKING, DONE)
"""A close's steps in their order."""
_AT_ONCE = 50
"""Statements that whoever approves a close waits for: a second or so."""
_DAY_MS = 86_400_000
_AGAIN_S = 300
"""After something went wrong."""


class Collects(Protocol):
    """What is asked of a rail (`payment.rail.Rail`)."""

    async def collect_open(self) -> list[Standing]:
        """Collect all statements of this rail's accounts that are due now."""


class Closing:
    """One per running app. Run `run` as a task; it takes up what was cut off."""

    def __init__(
        self, books: Books, clock: Callable[[], datetime], *, keys: Path, rail: Collects | None = None
    ) -> None:
        """`keys` is the folder of the books' signing key."""
        self._books = books
        self._clock = clock
        self._keys = keys
        self._rail = rail
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()

    async def approve(self, month: Month, seen: str, actor: str) -> None:
        """Approve a month as it was looked at (`MonthPreview.fingerprint`); it is carried out from now on.

        The statements of a small house are issued when this returns. Raises `CloseRefused`.
        """
        now = self._clock()
        await self._books.write(lambda conn: approve(conn, month, seen, actor, now))
        try:
            async with self._lock:
                await self._issue(month, at_most=_AT_ONCE)
        finally:
            self._wake.set()

    async def ledger_key(self) -> str:
        """Return what statements print of the key the ledger's heads are signed with."""
        return await self._books.write(lambda conn: fingerprint(open_key(conn, self._keys).public))

    async def run(self) -> None:
        """Carry out what is approved, until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self.finish()
                await self.sign_daily()
            except NoBuilding, InQuarantine:
                _LOGGER.debug("No close goes on now")
            except Exception:
                _LOGGER.exception("A close met a fault; it is taken up again")
            with suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_S):
                    await self._wake.wait()

    async def sign_daily(self) -> None:
        """Seal what was measured and sign the ledger's newest place, once a day; nothing where there is nothing new."""
        now = self._clock()
        last = await self._books.read(last_signed)
        if last is None or to_ms(now) - last.signed_ms >= _DAY_MS:
            await self._seal(now)
            await self._books.write(lambda conn: sign_head(conn, open_key(conn, self._keys), now))

    async def finish(self) -> None:
        """Do all that is left of every approved close. Two at a time wait for each other."""
        async with self._lock:
            for month in await self._books.read(_unfinished):
                while await self._go_on(month):
                    pass

    async def _go_on(self, month: Month) -> bool:
        """Take the step a close is at; return whether there is another."""
        steps: dict[str, Callable[[Month], Awaitable[None]]] = {
            ISSUING: self._issue,
            SIGNING: self._sign,
            FILES: self._render,
            COLLECTING: self._collect,
            CHECKING: self._check,
        }
        run = await self._books.read(lambda conn: close_of(conn, month))
        if run is None or run.done:
            return False
        await steps[run.step](month)
        return True

    async def _issue(self, month: Month, at_most: int = 1_000_000) -> None:
        key = await self.ledger_key()

        def issue(conn: Connection) -> StatementId | None:
            return issue_next(conn, month, self._clock(), key)

        for _ in range(at_most):
            # Each in a transaction of its own: other work comes in between.
            if await self._books.write(issue) is None:
                return

    async def _sign(self, month: Month) -> None:
        now = self._clock()
        await self._seal(now)

        def sign(conn: Connection) -> None:
            sign_head(conn, open_key(conn, self._keys), now)
            set_step(conn, month, FILES, now)

        await self._books.write(sign)

    async def _seal(self, now: datetime) -> None:
        """Seal what was measured: each seal in a transaction of its own, other work comes in between."""
        while await self._books.write(lambda conn: seal_slices(conn, now)) is not None:
            pass

    async def _render(self, month: Month) -> None:
        for statement_id in await self._books.read(lambda conn: _without_files(conn, month)):
            await self._render_one(statement_id)
        now = self._clock()
        await self._books.write(lambda conn: set_step(conn, month, COLLECTING, now))

    async def _render_one(self, statement_id: StatementId) -> None:
        document = await self._books.read(lambda conn: frozen_document(conn, statement_id))
        # Beside the loop and the books: pages keep being answered.
        files = await asyncio.to_thread(render_files, document)
        now = self._clock()
        await self._books.write(lambda conn: keep_files(conn, statement_id, files, now))

    async def _collect(self, month: Month) -> None:
        problem = ""
        if self._rail is not None:
            try:
                await self._rail.collect_open()
            except PaymentError as error:
                # The rail tries again by itself.
                problem = str(error)
        now = self._clock()
        await self._books.write(lambda conn: set_step(conn, month, CHECKING, now, problem))

    async def _check(self, month: Month) -> None:
        now = self._clock()

        def check(conn: Connection) -> None:
            run = close_of(conn, month)
            found = [f"{one.name}: {one.found}" for one in run_checks(conn) if not one.ok]
            said = [run.problem] if run is not None and run.problem else []
            set_step(conn, month, DONE, now, "\n".join([*said, *found]))

        await self._books.write(check)


def _unfinished(conn: Connection) -> list[Month]:
    rows = select(close_run.c.month).where(close_run.c.step != DONE).order_by(close_run.c.month)
    return [Month.parse(one) for one in conn.scalars(rows)]


def _without_files(conn: Connection, month: Month) -> Sequence[StatementId]:
    kept = select(statement_file.c.statement_id).where(statement_file.c.kind == "pdf")
    rows = (
        select(statement.c.statement_id)
        .where(statement.c.month == str(month), statement.c.statement_id.not_in(kept))
        .order_by(statement.c.number)
    )
    return [StatementId(one) for one in conn.scalars(rows)]
