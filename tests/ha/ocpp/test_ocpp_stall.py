"""A stall whose box calls over OCPP, in a whole building: card, energy, stop; and what happens when things go wrong."""

import socket

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.evshare.building.ocpp_listener import CannotListen, ListenerSettings, async_listener
from custom_components.evshare.model import StallStatus, StopReason
from demo.boxes.ocpp_box import Manners

from .conftest import ANNA, STRANGER, Garage, car, goes_up, knows_card, records


async def test_a_resident_taps_charges_taps_again_and_pays_for_every_wh(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    stall = await goes_up(garage, building)
    await knows_card(building)
    assert stall.state.status is StallStatus.UNAVAILABLE
    box = await garage.connected()
    assert stall.state.status is StallStatus.AVAILABLE
    box.plug(car())
    await garage.passes(2)
    assert stall.state.status is StallStatus.PREPARING
    box.show_card(ANNA)
    await garage.passes(120)
    assert stall.state.status is StallStatus.CHARGING
    assert stall.state.offered_a == 16
    box.show_card(ANNA)
    await garage.passes(30)
    assert stall.state.session is None
    box.unplug()
    await garage.passes(5)
    assert stall.state.status is StallStatus.AVAILABLE
    (ended,) = records(hass, building, "session_ended")
    assert ended["stop_reason"] == StopReason.PERSON
    # The car ramps down for a second or two after the register of the stop was read.
    assert box.delivered_wh() - 2 <= ended["energy_wh"] <= box.delivered_wh()
    assert ended["energy_wh"] > 300
    assert [record["reason"] for record in records(hass, building, "epoch")] == ["first"]


async def test_what_the_box_signs_is_in_the_journal_to_the_last_character(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    await goes_up(garage, building)
    await knows_card(building)
    box = await garage.connected(manners=Manners(signs_transactions=True))
    box.plug(car())
    box.show_card(ANNA)
    await garage.passes(60)
    box.unplug()
    await garage.passes(5)
    (authorised,) = records(hass, building, "session_authorised")
    (signed,) = records(hass, building, "signed_value")
    (text,) = box.signing_meter.texts
    assert text.startswith('OCMF|{"FV": "1.0"')
    assert signed == {
        "kind": "signed_value",
        "stall_id": authorised["stall_id"],
        "session_id": authorised["session_id"],
        "format": "OCMF",
        "text": text,
        "public_key": box.signing_meter.public_key,
    }


async def test_a_stranger_gets_nothing_and_is_recorded(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    stall = await goes_up(garage, building)
    box = await garage.connected(manners=Manners(authorises_locally=True, keeps_going=True))
    box.plug(car())
    box.show_card(STRANGER)
    await garage.passes(120)
    assert box.outlets[0].outlet.delivered_mws == 0
    assert stall.state.session is None
    (denied,) = records(hass, building, "denied")
    assert (denied["reason"], denied["credential_kind"]) == ("unknown_card", "card")


async def test_a_session_goes_on_over_a_restart_of_home_assistant(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    await goes_up(garage, building)
    await knows_card(building)
    box = await garage.connected()
    box.plug(car())
    box.show_card(ANNA)
    await garage.passes(90)
    await box.drop()
    assert await garage.clock.during(hass.config_entries.async_unload(building.entry_id))
    await garage.passes(300)
    stall = await goes_up(garage, building)
    await garage.calls(box, boot=False)
    await garage.passes(60)
    assert stall.state.status is StallStatus.CHARGING
    assert [command for command, _ in box.commands if command == "RemoteStopTransaction"] == []
    box.unplug()
    await garage.passes(5)
    (ended,) = records(hass, building, "session_ended")
    assert (ended["stop_reason"], ended["energy_wh"]) == (StopReason.UNPLUGGED, box.delivered_wh())


async def test_what_a_car_took_until_it_left_unseen_is_its_sessions_and_nothing_is_lost(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    stall = await goes_up(garage, building)
    await knows_card(building)
    box = await garage.connected()
    box.plug(car())
    box.show_card(ANNA)
    await garage.passes(60)
    await box.drop()
    await garage.passes(120)
    box.unplug()
    delivered_wh = box.delivered_wh()
    await garage.passes(120)
    await garage.calls(box, boot=False)
    assert stall.state.session is None
    (ended,) = records(hass, building, "session_ended")
    assert (ended["stop_reason"], ended["energy_wh"]) == (StopReason.GAP, delivered_wh)
    assert building.runtime_data.unattributed_wh == 0


async def test_while_home_assistant_is_away_a_stranger_gets_nothing(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    await goes_up(garage, building)
    box = await garage.connected()
    await box.drop()
    assert await garage.clock.during(hass.config_entries.async_unload(building.entry_id))
    box.plug(car())
    box.show_card(STRANGER)
    await garage.passes(600)
    assert box.outlets[0].outlet.delivered_mws == 0


async def test_a_stop_button_ends_the_session_and_the_box_is_not_started_again(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    stall = await goes_up(garage, building)
    await knows_card(building)
    box = await garage.connected()
    box.plug(car())
    box.show_card(ANNA)
    await garage.passes(60)
    box.press_stop()
    await garage.passes(60)
    assert stall.state.status is StallStatus.FINISHING
    (ended,) = records(hass, building, "session_ended")
    assert ended["stop_reason"] == StopReason.PERSON
    assert box.outlets[0].transaction is None


async def test_a_box_that_rebooted_goes_on_with_the_session(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    stall = await goes_up(garage, building)
    await knows_card(building)
    box = await garage.connected()
    box.plug(car())
    box.show_card(ANNA)
    await garage.passes(60)
    session = stall.state.session
    await box.reboot()
    await garage.passes(60)
    await garage.calls(box)
    await garage.passes(90)
    assert stall.state.status is StallStatus.CHARGING
    assert stall.state.session is not None
    assert session is not None
    assert stall.state.session.id == session.id


async def test_a_card_can_be_enrolled_at_the_box(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    stall = await goes_up(garage, building)
    box = await garage.connected()
    await building.runtime_data.async_enrol_card("anna", "stall-1")
    box.show_card(ANNA)
    await garage.passes(30)
    assert box.answers[-1] == ("Authorize", {"idTagInfo": {"status": "Invalid"}})
    assert stall.state.session is None
    box.plug(car())
    box.show_card(ANNA)
    await garage.passes(60)
    assert stall.state.status is StallStatus.CHARGING


async def test_another_box_under_the_same_name_is_not_believed(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    stall = await goes_up(garage, building)
    await garage.connected(serial="OB-9999")
    assert stall.state.status is StallStatus.UNAVAILABLE
    assert stall.problem == "box-1 has serial number OB-9999; accepted: OB-1001"


async def test_a_port_that_is_taken_is_said_and_tried_again(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    taken = socket.socket()
    taken.bind(("127.0.0.1", garage.port))
    taken.listen()
    stall = await goes_up(garage, building)
    await garage.clock.passes(60)
    assert stall.problem is not None
    assert f"port {garage.port} cannot be opened" in stall.problem
    issue = ir.async_get(hass).async_get_issue("evshare", "ocpp_not_listening")
    assert issue is not None
    assert issue.translation_placeholders == {"port": str(garage.port), "why": "Address already in use"}
    assert (issue.is_fixable, issue.is_persistent, issue.severity) == (False, False, ir.IssueSeverity.ERROR)
    taken.close()
    await garage.clock.passes(120)
    assert ir.async_get(hass).async_get_issue("evshare", "ocpp_not_listening") is None
    await garage.connected()
    assert stall.state.status is StallStatus.AVAILABLE


async def test_a_taken_port_is_no_issue_any_more_when_no_stall_needs_it(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", garage.port))
        taken.listen()
        await goes_up(garage, building)
        assert ir.async_get(hass).async_get_issue("evshare", "ocpp_not_listening") is not None
        hass.config_entries.async_remove_subentry(building, "stall-1")
        await garage.passes(185)
        assert ir.async_get(hass).async_get_issue("evshare", "ocpp_not_listening") is None


async def test_a_port_is_tried_again_also_after_another_that_was_tried_in_its_place_is_taken_too(
    hass: HomeAssistant, garage: Garage, building: MockConfigEntry
) -> None:
    with socket.socket() as taken, socket.socket() as other:
        for one, port in ((taken, garage.port), (other, 0)):
            one.bind(("127.0.0.1", port))
            one.listen()
        stall = await goes_up(garage, building)
        listener = await async_listener(hass)
        elsewhere = ListenerSettings(port=other.getsockname()[1], address="127.0.0.1")
        with pytest.raises(CannotListen, match="Address already in use"):
            await garage.clock.during(listener.async_configure(elsewhere))
        issue = ir.async_get(hass).async_get_issue("evshare", "ocpp_not_listening")
        assert issue is not None
        assert issue.translation_placeholders["port"] == str(garage.port)
    await garage.clock.passes(120)
    await garage.connected()
    assert stall.state.status is StallStatus.AVAILABLE
