"""Peblar's REST API and web interface on the wire (connectors.md 2.10; connectors.yaml peblar_rest; peblar 2.1.0)."""

from collections.abc import AsyncIterator
import json
from typing import Any

import aiohttp
import pytest

from ..conftest import Hands
from .calls import Called, called

TOKEN = "0123456789abcdef0123456789abcdef"
REST = "/api/wlac/v1"
WEB = "/api/v1"
CARD = "04A1B2C3D4E5F6"


@pytest.fixture
async def peblar(clock: Hands) -> AsyncIterator[Called]:
    async with called("peblar_rest", clock, headers={"Authorization": TOKEN}) as box:
        yield box


@pytest.fixture
async def with_cards(clock: Hands) -> AsyncIterator[Called]:
    """A charger that wants a card, and knows one."""
    options = {"charge_without_auth": False, "cards": CARD}
    async with called("peblar_rest", clock, options=options, headers={"Authorization": TOKEN}) as box:
        yield box


async def limit(peblar: Called, current_ma: object) -> tuple[int, Any]:
    return await peblar.ask("PATCH", f"{REST}/evinterface", json={"ChargeCurrentLimit": current_ma})


async def present(peblar: Called, token: str) -> None:
    await peblar.post(f"{REST}/authorization/charge-session", {"Method": "Rfid", "Token": token})
    await peblar.wait(1)


async def test_without_the_token_nothing_is_told(clock: Hands) -> None:
    async with called("peblar_rest", clock) as peblar:
        assert (await peblar.ask("GET", f"{REST}/meter"))[0] == 401
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert (await peblar.ask("GET", f"{REST}/meter", headers=bearer))[0] == 401
        assert (await peblar.ask("GET", f"{REST}/meter", headers={"Authorization": TOKEN}))[0] == 200


async def test_a_charging_car_is_state_c_and_measured(peblar: Called) -> None:
    assert (await peblar.get(f"{REST}/evinterface"))["CpState"] == "State A"
    await peblar.charge()
    interface = await peblar.get(f"{REST}/evinterface")
    assert interface == {
        "ChargeCurrentLimit": 32_000,
        "ChargeCurrentLimitActual": 32_000,
        "ChargeCurrentLimitSource": "Installation limit",
        "CpState": "State C",
        "Force1Phase": False,
        "LockState": True,
    }
    meter = await peblar.get(f"{REST}/meter")
    # mA, W, V and Wh (peblar 2.1.0, PeblarMeter).
    assert [meter[f"CurrentPhase{phase}"] for phase in (1, 2, 3)] == [16_000] * 3
    assert [meter[f"PowerPhase{phase}"] for phase in (1, 2, 3)] == [3_680] * 3
    assert (meter["PowerTotal"], meter["VoltagePhase1"]) == (11_040, 230)
    assert meter["EnergyTotal"] == peblar.stand.true_register_wh()
    assert meter["EnergySession"] == peblar.stand.true_register_wh() - 137_000


async def test_zero_pauses_and_a_limit_is_followed(peblar: Called) -> None:
    await peblar.charge()
    assert (await limit(peblar, 0))[1]["ChargeCurrentLimitActual"] == 0
    await peblar.wait(10)
    interface = await peblar.get(f"{REST}/evinterface")
    assert (interface["CpState"], interface["ChargeCurrentLimitSource"]) == ("State B", "Local REST API")
    assert peblar.stand.power_w == 0
    await limit(peblar, 8_500)
    await peblar.wait(30)
    assert peblar.stand.offered_a == 8.5
    assert peblar.stand.commands == [("ChargeCurrentLimit", 0), ("ChargeCurrentLimit", 8_500)]


@pytest.mark.parametrize("current", [5_999, 32_001, -1, "16000", True, 6_000.5, None])
async def test_a_limit_out_of_range_is_a_bad_request_and_changes_nothing(peblar: Called, current: object) -> None:
    status, body = await limit(peblar, current)
    assert status == 400
    assert "ChargeCurrentLimit" in body["statusmsg"]
    assert (await peblar.get(f"{REST}/evinterface"))["ChargeCurrentLimit"] == 32_000
    assert peblar.stand.commands == []


