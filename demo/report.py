"""What the story tells at its end: who charged, what it cost, who paid, and whether the sums hold."""

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from . import checks, prices
from .checks import BooksFile, Check, Truth
from .lindenhof import Lindenhof
from .owners import NET_PER_KWH, VAT_PERCENT
from .stalls import LINDENHOF

ZONE = ZoneInfo(LINDENHOF.time_zone)


@dataclass
class Happened:
    """What the story saw for itself."""

    truths: list[Truth] = field(default_factory=list)
    rows: list[tuple[datetime, str, str, str, int]] = field(default_factory=list)
    portal_pages: dict[str, str] = field(default_factory=dict)
    """The portal's page of each phone owner's statement, by its number."""
    troubles: list[str] = field(default_factory=list)
    without_home_assistant_wh: int = 0
    """What flowed while Home Assistant was stopped."""
    app_away: tuple[datetime, datetime] | None = None
    """When the app was stopped and started again."""


def report(place: Lindenhof, happened: Happened, flowed_wh: dict[str, int]) -> bool:
    """Print what happened and every check; returns whether all hold."""
    assert happened.app_away is not None, "the story stops the app"
    books = BooksFile(place.books_file)
    try:
        print("\nWho charged when")
        for begin, stall, person, by, delivered_wh in sorted(happened.rows):
            print(f"  {begin.astimezone(ZONE):%a %H:%M}  {stall:8} {person:16} {by:9} {delivered_wh / 1000:8.3f} kWh")
        print("\nStatements of June")
        for row in books.rows(
            "SELECT number, account.name, gross_minor, reference, (SELECT coalesce(sum(amount_minor), 0) FROM payment"
            " WHERE payment.statement_id = statement.statement_id) AS paid, (SELECT group_concat(rail) FROM payment"
            " WHERE payment.statement_id = statement.statement_id) AS rail, (SELECT sum(energy_wh) FROM statement_cdr"
            " JOIN cdr USING (cdr_id) WHERE statement_cdr.statement_id = statement.statement_id) AS wh"
            " FROM statement JOIN account USING (account_id) ORDER BY number"
        ):
            state = f"paid ({row['rail']})" if row["paid"] == row["gross_minor"] else f"open, {row['reference']}"
            figures = f"{row['wh'] / 1000:8.3f} kWh {row['gross_minor'] / 100:8.2f} EUR"
            print(f"  {row['number']}  {row['name']:16} {figures}  {state}")
        files = checks.documents(books, place.folder / "statements")
        print(f"\n{len(files)} files in {files[0].parent if files else place.folder}")
        times, amounts = place.stripe.charges_per_statement(), place.stripe.minor_per_statement()
        collected = {number: (times[number], amounts[number]) for number in times}
        simulation, feeder = place.building.simulation, place.building.feeder
        delivered_mws = sum(outlet.delivered_mws for outlet in simulation.outlets.values())
        results = [
            *checks.registers(books, flowed_wh),
            *checks.sessions(books, happened.truths),
            *checks.money(books, NET_PER_KWH, VAT_PERCENT),
            *checks.payments(books, collected, happened.portal_pages),
            *checks.delivery(books, place.journal_file),
            *checks.outages(
                books,
                without_home_assistant_wh=happened.without_home_assistant_wh,
                app_away=happened.app_away,
            ),
            *checks.statement_numbers(books),
            *checks.balance(feeder.totals_mws, feeder.house_mws + delivered_mws),
            *checks.quarter_hours(books, simulation.totals_at),
            *checks.prices(books, prices.NAME, prices.BY_HOUR, ZONE),
            *checks.supply(place.building.feeder.peak_ma, place.building.feeder.overload_s, place.plan.fuse_a),
            Check(
                name="nobody was turned away by mistake",
                holds=not happened.troubles,
                detail="; ".join(happened.troubles) or "none",
            ),
        ]
    finally:
        books.close()
    print("\nChecks")
    for check in results:
        print(f"  {'holds ' if check.holds else 'BROKEN'}  {check.name}: {check.detail}")
    return all(check.holds for check in results)
