"""Adding and changing a stall: it is looked at before it is kept."""

from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import patch

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.config_entries import SubentryFlowResult
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .conftest import MakeEntry, measure, set_up, stall, stall_data
from .hardware import Device, FakeKeba, ModbusNetwork
from .stall_dialogue import KEBA, QuickClock, begin, go_on, keep, only_stall


async def test_a_keba_is_looked_at_shown_and_kept(hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba) -> None:
    keba.plug()
    keba.draw(11_000)
    keba.unit.holding[1600] = [0, 10_000]  # failsafe current in mA, KEBA Modbus guide
    keba.unit.holding[1602] = [0, 30]  # failsafe time-out in s
    entry = make_entry()
    result = await go_on(hass, await begin(hass, entry), **KEBA)
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "confirm")
    assert result["menu_options"] == ["keep", "proof", "change"]
    assert result["description_placeholders"] == {
        "connector": "KEBA KeContact P30",
        "model": "KEBA KeContact P30",
        "serial": "17619300",
        "firmware": "3.10.42",
        "pilot": "A car is plugged in and charging",
        "power": "11000 W",
        "register": "1234.567 kWh",
        "lock": "Held. Only residents charge; after an outage somebody else may, until Home Assistant is back.",
        "on_silence": "locked",
        "on_reboot": "anyone can charge",
        "on_unplug": "stays as it is",
        "failsafe": "Its own failsafe is now set to: 10 A, after 30 s. "
        "evshare sets it as it needs it when you keep the stall.",
    }
    assert entry.subentries == {}
    result = await keep(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert only_stall(entry) == ("Stall 1", stall_data(), "stall:17619300")


async def test_a_look_writes_nothing_to_a_connector(hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba) -> None:
    await go_on(hass, await begin(hass, make_entry()), **KEBA)
    assert keba.writes == []


async def test_the_usual_port_and_unit_of_the_model_are_filled_in(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    result = await begin(hass, make_entry())
    defaults = {str(key): key.default() for key in result["data_schema"].schema if callable(key.default)}
    assert (defaults["port"], defaults["unit_id"], defaults["phase_map"]) == (502, 255, "123")


@pytest.mark.parametrize(
    ("changed", "errors"),
    [
        ({"name": " "}, {"name": "name_missing"}),
        ({"name": "stall 2"}, {"name": "name_taken"}),
        ({"host": " "}, {"host": "host_missing"}),
        ({"max_current_a": 32}, {"max_current_a": "above_fuse"}),
        ({"meter": "sensor.nowhere"}, {"meter": "entity_unknown"}),
        ({"meter": "sensor.power"}, {"meter": "not_energy"}),
        ({"meter": "sensor.energy_2"}, {"meter": "used_elsewhere"}),
        ({"contactor": "switch.nowhere"}, {"contactor": "entity_unknown"}),
        ({"contactor": "switch.contactor_2"}, {"contactor": "used_elsewhere"}),
        ({"access": {"reader_signal": "switch.contactor_2"}}, {"access": "signal_is_lock"}),
    ],
)
async def test_a_wrong_setting_is_named_before_anything_is_asked(
    hass: HomeAssistant, make_entry: MakeEntry, network: ModbusNetwork, changed: dict[str, Any], errors: dict[str, str]
) -> None:
    measure(hass, "sensor.power", 1, "kW")
    measure(hass, "sensor.energy_2", 1, "kWh")
    hass.states.async_set("switch.contactor_2", "off")
    other = stall(
        "stall-2",
        "Stall 2",
        serial="2",
        meter="sensor.energy_2",
        contactor="switch.contactor_2",
    )
    entry = make_entry(other, fuse_a=25)
    result = await go_on(hass, await begin(hass, entry), **KEBA | changed)
    assert (result["step_id"], result["errors"]) == ("connection", errors)
    assert list(entry.subentries) == ["stall-2"]


async def test_an_unreachable_host_is_named_and_can_be_corrected(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    entry = make_entry()
    result = await go_on(hass, await begin(hass, entry), **KEBA | {"host": "10.0.0.99"})
    assert (result["step_id"], result["errors"]) == ("connection", {"base": "cannot_connect"})
    assert entry.subentries == {}
    result = await go_on(hass, result, **KEBA)
    assert result["step_id"] == "confirm"


async def test_a_wrong_unit_id_is_named(hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba) -> None:
    entry = make_entry()
    result = await go_on(hass, await begin(hass, entry), **KEBA | {"unit_id": 1})
    assert (result["step_id"], result["errors"]) == ("connection", {"base": "wrong_unit"})
    assert entry.subentries == {}


async def test_another_device_at_the_address_is_named(
    hass: HomeAssistant, make_entry: MakeEntry, network: ModbusNetwork
) -> None:
    network.add("10.0.0.11", Device())
    entry = make_entry()
    result = await go_on(hass, await begin(hass, entry), **KEBA)
    assert (result["step_id"], result["errors"]) == ("connection", {"base": "wrong_device"})
    assert entry.subentries == {}


async def test_a_connector_that_is_already_a_stall_is_refused(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, network: ModbusNetwork
) -> None:
    FakeKeba(network, "keba.local", serial=17619300)
    entry = make_entry(stall())
    result = await go_on(hass, await begin(hass, entry), **KEBA | {"name": "Stall 9", "host": "keba.local"})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert list(entry.subentries) == ["stall-1"]


async def test_a_connector_of_another_building_is_refused(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    make_entry(stall())
    entry = make_entry(name="Eichenhof", unique_id="e" * 32)
    result = await go_on(hass, await begin(hass, entry), **KEBA)
    assert result["reason"] == "already_configured"
    assert entry.subentries == {}


async def test_a_single_phase_building_offers_no_three_phase_wiring(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    entry = make_entry(phases=1)
    result = await go_on(hass, await begin(hass, entry), **KEBA | {"phase_map": "1"})
    await keep(hass, result)
    assert only_stall(entry)[1]["phase_map"] == [1]


async def test_the_words_of_a_look_are_in_the_language_of_home_assistant(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    hass.config.language = "de"
    result = await go_on(hass, await begin(hass, make_entry()), **KEBA)
    assert result["description_placeholders"]["pilot"] == "Kein Auto angesteckt"


# --- behind a contactor ---------------------------------------------------------------------------------------------


class Tesla:
    """A Tesla Wall Connector Gen 3 (connector reference 1): dark while its contactor is open."""

    def __init__(self, hass: HomeAssistant) -> None:
        self.hass = hass
        self.port = 0
        self.switched: list[str] = []
        self.broken = False
        self.boots = 2
        """Requests after power-up that it does not answer yet."""
        hass.states.async_set("switch.contactor", "off")
        self.take_switch()

    def take_switch(self) -> None:
        """Be what HA switches; a building that is set up brings HA's own services."""
        self.hass.services.async_register("switch", "turn_on", self._switch)
        self.hass.services.async_register("switch", "turn_off", self._switch)

    async def _switch(self, call: ServiceCall) -> None:
        assert call.data["entity_id"] in ("switch.contactor", ["switch.contactor"])
        self.switched.append(call.service)
        if not self.broken:
            self.hass.states.async_set("switch.contactor", call.service.removeprefix("turn_"))

    async def answer(self, request: web.Request) -> web.Response:
        powered = self.hass.states.get("switch.contactor")
        if powered is None or powered.state != "on" or self.boots > 0:
            self.boots -= powered is not None and powered.state == "on"
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if request.path.endswith("version"):
            return web.json_response({"firmware_version": "24.36.3", "serial_number": "B7S23100J01234"})
        vitals = {
            "contactor_closed": False,
            "vehicle_connected": False,
            "session_s": 0,
            "grid_v": 231.0,
            "vehicle_current_a": 0.1,
            "currentA_a": 0.0,
            "currentB_a": 0.0,
            "currentC_a": 0.0,
            "voltageA_v": 230.1,
            "voltageB_v": 230.4,
            "voltageC_v": 229.8,
            "session_energy_wh": 0.0,
            "evse_state": 1,
            "current_alerts": [],
        }
        return web.json_response(vitals)


@pytest.fixture
async def tesla(hass: HomeAssistant, socket_enabled: None) -> AsyncIterator[Tesla]:
    tesla = Tesla(hass)
    application = web.Application()
    application.router.add_get("/api/1/{what}", tesla.answer)
    server = TestServer(application)
    await server.start_server()
    tesla.port = server.port or 0
    room = "custom_components.evshare"
    with patch(f"{room}.sighting.LoopClock", QuickClock), patch(f"{room}.proving.LoopClock", QuickClock):
        yield tesla
    await server.close()


def tesla_form(tesla: Tesla, **changes: Any) -> dict[str, Any]:
    return {
        "name": "Stall 4",
        "host": "127.0.0.1",
        "port": tesla.port,
        "max_current_a": 16,
        "phase_map": "123",
        "contactor": "switch.contactor",
        "meter": "sensor.meter",
    } | changes


async def test_a_tesla_is_powered_for_the_look_and_dark_again_after_it(
    hass: HomeAssistant, make_entry: MakeEntry, tesla: Tesla
) -> None:
    measure(hass, "sensor.meter", 812.345, "kWh")
    entry = make_entry()
    result = await go_on(hass, await begin(hass, entry, "tesla_twc3"), **tesla_form(tesla))
    assert result["step_id"] == "confirm"
    words = result["description_placeholders"]
    assert (words["serial"], words["firmware"], words["register"]) == ("B7S23100J01234", "24.36.3", "812.345 kWh")
    assert (words["on_silence"], words["on_reboot"], words["on_unplug"]) == (
        "stays as it is",
        "locked",
        "stays as it is",
    )
    assert tesla.switched == ["turn_on", "turn_off"]
    await keep(hass, result)
    title, data, unique_id = only_stall(entry)
    assert (title, unique_id, data["unit_id"]) == ("Stall 4", "stall:B7S23100J01234", None)
    assert (data["contactor"], data["meter"]) == ("switch.contactor", "sensor.meter")


async def test_a_contactor_is_the_lock_that_is_tested(hass: HomeAssistant, make_entry: MakeEntry, tesla: Tesla) -> None:
    """A Tesla Gen 3 takes no limit: with the contactor closed it may charge with all that its cable carries."""
    measure(hass, "sensor.meter", 812.345, "kWh")
    entry = await set_up(hass, make_entry())
    tesla.take_switch()
    result = await go_on(hass, await begin(hass, entry, "tesla_twc3"), **tesla_form(tesla))
    tesla.switched.clear()
    result = await go_on(hass, result, next_step_id="proof")
    assert result["description_placeholders"]["current"] == "16 A"
    result = await go_on(hass, result, unlock=True)
    assert result["description_placeholders"]["findings"].splitlines() == [
        "- **Lock:** worked. The hardware says so itself.",
        "- **Unlock:** worked. The hardware says so itself.",
        "- **Lock again:** worked. The hardware says so itself.",
    ]
    assert (tesla.switched.count("turn_on"), tesla.switched[-1]) == (1, "turn_off")


async def test_a_contactor_before_a_dead_connector_is_told_as_dark(
    hass: HomeAssistant, make_entry: MakeEntry, tesla: Tesla
) -> None:
    measure(hass, "sensor.meter", 812.345, "kWh")
    entry = await set_up(hass, make_entry())
    tesla.take_switch()
    result = await go_on(hass, await begin(hass, entry, "tesla_twc3"), **tesla_form(tesla))
    result = await go_on(hass, result, next_step_id="proof")
    tesla.boots = 1_000_000
    result = await go_on(hass, result, unlock=True)
    assert result["description_placeholders"]["findings"].splitlines()[1:] == [
        "- **Unlock:** not seen. The contactor closed, but the wall connector stayed silent.",
        "- **Lock again:** worked. The hardware says so itself.",
    ]


async def test_a_contactor_that_was_closed_before_the_look_stays_closed(
    hass: HomeAssistant, make_entry: MakeEntry, tesla: Tesla
) -> None:
    measure(hass, "sensor.meter", 812.345, "kWh")
    hass.states.async_set("switch.contactor", "on")
    result = await go_on(hass, await begin(hass, make_entry(), "tesla_twc3"), **tesla_form(tesla))
    assert result["step_id"] == "confirm"
    assert tesla.switched == []


async def test_a_stall_without_trustworthy_register_asks_for_a_meter(
    hass: HomeAssistant, make_entry: MakeEntry, tesla: Tesla
) -> None:
    entry = make_entry()
    form = tesla_form(tesla)
    del form["meter"]
    result = await go_on(hass, await begin(hass, entry, "tesla_twc3"), **form)
    assert result["step_id"] == "confirm_unbilled"
    result = await go_on(hass, result, without_billing=False)
    assert result["errors"] == {"without_billing": "meter_required"}
    assert entry.subentries == {}
    result = await keep(hass, await go_on(hass, result, without_billing=True))
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_connector_that_never_wakes_is_named_and_its_contactor_opened(
    hass: HomeAssistant, make_entry: MakeEntry, tesla: Tesla
) -> None:
    measure(hass, "sensor.meter", 812.345, "kWh")
    tesla.boots = 1_000_000
    result = await go_on(hass, await begin(hass, make_entry(), "tesla_twc3"), **tesla_form(tesla))
    assert result["errors"] == {"base": "unpowered"}
    assert tesla.switched == ["turn_on", "turn_off"]


# --- changing a stall -----------------------------------------------------------------------------------------------


async def change(hass: HomeAssistant, entry: MockConfigEntry, **form: Any) -> SubentryFlowResult:
    result = await entry.start_subentry_reconfigure_flow(hass, "stall-1")
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "connection")
    return await go_on(hass, result, **form)


async def test_settings_that_are_not_the_connection_are_taken_over_unasked(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    keba.silent()
    entry = make_entry(stall())
    form = KEBA | {"name": "Stall A", "max_current_a": 20, "phase_map": "231", "tag_reader": "reader-1"}
    result = await change(hass, entry, **form)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert only_stall(entry) == (
        "Stall A",
        stall_data(max_current_a=20, phase_map=[2, 3, 1], tag_reader="reader-1"),
        "stall:17619300",
    )


async def test_a_connector_that_moved_is_looked_at_and_stays_the_same_stall(
    hass: HomeAssistant, make_entry: MakeEntry, network: ModbusNetwork
) -> None:
    FakeKeba(network, "10.0.0.12", serial=17619300)
    entry = make_entry(stall())
    result = await change(hass, entry, **KEBA | {"host": "10.0.0.12"})
    result = await keep(hass, result)
    assert result["reason"] == "reconfigure_successful"
    assert only_stall(entry) == ("Stall 1", stall_data(host="10.0.0.12"), "stall:17619300")


async def test_another_connector_cannot_take_a_stalls_place(
    hass: HomeAssistant, make_entry: MakeEntry, network: ModbusNetwork
) -> None:
    FakeKeba(network, "10.0.0.12", serial=17619301)
    entry = make_entry(stall())
    result = await change(hass, entry, **KEBA | {"host": "10.0.0.12"})
    assert (result["step_id"], result["errors"]) == ("connection", {"base": "other_serial"})
    assert only_stall(entry) == ("Stall 1", stall_data(), "stall:17619300")


async def test_changing_a_locked_stall_does_not_energise_it(
    hass: HomeAssistant, make_entry: MakeEntry, tesla: Tesla
) -> None:
    measure(hass, "sensor.meter", 812.345, "kWh")
    data = tesla_form(tesla, connector="tesla_twc3", serial="B7S23100J01234", unit_id=None, phase_map=[1, 2, 3])
    title = data.pop("name")
    entry = make_entry(stall(title=title, **data | {"host": "tesla.local"}))
    result = await change(hass, entry, **tesla_form(tesla))
    assert result["step_id"] == "unseen"
    result = await go_on(hass, result)
    assert result["reason"] == "reconfigure_successful"
    assert tesla.switched == []
    assert only_stall(entry)[1]["host"] == "127.0.0.1"
    assert only_stall(entry)[2] == "stall:B7S23100J01234"


async def test_a_contactor_that_does_not_switch_is_named(
    hass: HomeAssistant, make_entry: MakeEntry, tesla: Tesla
) -> None:
    measure(hass, "sensor.meter", 812.345, "kWh")
    tesla.broken = True
    result = await go_on(hass, await begin(hass, make_entry(), "tesla_twc3"), **tesla_form(tesla))
    assert result["errors"] == {"base": "contactor_failed"}


async def test_an_address_used_with_other_settings_by_another_integration_is_named(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    with patch("custom_components.evshare.sighting.async_get_temporary_unit", side_effect=HomeAssistantError("in use")):
        result = await go_on(hass, await begin(hass, make_entry()), **KEBA)
    assert result["errors"] == {"base": "link_in_use"}
