"""Profiles: the ones that come with evshare load, and a wrong one says what is wrong with it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from custom_components.evshare.connectors.profile import (
    PROFILE_FOLDER,
    ProfileError,
    available_profiles,
    load_profile,
    read_profile,
    sets_failsafe,
)
from custom_components.evshare.connectors.profile_values import WordOrder
from custom_components.evshare.model import OnLoss


@pytest.mark.parametrize("profile_id", available_profiles())
def test_each_profile_loads_and_names_its_sources(profile_id: str) -> None:
    profile = load_profile(profile_id)
    assert profile.id == profile_id
    assert profile.sources
    assert profile.state_rules or profile.plug_by_power


@pytest.mark.parametrize(
    ("profile_id", "sets"),
    [
        ("keba_p30", True),  # 5016 and 5018
        ("heidelberg_ec", True),  # 257 and 262
        ("webasto_next", True),  # 2002
        ("alfen_eve", False),  # its safe current is set in the installer tool
        ("phoenix_charx", False),  # in its web interface
        ("tesla_twc3", False),
    ],
)
def test_which_models_have_a_failsafe_that_is_set_for_them(profile_id: str, sets: bool) -> None:
    assert sets_failsafe(load_profile(profile_id)) is sets


def test_a_profile_is_read_once() -> None:
    assert load_profile("keba_p30") is load_profile("keba_p30")


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ProfileError, match=r"connector: got 'keba_p31'; accepted: abb_terra_ac, .*keba_p30, keba_p40"):
        load_profile("keba_p31")


@pytest.mark.parametrize(
    ("profile_id", "filled", "losses"),
    [
        ("keba_p30", "plug limit gate register identity polled_identity", "closed opens holds"),
        ("alfen_eve", "plug limit gate register", "opens opens holds"),
        ("goe_http_v2", "plug limit gate register", "holds closed closed"),
        ("tesla_twc3", "plug", "opens opens opens"),
    ],
)
def test_each_model_says_which_ports_it_fills_and_what_it_does_alone(profile_id: str, filled: str, losses: str) -> None:
    ports = load_profile(profile_id).ports
    names = ("plug", "limit", "gate", "register", "identity", "polled_identity")
    assert [name for name in names if getattr(ports, name)] == filled.split()
    assert [ports.on_silence, ports.on_reboot, ports.on_unplug] == [OnLoss(loss) for loss in losses.split()]


def test_the_lifetime_energy_of_a_tesla_is_not_offered_for_billing() -> None:
    profile = load_profile("tesla_twc3")
    assert profile.register is None
    assert "energy_total_wh" not in profile.points


def test_keba_is_never_asked_for_two_values_at_once_and_never_told_to_wear_its_memory() -> None:
    profile = load_profile("keba_p30")
    assert profile.blocks == ()
    assert profile.transport.write_fc == 6
    steps = [step for command in profile.commands.values() for step in command.steps]
    assert 5020 not in {step.addr for step in steps}


def _broken(tmp_path: Path, profile_id: str, change: Any) -> Path:
    document = yaml.safe_load((PROFILE_FOLDER / f"{profile_id}.yaml").read_text())
    change(document)
    path = tmp_path / f"{profile_id}.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.mark.parametrize(
    ("profile_id", "change", "message"),
    [
        ("keba_p30", lambda d: d.update(schema_version=2), r"keba_p30.yaml: schema_version: got 2; accepted: 1"),
        ("keba_p30", lambda d: d.update(colour="red"), r"keba_p30.yaml: colour: unknown key; accepted: schema_version"),
        ("keba_p30", lambda d: d.pop("on_reboot"), r"keba_p30.yaml: on_reboot: missing"),
        ("keba_p30", lambda d: d.update(on_reboot="maybe"), r"on_reboot: got 'maybe'; accepted: closed, holds, opens"),
        ("keba_p30", lambda d: d.update(id="other"), r"id: got 'other'; accepted: the name of the file"),
        (
            "keba_p30",
            lambda d: d["transport"].update(kind="udp"),
            r"transport.kind: got 'udp'; accepted: modbus_tcp, modbus_rtu",
        ),
        ("keba_p30", lambda d: d["transport"].update(write_fc=True), r"transport.write_fc: got True; accepted: 6, 16"),
        (
            "keba_p30",
            lambda d: d["transport"].update(port=70000),
            r"transport.port: got 70000; accepted: a whole number",
        ),
        (
            "keba_p30",
            lambda d: d["points"]["power_w"].update(type="uint24"),
            r"points.power_w.type: got 'uint24'; accepted: uint16, int16, uint32",
        ),
        (
            "keba_p30",
            lambda d: d["points"]["power_w"].update(type="float64"),
            r"points.power_w: got 4 registers; accepted: 2 in one read at most",
        ),
        (
            "keba_p30",
            lambda d: d["points"]["power_w"].pop("tier"),
            r"points.power_w: lies in no block, so it needs a tier",
        ),
        (
            "keba_p30",
            lambda d: d["points"]["rfid_uid"].pop("words"),
            r"points.rfid_uid.words: accepted: for ascii, hex, utf16be only",
        ),
        (
            "keba_p30",
            lambda d: d["points"]["power_w"].update(extract="__import__('os')"),
            r"points.power_w.extract: .*accepted: raw, integers, >> << & \| and brackets",
        ),
        (
            "keba_p30",
            lambda d: d["state_rules"].append({"if": {"point": "mood", "eq": 1}, "then": "A"}),
            r"state_rules: got point 'mood'; accepted: .*status_raw",
        ),
        (
            "keba_p30",
            lambda d: d["state_rules"].append({"if": {"point": "cable"}, "then": "A"}),
            r"state_rules.4.if: got \[\]; accepted: exactly one of eq, ne, in",
        ),
        (
            "keba_p30",
            lambda d: d["state_rules"].append({"then": "G"}),
            r"state_rules.4.then: got 'G'; accepted: A, B, C",
        ),
        (
            "keba_p30",
            lambda d: d["commands"]["set_current"].update(min_a=5),
            r"commands.set_current.min_a: got 5; accepted: a whole number from 6 to 80",
        ),
        (
            "keba_p30",
            lambda d: d["commands"]["set_current"].update(type="float32"),
            r"commands.set_current.type: got 'float32'; accepted: one register",
        ),
        ("keba_p30", lambda d: d["commands"].pop("disable"), r"commands.disable: missing; what opens must also close"),
        (
            "keba_p30",
            lambda d: d["commands"]["enable"].pop("value"),
            r"commands.enable: got .*; accepted: a fixed value, without unit",
        ),
        (
            "keba_p30",
            lambda d: d["commands"].pop("set_watchdog_timeout"),
            r"heartbeat.repeat: got 'set_watchdog_timeout'; accepted: ",
        ),
        (
            "keba_p30",
            lambda d: d.update(register="power_w"),
            r"register: got 'power_w'; accepted: none, or a point whose",
        ),
        (
            "keba_p30",
            lambda d: d["points"]["energy_total_wh"].update(confidence="u"),
            r"register: got 'energy_total_wh'; accepted: a verified point in Wh",
        ),
        (
            "keba_p30",
            lambda d: d["points"]["energy_total_wh"].update(quality="apparent"),
            r"register: got 'energy_total_wh'; accepted: a verified point in Wh, not apparent energy",
        ),
        (
            "alfen_eve",
            lambda d: d["transport"].update(max_registers_per_read=50),
            r"blocks.0: got 72 registers; accepted: 50 at most",
        ),
        (
            "goe_http_v2",
            lambda d: d["points"]["allowed"].update(req="xx"),
            r"points.allowed.req: got 'xx'; accepted: st, id",
        ),
        (
            "goe_http_v2",
            lambda d: d["points"]["power_w"].update(path="nrg[x]"),
            r"points.power_w.path: got 'nrg\[x\]'; accepted: keys joined by dots",
        ),
        (
            "goe_http_v2",
            lambda d: d["commands"]["disable"].update(path="http://192.0.2.1/api"),
            r"commands.disable.path: got 'http://192.0.2.1/api'; accepted: a path that starts with one /",
        ),
        (
            "goe_http_v2",
            lambda d: d["commands"]["set_current"].update(unit="mA"),
            r"commands.set_current: got \{'path': '/api/set\?amp=\{a\}'\}; accepted: with \{ma\} for mA",
        ),
    ],
)
def test_a_wrong_profile_says_which_key_what_came_and_what_is_accepted(
    tmp_path: Path, profile_id: str, change: Any, message: str
) -> None:
    with pytest.raises(ProfileError, match=message):
        read_profile(_broken(tmp_path, profile_id, change))


def test_a_key_written_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.yaml"
    path.write_text("id: twice\nname: a\nname: b\n")
    with pytest.raises(ProfileError, match=r"twice.yaml: not readable as YAML: key 'name' is written twice"):
        read_profile(path)


@pytest.mark.parametrize("content", ["- a list", "", "just text"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(content)
    with pytest.raises(ProfileError, match=r"odd.yaml: got .*; accepted: a mapping of keys"):
        read_profile(path)


def test_word_order_of_the_file_goes_to_its_points_unless_they_say_otherwise(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["defaults"]["word_order"] = "little"
        document["points"]["power_w"]["word_order"] = "big"

    profile = read_profile(_broken(tmp_path, "alfen_eve", change))
    assert profile.points["voltage_l1_v"].word_order is WordOrder.LITTLE
    assert profile.points["power_w"].word_order is WordOrder.BIG
