"""Shelly relay and meter on the wire (connectors.md 1.5; connectors.yaml shelly_gen2_contactor; shelly-api-docs)."""

from collections.abc import AsyncIterator
import hashlib
from typing import Any

import aiohttp
import pytest

from demo.boxes.shelly import ShellyContactor
from demo.car import Car

from ..conftest import Hands
from .calls import Called, called

ON = "/rpc/Switch.Set?id=0&on=true"
OFF = "/rpc/Switch.Set?id=0&on=false"
STATUS = "/rpc/Switch.GetStatus?id=0"


@pytest.fixture
async def shelly(clock: Hands) -> AsyncIterator[Called]:
    async with called("shelly_gen2_contactor", clock) as box:
        yield box


def inside(shelly: Called) -> ShellyContactor:
    wallbox = shelly.stand.first.wallbox
    assert isinstance(wallbox, ShellyContactor)
    return wallbox


async def test_the_contactor_feeds_whoever_is_plugged_in(shelly: Called) -> None:
    await shelly.charge()
    assert shelly.stand.power_w == 0
    assert await shelly.get(ON) == {"was_on": False}
    await shelly.wait(60)
    assert shelly.stand.power_w == 11_040
    status = await shelly.get(STATUS)
    assert (status["id"], status["output"], status["source"]) == (0, True, "http")
    assert "timer_duration" not in status
    assert await shelly.get(OFF) == {"was_on": True}
    await shelly.wait(1)
    assert shelly.stand.power_w == 0


async def test_nobody_can_see_the_car(shelly: Called) -> None:
    await shelly.get(ON)
    before = set(await shelly.get(STATUS))
    shelly.stand.plug(Car(name="full", need_wh=0))
    await shelly.wait(60)
    assert set(await shelly.get(STATUS)) == before
    assert (await shelly.get("/rpc/EM.GetStatus?id=0"))["total_act_power"] == 0


async def test_toggle_after_opens_it_unless_it_is_set_anew(shelly: Called) -> None:
    await shelly.charge()
    await shelly.get(f"{ON}&toggle_after=180")
    status = await shelly.get(STATUS)
    # 2026-06-15 16:01:00 UTC; the timer as set, not what is left of it.
    assert (status["timer_started_at"], status["timer_duration"]) == (1_781_539_260, 180)
    await shelly.wait(170)
    await shelly.get(f"{ON}&toggle_after=180")
    await shelly.wait(170)
    assert shelly.stand.power_w == 11_040
    await shelly.wait(10)
    status = await shelly.get(STATUS)
    assert (status["output"], status["source"]) == (False, "timer")
    assert "timer_duration" not in status
    assert shelly.stand.power_w == 0


async def test_switching_on_without_a_timer_ends_the_one_that_runs(shelly: Called) -> None:
    await shelly.get(f"{ON}&toggle_after=60")
    await shelly.get(ON)
    await shelly.wait(120)
    assert (await shelly.get(STATUS))["output"] is True


async def test_auto_off_works_where_no_timer_is_given(shelly: Called) -> None:
    config = {"id": 0, "config": {"initial_state": "off", "auto_off": True, "auto_off_delay": 300}}
    assert await shelly.post("/rpc/Switch.SetConfig", config) == {"restart_required": False}
    await shelly.get(ON)
    await shelly.wait(299)
    assert (await shelly.get(STATUS))["output"] is True
    await shelly.wait(1)
    assert (await shelly.get(STATUS))["output"] is False
    assert inside(shelly).config_writes == 1


@pytest.mark.parametrize(
    ("initial", "closed"), [("off", False), ("on", True), ("restore_last", True), ("match_input", False)]
)
async def test_after_a_power_cut_the_relay_is_as_configured(shelly: Called, initial: str, closed: bool) -> None:
    await shelly.post("/rpc/Switch.SetConfig", {"id": 0, "config": {"initial_state": initial}})
    await shelly.get(f"{ON}&toggle_after=180")
    await shelly.charge()
    await shelly.stand.reboot()
    with pytest.raises(aiohttp.ClientConnectionError):
        await shelly.get(STATUS)
    await shelly.wait(400)
    status = await shelly.get(STATUS)
    # The timer is lost with the power: what comes back on stays on.
    assert (status["output"], "timer_duration" in status) == (closed, False)
    assert (shelly.stand.power_w > 0) is closed


