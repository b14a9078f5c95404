"""Attacks on the whole running system: each leaves every simulated register where it was, and its reason in writing.

Real app, real Home Assistant, simulated wall connectors with hungry cars. Attackers use what they would have: a
photograph, a copied cookie, a captured address, a login without rights, a phone app. Expected reasons are written by
hand from docs/link.md and the texts people see. A test may run alone or in any order; all share one building.
"""

import asyncio
from collections.abc import Iterator
import re
import secrets
from uuid import uuid4

import pytest

from demo.stalls import Model
from demo.timetable import STRANGER_UID
from tests.app.portal.ntag import Ntag
from tests.e2e.people import Answer, HomeUser, Phone
from tests.e2e.shared_house import SharedHouse, open_shared, people_arrive, played

pytestmark = pytest.mark.timeout(300)

ADAS_CARD, DILEKS_CARD = "04A1B2C3D4E580", "0452FA11907780"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedHouse]:
    models = [Model.KEBA_P30, Model.GOE_HTTP_V2, Model.GOE_HTTP_V2]
    opened, close = open_shared(tmp_path_factory.mktemp("attacked"), models, people_arrive)
    try:
        yield opened
    finally:
        close()


@pytest.fixture(autouse=True)
def other_cars(house: SharedHouse) -> None:
    house.runner.run(house.cars_change())


async def intent_of(house: SharedHouse, phone: Phone, number: int) -> dict[str, str]:
    """What the start form of a stall's page holds."""
    page = await phone.get(house.page_of(number))
    return page.fields(f"{house.page_of(number)}/start") | {"mode": "fast"}


async def start(house: SharedHouse, phone: Phone, number: int) -> Answer:
    """Press start on a stall's page, as its owner would."""
    return await phone.post(f"{house.page_of(number)}/start", await intent_of(house, phone, number))


async def charges(house: SharedHouse, number: int) -> None:
    """Wait until the car charges: a legitimate one."""
    await house.until(lambda: house.stall(number).power_w > 3000)


async def stop(house: SharedHouse, phone: Phone, number: int) -> None:
    """Press stop, and wait until nothing flows any more."""
    page = await phone.get(house.page_of(number))
    answer = await phone.post(f"{house.page_of(number)}/stop", page.fields(f"{house.page_of(number)}/stop"))
    assert answer.said == "stopped", answer
    await house.until(lambda: house.stall(number).power_w == 0)
    await house.passes(10)


# --- whether this can fail at all -----------------------------------------------------------------------------------


@played
async def test_a_resident_at_the_stall_does_charge_so_that_zero_elsewhere_says_something(house: SharedHouse) -> None:
    await house.replug(3)
    mark = house.stall(3).mark()
    assert (await start(house, house.phones["Ivo"], 3)).said == "started"
    await charges(house, 3)
    await stop(house, house.phones["Ivo"], 3)
    assert house.stall(3).delivered_wh_since(mark) > 0
    with pytest.raises(AssertionError, match="Wh that flowed"):
        await _starts_where_nothing_may_flow(house)
    await stop(house, house.phones["Ivo"], 3)


async def _starts_where_nothing_may_flow(house: SharedHouse) -> None:
    async with house.nothing_flows(seconds=30):
        await house.replug(3)
        assert (await start(house, house.phones["Ivo"], 3)).said == "started"


# --- from afar ------------------------------------------------------------------------------------------------------


@played
async def test_a_photographed_qr_starts_nothing_at_a_car_that_came_long_ago(house: SharedHouse) -> None:
    await house.plugged_long_ago(2)
    async with house.nothing_flows() as evidence:
        answer = await start(house, house.phones["Chen"], 2)
    assert answer.said == "plug_too_old"
    assert evidence.denied() == [("phone", "plug_too_old")]
    assert evidence.authorised() == []


@played
async def test_a_photographed_qr_at_an_empty_stall_waits_three_minutes_and_then_nobody_gets_anything(
    house: SharedHouse,
) -> None:
    stall = house.stall(3)
    if stall.car is not None:
        stall.unplug()
    await house.passes(15)
    async with house.nothing_flows() as evidence:
        assert (await start(house, house.phones["Chen"], 3)).said == "started"
        await house.passes(200)
        await house.replug(3)
    assert evidence.ended() == ["no_plug"]


