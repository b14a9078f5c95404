"""A stall's card reader, what stands beside it, and whose stall it is."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import section
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .conftest import MakeEntry, resident, set_up, stall
from .hardware import FakeKeba
from .stall_dialogue import KEBA, begin, go_on, keep


def device(hass: HomeAssistant, domain: str) -> str:
    """A device of another integration."""
    entry = MockConfigEntry(domain=domain)
    entry.add_to_hass(hass)
    return dr.async_get(hass).async_get_or_create(config_entry_id=entry.entry_id, identifiers={(domain, "one")}).id


async def test_one_reader_may_serve_several_stalls(hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba) -> None:
    reader = device(hass, "esphome")
    shared = {"tag_reader": reader, "reader_signal": "light.lamp"}
    hass.states.async_set("light.lamp", "off")
    entry = make_entry(stall("stall-2", "Stall 2", serial="2", **shared))
    typed = KEBA | {"tag_reader": reader, "access": {"reader_signal": "light.lamp"}}
    await keep(hass, await go_on(hass, await begin(hass, entry), **typed))
    first = next(each for each in entry.subentries.values() if each.title == "Stall 1")
    assert {key: first.data[key] for key in shared} == shared


async def test_a_phone_is_no_card_reader(hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba) -> None:
    entry = make_entry()
    typed = KEBA | {"tag_reader": device(hass, "mobile_app")}
    result = await go_on(hass, await begin(hass, entry), **typed)
    assert result["errors"] == {"tag_reader": "reader_is_phone"}
    assert entry.subentries == {}


@pytest.mark.parametrize("contactor", ["switch.contactor", "switch.ours"])
async def test_what_moves_energy_is_no_lamp(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, contactor: str
) -> None:
    hass.states.async_set("switch.contactor", "off")
    er.async_get(hass).async_get_or_create("switch", "evshare", "x_paused", suggested_object_id="ours")
    typed = KEBA | {"contactor": "switch.contactor", "access": {"reader_signal": contactor}}
    result = await go_on(hass, await begin(hass, make_entry()), **typed)
    assert result["errors"] == {"access": "signal_is_lock"}


async def test_anothers_lamp_is_no_contactor(hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba) -> None:
    hass.states.async_set("switch.buzzer", "off")
    entry = make_entry(stall("stall-2", "Stall 2", serial="2", reader_signal="switch.buzzer"))
    result = await go_on(hass, await begin(hass, entry), **KEBA | {"contactor": "switch.buzzer"})
    assert result["errors"] == {"contactor": "used_elsewhere"}


def access_fields(result: Any) -> dict[str, Any]:
    (part,) = (kind for key, kind in result["data_schema"].schema.items() if key == "access")
    return {str(key): field for key, field in part.schema.schema.items()}


async def test_a_stall_can_belong_to_a_resident_of_this_building(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    entry = make_entry(resident())
    result = await begin(hass, entry)
    assert access_fields(result)["belongs_to"].config["options"] == [{"value": "anna", "label": "Anna Alt"}]
    await keep(hass, await go_on(hass, result, **KEBA | {"access": {"belongs_to": "anna"}}))
    first = next(each for each in entry.subentries.values() if each.title == "Stall 1")
    assert first.data["belongs_to"] == "anna"


async def test_without_residents_a_stall_belongs_to_nobody(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    assert set(access_fields(await begin(hass, make_entry()))) == {"reader_signal"}


@pytest.mark.usefixtures("quick_polls")
async def test_a_stall_of_somebody_who_moved_out_can_be_changed(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    entry = await set_up(hass, make_entry(stall(belongs_to="gone"), resident()))
    before = entry.runtime_data.stalls["stall-1"].connector
    result = await entry.start_subentry_reconfigure_flow(hass, "stall-1")
    result = await go_on(hass, result, **KEBA | {"access": {"belongs_to": "anna"}})
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert entry.subentries["stall-1"].data["belongs_to"] == "anna"
    assert entry.runtime_data.stalls["stall-1"].connector is before, "nothing of the connection changed"


@pytest.mark.usefixtures("quick_polls")
async def test_what_is_kept_in_a_collapsed_part_is_shown_again(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    """The frontend fills a part from its own default if it has one, and what is inside is lost at the next save."""
    entry = await set_up(hass, make_entry(stall(reader_signal="light.lamp", belongs_to="anna"), resident()))
    result = await entry.start_subentry_reconfigure_flow(hass, "stall-1")
    parts = {str(key): (key, part) for key, part in result["data_schema"].schema.items() if isinstance(part, section)}
    assert set(parts) == {"access", "contactor_more"}
    assert not any(callable(key.default) for key, _ in parts.values())
    shown = {str(key): key.description["suggested_value"] for key in parts["access"][1].schema.schema}
    assert shown == {"reader_signal": "light.lamp", "belongs_to": "anna"}
