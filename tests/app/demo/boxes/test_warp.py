"""WARP on the wire (connectors.md 2.11, 3.4; connectors.yaml warp_http; docs.warp-charger.com, API reference)."""

from collections.abc import AsyncIterator
import json

import aiohttp
import pytest

from ..conftest import Hands
from .calls import Called, called

_NOTHING = {"tag_type": 0, "tag_id": "", "last_seen": 0}


@pytest.fixture
async def warp(clock: Hands) -> AsyncIterator[Called]:
    async with called("warp_http", clock) as box:
        yield box


async def lock(warp: Called) -> None:
    """As connectors.md 3.4 prepares it: external slot on, 0 at the start, cleared at unplug."""
    await warp.post("/evse/external_enabled", {"enabled": True})
    await warp.post("/evse/external_clear_on_disconnect", {"clear_on_disconnect": True})
    await warp.post("/evse/external_defaults", {"current": 0, "clear_on_disconnect": True})
    await warp.post("/evse/external_current", {"current": 0})


async def test_as_delivered_it_charges_whoever_plugs_in(warp: Called) -> None:
    await warp.charge()
    state = await warp.get("/evse/state")
    # iec61851_state 2 = C; charger_state 3 = charging.
    assert (state["iec61851_state"], state["charger_state"], state["allowed_charging_current"]) == (2, 3, 32_000)
    assert warp.stand.power_w == 11_040


async def test_the_minimum_over_the_active_slots_decides(warp: Called) -> None:
    await warp.post("/evse/global_current", {"current": 20_000})
    await warp.post("/evse/external_enabled", {"enabled": True})
    await warp.post("/evse/external_current", {"current": 10_000})
    slots = await warp.get("/evse/slots")
    assert len(slots) == 15
    assert slots[5] == {"max_current": 20_000, "active": True, "clear_on_disconnect": False}
    assert slots[8] == {"max_current": 10_000, "active": True, "clear_on_disconnect": False}
    assert (await warp.get("/evse/state"))["allowed_charging_current"] == 10_000
    await warp.post("/evse/external_enabled", {"enabled": False})
    assert (await warp.get("/evse/state"))["allowed_charging_current"] == 20_000


async def test_a_current_in_an_inactive_slot_stops_nobody(warp: Called) -> None:
    await warp.post("/evse/external_current", {"current": 0})
    await warp.charge()
    assert warp.stand.power_w == 11_040


async def test_zero_in_the_external_slot_means_waiting_for_release(warp: Called) -> None:
    await lock(warp)
    await warp.charge()
    state = await warp.get("/evse/state")
    # charger_state 1 = waiting for release.
    assert (state["iec61851_state"], state["charger_state"], state["allowed_charging_current"]) == (1, 1, 0)
    await warp.post("/evse/external_current", {"current": 16_000})
    await warp.wait(30)
    assert warp.stand.offered_a == 16
    assert warp.stand.power_w == 11_040


async def test_unplugging_closes_the_slot_that_says_so(warp: Called) -> None:
    await lock(warp)
    await warp.post("/evse/external_current", {"current": 16_000})
    await warp.charge()
    warp.stand.unplug()
    assert await warp.get("/evse/external_current") == {"current": 0}
    await warp.charge()
    assert warp.stand.power_w == 0


async def test_without_that_the_next_car_charges_too(warp: Called) -> None:
    await warp.post("/evse/external_enabled", {"enabled": True})
    await warp.post("/evse/external_current", {"current": 16_000})
    await warp.charge()
    warp.stand.unplug()
    await warp.charge()
    assert warp.stand.power_w == 11_040


async def test_a_restart_begins_with_the_defaults_and_keeps_the_slot_active(warp: Called) -> None:
    await lock(warp)
    await warp.post("/evse/external_current", {"current": 16_000})
    await warp.charge()
    await warp.stand.reboot()
    with pytest.raises(aiohttp.ClientConnectionError):
        await warp.get("/evse/state")
    await warp.wait(60)
    assert await warp.get("/evse/external_current") == {"current": 0}
    assert await warp.get("/evse/external_enabled") == {"enabled": True}
    assert await warp.get("/evse/external_clear_on_disconnect") == {"clear_on_disconnect": True}
    assert warp.stand.power_w == 0
    assert (await warp.get("/charge_tracker/current_charge"))["authorization_type"] == 1


async def test_without_defaults_a_restart_opens_it(warp: Called) -> None:
    await warp.post("/evse/external_enabled", {"enabled": True})
    await warp.post("/evse/external_current", {"current": 0})
    await warp.charge()
    await warp.stand.reboot()
    await warp.wait(60)
    assert warp.stand.power_w == 11_040


