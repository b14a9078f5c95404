"""Wall connectors that show themselves on the network: new ones are offered, known ones are followed."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
import json
from typing import Any

from aiohttp import web
from aiohttp.test_utils import RawTestServer
from homeassistant.components.dhcp import DeviceTrackerWatcher, async_index_integration_matchers
from homeassistant.components.dhcp.models import DATA_DHCP, DHCPData
from homeassistant.config_entries import (
    SOURCE_DHCP,
    SOURCE_IGNORE,
    SOURCE_ZEROCONF,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from homeassistant.loader import async_get_dhcp, async_get_zeroconf
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.evshare.connectors.factory import available_profiles, load_profile
from custom_components.evshare.const import DOMAIN
from custom_components.evshare.diagnostics import async_get_config_entry_diagnostics
from custom_components.evshare.repairs import async_create_fix_flow
from demo.boxes.stand import Stand

from .conftest import MakeEntry, device_id, set_up, stall, state_of, wait_until
from .hardware import Device, FakeKeba, ModbusNetwork
from .lan import Lan, announces, asks_for_address
from .stall_dialogue import go_on, keep, only_stall
from .texts import load, missing

pytestmark = pytest.mark.usefixtures("quick_polls")

TESLA_MAC = "dc:44:27:1a:2b:3c"
TESLA_NAME = "TeslaWallConnector_1A2B3C"
NRGKICK = "_nrgkick._tcp.local."
TESLA_STALL = {"connector": "tesla_twc3", "host": "10.0.0.21", "port": 80, "unit_id": None}
NRGKICK_STALL = {"connector": "nrgkick_gen2_http", "host": "10.0.0.31", "port": 80, "unit_id": None}


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def lan(socket_enabled: None) -> Iterator[Lan]:
    """The network of the house."""
    with Lan().rules() as lan:
        yield lan


@pytest.fixture
async def tesla(lan: Lan) -> AsyncIterator[Stand]:
    """A Tesla Wall Connector at 10.0.0.21."""
    async with Stand("tesla_twc3", now, serial="B7S23100J01234") as stand:
        lan.put("10.0.0.21", stand.port)
        yield stand


@pytest.fixture
async def nrgkick(lan: Lan) -> AsyncIterator[Stand]:
    """An NRGkick at 10.0.0.31."""
    async with Stand("nrgkick_gen2_http", now, serial="T2332500000000000S1D2") as stand:
        lan.put("10.0.0.31", stand.port)
        yield stand


async def told(hass: HomeAssistant, info: DhcpServiceInfo | ZeroconfServiceInfo) -> ConfigFlowResult:
    """Let Home Assistant discover something."""
    source = SOURCE_DHCP if isinstance(info, DhcpServiceInfo) else SOURCE_ZEROCONF
    return await hass.config_entries.flow.async_init(DOMAIN, context={"source": source}, data=info)


def tesla_at(ip: str) -> DhcpServiceInfo:
    return asks_for_address(ip, TESLA_MAC, TESLA_NAME)


def nrgkick_at(ip: str, **properties: str) -> ZeroconfServiceInfo:
    return announces(ip, "NRGkick-S1D2", NRGKICK, **properties)


async def aborted(hass: HomeAssistant, info: DhcpServiceInfo | ZeroconfServiceInfo) -> str:
    result = await told(hass, info)
    assert result["type"] is FlowResultType.ABORT
    await hass.async_block_till_done()  # what changed is taken over
    return str(result["reason"])


def settings(entry: MockConfigEntry, stall_id: str = "stall-1") -> dict[str, Any]:
    return dict(entry.subentries[stall_id].data)


def offered(hass: HomeAssistant) -> list[str]:
    return [flow["context"]["title_placeholders"]["name"] for flow in hass.config_entries.flow.async_progress()]


def cards(hass: HomeAssistant, stall_id: str = "stall-1") -> set[tuple[str, str]]:
    """The network cards of a stall's device."""
    device = dr.async_get(hass).async_get(device_id(hass, stall_id))
    assert device is not None
    return device.connections


# --- what Home Assistant is told to look for ------------------------------------------------------------------------


