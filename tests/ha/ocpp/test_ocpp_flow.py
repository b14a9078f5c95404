"""Adding and changing a stall whose box calls us: what is asked, what is told, and what is seen when it has called."""

from pathlib import Path
import re
import socket
import ssl
from typing import Any

from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, SubentryFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.evshare.diagnostics import async_get_config_entry_diagnostics
from custom_components.evshare.model import StallStatus
from demo.boxes.ocpp_box import Manners, NotLetIn
from tests.certificates import certificate

from ..building.passing_time import Clock
from ..conftest import MakeEntry, resident
from .conftest import ANNA, IDENTITY, PASSWORD, Garage, car, goes_up, knows_card, ocpp_data, ocpp_stall, the_stall

BOX = {"identity": IDENTITY, "point": 1, "no_subprotocol": False}
STALL = {"name": "Stall 1", "max_current_a": 16, "phase_map": "123", "contactor_more": {}}


async def go_on(hass: HomeAssistant, result: SubentryFlowResult, **user_input: Any) -> SubentryFlowResult:
    return await hass.config_entries.subentries.async_configure(result["flow_id"], user_input)


async def begin(hass: HomeAssistant, entry: MockConfigEntry) -> SubentryFlowResult:
    """The form that asks which box it is."""
    result = await hass.config_entries.subentries.async_init((entry.entry_id, "stall"), context={"source": SOURCE_USER})
    result = await go_on(hass, result, next_step_id="ocpp")
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "ocpp")
    return result


async def change(hass: HomeAssistant, entry: MockConfigEntry, menu: str) -> SubentryFlowResult:
    result = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "stall"), context={"source": SOURCE_RECONFIGURE, "subentry_id": "stall-1"}
    )
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "ocpp_change")
    return await go_on(hass, result, next_step_id=menu)


async def seen(garage: Garage, result: SubentryFlowResult, seconds: int = 15) -> SubentryFlowResult:
    """Wait for the look."""
    assert (result["type"], result["progress_action"]) == (FlowResultType.SHOW_PROGRESS, "ocpp_wait")
    await garage.passes(seconds)
    return await garage.hass.config_entries.subentries.async_configure(result["flow_id"])


def password_in(result: SubentryFlowResult) -> str:
    placeholders = result["description_placeholders"]
    assert placeholders is not None
    return placeholders["password"]


async def test_a_stall_is_set_up_its_box_calls_and_a_card_charges(
    hass: HomeAssistant, garage: Garage, make_entry: MakeEntry
) -> None:
    entry = make_entry(resident("anna", "Anna Alt"))
    assert await garage.clock.during(hass.config_entries.async_setup(entry.entry_id))
    result = await go_on(hass, await begin(hass, entry), **BOX)
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "ocpp_stall")
    password = password_in(result)
    assert re.fullmatch(r"[\w-]{20}", password)
    assert result["description_placeholders"] == {
        "connector": IDENTITY,
        "url": f"ws://127.0.0.1:{garage.port}/",
        "identity": IDENTITY,
        "password": password,
    }
    result = await go_on(hass, result, **STALL)
    assert result["description_placeholders"]["password"] == password
    await garage.passes(1)
    box = garage.box(password=password)
    await box.connect()
    result = await seen(garage, result)
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "confirm")
    placeholders = result["description_placeholders"]
    assert placeholders is not None
    assert (placeholders["model"], placeholders["serial"], placeholders["firmware"]) == (
        "Simulated Box 22",
        "OB-1001",
        "5.2",
    )
    assert placeholders["register"] == "137.000 kWh"
    assert placeholders["lock"].startswith("Enforced")
    assert entry.subentries.keys() == {"anna"}
    result = await go_on(hass, result, next_step_id="keep")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await garage.passes(2)
    (added,) = entry.get_subentries_of_type("stall")
    assert (added.title, added.unique_id) == ("Stall 1", "stall:OB-1001:1")
    assert dict(added.data) == ocpp_data(password=password)
    # The box is still connected: the stall found it there.
    (stall,) = entry.runtime_data.stalls.values()
    await garage.passes(5)
    assert stall.state.status is StallStatus.AVAILABLE
    await knows_card(entry)
    box.plug(car())
    box.show_card(ANNA)
    await garage.passes(60)
    assert stall.state.status is StallStatus.CHARGING
    box.show_card(ANNA)
    await garage.passes(30)
    assert stall.state.session is None


async def test_with_the_first_stall_it_is_asked_where_boxes_call(
    hass: HomeAssistant, clock: Clock, port: int, make_entry: MakeEntry
) -> None:
    result = await go_on(hass, await begin(hass, make_entry()), **BOX)
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "ocpp_listener")
    defaults = {str(key): key.default() for key in result["data_schema"].schema if callable(key.default)}
    assert defaults == {"port": 9000}
    result = await clock.during(go_on(hass, result, port=port, bind="127.0.0.1"))
    assert result["step_id"] == "ocpp_stall"
    assert result["description_placeholders"]["url"] == f"ws://127.0.0.1:{port}/"
    # Nothing needs it yet, so it is closed again.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))


