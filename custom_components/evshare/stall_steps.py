"""What all ways of adding a stall share: its form with the checks, a live look at it, and keeping it.

A way (a profile of the list, entities of Home Assistant, an OCPP box) is a mixin on `StallSteps`: it asks its own
questions, sets `_way`, shows its form with `_show_form` and hands what was typed to `_async_filled`. What was seen is
shown and tried in ``seen_steps.py``.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigSubentry, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_HOST, CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er

from .const import (
    CONF_CONTACTOR,
    CONF_FUSE_A,
    CONF_MAX_CURRENT_A,
    CONF_METER,
    CONF_PHASES,
    CONF_POINT,
    CONF_READER_SIGNAL,
    CONF_SERIAL,
    CONF_TAG_READER,
    DOMAIN,
    SUBENTRY_RESIDENT,
    SUBENTRY_STALL,
)
from .meters import meter_errors
from .sighting import CannotLook, Sighting, Unseen, async_look
from .stall_form import (
    CONF_LOOK_AGAIN,
    EXCLUSIVE,
    SECRETS,
    TAKEN_OVER,
    Fields,
    field_of,
    part_errors,
    shared_settings,
    stall_schema,
)

PHONES: Final = "mobile_app"
"""The integration of Home Assistant's phone app."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """What the shared steps must know of the way a stall is added."""

    form_step: str
    """The step whose form holds the settings: there wrong ones are corrected."""
    label: str
    """What hangs on the wall, in the texts."""
    highest_a: int
    """The most its connector can be told."""
    no_register: str = "missing"
    """Why it has no register to bill from, where it has none (`NoRegister`)."""
    throttled: bool = False
    """Its current may be set by an emulated meter (Tesla)."""
    looking: str = "look"
    """What is told while it is looked at (`progress` in the translations)…"""
    told: Mapping[str, str] = field(default_factory=dict)
    """…with these words in it."""