def test_the_manifest_looks_for_what_the_profiles_know() -> None:
    manifest = load("manifest.json")
    facts = [fact for profile_id in available_profiles() for fact in load_profile(profile_id).discovery]
    by_dhcp = {(fact.hostname, fact.macaddress) for fact in facts if fact.zeroconf_type is None}
    by_zeroconf = {(fact.zeroconf_type, fact.zeroconf_name) for fact in facts if fact.zeroconf_type is not None}
    *looked_for, registered = manifest["dhcp"]
    # Home Assistant compares network cards in upper case, hostnames in lower case.
    assert [one["macaddress"].isupper() for one in looked_for] == [True] * len(looked_for)
    assert {(one["hostname"], one["macaddress"].lower()) for one in looked_for} == by_dhcp
    assert registered == {"registered_devices": True}
    announced = [one if isinstance(one, dict) else {"type": one} for one in manifest["zeroconf"]]
    assert {(one["type"], one.get("name")) for one in announced} == by_zeroconf


async def test_home_assistant_brings_us_what_the_manifest_names(hass: HomeAssistant) -> None:
    zeroconf = await async_get_zeroconf(hass)
    for kind in (NRGKICK, "_openevse._tcp.local.", "_http._tcp.local.", "_shelly._tcp.local."):
        assert DOMAIN in [matcher["domain"] for matcher in zeroconf[kind]]


async def test_home_assistants_own_watcher_brings_a_tesla_that_asks_for_an_address(
    hass: HomeAssistant, make_entry: MakeEntry, tesla: Stand
) -> None:
    make_entry()
    (await watcher(hass)).async_process_client("10.0.0.21", TESLA_NAME, TESLA_MAC)
    await wait_until(hass, lambda: offered(hass) == ["Tesla Wall Connector Gen 3 (10.0.0.21)"])


async def test_home_assistants_own_watcher_brings_a_known_network_card_of_any_make(
    hass: HomeAssistant, make_entry: MakeEntry, lan: Lan
) -> None:
    """A go-e shows itself by no name that evshare could look for."""
    async with Stand("goe_http_v2", now, serial="012345") as goe:
        lan.put("10.0.0.61", goe.port)
        settled = {"connector": "goe_http_v2", "host": "10.0.0.61", "port": 80, "unit_id": None, "serial": "012345"}
        entry = await set_up(hass, make_entry(stall(**settled, mac="40:f5:20:01:02:03")))
        await goe.drop()
        lan.put("10.0.0.61", None)
        lan.put("10.0.0.66", goe.port)
        await goe.restore()
        (await watcher(hass)).async_process_client("10.0.0.66", "go-echarger", "40:f5:20:01:02:03")
        await wait_until(hass, lambda: settings(entry)["host"] == "10.0.0.66")
        await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_status") == "available")
        await hass.config_entries.async_unload(entry.entry_id)


async def watcher(hass: HomeAssistant) -> DeviceTrackerWatcher:
    """How Home Assistant's DHCP integration takes what it heard, with the matchers of all manifests."""
    matchers = async_index_integration_matchers(
        [matcher for matcher in await async_get_dhcp(hass) if matcher["domain"] == DOMAIN]
    )
    hass.data[DATA_DHCP] = DHCPData(integration_matchers=matchers)
    return DeviceTrackerWatcher(hass, hass.data[DATA_DHCP])


async def test_the_network_card_of_a_connector_that_answers_is_learnt_from_what_home_assistant_saw(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    watch = await watcher(hass)
    hass.config.components.add("dhcp")
    entry = await set_up(hass, make_entry(stall(), stall("stall-2", "Stall 2", host="10.0.0.12", serial="2")))
    assert "mac" not in settings(entry)
    watch.async_process_client("10.0.0.11", "keba", "00:60:b5:01:02:03")
    watch.async_process_client("10.0.0.12", "who-knows", "00:60:b5:0a:0b:0c")
    connector = entry.runtime_data.stalls["stall-1"].connector
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=1))
    await wait_until(hass, lambda: settings(entry).get("mac") == "00:60:b5:01:02:03")
    assert cards(hass) == {("mac", "00:60:b5:01:02:03")}
    assert entry.runtime_data.stalls["stall-1"].connector is connector
    assert "mac" not in settings(entry, "stall-2")  # nobody said that it is the stall's


