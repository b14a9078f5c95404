"""Plays the year of `demo.year` on the real app: its books in a file, the link's inbox, closes, payments.

What the owners, the manager and the bank do stands here as dated acts; what the building does comes as frames of the
link. Both are done in the order of their time, each in a transaction of its own, as the app does them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, select, update

from demo.year.physics import Visit, World
from demo.year.plot import FLATS, NIGHT, PREPAID, RESIDENTS, STALLS, STANDBY_W, SUBSCRIBERS, VAT, ZONE, instant
from demo.year.records import frames, hello
from evshare_app.books import schema
from evshare_app.books.engine import Books
from evshare_app.books.payers import Plan, PlanKind, payer_at
from evshare_app.ledger.accounts import BANK
from evshare_app.ledger.heads import LedgerKey, fingerprint, open_key, sign_head
from evshare_app.ledger.seals import seal_all
from evshare_app.link.inbox import apply_building, take_records
from evshare_app.link.messages import Hello, Records
from evshare_app.link.parsing import parse
from evshare_app.model import AccountId, Month, ResidentId, SessionId
from evshare_app.payment.bank import record_transfer
from evshare_app.payment.prepaid import top_up
from evshare_app.resident.accounts import set_stall_holder
from evshare_app.resident.disputes import question, reject, uphold
from evshare_app.resident.moving import move_out_those_due
from evshare_app.resident.pass_making import Wanted, make_pass
from evshare_app.resident.passes import Payer
from evshare_app.resident.people import set_moves
from evshare_app.resident.plans import (
    add_account,
    add_plan,
    add_unit,
    assign_plan,
    join_group,
    set_payer,
)
from evshare_app.split.days import Window
from evshare_app.split.items import Every
from evshare_app.split.keys import Key
from evshare_app.statement.bills import Bill, add_bill
from evshare_app.statement.checks import run_checks
from evshare_app.statement.close import SIGNING, approve, close_of, issue_next, set_step
from evshare_app.statement.costs import CostKind, NewCost, add_cost
from evshare_app.statement.findings import DONE, reasons_against
from evshare_app.statement.house_rules import set_rule
from evshare_app.statement.preview import preview_month
from evshare_app.tariff.presets import DayNight, to_ocpi
from evshare_app.tariff.store import add_version, flat_tariff
from tests.year.papers import Printer

MANAGER = "office:maria"
GRID_PRICE, SOLAR_PRICE = Decimal("0.29"), Decimal("0.17")
BILLED_PER_KWH = Decimal("0.268")
"""What the supplier takes, net."""
BILLED_A_DAY_MINOR = 61

type Act = Callable[[Connection, datetime], None]


@dataclass(frozen=True, kw_only=True)
class Played:
    """What is there afterwards."""

    books: Path
    key: LedgerKey
    records: int
    acts: int
    wrong: tuple[str, ...]
    """What the app's own checks of the books found."""


async def play(
    world: World, folder: Path, say: Callable[[str], None] = lambda _: None, printer: Printer | None = None
) -> Played:
    """Play it into new books in `folder`; without a printer statements have no pages and PDFs."""
    path = folder / "books.db"
    books = await Books.open(path)
    told = acts = 0
    try:
        key = await books.write(lambda conn: open_key(conn, folder))
        coming = sorted(_acts(world), key=lambda one: one[0])
        for at_s, frame in frames(world):
            while coming and coming[0][0] <= at_s:
                acts += await _do(books, *coming.pop(0), folder, say, printer)
            batch = parse(frame, speaking=3)
            assert isinstance(batch, Records)
            now = _at(at_s)
            await books.write(partial(take_records, incarnation=batch.incarnation, records=batch.records, now=now))
            told += len(batch.records)
        for at_s, what in coming:
            acts += await _do(books, at_s, what, folder, say, printer)
        wrong = [f"{one.name}: {one.found}" for one in await books.read(run_checks) if not one.ok]
        if printer is not None:
            await printer.finish(books, _at(instant(world.plot.last)))
    finally:
        await books.close()
    return Played(books=path, key=key, records=told, acts=acts, wrong=tuple(wrong))


async def _do(
    books: Books, at_s: int, what: Act | Month, folder: Path, say: Callable[[str], None], printer: Printer | None
) -> int:
    now = _at(at_s)
    if isinstance(what, Month):
        say(await _close(books, what, now, folder))
        if printer is not None:
            await printer.issued(books)
    else:
        await books.write(partial(what, now=now))
    return 1


