"""Starting at a stall: who, once, from a page that is fresh, and only by a form of our own."""

from datetime import timedelta
from decimal import Decimal
import json
from typing import Any

from evshare_app.tariff.store import add_version
from tests.app.house import NOW, Browser, Furnished, Page, free_stall, live_session, plugged_stall


async def stall_page(furnished: Furnished, browser: Browser | None = None) -> Page:
    return await (browser or furnished.phone).get(f"/s/{furnished.code}")


async def plug_in(furnished: Furnished, minutes_ago: float = 1, plug_epoch: int = 3) -> None:
    at = furnished.house.clock.now - timedelta(minutes=minutes_ago)
    await furnished.integration.live(plugged_stall(1, at, plug_epoch), free_stall(2))


def starts(furnished: Furnished) -> list[dict[str, Any]]:
    return [ask for ask in furnished.integration.asked if ask["what"] == "start"]


async def test_a_resident_sees_the_stall_the_plug_and_the_price_and_starts(furnished: Furnished) -> None:
    await plug_in(furnished, minutes_ago=2)
    page = await stall_page(furnished)
    assert "Stall 1" in page.text
    assert "plugged in 2 minutes ago" in page.text
    assert "per kWh" in page.text
    started = await furnished.phone.submit(page, f"/s/{furnished.code}/start", mode="solar_only")
    assert started.address == f"/s/{furnished.code}?said=started"
    assert starts(furnished)[0]["body"] == {
        "stall_id": "stall-1",
        "resident_id": "res-1",
        "plug_epoch": 3,
        "mode": "solar_only",
        "expires_at": "2026-07-02T16:31:00Z",
        "proof": None,
        "pass": None,
    }


async def test_a_code_is_read_in_either_case(furnished: Furnished) -> None:
    assert (await furnished.phone.get(f"/s/{furnished.code.lower()}")).status == 200


async def test_looking_at_a_stall_starts_nothing(furnished: Furnished) -> None:
    await plug_in(furnished)
    await stall_page(furnished)
    await furnished.phone.get(f"/s/{furnished.code}/start")
    assert starts(furnished) == []


async def test_the_same_start_sent_twice_is_asked_once_and_answered_alike(furnished: Furnished) -> None:
    await plug_in(furnished)
    page = await stall_page(furnished)
    action = f"/s/{furnished.code}/start"
    first = await furnished.phone.submit(page, action, mode="fast")
    second = await furnished.phone.submit(page, action, mode="fast")
    assert first.address == second.address
    assert len(starts(furnished)) == 1


async def test_a_used_intent_with_another_request_id_starts_nothing(furnished: Furnished) -> None:
    await plug_in(furnished)
    page = await stall_page(furnished)
    action = f"/s/{furnished.code}/start"
    await furnished.phone.submit(page, action, mode="fast")
    replayed = await furnished.phone.submit(
        page, action, mode="fast", request_id="11111111-1111-4111-8111-111111111111"
    )
    assert replayed.address.endswith("said=page_too_old")
    assert len(starts(furnished)) == 1


async def test_an_intent_is_good_for_180_seconds(furnished: Furnished) -> None:
    await plug_in(furnished)
    page = await stall_page(furnished)
    furnished.house.clock.advance(seconds=180)
    late = await furnished.phone.submit(page, f"/s/{furnished.code}/start", mode="fast")
    assert late.address.endswith("said=page_too_old")
    assert starts(furnished) == []


async def test_an_intent_of_another_phone_or_stall_starts_nothing(furnished: Furnished) -> None:
    await plug_in(furnished)
    other = await furnished.house.phone(furnished.office, "res-2")
    mine, theirs = await stall_page(furnished), await stall_page(furnished, other)
    action = f"/s/{furnished.code}/start"
    stolen = theirs.form(action) | {"intent": mine.form(action)["intent"], "mode": "fast"}
    assert (await other.post(action, stolen)).address.endswith("said=page_too_old")
    second = await furnished.house.code(furnished.office, 2)
    moved = mine.form(action) | {"mode": "fast"}
    assert (await furnished.phone.post(f"/s/{second}/start", moved)).address.endswith("said=page_too_old")
    assert starts(furnished) == []


