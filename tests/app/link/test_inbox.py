"""Records and their effects: each once, whatever is sent again, and nothing that cannot be billed disappears."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from evshare_app.books.access_tables import notice
from evshare_app.books.engine import create_books_engine
from evshare_app.books.schema import cdr, meter_epoch, resident, session, slice_
from evshare_app.link.inbox import Gap, apply_building, take_records
from evshare_app.link.messages import BuildingChanged, Records
from evshare_app.link.parsing import parse
from evshare_app.model import SessionId
from evshare_app.tariff.cdr import add_part
from tests.app.blank_books import new_books

GOLDEN = Path(__file__).parents[2] / "golden" / "link"
NOW = datetime(2026, 6, 29, 19, 0, tzinfo=UTC)
SESSION = "5e551000000000000000000000000001"


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Connection]:
    new_books(tmp_path / "books.db")
    engine = create_books_engine(tmp_path / "books.db")
    with engine.begin() as connection:
        changed = parse((GOLDEN / "building.json").read_text(), speaking=1)
        assert isinstance(changed, BuildingChanged)
        apply_building(connection, changed.building, NOW - timedelta(days=1))
        yield connection
    engine.dispose()


def journal() -> list[dict[str, Any]]:
    return list(json.loads((GOLDEN / "records.json").read_text())["records"])


def batch(records: list[dict[str, Any]], incarnation: str = "a" * 32) -> Records:
    numbered = [one | {"seq": number} for number, one in enumerate(records, records[0]["seq"])]
    text = json.dumps({"v": 1, "type": "records", "incarnation": incarnation, "records": numbered})
    read = parse(text, speaking=1)
    assert isinstance(read, Records)
    return read


def take(conn: Connection, records: list[dict[str, Any]], incarnation: str = "a" * 32) -> int:
    return take_records(conn, incarnation, batch(records, incarnation).records, NOW).ack_seq


def counts(conn: Connection) -> tuple[int, ...]:
    return tuple(len(conn.execute(select(table)).all()) for table in (session, slice_, cdr, meter_epoch))


def test_the_golden_batch_becomes_a_rated_session(conn: Connection) -> None:
    assert take(conn, journal()) == 7
    row = conn.execute(select(session)).one()
    assert (row.session_id, row.energy_wh, row.stop_reason) == (SESSION, 2354, "unplugged")
    assert row.tariff_version == "default"
    billed = conn.execute(select(cdr)).one()
    # 2.354 kWh at 0.30: 0.7062, rounded once.
    assert (billed.energy_wh, billed.gross_minor) == (2354, 71)


def test_a_batch_sent_again_has_no_effect(conn: Connection) -> None:
    take(conn, journal())
    before = counts(conn)
    assert take(conn, journal()) == 7
    assert counts(conn) == before


def test_a_batch_that_overlaps_takes_only_what_is_new(conn: Connection) -> None:
    take(conn, journal()[:4])
    assert take(conn, journal()[2:]) == 7
    assert counts(conn) == (1, 1, 1, 1)


def test_a_batch_after_a_gap_is_refused_whole(conn: Connection) -> None:
    take(conn, journal()[:2])
    with pytest.raises(Gap) as gap:
        take(conn, journal()[4:])
    assert gap.value.ack_seq == 2


def test_a_restored_backup_that_tells_its_history_again_bills_nothing_twice(conn: Connection) -> None:
    take(conn, journal())
    before = counts(conn)
    assert take(conn, journal(), incarnation="b" * 32) == 7
    assert counts(conn) == before


def test_energy_told_again_in_other_slices_is_counted_once(conn: Connection) -> None:
    records = journal()
    take(conn, records[:4])
    # A restored journal knows the register only up to 4 215 000 and cuts anew from there, past what the books have.
    again = records[3]["body"] | {
        "start": "2026-06-29T18:05:00Z",
        "register_start_wh": 4215000,
        "end": "2026-06-29T18:20:00Z",
        "register_end_wh": 4217000,
    }
    ended = records[4]["body"] | {"register_end_wh": 4217000, "energy_wh": 3123}
    more = [records[3] | {"seq": 1, "body": again}, records[4] | {"seq": 2, "body": ended}]
    take(conn, more, incarnation="b" * 32)
    slices = conn.execute(select(slice_).order_by(slice_.c.slice_id)).all()
    spans = [(one.register_start_wh, one.register_end_wh) for one in slices]
    assert spans == [(4213877, 4216231), (4216231, 4217000)]
    # The slices still join, so the session is billed: 3.123 kWh at 0.30.
    assert conn.execute(select(cdr.c.energy_wh, cdr.c.gross_minor)).one() == (3123, 94)


def test_a_slice_that_comes_late_and_goes_on_where_its_session_ended_is_billed_as_an_adjustment(
    conn: Connection,
) -> None:
    records = journal()
    take(conn, records)
    late = records[3]["body"] | {"register_start_wh": 4216231, "register_end_wh": 4216500}
    take(conn, [records[3] | {"seq": 8, "body": late}])
    parts = conn.execute(select(cdr).order_by(cdr.c.part)).all()
    # 2.623 kWh at 0.30 is 0.7869; 0.71 of it is billed already.
    assert [(one.kind, one.energy_wh, one.gross_minor) for one in parts] == [
        ("normal", 2354, 71),
        ("adjustment", 269, 8),
    ]
    assert conn.execute(select(session.c.energy_wh, session.c.register_end_wh)).one() == (2623, 4216500)


def test_a_session_that_was_cut_at_a_months_end_tells_at_its_end_what_all_of_it_costs(conn: Connection) -> None:
    records = journal()
    take(conn, records[:4])
    # The month is closed while the car is there: 2.354 kWh at 0.30 are billed.
    add_part(conn, SessionId(SESSION), NOW, NOW)
    more = records[3]["body"] | {"register_start_wh": 4216231, "register_end_wh": 4217000}
    ended = records[4]["body"] | {"register_end_wh": 4217000, "energy_wh": 3123}
    told_at_once = batch([records[3] | {"seq": 5, "body": more}, records[4] | {"seq": 6, "body": ended}])
    take_records(conn, "a" * 32, told_at_once.records, told_at_once.records[-1].at)
    told = json.loads(conn.scalars(select(notice.c.body_json).where(notice.c.kind == "session_ended")).one())
    assert (told["energy_wh"], told["minor"], told["currency"]) == (3123, 94, "EUR")


def test_a_late_slice_that_does_not_go_on_where_its_session_ended_is_unattributed(conn: Connection) -> None:
    records = journal()
    take(conn, records)
    late = records[3]["body"] | {"register_start_wh": 4216300, "register_end_wh": 4216500}
    take(conn, [records[3] | {"seq": 8, "body": late}])
    row = conn.execute(select(slice_).order_by(slice_.c.slice_id.desc())).first()
    assert row is not None
    assert (row.session_id, row.register_end_wh - row.register_start_wh) == (None, 200)
    assert conn.execute(select(session.c.energy_wh)).scalar_one() == 2354


def test_records_of_people_and_stalls_long_gone_are_taken(conn: Connection) -> None:
    records = journal()
    for one in records:
        if "stall_id" in one["body"]:
            one["body"]["stall_id"] = "stall-gone"
        if one["body"].get("resident_id"):
            one["body"]["resident_id"] = "res-gone"
    assert take(conn, records) == 7
    row = conn.execute(select(resident).where(resident.c.resident_id == "res-gone")).one()
    assert row.removed_ms is not None


def test_a_session_that_used_more_than_its_slices_say_is_not_billed(conn: Connection) -> None:
    records = journal()
    records[4]["body"]["energy_wh"] = 9999
    take(conn, records)
    assert counts(conn) == (1, 1, 0, 1)


def test_a_session_keeps_the_tariff_of_the_moment_it_was_authorised(conn: Connection) -> None:
    from evshare_app.tariff.store import add_version, flat_tariff

    records = journal()
    begun = datetime(2026, 6, 29, 18, 2, 10, tzinfo=UTC)
    dearer = flat_tariff("EUR", 1, None, NOW)  # type: ignore[arg-type]
    add_version(conn, dearer, begun + timedelta(minutes=1), begun)
    take(conn, records)
    assert conn.execute(select(cdr.c.gross_minor)).scalar_one() == 71
