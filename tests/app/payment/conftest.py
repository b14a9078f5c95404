"""A building with two accounts, real books in a file, the stand-in on loopback, and a clock that stands still."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import hashlib
from pathlib import Path

from aiohttp import ClientSession
import pytest
from sqlalchemy import Connection, insert, select

from demo.stripe import StripeStandIn
from demo.stripe.server import KEY
from evshare_app.books.engine import Books
from evshare_app.books.schema import account, building, payment_operation, statement
from evshare_app.ledger.accounts import ENERGY, receivable
from evshare_app.ledger.ledger import NewTransaction, Posting, balance, post, verify
from evshare_app.model import AccountId, StatementId, to_ms
from evshare_app.payment.standing import standing
from evshare_app.payment.stripe_client import create_client
from evshare_app.payment.stripe_rail import StripeRail

HOME = AccountId("home")
OTHER = AccountId("other")
BACK = "http://portal.local/account"


@dataclass
class Clock:
    """Time as the test says."""

    now: datetime = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


async def no_pause(_seconds: float) -> None:
    """Repetitions of the SDK come at once."""


@dataclass
class House:
    """Everything a payment test needs."""

    books: Books
    stand_in: StripeStandIn
    clock: Clock
    session: ClientSession
    path: Path

    def rail(self, pause: Callable[[float], Awaitable[None]] = no_pause, key: str = KEY) -> StripeRail:
        """Return the rail as a fresh process would make it."""
        client = create_client(key, self.session, self.stand_in.url, pause=no_pause)
        return StripeRail(self.books, lambda: client, self.clock, pause=pause)

    async def issue(self, number: str, minor: int, account_id: AccountId = HOME) -> StatementId:
        """Issue a statement as the month close does: row and receivable."""
        return await self.books.write(lambda conn: issue(conn, number, minor, account_id, self.clock()))

    async def save_card(self, rail: StripeRail, number: str = "4242424242424242", account_id: AccountId = HOME) -> None:
        """Let the resident save a card on the hosted page."""
        url = await rail.start_card_setup(account_id, BACK)
        assert self.stand_in.pay(url.rsplit("/", 1)[1], number) is None
        await rail.poll()

    async def balance(self, ledger_account: str) -> int:
        return await self.books.read(lambda conn: balance(conn, ledger_account))

    async def standing(self, statement_id: StatementId):
        return await self.books.read(lambda conn: standing(conn, statement_id, self.clock()))

    async def rows(self, kind: str) -> list[tuple[str, str | None]]:
        """Return state and error code of the operations of a kind, oldest first."""
        query = select(payment_operation.c.state, payment_operation.c.error_code).where(
            payment_operation.c.kind == kind
        )
        order = payment_operation.c.created_ms, payment_operation.c.idempotency_key
        return await self.books.read(lambda conn: [(r[0], r[1]) for r in conn.execute(query.order_by(*order))])

    async def account(self, account_id: AccountId = HOME):
        return await self.books.read(
            lambda conn: conn.execute(select(account).where(account.c.account_id == account_id)).one()
        )

    async def check_ledger(self) -> None:
        report = await self.books.read(verify)
        assert report.ok, report


def furnish(conn: Connection) -> None:
    conn.execute(
        insert(building).values(building_id="b1", name="Haus", currency="EUR", time_zone="Europe/Berlin", fuse_a=63)
    )
    for one in (HOME, OTHER):
        conn.execute(insert(account).values(building_id="b1", account_id=one, name=one))


def issue(conn: Connection, number: str, minor: int, account_id: AccountId, now: datetime) -> StatementId:
    statement_id = StatementId(f"statement-{number}")
    conn.execute(
        insert(statement).values(
            building_id="b1",
            statement_id=statement_id,
            number=number,
            account_id=account_id,
            month=f"2026-{int(number[-2:]):02d}",
            issued_ms=to_ms(now),
            net_minor=minor,
            vat_minor=0,
            gross_minor=minor,
            currency="EUR",
            reference=f"RF00EV{number.replace('-', '')}",
            document_json="{}",
            sha256=hashlib.sha256(b"{}").hexdigest(),
        )
    )
    post(
        conn,
        NewTransaction(
            transaction_id=f"statement:{number}",
            kind="statement",
            occurred=now,
            actor="test",
            reason=number,
            postings=[Posting(receivable(account_id), minor), Posting(ENERGY, -minor)],
            currency="EUR",
        ),
        now,
    )
    return statement_id


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def stand_in(clock: Clock) -> AsyncIterator[StripeStandIn]:
    async with StripeStandIn(clock) as served:
        yield served


@asynccontextmanager
async def open_house(path: Path, clock: Clock, stand_in: StripeStandIn) -> AsyncIterator[House]:
    """Open the books of a furnished house at `path`."""
    books = await Books.open(path)
    await books.write(furnish)
    async with ClientSession() as session:
        house = House(books, stand_in, clock, session, path)
        yield house
        await house.books.close()


@pytest.fixture
async def house(tmp_path: Path, clock: Clock, stand_in: StripeStandIn) -> AsyncIterator[House]:
    async with open_house(tmp_path / "books.db", clock, stand_in) as furnished:
        yield furnished
