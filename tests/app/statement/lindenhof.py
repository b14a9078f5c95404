"""A building's books to test on: Lindenhof in Berlin, three stalls, three residents in two households."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, func, insert, select, update

from evshare_app.books import schema
from evshare_app.books.engine import create_books_engine
from evshare_app.model import SessionId, to_ms
from evshare_app.tariff.cdr import rate_ended_session
from evshare_app.tariff.store import ensure_default
from tests.app.blank_books import new_books

BUILDING = "b1"
JUNE_30 = datetime(2026, 6, 30, 20, tzinfo=UTC)
JULY_1 = datetime(2026, 7, 1, 8, tzinfo=UTC)
IBAN = "DE89370400440532013000"


def open_engine(path: Path) -> Engine:
    new_books(path)
    return create_books_engine(path)


def settle_in(conn: Connection, *, currency: str = "EUR", iban: str | None = IBAN, language: str = "en") -> None:
    """Enter building, stalls, households and residents, and the default tariff of 0.30 per kWh."""
    conn.execute(
        insert(schema.building).values(
            building_id=BUILDING,
            name="Lindenhof",
            currency=currency,
            time_zone="Europe/Berlin",
            fuse_a=63,
            language=language,
            iban=iban,
            payee="WEG Lindenhof",
            address="Lindenstraße 7\n10969 Berlin",
        )
    )
    for number in (1, 2, 3):
        conn.execute(
            insert(schema.stall).values(
                building_id=BUILDING,
                stall_id=f"stall-{number}",
                name=f"Stall {number}",
                connector="keba_p30",
                max_current_a=32,
                lock_quality="enforced",
                billable=0 if number == 3 else 1,
                qr_code=f"QR{number:014d}",
            )
        )
        conn.execute(
            insert(schema.meter_epoch).values(
                building_id=BUILDING,
                stall_id=f"stall-{number}",
                number=1,
                started_ms=0,
                register_wh=0,
                reason="first",
                serial=f"1751{number:04d}",
            )
        )
    for account_id, name in (("acc-weber", "Familie Weber"), ("acc-okafor", "Ada Okafor")):
        conn.execute(insert(schema.account).values(building_id=BUILDING, account_id=account_id, name=name))
    for resident_id, name, account_id in (
        ("jana", "Jana Weber", "acc-weber"),
        ("timo", "Timo Weber", "acc-weber"),
        ("ada", "Ada Okafor", "acc-okafor"),
    ):
        conn.execute(
            insert(schema.resident).values(
                building_id=BUILDING, resident_id=resident_id, name=name, account_id=account_id
            )
        )
    ensure_default(conn, currency, datetime(2026, 5, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Cut:
    """A slice to enter: how long it lasted and what the register counted."""

    minutes: int
    energy_wh: int
    suspended: bool = False
    limit_a: int = 16
    epoch: int = 1


def add_session(
    conn: Connection,
    session_id: str,
    started: datetime,
    cuts: Sequence[Cut],
    *,
    resident: str = "jana",
    stall: str = "stall-1",
    open_: bool = False,
    tariff_version: str = "default",
    energy_wh: int | None = None,
    rated: bool = True,
) -> None:
    """Enter a session with its slices, as the link does, and rate it when it has ended."""
    register_wh = _register(conn, stall)
    first_wh = register_wh
    conn.execute(
        insert(schema.session).values(
            building_id=BUILDING,
            session_id=session_id,
            stall_id=stall,
            resident_id=resident,
            credential_kind="card",
            mode="fast",
            tariff_version=tariff_version,
            authorised_ms=to_ms(started),
            started_ms=to_ms(started),
            register_start_wh=register_wh,
        )
    )
    at = started
    for cut in cuts:
        register_wh = _add_slice(conn, session_id, stall, at, register_wh, cut)
        at += timedelta(minutes=cut.minutes)
    total_wh = sum(cut.energy_wh for cut in cuts) if energy_wh is None else energy_wh
    if open_:
        conn.execute(update(schema.session).where(schema.session.c.session_id == session_id).values(energy_wh=total_wh))
        return
    conn.execute(
        update(schema.session)
        .where(schema.session.c.session_id == session_id)
        .values(ended_ms=to_ms(at), stop_reason="unplugged", register_end_wh=register_wh, energy_wh=total_wh)
    )
    assert first_wh <= register_wh
    if rated:
        rate_ended_session(conn, SessionId(session_id), at)


def add_cut(conn: Connection, session_id: str, at: datetime, cut: Cut, stall: str = "stall-1") -> None:
    """Enter one more slice of a session."""
    _add_slice(conn, session_id, stall, at, _register(conn, stall), cut)


def end_session(conn: Connection, session_id: str, at: datetime) -> None:
    """End an open session with what its slices say, and rate it."""
    used = func.sum(schema.slice_.c.register_end_wh - schema.slice_.c.register_start_wh)
    last = func.max(schema.slice_.c.register_end_wh)
    wh, end = conn.execute(select(used, last).where(schema.slice_.c.session_id == session_id)).one()
    conn.execute(
        update(schema.session)
        .where(schema.session.c.session_id == session_id)
        .values(ended_ms=to_ms(at), stop_reason="unplugged", register_end_wh=end, energy_wh=wh)
    )
    rate_ended_session(conn, SessionId(session_id), at)


def add_unattributed(conn: Connection, start: datetime, energy_wh: int, stall: str = "stall-1") -> None:
    """Enter energy that nobody can be billed for."""
    _add_slice(conn, None, stall, start, _register(conn, stall), Cut(15, energy_wh))


def _add_slice(conn: Connection, session_id: str | None, stall: str, at: datetime, register_wh: int, cut: Cut) -> int:
    seconds = cut.minutes * 60
    conn.execute(
        insert(schema.slice_).values(
            building_id=BUILDING,
            session_id=session_id,
            stall_id=stall,
            epoch=cut.epoch,
            start_ms=to_ms(at),
            end_ms=to_ms(at + timedelta(minutes=cut.minutes)),
            register_start_wh=register_wh,
            register_end_wh=register_wh + cut.energy_wh,
            charging_s=0 if cut.suspended else seconds,
            suspended_s=seconds if cut.suspended else 0,
            limit_a=cut.limit_a,
            estimated=0,
        )
    )
    return register_wh + cut.energy_wh


def _register(conn: Connection, stall: str) -> int:
    last = conn.scalar(
        select(schema.slice_.c.register_end_wh)
        .where(schema.slice_.c.stall_id == stall)
        .order_by(schema.slice_.c.slice_id.desc())
        .limit(1)
    )
    return 1_204_500 if last is None else int(last)
