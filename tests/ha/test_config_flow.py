"""Setting up and changing a building."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from unittest.mock import patch

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.config_entries import SOURCE_USER, ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest

from custom_components.evshare.const import DOMAIN

from .conftest import BUILDING, MakeEntry, measure

TOKEN = "pairing-token-of-the-app"

LINDENHOF = {"name": "Lindenhof", "currency": "EUR", "fuse_a": 63, "phases": "3"}


@pytest.fixture(autouse=True)
def _no_set_up() -> Iterator[None]:
    """These tests are about the dialogue; what comes after it has tests of its own."""
    with patch("custom_components.evshare.async_setup_entry", return_value=True):
        yield


@pytest.fixture
async def app(socket_enabled: None) -> AsyncIterator[Callable[..., Any]]:
    """An app's link on a local port that answers a hello as told."""
    servers: list[TestServer] = []

    async def start(*, answer: dict[str, Any] | None = None) -> str:
        heard: list[Any] = []

        async def link(request: web.Request) -> web.StreamResponse:
            if request.headers.get("Authorization") != f"Bearer {TOKEN}":
                raise web.HTTPForbidden
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            heard.append(await socket.receive_json())
            await socket.send_json(answer or {"v": 1, "type": "error", "code": "bad_message", "message": "building"})
            await socket.close()
            return socket

        application = web.Application()
        application.router.add_get("/link/v1", link)
        server = TestServer(application)
        await server.start_server()
        servers.append(server)
        start.heard = heard  # type: ignore[attr-defined]
        return f"http://127.0.0.1:{server.port}"

    yield start
    for server in servers:
        await server.close()


async def begin(hass: HomeAssistant) -> ConfigFlowResult:
    return await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})


async def go_on(hass: HomeAssistant, result: ConfigFlowResult, **user_input: Any) -> ConfigFlowResult:
    return await hass.config_entries.flow.async_configure(result["flow_id"], user_input)


