"""A session somebody says was not theirs: from the press to the decision, and where the money goes."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
import re
from typing import Any

import pytest
from sqlalchemy import func, select

from evshare_app.books import schema
from evshare_app.ledger.accounts import ENERGY, WRITTEN_OFF, receivable
from evshare_app.ledger.ledger import balance, verify
from evshare_app.model import AccountId
from evshare_app.statement.checks import run_checks
from evshare_app.statement.files import frozen_document
from tests.app.house import NOW, Browser, Furnished, House, free_stall, live_session, open_house, plugged_stall
from tests.app.office.telling import told_card

TEN_KWH = 10_000  # at 0.30 per kWh: 3.00


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Furnished]:
    async with open_house(tmp_path) as house:
        furnished = await Furnished.of(house)
        await furnished.integration.cards([told_card(1, "res-1", label="Blue tag", weak=True)], [])
        yield furnished


async def charge_by_card(place: Furnished, hours_ago: float = 3, resident_id: str = "res-1") -> str:
    integration = place.integration
    delivered, end = len(integration.journal), place.house.clock.now - timedelta(hours=hours_ago)
    session_id = integration.begin("stall-1", resident_id, end - timedelta(hours=1), credential_id="card-1")
    integration.cut("stall-1", session_id, end - timedelta(hours=1), end, TEN_KWH)
    integration.finish("stall-1", session_id, end, TEN_KWH)
    await integration.deliver(delivered)
    return session_id


async def question(browser: Browser, session_id: str, text: str = "I was away") -> Any:
    page = await browser.get(f"/sessions/{session_id}")
    return await browser.submit(page, f"/sessions/{session_id}/dispute", text=text)


async def decide(office: Browser, session_id: str, how: str, note: str = "") -> Any:
    page = await office.get("/office/disputes")
    fields = page.form(f"/office/disputes/{session_id}/uphold") | {"note": note}
    return await office.post(f"/office/disputes/{session_id}/{how}", fields)


async def close(house: House, office: Browser, month: str) -> Any:
    page = await office.get(f"/office/month?month={month}")
    return await office.submit(page, "/office/month/close")


async def in_books(house: House, read: Any) -> Any:
    return await house.app.books.read(read)


async def account_of(house: House, resident_id: str = "res-1") -> AccountId:
    found = select(schema.resident.c.account_id).where(schema.resident.c.resident_id == resident_id)
    return AccountId(await in_books(house, lambda conn: conn.scalar(found)))


async def failed_checks(house: House) -> list[str]:
    return [check.name for check in await in_books(house, run_checks) if not check.ok]


async def test_within_a_day_a_session_can_be_questioned_and_its_cost_is_parked(place: Furnished) -> None:
    session_id = await charge_by_card(place)
    assert "3,00" in (await place.phone.get("/sessions")).text
    page = await question(place.phone, session_id)
    assert "In question" in page.text
    assert "3,00" in page.text
    assert "3,00" not in (await place.phone.get("/sessions")).text
    assert "3,00" not in (await place.phone.get("/")).text.split("Cost so far")[1].split("</dl>")[0]
    assert (await place.phone.get(f"/sessions/{session_id}/receipt")).status == 404
    assert "/dispute" not in page.text  # once


@pytest.mark.parametrize(("hours", "may"), [(23.9, True), (24, False)])
async def test_a_day_after_its_end_it_is_too_late(place: Furnished, hours: float, may: bool) -> None:
    session_id = await charge_by_card(place, hours)
    page = await place.phone.get(f"/sessions/{session_id}")
    assert ("/dispute" in page.text) == may
    csrf = re.search(r'name="csrf" value="([^"]+)"', (await place.phone.get("/me")).text)
    assert csrf
    answered = await place.phone.post(f"/sessions/{session_id}/dispute", {"csrf": csrf[1], "text": ""})
    assert ("within 24 hours after the end" in answered.text) == (not may)


async def test_nobody_questions_a_session_of_somebody_else(place: Furnished) -> None:
    session_id = await charge_by_card(place, resident_id="res-2")
    csrf = re.search(r'name="csrf" value="([^"]+)"', (await place.phone.get("/me")).text)
    assert csrf
    for path in ("dispute", "block-card"):
        answered = await place.phone.post(f"/sessions/{session_id}/{path}", {"csrf": csrf[1], "text": "mine"})
        assert answered.status == 404
    assert "Nothing is in question" in (await place.office.get("/office/disputes")).text


async def running(place: Furnished) -> str:
    integration, begun = place.integration, NOW - timedelta(minutes=30)
    session_id = integration.begin("stall-1", "res-1", begun, credential_id="card-1")
    integration.cut("stall-1", session_id, begun, NOW, TEN_KWH)
    await integration.deliver()
    session = live_session(session_id, "res-1", begun, credential_kind="card", credential_id="card-1")
    await integration.live(plugged_stall(1, begun, status="charging", session=session), free_stall(2))
    return session_id


async def test_a_running_session_is_stopped_first(place: Furnished) -> None:
    session_id = await running(place)
    page = await question(place.phone, session_id)
    asked = place.integration.asked[-1]
    assert (asked["what"], asked["body"]) == (
        "stop",
        {"session_id": session_id, "by": "resident", "resident_id": "res-1"},
    )
    assert "In question" in page.text
    # What it comes to is known, and can be decided, when its end has arrived.
    answered = await decide(place.office, session_id, "uphold")
    assert answered.status == 409
    assert "until its end has arrived" in answered.text


async def test_where_the_house_does_not_answer_it_is_said_and_nothing_is_parked(place: Furnished) -> None:
    session_id = await running(place)
    await place.integration.disconnect()
    await place.house.unlinked()
    page = await question(place.phone, session_id, "I was in Lyon")
    assert "could not be stopped" in page.text
    assert ">\nI was in Lyon</textarea>" in page.text
    assert "In question" not in page.text


async def test_the_card_can_be_blocked_from_there(place: Furnished) -> None:
    session_id = await charge_by_card(place)
    page = await place.phone.get(f"/sessions/{session_id}")
    assert "Block the card “Blue tag”" in page.text
    blocked = await place.phone.submit(page, f"/sessions/{session_id}/block-card")
    asked = place.integration.asked[-1]
    assert asked["what"] == "change_card"
    assert asked["body"]["card_id"] == "card-1"
    assert asked["body"]["blocked"] is True
    assert "The card that was used is blocked" in blocked.text


async def test_the_office_sees_how_it_came_about(place: Furnished) -> None:
    session_id = await charge_by_card(place)
    await question(place.phone, session_id, "I was in <Rome>")
    page = await place.office.get("/office/disputes")
    for shown in ("Ada Larsen", "Stall 1", "I was in &lt;Rome&gt;", "“Blue tag”", "4-byte number", "10,00", "3,00"):
        assert shown in page.text, shown
    assert "plug-in number 3 of this stall" in page.text
    assert "unplugged" in page.text
    board = await place.house.invited(place.office, "board")
    seen = await board.get("/office/disputes")
    assert "Ada Larsen" in seen.text
    assert "/uphold" not in seen.text
    technician = await place.house.invited(place.office, "technician")
    assert (await technician.get("/office/disputes")).status == 403


async def test_upheld_it_is_on_no_statement_for_ever_and_the_ledger_says_why(place: Furnished) -> None:
    house = place.house
    session_id = await charge_by_card(place)
    await charge_by_card(place, 2)
    await question(place.phone, session_id)
    page = await decide(place.office, session_id, "uphold", "The card was copied.")
    assert "Nobody owes it now" in page.text
    house.clock.now = datetime(2026, 8, 1, 8, tzinfo=UTC)
    office = await house.office(place.integration)
    preview = await office.get("/office/month?month=2026-07")
    assert "10,0" in preview.text.split("billed to no one")[0].rpartition("<b>")[2]
    assert (await close(house, office, "2026-07")).status == 200
    account = receivable(await account_of(house))
    # One of the two: 3.00 billed and owed, 3.00 written off; both are worth what they would have been.
    for name, minor in ((account, 300), (WRITTEN_OFF, 300), (ENERGY, -600)):
        assert await in_books(house, lambda conn, name=name: balance(conn, name)) == minor, name
    assert (await in_books(house, verify)).ok
    assert await failed_checks(house) == []
    ada = await house.phone(office)
    assert "It was not your car" in (await ada.get("/notices")).text
    assert "The card was copied." in (await ada.get(f"/sessions/{session_id}")).text


async def test_while_it_is_open_the_month_closes_without_it_and_rejected_it_comes_next(place: Furnished) -> None:
    house = place.house
    session_id = await charge_by_card(place)
    await charge_by_card(place, 2)
    await question(place.phone, session_id)
    house.clock.now = datetime(2026, 8, 1, 8, tzinfo=UTC)
    office = await house.office(place.integration)
    preview = await office.get("/office/month?month=2026-07")
    assert "Disputed session: the one at Stall 1 that began on 2026-07-02 14:30 is left out" in preview.text
    assert (await close(house, office, "2026-07")).status == 200
    billed = select(func.sum(schema.statement.c.gross_minor))
    assert await in_books(house, lambda conn: conn.scalar(billed)) == 300
    assert "a reason the resident is told" in (await decide(office, session_id, "reject")).text
    await decide(office, session_id, "reject", "Your neighbours saw your car.")
    house.clock.now = datetime(2026, 9, 1, 8, tzinfo=UTC)
    office = await house.office(place.integration)
    assert (await close(house, office, "2026-08")).status == 200
    assert await in_books(house, lambda conn: conn.scalar(billed)) == 600
    assert await in_books(house, lambda conn: balance(conn, WRITTEN_OFF)) == 0
    assert await failed_checks(house) == []
    ada = await house.phone(office)
    assert "Your neighbours saw your car." in (await ada.get("/notices")).text


async def test_upheld_after_the_statement_came_the_account_gets_it_back(place: Furnished) -> None:
    house = place.house
    house.clock.now = datetime(2026, 7, 31, 21, tzinfo=UTC)
    session_id = await charge_by_card(place, 1)
    house.clock.now = datetime(2026, 8, 1, 8, tzinfo=UTC)
    office = await house.office(place.integration)
    assert (await close(house, office, "2026-07")).status == 200
    ada = await house.phone(office)
    page = await question(ada, session_id)
    assert "is on statement 2026-000001 already" in page.text
    assert "left out" not in (await office.get("/office/month?month=2026-07")).text
    await decide(office, session_id, "uphold")
    assert (await in_books(house, verify)).ok
    account = receivable(await account_of(house))
    for name, minor in ((account, 0), (WRITTEN_OFF, 300), (ENERGY, -300)):
        assert await in_books(house, lambda conn, name=name: balance(conn, name)) == minor, name
    assert await failed_checks(house) == []
    statements = (await ada.get("/statements")).text
    assert (statements.count(">Paid<"), statements.count(">Credit note<")) == (1, 1)
    # The month was closed: its statement stays, and a credit note says what is taken back.
    back = "Credit note CN2026-000001 gives 3,00\N{NO-BREAK SPACE}€ back."
    for path in ("/notices", f"/sessions/{session_id}"):
        assert back in unescape((await ada.get(path)).text), path
    note = select(schema.statement.c.statement_id).where(schema.statement.c.kind == "credit_note")
    note_id = await in_books(house, lambda conn: conn.scalar(note))
    assert f'/office/statements/{note_id}">Credit note CN2026-000001</a>' in (await office.get("/office/disputes")).text
    assert ">Credit note<" in (await ada.get(f"/statements/{note_id}")).text
    assert (await office.get("/office/month?month=2026-07")).text.count(">Credit note<") == 1
    document = await in_books(house, lambda conn: frozen_document(conn, note_id))
    assert (document.to_pay.minor, document.reason) == (-300, "It was not your car.")
    assert document.ledger_key == await house.app.closing.ledger_key()


async def test_it_is_decided_once(place: Furnished) -> None:
    session_id = await charge_by_card(place)
    await question(place.phone, session_id)
    page = await place.office.get("/office/disputes")
    fields = page.form(f"/office/disputes/{session_id}/uphold") | {"note": "yes"}
    assert (await place.office.post(f"/office/disputes/{session_id}/uphold", fields)).status == 200
    again = await place.office.post(f"/office/disputes/{session_id}/reject", fields)
    assert again.status == 409
    written_off = await in_books(place.house, lambda conn: balance(conn, WRITTEN_OFF))
    assert written_off == 300