async def test_a_network_card_is_not_learnt_where_two_had_the_address(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    watch = await watcher(hass)
    hass.config.components.add("dhcp")
    for mac in ("00:60:b5:01:02:03", "00:60:b5:0a:0b:0c"):
        watch.async_process_client("10.0.0.11", "keba", mac)
    entry = await set_up(hass, make_entry(stall()))
    await hass.async_block_till_done()
    assert "mac" not in settings(entry)


# --- a new one ----------------------------------------------------------------------------------------------------


async def test_a_new_wall_connector_is_offered_and_nothing_is_written_to_it(
    hass: HomeAssistant, make_entry: MakeEntry, nrgkick: Stand
) -> None:
    make_entry()
    result = await told(hass, nrgkick_at("10.0.0.31"))
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "found")
    assert result["description_placeholders"] == {"connector": "NRGkick Gen2 (JSON API)", "host": "10.0.0.31"}
    assert not result["data_schema"].schema
    assert offered(hass) == ["NRGkick Gen2 (JSON API) (10.0.0.31)"]
    assert nrgkick.commands == []


async def test_it_goes_on_into_the_dialogue_of_a_stall_with_what_is_known_filled_in(
    hass: HomeAssistant, make_entry: MakeEntry, nrgkick: Stand
) -> None:
    entry = make_entry()
    result = await told(hass, nrgkick_at("10.0.0.31"))
    result = await hass.config_entries.flow.async_configure(result["flow_id"], {})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "stall_begun")
    form = hass.config_entries.subentries.async_get(result["next_flow"][1])
    assert (form["handler"], form["step_id"]) == ((entry.entry_id, "stall"), "connection")
    shown = await hass.config_entries.subentries.async_configure(form["flow_id"])
    suggested = {str(key): (key.description or {}).get("suggested_value") for key in shown["data_schema"].schema}
    assert suggested["host"] == "10.0.0.31"
    assert nrgkick.commands == []
    typed = {"name": "Stall 1", "host": "10.0.0.31", "port": 80, "max_current_a": 16, "phase_map": "123"}
    await keep(hass, await go_on(hass, shown, **typed))
    title, kept, unique_id = only_stall(entry)
    assert (title, kept["connector"], unique_id) == ("Stall 1", "nrgkick_gen2_http", "stall:T2332500000000000S1D2")
    assert kept["mdns"] == "nrgkick-s1d2._nrgkick._tcp.local."
    assert await aborted(hass, nrgkick_at("10.0.0.31")) == "stall_known"


async def test_the_frontend_learns_where_to_go_on_and_no_secret(
    hass: HomeAssistant, make_entry: MakeEntry, tesla: Stand, hass_client: ClientSessionGenerator
) -> None:
    """Its dialogue asks the abort for `next_flow` and, for the texts, for the domain of `result`."""
    entry = make_entry(app_url="http://127.0.0.1:1", app_token="pairing-secret")
    assert await async_setup_component(hass, "config", {})
    client = await hass_client()
    result = await told(hass, tesla_at("10.0.0.21"))
    answer = await client.post(f"/api/config/config_entries/flow/{result['flow_id']}", json={})
    text = await answer.text()
    assert "pairing-secret" not in text
    said = json.loads(text)
    assert said["type"] == "abort"
    assert (said["result"]["domain"], said["result"]["entry_id"]) == (DOMAIN, entry.entry_id)
    kind, flow_id = said["next_flow"]
    assert kind == "config_subentries_flow"
    answer = await client.get(f"/api/config/config_entries/subentries/flow/{flow_id}")
    form = await answer.json()
    assert (form["type"], form["step_id"]) == ("form", "connection")
    (host,) = (field for field in form["data_schema"] if field["name"] == "host")
    assert host["description"] == {"suggested_value": "10.0.0.21"}


async def test_with_several_buildings_it_is_asked_which(
    hass: HomeAssistant, make_entry: MakeEntry, tesla: Stand
) -> None:
    make_entry()
    other = make_entry(name="Eichenhof", unique_id="e" * 32)
    result = await told(hass, tesla_at("10.0.0.21"))
    options = result["data_schema"].schema["building"].config["options"]
    assert [option["label"] for option in options] == ["Lindenhof", "Eichenhof"]
    result = await hass.config_entries.flow.async_configure(result["flow_id"], {"building": other.entry_id})
    form = hass.config_entries.subentries.async_get(result["next_flow"][1])
    assert form["handler"] == (other.entry_id, "stall")


