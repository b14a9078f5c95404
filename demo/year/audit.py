"""An auditor's reckoning: the books' file, read as plain SQLite, against the building's own registers.

What was billed, borne by the building and nobody's comes from the books; the registers, the standby and what the
wiring lost come from the world. Money is added up from what is on the statements, from the statements, from what they
print and from the ledger, and energy is priced again with what the tariff says. Shares no code with what it audits.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
import json
from pathlib import Path
import sqlite3

from .physics import QUARTER_S, Visit, World, standby_mwh
from .plot import NIGHT, STALLS, STANDBY_W, instant

REGISTERS = STALLS + 1
"""A register shows whole watt-hours: each may keep back almost one at either end, the stalls' and the feeder's."""


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Where the feeder's energy went in a span, Wh; standby and losses are the world's."""

    feeder: int
    billed: int
    common: int
    unattributed: int
    standby: int
    losses: int

    @property
    def rest(self) -> int:
        """What is in none of them."""
        return self.feeder - self.billed - self.common - self.unattributed - self.standby - self.losses


@dataclass(frozen=True, kw_only=True)
class Money:
    """What a month's statements ask for, added up from different ends, minor units."""

    parts: int
    """CDRs and charges on them, with VAT."""
    statements: int
    documents: int
    """What is printed: sessions, charges and VAT."""
    ledger: int
    """What they were booked with, on the accounts of those who owe."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """Something that must be so."""

    name: str
    ok: bool
    found: str


@dataclass(frozen=True, kw_only=True)
class Audit:
    """All of it."""

    energy: dict[str, Energy]
    money: dict[str, Money]
    checks: Sequence[Check]

    @property
    def ok(self) -> bool:
        """Whether every line holds."""
        return all(one.ok for one in self.checks)


def audit(world: World, books: Path) -> Audit:
    """Reckon it all up."""
    with sqlite3.connect(f"file:{books}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        energy = {
            f"{since:%Y-%m}": _energy(world, db, since, until)
            for since, until in zip(world.plot.month_starts, world.plot.month_starts[1:], strict=False)
        }
        energy["in all"] = _energy(world, db, world.plot.first, world.plot.last)
        money = {month: _money(db, month) for month in energy if month != "in all"}
        money["in all"] = Money(
            **{name: sum(getattr(one, name) for one in money.values()) for name in Money.__dataclass_fields__}
        )
        return Audit(energy=energy, money=money, checks=[*_checks(world, db, energy, money)])


# --- energy ------------------------------------------------------------------------------------------------------


def _energy(world: World, db: sqlite3.Connection, since: date, until: date) -> Energy:
    flowed = """
        SELECT coalesce(sum(s.register_end_wh - s.register_start_wh), 0) FROM slice s
        LEFT JOIN cdr_slice x ON x.slice_id = s.slice_id AND x.cdr_id NOT IN
            (SELECT credits FROM cdr WHERE credits IS NOT NULL)
        LEFT JOIN statement_cdr c ON c.cdr_id = x.cdr_id
        LEFT JOIN session e ON e.session_id = s.session_id
        LEFT JOIN account a ON a.account_id = e.account_id
        LEFT JOIN dispute d ON d.session_id = s.session_id AND d.state = 'upheld'
        WHERE s.end_ms > ? AND s.end_ms <= ?"""
    span = instant(since) * 1000, instant(until) * 1000
    own = "a.kind = 'building' AND x.cdr_id IS NOT NULL"

    def wh(condition: str) -> int:
        return int(db.execute(f"{flowed} AND {condition}", span).fetchone()[0])

    return Energy(
        feeder=world.feeder_wh[until] - world.feeder_wh[since],
        billed=wh(f"c.statement_id IS NOT NULL AND d.session_id IS NULL AND NOT coalesce({own}, 0)"),
        common=wh(own),
        unattributed=wh("(s.session_id IS NULL OR d.session_id IS NOT NULL)"),
        standby=standby_mwh(since, until) // 1000,
        losses=sum(mwh for day, mwh in world.losses_mwh.items() if since <= day < until) // 1000,
    )


# --- money -------------------------------------------------------------------------------------------------------


def _money(db: sqlite3.Connection, month: str) -> Money:
    def minor(question: str) -> int:
        return int(db.execute(question, {"month": month}).fetchone()[0] or 0)

    documents = 0
    for row in db.execute("SELECT document_json FROM statement WHERE month = ?", (month,)):
        said = json.loads(row["document_json"])
        lines = [line for session in said["sessions"] for line in session["lines"]]
        documents += sum(one["net_minor"] for one in [*lines, *said["charges"]])
        documents += sum(one["vat_minor"] for one in said["vat"])
    return Money(
        parts=minor("""
            SELECT sum(gross_minor) FROM (
                SELECT c.gross_minor FROM cdr c JOIN statement_cdr USING (cdr_id)
                JOIN statement s USING (statement_id) WHERE s.month = :month
                UNION ALL
                SELECT c.gross_minor FROM charge c JOIN statement_charge USING (charge_id)
                JOIN statement s USING (statement_id) WHERE s.month = :month)"""),
        statements=minor("SELECT sum(gross_minor) FROM statement WHERE month = :month"),
        documents=documents,
        ledger=minor("""
            SELECT sum(p.amount_minor) FROM posting p JOIN ledger_transaction t USING (number)
            JOIN statement s ON t.transaction_id LIKE '%:' || s.statement_id
            WHERE t.kind NOT IN ('payment', 'prepaid_used')
              AND s.month = :month AND p.ledger_account_id LIKE '1400:%'"""),
    )


# --- what must be so ---------------------------------------------------------------------------------------------


def _checks(
    world: World, db: sqlite3.Connection, energy: dict[str, Energy], money: dict[str, Money]
) -> Iterator[Check]:
    off = {month: one.rest for month, one in energy.items() if abs(one.rest) > REGISTERS}
    yield Check(
        name="feeder = billed + common + unattributed + standby + losses, in every month, to the Wh of its registers",
        ok=not off,
        found=_said(off, "Wh are in none of them") or f"{energy['in all'].rest} Wh in all are not yet shown",
    )
    yield from _kinds(world, energy["in all"])
    unequal = {month: vars(one) for month, one in money.items() if len(set(vars(one).values())) != 1}
    yield Check(
        name="billed = statements = documents = ledger, in every month, to the cent",
        ok=not unequal,
        found=_said(unequal, "") or f"{_amount(money['in all'].statements)} in all",
    )
    yield _receivables(db)
    yield _priced(world, db)
    yield _settled(world, db, energy["in all"])
    yield _sunny(world, db)
    yield from _told_later(world, db)
    yield _meters(world, db)
    numbers = [row[0] for row in db.execute("SELECT number FROM statement WHERE kind <> 'credit_note' ORDER BY number")]
    by_year: dict[str, list[int]] = defaultdict(list)
    for number in numbers:
        year, _, place = number.partition("-")
        by_year[year].append(int(place))
    gaps = {year: had for year, had in by_year.items() if had != list(range(1, len(had) + 1))}
    yield Check(name="statements are numbered without gaps", ok=not gaps, found=f"{len(numbers)} statements")


def _kinds(world: World, energy: Energy) -> Iterator[Check]:
    """What registers counted in truth, by whose car it was."""
    truly = {"billed": 0, "common": 0, "unattributed": 0}
    for visit in world.visits:
        truly[_kind(world, visit)] += world.wh(visit)
    for name, wh in truly.items():
        in_books = getattr(energy, name)
        yield Check(
            name=f"what is {name} is what the stalls' registers counted of it",
            ok=wh == in_books,
            found=f"registers {_kwh(wh)}, books {_kwh(in_books)}",
        )


def _kind(world: World, visit: Visit) -> str:
    """Who has to bear a visit's energy."""
    not_theirs, _ = world.plot.disputed
    if visit.resident is None or (visit.stall == 2 and visit.start_s == instant(not_theirs, 18)):
        return "unattributed"
    return "common" if visit.pass_id else "billed"