@played
async def test_a_strangers_phone_starts_nothing(house: SharedHouse) -> None:
    await house.replug(2)
    stranger = house.stranger()
    form = await intent_of(house, house.phones["Chen"], 2)
    async with house.nothing_flows() as evidence:
        page = await stranger.get(house.page_of(2))
        assert f"{house.page_of(2)}/start" not in page.text
        # Without anything, with nonsense, and with what was on somebody else's screen.
        for fields in ({"mode": "fast"}, {"mode": "fast", "intent": "x", "request_id": str(uuid4())}, form):
            assert (await stranger.post(f"{house.page_of(2)}/start", fields)).status == 403
        forged = house.stranger({"evs_d": secrets.token_urlsafe(32), "__Host-evs_d": secrets.token_urlsafe(32)})
        assert (await forged.post(f"{house.page_of(2)}/start", form)).status == 403
        await forged.close()
    assert evidence.app_log().count("Refused POST /s/{code}/start (403): no phone that may") == 4
    await stranger.close()


@played
async def test_an_intent_works_once_whatever_is_sent_again(house: SharedHouse) -> None:
    chen, page = house.phones["Chen"], f"{house.page_of(3)}/start"
    await house.replug(3)
    form = await intent_of(house, chen, 3)
    assert (await chen.post(page, form)).said == "started"
    await charges(house, 3)
    await stop(house, chen, 3)
    async with house.nothing_flows() as evidence:
        # The same nonce under another request id is no start; the same request gets its first answer, and no more.
        assert (await chen.post(page, form | {"request_id": str(uuid4())})).said == "page_too_old"
        assert (await chen.post(page, form)).said == "started"
        await house.passes(10)
        await house.replug(3)
        assert (await chen.post(page, form)).said == "started"
        assert (await chen.post(page, form | {"request_id": str(uuid4())})).said == "page_too_old"
        # Nor is it worth anything at another stall, or on another phone.
        await house.replug(2)
        elsewhere = f"{house.page_of(2)}/start"
        assert (await chen.post(elsewhere, form | {"request_id": str(uuid4())})).said == "page_too_old"
        bruno = await intent_of(house, house.phones["Bruno"], 3)
        theirs = form | {"csrf": bruno["csrf"], "request_id": str(uuid4())}
        assert (await house.phones["Bruno"].post(page, theirs)).said == "page_too_old"
    assert evidence.authorised() == []
    assert evidence.app_log().count("refused: page_too_old") == 4


@played
async def test_a_page_from_before_the_plug_was_pulled_starts_nothing_afterwards(house: SharedHouse) -> None:
    chen = house.phones["Chen"]
    await house.replug(3)
    form = await intent_of(house, chen, 3)
    await house.replug(3)
    async with house.nothing_flows() as evidence:
        assert (await chen.post(f"{house.page_of(3)}/start", form)).said == "plug_changed"
    assert evidence.denied() == [("phone", "plug_changed")]


@played
async def test_a_replayed_address_of_the_stalls_tag_is_no_presence(house: SharedHouse) -> None:
    chen, bruno = house.phones["Chen"], house.phones["Bruno"]
    page = await house.office.open("/office/tags")
    wanted = {"uid": "04 A1 5F 1E AC C0 40", "for": f"stall:{house.stall_id(2)}", "label": "Tag"}
    made = await house.office.send(page, "/office/tags", wanted)
    told = dict(re.findall(r"<dt>([^<]+)</dt><dd[^>]*>([^<]+)</dd>", made.html))
    address = re.sub(r"^https?://[^/]+", "", told["Address with placeholders"].replace("&amp;", "&"))
    meta_key, file_key = told["Key 1, SDM meta read"], told["Key 2, SDM file read"]
    tag = Ntag(uid="04A15F1EACC040", meta_key=meta_key, file_key=file_key, address=address)
    # Chen stood at the stall and read the tag; now both are at home, and Bruno has what Chen's phone showed.
    captured = tag.read()
    assert "you are here" in (await chen.get(captured)).text
    await house.plugged_long_ago(2)
    async with house.nothing_flows() as evidence:
        for phone in (chen, bruno):
            assert "used already" in (await phone.get(captured)).text
            assert (await start(house, phone, 2)).said == "plug_too_old"
        # A later reading somebody kept back loses its worth with the next one; one made up was never worth anything.
        kept, _ = tag.read(), await house.passes(1)
        await bruno.get(tag.read())
        await house.passes(200)
        for worthless in (kept, re.sub("c=[0-9A-F]{16}", f"c={secrets.token_hex(8).upper()}", tag.read())):
            await chen.get(worthless)
            assert (await start(house, chen, 2)).said == "plug_too_old"
    assert evidence.denied() == [("phone", "plug_too_old")] * 4
    assert evidence.app_log().count("an address of reading 1 came again") == 2
    assert evidence.app_log().count("an address of reading 2 came again") == 1


