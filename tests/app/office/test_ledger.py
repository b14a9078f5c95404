"""The ledger in the office: what an auditor finds there, as pages and files, and changing its key."""

import csv
from datetime import UTC, datetime, timedelta
import hashlib
import io
import json
import re

import pytest
from sqlalchemy import Connection, insert

from evshare_app.books.schema import office_ticket
from evshare_app.ledger import templates
from evshare_app.ledger.ledger import post
from evshare_app.model import to_ms
from tests.app.house import BUILDING_ID, Furnished

JUNE, JULY = datetime(2026, 6, 10, 12, tzinfo=UTC), datetime(2026, 7, 1, 6, tzinfo=UTC)


def event(id_: str, occurred: datetime, reason: str) -> templates.Event:
    return templates.Event(transaction_id=id_, occurred=occurred, actor="office:maria", reason=reason, currency="EUR")


def book(conn: Connection) -> None:
    """In June 50.00 come that nobody knows, 20.00 of which are put aside in July; a fee of 1.25 is kept then."""
    post(conn, templates.unknown_receipt(event("t1", JUNE, "=cash(1)"), 5000), JUNE)
    post(conn, templates.reserved(event("t2", JULY, "owners' meeting"), 2000, "2500"), JULY)
    post(conn, templates.fee_kept(event("t3", JULY, "bank fee"), 125, "1100"), JULY)


@pytest.fixture
async def booked(furnished: Furnished) -> Furnished:
    await furnished.house.app.books.write(book)
    return furnished


def numbers(text: str) -> list[int]:
    return [int(one) for one in re.findall(r'href="/office/ledger/entries/(\d+)"', text)]


async def table(booked: Furnished, address: str) -> list[list[str]]:
    answer = await booked.office.get(f"/office/ledger/files/{address}")
    assert answer.headers["Content-Type"].startswith("text/csv")
    return list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))


async def test_the_journal_is_there_newest_first_by_account_and_month(booked: Furnished) -> None:
    office = booked.office
    assert numbers((await office.get("/office/ledger")).text) == [3, 2, 1]
    assert numbers((await office.get("/office/ledger?account=1100")).text) == [3, 1]
    # 1 July, 08:00 in Berlin, is July there.
    assert numbers((await office.get("/office/ledger?month=2026-07")).text) == [3, 2]
    assert numbers((await office.get("/office/ledger?account=2500&month=2026-06")).text) == [1]
    assert numbers((await office.get("/office/ledger?page=2")).text) == []
    for wrong in ("account=9999", "month=June"):
        assert (await office.get(f"/office/ledger?{wrong}")).status == 404


async def test_the_journal_goes_on_over_pages(booked: Furnished) -> None:
    def more(conn: Connection) -> None:
        for number in range(4, 56):
            post(conn, templates.fee_kept(event(f"t{number}", JULY, "fee"), 1, "1100"), JULY)

    await booked.house.app.books.write(more)
    assert numbers((await booked.office.get("/office/ledger?month=2026-07")).text) == [*range(55, 5, -1)]
    assert numbers((await booked.office.get("/office/ledger?month=2026-07&page=2")).text) == [5, 4, 3, 2]


async def test_balances_are_those_of_the_month(booked: Furnished) -> None:
    """By hand: the bank had 50.00 and has 48.75; 30.00 are of nobody known, 20.00 put aside, 1.25 a cost."""
    heading, *rows = await table(booked, "balances.csv?month=2026-07")
    assert heading == ["account", "name", "before", "debit", "credit", "after"]
    assert rows == [
        ["1100", "Bank", "50.00", "0.00", "1.25", "48.75"],
        ["2400", "Put aside", "0.00", "0.00", "20.00", "-20.00"],
        ["2500", "Received, not known from whom", "-50.00", "20.00", "0.00", "-30.00"],
        ["5200", "Cost: payment fees", "0.00", "1.25", "0.00", "1.25"],
    ]
    page = (await booked.office.get("/office/ledger/balances?month=2026-07")).text
    together = re.search(r"<tfoot>(.*?)</tfoot>", page, re.DOTALL)
    assert together
    assert re.findall(r"\d+[.,]\d\d", together[1]) == ["0,00", "21,25", "21,25", "0,00"]
    told = json.loads((await booked.office.get("/office/ledger/files/balances.json?month=2026-06")).text)
    assert (told["month"], told["balances"][0]["after_minor"]) == ("2026-06", 5000)