async def test_one_bad_field_holds_back_the_other(peblar: Called) -> None:
    status, _ = await peblar.ask(
        "PATCH", f"{REST}/evinterface", json={"ChargeCurrentLimit": 6_000, "Force1Phase": "yes"}
    )
    assert status == 400
    assert (await peblar.get(f"{REST}/evinterface"))["ChargeCurrentLimit"] == 32_000
    assert (await peblar.ask("PATCH", f"{REST}/evinterface", json={"CpState": "State A"}))[0] == 400


async def test_a_replacement_needs_every_writable_field(peblar: Called) -> None:
    assert (await peblar.ask("PUT", f"{REST}/evinterface", json={"ChargeCurrentLimit": 6_000}))[0] == 400
    status, body = await peblar.ask(
        "PUT", f"{REST}/evinterface", json={"ChargeCurrentLimit": 6_000, "Force1Phase": True}
    )
    assert (status, body["ChargeCurrentLimit"], body["Force1Phase"]) == (200, 6_000, True)


async def test_one_phase_can_be_forced(peblar: Called) -> None:
    await peblar.ask("PATCH", f"{REST}/evinterface", json={"Force1Phase": True})
    await peblar.charge()
    meter = await peblar.get(f"{REST}/meter")
    assert (meter["CurrentPhase1"], meter["CurrentPhase2"], meter["PowerTotal"]) == (16_000, 0, 3_680)


async def test_too_many_requests_are_turned_away_until_time_has_passed(clock: Hands) -> None:
    options = {"rate_limit": 3}
    async with called("peblar_rest", clock, options=options, headers={"Authorization": TOKEN}) as peblar:
        for _ in range(3):
            await peblar.get(f"{REST}/meter")
        assert (await peblar.ask("GET", f"{REST}/meter"))[0] == 429
        await peblar.wait(10)
        await peblar.get(f"{REST}/meter")


async def test_read_only_refuses_commands(clock: Hands) -> None:
    options = {"access_mode": "ReadOnly"}
    async with called("peblar_rest", clock, options=options, headers={"Authorization": TOKEN}) as peblar:
        assert await peblar.get(f"{REST}/health") == {"AccessMode": "ReadOnly", "ApiVersion": "1.0"}
        assert (await limit(peblar, 0))[0] == 403
        assert peblar.stand.commands == []


async def test_a_restart_forgets_the_limit_and_lets_the_car_charge(peblar: Called) -> None:
    await limit(peblar, 0)
    await peblar.charge()
    await peblar.stand.reboot()
    with pytest.raises(aiohttp.ClientConnectionError):
        await peblar.get(f"{REST}/meter")
    await peblar.wait(90)
    assert (await peblar.get(f"{REST}/system"))["Uptime"] == 90
    assert (await peblar.get(f"{REST}/evinterface"))["ChargeCurrentLimit"] == 32_000
    assert peblar.stand.power_w == 11_040


async def test_a_restart_may_take_the_token_away(clock: Hands) -> None:
    options = {"new_token_at_reboot": True}
    async with called("peblar_rest", clock, options=options, headers={"Authorization": TOKEN}) as peblar:
        await peblar.stand.reboot()
        await peblar.wait(90)
        assert (await peblar.ask("GET", f"{REST}/meter"))[0] == 401
        await peblar.post(f"{WEB}/auth/login", {"Password": "peblar"})
        token = (await peblar.get(f"{WEB}/config/api-token"))["ApiToken"]
        assert (await peblar.ask("GET", f"{REST}/meter", headers={"Authorization": token}))[0] == 200


async def test_a_token_over_rest_acts_like_a_card_and_toggles(with_cards: Called) -> None:
    await with_cards.charge()
    assert with_cards.stand.power_w == 0
    await present(with_cards, CARD)
    await with_cards.wait(30)
    assert with_cards.stand.power_w == 11_040
    await present(with_cards, CARD)
    await with_cards.wait(10)
    assert with_cards.stand.power_w == 0


async def test_an_unknown_token_is_taken_in_silence_and_does_nothing(with_cards: Called) -> None:
    await with_cards.charge()
    await present(with_cards, "DEADBEEF")
    await with_cards.wait(30)
    assert with_cards.stand.power_w == 0


async def test_a_presented_token_needs_method_and_one_name(with_cards: Called) -> None:
    path = f"{REST}/authorization/charge-session"
    for body in ({"Method": "Rfid"}, {"Token": CARD}, {"Method": "Rfid", "Token": CARD, "Name": "a"}):
        assert (await with_cards.ask("POST", path, json=body))[0] == 400
    assert with_cards.stand.commands == []