async def test_what_the_house_refuses_is_said_in_words(furnished: Furnished) -> None:
    def refuse(what: str, body: dict[str, Any]) -> dict[str, Any]:
        return {"ok": False, "error": {"code": "plug_too_old", "message": "more than 5 minutes"}}

    await plug_in(furnished, minutes_ago=30)
    page = await stall_page(furnished)
    furnished.integration.decide = refuse
    told = await furnished.phone.submit(page, f"/s/{furnished.code}/start", mode="fast")
    assert "has been plugged in for too long" in told.text
    # It was decided: the same request is not asked again.
    await furnished.phone.submit(page, f"/s/{furnished.code}/start", mode="fast")
    assert len(starts(furnished)) == 1


async def test_without_an_answer_the_same_request_is_asked_again_under_its_id(furnished: Furnished) -> None:
    await plug_in(furnished)
    page = await stall_page(furnished)
    await furnished.integration.disconnect()
    action = f"/s/{furnished.code}/start"
    unheard = await furnished.phone.submit(page, action, mode="fast")
    assert unheard.address.endswith("said=no_answer")
    await furnished.integration.connect()
    heard = await furnished.phone.submit(page, action, mode="fast")
    assert heard.address.endswith("said=started")
    assert [ask["id"] for ask in starts(furnished)] == [page.form(action)["request_id"]]


async def test_a_blocked_resident_starts_nothing(furnished: Furnished) -> None:
    await plug_in(furnished)
    page = await stall_page(furnished)
    blocking = await furnished.office.get("/office/residents/res-1")
    await furnished.office.submit(blocking, "/office/residents/res-1/block")
    refused = await furnished.phone.submit(page, f"/s/{furnished.code}/start", mode="fast")
    assert "blocked for you" in refused.text
    assert starts(furnished) == []


async def test_a_stranger_sees_state_and_price_and_cannot_start(furnished: Furnished) -> None:
    await plug_in(furnished)
    stranger = furnished.house.stranger()
    page = await stall_page(furnished, stranger)
    assert page.status == 200
    assert "In use" in page.text
    assert "per kWh" in page.text
    assert "/start" not in page.text
    mine = await stall_page(furnished)
    fields = mine.form(f"/s/{furnished.code}/start") | {"mode": "fast"}
    assert (await stranger.post(f"/s/{furnished.code}/start", fields)).status == 403
    assert starts(furnished) == []


async def test_a_page_of_another_site_cannot_start(furnished: Furnished) -> None:
    await plug_in(furnished)
    page = await stall_page(furnished)
    action = f"/s/{furnished.code}/start"
    fields = page.form(action) | {"mode": "fast"}
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert (await furnished.phone.post(action, fields, **headers)).status == 403, headers
    without = {name: value for name, value in fields.items() if name != "csrf"}
    assert (await furnished.phone.post(action, without)).status == 403
    assert (await furnished.phone.post(action, fields | {"csrf": "0" * 64})).status == 403
    assert starts(furnished) == []


async def test_fields_that_cannot_be_are_named_and_start_nothing(furnished: Furnished) -> None:
    await plug_in(furnished)
    page = await stall_page(furnished)
    action = f"/s/{furnished.code}/start"
    for field, value in (("mode", "free"), ("request_id", "1"), ("intent", "x" * 100), ("mode", "fast\x00")):
        refused = await furnished.phone.post(action, page.form(action) | {"mode": "fast", field: value})
        assert refused.status == 400
        assert f"{field}: got" in refused.text
    assert starts(furnished) == []


async def test_one_stall_is_not_started_over_and_over(furnished: Furnished) -> None:
    await plug_in(furnished)
    page = await stall_page(furnished)
    action = f"/s/{furnished.code}/start"
    answers = [await furnished.phone.submit(page, action, mode="fast") for _ in range(7)]
    assert [one.status for one in answers] == [200] * 6 + [429]


async def test_a_residents_own_session_shows_energy_cost_and_power_and_is_stopped(furnished: Furnished) -> None:
    integration = furnished.integration
    begun = NOW - timedelta(hours=1)
    session_id = integration.begin("stall-1", "res-1", begun, kind="phone")
    integration.cut("stall-1", session_id, begun, NOW - timedelta(minutes=5), 10_000)
    await integration.deliver()
    running = live_session(session_id, "res-1", begun, energy_wh=10_500)
    await integration.live(plugged_stall(1, begun, status="charging", power_w=11_000, session=running), free_stall(2))
    page = await stall_page(furnished)
    assert "10,50" in page.text
    assert "3,15" in page.text  # 10.5 kWh at 0.30
    assert "11,0" in page.text
    action = f"/s/{furnished.code}/mode"
    await furnished.phone.submit(page, action, mode="solar_only")
    assert integration.asked[-1]["body"] == {"session_id": session_id, "resident_id": "res-1", "mode": "solar_only"}
    stopped = await furnished.phone.submit(page, f"/s/{furnished.code}/stop")
    assert "Stopped" in stopped.text
    assert integration.asked[-1]["what"] == "stop"
    assert integration.asked[-1]["body"] == {"session_id": session_id, "by": "resident", "resident_id": "res-1"}


