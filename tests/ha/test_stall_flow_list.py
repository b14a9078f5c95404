"""Adding a stall from the list of models: how it is found there, reached, signed in to, and what stands around it."""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.components.frontend.storage import async_user_store
from homeassistant.config_entries import SOURCE_USER, SubentryFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, section
from homeassistant.setup import async_setup_component
from modbus_connection.mock import MockModbusUnit
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.evshare.connectors.profile import Profile, load_profile
from custom_components.evshare.connectors.profile_values import Support
from custom_components.evshare.diagnostics import async_get_config_entry_diagnostics
from custom_components.evshare.list_steps import _options, _profiles

from .conftest import MakeEntry, measure, set_up, stall, stall_data
from .hardware import FakeKeba, ModbusNetwork, OneUnit
from .stall_dialogue import KEBA, begin, go_on, keep, only_stall

SHARED = {"name": "Stall 1", "max_current_a": 16, "phase_map": "123"}

type Shelf = Callable[..., None]


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """Put models on the list: those of the real one, changed."""
    with ExitStack() as stack:

        def put(*profiles: Profile) -> None:
            known = {profile.id: profile for profile in profiles}

            def load(name: str, *_: Any) -> Profile:
                return known[name.partition("|")[0]]

            for room in ("list_steps", "sighting", "building.wiring"):
                stack.enter_context(patch(f"custom_components.evshare.{room}.load_profile", load))
            stack.enter_context(
                patch("custom_components.evshare.list_steps.available_profiles", lambda: tuple(sorted(known)))
            )

        yield put


async def the_list(hass: HomeAssistant, entry: MockConfigEntry) -> SubentryFlowResult:
    """Open the list of models."""
    result = await hass.config_entries.subentries.async_init((entry.entry_id, "stall"), context={"source": SOURCE_USER})
    return await go_on(hass, result, next_step_id="from_list")


def fields(result: SubentryFlowResult) -> dict[str, Any]:
    """The fields of a form with what is filled in: suggested, or else the default."""
    return {
        str(key): (key.description or {}).get("suggested_value", key.default() if callable(key.default) else None)
        for key in result["data_schema"].schema
    }


def options(result: SubentryFlowResult, field: str) -> list[Any]:
    """What can be chosen in a field."""
    chosen: list[Any] = result["data_schema"].schema[field].config["options"]
    return chosen


# --- the list -------------------------------------------------------------------------------------------------------


async def test_every_brand_of_a_model_is_in_the_list_and_experimental_ones_come_last(
    hass: HomeAssistant, make_entry: MakeEntry, shelf: Shelf
) -> None:
    keba = load_profile("keba_p30")
    shelf(
        replace(keba, names=("Zoe's Own Box", "BMW Wallbox")),
        replace(keba, id="abl", name="ABL eMH1", names=("Audi",), support=Support.EXPERIMENTAL),
    )
    result = await the_list(hass, make_entry())
    assert [(option["label"], option["value"]) for option in options(result, "connector")] == [
        ("BMW Wallbox", "keba_p30|BMW Wallbox"),
        ("KEBA KeContact P30", "keba_p30"),
        ("Zoe's Own Box", "keba_p30|Zoe's Own Box"),
        ("ABL eMH1 (experimental)", "abl"),
        ("Audi (experimental)", "abl|Audi"),
    ]


