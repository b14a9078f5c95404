"""Set-up of a building: its supply and meters, then the app that keeps its books."""

from collections.abc import Mapping
from typing import Any, Final, override
from uuid import uuid4

from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigEntry, ConfigFlowResult, ConfigSubentryFlow
from homeassistant.const import CONF_NAME, UnitOfElectricCurrent
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.generated.currencies import ACTIVE_CURRENCIES
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.selector import (
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import probatio
from yarl import URL

from .building_options import BuildingOptions
from .const import (
    CONF_APP_TOKEN,
    CONF_APP_URL,
    CONF_CURRENCY,
    CONF_CURRENT_L1,
    CONF_CURRENT_L2,
    CONF_CURRENT_L3,
    CONF_FUSE_A,
    CONF_GRID_POWER,
    CONF_OFFICE_URL,
    CONF_PHASES,
    CONF_PV_POWER,
    DOMAIN,
    PHASE_CURRENTS,
    SUBENTRY_RESIDENT,
    SUBENTRY_STALL,
)
from .found_steps import FoundSteps
from .meters import CURRENT_SENSOR, POWER_SENSOR, meter_errors
from .pairing import async_try_app
from .resident_flow import ResidentFlow
from .stall_flow import StallFlow

MIN_FUSE_A: Final = 6
MAX_FUSE_A: Final = 1000

_OPTIONAL_BUILDING_KEYS: Final = (CONF_GRID_POWER, *PHASE_CURRENTS, CONF_PV_POWER)

_URL_FIELD: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.URL))

_APP_SCHEMA: Final = probatio.Schema(
    {
        probatio.Optional(CONF_APP_URL): _URL_FIELD,
        probatio.Optional(CONF_APP_TOKEN): TextSelector(
            TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off")
        ),
        probatio.Optional(CONF_OFFICE_URL): _URL_FIELD,
    }
)


def _building_schema(hass: HomeAssistant) -> probatio.Schema:
    return probatio.Schema(
        {
            probatio.Required(CONF_NAME): TextSelector(),
            probatio.Required(CONF_CURRENCY, default=hass.config.currency): SelectSelector(
                SelectSelectorConfig(options=sorted(ACTIVE_CURRENCIES), mode=SelectSelectorMode.DROPDOWN)
            ),
            probatio.Required(CONF_FUSE_A): NumberSelector(
                NumberSelectorConfig(
                    min=MIN_FUSE_A,
                    max=MAX_FUSE_A,
                    step=1,
                    mode=NumberSelectorMode.BOX,
                    unit_of_measurement=UnitOfElectricCurrent.AMPERE,
                )
            ),
            probatio.Required(CONF_PHASES, default="3"): SelectSelector(
                SelectSelectorConfig(options=["1", "3"], translation_key="phases")
            ),
            probatio.Optional(CONF_GRID_POWER): POWER_SENSOR,
            probatio.Optional(CONF_CURRENT_L1): CURRENT_SENSOR,
            probatio.Optional(CONF_CURRENT_L2): CURRENT_SENSOR,
            probatio.Optional(CONF_CURRENT_L3): CURRENT_SENSOR,
            probatio.Optional(CONF_PV_POWER): POWER_SENSOR,
        }
    )


