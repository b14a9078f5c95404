"""How long a year's ledger takes to verify, and how much memory: in the app, and by the stand-alone verifier.

The year is that of a large house: 500 accounts, each month a statement, its payment and the provider's fee. It is
booked with the product's own templates; verifying runs in processes of its own, so that peak memory is theirs alone.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
import json
from pathlib import Path
import shutil
import subprocess
import sys
import time

from sqlalchemy import insert

from demo.programs import ROOT
from evshare_app.books import schema
from evshare_app.books.engine import create_books_engine
from evshare_app.books.migrate import upgrade
from evshare_app.export.make import export_building
from evshare_app.ledger.heads import LedgerKey, sign_head, verify_books
from evshare_app.ledger.ledger import NewTransaction, post
from evshare_app.ledger.templates import Event, fee_kept, paid, statement_issued
from evshare_app.model import AccountId
from evshare_app.verifier import evshare_verify

KEY = LedgerKey(b"bench".ljust(32))
YEAR = datetime(2026, 1, 31, tzinfo=UTC)


def run(folder: Path, *, accounts: int = 500) -> None:
    """Book the year, then verify it and print entries per second and peak memory."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.perf_counter()
    count, entries = _book(folder / "books.db", accounts)
    took = time.perf_counter() - began
    print(f"chain: {count} transactions, {entries} entries booked and exported in {took:.1f} s")
    for what in ("app", "verifier"):
        done = subprocess.run(
            [sys.executable, "-m", "bench.chain", what, str(folder)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        said = json.loads(done.stdout)
        print(
            f"chain: verified by the {what} in {said['seconds']:.2f} s, {entries / said['seconds']:,.0f} entries/s, "
            f"peak memory {said['peak_mb']:.0f} MB of which {said['before_mb']:.0f} MB before it began"
        )


def _book(path: Path, accounts: int) -> tuple[int, int]:
    engine = create_books_engine(path)
    upgrade(engine)
    count = entries = 0
    with engine.begin() as conn:
        conn.execute(
            insert(schema.building).values(
                building_id="b1", name="Bench", currency="EUR", time_zone="Europe/Berlin", fuse_a=400, language="en"
            )
        )
        for month in range(12):
            at = YEAR + timedelta(days=30 * month)
            for transaction in _month(month, accounts, at):
                post(conn, transaction, at)
                count += 1
                entries += len(transaction.postings)
            sign_head(conn, KEY, at)
    with engine.begin() as conn:
        export_building(conn, KEY, path.with_name("export.zip"), YEAR + timedelta(days=365))
    engine.dispose()
    return count, entries


def _month(month: int, accounts: int, at: datetime) -> Iterator[NewTransaction]:
    for number in range(accounts):
        account = AccountId(f"account-{number}")

        def event(kind: str, of: str = f"{month}-{number}") -> Event:
            return Event(transaction_id=f"{kind}:{of}", occurred=at, actor="bench", reason=of, currency="EUR")

        yield statement_issued(event("statement"), account, {"4000": 4200, "4010": 150}, {Decimal(19): 827})
        yield paid(event("payment"), account, 5177, "1200")
        yield fee_kept(event("fee"), 98, "1200")


def _child(what: str, folder: Path) -> None:
    engine = create_books_engine(folder / "books.db")
    before = _peak_mb()
    began = time.perf_counter()
    if what == "app":
        with engine.begin() as conn:
            ok = verify_books(conn).ok
    else:
        # The ledger alone: no statements were printed here.
        export = evshare_verify.Export(str(folder / "export.zip"))
        report, ledger = evshare_verify.Report(), evshare_verify.Ledger()
        evshare_verify.check_heads(export, ledger, report, [], [])
        evshare_verify.check_transactions(export, ledger, report)
        ok = not report.wrong
    took = time.perf_counter() - began
    if not ok:
        raise SystemExit("the chain is broken")
    print(json.dumps({"seconds": took, "peak_mb": _peak_mb(), "before_mb": before}))


def _peak_mb() -> float:
    # Not ru_maxrss, which a child inherits from whoever started it.
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    _child(sys.argv[1], Path(sys.argv[2]))
