"""Known integrations, from ``presets.yaml``: which entity belongs into which slot, and what its states mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ...model import Pilot
from .slots import DOMAINS, INVERTIBLE, Slot

PRESETS = Path(__file__).with_name("presets.yaml")
KEYS = frozenset(
    {"slots", "states", "inverted", "open_option", "closed_option", "card_attribute", "zero_pauses", "limit_action"}
)


class PresetError(ValueError):
    """The presets break their form; the message names integration, key, what came and what is accepted."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One integration."""

    slots: Mapping[Slot, tuple[str, ...]]
    """``domain.key`` of the entities that fit, the best first."""
    states: Mapping[str, Pilot] = field(default_factory=dict)
    inverted: frozenset[Slot] = frozenset()
    open_option: str | None = None
    closed_option: str | None = None
    card_attribute: str | None = None
    zero_pauses: bool = False
    limit_action: str | None = None
    limit_parameter: str | None = None
    """The action that sets the current where no entity does, and its parameter for the amperes."""


@cache
def load_presets() -> Mapping[str, Preset]:
    """All of them by the domain of their integration; reads the disk once. Raises `PresetError`."""
    return parse_presets(PRESETS.read_text(encoding="utf-8"))


def parse_presets(content: str) -> Mapping[str, Preset]:
    """Read the content of a file of presets. Raises `PresetError`."""
    document = yaml.safe_load(content)
    if not isinstance(document, dict):
        raise PresetError("presets: got no mapping; accepted: integrations by domain")
    return {platform: _preset(platform, entry) for platform, entry in document.items()}


def _preset(platform: str, entry: Mapping[str, Any]) -> Preset:
    if unknown := set(entry) - KEYS:
        raise PresetError(f"{platform}: got {sorted(unknown)}; accepted: {sorted(KEYS)}")
    slots = {_slot(platform, key): _entities(platform, key, value) for key, value in entry.get("slots", {}).items()}
    inverted = frozenset(_slot(platform, key) for key in entry.get("inverted", ()))
    if strange := inverted - set(INVERTIBLE):
        raise PresetError(f"{platform}: inverted: got {sorted(strange)}; accepted: {sorted(INVERTIBLE)}")
    action = entry.get("limit_action", {})
    return Preset(
        slots=slots,
        states={str(raw): _letter(platform, raw, letter) for raw, letter in entry.get("states", {}).items()},
        inverted=inverted,
        open_option=entry.get("open_option"),
        closed_option=entry.get("closed_option"),
        card_attribute=entry.get("card_attribute"),
        zero_pauses=entry.get("zero_pauses", False),
        limit_action=action.get("action"),
        limit_parameter=action.get("parameter"),
    )


def _slot(platform: str, key: str) -> Slot:
    if key not in Slot:
        raise PresetError(f"{platform}: slots: got {key!r}; accepted: {', '.join(Slot)}")
    return Slot(key)


def _entities(platform: str, key: str, value: object) -> tuple[str, ...]:
    entities = tuple(str(each) for each in (value if isinstance(value, list) else [value]))
    accepted = DOMAINS[Slot(key)]
    for entity in entities:
        domain, _, name = entity.partition(".")
        if domain not in accepted or not name:
            raise PresetError(
                f"{platform}: {key}: got {entity!r}; accepted: domain.key of {', '.join(sorted(accepted))}"
            )
    return entities


def _letter(platform: str, raw: object, letter: object) -> Pilot:
    if letter not in list(Pilot):
        raise PresetError(f"{platform}: states: {raw}: got {letter!r}; accepted: {', '.join(Pilot)}")
    return Pilot(str(letter))