@played
async def test_a_stolen_cookie_dies_when_it_was_replaced_and_takes_both_phones_with_it(house: SharedHouse) -> None:
    hana = house.phones["Hana"]
    await house.replug(1)
    form = await intent_of(house, hana, 1)
    thief = house.stranger(hana.cookies)
    stolen = hana.cookies["evs_d"]
    house.age_cookie("Hana", days=31)
    await hana.get("/")
    assert hana.cookies["evs_d"] != stolen
    # The grace for requests that were on their way is ten minutes.
    await house.passes(11 * 60)
    await house.replug(1)
    async with house.nothing_flows() as evidence:
        assert (await thief.post(f"{house.page_of(1)}/start", form)).status == 403
        # Nobody can tell any more which of the two is Hana.
        for phone in (thief, hana):
            assert (await phone.post(f"{house.page_of(1)}/start", form)).status == 403
            assert f"{house.page_of(1)}/start" not in (await phone.get(house.page_of(1))).text
    assert "is signed out: a cookie it had replaced was used again" in evidence.app_log()
    notices = house.books("SELECT kind FROM notice WHERE resident_id = ?", house.resident_id("Hana"))
    assert [row["kind"] for row in notices] == ["phone_stolen"]
    await thief.close()


@played
async def test_another_sites_page_starts_nothing_with_a_residents_cookie(house: SharedHouse) -> None:
    await house.replug(1)
    bruno, path = house.phones["Bruno"], f"{house.page_of(1)}/start"
    form = await intent_of(house, bruno, 1)
    others_csrf = (await intent_of(house, house.phones["Chen"], 1))["csrf"]
    async with house.nothing_flows() as evidence:
        for headers in (
            {"Origin": "https://free-power.example", "Sec_Fetch_Site": "cross-site"},
            {"Origin": "https://free-power.example"},
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site"},
            {"Origin": "null"},
            {"Origin": None},
        ):
            assert (await bruno.post(path, form, **headers)).status == 403, headers
        await house.passes(61)
        for csrf in ({}, {"csrf": ""}, {"csrf": others_csrf}, {"csrf": form["csrf"][:-1] + "0"}):
            fields = {name: value for name, value in form.items() if name != "csrf"} | csrf
            # The last digit of a real one may have been that.
            if fields.get("csrf") != form["csrf"]:
                assert (await bruno.post(path, fields)).status == 403, csrf
    assert evidence.app_log().count("(403): sent by another site") == 6
    assert evidence.app_log().count("(403): without the page's own value") >= 3
    assert evidence.authorised() == []


@played
async def test_invitations_and_short_codes_cannot_be_guessed_at_the_rate_that_is_allowed(house: SharedHouse) -> None:
    link, code = await house.invite("Goran")
    phones_before = house.books("SELECT count(*) AS n FROM device")[0]["n"]
    guesser = house.stranger()
    async with house.nothing_flows() as evidence:
        # Whatever address it claims to come from.
        tried = 0
        while True:
            guess = {"token": f"ABCD-EFG{tried}"}
            answer = await guesser.post("/i", guess, X_Forwarded_For=f"203.0.113.{tried}")
            if answer.status == 429:
                break
            assert answer.status == 404
            tried += 1
            assert tried < 50
        assert tried == 5
        assert 100 <= answer.retry_after_s <= 120
        # One more every two minutes, at whichever door. The real code is young still, but five tries wore it out.
        for path, token in (("/i", code), ("/g", "ABCD-EFGH"), ("/i", secrets.token_urlsafe(16))):
            assert (await guesser.post(path, {"token": token})).status == 429
            await house.passes(121)
            assert (await guesser.post(path, {"token": token})).status == 404
    log = evidence.app_log()
    assert log.count("An invitation, a pass or a passkey was tried that does not work") == 8
    assert log.count("Refused POST /i (429): too often") == 3
    # A code lives ten minutes and dies with the fifth wrong try at any code.
    of_a_code = 5 / 32**8
    # An invitation lives 72 hours; all addresses together have 30 tries at once and 30 an hour.
    of_an_invitation = (30 + 30 * 72) / 2**128
    print(f"chance to guess a live short code: {of_a_code:.1e}, an invitation: {of_an_invitation:.1e}")  # noqa: T201
    assert of_a_code < 1e-11
    assert of_an_invitation < 1e-35
    assert house.books("SELECT count(*) AS n FROM device")[0]["n"] == phones_before
    await house.passes(600)
    # Whoever was invited comes in by the link all the same.
    assert (await guesser.post("/i", {"token": link})).status == 303
    await guesser.close()


