"""The linter of profiles: what comes with evshare is in order, and what is not is told with file and key."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from custom_components.evshare.connectors.profile import PROFILE_FOLDER, available_profiles, load_profile
from custom_components.evshare.connectors.profile_documents import read_document
from custom_components.evshare.connectors.profile_model import Discovery, Profile
from custom_components.evshare.connectors.profile_values import Support
from tests.tools import lint, page


def test_nothing_is_wrong_with_what_comes_with_evshare() -> None:
    assert lint.complaints([]) == []


def test_the_page_of_connectors_is_current() -> None:
    assert list(page.stale(page.PAGE.read_text(encoding="utf-8"))) == []


def test_a_page_that_is_not_says_where() -> None:
    (complaint,) = page.stale(page.page().replace("| KEBA KeContact P30 |", "| KEBA P30 |", 1))
    assert complaint.startswith("docs/connectors.md: line ")
    assert "got '| KEBA P30 |" in complaint
    assert "accepted: '| KEBA KeContact P30 |" in complaint


def changed(folder: Path, profile_id: str, **changes: Any) -> Path:
    """A copy of a profile with other values for some keys; None takes a key away."""
    document = read_document("x.yaml", (PROFILE_FOLDER / f"{profile_id}.yaml").read_text(encoding="utf-8"))
    document = {key: value for key, value in (document | changes).items() if value is not None}
    path = folder / f"{profile_id}.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def test_a_good_file_has_no_complaints(tmp_path: Path) -> None:
    assert lint.complaints([changed(tmp_path, "keba_p30"), changed(tmp_path, "openevse_http")]) == []


@pytest.mark.parametrize(
    ("profile_id", "changes", "complaint"),
    [
        ("keba_p30", {"support": "yes"}, "keba_p30.yaml: support: got 'yes'; accepted: supported, experimental"),
        ("keba_p30", {"id": "keba"}, "keba_p30.yaml: id: got 'keba'; accepted: the name of the file"),
        ("keba_p30", {"sources": []}, "keba_p30.yaml: sources: got none; accepted: where the facts are from"),
        (
            "keba_p30",  # failsafe and watchdog are points, so what they say must decide
            {"on_silence": "closed"},
            "keba_p30.yaml: on_silence: got closed; "
            "accepted: rules on failsafe_current_a, watchdog_timeout_s, or opens",
        ),
        (
            "alfen_eve",
            {"requires": ["A licence."]},
            "alfen_eve.yaml: requires: accepted: a line that says what to set so that silence does not open it, "
            "or to use a contactor",
        ),
    ],
)
def test_what_is_wrong_in_one_file_is_told(
    tmp_path: Path, profile_id: str, changes: dict[str, Any], complaint: str
) -> None:
    assert lint.complaints([changed(tmp_path, profile_id, **changes)]) == [complaint]


def test_a_wearing_write_without_a_look_first_is_refused(tmp_path: Path) -> None:
    steps = [{"path": "/api/set?acs=1", "wears": True}, {"path": "/api/set?frc=1"}]
    document = yaml.safe_load((PROFILE_FOLDER / "goe_http_v2.yaml").read_text(encoding="utf-8"))
    path = changed(tmp_path, "goe_http_v2", commands=document["commands"] | {"prepare": steps})
    assert lint.complaints([path]) == [
        "goe_http_v2.yaml: commands.prepare.unless: missing; a write that wears is made only where it is not so already"
    ]


def test_a_heartbeat_of_a_wearing_write_is_refused(tmp_path: Path) -> None:
    path = changed(tmp_path, "goe_http_v2", heartbeat={"repeat": "set_current", "every_s": 10})
    assert lint.complaints([path]) == [
        "goe_http_v2.yaml: heartbeat.repeat: got 'set_current', which wears; accepted: a write into volatile memory"
    ]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    (complaint,) = lint.complaints([tmp_path / "nowhere.yaml"])
    assert complaint.startswith("nowhere.yaml: cannot be read: ")


# --- against the rest of the repository ------------------------------------------------------------------------------


def shelf(**profiles: Profile) -> dict[str, Profile]:
    return profiles


def test_a_model_of_the_reference_that_has_no_profile_is_told() -> None:
    there = [profile_id for profile_id in available_profiles() if profile_id != "etrel_inch"]
    assert list(lint.model_complaints(there)) == [
        "etrel_inch.yaml: missing; accepted: a profile of every model the connector reference lists"
    ]


def test_what_claims_to_be_checked_needs_its_test_and_the_other_way_round() -> None:
    keba = load_profile("keba_p30")
    assert list(lint.test_complaints(shelf(keba_p30=replace(keba, checked=True)), {"keba_p30"})) == []
    assert list(lint.test_complaints(shelf(keba_p30=replace(keba, checked=True)), set())) == [
        "keba_p30.yaml: checked: got source; accepted: self, or a test in "
        "tests/unit/connectors/profiles/test_keba_p30.py"
    ]
    assert list(lint.test_complaints(shelf(keba_p30=replace(keba, checked=False)), {"keba_p30"})) == [
        "keba_p30.yaml: checked: got self; accepted: source, as it has a test"
    ]


def test_what_must_be_set_is_said_in_german_too() -> None:
    keba = replace(load_profile("keba_p30"), requires=({"en": "A switch.", "de": "Ein Schalter."}, {"en": "A key."}))
    assert list(lint.language_complaints(shelf(keba_p30=keba))) == [
        "keba_p30.yaml: requires.1.de: missing; accepted: the same in this language"
    ]


def test_what_is_called_supported_must_be_played() -> None:
    keba = load_profile("keba_p30")
    assert list(lint.scenario_complaints(shelf(keba_p30=keba), {"keba_p30"})) == []
    assert list(lint.scenario_complaints(shelf(keba_p30=keba), {"keba_p40"})) == [
        "keba_p30.yaml: support: got supported; accepted: experimental, or a case in tests/scenarios/cases.py"
    ]
    assert list(lint.scenario_complaints(shelf(x=replace(keba, support=Support.EXPERIMENTAL)), set())) == []


def test_home_assistant_is_told_to_look_for_exactly_what_profiles_are_found_by() -> None:
    found = (Discovery(hostname="wallconnector_*", macaddress="98ed5c*"), Discovery(zeroconf_type="_a._tcp.local."))
    profile = replace(load_profile("tesla_twc3"), discovery=found)
    dhcp = [{"hostname": "wallconnector_*", "macaddress": "98ED5C*"}]
    assert list(lint.discovery_complaints([profile], {"dhcp": dhcp, "zeroconf": ["_a._tcp.local."]})) == []
    assert list(lint.discovery_complaints([profile], {"zeroconf": [{"type": "_a._tcp.local.", "name": "b*"}]})) == [
        "manifest.json: dhcp: hostname wallconnector_*, macaddress 98ed5c* is missing; accepted: all that profiles "
        "have under discovery",
        "manifest.json: zeroconf: type _a._tcp.local. is missing; accepted: all that profiles have under discovery",
        "manifest.json: zeroconf: got type _a._tcp.local., name b*; accepted: only what a profile has under discovery",
    ]
