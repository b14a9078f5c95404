"""Everything the integration says is said in every language, and everything it ships has the form HA asks for."""

import re
from string import Formatter
from typing import Any

from homeassistant.util.yaml import load_yaml_dict
import pytest

from custom_components.evshare.binary_sensor import BUILDING_BINARY_SENSORS, STALL_BINARY_SENSORS
from custom_components.evshare.button import STOP
from custom_components.evshare.connectors.profile_schema import MODBUS_KINDS
from custom_components.evshare.connectors.profile_values import NoRegister
from custom_components.evshare.connectors.proof import Because, Outcome, ProofStep
from custom_components.evshare.event import STALL_EVENTS
from custom_components.evshare.list_steps import ASCII_OVER_TCP
from custom_components.evshare.model import DenyReason, LockQuality, OnLoss, Pilot, StopReason
from custom_components.evshare.number import MAX_CURRENT
from custom_components.evshare.select import MODE
from custom_components.evshare.sensor import BUILDING_SENSORS, STALL_SENSORS
from custom_components.evshare.sighting import Unseen
from custom_components.evshare.stall_form import PHASE_MAPS
from custom_components.evshare.switch import PAUSED

from .texts import LANGUAGES, ROOM, TEXTS, find, leaves, load

ENTITIES: dict[str, tuple[Any, ...]] = {
    "binary_sensor": (*STALL_BINARY_SENSORS, *BUILDING_BINARY_SENSORS),
    "button": (STOP,),
    "event": STALL_EVENTS,
    "number": (MAX_CURRENT,),
    "select": (MODE,),
    "sensor": (*STALL_SENSORS, *BUILDING_SENSORS),
    "switch": (PAUSED,),
}

every_language = pytest.mark.parametrize("texts", TEXTS.values(), ids=LANGUAGES)


def sources() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in ROOM.glob("*.py"))


def test_all_languages_say_the_same() -> None:
    english, german = (dict(leaves(TEXTS[language])) for language in LANGUAGES)
    assert english.keys() == german.keys()
    for path, text in english.items():
        fields = [{name for _, name, _, _ in Formatter().parse(said) if name} for said in (text, german[path])]
        assert fields[0] == fields[1], path


@every_language
def test_no_text_is_empty_or_holds_an_address(texts: dict[str, Any]) -> None:
    for path, text in leaves(texts):
        assert text.strip() == text != "", path
        assert "://" not in text, path
        assert not re.search(r"<[a-z/]", text), path


@every_language
def test_every_entity_has_a_name_and_words_for_its_states(texts: dict[str, Any]) -> None:
    for platform, descriptions in ENTITIES.items():
        for description in descriptions:
            key = description.translation_key
            if key is None:
                assert description.device_class is not None, description.key
                continue
            assert find(texts, "entity", platform, key, "name"), key
            options = getattr(description, "options", None) or ()
            states = find(texts, "entity", platform, key, "state") or {}
            assert set(options) <= set(states), key
            types = getattr(description, "event_types", None) or ()
            words = find(texts, "entity", platform, key, "state_attributes", "event_type", "state") or {}
            assert set(types) == set(words), key


@every_language
def test_nothing_is_written_for_entities_that_do_not_exist(texts: dict[str, Any]) -> None:
    for platform, entities in texts["entity"].items():
        assert set(entities) == {each.translation_key for each in ENTITIES[platform] if each.translation_key}


@every_language
def test_every_reason_has_a_word(texts: dict[str, Any]) -> None:
    denied = find(texts, "entity", "event", "authorisation", "state_attributes", "reason", "state")
    ended = find(texts, "entity", "event", "session", "state_attributes", "reason", "state")
    assert set(denied) == {reason.value for reason in DenyReason}
    assert set(ended) == {reason.value for reason in StopReason}
    assert {f"denied_{reason.value}" for reason in DenyReason} <= set(texts["exceptions"])


@every_language
def test_every_choice_has_a_word(texts: dict[str, Any]) -> None:
    options = {name: set(each["options"]) for name, each in texts["selector"].items() if "options" in each}
    assert set(find(texts, "selector", "prices", "fields")) == {"name", "sensor"}
    assert options["pilot"] == {pilot.value.lower() for pilot in Pilot}
    assert options["lock_quality"] == {quality.value for quality in LockQuality}
    assert options["on_loss"] == {answer.value for answer in OnLoss}
    assert options["phase_map"] == {phase_map for maps in PHASE_MAPS.values() for phase_map in maps}
    assert options["phases"] == {str(phases) for phases in PHASE_MAPS}
    assert options["transport"] == {*MODBUS_KINDS, ASCII_OVER_TCP, "http_json"}
    assert options["no_register"] == {reason.value for reason in NoRegister}
    assert options["support"] == {"mark", "own", "experimental", "unchecked", "requires"}
    assert options["failsafe"] == {"unknown", "off", "after", "nothing_to_set"}
    assert options["failsafe_line"] == {"set", "fixed", "blind", "none"}
    assert options["card_line"] == {"none", "nameless", "blocked", "money", "used", "unused"}
    assert options["proof_car"] == {"free", "plugged", "unknown"}
    assert options["proof_verdict"] == {"locked", "told", "open"}
    assert options["proof_step"] == {step.value for step in ProofStep}
    assert options["proof_outcome"] == {outcome.value for outcome in Outcome}
    assert options["proof_because"] == {because.value for because in Because}


