"""What must be true after the story, computed from the simulator's true registers and the files the product left.

Nothing of the product is imported: the books are read as a plain SQLite file, prices are worked out here again, and
what flowed is asked of the simulator. A check says what it compared, so that a reader can do the sum again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
import json
from pathlib import Path
import sqlite3
from typing import Any, Final
from zoneinfo import ZoneInfo

from .physics import Totals

_QUARTER_VALUES: Final = {"import_wh": 0, "export_wh": 1, "pv_wh": 2, "battery_in_wh": 3, "battery_out_wh": 4}
"""Where each value of a quarter hour is among `Totals`."""
_OFF_WH: Final = 60
"""Half a minute of 5 kW is 42 Wh, five seconds of the whole feeder's 43 kW are 60 Wh."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One comparison and how it came out."""

    name: str
    holds: bool
    detail: str


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What the simulator knows about one visit of a car."""

    stall: str
    person: str
    stranger: bool
    delivered_wh: int


class BooksFile:
    """The app's books as rows, opened read-only."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self._connection.row_factory = sqlite3.Row

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        return [dict(row) for row in self._connection.execute(sql, values)]

    def value(self, sql: str, *values: object) -> Any:
        """Return the one value of a query."""
        return self._connection.execute(sql, values).fetchone()[0]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def registers(books: BooksFile, true_flow_wh: Mapping[str, int]) -> list[Check]:
    """Sum of slices = what the simulator's register moved, for every stall (`true_flow_wh` by stall name)."""
    checks = []
    for name, flowed_wh in true_flow_wh.items():
        sliced_wh = books.value(
            "SELECT coalesce(sum(register_end_wh - register_start_wh), 0) FROM slice JOIN stall USING (stall_id)"
            " WHERE stall.name = ?",
            name,
        )
        checks.append(
            Check(
                name=f"{name}: slices = register",
                holds=sliced_wh == flowed_wh,
                detail=f"slices {sliced_wh} Wh, register moved {flowed_wh} Wh",
            )
        )
    return checks


def sessions(books: BooksFile, visits: Iterable[Truth]) -> list[Check]:
    """Each resident's sessions hold what their cars really got; each session is the sum of its slices."""
    given: dict[tuple[str, str], int] = defaultdict(int)
    stranger_wh = 0
    count = 0
    for visit in visits:
        if visit.stranger:
            stranger_wh += visit.delivered_wh
        else:
            given[visit.stall, visit.person] += visit.delivered_wh
            count += 1
    billed = {
        (row["stall"], row["person"]): row["wh"]
        for row in books.rows(
            "SELECT stall.name AS stall, resident.name AS person, sum(energy_wh) AS wh FROM session"
            " JOIN stall USING (stall_id) JOIN resident USING (resident_id) GROUP BY 1, 2"
        )
    }
    wrong = {
        key: (given.get(key, 0), billed.get(key, 0))
        for key in given | billed
        if given.get(key, 0) != billed.get(key, 0)
    }
    torn = books.rows(
        "SELECT session_id, energy_wh, (SELECT coalesce(sum(register_end_wh - register_start_wh), 0) FROM slice"
        " WHERE slice.session_id = session.session_id) AS sliced_wh FROM session WHERE energy_wh <> sliced_wh"
    )
    started = books.value("SELECT count(*) FROM session WHERE started_ms IS NOT NULL")
    opened = books.value("SELECT count(*) FROM session WHERE ended_ms IS NULL")
    return [
        Check(
            name="every car's energy is billed to its resident",
            holds=not wrong,
            detail=f"{sum(given.values())} Wh in {len(given)} pairs of stall and resident"
            + (f"; wrong: {wrong}" if wrong else ""),
        ),
        Check(name="every visit is one session", holds=started == count, detail=f"{started} sessions, {count} visits"),
        Check(name="no session is left open", holds=opened == 0, detail=f"{opened} open"),
        Check(name="sessions = their slices", holds=not torn, detail=f"{len(torn)} differ"),
        Check(name="strangers got nothing", holds=stranger_wh == 0, detail=f"{stranger_wh} Wh"),
    ]