async def test_stored_settings_wear_the_flash_and_the_current_does_not(warp: Called) -> None:
    stored = warp.stand.first.wallbox.stored  # type: ignore[attr-defined]
    await warp.post("/evse/external_current", {"current": 9_000})
    await warp.post("/evse/external_clear_on_disconnect", {"clear_on_disconnect": True})
    assert stored.writes == 0
    await warp.post("/evse/external_defaults", {"current": 0, "clear_on_disconnect": True})
    await warp.post("/evse/external_defaults", {"current": 0, "clear_on_disconnect": True})
    assert stored.writes == 2


async def test_values_are_found_through_their_ids(warp: Called) -> None:
    await warp.charge()
    ids = await warp.get("/meters/0/value_ids")
    values = dict(zip(ids, await warp.get("/meters/0/values"), strict=True))
    # 1-3 voltages, 13/17/21 currents, 74 total power, 209 energy imported in kWh.
    assert [values[1], values[13], values[17], values[21], values[74]] == [230, 16, 16, 16, 11_040]
    assert round(values[209] * 1000) == warp.stand.true_register_wh()


async def test_energy_is_a_32_bit_float_of_kwh(warp: Called) -> None:
    warp.stand.set_register_wh(20_000_001)
    ids, values = await warp.get("/meters/0/value_ids"), await warp.get("/meters/0/values")
    # Between 2^14 and 2^15 kWh a 32-bit float has steps of 2^-9 kWh: 20 000.001 becomes 20 000.001953125.
    assert values[ids.index(209)] == 20_000.001953125


async def test_a_charger_without_meter_says_so(clock: Hands) -> None:
    async with called("warp_http", clock, options={"meter": False}) as warp:
        assert "meters" not in await warp.get("/info/features")
        assert (await warp.ask("GET", "/meters/0/values"))[0] == 404


async def test_tags_come_with_their_age_latest_first(warp: Called) -> None:
    assert await warp.get("/nfc/seen_tags") == [_NOTHING] * 9
    warp.stand.show_card("04e3b22739adfe")
    await warp.wait(10)
    warp.stand.show_card("0123AB3D")
    await warp.wait(5)
    assert (await warp.get("/nfc/seen_tags"))[:3] == [
        {"tag_type": 0, "tag_id": "01:23:AB:3D", "last_seen": 5_000},
        {"tag_type": 2, "tag_id": "04:E3:B2:27:39:AD:FE", "last_seen": 15_000},
        _NOTHING,
    ]
    warp.stand.show_card("04E3B22739ADFE")
    tags = await warp.get("/nfc/seen_tags")
    assert [(tag["tag_id"], tag["last_seen"]) for tag in tags[:3]] == [
        ("04:E3:B2:27:39:AD:FE", 0),
        ("01:23:AB:3D", 5_000),
        ("", 0),
    ]


async def test_it_remembers_eight_tags(warp: Called) -> None:
    for number in range(10):
        warp.stand.show_card(f"0123AB{number:02X}")
    tags = await warp.get("/nfc/seen_tags")
    assert len(tags) == 9
    assert [tag["tag_id"] for tag in tags[:8]] == [f"01:23:AB:{number:02X}" for number in range(9, 1, -1)]
    assert tags[8] == _NOTHING


async def test_an_injected_tag_stands_last(warp: Called) -> None:
    await warp.post("/nfc/inject_tag_start", {"tag_type": 0, "tag_id": "01:23:AB:3D"})
    await warp.wait(2)
    tags = await warp.get("/nfc/seen_tags")
    assert tags[8] == {"tag_type": 0, "tag_id": "01:23:AB:3D", "last_seen": 2_000}
    assert tags[0] == _NOTHING


async def test_user_authorisation_waits_for_a_known_tag_and_toggles(warp: Called) -> None:
    known = {"authorized_tags": [{"user_id": 7, "tag_type": 0, "tag_id": "01:23:AB:3D"}]}
    await warp.post("/nfc/config", known)
    await warp.post("/evse/user_enabled", True)
    await warp.charge()
    assert (await warp.get("/evse/state"))["charger_state"] == 1
    warp.stand.show_card("99999999")
    assert (await warp.get("/charge_tracker/current_charge"))["user_id"] == -1
    warp.stand.show_card("0123AB3D")
    await warp.wait(30)
    charge = await warp.get("/charge_tracker/current_charge")
    # authorization_type 2 = a physical tag.
    assert (charge["user_id"], charge["authorization_type"]) == (7, 2)
    assert charge["authorization_info"] == {"tag_type": 0, "tag_id": "01:23:AB:3D"}
    assert warp.stand.power_w == 11_040
    await warp.post("/nfc/inject_tag_stop", {"tag_type": 0, "tag_id": "01:23:AB:3D"})
    await warp.wait(10)
    assert warp.stand.power_w == 0


