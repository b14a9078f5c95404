"""Honest books that look odd: the verifier must not cry wolf over parts of sessions and small currencies."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import insert, update

from evshare_app.books import schema
from evshare_app.books.accounting_tables import price_slot
from evshare_app.export.make import export_building
from evshare_app.ledger.heads import LedgerKey
from evshare_app.model import SessionId, to_ms
from evshare_app.statement.corrections import Doing, Rerate, correct
from evshare_app.tariff.store import add_version
from evshare_app.verifier.evshare_verify import verify
from tests.app.statement.costs import AUGUST_1, JULY, JULY_1, JUNE, berlin
from tests.app.statement.lindenhof import BUILDING, Cut, add_session, end_session, open_engine, settle_in
from tests.app.statement.steps import close_month
from tests.app.tariff.examples import element, price, tariff

MAY = datetime(2026, 5, 20, tzinfo=UTC)
JUNE_1 = datetime(2026, 6, 1, tzinfo=UTC)


def found_wrong(conn, folder) -> list[str]:
    export_building(conn, LedgerKey(b"a" * 32), folder / "export.zip", AUGUST_1)
    return verify(str(folder / "export.zip")).wrong


def test_a_price_that_became_known_after_a_part_was_billed(conn, tmp_path):
    conn.execute(update(schema.building).values(price_series='["sensor.price"]'))
    # June's last hour is billed at the fallback of 0.40; its price of 0.20 comes in before July is billed.
    spot = {"series": "sensor.price", "fallback": 0.40}
    ocpi = tariff(element(price("PARKING_TIME", 1)), x_evshare={"spot": spot})
    version = add_version(conn, ocpi, JUNE_1, MAY).version_id
    add_session(conn, "s1", berlin(30, 23), [Cut(60, 5_000), Cut(60, 1_000)], tariff_version=version, open_=True)
    close_month(conn, JUNE, "m", JULY_1)
    for hour in (0, 1):
        start = berlin(30, 23) + timedelta(hours=hour)
        slot = {"start_ms": to_ms(start), "end_ms": to_ms(start + timedelta(hours=1)), "price": "0.20"}
        conn.execute(insert(price_slot).values(building_id=BUILDING, series="sensor.price", estimated=0, **slot))
    end_session(conn, "s1", berlin(1, 1, month=7))
    close_month(conn, JULY, "m", AUGUST_1)
    # 6 kWh x 0.20 = 1.20, of which 2.00 are billed.
    assert found_wrong(conn, tmp_path) == []


def test_a_session_that_is_rated_again_at_prices_with_taxes(conn, tmp_path):
    net = add_version(conn, tariff(element(price("ENERGY", 0.40, 19))), JUNE_1, MAY).version_id
    taxed = tariff(element(price("ENERGY", 0.50, 19)), tax_included="YES")
    gross = add_version(conn, taxed, JUNE_1 + timedelta(days=1), MAY).version_id
    add_session(conn, "s1", berlin(30, 23), [Cut(60, 5_000), Cut(60, 3_210)], tariff_version=net, open_=True)
    close_month(conn, JUNE, "m", JULY_1)
    end_session(conn, "s1", berlin(1, 1, month=7))
    [july] = close_month(conn, JULY, "m", AUGUST_1)
    doing = Doing(actor="m", now=AUGUST_1, reason="The wrong plan.")
    correct(conn, july, doing, {SessionId("s1"): Rerate(tariff_version=gross)})
    assert found_wrong(conn, tmp_path) == []


def test_a_session_that_comes_to_nothing_where_there_are_no_cents(tmp_path):
    engine = open_engine(tmp_path / "yen.db")
    with engine.begin() as conn:
        settle_in(conn, currency="JPY", iban=None)
        ocpi = tariff(element(price("ENERGY", Decimal("0.35"))), currency="JPY")
        version = add_version(conn, ocpi, JUNE_1, MAY).version_id
        # 0.26 yen, which is none.
        add_session(conn, "s1", berlin(3, 18), [Cut(60, 742)], tariff_version=version)
        close_month(conn, JUNE, "m", JULY_1)
        assert found_wrong(conn, tmp_path) == []
    engine.dispose()
