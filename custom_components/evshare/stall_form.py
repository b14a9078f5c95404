"""The fields that every stall has, however it is reached: name, current, wiring, contactor, meter, card reader."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.components.binary_sensor import DOMAIN as BINARY_SENSOR_DOMAIN
from homeassistant.components.switch import DOMAIN as SWITCH_DOMAIN
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_MAC, CONF_NAME, CONF_PASSWORD, CONF_TOKEN, UnitOfElectricCurrent, UnitOfTime
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    DeviceSelector,
    EntitySelector,
    EntitySelectorConfig,
    EntityWithDeviceFilterSelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    SerialPortSelector,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import probatio

from .building.signal import DOMAINS as SIGNAL_DOMAINS
from .const import (
    CONF_BELONGS_TO,
    CONF_CONTACTOR,
    CONF_CONTACTOR_FEEDBACK,
    CONF_CONTACTOR_REFRESH,
    CONF_CONTACTOR_REFRESH_S,
    CONF_MAX_CURRENT_A,
    CONF_MDNS,
    CONF_METER,
    CONF_PHASE_MAP,
    CONF_READER_SIGNAL,
    CONF_SERIAL,
    CONF_SOFT_STOP,
    CONF_TAG_READER,
    CONF_TWC_METER_DEVICE,
    CONF_TWC_METER_LIMIT_A,
    CONF_TWC_METER_PORT,
)
from .meters import ENERGY_SENSOR
from .model import MIN_CURRENT_A

type Fields = dict[probatio.Marker, Any]

PHASE_MAPS: Final = {1: ("1",), 3: ("123", "231", "312", "132", "213", "321", "1", "2", "3")}
"""Which supply phases the connector's L1, L2, L3 are wired to, by the phases of the building."""

MAX_UNCONTROLLED_A: Final = 80
"""Highest setting for a connector whose current cannot be set: what an IEC 61851-1 pilot can offer."""

_ALWAYS: Final = (CONF_CONTACTOR, CONF_METER, CONF_TAG_READER)
"""Kept as None where there is none; what else is not filled in is not kept."""

EXCLUSIVE: Final = (
    CONF_CONTACTOR,
    CONF_METER,
    CONF_CONTACTOR_FEEDBACK,
    CONF_CONTACTOR_REFRESH,
    CONF_TWC_METER_DEVICE,
    CONF_TWC_METER_PORT,
)
"""What belongs to one stall only: two stalls behind one contactor or meter could not be told apart.

A card reader may serve several stalls, and a lamp or buzzer may stand beside it for all of them."""

TAKEN_OVER: Final = frozenset(
    {CONF_MAX_CURRENT_A, CONF_PHASE_MAP, CONF_TAG_READER, CONF_READER_SIGNAL, CONF_BELONGS_TO, CONF_SERIAL}
)
"""A change of these needs no look at the connector; a change of anything else does."""

CONF_LOOK_AGAIN: Final = "look_again"
"""Asks for a look at a stall whose connection did not change."""

SECRETS: Final = frozenset({CONF_PASSWORD, CONF_TOKEN})
"""Never shown again: a field left empty keeps what is there."""

SECRET_FIELD: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))

ACCESS: Final = "access"
CONTACTOR_MORE: Final = "contactor_more"
TWC_METER: Final = "twc_meter"
"""Collapsed parts of the form; what is in them is kept flat."""


def _entity(*domains: str) -> EntitySelector:
    return EntitySelector(EntitySelectorConfig(filter=EntityWithDeviceFilterSelectorConfig(domain=list(domains))))


def whole(low: int, high: int, unit: str | None = None) -> NumberSelector:
    """A field for a whole number."""
    config = NumberSelectorConfig(min=low, max=high, step=1, mode=NumberSelectorMode.BOX)
    if unit is not None:
        config["unit_of_measurement"] = unit
    return NumberSelector(config)


_PARTS: Final[Mapping[str, Fields]] = {
    ACCESS: {
        probatio.Optional(CONF_READER_SIGNAL): _entity(*SIGNAL_DOMAINS),
        # Its choices are the residents of the building.
        probatio.Optional(CONF_BELONGS_TO): TextSelector(),
    },
    CONTACTOR_MORE: {
        probatio.Optional(CONF_CONTACTOR_FEEDBACK): _entity(BINARY_SENSOR_DOMAIN),
        probatio.Optional(CONF_CONTACTOR_REFRESH): _entity("script", "button", "input_button", "switch"),
        probatio.Optional(CONF_CONTACTOR_REFRESH_S): whole(10, 600, UnitOfTime.SECONDS),
        probatio.Optional(CONF_SOFT_STOP): _entity("switch", "input_boolean", "script", "button", "input_button"),
    },
    TWC_METER: {
        probatio.Optional(CONF_TWC_METER_DEVICE): SerialPortSelector(),
        probatio.Optional(CONF_TWC_METER_PORT): whole(1024, 65535),
        probatio.Optional(CONF_TWC_METER_LIMIT_A): whole(6, 200, UnitOfElectricCurrent.AMPERE),
    },
}
_OPTIONAL: Final = {part: tuple(str(field) for field in fields) for part, fields in _PARTS.items()}
_WHOLE: Final = (CONF_CONTACTOR_REFRESH_S, CONF_TWC_METER_PORT, CONF_TWC_METER_LIMIT_A)
REFRESH_S: Final = 60
"""How often a contactor's keep-alive is repeated, unless said otherwise."""


