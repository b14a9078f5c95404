"""An older copy of the books is noticed when they start, and nothing leaves the house until what it lacks is known."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
import shutil

import pytest
from sqlalchemy import Connection, insert, text

from evshare_app.books import quarantine
from evshare_app.books.engine import Books
from evshare_app.books.position import (
    Position,
    missing,
    note_restored,
    position_file,
    position_of,
    read_position,
    write_position,
)
from evshare_app.books.schema import payment_operation, record, series
from evshare_app.link.live import LiveBuilding
from evshare_app.model import Month
from evshare_app.payment.rail import RailUnavailable, Unclaimed
from evshare_app.safekeeping import Safekeeping
from evshare_app.statement.close import CloseRefused
from tests.app.books.house_books import NOON, add, new_books, open_books
from tests.app.statement.lindenhof import BUILDING
from tests.app.statement.steps import close_month


@dataclass
class Provider:
    """Somebody who holds our money."""

    unclaimed: Sequence[Unclaimed] = ()
    away: bool = False
    asked_since: datetime | None = None

    async def compare(self, since: datetime) -> Sequence[Unclaimed]:
        if self.away:
            raise RailUnavailable("no answer")
        self.asked_since = since
        return self.unclaimed


@dataclass
class Kept:
    """Books that are looked after."""

    folder: Path
    books: Books
    now: datetime
    provider: Provider
    live: LiveBuilding

    def safekeeping(self) -> Safekeeping:
        return Safekeeping(self.books, self.folder, lambda: self.now, rail=self.provider, live=self.live)

    async def start(self) -> Safekeeping:
        started = self.safekeeping()
        await started.begin()
        return started

    async def backup(self) -> None:
        await self.books.copy_to(self.folder / "old.db")

    async def come_back(self) -> Safekeeping:
        """The copy takes the place of the books; nobody says so."""
        await self.books.close()
        shutil.copy(self.folder / "old.db", self.folder / "books.db")
        self.books = await open_books(self.folder / "books.db")
        return await self.start()

    async def quarantine(self) -> quarantine.Quarantine | None:
        return await self.books.read(quarantine.current)

    async def missing(self) -> list[dict[str, object]]:
        lasting = await self.quarantine()
        return [] if lasting is None else list(lasting.missing)

    async def integration_sent_all(self, safekeeping: Safekeeping) -> None:
        self.live.connect(self.now)
        self.now += timedelta(minutes=1)
        await safekeeping.end_quarantine()


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    made = Kept(tmp_path, await new_books(tmp_path / "books.db", 2), NOON, Provider(), LiveBuilding())
    await made.start()
    yield made
    await made.books.close()


def take_record(conn: Connection, seq: int, incarnation: str = "j1") -> None:
    values = {"kind": "denied", "at_ms": 1, "body_json": "{}", "received_ms": 2}
    conn.execute(insert(record).values(building_id=BUILDING, incarnation=incarnation, seq=seq, **values))


def order(conn: Connection, operation_id: str, state: str = "pending") -> None:
    conn.execute(
        insert(payment_operation).values(
            building_id=BUILDING,
            operation_id=operation_id,
            kind="setup",
            account_id="acc-weber",
            idempotency_key=operation_id,
            params_json="{}",
            state=state,
            created_ms=5,
            updated_ms=5,
        )
    )


async def test_books_that_go_on_are_not_in_quarantine(kept: Kept):
    for _ in range(2):
        await kept.books.write(lambda conn: add(conn, 7))
        await kept.start()
        assert await kept.quarantine() is None


async def test_a_crash_before_the_position_was_written_is_no_restore(kept: Kept):
    """The file outside lags behind the books by what came in the last minute."""
    await kept.books.write(lambda conn: add(conn, 3))
    await kept.books.write(lambda conn: take_record(conn, 1))
    await kept.start()
    assert await kept.quarantine() is None


@pytest.mark.parametrize(
    ("happened", "lacking"),
    [
        (lambda conn: add(conn, 3), {"kind": "transactions", "have": 2, "known": 3}),
        (lambda conn: take_record(conn, 1), {"kind": "records", "incarnation": "j1", "have": 0, "known": 1}),
        (lambda conn: order(conn, "op1"), {"kind": "payments"}),
        (
            lambda conn: (
                conn.execute(insert(series).values(building_id=BUILDING, prefix="CN", year=2026, last=4)) and None
            ),
            {"kind": "numbers", "series": "CN/2026", "have": 0, "known": 4},
        ),
    ],
)
async def test_an_older_copy_lacks_what_happened_since(kept: Kept, happened, lacking):
    await kept.backup()
    await kept.books.write(happened)
    await kept.safekeeping().note_position()
    await kept.come_back()
    assert await kept.missing() == [lacking]


async def test_books_with_another_chain_of_the_same_length_are_not_the_books(kept: Kept):
    await kept.backup()
    await kept.books.write(lambda conn: add(conn, 3))
    await kept.safekeeping().note_position()
    await kept.books.close()
    shutil.copy(kept.folder / "old.db", kept.folder / "books.db")
    kept.books = await open_books(kept.folder / "books.db")
    await kept.books.write(lambda conn: add(conn, 3, minor=999))
    await kept.start()
    assert await kept.missing() == [{"kind": "chain", "number": 3}]


async def test_books_that_were_here_before_without_a_word_of_how_far_came_out_of_a_backup(kept: Kept):
    position_file(kept.folder).unlink()
    await kept.start()
    assert await kept.missing() == [{"kind": "unknown"}]


@pytest.mark.parametrize("content", ["", "{}", '{"format": 1, "ledger_number": 5, "more": 1}', '{"format": 2}', "[]"])
async def test_a_position_that_cannot_be_read_counts_as_none(kept: Kept, content: str):
    position_file(kept.folder).write_text(content)
    assert read_position(position_file(kept.folder)) is None


async def test_a_copy_that_was_put_in_place_by_hand_begins_in_quarantine_whatever_it_has(kept: Kept):
    note_restored(kept.folder, kept.now)
    await kept.start()
    assert await kept.missing() == [{"kind": "unknown"}]


async def test_a_restored_copy_of_an_earlier_life_is_noticed_though_nothing_was_booked_since(kept: Kept):
    note_restored(kept.folder, kept.now)
    await kept.backup()
    await kept.start()
    await kept.books.write(lambda conn: quarantine.leave(conn, "kim", kept.now))
    await kept.safekeeping().note_position()
    await kept.come_back()
    assert await kept.missing() == [{"kind": "unknown"}]


async def test_quarantine_outlasts_a_restart(kept: Kept):
    await kept.backup()
    await kept.books.write(lambda conn: add(conn, 3))
    await kept.safekeeping().note_position()
    await kept.come_back()
    await kept.start()
    assert await kept.missing() == [{"kind": "transactions", "have": 2, "known": 3}]


async def in_quarantine(kept: Kept, *happened) -> Safekeeping:
    await kept.backup()
    for one in happened:
        await kept.books.write(one)
    await kept.safekeeping().note_position()
    return await kept.come_back()


async def test_nothing_leaves_the_house_in_quarantine(kept: Kept):
    await in_quarantine(kept, lambda conn: add(conn, 3))
    with pytest.raises(CloseRefused, match="restored from a backup"):
        await kept.books.write(lambda conn: close_month(conn, Month(2026, 6), "kim", kept.now))
    # Nor for whoever does not ask.
    with pytest.raises(Exception, match="payment_operation: the books are in quarantine"):
        await kept.books.write(lambda conn: order(conn, "op1"))
    for table in ("statement", "period"):
        with pytest.raises(Exception, match=f"{table}: the books are in quarantine"):
            await kept.books.write(
                lambda conn, table=table: conn.execute(text(f"INSERT INTO {table} (building_id) VALUES ('x')"))
            )
    # What comes in is taken in.
    await kept.books.write(lambda conn: take_record(conn, 1))
    await kept.books.write(lambda conn: order(conn, "adopted", "processing"))
    await kept.books.write(lambda conn: add(conn, 4))


async def test_it_ends_when_all_was_sent_again_and_the_provider_knows_nothing_more(kept: Kept):
    safekeeping = await in_quarantine(kept, lambda conn: take_record(conn, 1), lambda conn: order(conn, "op1"))
    await safekeeping.end_quarantine()
    assert await kept.quarantine() is not None  # nobody is connected
    kept.live.connect(kept.now)
    kept.live.waiting = 1
    kept.now += timedelta(minutes=1)
    await safekeeping.end_quarantine()
    assert await kept.quarantine() is not None
    await kept.books.write(lambda conn: take_record(conn, 1))
    kept.live.waiting = 0
    await safekeeping.end_quarantine()
    assert await kept.quarantine() is None
    over = await kept.books.read(quarantine.last_restore)
    assert over is not None
    assert (over.left, over.left_by) == (kept.now, "automatic")
    # Compared from the newest transaction on, a day and the clocks' difference being the rail's business.
    assert kept.provider.asked_since == NOON + timedelta(seconds=2)


async def test_an_integration_that_has_just_connected_may_have_more_of_an_earlier_incarnation(kept: Kept):
    safekeeping = await in_quarantine(kept, lambda conn: order(conn, "op1"))
    kept.live.connect(kept.now)
    kept.now += timedelta(seconds=59)
    await safekeeping.end_quarantine()
    assert await kept.quarantine() is not None


async def test_records_that_do_not_come_back_are_waited_for(kept: Kept):
    safekeeping = await in_quarantine(kept, lambda conn: take_record(conn, 1), lambda conn: take_record(conn, 2))
    await kept.books.write(lambda conn: take_record(conn, 1))
    await kept.integration_sent_all(safekeeping)
    assert await kept.quarantine() is not None


async def test_a_provider_that_does_not_answer_is_waited_for(kept: Kept):
    safekeeping = await in_quarantine(kept, lambda conn: order(conn, "op1"))
    kept.provider.away = True
    await kept.integration_sent_all(safekeeping)
    assert await kept.quarantine() is not None
    kept.provider.away = False
    await safekeeping.end_quarantine()
    assert await kept.quarantine() is None


async def test_money_nobody_can_place_needs_a_manager(kept: Kept):
    safekeeping = await in_quarantine(kept, lambda conn: order(conn, "op1"))
    money = Unclaimed(external_id="pi_1", number="2026-000009", amount_minor=3000, currency="EUR", at=NOON)
    kept.provider.unclaimed = (money,)
    await kept.integration_sent_all(safekeeping)
    lasting = await kept.quarantine()
    assert lasting is not None
    assert lasting.unclaimed == [
        {
            "external_id": "pi_1",
            "number": "2026-000009",
            "amount_minor": 3000,
            "currency": "EUR",
            "at": "2026-07-02T12:00:00+00:00",
        }
    ]
    await kept.books.write(lambda conn: quarantine.leave(conn, "kim", kept.now))
    await kept.books.write(lambda conn: order(conn, "op2"))


async def test_bookings_of_our_own_that_are_lost_need_a_manager(kept: Kept):
    safekeeping = await in_quarantine(kept, lambda conn: add(conn, 3))
    await kept.integration_sent_all(safekeeping)
    lasting = await kept.quarantine()
    assert lasting is not None
    assert lasting.resent is not None
    assert lasting.compared is not None
    assert await kept.books.write(lambda conn: quarantine.leave(conn, "kim", kept.now))
    assert not await kept.books.write(lambda conn: quarantine.leave(conn, "kim", kept.now))
    for change in ("DELETE FROM books_incarnation", "UPDATE books_incarnation SET left_by = 'nobody'"):
        with pytest.raises(Exception, match="books_incarnation:"):
            await kept.books.write(lambda conn, change=change: conn.execute(text(change)))


async def test_a_position_is_written_whole_and_for_its_owner_alone(kept: Kept):
    path = position_file(kept.folder)
    assert path == kept.folder / "keys" / "books.position"
    assert path.stat().st_mode & 0o777 == 0o600
    present = await kept.books.read(position_of)
    assert read_position(path) == present
    assert (present.ledger_number, len(present.ledger_hash), present.numbers) == (2, 64, {})
    write_position(path, replace(present, records={"j1": 5}))
    assert read_position(path) == replace(present, records={"j1": 5})


async def test_an_empty_position_lacks_nothing(kept: Kept):
    assert await kept.books.read(lambda conn: missing(conn, Position())) == []