async def test_a_card_before_the_plug_waits_a_minute(with_cards: Called) -> None:
    with_cards.stand.show_card(CARD)
    await with_cards.charge(30)
    assert with_cards.stand.power_w == 11_040
    with_cards.stand.unplug()
    with_cards.stand.show_card(CARD)
    await with_cards.wait(61)
    await with_cards.charge(30)
    assert with_cards.stand.power_w == 0


async def test_the_authorisation_ends_with_the_plug(with_cards: Called) -> None:
    with_cards.stand.show_card(CARD)
    await with_cards.charge(30)
    with_cards.stand.unplug()
    await with_cards.charge(30)
    assert with_cards.stand.power_w == 0


async def test_the_card_of_the_running_session_stands_in_the_meter_history(with_cards: Called) -> None:
    assert (await with_cards.ask("GET", f"{WEB}/statistics/meterhistory"))[0] == 401
    await with_cards.post(f"{WEB}/auth/login", {"Password": "peblar"})
    assert await with_cards.get(f"{WEB}/statistics/meterhistory") == {"NoSessions": True}
    await with_cards.charge(10)
    with_cards.stand.show_card(CARD)
    (running,) = (await with_cards.get(f"{WEB}/statistics/meterhistory"))["Session"]
    # Energies in mWh; a running session has no end.
    assert (running["AuthToken"], running["SessionStartEnergymWh"]) == (CARD, 137_000_000)
    assert "SessionEndEnergymWh" not in running
    await with_cards.wait(600)
    with_cards.stand.unplug()
    (ended,) = (await with_cards.get(f"{WEB}/statistics/meterhistory"))["Session"]
    assert ended["SessionEndEnergymWh"] == with_cards.stand.true_register_wh() * 1000
    assert ended["SessionEndTime"] - ended["SessionStartTime"] == 600


async def test_cards_are_not_told_on_the_socket(with_cards: Called) -> None:
    await with_cards.post(f"{WEB}/auth/login", {"Password": "peblar"})
    async with with_cards.session.ws_connect(f"{WEB}/ws") as socket:
        for topic in ("/rfid/tokenfound", "/session/status/connector/1"):
            await socket.send_json({"action": "subscribe", "topic": topic})
            acknowledged = json.loads(await socket.receive_str(timeout=5))
            assert acknowledged == {"type": "result", "topic": topic, "data": {"status": "ok"}}
        event = json.loads(await socket.receive_str(timeout=5))
        assert (event["topic"], event["data"]["state"]) == ("/session/status/connector/1", "available")
        with_cards.stand.show_card(CARD)
        await with_cards.stand.tick()
        event = json.loads(await socket.receive_str(timeout=5))
        assert (event["topic"], event["data"]["state"]) == ("/session/status/connector/1", "preparingAuthorized")
        await socket.send_json({"action": "subscribe", "topic": "/nonsense"})
        refused = json.loads(await socket.receive_str(timeout=5))
        assert refused["data"]["status"] == "error"


async def test_a_wrong_password_does_not_log_in(peblar: Called) -> None:
    assert (await peblar.ask("POST", f"{WEB}/auth/login", json={"Password": "guess"}))[0] == 401
    assert (await peblar.ask("GET", f"{WEB}/config/api-token"))[0] == 401


async def test_the_rest_api_is_switched_on_in_the_settings(clock: Hands) -> None:
    options = {"rest_enabled": False}
    async with called("peblar_rest", clock, options=options, headers={"Authorization": TOKEN}) as peblar:
        assert (await peblar.ask("GET", f"{REST}/meter"))[0] == 403
        await peblar.post(f"{WEB}/auth/login", {"Password": "peblar"})
        status, _ = await peblar.ask("PATCH", f"{WEB}/config/user", json={"LocalRestApiEnable": True})
        assert status == 200
        await peblar.get(f"{REST}/meter")


async def test_a_rotated_token_shuts_out_the_old_one(peblar: Called) -> None:
    await peblar.post(f"{WEB}/auth/login", {"Password": "peblar"})
    await peblar.post(f"{WEB}/config/api-token")
    assert (await peblar.ask("GET", f"{REST}/meter"))[0] == 401


async def test_pages_and_methods_that_are_not_there(peblar: Called) -> None:
    assert (await peblar.ask("GET", f"{REST}/nothing"))[0] == 404
    assert (await peblar.ask("DELETE", f"{REST}/meter"))[0] == 405
    assert (await peblar.ask("GET", "/"))[0] == 404
