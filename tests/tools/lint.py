"""Checks profiles as a reviewer would: shape, meaning, and that what they claim stands somewhere else too.

A single file is checked by YAML, the JSON Schema and the parser that evshare loads it with, and by what a parser
cannot ask for. The profiles that come with evshare are also checked against the rest of the repository: tests,
scenarios, the manifest and the models of the connector reference. One complaint is one line: file, key, what came,
what is accepted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import yaml

from custom_components.evshare.connectors.profile import PROFILE_FOLDER, ProfileError, load_profile, read_profile
from custom_components.evshare.connectors.profile_model import Discovery, Profile
from custom_components.evshare.connectors.profile_values import FAILSAFE_POINTS, Support
from custom_components.evshare.model import OnLoss
from tests.scenarios.cases import CASES

ROOT = Path(__file__).resolve().parents[2]
INTEGRATION = ROOT / "custom_components" / "evshare"
PROFILE_TESTS = ROOT / "tests" / "unit" / "connectors" / "profiles"
SCHEMA = json.loads((INTEGRATION / "connectors" / "profile.schema.json").read_text(encoding="utf-8"))

LOCAL_MODELS = frozenset(
    {
        "abb_terra_ac",
        "abl_emh1",
        "alfen_eve",
        "amperfied_connect",
        "bender_cc612",
        "bender_icc_4you",
        "cfos_powerbrain",
        "compleo_solo_duo",
        "edgetech_smart_evse",
        "etrel_inch",
        "goe_http_v2",
        "goe_modbus",
        "heidelberg_ec",
        "keba_p30",
        "keba_p40",
        "lektrico",
        "mennekes_compact",
        "mennekes_hcc3",
        "nrgkick_gen2_http",
        "nrgkick_gen2_modbus",
        "openevse_http",
        "openwb_pro",
        "peblar_modbus",
        "peblar_rest",
        "phoenix_charx",
        "phoenix_em_cp_eth",
        "phoenix_ev_eth",
        "schneider_evlink_pro",
        "shelly_gen2_contactor",
        "siemens_versicharge",
        "smartevse3_http",
        "tesla_twc3",
        "v2c_trydan",
        "vestel_evc04",
        "victron_evcs",
        "warp_http",
        "warp_modbus",
        "webasto_next",
    }
)
"""What the connector reference lists with a local Modbus or HTTP interface. Not here: KEBA's UDP (the P30 has Modbus),
the meter a Tesla asks for (a throttle of our own), and any REST or Home Assistant entity (no models)."""

LANGUAGES = frozenset({"en", "de"})


def file_complaints(path: Path) -> list[str]:
    """What is wrong with one profile file by itself."""
    try:
        profile = read_profile(path)
    except ProfileError as error:
        return [str(error)]
    except (OSError, UnicodeDecodeError) as error:
        return [f"{path.name}: cannot be read: {error}; accepted: a text file in UTF-8"]
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [*_shape_complaints(path.name, written), *(f"{path.name}: {one}" for one in _meaning_complaints(profile))]


def shipped_complaints() -> list[str]:
    """What is wrong with the profiles that come with evshare."""
    paths = sorted(PROFILE_FOLDER.glob("*.yaml"))
    found = [complaint for path in paths for complaint in file_complaints(path)]
    if found:
        return found  # the rest reads them all
    profiles = {path.stem: load_profile(path.stem) for path in paths}
    tested = {path.stem.removeprefix("test_") for path in PROFILE_TESTS.glob("test_*.py")}
    manifest = json.loads((INTEGRATION / "manifest.json").read_text(encoding="utf-8"))
    return [
        *model_complaints(profiles),
        *test_complaints(profiles, tested),
        *language_complaints(profiles),
        *scenario_complaints(profiles, {case.profile for case in CASES}),
        *discovery_complaints(profiles.values(), manifest),
    ]


def model_complaints(profiles: Iterable[str]) -> Iterator[str]:
    """Whether every model of the reference is there."""
    for profile_id in sorted(LOCAL_MODELS - set(profiles)):
        yield f"{profile_id}.yaml: missing; accepted: a profile of every model the connector reference lists"


def test_complaints(profiles: Mapping[str, Profile], tested: set[str]) -> Iterator[str]:
    """Whether those that say so, and only those, are held against their sources by a test of their own."""
    for profile_id, profile in profiles.items():
        if profile.checked and profile_id not in tested:
            wanted = f"self, or a test in tests/unit/connectors/profiles/test_{profile_id}.py"
            yield f"{profile_id}.yaml: checked: got source; accepted: {wanted}"
        if not profile.checked and profile_id in tested:
            yield f"{profile_id}.yaml: checked: got self; accepted: source, as it has a test"


def language_complaints(profiles: Mapping[str, Profile]) -> Iterator[str]:
    """Whether what must be set is said in every language that evshare speaks."""
    for profile_id, profile in profiles.items():
        for index, line in enumerate(profile.requires):
            for language in sorted(LANGUAGES - line.keys()):
                yield f"{profile_id}.yaml: requires.{index}.{language}: missing; accepted: the same in this language"


def scenario_complaints(profiles: Mapping[str, Profile], played: set[str]) -> Iterator[str]:
    """Whether what is called supported was played through every scenario."""
    for profile_id, profile in profiles.items():
        if profile.support is Support.SUPPORTED and profile_id not in played:
            wanted = "experimental, or a case in tests/scenarios/cases.py"
            yield f"{profile_id}.yaml: support: got supported; accepted: {wanted}"


def discovery_complaints(profiles: Iterable[Profile], manifest: Mapping[str, Any]) -> Iterator[str]:
    """Whether Home Assistant is told to look for exactly what the profiles can be found by."""
    wanted = {sign for profile in profiles for one in profile.discovery for sign in _signs(one)}
    # Boxes whose network card a stall keeps are no model's facts.
    boxes = [one for one in manifest.get("dhcp", []) if one != {"registered_devices": True}]
    asked = {_sign("dhcp", one.get("hostname"), one.get("macaddress")) for one in boxes} | {
        _sign("zeroconf", one["type"], one.get("name")) if isinstance(one, dict) else _sign("zeroconf", one, None)
        for one in manifest.get("zeroconf", [])
    }
    for sign in sorted(wanted - asked, key=str):
        yield f"manifest.json: {sign[0]}: {_told(sign)} is missing; accepted: all that profiles have under discovery"
    for sign in sorted(asked - wanted, key=str):
        yield f"manifest.json: {sign[0]}: got {_told(sign)}; accepted: only what a profile has under discovery"


type Sign = tuple[str, str | None, str | None]


def _signs(one: Discovery) -> Iterator[Sign]:
    if one.hostname or one.macaddress:
        yield _sign("dhcp", one.hostname, one.macaddress)
    if one.zeroconf_type:
        yield _sign("zeroconf", one.zeroconf_type, one.zeroconf_name)


def _sign(kind: str, first: str | None, second: str | None) -> Sign:
    return kind, first and first.lower(), second and second.lower()


def _told(sign: Sign) -> str:
    keys = ("hostname", "macaddress") if sign[0] == "dhcp" else ("type", "name")
    return ", ".join(f"{key} {value}" for key, value in zip(keys, sign[1:], strict=True) if value)


def _shape_complaints(file_name: str, document: object) -> Iterator[str]:
    for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(document):
        where = ".".join(map(str, error.absolute_path)) or "profile"
        yield f"{file_name}: {where}: got {error.instance!r}; accepted: what profile.schema.json says ({error.message})"


def _meaning_complaints(profile: Profile) -> Iterator[str]:
    if not profile.sources:
        yield "sources: got none; accepted: where the facts are from"
    variants = [(f"variants.{index}: ", variant.profile) for index, variant in enumerate(profile.variants)]
    for place, one in [("", profile), *variants]:
        yield from (place + complaint for complaint in _unread_failsafe(one))
    told = any(word in line for line in profile.required("en") for word in ("silen", "contactor"))
    if not told and any(_left_alone(one) is OnLoss.OPENS for _, one in [("", profile), *variants]):
        yield "requires: accepted: a line that says what to set so that silence does not open it, or to use a contactor"
    if profile.contactor and profile.plug_by_power is None:
        yield "plug_by_power: missing; accepted: how a car shows behind a relay"


def _unread_failsafe(profile: Profile) -> Iterator[str]:
    """A failsafe that can be read must decide what silence does, since set-up may have been refused."""
    read_back = set(FAILSAFE_POINTS) & profile.points.keys()
    asked = {test.point for rule in profile.loss_rules["silence"] for test in rule.conditions}
    answer = _left_alone(profile)
    if read_back and not read_back & asked and answer is not OnLoss.OPENS:
        yield f"on_silence: got {answer}; accepted: rules on {', '.join(sorted(read_back))}, or opens"


def _left_alone(profile: Profile) -> OnLoss:
    """What set-up leads to when everybody is silent."""
    return OnLoss(str(profile.loss_rules["silence"][-1].then))


def complaints(paths: Sequence[Path]) -> list[str]:
    """What is wrong with these files, or without any with everything that comes with evshare."""
    if not paths:
        return shipped_complaints()
    return [complaint for path in paths for complaint in file_complaints(path)]
