"""Adding and changing a stall: which connector it is and where, then a look at it, live, before it is kept."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from homeassistant.components.switch import DOMAIN as SWITCH_DOMAIN
from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigSubentry, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_HOST, CONF_NAME, CONF_PORT, UnitOfElectricCurrent
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
    TextSelector,
)
from homeassistant.helpers.translation import async_get_translations
import probatio

from .connectors.profile import Profile, available_profiles, load_profile
from .const import (
    CONF_CONNECTOR,
    CONF_CONTACTOR,
    CONF_FUSE_A,
    CONF_MAX_CURRENT_A,
    CONF_METER,
    CONF_PHASE_MAP,
    CONF_PHASES,
    CONF_SERIAL,
    CONF_TAG_READER,
    CONF_UNIT_ID,
    DOMAIN,
    SUBENTRY_STALL,
)
from .meters import ENERGY_SENSOR, meter_errors
from .model import MIN_CURRENT_A
from .sighting import CannotLook, Sighting, Unseen, async_look

CONF_WITHOUT_BILLING: Final = "without_billing"

PHASE_MAPS: Final = {1: ("1",), 3: ("123", "231", "312", "132", "213", "321", "1", "2", "3")}
"""Which supply phases the connector's L1, L2, L3 are wired to, by the phases of the building."""

_CONTACTOR: Final = EntitySelector(
    EntitySelectorConfig(filter=EntityWithDeviceFilterSelectorConfig(domain=SWITCH_DOMAIN))
)
_EXCLUSIVE: Final = (CONF_CONTACTOR, CONF_METER, CONF_TAG_READER)
"""What belongs to one stall only: two stalls behind one contactor or meter could not be told apart."""

_LOOKED_AT: Final = (CONF_HOST, CONF_PORT, CONF_UNIT_ID, CONF_CONTACTOR, CONF_METER)
"""A change of these is looked at live; everything else is taken over at once."""

MAX_UNCONTROLLED_A: Final = 80
"""Highest setting for a connector whose current cannot be set: what an IEC 61851-1 pilot can offer."""


def _whole(low: int, high: int, unit: str | None = None) -> NumberSelector:
    config = NumberSelectorConfig(min=low, max=high, step=1, mode=NumberSelectorMode.BOX)
    if unit is not None:
        config["unit_of_measurement"] = unit
    return NumberSelector(config)


def _schema(profile: Profile, phases: int) -> probatio.Schema:
    transport = profile.transport
    highest_a = profile.set_current.max_a if profile.set_current else MAX_UNCONTROLLED_A
    maps = PHASE_MAPS[phases]
    fields: dict[probatio.Marker, Any] = {
        probatio.Required(CONF_NAME): TextSelector(),
        probatio.Required(CONF_HOST): TextSelector(),
        probatio.Required(CONF_PORT, default=transport.port): _whole(1, 65535),
    }
    if transport.is_modbus:
        fields[probatio.Required(CONF_UNIT_ID, default=transport.unit_id)] = _whole(0, 255)
    fields |= {
        probatio.Required(CONF_MAX_CURRENT_A, default=16): _whole(
            MIN_CURRENT_A, highest_a, UnitOfElectricCurrent.AMPERE
        ),
        probatio.Required(CONF_PHASE_MAP, default=maps[0]): SelectSelector(
            SelectSelectorConfig(options=list(maps), mode=SelectSelectorMode.DROPDOWN, translation_key="phase_map")
        ),
        probatio.Optional(CONF_CONTACTOR): _CONTACTOR,
        probatio.Optional(CONF_METER): ENERGY_SENSOR,
        probatio.Optional(CONF_TAG_READER): DeviceSelector(),
    }
    return probatio.Schema(fields)


def _stall_data(profile: Profile, user_input: Mapping[str, Any]) -> dict[str, Any]:
    return {
        CONF_CONNECTOR: profile.id,
        CONF_HOST: user_input[CONF_HOST].strip(),
        CONF_PORT: int(user_input[CONF_PORT]),
        CONF_UNIT_ID: int(user_input[CONF_UNIT_ID]) if profile.transport.is_modbus else None,
        CONF_MAX_CURRENT_A: int(user_input[CONF_MAX_CURRENT_A]),
        CONF_PHASE_MAP: [int(phase) for phase in user_input[CONF_PHASE_MAP]],
        **{key: user_input.get(key) for key in _EXCLUSIVE},
        CONF_SERIAL: None,
    }


def _suggested(stall: ConfigSubentry) -> dict[str, Any]:
    phase_map = "".join(str(phase) for phase in stall.data[CONF_PHASE_MAP])
    return {CONF_NAME: stall.title, **stall.data, CONF_PHASE_MAP: phase_map}


