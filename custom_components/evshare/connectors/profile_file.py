"""How a profile file becomes a `Profile`.

Every refusal names the file, the key, what came and what would be accepted. Facts that contradict each other (a point
outside every block and without a tier, a value too wide for the write function) are refused too.
"""

from collections.abc import Hashable, Mapping
from typing import Any

import voluptuous as vol
import yaml

from .profile_model import (
    PLACEHOLDERS,
    WIDTHS,
    Block,
    Command,
    CurrentCommand,
    DerivedPower,
    Heartbeat,
    Point,
    Profile,
    ProfileError,
    Request,
    Step,
    Tier,
    Transport,
)
from .profile_schema import AMPERE_COMMANDS, SCHEMAS


class _Refused(Exception):
    """A contradiction between keys; the message lacks only the file."""


def parse_profile(file_name: str, content: str) -> Profile:
    """Turn the content of a profile file into a `Profile`.

    Raises:
        ProfileError: Not YAML, or it breaks the schema; the message names file, key, what came, what is accepted.
    """
    try:
        document = yaml.load(content, Loader=_NoRepeats)  # noqa: S506 -- a SafeLoader
    except yaml.YAMLError as error:
        raise ProfileError(f"{file_name}: not readable as YAML: {error}") from error
    try:
        if not isinstance(document, dict):
            raise _Refused(f"got {document!r}; accepted: a mapping of keys")
        transport = document.get("transport")
        kind = transport.get("kind") if isinstance(transport, dict) else None
        if kind not in SCHEMAS:
            raise _Refused(f"transport.kind: got {kind!r}; accepted: {', '.join(SCHEMAS)}")
        return _profile(file_name, SCHEMAS[kind](document))
    except vol.Invalid as error:
        first = error.errors[0] if isinstance(error, vol.MultipleInvalid) else error
        place = ".".join(map(str, first.path)) or "profile"
        raise ProfileError(f"{file_name}: {place}: {first.error_message}") from error
    except _Refused as error:
        raise ProfileError(f"{file_name}: {error}") from error


