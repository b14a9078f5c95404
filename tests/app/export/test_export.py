"""What is in an export, and what is not."""

import csv
from datetime import timedelta
import io
import json

import pytest
from sqlalchemy import select

from evshare_app.books import schema
from evshare_app.books.accounting_tables import ledger_head
from evshare_app.export.make import export_resident
from evshare_app.model import ResidentId, SessionId, to_ms
from evshare_app.tariff.cdr import rate_ended_session
from evshare_app.verifier.evshare_verify import verify
from tests.app.export.conftest import JULY_2, MAY_20, ocmf_text
from tests.app.export.forger import unpacked


@pytest.fixture(scope="module")
def jana(lindenhof):
    return unpacked(lindenhof.resident())


def rows(members, name):
    return list(csv.DictReader(io.StringIO(members[name].decode())))


def test_a_resident_gets_their_sessions_with_registers_and_price_steps(jana):
    sessions = {row["session_id"]: row for row in rows(jana, "sessions.csv")}
    assert list(sessions) == ["s1", "s4", "s5"]
    s4 = sessions["s4"]
    assert s4["started"] == "2026-06-12T18:00:00.000Z"
    assert (s4["register_start_wh"], s4["register_end_wh"], s4["energy_wh"]) == ("1212050", "1215051", "3001")
    assert json.loads(s4["price_steps"]) == [
        {"type": "ENERGY", "price": "0.2852", "volume": 3001, "vat": "19", "net_minor": 86}
    ]
    assert [row["register_end_wh"] for row in rows(jana, "slices.csv") if row["session_id"] == "s1"] == [
        "1206000",
        "1207500",
        "1209500",
    ]


def test_documents_and_signed_texts_are_there_as_they_are_kept(jana, lindenhof):
    with lindenhof.engine.begin() as conn:
        kept = conn.scalar(select(schema.statement.c.document_json).where(schema.statement.c.number == "2026-000002"))
    assert jana["statements/2026-000002.json"].decode() == kept
    assert jana["statements/2026-000002.pdf"].startswith(b"%PDF-")
    assert jana["signed/s1-1.ocmf"].split(b"|")[1] == ocmf_text().split("|")[1].encode()


def test_nothing_in_it_tells_of_other_accounts(jana):
    for name, content in jana.items():
        if name != "evshare_verify.py" and not name.endswith(".pdf"):
            assert b"okafor" not in content.lower(), name
            assert b'"ada"' not in content.lower(), name
    assert b"stall-2,1,2026" not in jana["slices.csv"]


def test_what_lets_somebody_in_is_not_told_even_to_themself(own_lindenhof):
    with own_lindenhof.engine.begin() as conn:
        conn.execute(
            schema.device.insert().values(
                building_id="b1",
                device_id="d1",
                token_mac="secret-mac",
                resident_id="jana",
                label="Jana's phone",
                created_ms=1,
                seen_ms=1,
                expires_ms=2,
            )
        )
    members = unpacked(own_lindenhof.resident())
    told = [json.loads(line) for line in members["person.jsonl"].splitlines()]
    assert [one["row"]["label"] for one in told if one["table"] == "device"] == ["Jana's phone"]
    assert not any(b"secret-mac" in content for content in members.values())


def test_an_employers_statements_are_not_its_employees(own_lindenhof):
    with own_lindenhof.engine.begin() as conn:
        conn.execute(schema.account.update().where(schema.account.c.account_id == "acc-weber").values(kind="employer"))
    members = unpacked(own_lindenhof.resident())
    assert [row["session_id"] for row in rows(members, "sessions.csv")] == ["s1", "s4", "s5"]
    assert rows(members, "statements.csv") == []
    booked = [json.loads(line) for line in members["ledger/transactions.jsonl"].splitlines()]
    assert [(one["kind"], one["postings"]) for one in booked] == [("slices", []), ("slices", [])]


def test_making_an_export_signs_the_newest_place_once(lindenhof):
    lindenhof.resident()
    lindenhof.building()
    with lindenhof.engine.begin() as conn:
        signed = conn.scalars(select(ledger_head.c.number).order_by(ledger_head.c.signed_ms)).all()
    assert signed == [3, 5, 5, 6]


def test_an_unknown_resident_has_no_export(lindenhof):
    path = lindenhof.folder / "nobody.zip"
    with lindenhof.engine.begin() as conn, pytest.raises(LookupError, match="resident_id: got 'nobody'"):
        export_resident(conn, ResidentId("nobody"), lindenhof.key, path, JULY_2)
    assert not path.exists()


def test_a_part_that_came_late_is_in_it_and_adds_up(own_lindenhof):
    """A last slice of Ada's May session arrives in July: 100 Wh more at 0.2852 are 3 cents."""
    with own_lindenhof.engine.begin() as conn:
        end_ms = to_ms(MAY_20 + timedelta(hours=5))
        conn.execute(
            schema.slice_.insert().values(
                building_id="b1",
                session_id="s3",
                stall_id="stall-2",
                epoch=1,
                start_ms=end_ms,
                end_ms=end_ms + 900_000,
                register_start_wh=1_211_501,
                register_end_wh=1_211_601,
                charging_s=900,
                suspended_s=0,
                limit_a=16,
                estimated=0,
            )
        )
        conn.execute(
            schema.session.update()
            .where(schema.session.c.session_id == "s3")
            .values(energy_wh=7101, register_end_wh=1_211_601)
        )
        rate_ended_session(conn, SessionId("s3"), JULY_2)
    path = own_lindenhof.resident("ada")
    cdrs = [json.loads(line) for line in unpacked(path)["cdrs.jsonl"].splitlines()]
    assert [(row["part"], row["kind"], row["energy_wh"], row["net_minor"]) for row in cdrs] == [
        (1, "normal", 7001, 200),
        (2, "adjustment", 100, 3),
    ]
    assert verify(str(path)).wrong == []