async def test_without_a_building_it_is_set_up_first_and_the_stall_follows(hass: HomeAssistant, tesla: Stand) -> None:
    result = await told(hass, tesla_at("10.0.0.21"))
    assert result["step_id"] == "found_first"
    flow_id = result["flow_id"]
    result = await hass.config_entries.flow.async_configure(flow_id, {})
    assert result["step_id"] == "user"
    building = {"name": "Lindenhof", "currency": "EUR", "fuse_a": 63, "phases": "3"}
    result = await hass.config_entries.flow.async_configure(flow_id, building)
    result = await hass.config_entries.flow.async_configure(flow_id, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert len(result["result"].unique_id) == 32
    form = hass.config_entries.subentries.async_get(result["next_flow"][1])
    assert form["step_id"] == "connection"
    await hass.config_entries.async_unload(result["result"].entry_id)


async def test_it_is_offered_once(hass: HomeAssistant, make_entry: MakeEntry, tesla: Stand) -> None:
    make_entry()
    await told(hass, tesla_at("10.0.0.21"))
    assert await aborted(hass, tesla_at("10.0.0.21")) == "already_in_progress"
    assert len(offered(hass)) == 1


async def test_one_that_is_not_wanted_is_not_offered_again(
    hass: HomeAssistant, make_entry: MakeEntry, tesla: Stand
) -> None:
    make_entry()
    result = await told(hass, tesla_at("10.0.0.21"))
    unique_id = hass.config_entries.flow.async_get(result["flow_id"])["context"]["unique_id"]
    ignored = {"unique_id": unique_id, "title": "Tesla"}
    await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_IGNORE}, data=ignored)
    assert offered(hass) == []
    assert await aborted(hass, tesla_at("10.0.0.21")) == "already_configured"


async def test_a_meter_of_the_same_maker_is_not_offered(hass: HomeAssistant, make_entry: MakeEntry, lan: Lan) -> None:
    """What answers like no Tesla is none, whatever it is called."""
    make_entry()
    async with Stand("goe_http_v2", now) as other:
        lan.put("10.0.0.21", other.port)
        assert await aborted(hass, tesla_at("10.0.0.21")) in ("not_ours", "box_silent")
    assert offered(hass) == []


async def test_one_that_does_not_answer_is_not_offered(hass: HomeAssistant, make_entry: MakeEntry, lan: Lan) -> None:
    make_entry()
    assert await aborted(hass, tesla_at("10.0.0.21")) == "box_silent"


async def test_one_with_a_password_is_offered_all_the_same(
    hass: HomeAssistant, make_entry: MakeEntry, lan: Lan
) -> None:
    make_entry()
    async with Stand("nrgkick_gen2_http", now, options={"password": "secret"}) as nrgkick:
        lan.put("10.0.0.31", nrgkick.port)
        result = await told(hass, nrgkick_at("10.0.0.31"))
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "found")


async def test_one_that_a_stall_has_as_entities_is_not_offered(
    hass: HomeAssistant, make_entry: MakeEntry, lan: Lan
) -> None:
    make_entry(stall(connector="ha_entities", host=None, slots={}, serial="T2332500000000000S1D2"))
    info = nrgkick_at("10.0.0.31", serial_number="T2332500000000000S1D2")
    assert await aborted(hass, info) == "stall_known"


async def test_a_relay_is_not_offered(hass: HomeAssistant, make_entry: MakeEntry, lan: Lan) -> None:
    """A house has many, and few switch a wall connector."""
    make_entry()
    assert await aborted(hass, announces("10.0.0.51", "ShellyPro3EM-A0B1C2D3E4F5", "_shelly._tcp.local.")) == "not_ours"


# --- a known one --------------------------------------------------------------------------------------------------


async def test_a_known_one_at_another_address_is_followed_by_its_serial_number(
    hass: HomeAssistant, make_entry: MakeEntry, tesla: Stand, lan: Lan
) -> None:
    entry = await set_up(hass, make_entry(stall(**TESLA_STALL, serial="B7S23100J01234")))
    assert state_of(hass, "sensor.stall_1_status") == "available"
    lan.put("10.0.0.21", None)
    lan.put("10.0.0.99", tesla.port)
    assert await aborted(hass, tesla_at("10.0.0.99")) == "stall_known"
    assert (settings(entry)["host"], settings(entry)["mac"]) == ("10.0.0.99", TESLA_MAC)
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_status") == "available")
    assert cards(hass) == {("mac", TESLA_MAC)}
    assert offered(hass) == []


