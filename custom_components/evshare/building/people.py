"""Who an HA user is in the building."""

from collections.abc import Iterable

from homeassistant.core import HomeAssistant

from ..model import Resident, ResidentId


async def async_role(hass: HomeAssistant, residents: Iterable[Resident], user_id: str) -> tuple[str, ResidentId | None]:
    """Return what an HA user is here (`admin`, `resident` or `none`) and which resident."""
    user = await hass.auth.async_get_user(user_id)
    if user is None or not user.is_active:
        return "none", None
    resident_id = next((resident.id for resident in residents if resident.ha_user_id == user_id), None)
    if user.is_admin:
        return "admin", resident_id
    return ("none" if resident_id is None else "resident"), resident_id
