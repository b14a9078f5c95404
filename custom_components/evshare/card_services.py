"""The services for cards: each resident's own HA user for their own, an admin for all.

Who calls is asked first. To anyone but an admin a card of somebody else is as unknown as one that does not exist.
Numbers of cards are never told: a card has an id and a label, an unknown one the last two digits of its number.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, time
from typing import Any, Final

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
import probatio

from .access import CardRecord, Hours, UnknownCard
from .building.cards import MAX_LABEL
from .building.errors import NotForHolder, NotInBuilding
from .building.running import RunningBuilding
from .callers import Caller, async_caller, refusal, require_admin_or, require_person
from .const import DOMAIN
from .journal import CardConflict, JournalError, rfc3339
from .model import Resident, ResidentId
from .targets import building_of

ATTR_RESIDENT: Final = "resident"
ATTR_CARD: Final = "card"
ATTR_UNKNOWN: Final = "unknown_card"
ATTR_LABEL: Final = "label"
ATTR_MONTH_KWH: Final = "month_kwh"
ATTR_QUIET_FROM: Final = "quiet_from"
ATTR_QUIET_TO: Final = "quiet_to"
ATTR_NO_MONTH_LIMIT: Final = "no_month_limit"
ATTR_NO_QUIET_HOURS: Final = "no_quiet_hours"
MAX_MONTH_KWH: Final = 10_000


def _one_line(label: str) -> str:
    if label.isprintable():
        return label.strip()
    msg = "expected a text on one line"
    raise probatio.Invalid(msg)


LABEL: Final = probatio.All(cv.string, _one_line, probatio.Length(max=MAX_LABEL))

_BUILDING: Final[dict[probatio.Marker, Any]] = {probatio.Optional(ATTR_CONFIG_ENTRY_ID): cv.string}
_CARD: Final[dict[probatio.Marker, Any]] = {**_BUILDING, probatio.Required(ATTR_CARD): cv.string}
RESIDENT_SCHEMA: Final = probatio.Schema({**_BUILDING, probatio.Optional(ATTR_RESIDENT): cv.string})
CARD_SCHEMA: Final = probatio.Schema(_CARD)
CHANGE_CARD_SCHEMA: Final = probatio.Schema(
    {
        **_CARD,
        probatio.Optional(ATTR_LABEL): LABEL,
        probatio.Optional(ATTR_MONTH_KWH): probatio.All(probatio.Coerce(int), probatio.Range(min=1, max=MAX_MONTH_KWH)),
        probatio.Inclusive(ATTR_QUIET_FROM, "quiet hours"): cv.time,
        probatio.Inclusive(ATTR_QUIET_TO, "quiet hours"): cv.time,
        probatio.Optional(ATTR_NO_MONTH_LIMIT, default=False): cv.boolean,
        probatio.Optional(ATTR_NO_QUIET_HOURS, default=False): cv.boolean,
    }
)
ASSIGN_CARD_SCHEMA: Final = probatio.Schema(
    {
        **_BUILDING,
        probatio.Required(ATTR_UNKNOWN): cv.string,
        probatio.Required(ATTR_RESIDENT): cv.string,
        probatio.Optional(ATTR_LABEL, default=""): LABEL,
    }
)


@callback
def async_setup_card_services(hass: HomeAssistant) -> None:
    """Register the services for cards, once."""
    register = hass.services.async_register
    register(DOMAIN, "list_cards", _async_list_cards, schema=RESIDENT_SCHEMA, supports_response=SupportsResponse.ONLY)
    for name, service, schema in (
        ("block_card", _async_block_card, CARD_SCHEMA),
        ("unblock_card", _async_unblock_card, CARD_SCHEMA),
        ("change_card", _async_change_card, CHANGE_CARD_SCHEMA),
        ("remove_card", _async_remove_card, CARD_SCHEMA),
    ):
        register(DOMAIN, name, service, schema=schema)
    optional = SupportsResponse.OPTIONAL
    register(DOMAIN, "remove_cards", _async_remove_cards, schema=RESIDENT_SCHEMA, supports_response=optional)
    register(DOMAIN, "assign_card", _async_assign_card, schema=ASSIGN_CARD_SCHEMA, supports_response=optional)


# --- who it is for ----------------------------------------------------------------------------------------------


async def async_person_for(call: ServiceCall, building: RunningBuilding) -> tuple[Caller, Resident]:
    """The person who calls, and the resident it is for; automations are refused.

    Raises:
        ServiceValidationError: nobody stands behind the call, or somebody who may not ask for this resident.
    """
    caller = await async_person(call, building)
    return caller, _resident_of(building, caller, call.data.get(ATTR_RESIDENT))


async def async_person(call: ServiceCall, building: RunningBuilding) -> Caller:
    """The person who calls; automations are refused."""
    caller = await async_caller(call.hass, building, call.context)
    require_person(caller)
    return caller


def _resident_of(building: RunningBuilding, caller: Caller, named: str | None) -> Resident:
    """The resident a call is for: by id, by name, or the caller themself when none is named.

    Only an admin or the resident may ask; to anyone else every name is as unknown as a wrong one would be.
    """
    if named is None:
        if caller.resident is None:
            raise refusal("resident_missing")
        return caller.resident
    found = [
        resident
        for resident in building.residents.values()
        if named == resident.id or named.strip().casefold() == resident.name.casefold()
    ]
    resident = found[0] if len(found) == 1 else None
    require_admin_or(caller, resident, "not_your_resident")
    if resident is None:
        raise refusal("resident_ambiguous" if found else "resident_unknown")
    return resident


def _card_of(building: RunningBuilding, caller: Caller, named: str) -> CardRecord:
    """The card a call is for, by id or label, of those the caller may know of."""
    own = None if caller.resident is None else caller.resident.id
    cards = [card for card in building.cards.enrolled if caller.is_admin or card.resident_id == own]
    found = [card for card in cards if card.id == named]
    if not found:
        found = [card for card in cards if card.label and card.label.casefold() == named.strip().casefold()]
    if len(found) != 1:
        raise refusal("card_ambiguous" if found else "card_unknown")
    return found[0]


# --- looking ----------------------------------------------------------------------------------------------------


async def _async_list_cards(call: ServiceCall) -> ServiceResponse:
    """All cards and the unknown ones to an admin who names nobody; else one resident's."""
    building = building_of(call)
    caller = await async_person(call, building)
    if caller.is_admin and ATTR_RESIDENT not in call.data:
        cards: list[Any] = [_told(building, card) for card in building.cards.enrolled]
        unknown: list[Any] = [_unknown_told(building, card) for card in building.cards.unknown_now]
        return {"cards": cards, "unknown_cards": unknown}
    resident = _resident_of(building, caller, call.data.get(ATTR_RESIDENT))
    return {"cards": [_told(building, card) for card in building.cards.enrolled if card.resident_id == resident.id]}


