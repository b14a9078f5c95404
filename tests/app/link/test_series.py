"""The building series and signed meter values in the books: kept as they came, and once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from evshare_app.books.accounting_tables import price_slot, signed_meter_value
from evshare_app.books.engine import create_books_engine
from evshare_app.books.migrate import upgrade
from evshare_app.books.schema import building_slice, record
from evshare_app.link.inbox import apply_building, take_records
from evshare_app.link.messages import BuildingChanged, Records
from evshare_app.link.parsing import parse
from evshare_app.model import to_ms

GOLDEN = Path(__file__).parents[2] / "golden" / "link"
NOW = datetime(2026, 6, 29, 19, 0, tzinfo=UTC)
QUARTER = datetime(2026, 6, 29, 18, 0, tzinfo=UTC)
SESSION = "5e551000000000000000000000000001"


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Connection]:
    engine = create_books_engine(tmp_path / "books.db")
    upgrade(engine)
    with engine.begin() as connection:
        changed = parse((GOLDEN / "building.json").read_text(), speaking=1)
        assert isinstance(changed, BuildingChanged)
        apply_building(connection, changed.building, NOW - timedelta(days=1))
        yield connection
    engine.dispose()


def journal() -> list[dict[str, Any]]:
    return list(json.loads((GOLDEN / "records_3.json").read_text())["records"])


def take(conn: Connection, records: list[dict[str, Any]], incarnation: str = "a" * 32) -> None:
    numbered = [one | {"seq": number} for number, one in enumerate(records, 1)]
    text = json.dumps({"v": 3, "type": "records", "incarnation": incarnation, "records": numbered})
    batch = parse(text, speaking=3)
    assert isinstance(batch, Records)
    take_records(conn, incarnation, batch.records, NOW)


def quarter(**changes: Any) -> dict[str, Any]:
    told = journal()[6]
    return told | {"body": told["body"] | changes}


def test_a_quarter_hour_is_kept_with_battery_and_its_price_apart(conn: Connection) -> None:
    take(conn, [quarter()])
    kept = conn.execute(select(building_slice)).one()
    assert (kept.start_ms, kept.end_ms) == (to_ms(QUARTER), to_ms(QUARTER + timedelta(minutes=15)))
    assert (kept.import_wh, kept.export_wh, kept.pv_wh) == (3120, 0, 1450)
    assert (kept.battery_in_wh, kept.battery_out_wh, kept.estimated) == (0, 310, 1)
    price = conn.execute(select(price_slot)).one()
    assert (price.start_ms, price.end_ms) == (kept.start_ms, kept.end_ms)
    assert (price.price, price.estimated) == ("0.2814", 0)


@pytest.mark.parametrize(
    ("estimated", "energies", "price"), [([], 0, 0), (["pv"], 1, 0), (["price"], 0, 1), (["pv", "price"], 1, 1)]
)
def test_estimated_energies_and_an_estimated_price_are_flagged_apart(
    conn: Connection, estimated: list[str], energies: int, price: int
) -> None:
    take(conn, [quarter(estimated=estimated)])
    assert conn.scalar(select(building_slice.c.estimated)) == energies
    assert conn.scalar(select(price_slot.c.estimated)) == price


def test_without_a_price_there_is_none_and_a_negative_one_is_kept(conn: Connection) -> None:
    later = {"start": "2026-06-29T18:15:00Z", "end": "2026-06-29T18:30:00Z"}
    take(conn, [quarter(price=None), quarter(price="-0.012", **later)])
    assert conn.scalars(select(price_slot.c.price)).all() == ["-0.012"]
    assert len(conn.execute(select(building_slice)).all()) == 2


def test_told_again_by_a_restored_backup_it_changes_nothing(conn: Connection) -> None:
    take(conn, journal())
    again = journal()
    again[6]["body"] |= {"import_wh": 1, "price": "9.9"}
    take(conn, again, incarnation="b" * 32)
    assert conn.scalar(select(building_slice.c.import_wh)) == 3120
    assert conn.scalars(select(price_slot.c.price)).all() == ["0.2814"]
    assert len(conn.execute(select(signed_meter_value)).all()) == 1


def test_what_a_connector_signed_is_kept_to_the_last_character_and_checked(conn: Connection) -> None:
    take(conn, journal())
    kept = conn.execute(select(signed_meter_value)).one()
    signed = journal()[7]["body"]
    assert (kept.session_id, kept.place, kept.format) == (SESSION, 1, "OCMF")
    assert (kept.text, kept.public_key) == (signed["text"], signed["public_key"])
    # A real device signed it; see tests/app/ledger/test_ocmf.py.
    assert kept.result == "valid"


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"public_key": None}, "no_key"),
        ({"text": journal()[7]["body"]["text"].replace("0.2597", "0.2596")}, "invalid"),
        ({"text": "<signedData>\n\t1\r\n</signedData>", "format": "EDL"}, "unreadable"),
    ],
)
def test_what_cannot_be_confirmed_is_kept_all_the_same(conn: Connection, changes: dict[str, Any], result: str) -> None:
    records = journal()
    records[7]["body"] |= changes
    take(conn, records)
    kept = conn.execute(select(signed_meter_value)).one()
    assert (kept.text, kept.format, kept.result) == (records[7]["body"]["text"], records[7]["body"]["format"], result)


def test_what_is_signed_about_a_session_of_before_these_books_stays_in_its_record(conn: Connection) -> None:
    take(conn, [journal()[7]])
    assert conn.execute(select(signed_meter_value)).all() == []
    body = json.loads(conn.execute(select(record.c.body_json)).scalar_one())
    assert body == journal()[7]["body"]
