"""A resident's cars that tell the wall connector who they are: let them charge by that, learn one, forget one.

Off until an admin switches it on, and what it risks stands above the switch. No identifier is shown.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from homeassistant.config_entries import SubentryFlowResult
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
import probatio

from .access import CarRecord
from .building.cards import MAX_LABEL
from .building.errors import NoEvId, NotInBuilding, NotTheirs
from .building.running import RunningBuilding
from .card_steps import CONF_LABEL, CONF_STALL, CardSteps, day
from .const import CONF_EV_IDS
from .journal import CarConflict, JournalError
from .model import CarId, StallId
from .words import Words, async_words

CONF_FORGET: Final = "forget"


class EvIdSteps(CardSteps):
    """The step for a resident's cars that tell an identifier, while their building runs."""

    @property
    def _ev_id_option(self) -> list[str]:
        """The menu's option, where there is anything to choose."""
        building = self._building
        known = building is not None and bool(building.known_cars.of(self._resident_id) or _stalls(building))
        return ["ev_id"] if known else []

    async def async_step_ev_id(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Let cars in by their identifier, or no longer; learn the one that is plugged in, forget others."""
        building, resident = self._building, self._get_reconfigure_subentry()
        if building is None:
            return self.async_abort(reason="card_gone")
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                errors = await self._async_change_cars(building, user_input)
            except JournalError:
                return self.async_abort(reason="journal_failed")
            if not errors:
                data = {**resident.data, CONF_EV_IDS: user_input[CONF_EV_IDS]}
                return self.async_update_and_abort(self._get_entry(), resident, data=data)
        cars = building.known_cars.of(self._resident_id)
        words = await async_words(self.hass)
        return self.async_show_form(
            step_id="ev_id",
            data_schema=self.add_suggested_values_to_schema(
                _schema(_stalls(building), cars, words), resident.data if user_input is None else user_input
            ),
            errors=errors,
            description_placeholders={"resident": resident.title},
        )

    async def _async_change_cars(self, building: RunningBuilding, user_input: Mapping[str, Any]) -> dict[str, str]:
        """Learn and forget; returns field -> error key, and then nothing was changed. Raises `JournalError`."""
        label = str(user_input.get(CONF_LABEL) or "").strip()
        if len(label) > MAX_LABEL or not label.isprintable():
            return {CONF_LABEL: "label_wrong"}
        if stall_id := user_input.get(CONF_STALL):
            if not user_input[CONF_EV_IDS]:
                return {CONF_EV_IDS: "ev_ids_off"}
            try:
                await building.known_cars.learn(self._resident_id, StallId(stall_id), label)
            except (NoEvId, NotTheirs, CarConflict, NotInBuilding) as error:
                return {CONF_STALL: _WHY_NOT[type(error)]}
        for car_id in user_input.get(CONF_FORGET, ()):
            with suppress(NotInBuilding):  # somebody else was quicker
                await building.known_cars.remove(CarId(car_id))
        return {}


_WHY_NOT: Final[Mapping[type[Exception], str]] = {
    NoEvId: "no_ev_id",
    NotTheirs: "not_their_car",
    CarConflict: "car_known",
    NotInBuilding: "stall_gone",
}


def _stalls(building: RunningBuilding) -> dict[StallId, str]:
    """The stalls whose connectors tell identifiers of cars: id to name."""
    return {stall_id: stall.config.name for stall_id, stall in building.stalls.items() if stall.connector.ports.ev_id}


def _schema(stalls: Mapping[StallId, str], cars: list[CarRecord], words: Words) -> probatio.Schema:
    fields: dict[probatio.Marker, Any] = {probatio.Required(CONF_EV_IDS, default=False): BooleanSelector()}
    if stalls:
        options = [SelectOptionDict(value=stall_id, label=name) for stall_id, name in stalls.items()]
        fields[probatio.Optional(CONF_STALL)] = _choice(options)
        fields[probatio.Optional(CONF_LABEL)] = TextSelector()
    if cars:
        options = [SelectOptionDict(value=car.id, label=_line(car, words)) for car in cars]
        fields[probatio.Optional(CONF_FORGET)] = _choice(options, multiple=True)
    return probatio.Schema(fields)


def _line(car: CarRecord, words: Words) -> str:
    """A car in one line."""
    name = car.label or words("car_line", "nameless")
    if car.used_at is not None:
        return f"{name}, {words('card_line', 'used')} {day(car.used_at)}"
    return name if car.added_at is None else f"{name}, {words('card_line', 'unused')} {day(car.added_at)}"


def _choice(options: list[SelectOptionDict], *, multiple: bool = False) -> SelectSelector:
    mode = SelectSelectorMode.LIST if multiple else SelectSelectorMode.DROPDOWN
    return SelectSelector(SelectSelectorConfig(options=options, multiple=multiple, mode=mode))