def _told(building: RunningBuilding, card: CardRecord) -> dict[str, Any]:
    resident = building.residents.get(card.resident_id)
    quiet = card.quiet
    return {
        "card": card.id,
        "label": card.label,
        "resident": None if resident is None else resident.name,
        "resident_id": card.resident_id,
        "blocked": card.blocked,
        "weak": card.weak,
        "month_kwh": _kwh(card.month_wh),
        "money_month_kwh": _kwh(card.money_month_wh),
        "quiet_from": None if quiet is None else quiet.start.isoformat("minutes"),
        "quiet_to": None if quiet is None else quiet.end.isoformat("minutes"),
        "added_at": time_said(card.added_at),
        "used_at": time_said(card.used_at),
    }


def _kwh(wh: int | None) -> float | None:
    return None if wh is None else wh / 1000


def _unknown_told(building: RunningBuilding, card: UnknownCard) -> dict[str, Any]:
    stall = building.stalls.get(card.stall_id)
    return {
        "unknown_card": card.id,
        "stall": None if stall is None else stall.config.name,
        "at": rfc3339(card.at),
        "times": card.times,
        "last_digits": card.tail,
    }


def time_said(at: datetime | None) -> str | None:
    """A time as answers tell it."""
    return None if at is None else rfc3339(at)