# --- at the stall ---------------------------------------------------------------------------------------------------


@played
async def test_of_two_phones_at_one_stall_one_wins_and_there_is_one_session(house: SharedHouse) -> None:
    await house.replug(2)
    before, mark, stall = house.head(), house.stall(2).mark(), house.stall(2)
    phones = [house.phones["Chen"], house.phones["Bruno"]]
    forms = [await intent_of(house, phone, 2) for phone in phones]
    path = f"{house.page_of(2)}/start"
    answers = await asyncio.gather(*(phone.post(path, form) for phone, form in zip(phones, forms, strict=True)))
    said = [answer.said for answer in answers]
    assert sorted(said) == ["stall_in_use", "started"]
    await charges(house, 2)
    winner = phones[said.index("started")]
    await stop(house, winner, 2)
    (session,) = house.records("session_authorised", before)
    assert session["resident_id"] == house.resident_id(("Chen", "Bruno")[said.index("started")])
    assert [(body["credential_kind"], body["reason"]) for body in house.records("denied", before)] == [
        ("phone", "stall_in_use")
    ]
    # All that flowed is the winner's.
    (ended,) = house.records("session_ended", before)
    assert ended["session_id"] == session["session_id"]
    assert ended["energy_wh"] == stall.delivered_wh_since(mark) > 0
    # And the loser's next try with the same page is none.
    async with house.nothing_flows():
        loser = phones[said.index("stall_in_use")]
        assert (await loser.post(path, forms[said.index("stall_in_use")])).said == "stall_in_use"


@played
async def test_a_card_shown_while_a_connector_is_away_starts_nothing_then_or_later(house: SharedHouse) -> None:
    """At a reader on the wall, whose card Home Assistant hears at once."""
    await house.replug(2)
    async with house.nothing_flows(seconds=60) as evidence:
        await house.place.building.drop("stall-2")
        await house.passes(60)
        await house.stall(2).reboot()
        await house.stall(2).tap(ADAS_CARD)
        await house.passes(5)
        await house.place.building.restore("stall-2")
    assert evidence.denied() == [("card", "stall_unavailable")]
    assert evidence.authorised() == []


@played
async def test_a_card_shown_to_a_connector_that_nobody_heard_is_a_leftover_when_it_is_read(house: SharedHouse) -> None:
    """At a connector that reads cards itself, and still shows the card when it answers again."""
    await house.replug(1)
    async with house.nothing_flows() as evidence:
        await house.place.building.drop("stall-1")
        await house.passes(60)
        await house.stall(1).tap(ADAS_CARD)
        await house.passes(5)
        await house.place.building.restore("stall-1")
        await house.passes(90)
        # It was read, or this would say nothing: the same card shown now is a tap.
        assert evidence.authorised() == []
    await house.stall(1).tap(ADAS_CARD)
    await charges(house, 1)
    assert [body["credential_kind"] for body in evidence.authorised()] == ["card"]
    await house.passes(15)
    await house.stall(1).tap(STRANGER_UID)
    await house.passes(5)
    await house.stall(1).tap(ADAS_CARD)
    await house.until(lambda: house.stall(1).power_w == 0)
    await house.passes(70)


@played
async def test_a_card_shown_while_the_connector_boots_gives_no_more_than_its_booting_does(house: SharedHouse) -> None:
    """A KEBA opens by itself when it restarts (docs/limits.md), until it is found and closed; a card adds nothing."""
    await house.replug(1)
    mark, before = house.stall(1).mark(), house.head()
    await house.stall(1).reboot()
    await house.passes(10)
    await house.stall(1).tap(ADAS_CARD)
    await house.passes(60)
    leaked_wh = house.stall(1).delivered_wh_since(mark)
    # 11 kW for five seconds are 15 Wh.
    assert 0 < leaked_wh <= 15
    await house.passes(120)
    assert house.stall(1).delivered_wh_since(mark) == leaked_wh
    assert house.records("session_authorised", before) == []
    log = house.place.home_assistant.program.log.read_text()
    assert "Stall 1: it was locked when it fell silent, and is open now" in log
    # What nobody is billed for is written down as nobody's.
    house.stall(1).unplug()
    await house.passes(15 * 60)
    pieces = house.records("slice", before)
    assert {piece["session_id"] for piece in pieces if piece["stall_id"] == house.stall_id(1)} == {None}
    booked_wh = sum(
        piece["register_end_wh"] - piece["register_start_wh"]
        for piece in pieces
        if piece["stall_id"] == house.stall_id(1)
    )
    assert booked_wh == leaked_wh