async def test_opening_under_load_is_counted(shelly: Called) -> None:
    await shelly.get(ON)
    await shelly.charge()
    await shelly.get(OFF)
    assert inside(shelly).openings_under_load == 1
    await shelly.wait(2)
    await shelly.get(ON)
    await shelly.get(OFF)
    assert inside(shelly).openings_under_load == 1
    assert inside(shelly).closings == 2


async def test_the_meter_shows_each_phase_and_counts_wh(shelly: Called) -> None:
    await shelly.get(ON)
    await shelly.charge()
    em = await shelly.get("/rpc/EM.GetStatus?id=0")
    assert [em[f"{phase}_current"] for phase in "abc"] == [16, 16, 16]
    assert (em["a_voltage"], em["total_act_power"]) == (230, 11_040)
    await shelly.get(OFF)
    await shelly.wait(2)
    assert (await shelly.get("/rpc/EMData.GetStatus?id=0"))["total_act"] == shelly.stand.true_register_wh()


async def test_a_meter_may_book_its_energy_once_a_minute_only(clock: Hands) -> None:
    async with called("shelly_gen2_contactor", clock, options={"emdata_every_s": 60}) as shelly:
        await shelly.get(ON)
        await shelly.charge(59)
        assert (await shelly.get("/rpc/EMData.GetStatus?id=0"))["total_act"] == 137_000
        await shelly.get(OFF)
        await shelly.wait(60)
        assert (await shelly.get("/rpc/EMData.GetStatus?id=0"))["total_act"] == shelly.stand.true_register_wh()


async def test_the_relay_itself_measures_only_the_coil(clock: Hands) -> None:
    async with called("shelly_gen2_contactor", clock, options={"em": False}) as shelly:
        await shelly.get(ON)
        await shelly.charge(3_600)
        status = await shelly.get(STATUS)
        assert status["apower"] == 3.5
        assert status["aenergy"]["total"] == 3.5
        assert shelly.stand.power_w == 11_040
        assert (await shelly.ask("GET", "/rpc/EM.GetStatus?id=0"))[0] == 404


@pytest.mark.parametrize(
    "path",
    [
        "/rpc/Switch.Set?id=1&on=true",
        "/rpc/Switch.Set?on=true",
        "/rpc/Switch.Set?id=0",
        "/rpc/Switch.Set?id=0&on=yes",
        "/rpc/Switch.Set?id=0&on=1",
        "/rpc/Switch.Set?id=0&on=true&toggle_after=soon",
        "/rpc/Switch.Set?id=0&on=true&toggle_after=-1",
    ],
)
async def test_a_wrong_argument_is_an_error_and_changes_nothing(shelly: Called, path: str) -> None:
    status, body = await shelly.ask("GET", path)
    assert (status, body["code"]) == (500, -103)
    assert (await shelly.get(STATUS))["output"] is False
    assert shelly.stand.commands == []


@pytest.mark.parametrize(
    "config", [{"initial_state": "closed"}, {"auto_off": 1}, {"auto_off_delay": "300"}, {"power": 1}, {"id": 1}]
)
async def test_a_wrong_configuration_is_refused_whole(shelly: Called, config: dict[str, object]) -> None:
    before = await shelly.get("/rpc/Switch.GetConfig?id=0")
    body = {"id": 0, "config": {"auto_on": True, **config}}
    assert (await shelly.ask("POST", "/rpc/Switch.SetConfig", json=body))[0] == 500
    assert await shelly.get("/rpc/Switch.GetConfig?id=0") == before