class _NoRepeats(yaml.SafeLoader):
    """Refuses a key written twice, which YAML would quietly let win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is written twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _profile(file_name: str, document: Mapping[str, Any]) -> Profile:
    if f"{document['id']}.yaml" != file_name:
        raise _Refused(f"id: got {document['id']!r}; accepted: the name of the file")
    transport = _transport(document["transport"])
    blocks: tuple[Block, ...] = document.get("blocks", ())
    requests = tuple(Request(**request) for request in document.get("requests", ()))
    points = {
        name: _modbus_point(name, keys, document["defaults"], blocks, transport)
        if transport.is_modbus
        else _http_point(name, keys, requests)
        for name, keys in document["points"].items()
    }
    for index, block in enumerate(blocks):
        if block.count > (widest := transport.max_registers_per_read):
            raise _Refused(f"blocks.{index}: got {block.count} registers; accepted: {widest} at most")
    commands = {
        name: Command(steps=tuple(_step(f"commands.{name}", name, step, transport) for step in steps))
        for name, steps in document["commands"].items()
        if name != "set_current"
    }
    polling = document["polling"]
    profile = Profile(
        id=document["id"],
        name=document["name"],
        transport=transport,
        points=points,
        blocks=blocks,
        requests=requests,
        expect=document["expect"],
        state_rules=document["state_rules"],
        enabled_rules=document["enabled_rules"],
        fault_rules=document["fault_rules"],
        power=_power(document["derived"].get("power_w")),
        set_current=_set_current(document["commands"].get("set_current"), transport),
        commands=commands,
        heartbeat=_heartbeat(document.get("heartbeat"), document["commands"]),
        register=None if document["register"] == "none" else _register(document["register"], document["points"]),
        poll_charging_s=float(polling["charging_s"]),
        poll_plugged_s=float(polling["plugged_s"]),
        poll_idle_s=float(polling["idle_s"]),
        slow_s=float(polling["slow_s"]),
        on_silence=document["on_silence"],
        on_reboot=document["on_reboot"],
        on_unplug=document["on_unplug"],
        requires=document["requires"],
    )
    _check_names(profile)
    return profile


def _transport(keys: Mapping[str, Any]) -> Transport:
    rest = {key: value for key, value in keys.items() if key not in ("timeout_s", "gap_ms")}
    return Transport(**rest, timeout_s=float(keys["timeout_s"]), gap_s=keys.get("gap_ms", 0) / 1000)


def _common(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "scale": keys.get("scale"),
        "value_map": keys.get("map"),
        "null_value": keys.get("null_value"),
        "optional": keys["optional"],
    }


def _modbus_point(
    name: str, keys: Mapping[str, Any], defaults: Mapping[str, Any], blocks: tuple[Block, ...], transport: Transport
) -> Point:
    key = f"points.{name}"
    numeric = keys["type"] in WIDTHS
    if numeric == ("words" in keys):
        raise _Refused(f"{key}.words: accepted: for ascii and hex only, and there always; got type {keys['type']}")
    if keys["type"] in ("ascii", "hex", "float32", "float64") and ("extract" in keys or "format" in keys):
        raise _Refused(f"{key}: extract and format are accepted for integers only; got type {keys['type']}")
    words = WIDTHS.get(keys["type"], keys.get("words", 1))
    if words > transport.max_registers_per_read:
        raise _Refused(
            f"{key}: got {words} registers; accepted: {transport.max_registers_per_read} in one read at most"
        )
    table = keys.get("table", defaults["table"])
    home = None if "unit_id" in keys else next((b for b in blocks if b.holds(table, keys["addr"], words)), None)
    if home is None and "tier" not in keys:
        raise _Refused(f"{key}: lies in no block, so it needs a tier; accepted: {', '.join(Tier)}")
    return Point(
        name=name,
        tier=keys.get("tier") or (home.tier if home else Tier.FAST),
        table=table,
        addr=keys["addr"],
        type=keys["type"],
        words=words,
        word_order=keys.get("word_order", defaults["word_order"]),
        unit_id=keys.get("unit_id"),
        extract=keys.get("extract"),
        format=keys.get("format"),
        **_common(keys),
    )


def _http_point(name: str, keys: Mapping[str, Any], requests: tuple[Request, ...]) -> Point:
    request = next((request for request in requests if request.id == keys["req"]), None)
    if request is None:
        raise _Refused(
            f"points.{name}.req: got {keys['req']!r}; accepted: {', '.join(request.id for request in requests)}"
        )
    return Point(
        name=name,
        tier=request.tier,
        request=request.id,
        path=keys["path"],
        strip=keys.get("strip", ""),
        **_common(keys),
    )


def _step(key: str, name: str, keys: Mapping[str, Any], transport: Transport) -> Step:
    fixed = "value" in keys or not (transport.is_modbus or "{" in keys["path"])
    if fixed in (name in AMPERE_COMMANDS, "unit" in keys):
        accepted = "amperes, with unit" if name in AMPERE_COMMANDS else "a fixed value, without unit"
        raise _Refused(f"{key}: got {dict(keys)!r}; accepted: {accepted}")
    if not transport.is_modbus and not fixed and PLACEHOLDERS[keys["unit"]] not in keys["path"]:
        raise _Refused(f"{key}.path: got {keys['path']!r}; accepted: with {PLACEHOLDERS[keys['unit']]} for its unit")
    if transport.is_modbus and transport.write_fc == 6 and WIDTHS[keys["type"]] != 1:
        raise _Refused(f"{key}.type: got {keys['type']!r}; accepted: one register (uint16, int16), as write_fc is 6")
    return Step(
        value=keys.get("value"),
        unit=keys.get("unit"),
        unless=keys.get("unless"),
        addr=keys.get("addr", 0),
        type=keys.get("type", "uint16"),
        encode=keys.get("encode"),
        path=keys.get("path", ""),
    )


def _set_current(keys: Mapping[str, Any] | None, transport: Transport) -> CurrentCommand | None:
    if keys is None:
        return None
    if keys["min_a"] > keys["max_a"]:
        raise _Refused(f"commands.set_current.max_a: got {keys['max_a']}; accepted: at least min_a, {keys['min_a']}")
    return CurrentCommand(
        steps=(_step("commands.set_current", "set_current", keys, transport),),
        min_a=keys["min_a"],
        max_a=keys["max_a"],
        zero_pauses=keys["zero"] == "pause",
        skip_if_reads=keys.get("skip_if_reads"),
    )


def _power(keys: Mapping[str, Any] | None) -> DerivedPower | None:
    if keys is None:
        return None
    split = keys["split_phase"]
    return DerivedPower(
        when=keys["when"],
        products=keys["three_phase"],
        half_point=split["half"],
        half_of=split["of"],
        half_within_v=split["within_v"],
        split_phase=split["product"],
    )


def _heartbeat(keys: Mapping[str, Any] | None, commands: Mapping[str, object]) -> Heartbeat | None:
    if keys is None:
        return None
    if keys["repeat"] not in commands:
        raise _Refused(f"heartbeat.repeat: got {keys['repeat']!r}; accepted: {', '.join(commands) or 'none here'}")
    return Heartbeat(command=keys["repeat"], every_s=float(keys["every_s"]))


def _register(name: str, points: Mapping[str, Mapping[str, Any]]) -> str:
    point = points.get(name)
    if point is None or not name.endswith("_wh"):
        raise _Refused(f"register: got {name!r}; accepted: none, or a point whose name ends in _wh")
    if point["confidence"] == "u" or point["quality"] != "active":
        raise _Refused(f"register: got {name!r}; accepted: a verified point in Wh, not apparent energy")
    return name


def _check_names(profile: Profile) -> None:
    """Every point that is spoken of exists; every gate that opens also closes."""
    spoken: list[tuple[str, str]] = [("expect", test.point) for test in profile.expect]
    for key in ("state_rules", "enabled_rules", "fault_rules"):
        spoken += [(key, test.point) for rule in getattr(profile, key) for test in rule.conditions]
    for name, command in profile.commands.items():
        spoken += [(f"commands.{name}.unless", step.unless.point) for step in command.steps if step.unless]
    if profile.set_current is not None and profile.set_current.skip_if_reads is not None:
        spoken.append(("commands.set_current.skip_if_reads", profile.set_current.skip_if_reads))
    if (power := profile.power) is not None:
        products = (*power.products, power.split_phase)
        names = {
            power.when,
            power.half_point,
            power.half_of,
            *(p.volts for p in products),
            *(p.amperes for p in products),
        }
        spoken += [("derived.power_w", name) for name in sorted(names)]
    for key, name in spoken:
        if name not in profile.points:
            raise _Refused(f"{key}: got point {name!r}; accepted: {', '.join(profile.points)}")
    if (profile.set_current is not None or "enable" in profile.commands) and "disable" not in profile.commands:
        raise _Refused("commands.disable: missing; what opens must also close")