@played
async def test_a_card_nobody_knows_starts_nothing_at_any_reader(house: SharedHouse) -> None:
    for number in (1, 2):
        await house.replug(number)
    async with house.nothing_flows() as evidence:
        await house.stall(1).tap(STRANGER_UID)
        await house.stall(2).tap(STRANGER_UID)
    assert ("card", "unknown_card") in evidence.denied()
    refused_at = {body["stall_id"] for body in house.records("denied", evidence.seq)}
    assert refused_at == {house.stall_id(1), house.stall_id(2)}
    # A card that opened nothing stays in a KEBA's memory for a minute.
    await house.passes(60)


@played
async def test_a_blocked_residents_card_and_an_own_card_that_was_blocked_start_nothing(house: SharedHouse) -> None:
    await house.replug(2)
    page = await house.office.open(f"/office/residents/{house.resident_id('Dilek')}")
    await house.office.send(page, "/block")
    await house.passes(5)
    async with house.nothing_flows() as evidence:
        await house.stall(2).tap(DILEKS_CARD)
        await house.passes(5)
        page = await house.office.open(f"/office/residents/{house.resident_id('Dilek')}")
        await house.office.send(page, "/unblock")
        listed = await house.place.home_assistant.service("evshare", "list_cards", {"resident": "Dilek Arslan"})
        (card,) = listed["cards"]
        card_id = card.get("card_id") or card["card"]
        await house.place.home_assistant.post("/api/services/evshare/block_card", {"card": card_id})
        await house.stall(2).tap(DILEKS_CARD)
        await house.passes(5)
        await house.place.home_assistant.post("/api/services/evshare/unblock_card", {"card": card_id})
    assert evidence.denied() == [("card", "blocked_resident"), ("card", "blocked_card")]


# --- guests ---------------------------------------------------------------------------------------------------------


@played
async def test_a_guest_gets_what_the_pass_is_good_for_and_not_a_watt_hour_more(house: SharedHouse) -> None:
    guest = await house.guest(await house.guest_pass("Goran", kwh="1", uses="3"))
    page, stall = f"{house.page_of(3)}/guest", house.stall(3)
    await house.replug(3)
    mark, before = stall.mark(), house.head()
    form = (await guest.get(page)).fields(f"{page}/start") | {"mode": "fast"}
    assert (await guest.post(f"{page}/start", form)).said == "started"
    await house.until(lambda: bool(house.records("session_ended", before)), seconds=900)
    assert [body["stop_reason"] for body in house.records("session_ended", before)] == ["cap"]
    # 11 kW is 3 Wh a second, and a connector is read every few seconds.
    assert 1000 <= stall.delivered_wh_since(mark) <= 1060
    await house.passes(20)
    await house.replug(3)
    async with house.nothing_flows() as evidence:
        # The page offers no start any more; a form that was kept or made up gets none either.
        assert f"{page}/start" not in (await guest.get(page)).text
        assert (await guest.post(f"{page}/start", form)).said == "started"  # what the first one was answered
        again = form | {"request_id": str(uuid4())}
        assert (await guest.post(f"{page}/start", again)).said == "page_too_old"
    assert evidence.authorised() == []
    assert "A start at Stall 3 was refused: page_too_old" in evidence.app_log()
    await guest.close()


async def pays_in_advance(house: SharedHouse, name: str, amount: str) -> None:
    """Put a resident's account on a prepaid plan, with so much on it, and allow them two sessions at once."""
    resident_id = house.resident_id(name)
    (row,) = house.books("SELECT account_id FROM resident WHERE resident_id = ?", resident_id)
    account = row["account_id"]
    page = await house.office.open("/office/plans")
    page = await house.office.send(page, "/office/plans", {"name": "In advance", "kind": "prepaid"})
    (plan,) = house.books("SELECT plan_id FROM plan WHERE name = 'In advance'")
    await house.office.send(page, "/office/plan-of", {"whom": f"account:{account}", "plan": plan["plan_id"]})
    page = await house.office.open(f"/office/accounts/{account}")
    await house.office.send(page, "/top-up", {"amount": amount, "entry": f"of {name}"})
    page = await house.office.open(f"/office/residents/{resident_id}")
    await house.office.send(page, "/rules", {"stalls": "all", "sessions": "2"})
    await house.passes(5)