# --- changing ---------------------------------------------------------------------------------------------------


async def _async_block_card(call: ServiceCall) -> None:
    # An admin's block is the manager's, also of a card that its holder blocked before.
    await _async_change(call, lambda card: replace(card, blocked=True, blocked_by_holder=False))


async def _async_unblock_card(call: ServiceCall) -> None:
    await _async_change(call, lambda card: replace(card, blocked=False))


async def _async_change_card(call: ServiceCall) -> None:
    data = call.data

    def changed(card: CardRecord) -> CardRecord:
        if ATTR_LABEL in data:
            card = replace(card, label=data[ATTR_LABEL])
        if ATTR_MONTH_KWH in data:
            card = replace(card, month_wh=data[ATTR_MONTH_KWH] * 1000)
        if ATTR_QUIET_FROM in data:
            card = replace(card, quiet=_quiet(data[ATTR_QUIET_FROM], data[ATTR_QUIET_TO]))
        if data[ATTR_NO_MONTH_LIMIT]:
            card = replace(card, month_wh=None)
        return replace(card, quiet=None) if data[ATTR_NO_QUIET_HOURS] else card

    await _async_change(call, changed)


def _quiet(start: time, end: time) -> Hours:
    return Hours(start=start.replace(second=0, microsecond=0), end=end.replace(second=0, microsecond=0))


async def _async_change(call: ServiceCall, changed: Callable[[CardRecord], CardRecord]) -> None:
    building = building_of(call)
    caller = await async_person(call, building)
    card = changed(_card_of(building, caller, call.data[ATTR_CARD]))
    await _written(
        building.cards.change(
            card.id,
            label=card.label,
            blocked=card.blocked,
            month_wh=card.month_wh,
            quiet=card.quiet,
            blocked_by_holder=card.blocked_by_holder,
            by=_as_holder(caller),
        )
    )


def _as_holder(caller: Caller) -> ResidentId | None:
    """Who asks about a card of theirs; None: an admin, who may everything."""
    return None if caller.is_admin or caller.resident is None else caller.resident.id


async def _async_remove_card(call: ServiceCall) -> None:
    building = building_of(call)
    caller = await async_person(call, building)
    card = _card_of(building, caller, call.data[ATTR_CARD])
    await _written(building.cards.remove(card.id, _as_holder(caller)))


async def _async_remove_cards(call: ServiceCall) -> ServiceResponse:
    building = building_of(call)
    caller, resident = await async_person_for(call, building)
    return {"removed": await _written(building.cards.remove_all(resident.id, _as_holder(caller)))}


async def _async_assign_card(call: ServiceCall) -> ServiceResponse:
    """An unknown card is nobody's, so nobody but an admin says whose it is."""
    building = building_of(call)
    caller = await async_person(call, building)
    require_admin_or(caller, None, "admin_required")
    resident = _resident_of(building, caller, call.data[ATTR_RESIDENT])
    try:
        assigning = building.cards.assign(call.data[ATTR_UNKNOWN], resident.id, call.data[ATTR_LABEL])
        return {"card": await _written(assigning)}
    except CardConflict as error:
        raise refusal("card_taken") from error


async def _written[T](change: Awaitable[T]) -> T:
    """Wait until a change is in the journal; it may have been too late, or the disk may refuse."""
    try:
        return await change
    except NotInBuilding as error:
        raise refusal("card_unknown") from error
    except NotForHolder as error:
        raise refusal("card_managers") from error
    except JournalError as error:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="journal_failed") from error