async def test_someone_elses_session_shows_nothing_of_it(furnished: Furnished) -> None:
    begun = NOW - timedelta(hours=1)
    running = live_session("s" * 32, "res-2", begun, energy_wh=7_777)
    await furnished.integration.live(
        plugged_stall(1, begun, status="charging", power_w=7_400, session=running), free_stall(2)
    )
    for browser in (furnished.phone, furnished.house.stranger()):
        page = await stall_page(furnished, browser)
        live = await browser.get(f"/s/{furnished.code}/live")
        for secret in ("7,77", "7,4", "Bo Meyer", "res-2", "s" * 32):
            assert secret not in page.text
            assert secret not in live.text
        assert "/stop" not in page.text


async def test_the_live_answer_changes_its_state_when_the_page_would_look_different(furnished: Furnished) -> None:
    async def state() -> str:
        return str(json.loads((await furnished.phone.get(f"/s/{furnished.code}/live")).text)["state"])

    begun = NOW - timedelta(minutes=1)
    await plug_in(furnished)
    ready = await state()
    assert f'data-state="{ready}"' in (await stall_page(furnished)).text
    await plug_in(furnished, minutes_ago=3)
    assert await state() == ready
    running = live_session("s" * 32, "res-1", begun)
    await furnished.integration.live(plugged_stall(1, begun, status="charging", session=running))
    charging = await state()
    assert charging != ready
    running = live_session("s" * 32, "res-1", begun, energy_wh=5000)
    await furnished.integration.live(plugged_stall(1, begun, status="charging", session=running))
    assert await state() == charging
    await furnished.integration.disconnect()
    await furnished.house.unlinked()
    assert await state() != charging


async def test_unknown_and_removed_stalls_look_the_same(furnished: Furnished) -> None:
    second = await furnished.house.code(furnished.office, 2)
    furnished.integration.building["stalls"].pop(1)
    await furnished.integration.send("building", building=furnished.integration.building)
    await furnished.integration.settled()
    stranger = furnished.house.stranger()
    removed, unknown = await stranger.get(f"/s/{second}"), await stranger.get("/s/0000000000000000")
    assert removed.status == unknown.status == 404
    assert removed.text == unknown.text


async def test_who_has_yet_to_plug_in_is_not_sent_away(furnished: Furnished) -> None:
    session = live_session("5e55", "res-1", NOW, started_at=None, energy_wh=0)
    await furnished.integration.live(free_stall(1, status="preparing", session=session), free_stall(2))
    page = await furnished.phone.get(f"/s/{furnished.code}?said=started")
    assert "Plug in your car now" in page.text
    assert "put the phone away" not in page.text


async def test_nobody_starts_at_a_price_they_were_not_shown(furnished: Furnished) -> None:
    await plug_in(furnished)
    tariff = {
        "country_code": "XX",
        "party_id": "EVS",
        "id": "dearer",
        "currency": "EUR",
        "elements": [{"price_components": [{"type": "ENERGY", "price": Decimal("0.90"), "vat": 0, "step_size": 1}]}],
        "last_updated": "2026-07-01T00:00:00Z",
    }
    valid_from = NOW + timedelta(minutes=1)
    await furnished.house.app.books.write(lambda conn: add_version(conn, tariff, valid_from, NOW))
    guest = await furnished.house.guest(furnished.office)
    at, theirs = f"/s/{furnished.code}", f"/s/{furnished.code}/guest"
    page, guests = await stall_page(furnished), await guest.get(theirs)
    furnished.house.clock.advance(seconds=61)
    assert (await guest.submit(guests, f"{theirs}/start", mode="fast")).address == f"{theirs}?said=price_changed"
    told = await furnished.phone.submit(page, f"{at}/start", mode="fast")
    assert told.address == f"{at}?said=price_changed"
    assert "0,90\N{NO-BREAK SPACE}€" in told.text
    assert starts(furnished) == []
    assert (await furnished.phone.submit(told, f"{at}/start", mode="fast")).address == f"{at}?said=started"
