"""Connector profiles that an owner wrote: offered as their own, checked at set-up, and never in the way of others."""

from pathlib import Path
import shutil

from homeassistant.config_entries import SOURCE_USER, ConfigEntryState, SubentryFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .conftest import MakeEntry, set_up, stall, state_of, wait_until
from .hardware import FakeKeba, ModbusNetwork
from .stall_dialogue import KEBA, go_on, keep, only_stall
from .test_care import issues

pytestmark = pytest.mark.usefixtures("quick_polls")

OUR_KEBA = """\
extends: keba_p30
id: our_keba
name: The box in our garage
support: supported
checked: source
sources: [its door]
"""
OWN = {"connector": "own:our_keba"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder for an owner's own profiles in the configuration folder."""
    folder = tmp_path / "evshare" / "connectors"
    folder.mkdir(parents=True)
    return folder


async def the_list(hass: HomeAssistant, entry: MockConfigEntry) -> SubentryFlowResult:
    result = await hass.config_entries.subentries.async_init((entry.entry_id, "stall"), context={"source": SOURCE_USER})
    return await go_on(hass, result, next_step_id="from_list")


async def begin(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """Bring a building to life; a connector that cannot be used is not waited for."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    return entry


def labels(result: SubentryFlowResult) -> dict[str, str]:
    options = result["data_schema"].schema["connector"].config["options"]
    return {option["value"]: option["label"] for option in options}


async def test_without_a_folder_there_are_none(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    result = await the_list(hass, make_entry())
    assert "keba_p30" in labels(result)
    assert not any(name.startswith("own:") for name in labels(result))


async def test_a_profile_of_ones_own_is_in_the_list_and_becomes_a_stall(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, folder: Path
) -> None:
    (folder / "our_keba.yaml").write_text(OUR_KEBA)
    entry = make_entry()
    result = await the_list(hass, entry)
    assert labels(result)["own:our_keba"] == "The box in our garage (own)"
    result = await go_on(hass, result, **OWN)
    assert result["step_id"] == "connection"
    # Whatever it claims of itself, nobody answers for it.
    assert "Experimental, and less than that" in result["description_placeholders"]["requires"]
    await keep(hass, await go_on(hass, result, **KEBA))
    title, settings, unique_id = only_stall(entry)
    assert (title, settings["connector"], unique_id) == ("Stall 1", "own:our_keba", "stall:17619300")


async def test_a_stall_of_ones_own_model_runs_like_any_other(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, folder: Path
) -> None:
    (folder / "our_keba.yaml").write_text(OUR_KEBA)
    await set_up(hass, make_entry(stall(**OWN)))
    assert state_of(hass, "sensor.stall_1_status") == "available"
    assert state_of(hass, "sensor.stall_1_energy") == "1234.567"
    assert issues(hass) == {}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            OUR_KEBA + "register: enrgy_total_wh\n",
            "our_keba.yaml: register: got 'enrgy_total_wh'; accepted: none, or a point whose name ends in _wh",
        ),
        (OUR_KEBA.replace("id: our_keba", "id: mine"), "our_keba.yaml: id: got 'mine'; accepted: the name of the file"),
        (
            OUR_KEBA + "polling: {charging_s: 0.1}\n",
            "our_keba.yaml: polling.charging_s: got 0.1; accepted: a number from 1 to 60",
        ),
        ("on_silence: [\n", "our_keba.yaml: not readable as YAML"),
        ("? [1, 2]\n: 3\n", "our_keba.yaml: not readable"),
    ],
)
async def test_what_is_wrong_with_a_file_is_said_where_it_is_chosen(
    hass: HomeAssistant, make_entry: MakeEntry, folder: Path, content: str, why: str
) -> None:
    (folder / "our_keba.yaml").write_text(content)
    result = await the_list(hass, make_entry())
    assert labels(result)["own:our_keba"] == "our_keba.yaml (own)"
    result = await go_on(hass, result, **OWN)
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "from_list")
    assert result["errors"] == {"connector": "profile_broken"}
    assert result["description_placeholders"]["why"].startswith(why)


async def test_a_file_that_is_no_text_is_refused_in_words(
    hass: HomeAssistant, make_entry: MakeEntry, folder: Path
) -> None:
    (folder / "our_keba.yaml").write_bytes(b"\xff\xfe\x00name")
    (folder / "folder.yaml").mkdir()
    result = await the_list(hass, make_entry())
    for name in ("our_keba", "folder"):
        result = await go_on(hass, result, connector=f"own:{name}")
        assert result["errors"] == {"connector": "profile_broken"}
        assert result["description_placeholders"]["why"].startswith(f"{name}.yaml: not readable")


async def test_a_file_that_broke_leaves_its_stall_alone_offline_and_names_itself(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, network: ModbusNetwork, folder: Path
) -> None:
    FakeKeba(network, "10.0.0.12", serial=17619301)
    path = folder / "our_keba.yaml"
    path.write_text(OUR_KEBA + "register: enrgy_total_wh\n")
    own = stall("stall-2", "Stall 2", host="10.0.0.12", serial="17619301", **OWN)
    entry = await begin(hass, make_entry(stall(), own))
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_status") == "available")
    assert state_of(hass, "sensor.stall_2_status") == "offline"
    issue = issues(hass)["profile_broken"]
    assert issue.translation_placeholders["stall"] == "Stall 2"
    assert issue.translation_placeholders["why"].startswith("our_keba.yaml: register: got 'enrgy_total_wh'; accepted:")
    path.write_text(OUR_KEBA)
    await hass.config_entries.async_reload(entry.entry_id)
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_2_status") == "available")
    assert issues(hass) == {}


async def test_a_file_that_was_mended_is_taken_with_the_next_change(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, folder: Path
) -> None:
    path = folder / "our_keba.yaml"
    path.write_text("name: half of it\n")
    entry = await begin(hass, make_entry(stall(**OWN)))
    assert state_of(hass, "sensor.stall_1_status") == "offline"
    path.write_text(OUR_KEBA)
    hass.config_entries.async_update_subentry(entry, entry.subentries["stall-1"], title="Stall A")
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_status") == "available")
    assert issues(hass) == {}


async def test_a_file_that_breaks_under_a_running_stall_does_not_stop_it(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, folder: Path
) -> None:
    path = folder / "our_keba.yaml"
    path.write_text(OUR_KEBA)
    entry = await set_up(hass, make_entry(stall(**OWN)))
    running = entry.runtime_data.stalls["stall-1"]
    path.write_text("name: half of it\n")
    hass.config_entries.async_update_subentry(entry, entry.subentries["stall-1"], title="Stall A")
    await hass.async_block_till_done()
    assert entry.runtime_data.stalls["stall-1"] is running
    assert (running.config.name, running.config.billable) == ("Stall A", True)
    assert state_of(hass, "sensor.stall_1_status") == "available"
    assert issues(hass) == {}


async def test_a_file_that_is_gone_is_named_too(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, folder: Path
) -> None:
    shutil.rmtree(folder)
    await begin(hass, make_entry(stall(**OWN)))
    why = issues(hass)["profile_broken"].translation_placeholders["why"]
    assert why == f"connector: got our_keba.yaml, which is not there; accepted: a file in {folder}"


async def test_a_stall_whose_file_is_broken_cannot_be_changed_but_is_told_why(
    hass: HomeAssistant, make_entry: MakeEntry, folder: Path
) -> None:
    (folder / "our_keba.yaml").write_text("name: nothing else\n")
    entry = make_entry(stall(**OWN))
    result = await entry.start_subentry_reconfigure_flow(hass, "stall-1")
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "profile_broken")
    assert result["description_placeholders"]["why"].startswith("our_keba.yaml:")


async def test_a_file_cannot_be_reached_outside_its_folder(
    hass: HomeAssistant, make_entry: MakeEntry, folder: Path
) -> None:
    (folder.parent / "secret.yaml").write_text(OUR_KEBA)
    await begin(hass, make_entry(stall(connector="own:../secret")))
    assert "which is not there" in issues(hass)["profile_broken"].translation_placeholders["why"]