async def test_a_request_frame_is_answered_with_a_frame(shelly: Called) -> None:
    frame = {"id": 7, "method": "Switch.Set", "params": {"id": 0, "on": True}}
    assert await shelly.post("/rpc", frame) == {
        "id": 7,
        "src": "shellypro3em-a0b1c2d3e4f5",
        "result": {"was_on": False},
    }
    answer = await shelly.post("/rpc", {"id": 8, "method": "Cover.Open"})
    assert (answer["id"], answer["error"]["code"]) == (8, 404)


def digest(challenge: str, password: str, method: str, uri: str, count: int) -> str:
    """An answer to a SHA-256 challenge, worked out by hand (RFC 7616, 3.4.1)."""
    parts = dict(part.split("=", 1) for part in challenge.removeprefix("Digest ").split(", "))
    realm, nonce = parts["realm"].strip('"'), parts["nonce"].strip('"')

    def h(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    secret, action = h(f"admin:{realm}:{password}"), h(f"{method}:{uri}")
    response = h(f"{secret}:{nonce}:{count:08x}:abc:auth:{action}")
    return (
        f'Digest username="admin", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}", '
        f'cnonce="abc", nc={count:08x}, qop=auth, algorithm=SHA-256'
    )


@pytest.fixture
async def locked(clock: Hands) -> AsyncIterator[Called]:
    async with called("shelly_gen2_contactor", clock, options={"password": "geheim"}) as box:
        yield box


async def challenged(shelly: Called, **headers: str) -> tuple[int, str]:
    async with shelly.session.get(STATUS, headers=headers) as answer:
        return answer.status, answer.headers.get("WWW-Authenticate", "")


async def answered(shelly: Called, challenge: str, *, count: int, password: str = "geheim") -> tuple[int, str]:
    return await challenged(shelly, Authorization=digest(challenge, password, "GET", STATUS, count))


async def test_digest_is_sha_256_with_the_device_as_realm(locked: Called) -> None:
    status, challenge = await challenged(locked)
    assert status == 401
    assert 'realm="shellypro3em-a0b1c2d3e4f5"' in challenge
    assert "algorithm=SHA-256" in challenge
    # Base64 with padding: a client that splits at every "=" loses it.
    assert '=="' in challenge
    assert (await answered(locked, challenge, count=1))[0] == 200
    assert (await answered(locked, challenge, count=1, password="falsch"))[0] == 401


async def test_a_nonce_may_be_used_again_with_the_next_count_only(locked: Called) -> None:
    _, challenge = await challenged(locked)
    assert (await answered(locked, challenge, count=2))[0] == 401
    assert (await answered(locked, challenge, count=1))[0] == 200
    assert (await answered(locked, challenge, count=1))[0] == 401
    assert (await answered(locked, challenge, count=2))[0] == 200


async def test_a_nonce_grows_old_after_an_hour(locked: Called) -> None:
    _, challenge = await challenged(locked)
    await locked.wait(3_599)
    assert (await answered(locked, challenge, count=1))[0] == 200
    await locked.wait(1)
    status, again = await answered(locked, challenge, count=2)
    assert status == 401
    assert "stale=true" in again
    assert (await answered(locked, again, count=1))[0] == 200


async def test_who_it_is_may_be_asked_without_a_password(locked: Called) -> None:
    info: Any = await locked.get("/shelly")
    assert (info["gen"], info["auth_en"]) == (2, True)
    assert (await locked.get("/rpc/Shelly.GetDeviceInfo"))["id"] == "shellypro3em-a0b1c2d3e4f5"


async def test_commands_need_the_password_too(locked: Called) -> None:
    assert (await locked.ask("GET", ON))[0] == 401
    assert locked.stand.commands == []
    right = aiohttp.DigestAuthMiddleware("admin", "geheim")
    async with locked.session.get(ON, middlewares=(right,)) as answer:
        assert answer.status == 200
    assert locked.stand.commands == [("Switch.Set", True)]