@played
async def test_money_paid_in_advance_is_used_once_however_many_charge_on_it_at_the_same_time(
    house: SharedHouse,
) -> None:
    # Nobody set a tariff, so a kWh is 0.30 and 0.45 are good for 1500 Wh, of which the guest may have 1000.
    await pays_in_advance(house, "Jana", "0.45")
    jana, (token, _) = house.stranger(), await house.invite("Jana")
    assert (await jana.post("/i", {"token": token})).location == "/"
    guest, page = await house.guest(await house.guest_pass("Jana", kwh="1")), f"{house.page_of(3)}/guest"
    for number in (1, 2, 3):
        await house.replug(number)
    marks, before = {number: house.stall(number).mark() for number in (1, 2, 3)}, house.head()
    form = (await guest.get(page)).fields(f"{page}/start") | {"mode": "fast"}
    assert (await guest.post(f"{page}/start", form)).said == "started"
    assert (await start(house, jana, 2)).said == "started"
    assert [body["cap_wh"] for body in house.records("session_authorised", before)] == [1000, 500]
    assert (await start(house, jana, 1)).said == "left_in_use"
    await house.until(lambda: len(house.records("session_ended", before)) == 2, seconds=900)
    assert {body["stop_reason"] for body in house.records("session_ended", before)} == {"cap"}
    await house.replug(1)
    assert (await start(house, jana, 1)).said == "no_credit"
    await house.passes(20)
    flowed_wh = [house.stall(number).delivered_wh_since(mark) for number, mark in marks.items()]
    # Each goes on until it was read and has stopped: 11 kW is 3 Wh a second.
    assert flowed_wh[0] == 0
    assert 1500 <= sum(flowed_wh) <= 1500 + 2 * 60
    await jana.close()
    await guest.close()


@played
async def test_a_revoked_pass_starts_nothing_also_with_a_page_from_before(house: SharedHouse) -> None:
    token = await house.guest_pass("Goran", label="Revoked")
    guest = await house.guest(token)
    page = f"{house.page_of(3)}/guest"
    await house.replug(3)
    form = (await guest.get(page)).fields(f"{page}/start") | {"mode": "fast"}
    passes = await house.office.open("/office/guests")
    for link in {link for link in passes.links if re.fullmatch(r"/office/guests/[0-9a-f]{32}", link)}:
        shown = await house.office.open(link)
        if "Revoked" in shown.text and any("/revoke" in each.action for each in shown.forms):
            await house.office.send(shown, "/revoke")
    async with house.nothing_flows() as evidence:
        answer = await guest.post(f"{page}/start", form)
        assert answer.said == "pass_expired" or answer.status == 403, answer
        latecomer = house.stranger()
        assert (await latecomer.post("/g", {"token": token})).status == 404
        await latecomer.close()
    assert evidence.authorised() == []
    log = evidence.app_log()
    assert "was refused: pass_expired" in log or "Refused POST /s/{code}/guest/start (403)" in log
    await guest.close()


# --- inside Home Assistant ------------------------------------------------------------------------------------------


async def reader_of(house: SharedHouse, number: int) -> str:
    """Home Assistant's device of the wall reader of a stall, as any user can list it."""
    (listed,) = await house.users["Nosy"].websocket({"type": "config/device_registry/list"})
    found: str = next(
        device["id"] for device in listed["result"] if ["building_readers", f"stall-{number}"] in device["identifiers"]
    )
    return found


@played
async def test_a_card_forged_by_home_assistants_phone_app_is_none(house: SharedHouse) -> None:
    nosy = house.users["Nosy"]
    companion = await nosy.companion("Nosy")
    reader = await reader_of(house, 2)
    await house.replug(2)
    event = {"tag_id": ADAS_CARD, "name": "Ada", "device_id": reader}
    async with house.nothing_flows() as evidence:
        # The app names its own device with a scan; it may fire any event with anything in it.
        assert await companion.send("scan_tag", {"tag_id": ADAS_CARD}) == 200
        assert await companion.send("scan_tag", {"tag_id": ADAS_CARD, "device_id": reader}) in (200, 400)
        assert await companion.send("fire_event", {"event_type": "tag_scanned", "event_data": event}) == 200
        # What only admins may do is refused by Home Assistant itself.
        fire = {"type": "fire_event", "event_type": "tag_scanned", "event_data": event}
        hooks = {"type": "webhook/list"}
        answers = await nosy.websocket(fire, hooks)
        assert [answer["error"]["code"] for answer in answers] == ["unauthorized", "unauthorized"]
        assert (await nosy.rest("/api/events/tag_scanned", event))[0] == 401
    assert evidence.denied() == []
    assert evidence.authorised() == []
    made_up = f"a tag at a stall's reader was made up by Home Assistant user {nosy.user_id}"
    assert evidence.ha_log().count(made_up) == 1