def stall_schema(
    own: Fields,
    *,
    highest_a: int,
    phases: int,
    residents: Mapping[str, str],
    throttled: bool = False,
    known: bool = False,
) -> probatio.Schema:
    """The form of a stall: its name, the way's `own` fields, then what every stall has.

    `highest_a` is the most its connector can be told, `phases` and `residents` (id to name) are those of the building,
    `throttled` whether an emulated meter may set its current, `known` whether the stall exists already, so that it can
    be looked at anew.
    """
    maps = PHASE_MAPS[phases]
    parts = {
        ACCESS: _access(residents),
        CONTACTOR_MORE: _PARTS[CONTACTOR_MORE],
        **({TWC_METER: _PARTS[TWC_METER]} if throttled else {}),
    }
    return probatio.Schema(
        {
            probatio.Required(CONF_NAME): TextSelector(),
            **own,
            probatio.Required(CONF_MAX_CURRENT_A, default=min(16, highest_a)): whole(
                MIN_CURRENT_A, highest_a, UnitOfElectricCurrent.AMPERE
            ),
            probatio.Required(CONF_PHASE_MAP, default=maps[0]): SelectSelector(
                SelectSelectorConfig(options=list(maps), mode=SelectSelectorMode.DROPDOWN, translation_key="phase_map")
            ),
            probatio.Optional(CONF_METER): ENERGY_SENSOR,
            probatio.Optional(CONF_TAG_READER): DeviceSelector(),
            probatio.Optional(CONF_CONTACTOR): _entity(SWITCH_DOMAIN),
            **{
                # Without a default: the frontend would show that instead of what is kept of the stall.
                probatio.Optional(part): section(probatio.Schema(fields), {"collapsed": True})
                for part, fields in parts.items()
            },
            **({probatio.Required(CONF_LOOK_AGAIN, default=False): BooleanSelector()} if known else {}),
        }
    )


def _access(residents: Mapping[str, str]) -> Fields:
    """Who may be let in how, at this stall."""
    options = [SelectOptionDict(value=resident_id, label=name) for resident_id, name in residents.items()]
    choice = SelectSelector(SelectSelectorConfig(options=options, mode=SelectSelectorMode.DROPDOWN, sort=True))
    return {
        key: choice if key == CONF_BELONGS_TO else selector
        for key, selector in _PARTS[ACCESS].items()
        if options or key != CONF_BELONGS_TO
    }


def shared_settings(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """What the shared fields of a filled form say, as the subentry keeps it."""
    settings: dict[str, Any] = {
        CONF_MAX_CURRENT_A: int(user_input[CONF_MAX_CURRENT_A]),
        CONF_PHASE_MAP: [int(phase) for phase in user_input[CONF_PHASE_MAP]],
        **{key: user_input.get(key) for key in _ALWAYS},
        CONF_SERIAL: None,
    }
    for part, keys in _OPTIONAL.items():
        filled = user_input.get(part, {})
        settings |= {key: filled[key] for key in keys if filled.get(key) not in (None, "")}
    settings |= {key: int(settings[key]) for key in _WHOLE if key in settings}
    if CONF_CONTACTOR_REFRESH in settings:
        settings.setdefault(CONF_CONTACTOR_REFRESH_S, REFRESH_S)
    return settings


def part_errors(settings: Mapping[str, Any]) -> dict[str, str]:
    """Part -> error key, for what does not go together in the collapsed parts of the form."""
    errors = {}
    if any(key in settings for key in _OPTIONAL[CONTACTOR_MORE]) and not settings[CONF_CONTACTOR]:
        errors[CONTACTOR_MORE] = "contactor_missing"
    elif CONF_CONTACTOR_REFRESH_S in settings and CONF_CONTACTOR_REFRESH not in settings:
        errors[CONTACTOR_MORE] = "refresh_missing"
    lines = [key for key in (CONF_TWC_METER_DEVICE, CONF_TWC_METER_PORT) if key in settings]
    if len(lines) > 1:
        errors[TWC_METER] = "one_line_only"
    elif lines and CONF_TWC_METER_LIMIT_A not in settings:
        errors[TWC_METER] = "conductor_limit_missing"
    elif CONF_TWC_METER_LIMIT_A in settings and not lines:
        errors[TWC_METER] = "line_missing"
    return errors


def field_of(key: str) -> str:
    """The field of the form that a setting's error is shown at: HA shows none inside a collapsed part."""
    return next((part for part, keys in _OPTIONAL.items() if key in keys), key)


def filled_in(stall: ConfigSubentry, residents: Mapping[str, str]) -> dict[str, Any]:
    """A stall's settings as its form shows them; secrets are not shown, nor residents who moved out."""
    data = {key: value for key, value in stall.data.items() if key not in SECRETS}
    if data.get(CONF_BELONGS_TO) not in residents:
        data.pop(CONF_BELONGS_TO, None)
    parts = {part: {key: data.pop(key) for key in keys if key in data} for part, keys in _OPTIONAL.items()}
    phase_map = "".join(str(phase) for phase in data[CONF_PHASE_MAP])
    return {CONF_NAME: stall.title, **data, CONF_PHASE_MAP: phase_map, **parts}


def seen_as(settings: Mapping[str, Any]) -> dict[str, str]:
    """By what the connector shows itself on the network, where that is known."""
    return {key: settings[key] for key in (CONF_MAC, CONF_MDNS) if settings.get(key)}


def kept_secret(user_input: Mapping[str, Any], key: str, before: Mapping[str, Any]) -> str | None:
    """What was typed into a secret's field; left empty, what was there before (`before`: the stall's data, or {})."""
    return (user_input.get(key) or "").strip() or before.get(key)