def money(books: BooksFile, net_per_kwh: Decimal, vat_percent: Decimal) -> list[Check]:
    """Prices again by hand, ledger and statements against each other."""
    cent = Decimal("0.01")
    mispriced = []
    for row in books.rows("SELECT cdr_id, energy_wh, net_minor, vat_minor, gross_minor FROM cdr"):
        net = Decimal(row["energy_wh"]) * net_per_kwh / 1000
        expected_net = int((net.quantize(cent, ROUND_HALF_UP)) * 100)
        expected_gross = int(((net * (100 + vat_percent) / 100).quantize(cent, ROUND_HALF_UP)) * 100)
        if (row["net_minor"], row["gross_minor"]) != (expected_net, expected_gross):
            mispriced.append((row["cdr_id"], row["gross_minor"], expected_gross))
    cdrs, cdrs_minor = books.rows("SELECT count(*) AS n, coalesce(sum(gross_minor), 0) AS m FROM cdr")[0].values()
    statements_minor = books.value("SELECT coalesce(sum(gross_minor), 0) FROM statement")
    sessions_with_energy = books.value(
        "SELECT count(*) FROM session WHERE ended_ms IS NOT NULL AND started_ms IS NOT NULL"
    )
    on_statements = books.value("SELECT count(*) FROM statement_cdr")
    unbalanced = books.rows(
        "SELECT number, sum(amount_minor) AS s FROM posting GROUP BY number, currency HAVING s <> 0"
    )
    postings_minor = books.value("SELECT coalesce(sum(amount_minor), 0) FROM posting")
    energy_wh, cdr_wh = books.rows(
        "SELECT (SELECT sum(energy_wh) FROM session WHERE started_ms IS NOT NULL) AS a,"
        " (SELECT sum(energy_wh) FROM cdr) AS b"
    )[0].values()
    return [
        Check(name="every started session has one CDR", holds=cdrs == sessions_with_energy, detail=f"{cdrs} CDRs"),
        Check(name="CDRs = sessions in Wh", holds=energy_wh == cdr_wh, detail=f"{cdr_wh} Wh, {energy_wh} Wh"),
        Check(
            name="prices worked out again",
            holds=not mispriced,
            detail=f"{cdrs} CDRs" + (f"; wrong: {mispriced}" if mispriced else ""),
        ),
        Check(
            name="statements = CDRs",
            holds=statements_minor == cdrs_minor and on_statements == cdrs,
            detail=f"{statements_minor} and {cdrs_minor} cents; {on_statements} of {cdrs} CDRs are on a statement",
        ),
        Check(
            name="postings sum to zero",
            holds=postings_minor == 0 and not unbalanced,
            detail=f"sum {postings_minor}, {len(unbalanced)} unbalanced transactions",
        ),
    ]


def payments(
    books: BooksFile, collected: Mapping[str, tuple[int, int]], portal_pages: Mapping[str, str]
) -> list[Check]:
    """Each statement is paid once, or open with its bank QR.

    Args:
        books: The app's books.
        collected: How often the Stripe stand-in was paid and how much in minor units, by statement number.
        portal_pages: What the residents' portal shows of open statements, by statement number: a card that was declined
            after the statement was issued makes the bank's QR code appear there.
    """
    wrong = []
    paid = open_ = 0
    for row in books.rows(
        "SELECT statement_id, number, gross_minor, reference, (SELECT coalesce(sum(amount_minor), 0) FROM payment"
        " WHERE payment.statement_id = statement.statement_id) AS paid_minor, (SELECT content FROM statement_file"
        " WHERE statement_file.statement_id = statement.statement_id AND kind = 'html') AS html FROM statement"
    ):
        times, taken_minor = collected.get(row["number"], (0, 0))
        booked_by_card = books.value(
            "SELECT coalesce(sum(amount_minor), 0) FROM payment WHERE rail = 'stripe' AND statement_id = ?",
            row["statement_id"],
        )
        if taken_minor != booked_by_card or times > 1:
            wrong.append(
                f"{row['number']}: Stripe took {taken_minor} in {times} payments, the books say {booked_by_card}"
            )
        if row["paid_minor"] == row["gross_minor"]:
            paid += 1
        elif row["paid_minor"] == 0 and any(
            row["reference"] in page.replace(" ", "") and "<svg" in page
            for page in ((row["html"] or b"").decode(), portal_pages.get(row["number"], ""))
        ):
            open_ += 1
        else:
            wrong.append(f"{row['number']}: {row['paid_minor']} of {row['gross_minor']} paid, or no QR")
    unknown = set(collected) - {row["number"] for row in books.rows("SELECT number FROM statement")}
    return [
        Check(
            name="statements are paid once, or open with their bank QR",
            holds=not wrong and not unknown,
            detail=f"{paid} paid, {open_} open" + (f"; {wrong}" if wrong else ""),
        )
    ]