PRESSED: dict[str, tuple[tuple[str, dict[str, object]], ...]] = {
    "button": (("button.press", {}),),
    "switch": (("switch.turn_on", {}), ("switch.turn_off", {}), ("switch.toggle", {})),
    "select": (
        ("select.select_option", {"option": "fast"}),
        ("select.select_option", {"option": "solar_only"}),
        ("select.select_next", {}),
        ("select.select_first", {}),
    ),
    "number": (("number.set_value", {"value": 16}), ("number.set_value", {"value": 32})),
    "sensor": (),
    "binary_sensor": (),
    "event": (),
}
"""What can be done to an entity of each kind; a kind that is not here fails."""


def services_for(stall: str, resident: str, entry: str) -> dict[str, dict[str, object]]:
    """Every service of evshare with what would be of use to somebody else; one that is not here fails."""
    return {
        "authorise": {"device_id": stall, "resident": resident},
        "stop": {"device_id": stall},
        "set_mode": {"device_id": stall, "mode": "fast"},
        "enrol_card": {"device_id": stall, "resident": resident},
        "list_cards": {"resident": resident},
        "block_card": {"card": "Card"},
        "unblock_card": {"card": "Card"},
        "change_card": {"card": "Card", "label": "mine"},
        "remove_card": {"card": "Card"},
        "assign_card": {"unknown_card": "x", "resident": resident},
        "remove_cards": {"resident": resident},
        "learn_car": {"device_id": stall, "resident": resident},
        "list_cars": {"resident": resident},
        "forget_car": {"car": "Car"},
        "export_sessions": {"config_entry_id": entry, "start": "2026-11-01 00:00", "end": "2026-11-30 00:00"},
        "office_link": {"config_entry_id": entry},
    }


ANSWERING = frozenset({"list_cards", "list_cars", "export_sessions", "office_link"})
REFUSALS = (
    "Only an admin or the resident may do this",
    "You can do this for yourself only",
    "This is not your session",
    "Only an admin may do this",
    "Only a signed-in person may do this, not an automation",
    "Name a resident: you are none yourself",
    "There is no such card",
    "There is no such car.",
    "Unauthorized",
)


async def evshare_entities(house: SharedHouse) -> list[str]:
    listed = await house.place.home_assistant.websocket({"type": "config/entity_registry/list"})
    return sorted(
        entry["entity_id"] for entry in listed if entry["platform"] == "evshare" and entry["disabled_by"] is None
    )


async def presses_everything(house: SharedHouse, user: HomeUser) -> list[str]:
    """Press every entity and call every service over WebSocket and REST; return what each was answered."""
    answers = []
    states = await house.place.home_assistant.states()
    for entity in await evshare_entities(house):
        actions = PRESSED[entity.split(".")[0]]
        # What is unavailable (a mode without a session) Home Assistant leaves alone without a word.
        for action, data in actions if states[entity]["state"] != "unavailable" else ():
            told = await user.call(action, {"entity_id": entity, **data})
            assert not told["success"], (entity, action)
            domain, service = action.split(".")
            status, text = await user.rest(f"/api/services/{domain}/{service}", {"entity_id": entity, **data})
            assert status in (400, 401, 500), (entity, action, status, text)
            answers.append(f"{entity} {action}: {told['error']['message']}")
    _, offered = await user.rest("/api/services")
    known = services_for(house.place.stall_devices["stall-2"], house.resident_id("Chen"), house.place.entry_id)
    (services,) = (each["services"] for each in offered if each["domain"] == "evshare")
    assert set(services) == set(known)
    for service, data in known.items():
        message: dict[str, object] = {"type": "call_service", "domain": "evshare", "service": service}
        message |= {"service_data": data, "return_response": service in ANSWERING}
        (told,) = await user.websocket(message)
        assert not told["success"], service
        response = "?return_response" if service in ANSWERING else ""
        status, text = await user.rest(f"/api/services/evshare/{service}{response}", data)
        assert status in (400, 401, 500), (service, status, text)
        answers.append(f"{service}: {told['error']['message']}")
    return answers


