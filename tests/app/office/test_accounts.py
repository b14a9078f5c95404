"""Units, accounts and plans in the office: who owes, from which day, and what they are told of it."""

from datetime import timedelta
import re

from tests.app.house import NOW, Browser, Furnished, Page


def text_of(page: Page) -> str:
    """Return what a page says, without its elements and with single spaces."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).replace("\N{NO-BREAK SPACE}", " ").split())


def option(page: Page, name: str) -> str:
    """Return the value of the option with this text."""
    found = re.search(rf'<option value="([^"]+)"[^>]*>{re.escape(name)}</option>', page.text)
    assert found, f"no option {name!r} on {page.address}"
    return found[1]


async def account_of(office: Browser, name: str) -> str:
    """Return the address of an account's page."""
    page = await office.get("/office/accounts")
    found = re.search(rf'href="(/office/accounts/[0-9a-f]+)">\s*<span class="main"><strong>{name}</strong>', page.text)
    assert found, page.text
    return found[1]


async def told_of(furnished: Furnished, resident_id: str) -> dict[str, object] | None:
    """Return what the integration was told last that a resident may."""
    await furnished.integration.settled()
    last = [one for one in furnished.integration.told if one["what"] == "rules"][-1]
    return next((one for one in last["body"]["residents"] if one["resident_id"] == resident_id), None)


async def test_a_flat_keeps_the_shares_it_had(furnished: Furnished) -> None:
    office = furnished.office
    page = await office.get("/office/accounts")
    page = await office.submit(page, "/office/units", name="Flat 1", share="81", since="2026-01-01")
    unit = re.search(r'action="(/office/units/[0-9a-f]+)"', page.text)
    assert unit
    page = await office.submit(page, unit[1], share="83", since="2026-07-01")
    said = text_of(page)
    assert "from 1 Jan 2026 81 from 1 Jul 2026 83" in said
    assert "83 shares in all" in said


async def test_a_share_that_is_none_is_said_beside_its_field(furnished: Furnished) -> None:
    page = await furnished.office.get("/office/accounts")
    page = await furnished.office.submit(page, "/office/units", name="Flat 1", share="many", since="2026-01-01")
    assert page.status == 400
    assert page.wrong == "share"
    assert 'value="Flat 1"' in page.text


async def test_an_employer_owes_from_the_day_on(furnished: Furnished) -> None:
    office = furnished.office
    made = await office.submit(
        await office.get("/office/accounts"), "/office/accounts", name="Nordwind GmbH", kind="employer"
    )
    employer = made.address.partition("?")[0]
    page = await office.get("/office/accounts")
    fields = {"resident": "res-1", "account": employer.rpartition("/")[2], "unit": "", "since": "2026-07-02"}
    page = await office.submit(page, "/office/payers", **fields)
    assert "Nordwind GmbH Ada Larsen" in text_of(page)
    on_it = text_of(await office.get(employer))
    assert "Employer" in on_it
    assert "Ada Larsen from" in on_it
    page = await office.submit(await office.get(employer), employer, name="Nordwind", address="Kai 1", paper="1")
    assert ">Kai 1</textarea>" in page.text
    assert 'name="paper" value="1" checked' in page.text


async def test_a_stall_has_a_holder(furnished: Furnished) -> None:
    office = furnished.office
    page = await office.get("/office/accounts")
    fields = {"stall": "stall-2", "account": option(page, "Bo Meyer"), "since": "2026-07-01"}
    page = await office.submit(page, "/office/holders", **fields)
    assert "Stall 1 everybody’s Stall 2 Bo Meyer" in text_of(page)


async def test_a_plan_that_cannot_be_is_shown_again(furnished: Furnished) -> None:
    page = await furnished.office.get("/office/plans")
    fields = {"name": "Commuters", "kind": "prepaid", "family": "house", "included": "100"}
    page = await furnished.office.submit(page, "/office/plans", **fields)
    assert (page.status, page.wrong) == (400, "included")
    assert 'value="Commuters"' in page.text
    assert "On offer None yet" in text_of(await furnished.office.get("/office/plans"))


async def test_a_group_is_on_a_plan_and_leaves_it(furnished: Furnished) -> None:
    office = furnished.office
    page = await office.get("/office/plans")
    bo = option(page, "Bo Meyer").removeprefix("account:")
    page = await office.submit(page, "/office/groups", account=bo, group="Owners")
    fields = {"kind": "subscription", "family": "house", "base_fee": "9.90", "included": "50", "rollover": "1"}
    page = await office.submit(page, "/office/plans", name="Fifty", **fields)
    page = await office.submit(page, "/office/plan-of", whom="group:Owners", plan=option(page, "Fifty"))
    said = text_of(page)
    assert "Fifty Subscription · tariff “house” · €9.90 a month · 50 kWh included, what is left stays for a month" in (
        said.replace("9,90 €", "€9.90")
    )
    assert "Fifty" in text_of(await office.get(await account_of(office, "Bo Meyer")))
    assert "offer no more" not in said.lower()
    page = await office.post("/office/groups/leave", page.form("/office/groups") | {"account": bo, "group": "Owners"})
    assert "Owners nobody" in text_of(page)


async def test_money_paid_in_advance_limits_what_is_charged(furnished: Furnished) -> None:
    """6 € at 0.30 € per kWh are 20 kWh; after 15 kWh of them 1.50 € are left, 5 kWh."""
    office, integration = furnished.office, furnished.integration
    page = await office.submit(
        await office.get("/office/plans"),
        "/office/plans",
        name="In advance",
        kind="prepaid",
        family="house",
        low_balance="2",
    )
    fields = {"whom": option(page, "Ada Larsen"), "plan": option(page, "In advance")}
    await office.submit(page, "/office/plan-of", **fields)
    assert (await told_of(furnished, "res-1") or {})["left_wh"] == 0
    assert await told_of(furnished, "res-2") is None

    account = await account_of(office, "Ada Larsen")
    booked = {"amount": "6", "day": "2026-07-01", "into": "bank", "entry": "B-17"}
    page = await office.submit(await office.get(account), f"{account}/top-up", **booked)
    assert "The top-up is booked." in page.text
    assert (await told_of(furnished, "res-1") or {})["left_wh"] == 20_000
    again = await office.submit(page, f"{account}/top-up", **(booked | {"amount": "7"}))
    assert (again.status, again.wrong) == (400, "entry")

    integration.charge("stall-1", "res-1", NOW - timedelta(minutes=45), NOW - timedelta(minutes=5), 15_000)
    await integration.deliver()
    assert (await told_of(furnished, "res-1") or {})["left_wh"] == 5_000
    me = text_of(await furnished.phone.get("/me"))
    assert "€1.50 left" in me.replace("1,50 €", "€1.50")
    notices = text_of(await furnished.phone.get("/notices"))
    assert notices.count("Your prepaid balance is low") == 1


async def test_whoever_moved_out_gets_the_last_statement_at_once_and_once_only(furnished: Furnished) -> None:
    office, integration = furnished.office, furnished.integration
    # 10 kWh at 0.30 this month, and Ada is gone since.
    integration.charge("stall-1", "res-1", NOW - timedelta(hours=20), NOW - timedelta(hours=18), 10_000)
    await integration.deliver()
    await integration.disconnect()
    integration.building["residents"] = [one for one in integration.building["residents"] if one["id"] != "res-1"]
    await integration.connect()
    account = await account_of(office, "Ada Larsen")
    page = await office.get(account)
    done = await office.submit(page, f"{account}/move-out")
    assert "3,00 €" in text_of(done)
    again = await office.submit(page, f"{account}/move-out")
    assert again.status == 409