def delivery(books: BooksFile, journal: Path) -> list[Check]:
    """Every record of the journal is in the books, with the same body, once and in order.

    Args:
        books: The app's books.
        journal: The integration's journal, a SQLite file of its own.
    """
    written = BooksFile(journal)
    try:
        kept = {(row["incarnation"], row["seq"]): row["body"] for row in written.rows("SELECT * FROM record")}
    finally:
        written.close()
    arrived = {(row["incarnation"], row["seq"]): row["body_json"] for row in books.rows("SELECT * FROM record")}
    different = [key for key in kept if key in arrived and json.loads(kept[key]) != json.loads(arrived[key])]
    return [
        Check(
            name="every journal record arrived as it was written",
            holds=kept.keys() == arrived.keys() and not different,
            detail=f"{len(arrived)} of {len(kept)} records, {len(different)} different",
        )
    ]


def outages(books: BooksFile, *, without_home_assistant_wh: int, app_away: tuple[datetime, datetime]) -> list[Check]:
    """The outages were real: cars charged on without Home Assistant, and records waited for the app.

    What they would have lost is in the sums of the other checks.
    """
    away_ms = [int(moment.timestamp() * 1000) for moment in app_away]
    waited = books.value(
        "SELECT count(*) FROM record WHERE at_ms > ? AND at_ms < ? AND received_ms >= ?",
        away_ms[0],
        away_ms[1],
        away_ms[1],
    )
    during = books.value("SELECT count(*) FROM record WHERE received_ms > ? AND received_ms < ?", *away_ms)
    minutes = (app_away[1] - app_away[0]).total_seconds() / 60
    return [
        Check(
            name="Home Assistant was away while cars charged",
            holds=without_home_assistant_wh > 0,
            detail=f"{without_home_assistant_wh} Wh flowed meanwhile, all of it billed above",
        ),
        Check(
            name="the app was away and got everything later",
            holds=waited > 0 and during == 0,
            detail=f"{minutes:.0f} minutes, {waited} records waited",
        ),
    ]


def supply(peak_ma: tuple[int, int, int], overload_s: int, fuse_a: int) -> list[Check]:
    """The shared supply held: what the simulated feeder carried, second by second, against its fuse.

    Cars follow a lowered offer within seconds and the house switches its loads without asking, so short peaks are not
    avoidable; a gG fuse carries 1.25 times its rating for an hour (IEC 60269-2). Nothing beyond that may ever flow.
    """
    peaks = ", ".join(f"{peak / 1000:.1f}" for peak in peak_ma)
    return [
        Check(
            name="the fuse held",
            holds=max(peak_ma) <= fuse_a * 1250,
            detail=f"peaks {peaks} A on {fuse_a} A, above the rating for {overload_s} s in all",
        )
    ]