@pytest.mark.parametrize(
    ("changed", "errors"),
    [
        ({"certificate": "/no/such.pem"}, {"key": "certificate_and_key"}),
        ({"key": "/no/such.pem"}, {"certificate": "certificate_and_key"}),
        ({"certificate": "/no/such.pem", "key": "/no/key.pem"}, {"certificate": "certificate_unusable"}),
        ({"bind": "192.0.2.1"}, {"port": "port_unusable"}),
    ],
)
async def test_a_place_where_nobody_can_call_is_named_and_not_kept(
    hass: HomeAssistant,
    clock: Clock,
    port: int,
    make_entry: MakeEntry,
    hass_storage: dict[str, Any],
    changed: dict[str, str],
    errors: dict[str, str],
) -> None:
    result = await go_on(hass, await begin(hass, make_entry()), **BOX)
    result = await clock.during(go_on(hass, result, port=port, **changed))
    assert (result["step_id"], result["errors"]) == ("ocpp_listener", errors)
    assert "evshare.ocpp_listener" not in hass_storage


@pytest.mark.parametrize(
    ("changed", "errors"),
    [
        ({"identity": "a box"}, {"identity": "identity_impossible"}),
        ({"identity": "a/b"}, {"identity": "identity_impossible"}),
        ({"password": "short"}, {"password": "password_impossible"}),
        ({"identity": IDENTITY}, {"point": "point_taken"}),
        ({"identity": IDENTITY, "point": 2, "password": "another-password-1"}, {"password": "password_differs"}),
    ],
)
async def test_a_box_that_cannot_be_is_named_before_anything_is_waited_for(
    hass: HomeAssistant, garage: Garage, make_entry: MakeEntry, changed: dict[str, Any], errors: dict[str, str]
) -> None:
    result = await begin(hass, make_entry(ocpp_stall()))
    result = await go_on(hass, result, **BOX | {"identity": "box-7"} | changed)
    assert (result["step_id"], result["errors"]) == ("ocpp", errors)


async def test_the_second_connector_of_a_box_has_its_password_and_nobody_is_shown_it(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    await goes_up(garage, building)
    box = await garage.connected(points=2)
    result = await go_on(hass, await begin(hass, building), **BOX | {"point": 2})
    assert password_in(result) == "••••••••"
    result = await seen(garage, await go_on(hass, result, **STALL | {"name": "Stall 2"}))
    result = await go_on(hass, result, next_step_id="keep")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await garage.passes(5)
    assert {stall.unique_id for stall in building.get_subentries_of_type("stall")} == {
        "stall:OB-1001:1",
        "stall:OB-1001:2",
    }
    assert box.connected
    assert [stall.state.status for stall in building.runtime_data.stalls.values()] == [StallStatus.AVAILABLE] * 2


async def test_a_connector_the_box_does_not_have_is_refused(
    hass: HomeAssistant, garage: Garage, make_entry: MakeEntry
) -> None:
    result = await go_on(hass, await begin(hass, make_entry()), **BOX | {"point": 2, "password": PASSWORD})
    result = await go_on(hass, result, **STALL)
    await garage.passes(1)
    await garage.box().connect()
    result = await seen(garage, result)
    assert (result["step_id"], result["errors"]) == ("ocpp_stall", {"base": "wrong_unit"})


async def test_a_box_that_does_not_call_is_waited_for_five_minutes(
    hass: HomeAssistant, garage: Garage, make_entry: MakeEntry
) -> None:
    entry = make_entry()
    result = await go_on(hass, await begin(hass, entry), **BOX | {"password": PASSWORD})
    result = await go_on(hass, result, **STALL)
    await garage.passes(1)
    with pytest.raises(NotLetIn) as refused:
        await garage.box(password="wrong-horse-battery").connect()
    assert refused.value.status == 401
    result = await seen(garage, result, 310)
    assert (result["step_id"], result["errors"]) == ("ocpp_stall", {"base": "not_called"})
    assert password_in(result) == PASSWORD
    assert entry.subentries == {}


async def test_a_box_that_can_be_opened_by_strangers_is_called_so_before_it_is_kept(
    hass: HomeAssistant, garage: Garage, make_entry: MakeEntry
) -> None:
    result = await go_on(hass, await begin(hass, make_entry()), **BOX | {"password": PASSWORD})
    result = await go_on(hass, result, **STALL)
    await garage.passes(1)
    await garage.box(manners=Manners(readonly=("AllowOfflineTxForUnknownId",))).connect()
    result = await seen(garage, result)
    placeholders = result["description_placeholders"]
    assert placeholders is not None
    assert placeholders["on_silence"] == "anyone can charge"


async def test_over_tls_the_address_says_so_and_the_box_calls(
    hass: HomeAssistant, clock: Clock, port: int, make_entry: MakeEntry, tmp_path: Path
) -> None:
    certificate_path, key_path = certificate(tmp_path)
    garage = Garage(hass, clock, port)
    result = await go_on(hass, await begin(hass, make_entry()), **BOX | {"password": PASSWORD})
    result = await clock.during(
        go_on(hass, result, port=port, bind="127.0.0.1", certificate=str(certificate_path), key=str(key_path))
    )
    assert result["description_placeholders"]["url"] == f"wss://127.0.0.1:{port}/"
    result = await go_on(hass, result, **STALL)
    await clock.passes(1)
    box = garage.box(url=f"wss://127.0.0.1:{port}", tls=ssl.create_default_context(cafile=str(certificate_path)))
    await clock.during(box.connect())
    result = await seen(garage, result)
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "confirm")
    await box.drop()


