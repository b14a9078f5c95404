"""The writes of a profile file: each is possible on its transport, and says all that it needs."""

from collections.abc import Mapping
from typing import Any

from .profile_model import Command, CurrentCommand, Heartbeat, Step, Transport
from .profile_names import Refused
from .profile_schema import AMPERE_COMMANDS
from .profile_values import PLACEHOLDERS, WIDTHS, Table, WordOrder


def commands_of(document: Mapping[str, Any], transport: Transport, order: WordOrder) -> dict[str, Command]:
    """All commands but `set_current`, by name."""
    return {
        name: Command(steps=tuple(_step(f"commands.{name}", name, step, transport, order) for step in steps))
        for name, steps in document.items()
        if name != "set_current"
    }


def set_current_of(keys: Mapping[str, Any] | None, transport: Transport, order: WordOrder) -> CurrentCommand | None:
    """How a current is offered; None where it cannot be."""
    if keys is None:
        return None
    if keys["min_a"] > keys["max_a"]:
        raise Refused(f"commands.set_current.max_a: got {keys['max_a']}; accepted: at least min_a, {keys['min_a']}")
    if keys["wears"] and "skip_if_reads" not in keys:
        raise Refused("commands.set_current.skip_if_reads: missing; a write that wears is made on change only")
    return CurrentCommand(
        steps=(_step("commands.set_current", "set_current", keys, transport, order),),
        min_a=keys["min_a"],
        max_a=keys["max_a"],
        zero_pauses=keys["zero"] == "pause",
        skip_if_reads=keys.get("skip_if_reads"),
        only_enabled=keys["only_enabled"],
    )


def heartbeat_of(keys: Mapping[str, Any] | None, commands: Mapping[str, Any]) -> Heartbeat | None:
    """What feeds the connector's watchdog; None without one. A write that wears is never repeated."""
    if keys is None:
        return None
    repeat = keys.get("repeat")
    if (repeat is None) != keys["any_request"]:
        raise Refused("heartbeat: accepted: either repeat, a command, or any_request: true")
    if repeat is not None and repeat not in commands:
        raise Refused(f"heartbeat.repeat: got {repeat!r}; accepted: {', '.join(commands) or 'none here'}")
    if repeat is not None:
        steps = commands[repeat] if repeat != "set_current" else (commands[repeat],)
        if any(step["wears"] for step in steps):
            raise Refused(f"heartbeat.repeat: got {repeat!r}, which wears; accepted: a write into volatile memory")
    return Heartbeat(command=repeat, every_s=float(keys["every_s"]), of=keys.get("of"), parts=keys["parts"])


def _step(key: str, name: str, keys: Mapping[str, Any], transport: Transport, order: WordOrder) -> Step:
    if keys.get("wears") and name not in ("set_current", "prepare", "set_watchdog_timeout"):
        raise Refused(f"{key}.wears: accepted: in set_current and prepare only, which are written on change")
    if keys.get("wears") and name != "set_current" and "unless" not in keys:
        raise Refused(f"{key}.unless: missing; a write that wears is made only where it is not so already")
    return _modbus_step(key, name, keys, transport, order) if transport.is_modbus else _http_step(key, name, keys)


def _modbus_step(key: str, name: str, keys: Mapping[str, Any], transport: Transport, order: WordOrder) -> Step:
    _either_value_or_unit(key, name, keys, fixed="value" in keys)
    coil = keys["table"] is Table.COIL
    if coil != isinstance(keys.get("value"), bool):
        raise Refused(f"{key}.value: got {keys.get('value')!r}; accepted: true or false for a coil, else a number")
    if coil == ("type" in keys):
        raise Refused(f"{key}.type: accepted: for registers always, for a coil never")
    kind = keys.get("type", "uint16")
    write_fc = keys.get("write_fc", transport.write_fc)
    if not coil and write_fc == 6 and WIDTHS[kind] != 1:
        raise Refused(f"{key}.type: got {kind!r}; accepted: one register (uint16, int16), as write_fc is 6")
    return Step(
        value=keys.get("value"),
        unit=keys.get("unit"),
        unless=keys.get("unless"),
        wears=keys["wears"],
        optional=keys.get("optional", False),
        table=keys["table"],
        addr=keys["addr"],
        absolute=keys["absolute"],
        type=kind,
        write_fc=write_fc,
        word_order=keys.get("word_order", order),
        encode=keys.get("encode"),
    )


def _http_step(key: str, name: str, keys: Mapping[str, Any]) -> Step:
    written = str({part: keys[part] for part in ("path", "json", "form") if part in keys})
    unit = keys.get("unit")
    _either_value_or_unit(key, name, keys, fixed=not any(mark in written for mark in PLACEHOLDERS.values()))
    if unit is not None and PLACEHOLDERS.get(unit, "?") not in written:
        raise Refused(f"{key}: got {written}; accepted: with {PLACEHOLDERS.get(unit, 'another unit')} for {unit}")
    if "json" in keys and "form" in keys:
        raise Refused(f"{key}: accepted: either json or form")
    if keys["method"] == "GET" and ("json" in keys or "form" in keys):
        raise Refused(f"{key}.method: got 'GET'; accepted: POST, PUT or PATCH for a write with a body")
    return Step(
        unit=unit,
        unless=keys.get("unless"),
        wears=keys["wears"],
        optional=keys.get("optional", False),
        method=keys["method"],
        path=keys["path"],
        json=keys.get("json"),
        form=keys.get("form"),
    )


def _either_value_or_unit(key: str, name: str, keys: Mapping[str, Any], *, fixed: bool) -> None:
    if fixed in (name in AMPERE_COMMANDS, "unit" in keys):
        accepted = "amperes, with unit" if name in AMPERE_COMMANDS else "a fixed value, without unit"
        raise Refused(f"{key}: got {dict(keys)!r}; accepted: {accepted}")