@played
async def test_a_user_without_rights_presses_everything_there_is_and_nothing_comes_of_it(house: SharedHouse) -> None:
    await house.replug(2)
    async with house.nothing_flows() as evidence:
        before = house.books("SELECT count(*) AS n FROM card")[0]["n"]
        answers = await presses_everything(house, house.users["Nosy"])
        assert len(answers) > 30
        assert [answer for answer in answers if not any(refusal in answer for refusal in REFUSALS)] == []
        assert house.books("SELECT count(*) AS n FROM card")[0]["n"] == before
    assert evidence.authorised() == []
    for reason in ("You can do this for yourself only", "Only an admin may do this"):
        assert reason in evidence.ha_log()


@played
async def test_nothing_of_somebody_elses_session_is_in_reach_either(house: SharedHouse) -> None:
    """While Ivo charges, a user without rights can neither stop, pause nor throttle it."""
    ivo, stall, authorised = house.phones["Ivo"], house.stall(2), house.head()
    for number in (2, 3):
        await house.replug(number)
    assert (await start(house, ivo, 2)).said == "started"
    await charges(house, 2)
    before = house.head()
    try:
        answers = await presses_everything(house, house.users["Nosy"])
        assert [answer for answer in answers if not any(refusal in answer for refusal in REFUSALS)] == []
        assert any(answer.startswith("select.stall_2_mode") for answer in answers)
        # Nor for a neighbour on the portal, though they had seen the session's id.
        (session,) = house.records("session_authorised", authorised)
        chen = house.phones["Chen"]
        csrf = (await intent_of(house, chen, 3))["csrf"]
        for session_id in (session["session_id"], uuid4().hex):
            fields = {"csrf": csrf, "session": session_id, "mode": "solar_only"}
            for action in ("stop", "mode"):
                assert (await chen.post(f"{house.page_of(2)}/{action}", fields)).said == "not_found"
        await house.passes(20)
        assert stall.power_w > 3000
        assert house.records("session_ended", before) == []
    finally:
        await stop(house, ivo, 2)


@played
async def test_a_residents_own_login_starts_nothing_from_home_and_nothing_in_another_name(house: SharedHouse) -> None:
    emil, device = house.users["Emil"], house.place.stall_devices["stall-2"]
    await house.plugged_long_ago(2)
    async with house.nothing_flows() as evidence:
        told = await emil.call("evshare.authorise", {"device_id": device})
        assert "plugged in too long ago" in told["error"]["message"]
        told = await emil.call("evshare.authorise", {"device_id": device, "resident": "Chen Wei"})
        assert "You can do this for yourself only" in told["error"]["message"]
    assert evidence.denied() == [("ha_user", "plug_too_old")]
    assert "You can do this for yourself only" in evidence.ha_log()


@played
async def test_a_call_laundered_through_script_or_automation_authorises_nobody(house: SharedHouse) -> None:
    nosy, device = house.users["Nosy"], house.place.stall_devices["stall-2"]
    companion = await nosy.companion("Launderer")
    await house.replug(2)
    wishes: list[dict[str, object]] = [
        {"what": "evshare.authorise", "with_data": {"device_id": device, "resident": "Chen Wei"}},
        {"what": "evshare.enrol_card", "with_data": {"device_id": device, "resident": "Chen Wei"}},
        {"what": "evshare.set_mode", "with_data": {"device_id": device, "mode": "fast"}},
        {"what": "switch.turn_off", "with_data": {"entity_id": "switch.stall_2_pause"}},
        {"what": "number.set_value", "with_data": {"entity_id": "number.stall_2_highest_current", "value": 32}},
    ]
    async with house.nothing_flows() as evidence:
        for wish in wishes:
            # As the script's own user, as nobody through the automation, and through the phone app's own way to call.
            assert not (await nosy.call("script.helpful", wish))["success"]
            assert await companion.send("fire_event", {"event_type": "wish", "event_data": wish}) == 200
            domain, service = str(wish["what"]).split(".")
            call = {"domain": domain, "service": service, "service_data": wish["with_data"]}
            await companion.send("call_service", call)
            await house.passes(2)
        # A card learnt this way would be the launderer's for good.
        await house.stall(2).tap(STRANGER_UID)
    assert evidence.authorised() == []
    assert ("card", "unknown_card") in evidence.denied()
    assert "Only a signed-in person may do this, not an automation" in evidence.ha_log()