async def test_a_known_one_is_followed_by_the_serial_number_that_it_announces(
    hass: HomeAssistant, make_entry: MakeEntry, nrgkick: Stand, lan: Lan
) -> None:
    entry = await set_up(hass, make_entry(stall(**NRGKICK_STALL, serial="T2332500000000000S1D2")))
    await nrgkick.drop()
    lan.put("10.0.0.31", None)
    lan.put("10.0.0.98", nrgkick.port)
    await nrgkick.restore()
    info = nrgkick_at("10.0.0.98", serial_number="T2332500000000000S1D2")
    assert await aborted(hass, info) == "stall_known"
    assert (settings(entry)["host"], settings(entry)["mdns"]) == ("10.0.0.98", "nrgkick-s1d2._nrgkick._tcp.local.")


async def test_a_known_one_is_followed_by_its_name_where_it_tells_no_number(
    hass: HomeAssistant, make_entry: MakeEntry, lan: Lan
) -> None:
    openevse = stall(
        connector="openevse_http",
        host="10.0.0.41",
        port=80,
        unit_id=None,
        serial=None,
        mdns="openevse-7a57._openevse._tcp.local.",
    )
    openevse["unique_id"] = "stall:10.0.0.41:80:None"
    entry = make_entry(openevse)
    assert await aborted(hass, announces("10.0.0.42", "openevse-7a57", "_openevse._tcp.local.")) == "stall_known"
    assert settings(entry)["host"] == "10.0.0.42"
    assert entry.subentries["stall-1"].unique_id == "stall:10.0.0.42:80:None"


async def test_an_address_that_the_owner_gave_by_name_stays(
    hass: HomeAssistant, make_entry: MakeEntry, tesla: Stand
) -> None:
    named = TESLA_STALL | {"host": "TeslaWallConnector_1A2B3C.local"}
    entry = make_entry(stall(**named, serial="B7S23100J01234"))
    assert await aborted(hass, tesla_at("10.0.0.21")) == "stall_known"
    assert settings(entry)["host"] == "TeslaWallConnector_1A2B3C.local"
    assert settings(entry)["mac"] == TESLA_MAC


async def test_a_box_with_two_addresses_stays_where_it_answers(
    hass: HomeAssistant, make_entry: MakeEntry, tesla: Stand, lan: Lan
) -> None:
    """On cable and Wi-Fi at once, or somebody who only says that he is the box."""
    entry = await set_up(hass, make_entry(stall(**TESLA_STALL, serial="B7S23100J01234")))
    lan.put("10.0.0.99", tesla.port)
    assert await aborted(hass, tesla_at("10.0.0.99")) == "stall_known"
    assert settings(entry)["host"] == "10.0.0.21"


async def test_a_known_one_at_its_address_is_learnt_and_nothing_restarts(
    hass: HomeAssistant, make_entry: MakeEntry, tesla: Stand
) -> None:
    entry = await set_up(hass, make_entry(stall(**TESLA_STALL, serial="B7S23100J01234")))
    connector = entry.runtime_data.stalls["stall-1"].connector
    assert await aborted(hass, tesla_at("10.0.0.21")) == "stall_known"
    await hass.async_block_till_done()
    assert settings(entry)["mac"] == TESLA_MAC
    assert entry.runtime_data.stalls["stall-1"].connector is connector
    assert cards(hass) == {("mac", TESLA_MAC)}


async def test_another_one_at_a_known_address_is_offered_and_teaches_nothing(
    hass: HomeAssistant, make_entry: MakeEntry, tesla: Stand
) -> None:
    entry = await set_up(hass, make_entry(stall(**TESLA_STALL, serial="B7S99999J99999")))
    result = await told(hass, tesla_at("10.0.0.21"))
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "found")
    assert "mac" not in settings(entry)