async def test_journal_files_have_everything_and_no_formula(booked: Furnished) -> None:
    rows = await table(booked, "journal.csv?account=2500")
    assert [row[0] for row in rows] == ["number", "1", "1", "2", "2"]
    heading = rows[0]
    assert rows[1][heading.index("reason")] == "'=cash(1)"
    assert [rows[2][heading.index(name)] for name in ("account", "debit", "credit")] == ["2500", "", "50.00"]
    told = json.loads((await booked.office.get("/office/ledger/files/journal.json")).text)
    first, second, _ = told["journal"]
    assert first["postings"] == [
        {"account": "1100", "amount_minor": 5000, "currency": "EUR"},
        {"account": "2500", "amount_minor": -5000, "currency": "EUR"},
    ]
    assert (first["previous_hash"], second["previous_hash"]) == ("0" * 64, first["hash"])
    for missing in ("journal.pdf", "nothing.csv"):
        assert (await booked.office.get(f"/office/ledger/files/{missing}")).status == 404


async def test_an_entry_shows_what_is_hashed(booked: Furnished) -> None:
    """What the page shows as content gives the hash it shows, worked out here."""
    page = (await booked.office.get("/office/ledger/entries/2")).text
    said = re.sub(r"&#39;|&#34;|&quot;", lambda one: "'" if one[0] == "&#39;" else '"', page)
    content = re.search(r"\{\"actor\".*?\}(?=</dd>)", said)
    hash_, before = re.findall(r'<dd class="mono">([0-9a-f]{64})</dd>', page)
    assert content
    assert hashlib.sha256(bytes.fromhex(before) + content[0].encode()).hexdigest() == hash_
    assert "as it was booked" in page
    for missing in ("9", "0", "x"):
        assert (await booked.office.get(f"/office/ledger/entries/{missing}")).status == 404


# --- the key -----------------------------------------------------------------------------------------------------


async def ticket(booked: Furnished, secret: str, user_id: str) -> str:
    """A link of evshare.office_link."""
    row = {"building_id": BUILDING_ID, "ticket_hash": hashlib.sha256(secret.encode()).hexdigest(), "name": "Maria"}
    row |= {"user_id": user_id, "expires_ms": to_ms(booked.house.clock.now + timedelta(minutes=1))}
    await booked.house.app.books.write(lambda conn: conn.execute(insert(office_ticket).values(**row)))
    return f"http://office/sign-in#{secret}"


async def own_id(booked: Furnished) -> str:
    return await booked.house.app.books.read(
        lambda conn: conn.exec_driver_sql("SELECT user_id FROM office_session WHERE role = 'manager'").scalar_one()
    )


async def test_the_key_is_changed_by_who_has_just_come_in(booked: Furnished) -> None:
    office, closing = booked.office, booked.house.app.closing
    first = await closing.ledger_key()
    page = await office.get("/office/ledger/signatures")
    assert first in page.text
    assert 'name="ticket"' not in page.text
    wrong = await office.submit(page, "/office/ledger/key", digits="0123456789abcdef", meant="yes")
    assert wrong.status == 400
    assert "the 16 digits of the key in force" in wrong.text
    unsure = await office.submit(page, "/office/ledger/key", digits=first)
    assert unsure.status == 400
    assert await closing.ledger_key() == first
    done = await office.submit(page, "/office/ledger/key", digits=first, meant="yes")
    second = await closing.ledger_key()
    assert second != first
    assert "The key is changed." in done.text
    assert re.findall(r'<dt class="mono">(\w{16})</dt>', done.text) == [second, first]


async def test_who_came_in_earlier_needs_a_link_of_their_own(booked: Furnished) -> None:
    office, closing = booked.office, booked.house.app.closing
    booked.house.clock.now += timedelta(minutes=11)
    first, me = await closing.ledger_key(), await own_id(booked)
    page = await office.get("/office/ledger/signatures")
    assert 'name="ticket"' in page.text
    somebodys = await ticket(booked, "secret-1", "another-user")
    for link in ("", somebodys, "http://office/sign-in#made-up"):
        refused = await office.submit(page, "/office/ledger/key", digits=first, meant="yes", ticket=link)
        assert refused.status == 400, link
        assert "evshare.office_link" in refused.text
    assert await closing.ledger_key() == first
    own = await ticket(booked, "secret-2", me)
    assert (await office.submit(page, "/office/ledger/key", digits=first, meant="yes", ticket=own)).status == 200
    assert await closing.ledger_key() != first
