"""One resident's July through all of the app: link, books, office, statement, phone, payment."""

from datetime import UTC, datetime, timedelta
import re

from tests.app.house import Furnished, House, role_admin


async def test_a_session_becomes_a_statement_that_is_paid(furnished: Furnished) -> None:
    house, integration, phone = furnished.house, furnished.integration, furnished.phone
    start = datetime(2026, 7, 1, 18, 0, tzinfo=UTC)
    integration.charge("stall-1", "res-1", start, start + timedelta(hours=2), 12_000)
    assert (await integration.deliver())["ack_seq"] == len(integration.journal)

    house.clock.now = datetime(2026, 8, 1, 8, 0, tzinfo=UTC)
    office = await house.office(integration)
    month = await office.get("/office/month?month=2026-07")
    assert "3,60" in month.text  # 12 kWh at 0.30
    closed = await office.submit(month, "/office/month/close")
    assert "The month is closed" in closed.text

    statements = await phone.get("/statements")
    assert "3,60" in statements.text
    assert "Open" in statements.text

    action = re.search(r'action="(/office/statements/[^"]+/transfer)"', closed.text)
    assert action
    await office.submit(closed, action[1], amount="3.60", day="2026-08-01", entry="bank-1")
    assert "Paid" in (await phone.get("/statements")).text
    assert "All is well" in (await office.get("/office/checks")).text


async def test_the_app_comes_back_with_everything_it_had(house: House) -> None:
    integration = house.integration()
    integration.decide = role_admin
    integration.charge("stall-1", "res-1", house.clock.now - timedelta(hours=3), house.clock.now, 9_000)
    await integration.connect()
    await integration.deliver()
    office = await house.office(integration)
    phone = await house.phone(office)
    token = house.app.pairing_token
    await house.app.stop()

    await house.app.start()
    assert house.app.pairing_token == token
    again = house.integration()
    again.incarnation, again.journal = integration.incarnation, integration.journal
    assert (await again.connect())["ack_seq"] == len(integration.journal)
    phone.origin = f"http://127.0.0.1:{house.app.portal_port}"
    assert "9,00" in (await phone.get("/sessions")).text