async def test_one_of_another_serial_number_is_not_followed_whatever_its_network_card(
    hass: HomeAssistant, make_entry: MakeEntry, tesla: Stand, lan: Lan
) -> None:
    entry = await set_up(hass, make_entry(stall(**TESLA_STALL, serial="B7S23100J01234", mac=TESLA_MAC)))
    async with Stand("tesla_twc3", now, serial="B7S99999J99999") as other:
        lan.put("10.0.0.21", None)
        lan.put("10.0.0.99", other.port)
        assert await aborted(hass, tesla_at("10.0.0.99")) == "stall_known"
    assert settings(entry)["host"] == "10.0.0.21"


# --- a known one with a password -----------------------------------------------------------------------------------


PASSWORD, EVSE_MAC, FORGED_MAC = "correct-horse", "9c:9c:1f:e5:00:01", "9c:9c:1f:00:00:00"
SIGNED_IN = {"unit_id": None, "port": 80, "username": "admin", "password": PASSWORD}
OPENEVSE_STALL = {"connector": "openevse_http", "host": "10.0.0.41", "serial": "9C9C1FE50001"} | SIGNED_IN
OPENEVSE_NAME = "openevse-0001._openevse._tcp.local."


def openevse_at(ip: str) -> ZeroconfServiceInfo:
    """As its firmware announces it: the serial number is `id`."""
    return announces(ip, "openevse-0001", "_openevse._tcp.local.", id="9C9C1FE50001", type="openevse_wifi_v1")