async def test_a_model_chosen_by_another_brand_keeps_that_name_in_the_dialogue(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    entry = make_entry()
    result = await begin(hass, entry, "keba_p30|BMW i Wallbox")
    assert result["description_placeholders"]["connector"] == "BMW i Wallbox"
    result = await go_on(hass, result, **KEBA)
    assert result["description_placeholders"]["connector"] == "BMW i Wallbox"
    await keep(hass, result)
    assert only_stall(entry)[1]["connector"] == "keba_p30"


@pytest.mark.parametrize(
    ("support", "checked", "said"),
    [
        (Support.SUPPORTED, True, "**Needed for this model:**\n\n- DIP switch DSW1.3 on."),
        (Support.EXPERIMENTAL, True, "**Experimental.** We follow the maker's papers"),
        (Support.EXPERIMENTAL, False, "**Experimental, and less than that.** This model is only consistent in itself"),
    ],
)
async def test_what_nobody_answers_for_is_said_plainly_before_it_is_set_up(
    hass: HomeAssistant, make_entry: MakeEntry, shelf: Shelf, support: Support, checked: bool, said: str
) -> None:
    requires = ({"en": "DIP switch DSW1.3 on."},)
    shelf(replace(load_profile("keba_p30"), support=support, checked=checked, requires=requires))
    result = await begin(hass, make_entry())
    notes = result["description_placeholders"]["requires"]
    assert notes.startswith(said)
    assert notes.endswith("- DIP switch DSW1.3 on.")


@pytest.mark.parametrize(
    ("language", "line"), [("de-CH", "- DIP-Schalter DSW1.3 an."), ("fr", "- DIP switch DSW1.3 on.")]
)
async def test_what_a_model_needs_is_said_in_the_language_spoken_or_in_english(
    hass: HomeAssistant, make_entry: MakeEntry, shelf: Shelf, language: str, line: str
) -> None:
    requires = ({"en": "DIP switch DSW1.3 on.", "de": "DIP-Schalter DSW1.3 an."},)
    shelf(replace(load_profile("keba_p30"), requires=requires))
    hass.config.language = language
    result = await begin(hass, make_entry())
    assert result["description_placeholders"]["requires"].endswith(line)


async def test_the_dialogue_speaks_the_language_that_its_reader_chose(
    hass: HomeAssistant,
    make_entry: MakeEntry,
    keba: FakeKeba,
    hass_client: ClientSessionGenerator,
    hass_admin_user: MockUser,
) -> None:
    """Home Assistant speaks English, the one who is signed in reads German."""
    assert await async_setup_component(hass, "config", {})
    hass.config.components.add("frontend")
    await (await async_user_store(hass, hass_admin_user.id)).async_set_item("language", {"language": "de"})
    client, address = await hass_client(), "/api/config/config_entries/subentries/flow"

    async def said(path: str, answer: dict[str, Any]) -> dict[str, Any]:
        response = await client.post(f"{address}{path}", json=answer)
        told: dict[str, Any] = await response.json()
        return told

    flow = f"/{(await said('', {'handler': [make_entry().entry_id, 'stall']}))['flow_id']}"
    await said(flow, {"next_step_id": "from_list"})
    form = await said(flow, {"connector": "keba_p30"})
    assert "- Nichts anderes spricht über UDP oder Modbus mit ihr." in form["description_placeholders"]["requires"]
    await said(flow, KEBA)
    await hass.async_block_till_done()
    seen = await (await client.get(f"{address}{flow}")).json()
    assert seen["description_placeholders"]["pilot"] == "Kein Auto angesteckt"
    assert seen["description_placeholders"]["register"] == "1234,567 kWh"


async def test_a_model_is_chosen_by_its_name_as_well(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    result = await go_on(hass, await the_list(hass, make_entry()), connector="keba kecontact p30 ")
    assert (result["step_id"], result["description_placeholders"]["connector"]) == ("connection", "KEBA KeContact P30")


@pytest.mark.parametrize("typed", [{}, {"connector": ""}, {"connector": "keba_p31"}])
async def test_what_is_no_model_of_the_list_is_refused(
    hass: HomeAssistant, make_entry: MakeEntry, typed: dict[str, str]
) -> None:
    result = await go_on(hass, await the_list(hass, make_entry()), **typed)
    assert (result["step_id"], result["errors"]) == ("from_list", {"connector": "model_unknown"})


WRITES_FAILSAFE = {"set_failsafe_current", "set_watchdog_timeout", "prepare"}
TELLS_FAILSAFE = {"failsafe_current_a", "watchdog_timeout_s"}


@pytest.mark.parametrize(
    ("missing", "timeout_s", "said"),
    [
        (set(), 0, "Its own failsafe is now set to: switched off. evshare sets it"),
        (WRITES_FAILSAFE, 30, "Its own failsafe is set to: 10 A, after 30 s. evshare cannot change that;"),
        (
            TELLS_FAILSAFE,
            30,
            "evshare sets its own failsafe when you keep the stall. How it is set now cannot be read.",
        ),
        (WRITES_FAILSAFE | TELLS_FAILSAFE, 30, "evshare neither reads nor sets a failsafe of its own here."),
    ],
)
async def test_of_its_failsafe_is_said_what_is_true_of_this_model(
    hass: HomeAssistant,
    make_entry: MakeEntry,
    keba: FakeKeba,
    shelf: Shelf,
    missing: set[str],
    timeout_s: int,
    said: str,
) -> None:
    keba.unit.holding[1600] = [0, 10_000]
    keba.unit.holding[1602] = [0, timeout_s]
    model = load_profile("keba_p30")
    commands = {name: command for name, command in model.commands.items() if name not in missing}
    points = {name: point for name, point in model.points.items() if name not in missing}
    shelf(replace(model, commands=commands, points=points))
    result = await go_on(hass, await begin(hass, make_entry()), **KEBA)
    assert result["description_placeholders"]["failsafe"].startswith(said)


def test_every_model_of_the_list_can_be_loaded_and_named() -> None:
    values = [option["value"] for option in _options(_profiles(), "experimental")]
    assert len(values) == len(set(values))
    assert "keba_p30" in values


# --- by which way it is reached -------------------------------------------------------------------------------------


class FakeHeidelberg:
    """A Heidelberg Energy Control (connector reference 3.3): input registers from 4, holding registers from 257."""

    def __init__(self, network: ModbusNetwork, device: str, unit_id: int) -> None:
        connection = OneUnit(unit_id)
        network.add(device, connection, port=0)
        self.unit: MockModbusUnit = connection.for_unit(unit_id)
        # Layout 1.0.8; status 2: no car, not enabled; currents, temperature, voltages, lock, power, energies.
        self.unit.input[4] = [0x108, 2, 0, 0, 0, 250, 230, 230, 230, 1, 0, 0, 0, 0, 0]
        self.unit.holding[257] = [15000, 4, 0]
        self.unit.holding[261] = [0, 0]


async def choose_heidelberg(hass: HomeAssistant, entry: MockConfigEntry, transport: str) -> SubentryFlowResult:
    result = await the_list(hass, entry)
    result = await go_on(hass, result, connector="heidelberg_ec")
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "reach")
    assert options(result, "transport") == ["modbus_rtu", "modbus_rtu_over_tcp"]
    result = await go_on(hass, result, transport=transport)
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "connection")
    return result