async def test_a_changed_name_of_the_stall_disturbs_no_session(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    stall = await goes_up(garage, building)
    await knows_card(building)
    box = await garage.connected()
    box.plug(car())
    box.show_card(ANNA)
    await garage.passes(60)
    result = await change(hass, building, "ocpp_stall")
    assert password_in(result) == "••••••••"
    result = await go_on(hass, result, **STALL | {"name": "By the door", "look_again": False})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    await garage.passes(10)
    assert the_stall(building) is stall
    assert (stall.config.name, stall.state.status) == ("By the door", StallStatus.CHARGING)


async def test_a_new_password_is_shown_and_the_box_has_to_use_it(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    await goes_up(garage, building)
    box = await garage.connected()
    result = await go_on(hass, await change(hass, building, "ocpp"), **BOX | {"password": "a-new-password-123"})
    assert password_in(result) == "a-new-password-123"
    result = await seen(garage, await go_on(hass, result, **STALL | {"look_again": False}))
    result = await go_on(hass, result, next_step_id="keep")
    assert result["reason"] == "reconfigure_successful"
    await garage.passes(2)
    await box.drop()
    with pytest.raises(NotLetIn):
        await box.connect()
    box.password = "a-new-password-123"
    await garage.calls(box)
    assert the_stall(building).state.status is StallStatus.AVAILABLE


async def test_where_boxes_call_can_be_changed_and_they_call_again(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    await goes_up(garage, building)
    box = await garage.connected()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = await change(hass, building, "ocpp_listener")
    assert result["step_id"] == "ocpp_listener"
    result = await garage.clock.during(go_on(hass, result, port=port, bind="127.0.0.1"))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "ocpp_listener_changed")
    assert not box.connected
    await box.drop()
    box.url = f"ws://127.0.0.1:{port}"
    await garage.calls(box)
    assert the_stall(building).state.status is StallStatus.AVAILABLE


async def test_a_changed_port_that_is_taken_leaves_all_as_it_was(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    await goes_up(garage, building)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = await change(hass, building, "ocpp_listener")
        port = taken.getsockname()[1]
        result = await garage.clock.during(go_on(hass, result, port=port, bind="127.0.0.1"))
    assert (result["step_id"], result["errors"]) == ("ocpp_listener", {"port": "port_unusable"})
    await garage.connected()
    assert the_stall(building).state.status is StallStatus.AVAILABLE


async def test_diagnostics_hold_neither_password_nor_name_of_the_box(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    await goes_up(garage, building)
    await garage.connected()
    text = str(await async_get_config_entry_diagnostics(hass, building))
    assert PASSWORD not in text
    assert IDENTITY not in text


async def test_the_port_is_open_only_while_a_stall_needs_it(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    await goes_up(garage, building)
    box = await garage.connected()
    hass.config_entries.async_remove_subentry(building, "stall-1")
    await garage.passes(60)
    assert building.runtime_data.stalls == {}
    await garage.passes(125)
    assert not box.connected
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", garage.port)) != 0


async def test_the_guided_test_shows_that_the_box_locks_and_unlocks(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    """The box says itself whether a transaction runs; a plugged car shows the rest."""
    await goes_up(garage, building)
    box = await garage.connected()
    box.plug(car())
    await garage.passes(5)
    result = await change(hass, building, "ocpp_stall")
    result = await seen(garage, await go_on(hass, result, **STALL | {"look_again": True}))
    result = await go_on(hass, result, next_step_id="proof")
    assert result["step_id"] == "proof"
    result = await go_on(hass, result, unlock=True)
    for _ in range(200):
        if result["type"] is not FlowResultType.SHOW_PROGRESS:
            break
        await garage.passes(2)
        result = await garage.hass.config_entries.subentries.async_configure(result["flow_id"])
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "proved")
    told = result["description_placeholders"]
    assert told is not None
    assert told["verdict"] == "The stall is locked, and that was seen."
    assert told["findings"].count("worked") == 4
    assert box.outlets[0].transaction is None
    await garage.passes(30)
    assert the_stall(building).state.status is StallStatus.PREPARING