def balance(totals: Totals, drawn_mws: int) -> list[Check]:
    """What came to the house is what was used in it, for the second-by-second truth: `drawn_mws` by house and cars."""
    came_mws = totals.import_mws + totals.pv_mws + totals.battery_out_mws
    went_mws = totals.export_mws + totals.battery_in_mws + drawn_mws
    kwh = {name: f"{value / 3_600_000_000:.3f}" for name, value in totals._asdict().items()}
    drawn_kwh = f"{drawn_mws / 3_600_000_000:.3f}"
    return [
        Check(
            name="the feeder, the sun and the battery feed house and cars",
            holds=came_mws == went_mws,
            detail=f"grid {kwh['import_mws']} + sun {kwh['pv_mws']} + battery {kwh['battery_out_mws']} kWh; export"
            f" {kwh['export_mws']} + battery {kwh['battery_in_mws']} + house and cars {drawn_kwh} kWh",
        )
    ]


def quarter_hours(books: BooksFile, totals_at: Mapping[int, Totals]) -> list[Check]:
    """The books' quarter hours are what the simulated house's registers moved in them, and none is an estimate.

    Home Assistant reads the registers every 5 s, those of the battery every 30 s: between two readings a load may have
    changed, so a quarter hour may be off by what flows in that time, and the next one makes up for it.
    """
    off_wh = dict.fromkeys(_QUARTER_VALUES, 0)
    furthest_wh = gaps = count = 0
    estimated: set[str] = set()
    for row in books.rows("SELECT * FROM building_slice ORDER BY start_ms"):
        begin, end = (totals_at[row[name] // 1000] for name in ("start_ms", "end_ms"))
        count += 1
        estimated |= set((row["estimated_of"] or "").split())
        for name, place in _QUARTER_VALUES.items():
            if row[name] is None:
                gaps += 1
                continue
            difference_wh = row[name] - (end[place] - begin[place]) / 3_600_000
            off_wh[name] += difference_wh
            furthest_wh = max(furthest_wh, abs(difference_wh))
    return [
        Check(
            name="the building's quarter hours = its meters",
            holds=count > 0
            and not estimated
            and furthest_wh <= _OFF_WH
            and max(map(abs, off_wh.values())) <= _OFF_WH
            and gaps <= len(_QUARTER_VALUES),
            detail=f"{count} quarter hours, {gaps} values missing, at most {furthest_wh:.0f} Wh beside the registers,"
            f" {max(map(abs, off_wh.values())):.0f} Wh in all" + (f"; estimated: {estimated}" if estimated else ""),
        )
    ]


def prices(books: BooksFile, name: str, by_hour: Sequence[Decimal], zone: ZoneInfo) -> list[Check]:
    """Each quarter hour has the price of its local hour, under the name the owners gave it."""
    rows = books.rows("SELECT * FROM price_slot ORDER BY start_ms")
    wrong = [
        row["start_ms"]
        for row in rows
        if row["series"] != name
        or Decimal(row["price"]) != by_hour[datetime.fromtimestamp(row["start_ms"] / 1000, zone).hour]
    ]
    hours = {datetime.fromtimestamp(row["start_ms"] / 1000, zone).hour for row in rows}
    return [
        Check(
            name="each quarter hour has its price",
            holds=len(hours) == 24 and not wrong,
            detail=f"{len(rows)} of {name!r} in {len(hours)} different hours, {len(wrong)} wrong",
        )
    ]


def statement_numbers(books: BooksFile) -> list[Check]:
    """Numbers follow each other without a gap."""
    numbers = [int(row["number"].split("-")[-1]) for row in books.rows("SELECT number FROM statement ORDER BY number")]
    return [
        Check(
            name="statement numbers have no gap",
            holds=numbers == list(range(1, len(numbers) + 1)),
            detail=f"{len(numbers)} statements",
        )
    ]


def documents(books: BooksFile, folder: Path) -> list[Path]:
    """Write every statement as HTML and PDF into `folder`; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for row in books.rows("SELECT number, document_json FROM statement ORDER BY number"):
        json.loads(row["document_json"])
        file = folder / f"{row['number']}.json"
        file.write_bytes(row["document_json"].encode())
        written.append(file)
    for row in books.rows(
        "SELECT number, statement_file.kind, content FROM statement JOIN statement_file USING (statement_id)"
        " ORDER BY number, statement_file.kind"
    ):
        file = folder / f"{row['number']}.{row['kind']}"
        file.write_bytes(row["content"])
        written.append(file)
    return written
