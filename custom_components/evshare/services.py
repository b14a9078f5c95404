"""The services of evshare. Each first says why it refuses, then lets the building act."""

from datetime import datetime
from typing import Any, Final

from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID
from homeassistant.core import (
    Context,
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import (
    async_get_config_entry,
    async_register_admin_service,
)
from homeassistant.util import dt as dt_util
import probatio

from .access import UserAsk
from .building.errors import AccessDenied, EnrolmentWaits, LinkDown, NotInBuilding
from .building.running import RunningBuilding
from .building.stall import RunningStall
from .callers import async_caller, async_caller_in_control, refusal, require_admin_or, require_person
from .car_services import async_setup_car_services
from .card_services import ATTR_LABEL, ATTR_RESIDENT, LABEL, async_person_for, async_setup_card_services
from .const import DOMAIN
from .devices import EvshareConfigEntry
from .journal import JournalError
from .model import ChargeMode, StopReason
from .office import TICKET_LIFE_S, office_link
from .targets import building_of, stall_of

ATTR_MODE: Final = "mode"
ATTR_TIMEOUT_S: Final = "timeout_s"
ATTR_START: Final = "start"
ATTR_END: Final = "end"

_STALL: Final[dict[probatio.Marker, Any]] = {probatio.Required(ATTR_DEVICE_ID): cv.string}
_BUILDING: Final[dict[probatio.Marker, Any]] = {probatio.Optional(ATTR_CONFIG_ENTRY_ID): cv.string}
_MODE: Final = probatio.Coerce(ChargeMode)

AUTHORISE_SCHEMA: Final = probatio.Schema(
    {
        **_STALL,
        probatio.Optional(ATTR_RESIDENT): cv.string,
        probatio.Optional(ATTR_MODE, default=ChargeMode.FAST): _MODE,
    }
)
STOP_SCHEMA: Final = probatio.Schema(_STALL)
SET_MODE_SCHEMA: Final = probatio.Schema({**_STALL, probatio.Required(ATTR_MODE): _MODE})
ENROL_CARD_SCHEMA: Final = probatio.Schema(
    {
        **_STALL,
        probatio.Optional(ATTR_RESIDENT): cv.string,
        probatio.Optional(ATTR_TIMEOUT_S, default=60): probatio.All(
            probatio.Coerce(int), probatio.Range(min=10, max=300)
        ),
        probatio.Optional(ATTR_LABEL, default=""): LABEL,
    }
)
EXPORT_SESSIONS_SCHEMA: Final = probatio.Schema(
    {**_BUILDING, probatio.Required(ATTR_START): cv.datetime, probatio.Required(ATTR_END): cv.datetime}
)
OFFICE_LINK_SCHEMA: Final = probatio.Schema(_BUILDING)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register every service, once."""
    register = hass.services.async_register
    optional = SupportsResponse.OPTIONAL
    register(DOMAIN, "authorise", _async_authorise, schema=AUTHORISE_SCHEMA, supports_response=optional)
    register(DOMAIN, "stop", _async_stop, schema=STOP_SCHEMA)
    register(DOMAIN, "set_mode", _async_set_mode, schema=SET_MODE_SCHEMA)
    register(DOMAIN, "enrol_card", _async_enrol_card, schema=ENROL_CARD_SCHEMA)
    async_setup_card_services(hass)
    async_setup_car_services(hass)
    for name, service, schema in (
        ("export_sessions", _async_export_sessions, EXPORT_SESSIONS_SCHEMA),
        ("office_link", _async_office_link, OFFICE_LINK_SCHEMA),
    ):
        async_register_admin_service(hass, DOMAIN, name, service, schema, supports_response=SupportsResponse.ONLY)


async def _async_authorise(call: ServiceCall) -> ServiceResponse:
    building, stall = stall_of(call)
    caller, resident = await async_person_for(call, building)
    ask = UserAsk(user_id=caller.user_id, is_admin=caller.is_admin, resident_id=resident.id, mode=call.data[ATTR_MODE])
    try:
        session = await building.async_authorise(stall.config.id, ask)
    except AccessDenied as denied:
        raise refusal(f"denied_{denied.reason.value}") from denied
    except JournalError as error:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="journal_failed") from error
    return {"session_id": session.id}


async def _async_stop(call: ServiceCall) -> None:
    building, stall = stall_of(call)
    await async_stop(call.hass, building, stall, call.context)


async def async_stop(
    hass: HomeAssistant, building: RunningBuilding, stall: RunningStall, context: Context | None
) -> None:
    """End the session at a stall for a person: an admin, or the session's own resident.

    Raises:
        ServiceValidationError: someone else, or nobody, asks; or no session is open.
    """
    caller = await async_caller_in_control(hass, building, stall, context, person=True)
    session = stall.state.session
    if session is None:
        raise refusal("no_session")
    own = caller.resident is not None and caller.resident.id == session.resident_id
    try:
        await building.async_stop_session(stall.config.id, StopReason.PERSON if own else StopReason.OFFICE)
    except NotInBuilding as error:
        raise refusal("no_session") from error


async def _async_set_mode(call: ServiceCall) -> None:
    building, stall = stall_of(call)
    await async_set_mode(call.hass, building, stall, call.context, call.data[ATTR_MODE])


async def async_set_mode(
    hass: HomeAssistant, building: RunningBuilding, stall: RunningStall, context: Context | None, mode: ChargeMode
) -> None:
    """Change the mode of the session at a stall for an admin, the session's own resident, or an automation.

    Raises:
        ServiceValidationError: someone else asks, or no session is open.
    """
    await async_caller_in_control(hass, building, stall, context)
    try:
        await building.async_set_mode(stall.config.id, mode)
    except NotInBuilding as error:
        raise refusal("no_session") from error


async def _async_enrol_card(call: ServiceCall) -> None:
    building, stall = stall_of(call)
    _, resident = await async_person_for(call, building)
    try:
        await building.async_enrol_card(resident.id, stall.config.id, call.data[ATTR_TIMEOUT_S], call.data[ATTR_LABEL])
    except EnrolmentWaits as error:
        raise refusal("enrolment_waits") from error
    except NotInBuilding as error:
        raise refusal("no_card_reader", stall=stall.config.name) from error


def _utc(local: datetime) -> datetime:
    """A time of a service call: without zone it is the wall clock of this HA."""
    if local.tzinfo is None:
        local = local.replace(tzinfo=dt_util.get_default_time_zone())
    return dt_util.as_utc(local)


async def _async_export_sessions(call: ServiceCall) -> ServiceResponse:
    building = building_of(call)
    start, end = _utc(call.data[ATTR_START]), _utc(call.data[ATTR_END])
    if start >= end:
        raise refusal("end_before_start")
    sessions: list[Any] = await building.async_export_sessions(start, end)
    return {"sessions": sessions}


async def _async_office_link(call: ServiceCall) -> ServiceResponse:
    entry: EvshareConfigEntry = async_get_config_entry(call.hass, DOMAIN, call.data.get(ATTR_CONFIG_ENTRY_ID))
    building = entry.runtime_data
    caller = await async_caller(call.hass, building, call.context)
    # An automation would keep the ticket in its trace, where others may read it.
    require_person(caller)
    require_admin_or(caller, None, "admin_required")
    assert caller.user_id is not None
    user = await call.hass.auth.async_get_user(caller.user_id)
    name = (user.name if user else None) or ""
    try:
        ticket = await building.async_office_ticket(caller.user_id, name)
    except LinkDown as error:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="app_not_connected") from error
    return {"url": office_link(entry.data, ticket), "expires_in_s": TICKET_LIFE_S}