def _receivables(db: sqlite3.Connection) -> Check:
    owed: dict[str, int] = defaultdict(int)
    for row in db.execute("SELECT account_id, sum(gross_minor) AS minor FROM statement GROUP BY 1"):
        owed[row["account_id"]] += row["minor"]
    for row in db.execute("SELECT account_id, sum(amount_minor) AS minor FROM payment GROUP BY 1"):
        owed[row["account_id"]] -= row["minor"]
    booked = {
        row["of"].partition(":")[2]: row["minor"]
        for row in db.execute(
            "SELECT ledger_account_id AS of, sum(amount_minor) AS minor FROM posting "
            "WHERE ledger_account_id LIKE '1400:%' GROUP BY 1"
        )
    }
    wrong = {who: (minor, booked.get(who, 0)) for who, minor in owed.items() if booked.get(who, 0) != minor}
    return Check(
        name="each account owes in the ledger what its statements ask for less what it paid",
        ok=not wrong and booked.keys() <= owed.keys(),
        found=_said(wrong, "") or f"{_amount(sum(owed.values()))} open on {len(owed)} accounts",
    )


def _priced(world: World, db: sqlite3.Connection) -> Check:
    """Price the registers' energy again, session by session, at the price of the day it was authorised."""
    wrong: dict[str, object] = {}
    priced = 0
    billed = {
        row["session_id"]: row["minor"]
        for row in db.execute("SELECT session_id, sum(net_minor) AS minor FROM cdr WHERE kind <> 'credit' GROUP BY 1")
    }
    for visit in world.visits:
        if visit.resident is None or visit.resident in NIGHT:
            continue
        price = world.plot.price_at(visit.start_s)
        net = (price * world.wh(visit) / 10).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        if billed.get(visit.session_id, 0) != net:
            wrong[visit.session_id[:8]] = (billed.get(visit.session_id), int(net))
        priced += int(net)
    return Check(
        name="each session costs what its registers counted, at the price of its day",
        ok=not wrong,
        found=_said(wrong, "") or f"{_amount(priced)} net for {len(billed)} sessions",
    )