def _building_data(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """What of the form is kept; empty fields become None so that clearing one is a change."""
    return {
        CONF_NAME: user_input[CONF_NAME].strip(),
        CONF_CURRENCY: user_input[CONF_CURRENCY],
        CONF_FUSE_A: int(user_input[CONF_FUSE_A]),
        CONF_PHASES: int(user_input[CONF_PHASES]),
        **{key: user_input.get(key) for key in _OPTIONAL_BUILDING_KEYS},
    }


def _suggested(entry: ConfigEntry) -> dict[str, Any]:
    return {**entry.data, CONF_NAME: entry.title, CONF_PHASES: str(entry.data[CONF_PHASES])}


def _building_errors(hass: HomeAssistant, data: Mapping[str, Any]) -> dict[str, str]:
    """Field -> error key, for what the selectors cannot know."""
    errors: dict[str, str] = {}
    if not data[CONF_NAME]:
        errors[CONF_NAME] = "name_missing"
    errors |= meter_errors(hass, data, power=(CONF_GRID_POWER, CONF_PV_POWER), current=PHASE_CURRENTS)
    measured = PHASE_CURRENTS[: data[CONF_PHASES]]
    if any(data[key] for key in PHASE_CURRENTS):
        errors |= {key: "phase_missing" for key in measured if not data[key]}
        errors |= {key: "phase_absent" for key in PHASE_CURRENTS if key not in measured and data[key]}
    return errors


def _origin(text: str | None, schemes: tuple[str, ...]) -> str | None:
    """The address without trailing slash, or None if it is not one of these schemes with a host."""
    try:
        url = URL((text or "").strip())
    except ValueError:
        return None
    return str(url).rstrip("/") if url.scheme in schemes and url.host else None


class EvshareConfigFlow(FoundSteps, domain=DOMAIN):
    """Makes or changes a building."""

    VERSION = 1
    MINOR_VERSION = 1

    def __init__(self) -> None:
        self._data: dict[str, Any] = {}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> BuildingOptions:
        """What a building can do without is among its options."""
        return BuildingOptions()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(cls, config_entry: ConfigEntry) -> dict[str, type[ConfigSubentryFlow]]:
        """Stalls and residents are added to a building one by one."""
        return {SUBENTRY_STALL: StallFlow, SUBENTRY_RESIDENT: ResidentFlow}

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the building: its name, supply and meters."""
        return await self._async_building_step("user", user_input, None)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Change the building in place; running sessions go on."""
        return await self._async_building_step("reconfigure", user_input, self._get_reconfigure_entry())

    async def _async_building_step(
        self, step_id: str, user_input: dict[str, Any] | None, entry: ConfigEntry | None
    ) -> ConfigFlowResult:
        errors: dict[str, str] = {}
        if user_input is not None:
            data = _building_data(user_input)
            self._abort_if_name_taken(data[CONF_NAME], entry)
            errors = _building_errors(self.hass, data)
            if entry is not None and entry.data.get(CONF_APP_URL) and data[CONF_CURRENCY] != entry.data[CONF_CURRENCY]:
                errors[CONF_CURRENCY] = "currency_kept"
            if not errors:
                self._data = data
                return await self.async_step_app()
        suggested = user_input or ({} if entry is None else _suggested(entry))
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(_building_schema(self.hass), suggested),
            errors=errors,
            last_step=False,
        )

    def _abort_if_name_taken(self, name: str, entry: ConfigEntry | None) -> None:
        for other in self._async_current_entries():
            if other is not entry and other.title.casefold() == name.casefold():
                raise AbortFlow("already_configured")

    async def async_step_app(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the app, and shake hands with it; a building without app is complete too."""
        entry = self._get_reconfigure_entry() if self.source == SOURCE_RECONFIGURE else None
        present = {} if entry is None else dict(entry.data)
        errors: dict[str, str] = {}
        if user_input is not None:
            app, errors = await self._async_checked_app(user_input, present)
            if not errors:
                return await self._async_finish({**self._data, **app}, entry)
        # The token is never shown again: a reconfiguring admin leaves the field empty to keep it.
        suggested = user_input or {key: present.get(key) for key in (CONF_APP_URL, CONF_OFFICE_URL)}
        return self.async_show_form(
            step_id="app",
            data_schema=self.add_suggested_values_to_schema(_APP_SCHEMA, suggested),
            errors=errors,
            last_step=True,
        )

    async def _async_checked_app(
        self, user_input: Mapping[str, Any], present: Mapping[str, Any]
    ) -> tuple[dict[str, str | None], dict[str, str]]:
        """What to keep of the app form, and what is wrong with it."""
        none: dict[str, str | None] = {CONF_APP_URL: None, CONF_APP_TOKEN: None, CONF_OFFICE_URL: None}
        if not user_input.get(CONF_APP_URL):
            wrong = [key for key in (CONF_APP_TOKEN, CONF_OFFICE_URL) if user_input.get(key)]
            return none, {CONF_APP_URL: "url_missing"} if wrong else {}
        url = _origin(user_input[CONF_APP_URL], ("http", "https", "ws", "wss"))
        if url is None:
            return none, {CONF_APP_URL: "invalid_url"}
        office_url = _origin(user_input.get(CONF_OFFICE_URL), ("http", "https"))
        if user_input.get(CONF_OFFICE_URL) and office_url is None:
            return none, {CONF_OFFICE_URL: "invalid_url"}
        token = (user_input.get(CONF_APP_TOKEN) or "").strip() or present.get(CONF_APP_TOKEN)
        if not token:
            return none, {CONF_APP_TOKEN: "token_missing"}
        app: dict[str, str | None] = {CONF_APP_URL: url, CONF_APP_TOKEN: token, CONF_OFFICE_URL: office_url}
        if (url, token) == (present.get(CONF_APP_URL), present.get(CONF_APP_TOKEN)):
            return app, {}  # an app that is down must not keep anyone from changing a fuse
        error = await async_try_app(async_get_clientsession(self.hass), url, token)
        return app, {} if error is None else {"base": error}

    async def _async_finish(self, data: dict[str, Any], entry: ConfigEntry | None) -> ConfigFlowResult:
        if entry is not None:
            return self.async_update_and_abort(entry, title=data[CONF_NAME], data=data)
        await self.async_set_unique_id(uuid4().hex)
        return self.async_create_entry(title=data[CONF_NAME], data=data)

    @override
    async def async_on_create_entry(self, result: ConfigFlowResult) -> ConfigFlowResult:
        """Walk straight on to the first stall."""
        result["next_flow"] = await self._async_stall_flow(result["result"])
        return result
