"""How long closing a month takes, and how much memory: 500 residents, 60 sessions each, 40 slices a session.

The same with half the sessions shows whether memory grows with them. Ten residents' sessions are entered slice by slice
and rated by the product; the other 490 have the same ones, each at a stall of their own, copied by SQL, slices in the
order in which a building's come in: those of a session lie far apart. Plans and three costs to share are in it, in a
last run also a price for power and the sun, which reads every slice of the month.

Closing runs in a process of its own, so that peak memory is its alone: look at the month, approve it, issue statement
by statement (each a transaction of its own), sign. Looking does most of what approving does, so that is done twice.
Statements are frozen documents; pages and PDFs are made of them afterwards, and are not in it. The app's own checks
come after it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
import json
from pathlib import Path
from random import Random
import shutil
import sqlite3
import subprocess
import sys
from time import perf_counter, process_time

from sqlalchemy import Connection, insert

from demo.programs import ROOT
from evshare_app.books import schema
from evshare_app.books.accounting_tables import plan, plan_assignment, unit_share
from evshare_app.books.engine import create_books_engine
from evshare_app.books.migrate import upgrade
from evshare_app.ledger.heads import LedgerKey, sign_head
from evshare_app.model import Month, SessionId, to_ms
from evshare_app.split.items import Every
from evshare_app.split.keys import Key
from evshare_app.statement.checks import run_checks
from evshare_app.statement.close import approve, issue_next, preview_month
from evshare_app.statement.costs import CostKind, NewCost, add_cost
from evshare_app.statement.house_rules import set_rule
from evshare_app.tariff.cdr import add_part
from evshare_app.tariff.store import add_version, flat_tariff

RESIDENTS, SESSIONS, SLICES, RATED = 500, 60, 40, 10
MONTH = Month(2026, 9)
BEGIN, NOW = datetime(2026, 8, 31, 22, tzinfo=UTC), datetime(2026, 10, 2, 7, tzinfo=UTC)
QUARTER_MS = 900_000
KEY = LedgerKey(b"bench".ljust(32))


def run(folder: Path, *, residents: int = RESIDENTS, sessions: int = SESSIONS) -> None:
    """Make the books, close their month, and print seconds and peak memory."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for each, sunny in ((sessions // 2, False), (sessions, False), (sessions, True)):
        path = folder / f"{each}{'-sunny' if sunny else ''}.db"
        began = perf_counter()
        _make(path, residents, each, sunny=sunny)
        made_s = perf_counter() - began
        done = subprocess.run(
            [sys.executable, "-m", "bench.close", str(path)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        said = json.loads(done.stdout)
        steps = ", ".join(f"{name} {took_s:.1f}" for name, took_s in said["steps"].items())
        print(
            f"close: {residents} residents x {each} sessions x {SLICES} slices"
            f"{', sun shared, power priced' if sunny else ''}: "
            f"{said['seconds']:.1f} s, of it {said['cpu_s']:.1f} s CPU ({steps}), "
            f"{said['statements'] / said['seconds']:,.0f} statements/s, "
            f"peak memory {said['peak_mb']:.0f} MB of which {said['before_mb']:.0f} MB before it began; "
            f"checks afterwards {said['checks_s']:.1f} s, peak {said['peak_checked_mb']:.0f} MB "
            f"(books of {path.stat().st_size / 1e6:.0f} MB made in {made_s:.0f} s)"
        )


# --- the books ---------------------------------------------------------------------------------------------------


def _make(path: Path, residents: int, sessions: int, *, sunny: bool) -> None:
    engine = create_books_engine(path)
    upgrade(engine)
    with engine.begin() as conn:
        _settle_in(conn, residents, sunny=sunny)
        for number in range(RATED):
            _live(conn, number, sessions)
    engine.dispose()
    with sqlite3.connect(path) as raw:
        _copy(raw, residents)
    raw.close()


def _settle_in(conn: Connection, residents: int, *, sunny: bool) -> None:
    building = {"building_id": "b1"}
    named = [(f"{number:03d}", f"Resident {number:03d}") for number in range(residents)]
    conn.execute(
        insert(schema.building).values(
            **building, name="Bench", currency="EUR", time_zone="Europe/Berlin", fuse_a=4000, language="en"
        )
    )
    one_stall = {"connector": "keba_p30", "max_current_a": 16, "phases": 3, "lock_quality": "enforced", "billable": 1}
    conn.execute(
        insert(schema.stall),
        [building | one_stall | {"stall_id": f"s{n}", "name": f"Stall {n}", "qr_code": f"{n:0>16}"} for n, _ in named],
    )
    conn.execute(
        insert(schema.meter_epoch),
        [
            building | {"stall_id": f"s{n}", "number": 1, "started_ms": 0, "register_wh": 0, "reason": "first"}
            for n, _ in named
        ],
    )
    conn.execute(insert(schema.account), [building | {"account_id": f"a{n}", "name": name} for n, name in named])
    conn.execute(
        insert(schema.unit), [building | {"unit_id": f"u{n}", "name": name, "ownership_share": 2} for n, name in named]
    )
    conn.execute(
        insert(unit_share),
        [building | {"unit_id": f"u{n}", "from_day": "2026-01-01", "share": 1 + int(n) % 7} for n, _ in named],
    )
    conn.execute(
        insert(schema.resident),
        [
            building | {"resident_id": f"r{n}", "name": name, "unit_id": f"u{n}", "account_id": f"a{n}"}
            for n, name in named
        ],
    )
    since = BEGIN - timedelta(days=60)
    add_version(conn, flat_tariff("EUR", Decimal("0.30"), Decimal(19), since), since, since)
    subscription = {"plan_id": "p1", "name": "Commuter", "kind": "subscription", "family": "house", "vat": "19"}
    terms = {
        "base_fee_minor": 990,
        "included_wh": 30_000,
        "rollover": 1,
        "demand_minor": 150 if sunny else 0,
        "is_default": 0,
    }
    conn.execute(insert(plan).values(**building, **subscription, **terms, created_ms=0, made_by="bench"))
    given = {"plan_id": "p1", "from_ms": 0, "made_by": "bench"}
    conn.execute(
        insert(plan_assignment),
        [building | given | {"assignment_id": f"p{n}", "account_id": f"a{n}"} for n, _ in named if int(n) % 5 == 0],
    )
    for name, key in (("Loan", Key.OWNERSHIP), ("Upkeep", Key.EQUAL), ("Network", Key.KWH)):
        cost = NewCost(
            name=name,
            kind=CostKind.OTHER,
            key=key,
            amount_minor=123_457,
            vat=None,
            every=Every.MONTH,
            from_day=since.date(),
        )
        add_cost(conn, cost, "bench", since)
    if sunny:
        rule = {"rule": "first_come", "sharing": "by_use", "grid_price": "0.30", "solar_price": "0.18", "vat": "19"}
        set_rule(conn, "solar", MONTH, rule, "bench", since)
        conn.execute(insert(schema.building_slice), list(_series(building)))


def _series(building: dict[str, str]) -> Iterator[dict[str, object]]:
    """Yield the building's month: all day the cars get a part of the sun, so that every odd Wh of it is dealt out."""
    random = Random(2)
    for start_ms in range(to_ms(BEGIN), to_ms(NOW), QUARTER_MS):
        from_noon_min = abs(start_ms // 60_000 % 1440 - 690)
        sun_wh = max(0, 240_000 - 600 * from_noon_min) * random.randrange(40, 101) // 100
        yield building | {
            "start_ms": start_ms,
            "end_ms": start_ms + QUARTER_MS,
            # The cars take 130 kWh, the house as much as a tenth of that.
            "import_wh": max(5_000, 130_000 - sun_wh) + random.randrange(13_000),
            "export_wh": 0,
            "pv_wh": sun_wh,
            "estimated": 0,
        }


def _live(conn: Connection, number: int, sessions: int) -> None:
    """Enter one resident's sessions, a few hours apart all month, and let them be rated."""
    random = Random(number)
    n, register_wh = f"{number:03d}", 0
    tariff = conn.exec_driver_sql("SELECT version_id FROM tariff").scalar_one()
    apart_ms = (30 * 86_400_000 - SLICES * QUARTER_MS) // sessions
    for place in range(sessions):
        at_ms = to_ms(BEGIN) + place * apart_ms + random.randrange(QUARTER_MS) + 1000 * number
        session_id = f"{n}-{place:03d}".rjust(32, "0")
        cuts, first_wh, started_ms = [], register_wh, at_ms
        for one in range(SLICES):
            end_ms = at_ms - at_ms % QUARTER_MS + QUARTER_MS
            # Sessions of a month of sixty are shorter than those of a month of thirty.
            end_ms = min(end_ms, at_ms + apart_ms // (SLICES + 1))
            wh = random.randrange(200, 700) if one < 28 else 0
            cuts.append((at_ms, end_ms, register_wh, register_wh + wh))
            register_wh += wh
            at_ms = end_ms
        conn.execute(
            insert(schema.session).values(
                building_id="b1",
                session_id=session_id,
                stall_id=f"s{n}",
                resident_id=f"r{n}",
                account_id=f"a{n}",
                credential_kind="card",
                mode="fast",
                tariff_version=tariff,
                authorised_ms=started_ms,
                started_ms=started_ms,
                ended_ms=at_ms,
                stop_reason="unplugged",
                register_start_wh=first_wh,
                register_end_wh=register_wh,
                energy_wh=register_wh - first_wh,
            )
        )
        conn.execute(
            insert(schema.slice_),
            [
                {
                    "building_id": "b1",
                    "session_id": session_id,
                    "stall_id": f"s{n}",
                    "epoch": 1,
                    "start_ms": start_ms,
                    "end_ms": end_ms,
                    "register_start_wh": from_wh,
                    "register_end_wh": to_wh,
                    "charging_s": (end_ms - start_ms) // 1000 if to_wh > from_wh else 0,
                    "suspended_s": 0 if to_wh > from_wh else (end_ms - start_ms) // 1000,
                    "limit_a": 16,
                    "estimated": 0,
                }
                for start_ms, end_ms, from_wh, to_wh in cuts
            ],
        )
        add_part(conn, SessionId(session_id), NOW - timedelta(days=1))


def _copy(raw: sqlite3.Connection, residents: int) -> None:
    """Give everybody else the sessions of one of the ten, with their own ids; slices as they come in, by their end."""
    raw.execute("PRAGMA synchronous = OFF")
    raw.execute("PRAGMA foreign_keys = OFF")
    raw.execute("CREATE TEMP TABLE coming AS SELECT slice.*, '' AS cdr_id FROM slice WHERE FALSE")
    for number in range(RATED, residents):
        names = {"old": f"{number % RATED:03d}", "new": f"{number:03d}"}
        for table, whose in (("session", "stall_id = 's' || :old"), ("cdr", "account_id = 'a' || :old")):
            columns = _renamed(raw, table)
            raw.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608
                f"SELECT {', '.join(columns.values())} FROM {table} WHERE {whose}",
                names,
            )
        raw.execute(
            f"INSERT INTO coming SELECT {', '.join(_renamed(raw, 'slice').values())}, "  # noqa: S608
            "(SELECT replace(cdr_id, :old || '-', :new || '-') FROM cdr_slice WHERE slice_id = slice.slice_id) "
            "FROM slice WHERE stall_id = 's' || :old",
            names,
        )
    (rows,) = raw.execute("SELECT max(slice_id) FROM slice").fetchone()
    raw.execute("CREATE TEMP TABLE came AS SELECT * FROM coming ORDER BY end_ms")
    own = [name if name != "slice_id" else f"rowid + {rows}" for name in _renamed(raw, "slice")]
    raw.execute(f"INSERT INTO slice SELECT {', '.join(own)} FROM came ORDER BY rowid")  # noqa: S608
    raw.execute(
        "INSERT INTO cdr_slice (building_id, slice_id, cdr_id) "
        "SELECT building_id, rowid + ?, cdr_id FROM came WHERE cdr_id IS NOT NULL",
        (rows,),
    )


def _renamed(raw: sqlite3.Connection, table: str) -> dict[str, str]:
    """Return a table's columns and what they are for somebody else."""
    own = {
        "session_id": "replace(session_id, :old || '-', :new || '-')",
        "cdr_id": "replace(cdr_id, :old || '-', :new || '-')",
        "stall_id": "'s' || :new",
        "account_id": "'a' || :new",
        "resident_id": "'r' || :new",
        "ocpi_json": "replace(replace(ocpi_json, :old || '-', :new || '-'), 'Stall ' || :old, 'Stall ' || :new)",
    }
    return {row[1]: own.get(row[1], row[1]) for row in raw.execute(f"PRAGMA table_info({table})")}


# --- in a process of its own -------------------------------------------------------------------------------------


def _child(path: Path) -> None:
    engine = create_books_engine(path)
    before_mb = _peak_mb()
    steps: dict[str, float] = {}
    began = at = perf_counter()
    cpu_s = process_time()

    def done(step: str) -> None:
        nonlocal at
        steps[step], at = perf_counter() - at, perf_counter()

    with engine.connect() as conn:
        seen = preview_month(conn, MONTH, NOW)
    done("look")
    with engine.begin() as conn:
        approve(conn, MONTH, seen.fingerprint, "bench", NOW)
    done("approve")
    statements, issued = 0, True
    while issued:
        with engine.begin() as conn:
            issued = issue_next(conn, MONTH, NOW, "0123456789abcdef") is not None
        statements += issued
    done("issue")
    with engine.begin() as conn:
        sign_head(conn, KEY, NOW)
    done("sign")
    seconds, cpu_s, peak_mb = perf_counter() - began, process_time() - cpu_s, _peak_mb()
    at = perf_counter()
    with engine.connect() as conn:
        wrong = [f"{one.name}: {one.found}" for one in run_checks(conn) if not one.ok]
    checks_s = perf_counter() - at
    if wrong or seen.problem is not None:
        raise SystemExit(f"the books do not hold: {wrong or seen.problem}")
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu_s": cpu_s,
                "steps": steps,
                "statements": statements,
                "peak_mb": peak_mb,
                "before_mb": before_mb,
                "checks_s": checks_s,
                "peak_checked_mb": _peak_mb(),
            }
        )
    )


def _peak_mb() -> float:
    # Not ru_maxrss, which a child inherits from whoever started it.
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    _child(Path(sys.argv[1]))