def _sunny(world: World, db: sqlite3.Connection) -> Check:
    """The house takes of the sun first: cars have what would have gone to the grid without them."""
    drawn: dict[int, int] = defaultdict(int)
    shared: set[int] = set()
    for visit in world.visits:
        for piece in visit.pieces:
            quarter_s = piece.start_s - piece.start_s % QUARTER_S
            drawn[quarter_s] += world.wh(visit, [piece])
            if _kind(world, visit) != "billed":
                shared.add(quarter_s)
    theirs = least = 0
    for one in world.quarters:
        house_wh = one.pv_wh - one.export_wh + one.import_wh - drawn[one.start_s]
        sun_wh = min(drawn[one.start_s], max(0, one.pv_wh - one.export_wh - house_wh))
        theirs += sun_wh
        least += 0 if one.start_s in shared else sun_wh
    details = [json.loads(row[0]) for row in db.execute("SELECT details_json FROM charge WHERE kind = 'solar'")]
    credited = sum(one["wh"] for one in details)
    return Check(
        name="the sun that is credited is what the cars had, less at most what nobody's and the house's had of it",
        ok=0 < least <= credited <= theirs,
        found=f"credited {_kwh(credited)}, the cars had {_kwh(theirs)}, alone {_kwh(least)}",
    )


def _told_later(world: World, db: sqlite3.Connection) -> Iterator[Check]:
    """Closed months stay closed: what is known later is a part of its own, on a later statement."""
    for name, day, kinds in (
        ("a session that was open when its month was closed is cut there", world.plot.over_month_end, "normal normal"),
        ("what a stall told late is an adjustment on the next statement", world.plot.late, "normal adjustment"),
    ):
        month, following = f"{day:%Y-%m}", f"{day + timedelta(days=1):%Y-%m}"
        stall = 3 if day is world.plot.over_month_end else 6
        visit = next(one for one in world.visits if one.stall == stall and one.start_s > instant(day, 16))
        parts = db.execute(
            "SELECT c.kind, c.energy_wh, s.month FROM cdr c JOIN statement_cdr USING (cdr_id) "
            "JOIN statement s USING (statement_id) WHERE c.session_id = ? ORDER BY c.part",
            (visit.session_id,),
        ).fetchall()
        apart_s = visit.silent_from_s or instant(day + timedelta(days=1))
        first_wh = world.wh(visit, [one for one in visit.pieces if one.end_s <= apart_s])
        wanted = [(month, first_wh), (following, world.wh(visit) - first_wh)]
        yield Check(
            name=name,
            ok=[(row["month"], row["energy_wh"]) for row in parts] == wanted
            and " ".join(row["kind"] for row in parts) == kinds,
            found=", then ".join(f"{_kwh(row['energy_wh'])} with {row['month']}" for row in parts),
        )


