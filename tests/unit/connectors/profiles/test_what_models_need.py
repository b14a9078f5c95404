"""What the schema grew for these models: refused with reasons where it makes no sense, and interpreted as it says."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from custom_components.evshare.connectors.factory import available_profiles, load_profile
from custom_components.evshare.connectors.profile import PROFILE_FOLDER, ProfileError, read_profile
from custom_components.evshare.connectors.profile_values import Table, Tier

from .modbus_box import Box

MODBUS = [
    profile_id
    for profile_id in available_profiles()
    if load_profile(profile_id).transport.is_modbus and load_profile(profile_id).checked
]


def changed(tmp_path: Path, profile_id: str, change: dict[str, Any]) -> Path:
    document = yaml.safe_load((PROFILE_FOLDER / f"{profile_id}.yaml").read_text())
    path = tmp_path / f"{profile_id}.yaml"
    path.write_text(yaml.safe_dump({**document, "variants": [], **change}))
    return path


def test_a_card_that_is_not_looked_for_each_time_is_refused(tmp_path: Path) -> None:
    """Between two looks it would seem gone, and the last session's card would be a new tap."""
    points = yaml.safe_load((PROFILE_FOLDER / "keba_p30.yaml").read_text())["points"]
    points["rfid_uid"]["tier"] = "event"
    with pytest.raises(ProfileError, match=r"points.rfid_uid.tier: got event; accepted: fast"):
        read_profile(changed(tmp_path, "keba_p30", {"points": points}))


@pytest.mark.parametrize(
    ("derived", "register", "message"),
    [
        ({"total": ["current_l1_a", "current_l2_a"]}, "sum_wh", "got 'sum_wh'; accepted: none, or a point whose name"),
        (
            {"total": ["energy_total_wh", "energy_session_wh"]},
            "sum",
            "got 'sum'; accepted: none, or a point whose name",
        ),
        ({"first_of": ["energy_total_wh"]}, "sum_wh", "got 'sum_wh'; accepted: none, or a point whose name"),
    ],
)
def test_a_register_may_be_a_sum_of_watt_hours_only(
    tmp_path: Path, derived: dict[str, Any], register: str, message: str
) -> None:
    change = {"derived": {register: derived}, "register": register}
    with pytest.raises(ProfileError, match=f"register: {message}"):
        read_profile(changed(tmp_path, "keba_p30", change))


def test_a_sum_with_an_unverified_part_is_no_register(tmp_path: Path) -> None:
    points = yaml.safe_load((PROFILE_FOLDER / "keba_p30.yaml").read_text())["points"]
    points["energy_session_wh"]["confidence"] = "u"
    change = {
        "points": points,
        "derived": {"sum_wh": {"total": ["energy_total_wh", "energy_session_wh"]}},
        "register": "sum_wh",
    }
    with pytest.raises(ProfileError, match="register: got 'sum_wh'; accepted: a verified point in Wh"):
        read_profile(changed(tmp_path, "keba_p30", change))


@pytest.mark.parametrize("volts", [12, -230, 230.5, ""])
def test_nominal_volts_are_whole_and_of_this_world(tmp_path: Path, volts: object) -> None:
    change = {"derived": {"apparent_w": {"products": [[volts, "current_l1_a"]]}}}
    with pytest.raises(ProfileError, match=r"derived.apparent_w.products.0: got"):
        read_profile(changed(tmp_path, "keba_p30", change))


async def test_what_came_of_a_command_is_read_with_the_next_poll_also_without_a_car() -> None:
    box = Box("mennekes_hcc3")
    box.input({770: 1})
    box.holding({1024: 16})
    assert await box.asked() == [("input", 770, 15)]
    assert (await box.poll()).enabled is True  # as last read
    await box.connector.disable()
    assert (await box.poll()).enabled is False


@pytest.mark.parametrize("profile_id", MODBUS)
def test_what_is_read_for_the_gate_is_read_while_a_car_is_there(profile_id: str) -> None:
    profile = load_profile(profile_id)
    told = {test.point for rule in profile.enabled_rules for test in rule.conditions}
    assert {profile.points[name].tier for name in told} <= {Tier.FAST, Tier.ACTIVE}


@pytest.mark.parametrize("profile_id", MODBUS)
def test_a_model_that_opens_by_its_limit_closes_by_it_too(profile_id: str) -> None:
    profile = load_profile(profile_id)
    if profile.set_current is not None and "enable" not in profile.commands:
        limit, closing = profile.set_current.steps[0], profile.commands["disable"].steps[0]
        assert (limit.table, limit.addr, limit.type) == (closing.table, closing.addr, closing.type)
        assert closing.value == (1000 if profile_id == "abl_emh1" else 0)
        assert limit.table is Table.HOLDING


@pytest.mark.parametrize("profile_id", MODBUS)
def test_no_model_is_polled_more_slowly_than_a_card_or_a_plug_may_wait(profile_id: str) -> None:
    profile = load_profile(profile_id)
    assert max(profile.poll_idle_s, profile.poll_plugged_s, profile.poll_charging_s) <= 15
