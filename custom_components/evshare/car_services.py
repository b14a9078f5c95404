"""The services for cars that tell the wall connector who they are: residents for their own, an admin for all.

An admin has to have let a resident's cars in by their identifier first. To anyone but an admin a car of somebody else
is as unknown as one that does not exist. Identifiers are never told: a car has an id and a label.
"""

from typing import Any, Final

from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
import probatio

from .access import CarEvidence, CarRecord
from .building.errors import NoEvId, NotInBuilding, NotTheirs
from .building.running import RunningBuilding
from .callers import Caller, refusal
from .card_services import (
    ATTR_LABEL,
    ATTR_RESIDENT,
    LABEL,
    RESIDENT_SCHEMA,
    async_person,
    async_person_for,
    time_said,
)
from .const import DOMAIN
from .journal import CarConflict, JournalError
from .targets import building_of, stall_of

ATTR_CAR: Final = "car"

LEARN_CAR_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(ATTR_DEVICE_ID): cv.string,
        probatio.Optional(ATTR_RESIDENT): cv.string,
        probatio.Optional(ATTR_LABEL, default=""): LABEL,
    }
)
FORGET_CAR_SCHEMA: Final = probatio.Schema(
    {probatio.Optional(ATTR_CONFIG_ENTRY_ID): cv.string, probatio.Required(ATTR_CAR): cv.string}
)


@callback
def async_setup_car_services(hass: HomeAssistant) -> None:
    """Register the services for cars, once."""
    register, optional = hass.services.async_register, SupportsResponse.OPTIONAL
    register(DOMAIN, "learn_car", _async_learn_car, schema=LEARN_CAR_SCHEMA, supports_response=optional)
    register(DOMAIN, "list_cars", _async_list_cars, schema=RESIDENT_SCHEMA, supports_response=SupportsResponse.ONLY)
    register(DOMAIN, "forget_car", _async_forget_car, schema=FORGET_CAR_SCHEMA)


async def _async_learn_car(call: ServiceCall) -> ServiceResponse:
    """The car that is plugged in at a stall now becomes a resident's."""
    building, stall = stall_of(call)
    _, resident = await async_person_for(call, building)
    if not building.rules.believes(resident.id, CarEvidence.CAR_ID):
        raise refusal("ev_ids_off")
    try:
        car_id = await building.known_cars.learn(resident.id, stall.config.id, call.data[ATTR_LABEL])
    except NoEvId as error:
        raise refusal("no_ev_id", stall=stall.config.name) from error
    except NotTheirs as error:
        raise refusal("denied_stall_in_use") from error
    except CarConflict as error:
        raise refusal("car_known") from error
    except JournalError as error:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="journal_failed") from error
    return {"car": car_id}


async def _async_list_cars(call: ServiceCall) -> ServiceResponse:
    """All cars to an admin who names nobody; else one resident's."""
    building = building_of(call)
    caller = await async_person(call, building)
    if caller.is_admin and ATTR_RESIDENT not in call.data:
        return {"cars": [_told(building, car) for car in building.known_cars.learnt]}
    _, resident = await async_person_for(call, building)
    return {"cars": [_told(building, car) for car in building.known_cars.of(resident.id)]}


async def _async_forget_car(call: ServiceCall) -> None:
    building = building_of(call)
    car = _car_of(building, await async_person(call, building), call.data[ATTR_CAR])
    try:
        await building.known_cars.remove(car.id)
    except NotInBuilding as error:
        raise refusal("car_unknown") from error
    except JournalError as error:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="journal_failed") from error


def _car_of(building: RunningBuilding, caller: Caller, named: str) -> CarRecord:
    """The car a call is for, by id or label, of those the caller may know of."""
    own = None if caller.resident is None else caller.resident.id
    cars = [car for car in building.known_cars.learnt if caller.is_admin or car.resident_id == own]
    found = [car for car in cars if car.id == named]
    if not found:
        found = [car for car in cars if car.label and car.label.casefold() == named.strip().casefold()]
    if len(found) != 1:
        raise refusal("car_ambiguous" if found else "car_unknown")
    return found[0]


def _told(building: RunningBuilding, car: CarRecord) -> dict[str, Any]:
    resident = building.residents.get(car.resident_id)
    return {
        "car": car.id,
        "label": car.label,
        "resident": None if resident is None else resident.name,
        "resident_id": car.resident_id,
        "may_start": building.rules.believes(car.resident_id, CarEvidence.CAR_ID),
        "added_at": time_said(car.added_at),
        "used_at": time_said(car.used_at),
    }