def _meters(world: World, db: sqlite3.Connection) -> Check:
    """Each meter's first and last value, the swapped one's too."""
    shown = {
        (row["stall_id"], row["epoch"]): (row["first"], row["last"])
        for row in db.execute(
            "SELECT stall_id, epoch, min(register_start_wh) AS first, max(register_end_wh) AS last "
            "FROM slice GROUP BY 1, 2"
        )
    }
    truly = {
        (f"stall-{stall}", number): (meter.shown_first_wh, meter.shows(instant(world.plot.last)))
        for stall, meters in world.meters.items()
        for number, (_, meter) in enumerate(meters, 1)
    }
    return Check(
        name="the books end where each meter does, the one that was swapped and its successor too",
        ok=shown == truly,
        found=f"{len(truly)} meters at {len(world.meters)} stalls",
    )


def _settled(world: World, db: sqlite3.Connection, energy: Energy) -> Check:
    """What residents' energy truly cost is shared by it: the supplier's bills, less the house's own part of them."""
    details = [json.loads(row[0]) for row in db.execute("SELECT details_json FROM charge WHERE kind = 'true_up'")]
    due = db.execute("SELECT sum(net_minor) FROM charge WHERE kind = 'true_up'").fetchone()[0] or 0
    charged = sum(one["charged_minor"] for one in details)
    cost, used = sum({one["cost_minor"] for one in details}), sum(one["wh"] for one in details)
    net = db.execute(
        "SELECT sum(net_minor) FROM cdr JOIN statement_cdr USING (cdr_id) "
        "WHERE session_id NOT IN (SELECT session_id FROM dispute WHERE state = 'upheld')"
    ).fetchone()[0]
    bills = db.execute("SELECT * FROM utility_bill WHERE withdrawn_ms IS NULL ORDER BY from_day").fetchall()
    truly = sum(_share_of(world, row) for row in bills)
    return Check(
        name="the true-up settles what was charged for energy to what it cost, by the energy that was charged",
        # A bill's parts are whole cents, and losses whole watt-hours.
        ok=abs(cost - truly) <= 2 * len(bills) and used == energy.billed and charged == net and due == cost - charged,
        found=f"charged {_amount(charged)} net (on statements {_amount(net)}), cost {_amount(cost)} (by the registers "
        f"{_amount(truly)}) for {_kwh(used)}, {len(details)} accounts",
    )


def _share_of(world: World, bill: sqlite3.Row) -> int:
    """What of a bill is for the residents' cars and what was lost on the way, minor units."""
    begin_s, end_s = (instant(date.fromisoformat(bill[name])) for name in ("from_day", "to_day"))
    theirs = everybodys = 0
    for visit in world.visits:
        within = [one for one in visit.pieces if begin_s < one.end_s <= end_s]
        wh = world.wh(visit, within) if within else 0
        everybodys += wh
        theirs += wh if _kind(world, visit) == "billed" else 0
    losses = bill["feeder_wh"] - everybodys - STANDBY_W * (end_s - begin_s) // 3600
    total = sum(bill[name] for name in ("energy_minor", "fixed_minor", "demand_minor", "tax_minor"))
    return round(Decimal(total * (theirs + losses)) / Decimal(bill["feeder_wh"]))


def _said(wrong: Mapping[str, object], what: str) -> str:
    return "; ".join(f"{name}: {found} {what}".rstrip() for name, found in list(wrong.items())[:5])


def _kwh(wh: int) -> str:
    return f"{Decimal(wh) / 1000:,.3f} kWh"


def _amount(minor: int) -> str:
    return f"{Decimal(minor) / 100:,.2f} EUR"
