"""A month's exports: what a property manager, a program and a printer get."""

import csv
from datetime import date, datetime
import io
import json

import pypdfium2  # type: ignore[import-untyped]
import pytest
from sqlalchemy import update

from evshare_app.books import schema
from evshare_app.resident.plans import add_unit
from evshare_app.statement.month_export import anyone_on_paper, as_json, documents_of, lines, service_charge
from evshare_app.statement.pdf import render_together
from tests.app.statement.costs import JULY, JULY_1, JUNE, WEBER, add_plan, assign, berlin
from tests.app.statement.lindenhof import Cut, add_session
from tests.app.statement.steps import close_month


@pytest.fixture
def closed(conn):
    conn.execute(update(schema.building).values(language="de"))
    flat = add_unit(conn, "1. OG links", 100, date(2026, 1, 1))
    conn.execute(update(schema.resident).where(schema.resident.c.resident_id != "ada").values(unit_id=flat))
    conn.execute(update(schema.account).where(schema.account.c.account_id == WEBER).values(name="=SUMME(A1)", paper=1))
    add_plan(conn, "comfort", base_fee_minor=500, vat="19")
    assign(conn, "comfort", WEBER, datetime.fromisoformat("2026-05-01T00:00:00+00:00"))
    add_session(conn, "s1", berlin(3, 18), [Cut(60, 10_010)])
    add_session(conn, "s2", berlin(4, 18), [Cut(60, 1_500)], resident="ada", stall="stall-2")
    close_month(conn, JUNE, "m", JULY_1)
    return conn


def test_the_property_manager_gets_a_row_per_statement(closed):
    content = service_charge(closed, JUNE)
    assert content.startswith(b"\xef\xbb\xbf")  # so that spreadsheets read it as UTF-8
    assert content.decode("utf-8-sig").splitlines() == [
        "Wohnung;Konto;Bewohner;Erster Tag;Letzter Tag;Abrechnung;kWh;Netto;MwSt.;Brutto;"
        "Guthaben von vorher;Im Voraus bezahlt;Noch zu zahlen;Währung",
        # A name that a spreadsheet would calculate is only a name.
        "1. OG links;'=SUMME(A1);Jana Weber, Timo Weber;2026-06-01;2026-06-30;2026-000002;10,010;8,00;0,95;8,95;"
        "0,00;0,00;8,95;EUR",
        ";Ada Okafor;Ada Okafor;2026-06-01;2026-06-30;2026-000001;1,500;0,45;0,00;0,45;0,00;0,00;0,45;EUR",
    ]


def test_every_line_sums_to_the_statements(closed):
    rows = list(csv.DictReader(io.StringIO(lines(closed, JUNE).decode())))
    assert [(row["statement"], row["session"], row["kwh"], row["net"]) for row in rows] == [
        ("2026-000001", "s2", "1.500", "0.45"),
        ("2026-000002", "s1", "10.010", "3.00"),
        ("2026-000002", "", "", "5.00"),
    ]
    assert rows[1]["start_utc"] == "2026-06-03T16:00:00Z"
    assert rows[2]["text"] == "Grundgebühr, Modell Comfort"


def test_the_documents_come_with_their_seals(closed):
    said = json.loads(as_json(closed, JUNE))
    assert (said["month"], said["currency"]) == ("2026-06", "EUR")
    assert [one["document"]["number"] for one in said["statements"]] == ["2026-000001", "2026-000002"]
    assert len(said["statements"][0]["sha256"]) == 64


def test_all_are_printed_in_one_file_each_on_a_sheet_of_its_own(closed):
    pdf = render_together(documents_of(closed, JUNE))
    pages = pypdfium2.PdfDocument(pdf)
    texts = [page.get_textpage().get_text_range() for page in pages]
    assert len(texts) == 3
    assert "2026-000001 · Lindenhof · 1" in texts[0]
    assert texts[1].strip() in ("", "2026-000001 · Lindenhof · 2")  # the back of the first sheet
    assert "2026-000002 · Lindenhof · 1" in texts[2]


def test_only_those_who_get_paper(closed):
    assert [one.account for one in documents_of(closed, JUNE, on_paper=True)] == ["=SUMME(A1)"]
    assert (anyone_on_paper(closed, JUNE), anyone_on_paper(closed, JULY)) == (True, False)
    assert render_together(documents_of(closed, JULY)) is None