async def test_the_tracker_notes_the_meter_at_the_start(warp: Called) -> None:
    assert (await warp.get("/charge_tracker/current_charge"))["user_id"] == -1
    await warp.charge()
    charge = await warp.get("/charge_tracker/current_charge")
    assert (charge["user_id"], charge["meter_start"], charge["authorization_type"]) == (0, 137.0, 0)
    assert charge["authorization_info"] is None
    warp.stand.unplug()
    assert (await warp.get("/charge_tracker/current_charge"))["user_id"] == -1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/evse/external_current", {"current": 5_999}),
        ("/evse/external_current", {"current": 32_001}),
        ("/evse/external_current", {"current": "16000"}),
        ("/evse/external_current", {"current": True}),
        ("/evse/external_current", {"amps": 16}),
        ("/evse/external_enabled", {"enabled": 1}),
        ("/evse/external_defaults", {"current": 0}),
        ("/evse/start_charging", {"now": True}),
        ("/nfc/inject_tag_start", {"tag_type": 0, "tag_id": "0123AB3D"}),
        ("/nfc/inject_tag_start", {"tag_type": 9, "tag_id": "01:23:AB:3D"}),
        ("/power_manager/external_control", {"phases_wanted": 2}),
    ],
)
async def test_what_is_not_acceptable_is_refused_and_changes_nothing(
    warp: Called, path: str, body: dict[str, object]
) -> None:
    readable = ("evse/slots", "evse/external_defaults", "nfc/seen_tags", "power_manager/external_control")
    before = [await warp.get(f"/{name}") for name in readable]
    status, text = await warp.ask("POST", path, json=body)
    assert status == 400
    assert text
    assert [await warp.get(f"/{name}") for name in readable] == before
    assert warp.stand.commands == []


async def test_an_object_with_one_member_may_be_the_bare_value(warp: Called) -> None:
    await warp.post("/evse/external_current", 12_000)
    status, _ = await warp.ask("PUT", "/evse/external_enabled", data="true")
    assert status == 200
    assert await warp.get("/evse/external_current") == {"current": 12_000}
    assert warp.stand.commands == [("evse/external_current", 12_000), ("evse/external_enabled", True)]


async def test_states_cannot_be_written_and_actions_not_read(warp: Called) -> None:
    assert (await warp.ask("POST", "/evse/state", json={}))[0] == 405
    assert (await warp.ask("GET", "/evse/start_charging"))[0] == 405
    assert (await warp.ask("GET", "/evse/external_current_update"))[0] == 404


async def test_phases_follow_only_when_it_does_not_switch_them_itself(warp: Called) -> None:
    await warp.post("/power_manager/external_control", {"phases_wanted": 1})
    await warp.charge()
    assert warp.stand.power_w == 11_040
    await warp.post("/evse/stop_charging", {})
    await warp.wait(10)
    await warp.post("/evse/phase_auto_switch", {"enabled": False})
    await warp.post("/evse/start_charging", {})
    await warp.wait(30)
    assert warp.stand.power_w == 3_680


async def test_it_names_itself(warp: Called) -> None:
    name = await warp.get("/info/name")
    assert (name["name"], name["type"], name["uid"]) == ("warp3-XyZ1", "warp3", "XyZ1")
    assert {"evse", "meters", "nfc"} <= set(await warp.get("/info/features"))


async def test_with_a_password_only_digest_opens_it(clock: Hands) -> None:
    options = {"password": "geheim", "user": "haus"}
    async with called("warp_http", clock, options=options) as warp:
        async with warp.session.get("/evse/state") as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith('Digest realm="warp", qop="auth", nonce="')
        wrong = aiohttp.DigestAuthMiddleware("haus", "falsch")
        async with warp.session.get("/evse/state", middlewares=(wrong,)) as answer:
            assert answer.status == 401
        right = aiohttp.DigestAuthMiddleware("haus", "geheim")
        for _ in range(3):
            async with warp.session.get("/evse/state", middlewares=(right,)) as answer:
                assert answer.status == 200
        async with warp.session.post("/evse/external_current", json={"current": 0}, middlewares=(right,)) as answer:
            assert answer.status == 200


async def test_the_websocket_tells_everything_first_and_then_what_changed(warp: Called) -> None:
    async with warp.session.ws_connect("/ws") as socket:
        lines = (await socket.receive_str(timeout=5)).strip().split("\n")
        first = {line["topic"]: line["payload"] for line in map(json.loads, lines)}
        assert first["evse/external_current"] == {"current": 32_000}
        assert first["evse/state"]["iec61851_state"] == 0
        await warp.post("/evse/external_current", {"current": 8_000})
        lines = (await socket.receive_str(timeout=5)).strip().split("\n")
        changed = {line["topic"]: line["payload"] for line in map(json.loads, lines)}
        assert changed["evse/external_current"] == {"current": 8_000}
        assert changed["evse/slots"][8]["max_current"] == 8_000
        assert "evse/state" not in changed
        await warp.charge()
        lines = (await socket.receive_str(timeout=5)).strip().split("\n")
        changed = {line["topic"]: line["payload"] for line in map(json.loads, lines)}
        assert changed["evse/state"]["iec61851_state"] == 2