async def test_a_building_without_meters_and_app_is_complete(hass: HomeAssistant) -> None:
    result = await begin(hass)
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "user")
    result = await go_on(hass, result, **LINDENHOF)
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "app")
    result = await go_on(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    assert entry.title == "Lindenhof"
    assert dict(entry.data) == BUILDING
    assert len(entry.unique_id) == 32


async def test_set_up_walks_on_to_the_first_stall(hass: HomeAssistant) -> None:
    result = await go_on(hass, await go_on(hass, await begin(hass), **LINDENHOF))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    stall_flow = hass.config_entries.subentries.async_get(result["next_flow"][1])
    assert stall_flow["handler"] == (result["result"].entry_id, "stall")
    assert stall_flow["step_id"] == "user"


async def test_the_currency_offered_first_is_that_of_this_home_assistant(hass: HomeAssistant) -> None:
    hass.config.currency = "CHF"
    result = await begin(hass)
    assert next(key.default() for key in result["data_schema"].schema if key == "currency") == "CHF"


async def test_meters_are_kept(hass: HomeAssistant) -> None:
    measure(hass, "sensor.grid", -1.2, "kW")
    measure(hass, "sensor.pv", 4000, "W")
    for phase in (1, 2, 3):
        measure(hass, f"sensor.l{phase}", 10, "A")
    meters = {
        "grid_power": "sensor.grid",
        "current_l1": "sensor.l1",
        "current_l2": "sensor.l2",
        "current_l3": "sensor.l3",
        "pv_power": "sensor.pv",
    }
    result = await go_on(hass, await go_on(hass, await begin(hass), **LINDENHOF, **meters))
    assert dict(result["result"].data) == BUILDING | meters


@pytest.mark.parametrize(
    ("changed", "errors"),
    [
        ({"name": "   "}, {"name": "name_missing"}),
        ({"grid_power": "sensor.nowhere"}, {"grid_power": "entity_unknown"}),
        ({"grid_power": "sensor.l1"}, {"grid_power": "not_power"}),
        ({"pv_power": "sensor.text"}, {"pv_power": "not_power"}),
        ({"grid_power": "sensor.grid", "pv_power": "sensor.grid"}, {"pv_power": "chosen_twice"}),
        ({"current_l1": "sensor.l1"}, {"current_l2": "phase_missing", "current_l3": "phase_missing"}),
        (
            {"current_l1": "sensor.l1", "current_l2": "sensor.l2", "current_l3": "sensor.grid"},
            {"current_l3": "not_current"},
        ),
        (
            {"phases": "1", "current_l1": "sensor.l1", "current_l2": "sensor.l2"},
            {"current_l2": "phase_absent"},
        ),
    ],
)
async def test_a_wrong_setting_is_named_and_can_be_corrected(
    hass: HomeAssistant, changed: dict[str, Any], errors: dict[str, str]
) -> None:
    measure(hass, "sensor.grid", 1200, "W")
    measure(hass, "sensor.l1", 10, "A")
    measure(hass, "sensor.l2", 10, "A")
    hass.states.async_set("sensor.text", "much")
    result = await go_on(hass, await begin(hass), **LINDENHOF | changed)
    assert (result["step_id"], result["errors"]) == ("user", errors)
    result = await go_on(hass, result, **LINDENHOF)
    assert result["step_id"] == "app"


async def test_a_second_building_of_the_same_name_is_refused(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    make_entry()
    result = await go_on(hass, await begin(hass), **LINDENHOF | {"name": "lindenhof "})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert len(hass.config_entries.async_entries(DOMAIN)) == 1


async def test_a_second_building_of_another_name_is_welcome(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    first = make_entry()
    result = await go_on(hass, await go_on(hass, await begin(hass), **LINDENHOF | {"name": "Eichenhof"}))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["result"].unique_id != first.unique_id


async def test_the_app_is_kept_after_a_handshake_that_binds_it_to_nothing(
    hass: HomeAssistant, app: Callable[..., Any]
) -> None:
    url = await app()
    result = await go_on(hass, await begin(hass), **LINDENHOF)
    result = await go_on(hass, result, app_url=f"{url}/", app_token=f" {TOKEN} ", office_url="https://office.example")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    data = result["result"].data
    assert (data["app_url"], data["app_token"], data["office_url"]) == (url, TOKEN, "https://office.example")
    (hello,) = app.heard  # type: ignore[attr-defined]
    assert (hello["type"], hello["versions"], hello["building"]) == ("hello", [1, 2, 3], None)


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({"app_token": TOKEN}, {"app_url": "url_missing"}),
        ({"office_url": "http://office"}, {"app_url": "url_missing"}),
        ({"app_url": "lindenhof", "app_token": TOKEN}, {"app_url": "invalid_url"}),
        ({"app_url": "ftp://app:8101", "app_token": TOKEN}, {"app_url": "invalid_url"}),
        ({"app_url": "http://app:8101"}, {"app_token": "token_missing"}),
        ({"app_url": "http://app:8101", "app_token": TOKEN, "office_url": "office"}, {"office_url": "invalid_url"}),
    ],
)
async def test_half_an_app_is_refused(hass: HomeAssistant, typed: dict[str, str], errors: dict[str, str]) -> None:
    result = await go_on(hass, await begin(hass), **LINDENHOF)
    result = await go_on(hass, result, **typed)
    assert (result["step_id"], result["errors"]) == ("app", errors)
    result = await go_on(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_wrong_pairing_token_is_refused_and_can_be_corrected(
    hass: HomeAssistant, app: Callable[..., Any]
) -> None:
    url = await app()
    result = await go_on(hass, await begin(hass), **LINDENHOF)
    result = await go_on(hass, result, app_url=url, app_token="guessed")
    assert result["errors"] == {"base": "invalid_auth"}
    result = await go_on(hass, result, app_url=url, app_token=TOKEN)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_an_app_of_another_version_is_refused(hass: HomeAssistant, app: Callable[..., Any]) -> None:
    answer = {"v": 3, "type": "error", "code": "unsupported_version", "message": "speaks 2 and 3"}
    url = await app(answer=answer)
    result = await go_on(hass, await begin(hass), **LINDENHOF)
    result = await go_on(hass, result, app_url=url, app_token=TOKEN)
    assert result["errors"] == {"base": "unsupported_version"}


async def test_an_address_where_nobody_listens_is_refused(hass: HomeAssistant, socket_enabled: None) -> None:
    server = TestServer(web.Application())
    await server.start_server()
    deserted = f"http://127.0.0.1:{server.port}"
    await server.close()
    result = await go_on(hass, await begin(hass), **LINDENHOF)
    result = await go_on(hass, result, app_url=deserted, app_token=TOKEN)
    assert result["errors"] == {"base": "cannot_connect"}


async def test_a_server_that_is_no_link_is_refused(hass: HomeAssistant, socket_enabled: None) -> None:
    server = TestServer(web.Application())
    await server.start_server()
    result = await go_on(hass, await begin(hass), **LINDENHOF)
    result = await go_on(hass, result, app_url=f"http://127.0.0.1:{server.port}", app_token=TOKEN)
    assert result["errors"] == {"base": "cannot_connect"}
    await server.close()


async def test_a_building_can_be_changed_and_keeps_its_identity(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    measure(hass, "sensor.grid", 1200, "W")
    entry = make_entry(grid_power="sensor.grid")
    result = await entry.start_reconfigure_flow(hass)
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "reconfigure")
    result = await go_on(hass, result, **LINDENHOF | {"name": "Lindenhof Süd", "fuse_a": 80})
    result = await go_on(hass, result)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert entry.title == "Lindenhof Süd"
    assert dict(entry.data) == BUILDING | {"name": "Lindenhof Süd", "fuse_a": 80}
    assert entry.unique_id == "b" * 32


async def test_a_building_cannot_take_the_name_of_another(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    make_entry(name="Eichenhof", unique_id="e" * 32)
    entry = make_entry()
    result = await entry.start_reconfigure_flow(hass)
    result = await go_on(hass, result, **LINDENHOF | {"name": "Eichenhof"})
    assert result["reason"] == "already_configured"
    assert entry.title == "Lindenhof"


async def test_the_pairing_token_is_not_shown_again_and_kept_when_left_empty(
    hass: HomeAssistant, make_entry: MakeEntry, app: Callable[..., Any]
) -> None:
    url = await app()
    entry = make_entry(app_url=url, app_token=TOKEN)
    result = await go_on(hass, await entry.start_reconfigure_flow(hass), **LINDENHOF)
    assert TOKEN not in str([key.description for key in result["data_schema"].schema])
    result = await go_on(hass, result, app_url=url)
    assert result["reason"] == "reconfigure_successful"
    assert entry.data["app_token"] == TOKEN


async def test_an_app_that_is_down_keeps_nobody_from_changing_the_building(
    hass: HomeAssistant, make_entry: MakeEntry
) -> None:
    entry = make_entry(app_url="http://127.0.0.1:1", app_token=TOKEN)
    result = await go_on(hass, await entry.start_reconfigure_flow(hass), **LINDENHOF | {"fuse_a": 50})
    result = await go_on(hass, result, app_url="http://127.0.0.1:1")
    assert result["reason"] == "reconfigure_successful"
    assert (entry.data["fuse_a"], entry.data["app_token"]) == (50, TOKEN)


async def test_leaving_the_app_empty_takes_it_away(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    entry = make_entry(app_url="http://app:8101", app_token=TOKEN)
    result = await go_on(hass, await entry.start_reconfigure_flow(hass), **LINDENHOF)
    result = await go_on(hass, result)
    assert result["reason"] == "reconfigure_successful"
    assert (entry.data["app_url"], entry.data["app_token"]) == (None, None)


async def test_the_currency_of_an_apps_books_stays(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    entry = make_entry(app_url="http://app:8101", app_token=TOKEN)
    result = await go_on(hass, await entry.start_reconfigure_flow(hass), **LINDENHOF | {"currency": "CHF"})
    assert (result["step_id"], result["errors"]) == ("reconfigure", {"currency": "currency_kept"})
    assert entry.data["currency"] == "EUR"


@pytest.mark.parametrize("answer", ["hello", "[]", '{"v": 1}'])
async def test_a_websocket_that_is_no_link_is_refused(hass: HomeAssistant, socket_enabled: None, answer: str) -> None:
    async def link(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(answer)
        return socket

    result = await _try_app(hass, link)
    assert result["errors"] == {"base": "cannot_connect"}


@pytest.mark.parametrize(("code", "error"), [(4406, "unsupported_version"), (1011, "cannot_connect")])
async def test_a_link_that_hangs_up_is_refused(
    hass: HomeAssistant, socket_enabled: None, code: int, error: str
) -> None:
    async def link(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.close(code=code)
        return socket

    result = await _try_app(hass, link)
    assert result["errors"] == {"base": error}


async def _try_app(hass: HomeAssistant, link: Callable[[web.Request], Any]) -> ConfigFlowResult:
    application = web.Application()
    application.router.add_get("/link/v1", link)
    server = TestServer(application)
    await server.start_server()
    result = await go_on(hass, await begin(hass), **LINDENHOF)
    result = await go_on(hass, result, app_url=f"http://127.0.0.1:{server.port}", app_token=TOKEN)
    await server.close()
    return result
