"""How a profile file becomes a `Profile`.

Every refusal names the file, the key, what came and what would be accepted. Facts that contradict each other (a point
outside every block and without a tier, a value too wide for the write function) are refused too.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import voluptuous as vol

from .profile_commands import commands_of, heartbeat_of, set_current_of
from .profile_documents import merged, read_document
from .profile_model import (
    Answer,
    Block,
    Derived,
    Discovery,
    Point,
    PowerPlug,
    Profile,
    Request,
    Rule,
    Serial,
    SplitPhase,
    Transport,
    Variant,
)
from .profile_names import Refused, check_names, check_variants
from .profile_schema import LOSSES, SCHEMAS
from .profile_values import TEXTS, WIDTHS, ProfileError, Tier, WordOrder

type Load = Callable[[str], str]
"""Returns the content of a profile that comes with evshare, by its id; raises `ProfileError`."""


def parse_profile(file_name: str, content: str, load: Load | None = None) -> Profile:
    """Turn the content of a profile file into a `Profile`; `load` finds what it `extends`.

    Raises:
        ProfileError: Not YAML, or it breaks the schema; the message names file, key, what came, what is accepted.
    """
    document = read_document(file_name, content, load)
    if f"{document.get('id')}.yaml" != file_name:
        raise ProfileError(f"{file_name}: id: got {document.get('id')!r}; accepted: the name of the file")
    return _checked(file_name, document)


def _checked(place: str, document: Mapping[str, Any]) -> Profile:
    try:
        transport = document.get("transport")
        kind = transport.get("kind") if isinstance(transport, dict) else None
        first = kind[0] if isinstance(kind, list) and kind else kind
        if not isinstance(first, str) or first not in SCHEMAS:
            raise Refused(f"transport.kind: got {kind!r}; accepted: {', '.join(SCHEMAS)}")
        checked = SCHEMAS[first](document)
        profile = _profile(checked)
        variants = []
        for index, (conditions, differs) in enumerate(checked["variants"]):
            other = _checked(f"{place}: variants.{index}", merged({**document, "variants": []}, differs))
            variants.append(Variant(conditions=conditions, profile=other))
        check_variants(profile, variants)
        return replace(profile, variants=tuple(variants))
    except vol.Invalid as error:
        first_error = error.errors[0] if isinstance(error, vol.MultipleInvalid) else error
        where = ".".join(map(str, first_error.path)) or "profile"
        raise ProfileError(f"{place}: {where}: {first_error.error_message}") from error
    except Refused as error:
        raise ProfileError(f"{place}: {error}") from error


def _profile(document: Mapping[str, Any]) -> Profile:
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
            raise Refused(f"blocks.{index}: got {block.count} registers; accepted: {widest} at most")
    order = document["defaults"]["word_order"] if transport.is_modbus else WordOrder.BIG
    polling = document["polling"]
    profile = Profile(
        id=document["id"],
        name=document["name"],
        names=document["names"],
        support=document["support"],
        checked=document["checked"] == "source",
        sources=document["sources"],
        transport=transport,
        points=points,
        blocks=blocks,
        requests=requests,
        expect=document["expect"],
        state_rules=document["state_rules"],
        enabled_rules=document["enabled_rules"],
        fault_rules=document["fault_rules"],
        derived=tuple(_derived(name, keys) for name, keys in document["derived"].items()),
        plug_by_power=_plug_by_power(document.get("plug_by_power")),
        contactor=document["contactor"],
        set_current=set_current_of(document["commands"].get("set_current"), transport, order),
        commands=commands_of(document["commands"], transport, order),
        recover_when=document["recover_when"],
        heartbeat=heartbeat_of(document.get("heartbeat"), document["commands"]),
        register=_register(document["register"], document["points"], document["derived"]),
        no_register=document.get("no_register"),
        poll_charging_s=float(polling["charging_s"]),
        poll_plugged_s=float(polling["plugged_s"]),
        poll_idle_s=float(polling["idle_s"]),
        slow_s=float(polling["slow_s"]),
        loss_rules={loss: _loss_rules(f"on_{loss}", document[f"on_{loss}"]) for loss in LOSSES},
        requires=document["requires"],
        discovery=tuple(_discovery(index, keys) for index, keys in enumerate(document["discovery"])),
    )
    check_names(profile)
    return profile


def _transport(keys: Mapping[str, Any]) -> Transport:
    step, answer = keys.get("per_point", {}), keys.get("answer")
    renamed = ("kind", "timeout_s", "gap_ms", "per_point", "serial", "answer")
    if "modbus_rtu" in keys["kind"] and "serial" not in keys:
        raise Refused("transport.serial: missing; accepted: the settings of its serial line, as kind has modbus_rtu")
    if answer is not None and len([1 for value in answer.values() if value]) != 1:
        raise Refused(f"transport.answer: got {answer!r}; accepted: exactly one key")
    return Transport(
        **{key: value for key, value in keys.items() if key not in renamed},
        kinds=tuple(keys["kind"]),
        timeout_s=float(keys["timeout_s"]),
        gap_s=keys.get("gap_ms", 0) / 1000,
        unit_id_step=step.get("unit_id", 0),
        port_step=step.get("port", 0),
        addr_step=step.get("addr", 0),
        serial=None if "serial" not in keys else Serial(**keys["serial"]),
        answer=None if answer is None else Answer(**answer),
    )


def _common(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "scale": keys.get("scale"),
        "value_map": keys.get("map"),
        "null_value": keys.get("null_value"),
        "minimum": keys.get("min"),
        "maximum": keys.get("max"),
        "optional": keys["optional"],
        "strip": keys.get("strip", ""),
    }


def _modbus_point(
    name: str, keys: Mapping[str, Any], defaults: Mapping[str, Any], blocks: tuple[Block, ...], transport: Transport
) -> Point:
    key = f"points.{name}"
    table = keys.get("table", defaults["table"])
    if table.is_bits == ("type" in keys):
        raise Refused(f"{key}.type: accepted: for holding and input always, for coil and discrete never")
    kind = keys.get("type", "bit")
    if (kind in TEXTS) != ("words" in keys):
        raise Refused(f"{key}.words: accepted: for {', '.join(TEXTS)} only, and there always; got type {kind}")
    if kind in (*TEXTS, "float32", "float64", "bit") and ("extract" in keys or "format" in keys):
        raise Refused(f"{key}: extract and format are accepted for integers only; got type {kind}")
    if kind not in TEXTS and ("pick" in keys or "strip" in keys):
        raise Refused(f"{key}: pick and strip are accepted for texts only; got type {kind}")
    words = WIDTHS.get(kind, keys.get("words", 1))
    if words > transport.max_registers_per_read:
        raise Refused(f"{key}: got {words} registers; accepted: {transport.max_registers_per_read} in one read at most")
    apart = "unit_id" in keys or keys["absolute"]
    home = None if apart else next((block for block in blocks if block.holds(table, keys["addr"], words)), None)
    if home is None and "tier" not in keys:
        raise Refused(f"{key}: lies in no block, so it needs a tier; accepted: {', '.join(Tier)}")
    return Point(
        name=name,
        tier=keys.get("tier") or (home.tier if home else Tier.FAST),
        table=table,
        addr=keys["addr"],
        absolute=keys["absolute"],
        addr_step=keys.get("addr_step"),
        type=kind,
        words=words,
        word_order=keys.get("word_order", defaults["word_order"]),
        byte_swap=keys["byte_swap"],
        unit_id=keys.get("unit_id"),
        extract=keys.get("extract"),
        format=keys.get("format"),
        pick=keys.get("pick"),
        **_common(keys),
    )


def _http_point(name: str, keys: Mapping[str, Any], requests: tuple[Request, ...]) -> Point:
    request = next((request for request in requests if request.id == keys["req"]), None)
    if request is None:
        raise Refused(f"points.{name}.req: got {keys['req']!r}; accepted: {', '.join(one.id for one in requests)}")
    if ("path" in keys) == ("value_id" in keys):
        raise Refused(f"points.{name}: accepted: either path or value_id")
    if "value_id" in keys and request.index_from not in [one.id for one in requests]:
        raise Refused(f"points.{name}.value_id: accepted: with a request that has index_from, the id of another one")
    return Point(
        name=name,
        tier=request.tier,
        request=request.id,
        path=keys.get("path", ()),
        value_id=keys.get("value_id"),
        **_common(keys),
    )


def _derived(name: str, keys: Mapping[str, Any]) -> Derived:
    given = [key for key in ("products", "total", "first_of") if keys[key]]
    if len(given) != 1:
        raise Refused(f"derived.{name}: got {given}; accepted: exactly one of products, total, first_of")
    split = keys.get("split_phase")
    return Derived(
        name=name,
        products=keys["products"],
        total=keys["total"],
        first_of=keys["first_of"],
        when=keys.get("when"),
        split_phase=None
        if split is None
        else SplitPhase(
            half_point=split["half"], half_of=split["of"], half_within_v=split["within_v"], product=split["product"]
        ),
    )


def _plug_by_power(keys: Mapping[str, Any] | None) -> PowerPlug | None:
    return None if keys is None else PowerPlug(above_w=keys["above_w"], gone_after_s=float(keys["gone_after_s"]))


def _loss_rules(key: str, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    if not rules or rules[-1].conditions or any(not rule.conditions for rule in rules[:-1]):
        raise Refused(f"{key}: accepted: a word, or rules of which only the last has no `if`")
    return rules


def _discovery(index: int, keys: Mapping[str, str]) -> Discovery:
    if not keys:
        raise Refused(f"discovery.{index}: got nothing; accepted: hostname, macaddress, zeroconf_type, zeroconf_name")
    return Discovery(**keys)


def _register(
    name: str, points: Mapping[str, Mapping[str, Any]], derived: Mapping[str, Mapping[str, Any]]
) -> str | None:
    if name == "none":
        return None
    parts = derived[name]["total"] if name in derived else (name,)
    if not parts or not all(one.endswith("_wh") for one in (name, *parts)) or not points.keys() >= set(parts):
        raise Refused(f"register: got {name!r}; accepted: none, or a point whose name ends in _wh")
    if any(points[part]["confidence"] == "u" or points[part]["quality"] != "active" for part in parts):
        raise Refused(f"register: got {name!r}; accepted: a verified point in Wh, not apparent energy")
    return name