@every_language
def test_every_step_of_the_guided_test_says_what_it_does(texts: dict[str, Any]) -> None:
    progress = texts["config_subentries"]["stall"]["progress"]
    assert {f"proof_{step.value}" for step in ProofStep} <= set(progress)


@every_language
def test_every_reason_not_to_see_a_connector_is_an_error_text(texts: dict[str, Any]) -> None:
    errors = texts["config_subentries"]["stall"]["error"]
    assert {cause.value for cause in Unseen} <= set(errors)


@every_language
def test_every_exception_has_a_text_and_every_text_an_exception(texts: dict[str, Any]) -> None:
    raised = set(re.findall(r'translation_key="(\w+)"', sources()))
    raised |= set(re.findall(r'\brefusal\(\s*"(\w+)"', sources()))
    raised |= set(re.findall(r'"((?:admin|not|no|resident|person|card)_\w+)" if ', sources()))
    raised |= {"admin_required", "not_your_session", "not_your_resident", "resident_ambiguous", "resident_unknown"}
    raised |= {"card_unknown"}
    raised |= {f"denied_{reason.value}" for reason in DenyReason}
    entity_keys = {each.translation_key for descriptions in ENTITIES.values() for each in descriptions}
    others = {*texts["issues"], *texts["selector"], *texts["config_subentries"]["stall"]["error"], "headroom"}
    assert set(texts["exceptions"]) <= raised
    assert raised - entity_keys - others <= set(texts["exceptions"])


@every_language
def test_every_issue_has_its_texts(texts: dict[str, Any]) -> None:
    paths = ("repairs.py", "moved.py", "connectors/warned.py", "building/ocpp_listener.py")
    source = "".join((ROOM / path).read_text(encoding="utf-8") for path in paths)
    for key, texts_of_issue in texts["issues"].items():
        assert f'"{key}"' in source, key
        assert texts_of_issue["title"]
        assert ("fix_flow" in texts_of_issue) != ("description" in texts_of_issue), key


@every_language
def test_every_service_and_field_is_described(texts: dict[str, Any]) -> None:
    services = load_yaml_dict(str(ROOM / "services.yaml"))
    assert set(services) == set(texts["services"])
    for name, service in services.items():
        said = texts["services"][name]
        assert said["name"]
        assert said["description"]
        assert set(service["fields"]) == set(said["fields"]), name


def test_every_service_and_every_entity_without_device_class_has_an_icon() -> None:
    icons = load("icons.json")
    assert set(icons["services"]) == set(TEXTS["en"]["services"])
    for platform, descriptions in ENTITIES.items():
        keys = {each.translation_key for each in descriptions if each.translation_key}
        assert set(icons["entity"].get(platform, {})) == keys


def test_the_manifest_has_the_order_and_keys_that_hassfest_asks_for() -> None:
    manifest = load("manifest.json")
    keys = list(manifest)
    assert keys == ["domain", "name", *sorted(keys[2:])]
    assert {
        "codeowners",
        "config_flow",
        "documentation",
        "integration_type",
        "iot_class",
        "issue_tracker",
        "version",
    } <= (set(keys))
    assert "quality_scale" not in keys
    assert manifest["documentation"].startswith("https://")
    assert manifest["dependencies"] == ["modbus"]
    # HA's own constraints decide every other version, and that of what this one needs.
    assert manifest["requirements"] == ["ocpp>=2.1.0,<3"]


def test_the_repository_names_the_oldest_home_assistant_that_is_tested() -> None:
    hacs = load("../../hacs.json")
    assert hacs == {"name": "evshare", "homeassistant": "2026.10.0"}


@pytest.mark.parametrize(
    ("name", "size"),
    [("icon.png", (256, 256)), ("icon@2x.png", (512, 512))],
)
def test_the_icons_have_the_size_that_home_assistant_shows(name: str, size: tuple[int, int]) -> None:
    image = (ROOM / "brand" / name).read_bytes()
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    assert (int.from_bytes(image[16:20]), int.from_bytes(image[20:24])) == size


def test_every_rule_of_the_quality_scale_is_answered() -> None:
    rules = load_yaml_dict(str(ROOM / "quality_scale.yaml"))["rules"]
    assert len(rules) == 54
    for name, answer in rules.items():
        assert answer in ("done", "todo") or (answer["status"] == "exempt" and answer["comment"]), name
