"""Who is calling, and what that allows (DESIGN rule 9).

Every HA user may press every entity, and a call can be laundered through an automation, which has no user. So
what starts or ends a session needs a person: an admin, or the resident themself. What only throttles (pause,
resume, mode, limit) may also come from an automation.
"""

from dataclasses import dataclass

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError

from .building.running import RunningBuilding
from .building.stall import RunningStall
from .const import DOMAIN
from .model import Resident


def refusal(key: str, **placeholders: str) -> ServiceValidationError:
    """What is raised when a caller may not, or asks for something that is not there."""
    return ServiceValidationError(translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who called a service or pressed an entity."""

    user_id: str | None
    """None: nobody, that is an automation, a script on its own or a system user."""
    is_admin: bool = False
    resident: Resident | None = None
    """The resident this HA user is."""


async def async_caller(hass: HomeAssistant, building: RunningBuilding, context: Context | None) -> Caller:
    """Who stands behind a context.

    System users (the Supervisor, through which any app can call with admin rights) are nobody: they are no person.
    """
    user_id = context.user_id if context else None
    user = await hass.auth.async_get_user(user_id) if user_id else None
    if user is None or not user.is_active or user.system_generated:
        return Caller(user_id=None)
    resident = next((r for r in building.residents.values() if r.ha_user_id == user.id), None)
    return Caller(user_id=user.id, is_admin=user.is_admin, resident=resident)


def require_person(caller: Caller) -> None:
    """Refuse automations.

    Raises:
        ServiceValidationError: nobody stands behind the call.
    """
    if caller.user_id is None:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="person_required")


def require_admin_or(caller: Caller, resident: Resident | None, key: str) -> None:
    """Refuse everyone but an admin and this resident; `key` names the refusal for the caller.

    Raises:
        ServiceValidationError: someone else called.
    """
    if caller.is_admin or (resident is not None and caller.resident == resident):
        return
    raise ServiceValidationError(translation_domain=DOMAIN, translation_key=key)


async def async_caller_in_control(
    hass: HomeAssistant,
    building: RunningBuilding,
    stall: RunningStall,
    context: Context | None,
    *,
    person: bool = False,
    manager: bool = False,
) -> Caller:
    """The caller, if they may control this stall: an admin, or the resident whose session runs there.

    An automation may too, unless `person` is asked for. `manager` leaves only admins and automations: for
    settings of the stall that outlive a session.

    Raises:
        ServiceValidationError: they may not.
    """
    caller = await async_caller(hass, building, context)
    if person:
        require_person(caller)
    if caller.user_id is None:
        return caller
    session = stall.state.session
    owner = building.residents.get(session.resident_id) if session is not None and not manager else None
    require_admin_or(caller, owner, "admin_required" if manager else "not_your_session")
    return caller
