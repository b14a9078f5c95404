"""``scripts/year``: plays a year of a building, prints where its energy and money went, tries to cheat the verifier."""
# ruff: noqa: T201

import argparse
import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
import shutil
import subprocess
import sys
from time import perf_counter

from demo.year.audit import Audit, audit
from demo.year.physics import live
from demo.year.plot import AUTUMN, YEAR, instant
from evshare_app.books.engine import create_books_engine
from evshare_app.export.make import export_building
from tests.app.export.forger import resealed, unpacked
from tests.year.driver import Played, play
from tests.year.papers import Printer
from tests.year.tampering import TAMPERINGS

ROOT = Path(__file__).resolve().parents[2]
VERIFIER = ROOT / "addon" / "evshare_app" / "verifier" / "evshare_verify.py"


@dataclass
class Held:
    """Whether every line held so far."""

    all: bool = True

    def line(self, name: str, ok: bool, found: str) -> None:
        self.all &= ok
        print(f"  {'ok   ' if ok else 'WRONG'}  {name}\n         {found}", flush=True)


def main() -> int:
    """Play, audit, verify, tamper. Returns 1 when a line does not hold."""
    parser = argparse.ArgumentParser(prog="scripts/year", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="another seed is another year (default: 1)")
    parser.add_argument("--autumn", action="store_true", help="three months instead of twelve")
    parser.add_argument("--folder", type=Path, default=ROOT / ".demo" / "year", help="where the books are left")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    plot = AUTUMN if arguments.autumn else YEAR
    began = perf_counter()
    world = live(plot, arguments.seed)
    print(
        f"A building with 8 stalls and 20 residents, {plot.first} to {plot.last}, seed {arguments.seed}: "
        f"{sum(bool(one.session_id) for one in world.visits)} sessions"
    )
    printer = Printer()
    played = asyncio.run(play(world, folder, lambda said: print(f"  closed {said}", flush=True), printer))
    print(f"played {played.records} records and {played.acts} acts of people in {perf_counter() - began:.0f} s")
    print(f"({printer.rendered} statements as page and PDF beside it, {printer.cpu_s:.0f} s of another core)")
    held = Held()
    found = audit(world, played.books)
    _print_energy(found)
    _print_money(found)
    print()
    for check in found.checks:
        held.line(check.name, check.ok, check.found)
    held.line("the app's own checks of the books hold", not played.wrong, "; ".join(played.wrong) or "all of them")
    _verify(played, folder, instant(plot.last), held)
    print(f"\n{'Every line holds.' if held.all else 'Something above does not hold.'} {perf_counter() - began:.0f} s")
    return 0 if held.all else 1


def _verify(played: Played, folder: Path, end_s: int, held: Held) -> None:
    """Export the books, let the stand-alone verifier check it, and show it what was changed."""
    path = folder / "building.zip"
    engine = create_books_engine(played.books)
    with engine.begin() as conn:
        export_building(conn, played.key, path, datetime.fromtimestamp(end_s + 3 * 86_400, UTC))
    engine.dispose()
    code, said = verified(path)
    print("\nThe verifier, on the export of all books:")
    held.line("it agrees", code == 0, said[-1])
    for name, (code, said) in tampered(path, played, folder):
        held.line(f"it finds {name}", code == 1, said[0] if said else "nothing")


def tampered(path: Path, played: Played, folder: Path) -> Iterator[tuple[str, tuple[int, list[str]]]]:
    """Yield each tampering, and what the verifier says of the copy it was done to."""
    members = unpacked(path)

    def tried(place: int, tamper: Callable[[dict[str, bytes]], None]) -> tuple[int, list[str]]:
        copy = dict(members)
        tamper(copy)
        return verified(resealed(copy, played.key, folder / f"tampered-{place}.zip"))

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(tried, range(len(TAMPERINGS)), TAMPERINGS))
    for tamper, what in zip(TAMPERINGS, found, strict=True):
        yield tamper.__name__.replace("_", " "), what


def verified(path: Path) -> tuple[int, list[str]]:
    """Run the verifier as a resident does; return its exit code and what it found wrong, else its last line."""
    done = subprocess.run([sys.executable, "-I", str(VERIFIER), str(path)], capture_output=True, text=True, check=False)
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    wrong = next((place for place, line in enumerate(lines) if line.startswith("Something is wrong")), None)
    return done.returncode, lines[-1:] if wrong is None else lines[wrong + 1 :]


def _print_energy(found: Audit) -> None:
    names = ("feeder", "billed", "common", "unattributed", "standby", "losses", "rest")
    print("\nEnergy, kWh (standby and losses are the world's own; the rest is in no register yet)")
    print(f"  {'month':8}" + "".join(f"{name:>14}" for name in names))
    for month, one in found.energy.items():
        print(f"  {month:8}" + "".join(f"{Decimal(getattr(one, name)) / 1000:>14,.3f}" for name in names))


def _print_money(found: Audit) -> None:
    names = ("parts", "statements", "documents", "ledger")
    print("\nMoney billed, EUR with VAT (what is on the statements, the statements, as printed, as booked)")
    print(f"  {'month':8}" + "".join(f"{name:>14}" for name in names))
    for month, one in found.money.items():
        print(f"  {month:8}" + "".join(f"{Decimal(getattr(one, name)) / 100:>14,.2f}" for name in names))


if __name__ == "__main__":
    sys.exit(main())
