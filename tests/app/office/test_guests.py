"""Guest passes in the office: the manager makes them for any resident and withdraws any, the board looks on."""

from datetime import timedelta
import re

from sqlalchemy import select

from evshare_app.books.access_tables import guest_pass
from tests.app.house import NOW, Furnished, free_stall, live_session, plugged_stall

WANTED = {"label": "Plumber", "kwh": "10", "money": "5", "days": "2", "uses": "3", "stalls": "all"}


async def pass_id(furnished: Furnished) -> str:
    return str(await furnished.house.app.books.read(lambda conn: conn.scalar(select(guest_pass.c.pass_id))))


async def test_the_manager_makes_a_pass_in_a_residents_name_and_is_shown_its_link_once(furnished: Furnished) -> None:
    page = await furnished.office.get("/office/guests")
    made = await furnished.office.submit(page, "/office/guests", resident="res-2", **WANTED)
    assert "Guest pass of Bo Meyer" in made.text
    token = re.search(r"/g#([A-Za-z0-9_-]{22})", made.text)
    assert token
    row = await furnished.house.app.books.read(lambda conn: conn.execute(select(guest_pass)).one())
    assert (row.resident_id, row.made_by, row.payer) == ("res-2", "office:u1", "host")
    assert (row.cap_wh, row.cap_minor, row.uses, row.label) == (10_000, 500, 3, "Plumber")
    assert row.expires_ms - row.created_ms == 2 * 24 * 3600 * 1000
    listed = await furnished.office.get("/office/guests")
    assert "Plumber" in listed.text
    assert token[1] not in listed.text
    # The host sees it too, and that it was not made by them.
    phone = await furnished.house.phone(furnished.office, "res-2")
    assert "by the manager" in (await phone.get(f"/guests/{row.pass_id}")).text


async def test_a_pass_needs_a_resident_who_lives_here(furnished: Furnished) -> None:
    page = await furnished.office.get("/office/guests")
    moving = await furnished.office.get("/office/residents/res-2")
    day = f"{NOW - timedelta(days=1):%Y-%m-%d}"
    await furnished.office.submit(moving, "/office/residents/res-2/moving", moves_in="", moves_out=day)
    for whose in ("res-2", "nobody"):
        refused = await furnished.office.submit(page, "/office/guests", resident=whose, **WANTED)
        assert refused.status == 400
        assert refused.wrong == "resident"
    assert await pass_id(furnished) == "None"


async def test_five_valid_passes_of_a_resident_are_the_most_for_the_manager_too(furnished: Furnished) -> None:
    for _ in range(5):
        await furnished.house.make_pass(furnished.office)
    page = await furnished.office.get("/office/guests")
    refused = await furnished.office.submit(page, "/office/guests", resident="res-1", **WANTED)
    assert refused.status == 409
    assert "5 valid passes" in refused.text
    assert (await furnished.office.submit(page, "/office/guests", resident="res-2", **WANTED)).status == 200


async def test_a_pass_withdrawn_in_the_office_starts_nothing_and_lets_run_what_charges(furnished: Furnished) -> None:
    token = await furnished.house.make_pass(furnished.office)
    guest, here = await furnished.house.guest_with(token), f"/s/{furnished.code}/guest"
    await furnished.integration.live(plugged_stall(1, NOW), free_stall(2))
    page = await guest.get(here)
    mine = f"/office/guests/{await pass_id(furnished)}"
    running = live_session("5" * 32, "res-1", NOW, credential_kind="pass", credential_id=mine.rpartition("/")[2])
    await furnished.integration.live(plugged_stall(2, NOW, status="charging", session=running))
    said = await furnished.office.submit(await furnished.office.get(mine), f"{mine}/revoke")
    assert "what is charging goes on" in said.text
    await guest.submit(page, f"{here}/start", mode="fast")
    assert [ask["what"] for ask in furnished.integration.asked if ask["what"] in ("start", "stop")] == []
    assert (await furnished.house.stranger().post("/g", {"token": token})).status == 404


async def test_the_board_sees_passes_and_no_way_to_make_or_withdraw_one(furnished: Furnished) -> None:
    await furnished.house.make_pass(furnished.office, label="Plumber")
    board = await furnished.house.invited(furnished.office, "board")
    for path in ("/office/guests", f"/office/guests/{await pass_id(furnished)}"):
        page = await board.get(path)
        assert "Plumber" in page.text
        assert "Make the pass" not in page.text
        assert "revoke" not in page.text
        assert "Make a new link" not in page.text


async def test_a_technician_sees_no_passes(furnished: Furnished) -> None:
    await furnished.house.make_pass(furnished.office)
    technician = await furnished.house.invited(furnished.office, "technician")
    assert (await technician.get(f"/office/guests/{await pass_id(furnished)}")).status == 403
    assert "/office/guests" not in (await technician.get("/office")).text


async def test_a_form_comes_back_as_it_was_filled_in_and_what_another_site_sends_does_not(furnished: Furnished) -> None:
    page = await furnished.office.get("/office/guests")
    wrong = WANTED | {
        "resident": "res-2",
        "payer": "building",
        "kwh": "a lot",
        "stalls": "chosen",
        "stall:stall-2": "1",
    }
    shown = await furnished.office.submit(page, "/office/guests", **wrong)
    assert (shown.status, shown.wrong) == (400, "kwh")
    for kept in (
        'name="label" required maxlength="60" autocomplete="off" value="Plumber"',
        'value="a lot"',
        '<option value="res-2" selected>',
        'name="payer" value="building" checked',
        'name="stalls" value="chosen" checked',
        'name="stall:stall-2" value="1" checked',
    ):
        assert kept in shown.text
    # What came back can be corrected and sent.
    right = wrong | {"kwh": "10"}
    assert "Guest pass of Bo Meyer" in (await furnished.office.submit(shown, "/office/guests", **right)).text
    foreign = await furnished.office.post("/office/guests", wrong)
    assert foreign.status == 403
    assert "Plumber" not in foreign.text