class Ear:
    """Somebody who answers at an address, and hears what he is asked with."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer
        self.heard: list[str | None] = []
        self.port = 0

    async def answers(self, request: web.BaseRequest) -> web.Response:
        self.heard.append(request.headers.get("Authorization"))
        return web.json_response(self._answer)


@pytest.fixture
async def thief(lan: Lan) -> AsyncIterator[Ear]:
    """At 10.0.0.66: answers everybody like the OpenEVSE, serial number and all."""
    status = {"state": 1, "vehicle": 0, "status": "active", "amp": 0, "voltage": 230, "pilot": 16, "total_energy": 1}
    ear = Ear(status | {"wifi_serial": "9C9C1FE50001", "firmware": "7.1.3"})
    async with RawTestServer(ear.answers, host="127.0.0.1") as server:
        lan.put("10.0.0.66", server.port)
        yield ear


@pytest.fixture
async def openevse(lan: Lan) -> AsyncIterator[Stand]:
    """An OpenEVSE with a password at 10.0.0.41."""
    async with Stand("openevse_http", now, serial="9C9C1FE50001", options={"password": PASSWORD}) as stand:
        lan.put("10.0.0.41", stand.port)
        yield stand


async def moves(openevse: Stand, lan: Lan, ip: str | None) -> None:
    """The OpenEVSE gets another address, or none."""
    await openevse.drop()
    lan.put("10.0.0.41", None)
    if ip is not None:
        lan.put(ip, openevse.port)
        await openevse.restore()


def question(hass: HomeAssistant) -> ir.IssueEntry | None:
    return ir.async_get(hass).async_get_issue(DOMAIN, "stall_moved_stall-1")


async def test_an_announcement_alone_gets_no_password_sent_anywhere_but_an_admin_asked(
    hass: HomeAssistant, make_entry: MakeEntry, openevse: Stand, thief: Ear, lan: Lan
) -> None:
    entry = await set_up(hass, make_entry(stall(**OPENEVSE_STALL, mac=EVSE_MAC, mdns=OPENEVSE_NAME)))
    assert state_of(hass, "sensor.stall_1_status") == "available"
    await moves(openevse, lan, None)
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_status") == "offline")
    assert await aborted(hass, openevse_at("10.0.0.66")) == "stall_known"
    forged = asks_for_address("10.0.0.66", FORGED_MAC, "openevse-0001")
    await told(hass, forged)
    await wait_until(hass, lambda: question(hass) is not None)
    assert question(hass).translation_placeholders == {
        "stall": "Stall 1",
        "before": "10.0.0.41",
        "host": "10.0.0.66",
    }
    assert (settings(entry)["host"], settings(entry)["mac"]) == ("10.0.0.41", EVSE_MAC)
    assert thief.heard != []  # it was looked who is there,
    assert set(thief.heard) == {None}  # and nothing was given away


async def test_a_forged_network_card_is_not_learnt_so_that_it_could_be_followed_later(
    hass: HomeAssistant, make_entry: MakeEntry, openevse: Stand, thief: Ear, lan: Lan
) -> None:
    entry = await set_up(hass, make_entry(stall(**OPENEVSE_STALL, mac=EVSE_MAC, mdns=OPENEVSE_NAME)))
    await told(hass, asks_for_address("10.0.0.41", FORGED_MAC, "openevse-0001"))
    assert await aborted(hass, openevse_at("10.0.0.66")) == "stall_known"
    await moves(openevse, lan, None)
    await told(hass, asks_for_address("10.0.0.66", FORGED_MAC, "openevse-0001"))
    assert (settings(entry)["host"], settings(entry)["mac"]) == ("10.0.0.41", EVSE_MAC)
    assert set(thief.heard) <= {None}


async def test_the_network_card_it_was_known_by_is_followed_with_the_password(
    hass: HomeAssistant, make_entry: MakeEntry, openevse: Stand, lan: Lan
) -> None:
    entry = await set_up(hass, make_entry(stall(**OPENEVSE_STALL, mac=EVSE_MAC)))
    await moves(openevse, lan, "10.0.0.42")
    assert await aborted(hass, asks_for_address("10.0.0.42", EVSE_MAC, "openevse-0001")) == "stall_known"
    assert settings(entry)["host"] == "10.0.0.42"
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_status") == "available")
    assert question(hass) is None


async def test_an_admin_says_that_it_moved_and_it_is_followed(
    hass: HomeAssistant, make_entry: MakeEntry, openevse: Stand, lan: Lan
) -> None:
    entry = await set_up(hass, make_entry(stall(**OPENEVSE_STALL)))
    await moves(openevse, lan, "10.0.0.42")
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_status") == "offline")
    assert await aborted(hass, openevse_at("10.0.0.42")) == "stall_known"
    await wait_until(hass, lambda: question(hass) is not None)
    issue = question(hass)
    flow = await async_create_fix_flow(hass, issue.issue_id, issue.data)
    flow.hass, flow.handler = hass, DOMAIN
    form = await flow.async_step_init()
    assert (form["type"], form["step_id"]) == (FlowResultType.FORM, "confirm")
    assert missing(form, "stall_moved") == []
    assert form["description_placeholders"] == {"stall": "Stall 1", "before": "10.0.0.41", "host": "10.0.0.42"}
    assert settings(entry)["host"] == "10.0.0.41"
    assert (await flow.async_step_confirm({}))["type"] is FlowResultType.CREATE_ENTRY
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_status") == "available")
    assert (settings(entry)["host"], settings(entry)["mdns"]) == ("10.0.0.42", OPENEVSE_NAME)
    assert question(hass) is None


async def test_what_was_asked_is_what_is_followed_also_if_another_says_meanwhile_that_it_is_him(
    hass: HomeAssistant, make_entry: MakeEntry, openevse: Stand, thief: Ear, lan: Lan
) -> None:
    entry = await set_up(hass, make_entry(stall(**OPENEVSE_STALL)))
    await moves(openevse, lan, "10.0.0.42")
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_status") == "offline")
    await aborted(hass, openevse_at("10.0.0.42"))
    await wait_until(hass, lambda: question(hass) is not None)
    flow = await async_create_fix_flow(hass, question(hass).issue_id, question(hass).data)
    flow.hass, flow.handler = hass, DOMAIN
    await aborted(hass, openevse_at("10.0.0.66"))
    await flow.async_step_confirm({})
    assert settings(entry)["host"] == "10.0.0.42"
    again = await flow.async_step_confirm({})
    assert (again["type"], again["reason"]) == (FlowResultType.ABORT, "not_asked_any_more")
    assert missing(again, "stall_moved") == []


async def test_the_question_is_over_when_it_answers_where_it_was(
    hass: HomeAssistant, make_entry: MakeEntry, openevse: Stand, thief: Ear, lan: Lan
) -> None:
    await set_up(hass, make_entry(stall(**OPENEVSE_STALL)))
    await moves(openevse, lan, None)
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_status") == "offline")
    await aborted(hass, openevse_at("10.0.0.66"))
    await wait_until(hass, lambda: question(hass) is not None)
    await moves(openevse, lan, "10.0.0.41")
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_status") == "available")
    await wait_until(hass, lambda: question(hass) is None)


async def test_a_box_that_signs_in_by_digest_is_followed_once_it_said_who_it_is_without_a_password(
    hass: HomeAssistant, make_entry: MakeEntry, lan: Lan
) -> None:
    async with Stand("warp_http", now, serial="2ZF7") as warp:
        lan.put("10.0.0.51", warp.port)
        settled = {"connector": "warp_http", "host": "10.0.0.51", "serial": "2ZF7"} | SIGNED_IN
        entry = await set_up(hass, make_entry(stall(**settled, mdns="warp2-2zf7._warp._tcp.local.")))
        await warp.drop()
        lan.put("10.0.0.51", None)
        assert await aborted(hass, announces("10.0.0.52", "warp2-2zf7", "_warp._tcp.local.")) == "stall_known"
        assert settings(entry)["host"] == "10.0.0.51"  # nobody there yet
        lan.put("10.0.0.52", warp.port)
        await warp.restore()
        assert await aborted(hass, announces("10.0.0.52", "warp2-2zf7", "_warp._tcp.local.")) == "stall_known"
        assert settings(entry)["host"] == "10.0.0.52"
        await hass.config_entries.async_unload(entry.entry_id)


async def test_the_two_stalls_of_one_box_are_both_followed(
    hass: HomeAssistant, make_entry: MakeEntry, network: ModbusNetwork
) -> None:
    for host in ("10.0.0.71", "10.0.0.72"):
        network.add(host, Device())
    alfen = {"connector": "alfen_eve", "host": "10.0.0.71", "mac": "00:1a:85:01:02:03", "serial": "ACE1"}
    first = stall("stall-1", "Stall 1", **alfen, unit_id=1, point=1)
    second = stall("stall-2", "Stall 2", **alfen, unit_id=2, point=2)
    second["unique_id"] = "stall:ACE1:2"
    entry = await set_up(hass, make_entry(first, second))
    assert cards(hass, "stall-1") == {("mac", "00:1a:85:01:02:03")}
    assert cards(hass, "stall-2") == set()
    assert await aborted(hass, asks_for_address("10.0.0.72", "00:1a:85:01:02:03", "ng9xx")) == "stall_known"
    assert [settings(entry, stall_id)["host"] for stall_id in ("stall-1", "stall-2")] == ["10.0.0.72", "10.0.0.72"]


async def test_two_stalls_that_swap_their_boxes_swap_their_network_cards(
    hass: HomeAssistant, make_entry: MakeEntry, network: ModbusNetwork
) -> None:
    one, two = "00:60:b5:00:00:01", "00:60:b5:00:00:02"
    first, second = stall("stall-1", mac=one), stall("stall-2", "Stall 2", host="10.0.0.12", serial="2", mac=two)
    entry = await set_up(hass, make_entry(first, second))
    assert (cards(hass, "stall-1"), cards(hass, "stall-2")) == ({("mac", one)}, {("mac", two)})
    for stall_id, mac in (("stall-1", two), ("stall-2", one)):
        changed = settings(entry, stall_id) | {"mac": mac}
        hass.config_entries.async_update_subentry(entry, entry.subentries[stall_id], data=changed)
        await hass.async_block_till_done()
    assert (cards(hass, "stall-1"), cards(hass, "stall-2")) == ({("mac", two)}, {("mac", one)})


async def test_changing_a_stall_forgets_its_network_card_only_with_its_box(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, network: ModbusNetwork
) -> None:
    entry = make_entry(stall(mac="00:60:b5:01:02:03"))
    network.add("10.0.0.66", keba.unit._conn)
    result = await entry.start_subentry_reconfigure_flow(hass, "stall-1")
    typed = {"name": "Stall 1", "port": 502, "unit_id": 255, "max_current_a": 16, "phase_map": "123"}
    result = await go_on(hass, result, **typed, host="10.0.0.66")
    await keep(hass, result)
    assert (settings(entry)["host"], settings(entry)["mac"]) == ("10.0.0.66", "00:60:b5:01:02:03")


async def test_what_a_box_is_known_by_is_nobody_elses_to_see(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    entry = await set_up(hass, make_entry(stall(mac="00:60:b5:01:02:03", mdns="keba-17619300._http._tcp.local.")))
    text = json.dumps(await async_get_config_entry_diagnostics(hass, entry))
    for secret in ("00:60:b5:01:02:03", "keba-17619300"):
        assert secret not in text
