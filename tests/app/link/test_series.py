"""The building series and signed meter values in the books: kept as they came, and once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from evshare_app.books.accounting_tables import price_slot, signed_meter_value
from evshare_app.books.building import the_building
from evshare_app.books.engine import create_books_engine
from evshare_app.books.migrate import upgrade
from evshare_app.books.schema import building_slice, record
from evshare_app.link.inbox import apply_building, take_records
from evshare_app.link.messages import BuildingChanged, Records
from evshare_app.link.parsing import parse
from evshare_app.model import to_ms
from evshare_app.tariff.gather import slots

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


def told_price(name: str, price: str) -> dict[str, Any]:
    return {"name": name, "price": price, "estimated": False}


def test_a_quarter_hour_is_kept_with_battery_and_its_prices_apart(conn: Connection) -> None:
    take(conn, [quarter()])
    kept = conn.execute(select(building_slice)).one()
    assert (kept.start_ms, kept.end_ms) == (to_ms(QUARTER), to_ms(QUARTER + timedelta(minutes=15)))
    assert (kept.import_wh, kept.export_wh, kept.pv_wh) == (3120, 0, 1450)
    assert (kept.battery_in_wh, kept.battery_out_wh) == (0, 310)
    market, fee = conn.execute(select(price_slot).order_by(price_slot.c.series)).all()
    assert {(one.start_ms, one.end_ms) for one in (market, fee)} == {(kept.start_ms, kept.end_ms)}
    assert (market.series, market.price, market.estimated) == ("Day-ahead price", "0.2814", 0)
    assert (fee.series, fee.price, fee.estimated) == ("Grid fee", "0.0934", 1)


@pytest.mark.parametrize(
    ("estimated", "kept"),
    [
        ([], (0, "")),
        (["pv"], (1, "pv")),
        (["battery_out", "import"], (1, "import battery_out")),
        # As before version 3, when it was one flag of all of them.
        (True, (1, None)),
        (False, (0, "")),
    ],
)
def test_which_energies_are_estimates_is_kept_by_name(conn: Connection, estimated: object, kept: object) -> None:
    take(conn, [quarter(estimated=estimated)])
    assert tuple(conn.execute(select(building_slice.c.estimated, building_slice.c.estimated_of)).one()) == kept
    start_ms = to_ms(QUARTER)
    used = slots(conn, start_ms, start_ms + 1)[start_ms].estimated
    names = ["import", "export", "pv", "battery_in", "battery_out"]
    assert used == set(names if estimated is True else estimated or [])


def test_a_price_that_comes_to_a_quarter_hour_later_is_kept_too(conn: Connection) -> None:
    # A restored journal may have counted with one sensor where the first one counted with another.
    take(conn, [quarter(prices=[told_price("Market", "0.30")])])
    again = [told_price("Market", "0.99"), told_price("Grid fee", "0.08")]
    take(conn, [quarter(prices=again)], incarnation="b" * 32)
    kept = conn.execute(select(price_slot.c.series, price_slot.c.price).order_by(price_slot.c.series)).all()
    assert [tuple(row) for row in kept] == [("Grid fee", "0.08"), ("Market", "0.30")]


def test_the_building_says_which_prices_it_tells_and_an_older_integration_nothing(conn: Connection) -> None:
    def told(name: str, version: int) -> tuple[str, ...]:
        changed = parse((GOLDEN / f"{name}.json").read_text(), speaking=version)
        assert isinstance(changed, BuildingChanged)
        apply_building(conn, changed.building, NOW)
        return the_building(conn).price_series

    assert told("building", 1) == ()
    assert told("building_3", 3) == ("Day-ahead price", "Grid fee")
    # Hello is in the words of version 1: it takes nothing back.
    assert told("building", 1) == ("Day-ahead price", "Grid fee")


def test_without_a_price_there_is_none_and_a_negative_one_is_kept(conn: Connection) -> None:
    later = {"start": "2026-06-29T18:15:00Z", "end": "2026-06-29T18:30:00Z"}
    take(conn, [quarter(prices=[]), quarter(prices=[told_price("Market", "-0.012")], **later)])
    assert conn.scalars(select(price_slot.c.price)).all() == ["-0.012"]
    assert len(conn.execute(select(building_slice)).all()) == 2


def test_told_again_by_a_restored_backup_it_changes_nothing(conn: Connection) -> None:
    take(conn, journal())
    again = journal()
    again[6]["body"] |= {"import_wh": 1, "prices": [told_price("Day-ahead price", "9.9")]}
    take(conn, again, incarnation="b" * 32)
    assert conn.scalar(select(building_slice.c.import_wh)) == 3120
    assert sorted(conn.scalars(select(price_slot.c.price))) == ["0.0934", "0.2814"]
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
