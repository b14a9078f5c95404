"""Closing a month in the office: what is looked at is what is issued; then exports and corrections."""

from datetime import UTC, datetime, timedelta

from tests.app.house import Furnished

JULY_20 = datetime(2026, 7, 20, 18, tzinfo=UTC)
AUGUST_2 = datetime(2026, 8, 2, 8, tzinfo=UTC)
PAGE = "/office/month?month=2026-07"


async def a_july(furnished: Furnished):
    furnished.integration.charge("stall-1", "res-1", JULY_20, JULY_20 + timedelta(hours=2), 12_000)
    await furnished.integration.deliver()
    furnished.house.clock.now = AUGUST_2
    return await furnished.house.office(furnished.integration)


async def test_a_month_is_closed_as_it_was_looked_at(furnished: Furnished) -> None:
    office = await a_july(furnished)
    page = await office.get(PAGE)
    # Something comes in while the page is looked at.
    furnished.integration.charge("stall-2", "res-2", JULY_20, JULY_20 + timedelta(hours=1), 3_000)
    await furnished.integration.deliver()
    refused = await office.submit(page, "/office/month/close")
    assert refused.status == 409
    assert "has changed since you looked" in refused.text
    closed = await office.submit(await office.get(PAGE), "/office/month/close")
    assert closed.status == 200
    assert "2026-000002" in closed.text
    await furnished.house.app.closing.finish()
    done = await office.get(PAGE)
    assert "being closed" not in done.text
    assert "All is well" in (await office.get("/office/checks")).text


async def test_the_month_can_be_taken_along(furnished: Furnished) -> None:
    office = await a_july(furnished)
    await office.submit(await office.get(PAGE), "/office/month/close")
    for name, kind, begins in (
        ("print.pdf", "application/pdf", "%PDF-"),
        ("service-charge.csv", "text/csv", "\N{ZERO WIDTH NO-BREAK SPACE}Unit;Account"),
        ("lines.csv", "text/csv", "statement,kind"),
        ("statements.json", "application/json", "{"),
    ):
        async with office.http.get(f"{office.origin}/office/month/{name}?month=2026-07") as answer:
            content = (await answer.read())[:20].decode("utf-8", "replace")
            assert (answer.status, answer.content_type) == (200, kind)
            assert content.startswith(begins)
            assert f'filename="2026-07-{name}"' in answer.headers["Content-Disposition"]
    for missing in ("paper.pdf?month=2026-07", "other.csv?month=2026-07"):
        assert (await office.get(f"/office/month/{missing}")).status == 404
    assert (await office.get("/office/month/lines.csv?month=soon")).status == 400


async def test_a_statement_is_credited_in_part_and_then_put_right(furnished: Furnished) -> None:
    office = await a_july(furnished)
    closed = await office.submit(await office.get(PAGE), "/office/month/close")
    one = next(part.split('"')[0] for part in closed.text.split('href="') if part.startswith("/office/statements/"))
    one = one.removesuffix("/page")
    page = await office.get(one)
    assert "What stands of it" in page.text
    session = page.text.split('<select id="session"')[1].split('value="')[1].split('"')[0]
    missing = await office.submit(page, f"{one}/credit", of=session, amount="1.00", reason="")
    assert (missing.status, missing.wrong) == (400, "reason")
    too_much = await office.submit(page, f"{one}/credit", of=session, amount="99.00", reason="A wrong price")
    assert too_much.status == 409
    credited = await office.submit(page, f"{one}/credit", of=session, amount="1.00", reason="A wrong price")
    assert "The credit note is issued." in credited.text
    account = page.text.split('<select id="account"')[1].split(">Bo Meyer")[0].rsplit('value="', 1)[1].split('"')[0]
    moved = await office.submit(
        await office.get(one), f"{one}/correct", session=session, account=account, version="", reason="Bo's car"
    )
    assert "The corrected statements are issued." in moved.text
    listed = await office.get(PAGE)
    for number in ("2026-000001", "CN2026-000001", "CN2026-000002", "2026-000002"):
        assert number in listed.text
    assert "All is well" in (await office.get("/office/checks")).text