async def _close(books: Books, month: Month, now: datetime, folder: Path) -> str:
    """Look at the month, approve what was seen, and issue statement by statement, as `closing.py` does."""
    reasons = await books.read(lambda conn: reasons_against(conn, month, now))
    assert not reasons, [one.text() for one in reasons]
    seen = await books.read(lambda conn: preview_month(conn, month, now))
    await books.write(lambda conn: approve(conn, month, seen.fingerprint, MANAGER, now))
    key = await books.write(lambda conn: open_key(conn, folder))
    while await books.write(lambda conn: issue_next(conn, month, now, fingerprint(key.public))) is not None:
        pass

    def sign(conn: Connection) -> int:
        run = close_of(conn, month)
        assert run is not None
        assert run.step == SIGNING
        seal_all(conn, now)
        sign_head(conn, key, now)
        set_step(conn, month, DONE, now)
        return run.issued

    return f"{month}: {await books.write(sign)} statements"


# --- what people do ----------------------------------------------------------------------------------------------


def _acts(world: World) -> Iterator[tuple[int, Act | Month]]:
    plot = world.plot
    yield instant(plot.first - timedelta(days=1), 9), _told_of_the_building
    yield instant(plot.first - timedelta(days=1), 10), partial(_settle_in, world)
    for day, price in plot.prices[1:]:
        yield instant(day - timedelta(days=7), 10), partial(_new_price, day, price)
    for number, day in plot.move_outs:
        yield instant(day - timedelta(days=14), 10), partial(_gives_notice, number, day)
        yield instant(day, 0, 5), lambda conn, now: [move_out_those_due(conn, now)][:0]
    yield instant(plot.employer[1] - timedelta(days=3), 10), partial(_employer_pays, *plot.employer)
    for place, day in enumerate(plot.craftsmen):
        yield instant(day, 7), partial(_craftsman_comes, f"pass-{place + 1}")
    not_mine, mine = plot.disputed
    for day in (not_mine, mine):
        session = _session_on(world, 2, day)
        yield session.end_s + 3600, partial(_in_question, session)
    yield instant(not_mine + timedelta(days=3), 10), partial(_upheld, _session_on(world, 2, not_mine))
    yield instant(mine + timedelta(days=12), 10), partial(_rejected, _session_on(world, 2, mine))
    for since, until in zip((plot.first, *plot.bills), plot.bills, strict=False):
        yield instant(until + timedelta(days=1), 8), partial(_supplier_bills, world, since, until)
    for since, until in zip(plot.month_starts, plot.month_starts[1:], strict=False):
        yield instant(until + timedelta(days=1), 9), Month(since.year, since.month)
        if until != plot.last:
            yield instant(until + timedelta(days=9), 12), partial(_residents_pay, str(since)[:7])


def _told_of_the_building(conn: Connection, now: datetime) -> None:
    said = parse(hello(), speaking=None)
    assert isinstance(said, Hello)
    apply_building(conn, said.building, now)


def _settle_in(world: World, conn: Connection, now: datetime) -> None:
    plot = world.plot
    since = _at(instant(plot.first))
    conn.execute(
        update(schema.building).values(iban="DE89370400440532013000", payee="WEG Lindenhof", address="Lindenstraße 7")
    )
    for flat, share in enumerate(FLATS, 1):
        unit_id = add_unit(conn, f"Flat {flat}", share, plot.first)
        people = [one for one in RESIDENTS if one.flat == flat]
        household = _account(conn, people[0].number, now)
        for one in people:
            set_payer(conn, ResidentId(one.id), household, unit_id=unit_id, since=since, by=MANAGER)
    price = plot.prices[0][1]
    add_version(conn, flat_tariff("EUR", price, VAT, now), since, now)
    night = to_ocpi(DayNight(day=Decimal("0.36"), night=Decimal("0.25")), "EUR", now)
    add_version(conn, night, since, now, "night")
    commuter = Plan(
        plan_id="",
        name="Commuter",
        kind=PlanKind.SUBSCRIPTION,
        family="house",
        base_fee_minor=1290,
        vat=VAT,
        included_wh=30_000,
        rollover=True,
    )
    subscription = add_plan(conn, commuter, MANAGER, now)
    for number in SUBSCRIBERS:
        assign_plan(conn, subscription, account_id=_account(conn, number, now), since=since, by=MANAGER)
    owls = Plan(plan_id="", name="Night", kind=PlanKind.PAY_AS_YOU_GO, family="night")
    assign_plan(conn, add_plan(conn, owls, MANAGER, now), group="owls", since=since, by=MANAGER)
    for number in NIGHT:
        join_group(conn, _account(conn, number, now), "owls", since)
    advance = Plan(plan_id="", name="In advance", kind=PlanKind.PREPAID, family="house", low_balance_minor=500)
    prepaid = add_plan(conn, advance, MANAGER, now)
    for number in PREPAID:
        account_id = _account(conn, number, now)
        assign_plan(conn, prepaid, account_id=account_id, since=since, by=MANAGER)
        top_up(conn, account_id, amount_minor=15_000, into=BANK, entry=f"T{number}", at=now, actor=MANAGER, now=now)
    for stall in range(1, STALLS + 1):
        set_stall_holder(conn, f"stall-{stall}", _account(conn, stall, now), plot.first)
    for name, kind, key, amount_minor, every in (
        ("Loan for the wiring", CostKind.LOAN, Key.OWNERSHIP, 24_000, Every.MONTH),
        ("Yearly inspection", CostKind.MAINTENANCE, Key.EQUAL, 47_500, Every.YEAR),
        ("Network", CostKind.OTHER, Key.KWH, 1_999, Every.MONTH),
    ):
        new = NewCost(
            name=name, kind=kind, key=key, amount_minor=amount_minor, vat=None, every=every, from_day=plot.first
        )
        add_cost(conn, new, MANAGER, now)
    first = Month(plot.first.year, plot.first.month)
    energy = {"method": "provisional", "standby_w": STANDBY_W, "vat": str(VAT)}
    set_rule(conn, "energy", first, energy, MANAGER, now)
    solar = {
        "rule": "first_come",
        "sharing": "by_use",
        "grid_price": str(GRID_PRICE),
        "solar_price": str(SOLAR_PRICE),
        "vat": str(VAT),
    }
    set_rule(conn, "solar", first, solar, MANAGER, now)