class StallSteps(ConfigSubentryFlow):
    """The shared steps; a way sets `_way` before it shows its form."""

    def __init__(self) -> None:
        self._way: Way | None = None
        self._name = ""
        self._data: dict[str, Any] = {}
        """The stall's settings, as the subentry will keep them."""
        self._address = ""
        """Names the connector as long as it tells no serial number."""
        self._typed: Mapping[str, Any] = {}
        """What its form shows filled in."""
        self._errors: dict[str, str] = {}
        self._seen_as: Mapping[str, str] = {}
        """By what the connector shows itself on the network, where that is known…"""
        self._seen_at: str | None = None
        """…and at which address it did."""
        self._look: asyncio.Task[Sighting] | None = None
        self._sighting: Sighting | None = None

    # --- its form ----------------------------------------------------------------------------------------------

    def _show_form(self, own: Fields, placeholders: Mapping[str, str] | None = None) -> SubentryFlowResult:
        """Show the form of `_way`: its `own` fields among those of every stall, filled in with `_typed`."""
        way, errors = self._known_way, self._errors
        self._errors = {}
        phases = self._get_entry().data[CONF_PHASES]
        known = self.source == SOURCE_RECONFIGURE
        schema = stall_schema(
            own,
            highest_a=way.highest_a,
            phases=phases,
            residents=self._residents(),
            throttled=way.throttled,
            known=known,
        )
        # What is wrong with a setting of another page is told at the top of this one.
        errors = {field if field in schema.schema else "base": error for field, error in errors.items()}
        return self.async_show_form(
            step_id=way.form_step,
            data_schema=self.add_suggested_values_to_schema(schema, self._typed),
            errors=errors,
            description_placeholders={"connector": way.label, **(placeholders or {})},
            last_step=False,
        )

    async def _async_filled(
        self, user_input: Mapping[str, Any], own: Mapping[str, Any], *, address: str, errors: Mapping[str, str]
    ) -> SubentryFlowResult | None:
        """Take over a filled form: check it, then look at the connector.

        `own` are the way's own settings, `CONF_CONNECTOR` among them; `errors` what is wrong with them (field ->
        error key); `address` what names the connector as long as it tells no serial number. None: something is
        wrong, show the form again.
        """
        self._typed = {key: value for key, value in user_input.items() if key not in SECRETS}
        self._name = user_input[CONF_NAME].strip()
        self._data = {**own, **shared_settings(user_input)}
        self._address = address
        self._errors = {**self._wrong_settings(), **errors}
        if self._errors:
            return None
        if self.source == SOURCE_RECONFIGURE:
            before = self._get_reconfigure_subentry().data
            typed = {**self._seen_as, **self._data}
            changed = {key for key in {*before, *typed} if typed.get(key) != before.get(key)}
            if changed <= TAKEN_OVER and not user_input.get(CONF_LOOK_AGAIN):
                return self._keep(before.get(CONF_SERIAL))
        return await self.async_step_look()

    @property
    def _settings_before(self) -> Mapping[str, Any]:
        """What is known of the stall when its form is filled in: secrets left empty are kept from it."""
        known = self._get_reconfigure_subentry().data if self.source == SOURCE_RECONFIGURE else {}
        return {**known, **self._data}

    def _wrong_settings(self) -> dict[str, str]:
        """Field -> error key, for what every stall has and what can be told without asking the connector."""
        entry, data = self._get_entry(), self._data
        errors = meter_errors(self.hass, data, energy=(CONF_METER,)) | part_errors(data)
        if not self._name:
            errors[CONF_NAME] = "name_missing"
        if data[CONF_MAX_CURRENT_A] > entry.data[CONF_FUSE_A]:
            errors[CONF_MAX_CURRENT_A] = "above_fuse"
        if data[CONF_CONTACTOR] is not None and self.hass.states.get(data[CONF_CONTACTOR]) is None:
            errors[CONF_CONTACTOR] = "entity_unknown"
        if data[CONF_TAG_READER] is not None and _is_phone(self.hass, data[CONF_TAG_READER]):
            errors[CONF_TAG_READER] = "reader_is_phone"
        if CONF_READER_SIGNAL in data and self._moves_energy(data[CONF_READER_SIGNAL]):
            errors[field_of(CONF_READER_SIGNAL)] = "signal_is_lock"
        for other in self._others():
            if self._name.casefold() == other.title.casefold():
                errors[CONF_NAME] = "name_taken"
            if data[CONF_CONTACTOR] is not None and data[CONF_CONTACTOR] == other.data.get(CONF_READER_SIGNAL):
                errors[CONF_CONTACTOR] = "used_elsewhere"
            errors |= {
                field_of(key): "used_elsewhere"
                for key in EXCLUSIVE
                if data.get(key) and data[key] == other.data.get(key)
            }
        return errors

    def _moves_energy(self, entity_id: str) -> bool:
        """Whether something is an entity of ours, or does something else at a stall: no lamp beside a card reader."""
        entity = er.async_get(self.hass).async_get(entity_id)
        if entity is not None and entity.platform == DOMAIN:
            return True
        used = [self._data, *(other.data for other in self._others())]
        return any(
            value == entity_id or (isinstance(value, Mapping) and entity_id in value.values())
            for data in used
            for key, value in data.items()
            if key != CONF_READER_SIGNAL
        )

    def _residents(self) -> dict[str, str]:
        """The residents of this building: id to name."""
        residents = self._get_entry().get_subentries_of_type(SUBENTRY_RESIDENT)
        return {resident.subentry_id: resident.title for resident in residents}

    def _others(self) -> list[ConfigSubentry]:
        """The other stalls of this building."""
        present = self._get_reconfigure_subentry() if self.source == SOURCE_RECONFIGURE else None
        return [stall for stall in self._get_entry().get_subentries_of_type(SUBENTRY_STALL) if stall is not present]

    # --- a look at it ------------------------------------------------------------------------------------------

    async def async_step_look(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Talk to the connector; behind a contactor this takes as long as the connector takes to boot."""
        if self._look is None:
            # A stall that already runs is the building's to energise: it is only looked at.
            energise = self.source != SOURCE_RECONFIGURE
            look = async_look(self.hass, self._get_entry(), self._data, energise=energise)
            self._look = self.hass.async_create_task(look, "evshare look at a connector", eager_start=False)
        if not self._look.done():
            return self.async_show_progress(
                step_id="look",
                progress_action=self._known_way.looking,
                progress_task=self._look,
                description_placeholders=self._known_way.told,
            )
        look_done, self._look = self._look, None
        return self.async_show_progress_done(next_step_id=self._after_look(look_done))

    def _after_look(self, look: asyncio.Task[Sighting]) -> str:
        form_step = self._known_way.form_step
        try:
            self._sighting = look.result()
        except CannotLook as error:
            if error.cause is Unseen.UNPOWERED and self.source == SOURCE_RECONFIGURE:
                return "unseen"
            self._errors = {error.field or "base": error.cause.value}
            return form_step
        self._errors = self._wrong_identity(self._sighting)
        if self._errors:
            return form_step
        if self._taken(self._unique_id(self._sighting.identity.serial)):
            return "duplicate"
        return "confirm" if self._sighting.ports.register else "confirm_unbilled"

    def _wrong_identity(self, seen: Sighting) -> dict[str, str]:
        if self.source != SOURCE_RECONFIGURE:
            return {}
        known = self._get_reconfigure_subentry().data.get(CONF_SERIAL)
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

    # --- keeping it --------------------------------------------------------------------------------------------

    def _unique_id(self, serial: str | None) -> str:
        """The connector's serial number, where it tells none its address; and which point of a box with several."""
        if serial is None or (point := self._data.get(CONF_POINT)) is None:
            return f"stall:{serial or self._address}"
        return f"stall:{serial}:{point}"

    def _keep(self, serial: str | None) -> SubentryFlowResult:
        """End the flow with the stall as it was typed and seen."""
        data = {**self._data, CONF_SERIAL: serial}
        if serial is not None or data.get(CONF_HOST) == self._seen_at:
            data |= self._seen_as
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
    def _known_way(self) -> Way:
        assert self._way is not None, "set by the steps of the way"
        return self._way


def _is_phone(hass: HomeAssistant, device_id: str) -> bool:
    """Whether a device is somebody's phone: its owner can make it say any tag, from anywhere."""
    device = dr.async_get(hass).async_get(device_id)
    return device is not None and any(identifier[0] == PHONES for identifier in device.identifiers)