class StallFlow(ConfigSubentryFlow):
    """Adds a stall, or changes how one is reached and wired."""

    def __init__(self) -> None:
        self._profile: Profile | None = None
        self._name = ""
        self._data: dict[str, Any] = {}
        self._look: asyncio.Task[Sighting] | None = None
        self._sighting: Sighting | None = None
        self._errors: dict[str, str] = {}
        self._typed: Mapping[str, Any] = {}

    # --- which connector ---------------------------------------------------------------------------------------

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask which wall connector it is."""
        if user_input is not None:
            self._profile = await self.hass.async_add_executor_job(load_profile, user_input[CONF_CONNECTOR])
            return await self.async_step_connection()
        profiles = await self.hass.async_add_executor_job(_profiles)
        options = [SelectOptionDict(value=profile.id, label=profile.name) for profile in profiles]
        schema = probatio.Schema(
            {
                probatio.Required(CONF_CONNECTOR): SelectSelector(
                    SelectSelectorConfig(options=options, mode=SelectSelectorMode.DROPDOWN, sort=True)
                )
            }
        )
        return self.async_show_form(step_id="user", data_schema=schema, last_step=False)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change a stall; the same connector, by its serial number, stays behind it."""
        stall = self._get_reconfigure_subentry()
        self._profile = await self.hass.async_add_executor_job(load_profile, stall.data[CONF_CONNECTOR])
        self._typed = _suggested(stall)
        return await self.async_step_connection()

    # --- where it is -------------------------------------------------------------------------------------------

    async def async_step_connection(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask how to reach it, how it is wired, and what stands in front of it."""
        profile = self._known_profile
        if user_input is not None:
            self._typed = user_input
            self._name = user_input[CONF_NAME].strip()
            self._data = _stall_data(profile, user_input)
            self._errors = self._wrong_settings()
            if not self._errors:
                return await self._async_after_connection()
        errors, self._errors = self._errors, {}
        schema = _schema(profile, self._get_entry().data[CONF_PHASES])
        return self.async_show_form(
            step_id="connection",
            data_schema=self.add_suggested_values_to_schema(schema, self._typed),
            errors=errors,
            description_placeholders={"connector": profile.name, "requires": "\n".join(profile.requires)},
            last_step=False,
        )

    async def _async_after_connection(self) -> SubentryFlowResult:
        if self.source == SOURCE_RECONFIGURE:
            before = self._get_reconfigure_subentry().data
            if all(self._data[key] == before[key] for key in _LOOKED_AT):
                return self._keep(before[CONF_SERIAL])
        return await self.async_step_look()

    def _wrong_settings(self) -> dict[str, str]:
        """Field -> error key, for what can be told without asking the connector."""
        entry, data = self._get_entry(), self._data
        errors = meter_errors(self.hass, data, energy=(CONF_METER,))
        if not self._name:
            errors[CONF_NAME] = "name_missing"
        if not data[CONF_HOST]:
            errors[CONF_HOST] = "host_missing"
        if data[CONF_MAX_CURRENT_A] > entry.data[CONF_FUSE_A]:
            errors[CONF_MAX_CURRENT_A] = "above_fuse"
        if data[CONF_CONTACTOR] is not None and self.hass.states.get(data[CONF_CONTACTOR]) is None:
            errors[CONF_CONTACTOR] = "entity_unknown"
        for other in self._others():
            if self._name.casefold() == other.title.casefold():
                errors[CONF_NAME] = "name_taken"
            errors |= {key: "used_elsewhere" for key in _EXCLUSIVE if data[key] and data[key] == other.data[key]}
        return errors

    def _others(self) -> list[ConfigSubentry]:
        present = self._get_reconfigure_subentry() if self.source == SOURCE_RECONFIGURE else None
        return [stall for stall in self._get_entry().get_subentries_of_type(SUBENTRY_STALL) if stall is not present]

    # --- a look at it ------------------------------------------------------------------------------------------

    async def async_step_look(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Talk to the connector; behind a contactor this takes as long as the connector takes to boot."""
        if self._look is None:
            # A stall that already runs is the building's to energise: it is only looked at.
            energise = self.source != SOURCE_RECONFIGURE
            look = async_look(self.hass, self._known_profile, self._data, energise=energise)
            self._look = self.hass.async_create_task(look, "evshare look at a connector", eager_start=False)
        if not self._look.done():
            return self.async_show_progress(step_id="look", progress_action="look", progress_task=self._look)
        look_done, self._look = self._look, None
        try:
            self._sighting = look_done.result()
        except CannotLook as error:
            if error.cause is Unseen.UNPOWERED and self.source == SOURCE_RECONFIGURE:
                return self.async_show_progress_done(next_step_id="unseen")
            self._errors = {"base": error.cause.value}
            return self.async_show_progress_done(next_step_id="connection")
        self._errors = self._wrong_identity(self._sighting)
        if self._errors:
            return self.async_show_progress_done(next_step_id="connection")
        if self._taken(self._unique_id(self._sighting.identity.serial)):
            return self.async_show_progress_done(next_step_id="duplicate")
        return self.async_show_progress_done(next_step_id="confirm" if self._sighting.billable else "confirm_unbilled")

    def _wrong_identity(self, seen: Sighting) -> dict[str, str]:
        if self.source != SOURCE_RECONFIGURE:
            return {}
        known = self._get_reconfigure_subentry().data[CONF_SERIAL]
        return {"base": "other_serial"} if known is not None and seen.identity.serial != known else {}

    def _taken(self, unique_id: str) -> bool:
        """Whether any building already has this connector."""
        present = self._get_reconfigure_subentry() if self.source == SOURCE_RECONFIGURE else None
        return any(
            stall.unique_id == unique_id and stall is not present
            for entry in self.hass.config_entries.async_entries(DOMAIN, include_ignore=False)
            for stall in entry.get_subentries_of_type(SUBENTRY_STALL)
        )

    async def async_step_duplicate(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """The connector found is another stall's."""
        return self.async_abort(reason="already_configured")

    # --- what was seen -----------------------------------------------------------------------------------------

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Show what was seen; it is kept when it is confirmed."""
        seen = self._seen
        if user_input is not None:
            return self._keep(seen.identity.serial)
        return self.async_show_form(
            step_id="confirm", data_schema=probatio.Schema({}), description_placeholders=await self._async_words(seen)
        )

    async def async_step_confirm_unbilled(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """As `confirm`, for a stall without a register that can be billed from."""
        seen = self._seen
        errors: dict[str, str] = {}
        if user_input is not None:
            if user_input[CONF_WITHOUT_BILLING]:
                return self._keep(seen.identity.serial)
            errors[CONF_WITHOUT_BILLING] = "meter_required"
        return self.async_show_form(
            step_id="confirm_unbilled",
            data_schema=probatio.Schema({probatio.Required(CONF_WITHOUT_BILLING, default=False): BooleanSelector()}),
            errors=errors,
            description_placeholders=await self._async_words(seen),
        )

    async def async_step_unseen(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """The stall is locked, so its connector has no power: it is checked when somebody charges next."""
        if user_input is not None:
            return self._keep(self._get_reconfigure_subentry().data[CONF_SERIAL])
        return self.async_show_form(step_id="unseen", data_schema=probatio.Schema({}))

    async def _async_words(self, seen: Sighting) -> dict[str, str]:
        """What was seen, in the words of HA's language."""
        texts = await async_get_translations(self.hass, self.hass.config.language, "selector", {DOMAIN})

        def word(selector: str, option: str) -> str:
            return texts.get(f"component.{DOMAIN}.selector.{selector}.options.{option}", option)

        reading, ports = seen.reading, seen.ports
        unknown = word("seen", "unknown")
        return {
            "connector": self._known_profile.name,
            "model": seen.identity.model or unknown,
            "serial": seen.identity.serial or unknown,
            "firmware": seen.identity.firmware or unknown,
            "pilot": word("pilot", reading.pilot.value.lower()),
            "power": unknown if reading.power_w is None else f"{reading.power_w:.0f} W",
            "register": unknown if reading.register_wh is None else f"{reading.register_wh / 1000:.3f} kWh",
            "lock": word("lock_quality", seen.lock_quality.value),
            "on_silence": word("on_loss", ports.on_silence.value),
            "on_reboot": word("on_loss", ports.on_reboot.value),
            "on_unplug": word("on_loss", ports.on_unplug.value),
        }

    # --- keeping it --------------------------------------------------------------------------------------------

    def _unique_id(self, serial: str | None) -> str:
        """The connector's serial number; where it tells none, its address."""
        data = self._data
        return f"stall:{serial or f'{data[CONF_HOST]}:{data[CONF_PORT]}:{data[CONF_UNIT_ID]}'}"

    def _keep(self, serial: str | None) -> SubentryFlowResult:
        data = {**self._data, CONF_SERIAL: serial}
        if self.source != SOURCE_RECONFIGURE:
            return self.async_create_entry(title=self._name, data=data, unique_id=self._unique_id(serial))
        return self.async_update_and_abort(
            self._get_entry(),
            self._get_reconfigure_subentry(),
            title=self._name,
            data=data,
            unique_id=self._unique_id(serial),
        )

    @property
    def _known_profile(self) -> Profile:
        assert self._profile is not None, "chosen in the first step"
        return self._profile

    @property
    def _seen(self) -> Sighting:
        assert self._sighting is not None, "looked at in the step before"
        return self._sighting


def _profiles() -> list[Profile]:
    """Every profile that comes with evshare; reads the disk."""
    return [load_profile(profile_id) for profile_id in available_profiles()]
