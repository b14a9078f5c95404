"""The shape of a profile file, key by key (schema of the connector reference, 3.2).

What keys must agree on among each other is checked in ``profile_file.py``.
"""

from typing import Any

import voluptuous as vol

from ..model import MIN_CURRENT_A, OnLoss, Pilot
from .profile_checks import (
    PREDICATE,
    Keys,
    expression,
    format_text,
    json_path,
    listed,
    mapping,
    number,
    one_of,
    product,
    rules,
    scalar,
    text,
    truth,
    url_path,
    whole,
)
from .profile_model import PER_AMPERE, WIDTHS, Block, Table, Tier, WordOrder

SCHEMA_VERSION = 1
JSON_FIXUPS = ("nan_to_null", "append_missing_brace")
COMMANDS = ("enable", "disable", "prepare", "set_failsafe_current", "set_watchdog_timeout")
AMPERE_COMMANDS = ("set_current", "set_failsafe_current")
"""Commands that are told how many amperes; all others write fixed values."""

_address = whole(0, 65535)
_tier = vol.All(one_of(*Tier), Tier)
_loss = vol.All(one_of(*OnLoss), OnLoss)
_table = vol.All(one_of(*Table), Table)
_order = vol.All(one_of(*WordOrder), WordOrder)

_MODBUS_TRANSPORT = mapping(
    {
        vol.Required("kind"): one_of("modbus_tcp"),
        vol.Required("port"): whole(1, 65535),
        vol.Required("unit_id"): whole(0, 255),
        vol.Required("write_fc"): one_of(6, 16),
        vol.Required("timeout_s"): number(0.1, 60),
        vol.Optional("max_registers_per_read", default=125): whole(1, 125),
        vol.Optional("gap_ms", default=0): whole(0, 5000),
    }
)
_HTTP_TRANSPORT = mapping(
    {
        vol.Required("kind"): one_of("http_json"),
        vol.Required("port"): whole(1, 65535),
        vol.Required("timeout_s"): number(0.1, 60),
        vol.Optional("keep_alive", default=True): truth,
        vol.Optional("json_fixups", default=[]): listed(one_of(*JSON_FIXUPS)),
    }
)
_ANY_POINT: Keys = {
    vol.Optional("scale"): number(-1e9, 1e9),
    vol.Optional("map"): vol.Schema({scalar: scalar}),
    vol.Optional("null_value"): scalar,
    vol.Optional("optional", default=False): truth,
    vol.Optional("confidence", default="v"): one_of("v", "p", "u"),
    vol.Optional("quality", default="active"): one_of("active", "apparent"),
}
_MODBUS_POINT = mapping(
    {
        **_ANY_POINT,
        vol.Required("addr"): _address,
        vol.Required("type"): one_of(*WIDTHS, "ascii", "hex"),
        vol.Optional("words"): whole(1, 64),
        vol.Optional("tier"): _tier,
        vol.Optional("table"): _table,
        vol.Optional("word_order"): _order,
        vol.Optional("unit_id"): whole(0, 255),
        vol.Optional("extract"): expression,
        vol.Optional("format"): format_text,
    }
)
_HTTP_POINT = mapping(
    {
        **_ANY_POINT,
        vol.Required("req"): text,
        vol.Required("path"): json_path,
        vol.Optional("strip"): text,
    }
)
_MODBUS_WRITE: Keys = {
    vol.Required("addr"): _address,
    vol.Required("type"): one_of(*WIDTHS),
    vol.Optional("encode"): expression,
    vol.Optional("value"): number(-1e9, 1e9),
}
_HTTP_WRITE: Keys = {vol.Required("path"): url_path}
_ANY_STEP: Keys = {vol.Optional("unit"): one_of(*PER_AMPERE), vol.Optional("unless"): PREDICATE}
_CURRENT: Keys = {
    vol.Required("unit"): one_of(*PER_AMPERE),
    vol.Required("min_a"): whole(MIN_CURRENT_A, 80),
    vol.Required("max_a"): whole(MIN_CURRENT_A, 80),
    vol.Required("zero"): one_of("pause", "invalid"),
    vol.Optional("skip_if_reads"): text,
}


def _block(value: Any) -> Block:
    shape = vol.Schema(vol.ExactSequence([_table, _address, whole(1, 125), _tier, one_of("src", "doc", "probe")]))
    if not isinstance(value, list) or len(value) != 5:
        raise vol.Invalid(f"got {value!r}; accepted: [table, start, count, tier, evidence]")
    table, start, count, tier, _ = shape(value)
    return Block(table=table, start=start, count=count, tier=tier)


def _schema(*, modbus: bool) -> Any:
    step = mapping({**(_MODBUS_WRITE if modbus else _HTTP_WRITE), **_ANY_STEP})
    current = mapping({**(_MODBUS_WRITE if modbus else _HTTP_WRITE), **_CURRENT})
    commands: Keys = {vol.Optional(name): listed(step, single=True) for name in COMMANDS}
    power = mapping(
        {
            vol.Required("when"): text,
            vol.Required("three_phase"): listed(product),
            vol.Required("split_phase"): mapping(
                {
                    vol.Required("half"): text,
                    vol.Required("of"): text,
                    vol.Required("within_v"): number(0, 100),
                    vol.Required("product"): product,
                }
            ),
        }
    )
    keys: Keys = {
        vol.Required("schema_version"): one_of(SCHEMA_VERSION),
        vol.Required("id"): text,
        vol.Required("name"): text,
        vol.Required("confidence"): one_of("v", "p", "u"),
        vol.Required("sources"): listed(text),
        vol.Optional("requires", default=[]): listed(text),
        vol.Required("transport"): _MODBUS_TRANSPORT if modbus else _HTTP_TRANSPORT,
        vol.Required("polling"): mapping(
            {
                vol.Required("charging_s"): number(1, 60),
                vol.Required("plugged_s"): number(1, 60),
                vol.Required("idle_s"): number(1, 60),
                vol.Required("slow_s"): number(1, 3600),
            }
        ),
        vol.Required("points"): vol.Schema({text: _MODBUS_POINT if modbus else _HTTP_POINT}),
        vol.Optional("derived", default={}): mapping({vol.Optional("power_w"): power}),
        vol.Optional("expect", default=[]): listed(PREDICATE),
        vol.Required("state_rules"): rules(vol.All(one_of(*Pilot), Pilot)),
        vol.Optional("enabled_rules", default=[]): rules(truth),
        vol.Optional("fault_rules", default=[]): rules(text),
        vol.Required("register"): text,
        vol.Optional("commands", default={}): mapping({vol.Optional("set_current"): current, **commands}),
        vol.Optional("heartbeat"): mapping(
            {vol.Required("repeat"): one_of("set_current", *COMMANDS), vol.Required("every_s"): number(1, 3600)}
        ),
        **{vol.Required(f"on_{loss}"): _loss for loss in ("silence", "reboot", "unplug")},
    }
    if modbus:
        keys[vol.Optional("defaults", default={})] = mapping(
            {vol.Optional("table", default="holding"): _table, vol.Optional("word_order", default="big"): _order}
        )
        keys[vol.Optional("blocks", default=[])] = listed(_block)
    else:
        keys[vol.Required("requests")] = listed(
            mapping({vol.Required("id"): text, vol.Required("path"): url_path, vol.Required("tier"): _tier})
        )
    return vol.Schema(mapping(keys))


SCHEMAS = {"modbus_tcp": _schema(modbus=True), "http_json": _schema(modbus=False)}
"""The shape of a profile by its `transport.kind`."""