async def test_a_connector_on_a_serial_line_is_looked_at_there(
    hass: HomeAssistant, make_entry: MakeEntry, network: ModbusNetwork
) -> None:
    FakeHeidelberg(network, "/dev/ttyUSB0", 3)
    entry = make_entry()
    measure(hass, "sensor.meter", 12.5, "kWh")
    result = await choose_heidelberg(hass, entry, "modbus_rtu")
    assert {"host", "port"}.isdisjoint(fields(result))
    assert fields(result)["unit_id"] == 1
    result = await go_on(hass, result, **SHARED, serial_port="/dev/ttyUSB0", unit_id=3, meter="sensor.meter")
    assert result["description_placeholders"]["pilot"] == "No car is plugged in"
    await keep(hass, result)
    _, data, unique_id = only_stall(entry)
    assert data == {
        "connector": "heidelberg_ec",
        "transport": "modbus_rtu",
        "serial_port": "/dev/ttyUSB0",
        "unit_id": 3,
        "max_current_a": 16,
        "phase_map": [1, 2, 3],
        "contactor": None,
        "meter": "sensor.meter",
        "tag_reader": None,
        "serial": None,
    }
    assert unique_id == "stall:/dev/ttyUSB0:3"


async def test_a_connector_behind_a_gateway_is_looked_at_through_it(
    hass: HomeAssistant, make_entry: MakeEntry, network: ModbusNetwork
) -> None:
    FakeHeidelberg(network, "socket://10.0.0.40:502", 1)
    entry = make_entry()
    result = await choose_heidelberg(hass, entry, "modbus_rtu_over_tcp")
    result = await go_on(hass, result, **SHARED, host="10.0.0.40", port=502, unit_id=1)
    assert result["step_id"] == "confirm_unbilled"
    # Heidelberg register table: energy in VAh.
    assert result["description_placeholders"]["reason"] == "It counts apparent energy (VAh), not what is billed (Wh)."
    result = await go_on(hass, result, without_billing=True)
    await keep(hass, result)
    assert only_stall(entry)[1]["transport"] == "modbus_rtu_over_tcp"
    assert only_stall(entry)[2] == "stall:10.0.0.40:502:1"