def _new_price(day: date, price: Decimal, conn: Connection, now: datetime) -> None:
    add_version(conn, flat_tariff("EUR", price, VAT, now), _at(instant(day)), now)


def _gives_notice(number: int, day: date, conn: Connection, now: datetime) -> None:
    set_moves(conn, ResidentId(f"res-{number:02d}"), None, _at(instant(day)))


def _employer_pays(number: int, since: date, conn: Connection, now: datetime) -> None:
    employer = add_account(conn, "Nordwind GmbH", "employer")
    set_payer(conn, ResidentId(f"res-{number:02d}"), employer, since=_at(instant(since)), by=MANAGER)


def _craftsman_comes(pass_id: str, conn: Connection, now: datetime) -> None:
    wanted = Wanted(
        label="Painter",
        stall_ids=None,
        cap_wh=60_000,
        cap_minor=None,
        days=1,
        uses=2,
        shows_host=False,
        payer=Payer.BUILDING,
    )
    make_pass(conn, pass_id, ResidentId("res-01"), wanted, MANAGER, now)


def _in_question(session: Visit, conn: Connection, now: datetime) -> None:
    question(conn, ResidentId(f"res-{session.resident:02d}"), session.session_id, "That was not my car.", now)


def _upheld(session: Visit, conn: Connection, now: datetime) -> None:
    uphold(conn, SessionId(session.session_id), "The camera shows another car.", MANAGER, now)


def _rejected(session: Visit, conn: Connection, now: datetime) -> None:
    reject(conn, SessionId(session.session_id), "It was your card.", MANAGER, now)


def _supplier_bills(world: World, since: date, until: date, conn: Connection, now: datetime) -> None:
    feeder_wh = world.feeder_wh[until] - world.feeder_wh[since]
    energy_minor = int(BILLED_PER_KWH * feeder_wh / 10)
    fixed_minor = BILLED_A_DAY_MINOR * (until - since).days
    bill = Bill(
        bill_id="",
        number=f"EVU {until}",
        window=Window(from_day=since, to_day=until),
        feeder_wh=feeder_wh,
        energy_minor=energy_minor,
        fixed_minor=fixed_minor,
        demand_minor=0,
        tax_minor=0,
        created_ms=0,
    )
    add_bill(conn, bill, MANAGER, now)


def _residents_pay(month: str, conn: Connection, now: datetime) -> None:
    """Most pay what is asked; now and then somebody pays too little, or too much."""
    prepaid = {_account(conn, number, now) for number in PREPAID}
    for place, row in enumerate(_statements(conn, month)):
        wrong = {5: -100, 11: 250}.get(place, 0)
        if row.account_id in prepaid or row.gross_minor + wrong <= 0:
            continue
        record_transfer(
            conn,
            amount_minor=row.gross_minor + wrong,
            currency="EUR",
            external_id=f"SEPA-{row.number}",
            at=now,
            actor=MANAGER,
            now=now,
            reference=row.reference,
        )


def _statements(conn: Connection, month: str) -> list:
    table = schema.statement
    return list(conn.execute(select(table).where(table.c.month == month).order_by(table.c.number)).all())


def _session_on(world: World, stall: int, day: date) -> Visit:
    return next(
        one
        for one in world.visits
        if one.stall == stall and one.resident and datetime.fromtimestamp(one.start_s, ZONE).date() == day
    )


def _account(conn: Connection, number: int, now: datetime) -> AccountId:
    return payer_at(conn, f"res-{number:02d}", now)


def _at(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
