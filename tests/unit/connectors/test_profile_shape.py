"""The JSON Schema that helps people write a profile says the same as the schema that evshare loads it by.

Both are written by hand. Profiles are changed at random, and what one accepts the other must accept.
"""

from collections.abc import Iterator, Mapping, Sequence
import copy
from functools import cache
import json
from pathlib import Path
import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import jsonschema
import pytest
import voluptuous as vol

from custom_components.evshare.connectors import profile_schema
from custom_components.evshare.connectors.profile import PROFILE_FOLDER, available_profiles
from custom_components.evshare.connectors.profile_documents import merged, read_document
from custom_components.evshare.connectors.profile_schema import SCHEMAS

type Document = dict[str, Any]
type Place = tuple[str | int, ...]

SCHEMA = json.loads((Path(profile_schema.__file__).parent / "profile.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

TEST = {"point": "p", "eq": 1}
RULE = {"if": [TEST, {"point": "p", "bit": 3, "eq": 0}, {"point": "q", "missing": True}], "then": "A"}
OPERATORS = {"ne": "x", "in": [1, "x"], "lt": 1, "le": 1, "gt": 1.5, "ge": -1, "prefix": ["A"]}
SHARED: Document = {
    "schema_version": 1,
    "id": "everything",
    "name": "Everything",
    "names": ["Also everything"],
    "support": "experimental",
    "checked": "self",
    "confidence": "u",
    "sources": ["a source"],
    "requires": ["a screwdriver", {"en": "a screw", "de": "eine Schraube"}],
    "polling": {"charging_s": 5, "plugged_s": 5, "idle_s": 10.5, "slow_s": 60},
    "derived": {
        "power_w": {
            "products": [[230, "current_l1_a"], ["voltage_l2_v", "current_l2_a"]],
            "total": ["a", "b"],
            "first_of": ["a"],
            "when": "flowing",
            "split_phase": {"half": "a", "of": "b", "within_v": 25, "product": ["a", "b"]},
        }
    },
    "expect": [TEST, *({"point": "p", operator: operand} for operator, operand in OPERATORS.items())],
    "state_rules": [RULE, {"then": "X"}],
    "plug_by_power": {"above_w": 100, "gone_after_s": 900},
    "contactor": False,
    "enabled_rules": [{"if": TEST, "then": True}],
    "fault_rules": [{"if": TEST, "then": "error"}],
    "register": "energy_total_wh",
    "no_register": "coarse",
    "recover_when": TEST,
    "heartbeat": {"repeat": "beat", "any_request": False, "every_s": 5, "of": "watchdog_timeout_s", "parts": 3},
    "on_silence": [{"if": TEST, "then": "opens"}, {"then": "closed"}],
    "on_reboot": "holds",
    "on_unplug": "closed",
    "discovery": [
        {"hostname": "a*", "macaddress": "AABBCC*", "zeroconf_type": "_a._tcp.local.", "zeroconf_name": "a*"}
    ],
}
ANY_POINT = {
    "scale": 0.1,
    "map": {"x": 1, "y": True},
    "null_value": 65535,
    "min": 0,
    "max": 100,
    "optional": True,
    "confidence": "p",
    "quality": "apparent",
    "strip": ":",
}
ANY_STEP: Document = {"unit": "mA", "unless": TEST, "wears": True, "optional": True}
ANY_CURRENT: Document = {
    "unit": "A",
    "min_a": 6,
    "max_a": 32,
    "zero": "pause",
    "skip_if_reads": "p",
    "only_enabled": True,
    "wears": True,
}
MODBUS_WRITE: Document = {
    "addr": 1,
    "absolute": True,
    "table": "holding",
    "type": "float32",
    "write_fc": 16,
    "word_order": "little",
    "encode": "raw << 8 | (raw & 0xFF)",
    "value": 0.5,
}
HTTP_WRITE: Document = {
    "method": "POST",
    "path": "/set",
    "json": {"current": "{ma}", "deep": {"x": None}},
    "form": {"a": "{a}"},
}
MODBUS_EVERYTHING: Document = SHARED | {
    "transport": {
        "kind": ["modbus_tcp", "modbus_rtu"],
        "port": 502,
        "timeout_s": 3,
        "points_max": 2,
        "unit_id": 1,
        "write_fc": 6,
        "max_registers_per_read": 125,
        "gap_ms": 50,
        "serial": {"baudrate": 9600, "bytesize": 8, "parity": "N", "stopbits": 1},
        "per_point": {"unit_id": 1, "port": 1, "addr": 100},
        "addr_base": 1000,
    },
    "defaults": {"table": "input", "word_order": "little"},
    "blocks": [["input", 0, 10, "fast", "probe"]],
    "points": {
        "status_raw": ANY_POINT
        | {
            "addr": 1,
            "absolute": True,
            "addr_step": 16,
            "type": "ascii",
            "words": 5,
            "tier": "fast",
            "table": "holding",
            "word_order": "big",
            "byte_swap": True,
            "unit_id": 200,
            "extract": "raw >> 8 & 0x7f",
            "format": "byte1.byte0",
            "pick": "card",
        }
    },
    "commands": {
        "set_current": MODBUS_WRITE | ANY_CURRENT,
        **{name: [MODBUS_WRITE | ANY_STEP] for name in profile_schema.COMMANDS},
    },
}
HTTP_EVERYTHING: Document = SHARED | {
    "transport": {
        "kind": "http_json",
        "port": 80,
        "timeout_s": 3,
        "points_max": 1,
        "auth": "digest",
        "auth_required": True,
        "auth_user": "admin",
        "auth_header": "X-Token",
        "keep_alive": False,
        "json_fixups": ["nan_to_null"],
        "answer": {"true_per_key": True, "contains": "OK", "refused_key": "error"},
    },
    "requests": [{"id": "a", "path": "/a", "tier": "fast", "optional": True, "index_from": "b"}],
    "points": {"status_raw": ANY_POINT | {"req": "a", "path": "[0].a[1].b", "value_id": 3}},
    "commands": {
        "set_current": HTTP_WRITE | ANY_CURRENT,
        **{name: [HTTP_WRITE | ANY_STEP] for name in profile_schema.COMMANDS},
    },
}


def _content(profile_id: str) -> str:
    return (PROFILE_FOLDER / f"{profile_id}.yaml").read_text(encoding="utf-8")


@cache
def whole_documents() -> tuple[Document, ...]:
    """Every profile that comes with evshare, each of its variants, and two that have every key there is."""
    found = [MODBUS_EVERYTHING, HTTP_EVERYTHING]
    for profile_id in available_profiles():
        document = read_document(f"{profile_id}.yaml", _content(profile_id), _content)
        variants = document.pop("variants", [])
        found += [document, *(_varied(document, variant) for variant in variants)]
    return tuple(found)


@cache
def files() -> tuple[Document, ...]:
    """The files as they are written."""
    return tuple(
        {**({"extends": base} if (base := _base(profile_id)) else {}), **_own(profile_id)}
        for profile_id in available_profiles()
    )


def _base(profile_id: str) -> str | None:
    words = [line.split() for line in _content(profile_id).splitlines()]
    return next((line[1] for line in words if line[:1] == ["extends:"]), None)


def _own(profile_id: str) -> Document:
    """What the file itself says, without what it extends."""
    return read_document(f"{profile_id}.yaml", _content(profile_id), lambda _: "{}")


def _varied(document: Document, variant: Document) -> Document:
    return merged(document, {key: value for key, value in variant.items() if key != "if"})


def why_not(document: Document) -> str | None:
    """Why the schema that evshare loads it by refuses this shape; its variants are documents of their own."""
    transport = document.get("transport")
    kind = transport.get("kind") if isinstance(transport, dict) else None
    first = kind[0] if isinstance(kind, list) and kind else kind
    if not isinstance(first, str) or first not in SCHEMAS:
        return f"transport.kind: {first!r}"
    try:
        SCHEMAS[first](document)
    except vol.Invalid as error:
        return str(error)
    return None


# --- mutations -------------------------------------------------------------------------------------------------------


def places(value: object, place: Place = ()) -> Iterator[Place]:
    """Where something stands in a document; the document itself first."""
    yield place
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from places(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*place, index))


def at(document: object, place: Place) -> Any:
    """What stands there."""
    for key in place:
        document = document[key]  # type: ignore[index]
    return document


def _words(node: object) -> Iterator[object]:
    """Every word and number that the JSON Schema accepts somewhere, and everything around its bounds."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            if name == "enum" and isinstance(value, list):
                yield from value
            elif name in ("minimum", "maximum") and isinstance(value, int | float):
                bound = int(value) if float(value).is_integer() else value
                yield from (bound - 1, bound, bound + 1)
            else:
                yield from _words(value)
    elif isinstance(node, list):
        for value in node:
            yield from _words(value)


def _keys(node: object) -> Iterator[str]:
    if isinstance(node, Mapping):
        properties = node.get("properties")
        if isinstance(properties, Mapping):
            yield from properties
        for value in node.values():
            yield from _keys(value)
    elif isinstance(node, list):
        for value in node:
            yield from _keys(value)


ALL_KEYS = sorted({*_keys(SCHEMA), "no_such_key"})
# Whole floats are left out: JSON knows one kind of number, YAML and evshare two.
TEXTS = [
    "",
    "x",
    "p",
    "/",
    "/a",
    "//a",
    "a.b",
    "a..b",
    "[0]",
    "a[0].b",
    "a[x]",
    "raw",
    "raw & 1",
    "raw +",
    "byte1",
    "byte9",
]
VALUES = st.sampled_from(
    [
        *dict.fromkeys(_words(SCHEMA)),
        *TEXTS,
        0.5,
        -0.5,
        [],
        {},
        [[]],
        [{}],
        {"x": 1},
        [1],
        ["x"],
        {"then": "A"},
        TEST,
        [TEST],
    ]
)


@st.composite
def changed(draw: st.DrawFn, documents: Sequence[Document]) -> Document:
    """A document with one to three changes: a key or item taken away, put in, or replaced."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(list(places(document))))
        node = at(document, place)
        match draw(st.sampled_from(["take", "put", "replace", "borrow", "list"])):
            case "take" if place:
                del at(document, place[:-1])[place[-1]]
            case "put" if isinstance(node, dict):
                node[draw(st.sampled_from(ALL_KEYS))] = copy.deepcopy(draw(VALUES))
            case "put" if isinstance(node, list):
                node.append(copy.deepcopy(draw(VALUES)))
            case "replace" if place:
                at(document, place[:-1])[place[-1]] = copy.deepcopy(draw(VALUES))
            case "borrow" if place:
                other = draw(st.sampled_from(documents))
                found = at(other, draw(st.sampled_from(list(places(other))[1:])))
                at(document, place[:-1])[place[-1]] = copy.deepcopy(found)
            case "list" if place:
                at(document, place[:-1])[place[-1]] = node[0] if isinstance(node, list) and node else [node]
    return document


QUICK = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("document", files(), ids=available_profiles())
def test_the_schema_accepts_what_comes_with_evshare(document: Document) -> None:
    VALIDATOR.validate(document)


def test_two_documents_with_every_key_are_accepted_by_both() -> None:
    for document in (MODBUS_EVERYTHING, HTTP_EVERYTHING):
        VALIDATOR.validate(document)
        assert why_not(document) is None


@QUICK
@given(changed(whole_documents()))
def test_a_changed_profile_is_accepted_by_both_or_by_neither(document: Document) -> None:
    ours, theirs = why_not(document), [error.message for error in VALIDATOR.iter_errors(document)]
    assert (ours is None) is (theirs == []), f"evshare: {ours}, JSON Schema: {theirs}"


@QUICK
@given(changed([document for document in files() if "extends" in document]))
def test_what_is_refused_in_a_file_that_extends_another_is_refused_in_the_whole(document: Document) -> None:
    errors = [
        f"{one.json_path}: {one.message}"
        for error in VALIDATOR.iter_errors(document)
        for one in error.context or [error]
    ]
    base = document.pop("extends", None)
    if base in available_profiles() and errors:
        beneath = read_document(f"{base}.yaml", _content(base))
        del beneath["id"]  # each has its own
        assert any(map(why_not, _wholes(beneath, document))), errors


def _wholes(base: Document, changes: Document) -> list[Document]:
    """What a file becomes on its base, and on top of that each of its variants."""
    whole = merged(base, changes)
    variants = whole.get("variants", [])
    if not isinstance(variants, list) or not all(isinstance(one, dict) and "if" in one for one in variants):
        return [{}]  # no variants at all
    return [whole, *(_varied({**whole, "variants": []}, variant) for variant in variants)]


@pytest.mark.parametrize("document", [MODBUS_EVERYTHING, HTTP_EVERYTHING], ids=["modbus", "http"])
def test_each_mapping_has_the_same_keys_in_both(document: Document) -> None:
    for place in places(document):
        node = at(document, place)
        if not isinstance(node, dict) or place[-1:] in (("json",), ("deep",), ("form",), ("map",)):
            continue
        if place in (("points",), ("derived",)):
            continue  # names of one's own
        strange = copy.deepcopy(document)
        at(strange, place)["no_such_key"] = 1
        with pytest.raises(vol.Invalid) as refused:
            SCHEMAS[_first_kind(document)](strange)
        accepted = set(refused.value.errors[0].error_message.split("accepted: ")[1].split(", "))  # type: ignore[attr-defined]
        others = [key for key in ALL_KEYS if key not in node and key not in ("extends", "if")]  # of files, of variants
        at(strange, place).update(dict.fromkeys(others, 1))
        assert _unexpected(strange) == set(others) - accepted, place


def _first_kind(document: Document) -> str:
    kind = document["transport"]["kind"]
    first = kind[0] if isinstance(kind, list) else kind
    assert isinstance(first, str)
    return first


def _unexpected(document: Document) -> set[str]:
    """The keys that the JSON Schema does not know."""
    found: set[str] = set()
    waiting = list(VALIDATOR.iter_errors(document))
    while waiting:
        error = waiting.pop()
        if error.validator == "additionalProperties":
            found |= set(re.findall(r"'(\w+)'", error.message))
        waiting += error.context or []
    return found
