"""The shape of a profile file, key by key (schema of the connector reference, 3.2).

What keys must agree on among each other is checked in ``profile_file.py``. ``profile.schema.json`` says the same for
editors; a test compares them.
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
    said,
    scalar,
    text,
    truth,
    url_path,
    whole,
)
from .profile_model import Block, Predicate, Rule
from .profile_values import (
    DUTY,
    PER_AMPERE,
    PER_WATT,
    PICKS,
    TEXTS,
    WIDTHS,
    NoRegister,
    Support,
    Table,
    Tier,
    WordOrder,
)

SCHEMA_VERSION = 1
MODBUS_KINDS = ("modbus_tcp", "modbus_rtu", "modbus_rtu_over_tcp", "modbus_ascii")
HTTP_KINDS = ("http_json",)
JSON_FIXUPS = ("nan_to_null", "append_missing_brace")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
COMMANDS = ("enable", "disable", "prepare", "set_failsafe_current", "set_watchdog_timeout", "beat", "recover")
AMPERE_COMMANDS = ("set_current", "set_failsafe_current")
"""Commands that are told how many amperes; all others write fixed values."""
LOSSES = ("silence", "reboot", "unplug")

_address = whole(0, 65535)
_tier = vol.All(one_of(*Tier), Tier)
_loss = vol.All(one_of(*OnLoss), OnLoss)
_table = vol.All(one_of(*Table), Table)
_order = vol.All(one_of(*WordOrder), WordOrder)
_unit = one_of(*PER_AMPERE, *PER_WATT, DUTY)


def _fixed(value: Any) -> Any:
    """What a write always holds: a number, or true and false for a coil."""
    return value if isinstance(value, bool) else number(-1e9, 1e9)(value)


def _losses(value: Any) -> Any:
    """One word, or rules of which the last has no condition."""
    return _loss_rules(value) if isinstance(value, list) else (Rule(conditions=(), then=_loss(value)),)


_loss_rules = rules(_loss)

_ANY_TRANSPORT: Keys = {
    vol.Required("port"): whole(1, 65535),
    vol.Required("timeout_s"): number(0.1, 60),
    vol.Optional("points_max", default=1): whole(1, 48),
}
_MODBUS_TRANSPORT = mapping(
    {
        **_ANY_TRANSPORT,
        vol.Required("kind"): listed(one_of(*MODBUS_KINDS), single=True),
        vol.Required("unit_id"): whole(0, 255),
        vol.Required("write_fc"): one_of(6, 16),
        vol.Optional("max_registers_per_read", default=125): whole(1, 125),
        vol.Optional("gap_ms", default=0): whole(0, 5000),
        vol.Optional("serial"): mapping(
            {
                vol.Required("baudrate"): one_of(9600, 19200, 38400, 57600, 115200),
                vol.Required("bytesize"): one_of(7, 8),
                vol.Required("parity"): one_of("N", "E", "O"),
                vol.Required("stopbits"): one_of(1, 2),
            }
        ),
        vol.Optional("per_point", default={}): mapping(
            {
                vol.Optional("unit_id", default=0): whole(0, 100),
                vol.Optional("port", default=0): whole(0, 100),
                vol.Optional("addr", default=0): whole(0, 10000),
            }
        ),
        vol.Optional("addr_base", default=0): _address,
    }
)
_HTTP_TRANSPORT = mapping(
    {
        **_ANY_TRANSPORT,
        vol.Required("kind"): listed(one_of(*HTTP_KINDS), single=True),
        vol.Optional("auth", default="none"): one_of("none", "basic", "digest", "header"),
        vol.Optional("auth_required", default=False): truth,
        vol.Optional("auth_header", default="Authorization"): text,
        vol.Optional("auth_user", default=""): vol.Any("", text),
        vol.Optional("keep_alive", default=True): truth,
        vol.Optional("json_fixups", default=[]): listed(one_of(*JSON_FIXUPS)),
        vol.Optional("answer"): mapping(
            {
                vol.Optional("true_per_key", default=False): truth,
                vol.Optional("contains"): text,
                vol.Optional("refused_key"): text,
            }
        ),
    }
)
_ANY_POINT: Keys = {
    vol.Optional("scale"): number(-1e9, 1e9),
    vol.Optional("map"): vol.Schema({scalar: scalar}),
    vol.Optional("null_value"): scalar,
    vol.Optional("min"): number(-1e12, 1e12),
    vol.Optional("max"): number(-1e12, 1e12),
    vol.Optional("optional", default=False): truth,
    vol.Optional("confidence", default="v"): one_of("v", "p", "u"),
    vol.Optional("quality", default="active"): one_of("active", "apparent"),
}
_MODBUS_POINT = mapping(
    {
        **_ANY_POINT,
        vol.Required("addr"): _address,
        vol.Optional("absolute", default=False): truth,
        vol.Optional("addr_step"): whole(0, 10000),
        vol.Optional("type"): one_of(*WIDTHS, *TEXTS),
        vol.Optional("words"): whole(1, 64),
        vol.Optional("tier"): _tier,
        vol.Optional("table"): _table,
        vol.Optional("word_order"): _order,
        vol.Optional("byte_swap", default=False): truth,
        vol.Optional("unit_id"): whole(0, 255),
        vol.Optional("extract"): expression,
        vol.Optional("format"): format_text,
        vol.Optional("pick"): one_of(*PICKS),
        vol.Optional("strip"): text,
    }
)
_HTTP_POINT = mapping(
    {
        **_ANY_POINT,
        vol.Required("req"): text,
        vol.Optional("path"): json_path,
        vol.Optional("value_id"): whole(0, 100_000),
        vol.Optional("strip"): text,
    }
)
_MODBUS_WRITE: Keys = {
    vol.Required("addr"): _address,
    vol.Optional("absolute", default=False): truth,
    vol.Optional("table", default="holding"): vol.All(one_of("holding", "coil"), Table),
    vol.Optional("type"): one_of(*WIDTHS),
    vol.Optional("write_fc"): one_of(6, 16),
    vol.Optional("word_order"): _order,
    vol.Optional("encode"): expression,
    vol.Optional("value"): _fixed,
}
_HTTP_WRITE: Keys = {
    vol.Optional("method", default="GET"): one_of(*METHODS),
    vol.Required("path"): url_path,
    vol.Optional("json"): vol.Schema({text: object}),
    vol.Optional("form"): vol.Schema({text: scalar}),
}
_ANY_STEP: Keys = {
    vol.Optional("unit"): _unit,
    vol.Optional("unless"): PREDICATE,
    vol.Optional("wears", default=False): truth,
    vol.Optional("optional", default=False): truth,
}
_CURRENT: Keys = {
    vol.Required("unit"): _unit,
    vol.Required("min_a"): whole(MIN_CURRENT_A, 80),
    vol.Required("max_a"): whole(MIN_CURRENT_A, 80),
    vol.Required("zero"): one_of("pause", "invalid"),
    vol.Optional("skip_if_reads"): text,
    vol.Optional("only_enabled", default=False): truth,
    vol.Optional("wears", default=False): truth,
}
_DERIVED = mapping(
    {
        vol.Optional("products", default=[]): listed(product),
        vol.Optional("total", default=[]): listed(text),
        vol.Optional("first_of", default=[]): listed(text),
        vol.Optional("when"): text,
        vol.Optional("split_phase"): mapping(
            {
                vol.Required("half"): text,
                vol.Required("of"): text,
                vol.Required("within_v"): number(0, 100),
                vol.Required("product"): product,
            }
        ),
    }
)
_DISCOVERY = mapping({vol.Optional(key): text for key in ("hostname", "macaddress", "zeroconf_type", "zeroconf_name")})


def _block(value: Any) -> Block:
    shape = vol.Schema(vol.ExactSequence([_table, _address, whole(1, 125), _tier, one_of("src", "doc", "probe")]))
    if not isinstance(value, list) or len(value) != 5:
        raise vol.Invalid(f"got {value!r}; accepted: [table, start, count, tier, evidence]")
    table, start, count, tier, _ = shape(value)
    return Block(table=table, start=start, count=count, tier=tier)


def _variant(value: Any) -> tuple[tuple[Predicate, ...], dict[str, Any]]:
    """The conditions, and the keys that differ as they came: they are checked with the whole."""
    if not isinstance(value, dict) or "if" not in value:
        raise vol.Invalid(f"got {value!r}; accepted: `if` and the keys that differ")
    return _conditions(value["if"]), {key: differs for key, differs in value.items() if key != "if"}


_conditions = listed(PREDICATE, single=True)


def _schema(*, modbus: bool) -> Any:
    step = mapping({**(_MODBUS_WRITE if modbus else _HTTP_WRITE), **_ANY_STEP})
    current = mapping({**(_MODBUS_WRITE if modbus else _HTTP_WRITE), **_CURRENT})
    commands: Keys = {vol.Optional(name): listed(step, single=True) for name in COMMANDS}
    keys: Keys = {
        vol.Required("schema_version"): one_of(SCHEMA_VERSION),
        vol.Required("id"): text,
        vol.Required("name"): text,
        vol.Optional("names", default=[]): listed(text),
        vol.Required("support"): vol.All(one_of(*Support), Support),
        vol.Required("checked"): one_of("source", "self"),
        vol.Required("confidence"): one_of("v", "p", "u"),
        vol.Required("sources"): listed(text),
        vol.Optional("requires", default=[]): listed(said),
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
        vol.Optional("derived", default={}): vol.Schema({text: _DERIVED}),
        vol.Optional("expect", default=[]): listed(PREDICATE),
        vol.Optional("state_rules", default=[]): rules(vol.All(one_of(*Pilot), Pilot)),
        vol.Optional("plug_by_power"): mapping(
            {vol.Required("above_w"): number(20, 2000), vol.Required("gone_after_s"): number(60, 7200)}
        ),
        vol.Optional("contactor", default=False): truth,
        vol.Optional("enabled_rules", default=[]): rules(truth),
        vol.Optional("fault_rules", default=[]): rules(text),
        vol.Required("register"): text,
        vol.Optional("no_register"): vol.All(one_of(*NoRegister), NoRegister),
        vol.Optional("commands", default={}): mapping({vol.Optional("set_current"): current, **commands}),
        vol.Optional("recover_when", default=[]): listed(PREDICATE, single=True),
        vol.Optional("heartbeat"): mapping(
            {
                vol.Optional("repeat"): one_of("set_current", *COMMANDS),
                vol.Optional("any_request", default=False): truth,
                vol.Required("every_s"): number(1, 3600),
                vol.Optional("of"): text,
                vol.Optional("parts", default=2): whole(2, 20),
            }
        ),
        **{vol.Required(f"on_{loss}"): _losses for loss in LOSSES},
        vol.Optional("discovery", default=[]): listed(_DISCOVERY),
        vol.Optional("variants", default=[]): listed(_variant),
    }
    if modbus:
        keys[vol.Optional("defaults", default={})] = mapping(
            {vol.Optional("table", default="holding"): _table, vol.Optional("word_order", default="big"): _order}
        )
        keys[vol.Optional("blocks", default=[])] = listed(_block)
    else:
        keys[vol.Required("requests")] = listed(
            mapping(
                {
                    vol.Required("id"): text,
                    vol.Required("path"): url_path,
                    vol.Required("tier"): _tier,
                    vol.Optional("optional", default=False): truth,
                    vol.Optional("index_from"): text,
                }
            )
        )
    return vol.Schema(mapping(keys))


SCHEMAS = {**dict.fromkeys(MODBUS_KINDS, _schema(modbus=True)), **dict.fromkeys(HTTP_KINDS, _schema(modbus=False))}
"""The shape of a profile by its first `transport.kind`."""