async def test_two_connectors_share_a_line_and_the_same_one_is_refused(
    hass: HomeAssistant, make_entry: MakeEntry, network: ModbusNetwork
) -> None:
    FakeHeidelberg(network, "/dev/ttyUSB0", 3)
    data = stall_data(connector="heidelberg_ec", transport="modbus_rtu", serial_port="/dev/ttyUSB0", serial=None)
    first = stall("stall-1", "Stall 1", **data)
    first["unique_id"] = "stall:/dev/ttyUSB0:3"
    entry = make_entry(first)
    result = await choose_heidelberg(hass, entry, "modbus_rtu")
    form = SHARED | {"name": "Stall 2", "serial_port": "/dev/ttyUSB0"}
    result = await go_on(hass, result, **form, unit_id=3)
    assert result["reason"] == "already_configured"


async def test_a_serial_line_without_a_port_is_named(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    result = await choose_heidelberg(hass, make_entry(), "modbus_rtu")
    result = await go_on(hass, result, **SHARED, serial_port=" ", unit_id=1)
    assert result["errors"] == {"serial_port": "serial_port_missing"}


async def test_a_changed_stall_begins_with_the_way_it_is_reached_now(
    hass: HomeAssistant, make_entry: MakeEntry, network: ModbusNetwork
) -> None:
    FakeHeidelberg(network, "/dev/ttyUSB0", 3)
    data = stall_data(connector="heidelberg_ec", transport="modbus_rtu_over_tcp", unit_id=3, serial=None)
    entry = make_entry(stall("stall-1", "Stall 1", **data))
    result = await entry.start_subentry_reconfigure_flow(hass, "stall-1")
    assert result["step_id"] == "reach"
    assert fields(result)["transport"] == "modbus_rtu_over_tcp"
    result = await go_on(hass, result, transport="modbus_rtu")
    result = await go_on(hass, result, **SHARED, serial_port="/dev/ttyUSB0", unit_id=3)
    assert result["step_id"] == "confirm_unbilled"
    await keep(hass, await go_on(hass, result, without_billing=True))
    assert "host" not in only_stall(entry)[1]


async def test_each_connector_of_a_box_with_several_is_a_stall_of_its_own(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, shelf: Shelf
) -> None:
    """A box whose second connector answers one port further, at the next unit id."""
    profile = load_profile("keba_p30")
    transport = replace(profile.transport, points_max=2, port_step=1, unit_id_step=1)
    shelf(replace(profile, transport=transport))
    first = stall("stall-1", "Stall 1", point=1)
    first["unique_id"] = "stall:17619300:1"
    entry = make_entry(first)

    async def point(number: int) -> SubentryFlowResult:
        result = await go_on(hass, await the_list(hass, entry), connector="keba_p30")
        assert list(fields(result)) == ["point"]
        return await go_on(hass, result, point=number)

    result = await point(2)
    assert (fields(result)["port"], fields(result)["unit_id"]) == (503, 256)
    result = await go_on(hass, result, **KEBA | {"name": "Stall 2"})
    await keep(hass, result)
    second = next(stall for stall in entry.subentries.values() if stall.title == "Stall 2")
    assert (second.data["point"], second.unique_id) == (2, "stall:17619300:2")
    result = await go_on(hass, await point(1), **KEBA | {"name": "Stall 3"})
    assert result["reason"] == "already_configured"


@pytest.mark.parametrize("host", ["10.0.0.11/admin", "http://box"])
async def test_an_address_that_is_none_is_named(hass: HomeAssistant, make_entry: MakeEntry, host: str) -> None:
    result = await begin(hass, make_entry(), "goe_http_v2")
    result = await go_on(hass, result, **SHARED, host=host, port=80)
    assert result["errors"] == {"host": "unusable"}


# --- secrets --------------------------------------------------------------------------------------------------------


class OpenEvse:
    """An OpenEVSE behind a user name and password (connector reference 2.11): `/status` without a car."""

    def __init__(self) -> None:
        self.port = 0
        self.accepts = "Basic " + b64encode(b"admin:geheim").decode()

    async def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != self.accepts:
            return web.Response(status=401)
        bodies = {
            "/status": {"state": 1, "vehicle": 0, "amp": 0, "pilot": 16, "total_energy": 12.5, "wifi_serial": "A1B2"},
            "/config": {"wifi_serial": "A1B2", "firmware": "8.2.1", "buildenv": "openevse"},
        }
        body = bodies.get(request.path)
        return web.json_response(body) if body else web.Response(status=404)


@pytest.fixture
async def openevse(hass: HomeAssistant, socket_enabled: None) -> AsyncIterator[OpenEvse]:
    """Listening on the loopback address."""
    box = OpenEvse()
    application = web.Application()
    application.router.add_get("/{path:.*}", box.answer)
    server = TestServer(application)
    await server.start_server()
    box.port = server.port or 0
    yield box
    await server.close()


def signed_in(box: OpenEvse, password: str | None) -> dict[str, Any]:
    """The form of an OpenEVSE."""
    form = SHARED | {"host": "127.0.0.1", "port": box.port, "username": "admin"}
    return form if password is None else form | {"password": password}


async def test_a_wrong_password_is_told_as_such(hass: HomeAssistant, make_entry: MakeEntry, openevse: OpenEvse) -> None:
    result = await begin(hass, make_entry(), "openevse_http")
    result = await go_on(hass, result, **signed_in(openevse, "falsch"))
    assert result["errors"] == {"password": "wrong_password"}


async def test_a_missing_password_is_named_where_the_model_needs_one(
    hass: HomeAssistant, make_entry: MakeEntry, shelf: Shelf
) -> None:
    profile = load_profile("openevse_http")
    shelf(replace(profile, transport=replace(profile.transport, auth_required=True)))
    result = await begin(hass, make_entry(), "openevse_http")
    result = await go_on(hass, result, **SHARED, host="127.0.0.1", port=80)
    assert result["errors"] == {"password": "password_missing"}


async def test_a_missing_token_is_named(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    """A Peblar's REST API asks for its token in a header (connector reference 2.10)."""
    result = await begin(hass, make_entry(), "peblar_rest")
    assert "token" in fields(result)
    result = await go_on(hass, result, **SHARED, host="127.0.0.1", port=80)
    assert result["errors"] == {"token": "token_missing"}


async def test_a_password_is_never_shown_again_and_kept_when_left_empty(
    hass: HomeAssistant, make_entry: MakeEntry, openevse: OpenEvse
) -> None:
    data = stall_data(
        connector="openevse_http", host="127.0.0.1", port=1, unit_id=None, username="admin", password="geheim"
    )
    entry = make_entry(stall("stall-1", "Stall 1", **data | {"serial": None}))
    result = await entry.start_subentry_reconfigure_flow(hass, "stall-1")
    assert fields(result)["username"] == "admin"
    assert fields(result)["password"] is None
    result = await go_on(hass, result, **signed_in(openevse, None))
    assert result["step_id"] == "confirm", result["errors"]
    await keep(hass, result)
    assert only_stall(entry)[1]["password"] == "geheim"


async def test_a_password_that_was_typed_is_not_shown_when_something_else_is_wrong(
    hass: HomeAssistant, make_entry: MakeEntry, openevse: OpenEvse
) -> None:
    result = await begin(hass, make_entry(), "openevse_http")
    result = await go_on(hass, result, **signed_in(openevse, "geheim") | {"name": " "})
    assert result["errors"] == {"name": "name_missing"}
    assert fields(result)["password"] is None
    result = await go_on(hass, result, **signed_in(openevse, None))
    assert result["step_id"] == "confirm"


async def test_secrets_are_not_in_diagnostics(hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba) -> None:
    entry = await set_up(hass, make_entry(stall(username="admin", password="geheim", token="schluessel")))
    said = str(await async_get_config_entry_diagnostics(hass, entry))
    assert "Stall 1" not in said
    for secret in ("admin", "geheim", "schluessel"):
        assert secret not in said


# --- what stands around it ------------------------------------------------------------------------------------------


@pytest.fixture
def switches(hass: HomeAssistant) -> None:
    """Entities a contactor may be made of."""
    for entity_id in ("switch.contactor", "binary_sensor.closed", "script.keep_alive", "switch.car"):
        hass.states.async_set(entity_id, "off")


@pytest.mark.parametrize(
    ("part", "errors"),
    [
        ({"contactor_more": {"soft_stop": "switch.car"}}, {"contactor_more": "contactor_missing"}),
        (
            {"contactor": "switch.contactor", "contactor_more": {"contactor_refresh_s": 30}},
            {"contactor_more": "refresh_missing"},
        ),
        (
            {"contactor": "switch.contactor", "contactor_more": {"contactor_feedback": "binary_sensor.used"}},
            {"contactor_more": "used_elsewhere"},
        ),
    ],
)
async def test_what_does_not_go_together_around_a_contactor_is_named(
    hass: HomeAssistant,
    make_entry: MakeEntry,
    switches: None,
    part: dict[str, Any],
    errors: dict[str, str],
) -> None:
    other = stall("stall-2", "Stall 2", serial="2", contactor="switch.other", contactor_feedback="binary_sensor.used")
    result = await go_on(hass, await begin(hass, make_entry(other)), **KEBA | part)
    assert result["errors"] == errors


async def test_what_stands_around_a_contactor_is_kept_and_shown_again(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, switches: None
) -> None:
    hass.states.async_set("switch.contactor", "on")
    entry = make_entry()
    more = {"contactor_feedback": "binary_sensor.closed", "contactor_refresh": "script.keep_alive"}
    form = KEBA | {"contactor": "switch.contactor", "contactor_more": more}
    result = await go_on(hass, await begin(hass, entry), **form)
    # A relay that opens by itself answers a silent Home Assistant with a closed gate.
    assert result["description_placeholders"]["on_silence"] == "locked"
    await keep(hass, result)
    _, data, _ = only_stall(entry)
    kept = {key: data[key] for key in ("contactor", "contactor_feedback", "contactor_refresh", "contactor_refresh_s")}
    assert kept == {
        "contactor": "switch.contactor",
        "contactor_feedback": "binary_sensor.closed",
        "contactor_refresh": "script.keep_alive",
        "contactor_refresh_s": 60,
    }
    assert "contactor_more" not in data
    (subentry_id,) = entry.subentries
    result = await entry.start_subentry_reconfigure_flow(hass, subentry_id)
    part = result["data_schema"].schema["contactor_more"]
    assert isinstance(part, section)
    shown = {str(key): (key.description or {}).get("suggested_value") for key in part.schema.schema}
    assert shown == more | {"contactor_refresh_s": 60, "soft_stop": None}


@pytest.mark.parametrize(
    ("part", "error"),
    [
        ({"twc_meter_device": "/dev/ttyUSB1", "twc_meter_port": 5020, "twc_meter_limit_a": 32}, "one_line_only"),
        ({"twc_meter_port": 5020}, "conductor_limit_missing"),
        ({"twc_meter_limit_a": 32}, "line_missing"),
    ],
)
async def test_an_emulated_meter_that_cannot_work_is_named(
    hass: HomeAssistant, make_entry: MakeEntry, part: dict[str, Any], error: str
) -> None:
    result = await begin(hass, make_entry(), "tesla_twc3")
    result = await go_on(hass, result, **SHARED, host="10.0.0.50", port=80, twc_meter=part)
    assert result["errors"] == {"twc_meter": error}


async def test_only_a_tesla_has_an_emulated_meter(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    assert "twc_meter" in fields(await begin(hass, make_entry(), "tesla_twc3"))
    assert "twc_meter" not in fields(await begin(hass, make_entry(name="Eichenhof", unique_id="e" * 32)))
