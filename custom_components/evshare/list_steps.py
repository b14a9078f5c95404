"""Adding a stall whose connector is one of the list: which model it is, and where."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from homeassistant.config_entries import SubentryFlowResult
from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, CONF_TOKEN, CONF_USERNAME
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    SerialPortSelector,
    TextSelector,
)
import probatio

from .building.wiring import own_profiles_folder
from .connectors.profile import OWN, Profile, ProfileError, available_profiles, load_profile, own_profiles
from .connectors.profile_values import Support
from .const import CONF_CONNECTOR, CONF_POINT, CONF_SERIAL_PORT, CONF_TRANSPORT, CONF_UNIT_ID
from .stall_form import MAX_UNCONTROLLED_A, SECRET_FIELD, Fields, kept_secret, seen_as, whole
from .stall_steps import StallSteps, Way
from .words import Words, async_words

ASCII: Final = "modbus_ascii"
ASCII_OVER_TCP: Final = "modbus_ascii_over_tcp"
"""A transport of profiles that is two for people: on a serial line of this machine, or through a gateway."""
ON_A_LINE: Final = frozenset({"modbus_rtu", ASCII})
"""Reached through a serial line of this machine; everything else has a host and a port."""
SEPARATOR: Final = "|"
THROTTLED: Final = "tesla_twc3"
"""The profile whose current an emulated meter can set."""


class ListSteps(StallSteps):
    """The steps of a connector that has a profile."""

    _profile: Profile | None = None
    _reach = ""
    """By which of the profile's transports; `ASCII_OVER_TCP` is told apart."""
    _point = 1

    async def async_step_from_list(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask which wall connector it is."""
        errors, why = {}, {}
        profiles = await self.hass.async_add_executor_job(_profiles)
        own = await self.hass.async_add_executor_job(_own_names, own_profiles_folder(self.hass))
        words = await async_words(self.hass)
        options = [*_options(profiles, words("support", "mark")), *_own_options(own, words("support", "own"))]
        if user_input is not None:
            chosen = _chosen(options, user_input.get(CONF_CONNECTOR, ""))
            try:
                if chosen is not None:
                    return await self._async_with_profile(*chosen)
                errors = {CONF_CONNECTOR: "model_unknown"}
            except ProfileError as error:
                errors, why = {CONF_CONNECTOR: "profile_broken"}, {"why": str(error)}
        # With `custom_value` the list is searched by typing; a required choice would begin with its first model.
        selector = SelectSelector(
            SelectSelectorConfig(options=options, mode=SelectSelectorMode.DROPDOWN, custom_value=True)
        )
        schema = probatio.Schema({probatio.Optional(CONF_CONNECTOR): selector})
        return self.async_show_form(
            step_id="from_list", data_schema=schema, errors=errors, description_placeholders=why, last_step=False
        )

    async def _async_change_listed(self, profile_id: str) -> SubentryFlowResult:
        """Begin to change a stall of the list."""
        try:
            return await self._async_with_profile(profile_id)
        except ProfileError as error:
            return self.async_abort(reason="profile_broken", description_placeholders={"why": str(error)})

    async def _async_begin_found(self, found: Mapping[str, Any]) -> SubentryFlowResult:
        """Begin with a model of the list that showed itself on the network."""
        self._typed = {CONF_HOST: found[CONF_HOST]}
        self._seen_as, self._seen_at = seen_as(found), found[CONF_HOST]
        return await self._async_with_profile(found[CONF_CONNECTOR])

    async def _async_with_profile(self, profile_id: str, name: str = "") -> SubentryFlowResult:
        """Go on with a model. Raises `ProfileError`."""
        folder = own_profiles_folder(self.hass)
        profile = await self.hass.async_add_executor_job(load_profile, profile_id, folder)
        self._profile = profile
        self._way = Way(
            form_step="connection",
            label=name or profile.name,
            highest_a=profile.set_current.max_a if profile.set_current else MAX_UNCONTROLLED_A,
            no_register=profile.no_register.value if profile.no_register else "missing",
            throttled=profile.id == THROTTLED,
        )
        self._reach = _reaches(profile)[0]
        self._point = 1
        if len(_reaches(profile)) > 1 or profile.transport.points_max > 1:
            return await self.async_step_reach()
        return await self.async_step_connection()

    async def async_step_reach(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask by which way the model is reached, and which connector of a box with several this is."""
        profile = self._known_profile
        if user_input is not None:
            self._reach = user_input.get(CONF_TRANSPORT, self._reach)
            self._point = int(user_input.get(CONF_POINT, 1))
            return await self.async_step_connection()
        reaches = _reaches(profile)
        fields: Fields = {}
        if len(reaches) > 1:
            fields[probatio.Required(CONF_TRANSPORT, default=reaches[0])] = SelectSelector(
                SelectSelectorConfig(options=reaches, mode=SelectSelectorMode.LIST, translation_key="transport")
            )
        if profile.transport.points_max > 1:
            fields[probatio.Required(CONF_POINT, default=1)] = whole(1, profile.transport.points_max)
        shown = {**self._typed}
        if self._typed.get(CONF_TRANSPORT) == ASCII and not self._typed.get(CONF_SERIAL_PORT):
            shown[CONF_TRANSPORT] = ASCII_OVER_TCP
        return self.async_show_form(
            step_id="reach",
            data_schema=self.add_suggested_values_to_schema(probatio.Schema(fields), shown),
            description_placeholders={"connector": self._known_way.label},
            last_step=False,
        )

    async def async_step_connection(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask how to reach it, how it is wired, and what stands in front of it."""
        profile = self._known_profile
        if user_input is not None:
            own = self._place(user_input) | _credentials(profile, user_input, self._settings_before)
            where = own[CONF_SERIAL_PORT] if CONF_SERIAL_PORT in own else f"{own[CONF_HOST]}:{own[CONF_PORT]}"
            point = f":{own[CONF_POINT]}" if CONF_POINT in own else ""
            if result := await self._async_filled(
                user_input, own, address=f"{where}:{own[CONF_UNIT_ID]}{point}", errors=_missing(profile, own)
            ):
                return result
        return self._show_form(self._fields(), {"requires": _notes(profile, await async_words(self.hass))})

    def _fields(self) -> Fields:
        """Where the connector is, by the way it is reached."""
        transport, further = self._known_profile.transport, self._point - 1
        fields: Fields = {}
        if self._reach in ON_A_LINE:
            fields[probatio.Required(CONF_SERIAL_PORT)] = SerialPortSelector()
        else:
            port = transport.port + further * transport.port_step
            fields[probatio.Required(CONF_HOST)] = TextSelector()
            fields[probatio.Required(CONF_PORT, default=port)] = whole(1, 65535)
        if transport.is_modbus:
            unit_id = transport.unit_id + further * transport.unit_id_step
            fields[probatio.Required(CONF_UNIT_ID, default=unit_id)] = whole(0, 255)
        if transport.auth in ("basic", "digest"):
            fields[probatio.Optional(CONF_USERNAME)] = TextSelector()
            fields[probatio.Optional(CONF_PASSWORD)] = SECRET_FIELD
        elif transport.auth == "header":
            fields[probatio.Optional(CONF_TOKEN)] = SECRET_FIELD
        return fields

    def _place(self, user_input: Mapping[str, Any]) -> dict[str, Any]:
        """Where the connector is, as the subentry keeps it."""
        profile = self._known_profile
        place: dict[str, Any] = {CONF_CONNECTOR: profile.id}
        if len(_reaches(profile)) > 1:
            place[CONF_TRANSPORT] = ASCII if self._reach == ASCII_OVER_TCP else self._reach
        if profile.transport.points_max > 1:
            place[CONF_POINT] = self._point
        if self._reach in ON_A_LINE:
            place[CONF_SERIAL_PORT] = user_input[CONF_SERIAL_PORT].strip()
        else:
            place |= {CONF_HOST: user_input[CONF_HOST].strip(), CONF_PORT: int(user_input[CONF_PORT])}
        return place | {CONF_UNIT_ID: int(user_input[CONF_UNIT_ID]) if profile.transport.is_modbus else None}

    @property
    def _known_profile(self) -> Profile:
        assert self._profile is not None, "chosen in the step before"
        return self._profile


def _credentials(profile: Profile, user_input: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """User and secrets, those that are there."""
    auth = profile.transport.auth
    given: dict[str, str | None] = {}
    if auth in ("basic", "digest"):
        given[CONF_USERNAME] = (user_input.get(CONF_USERNAME) or "").strip()
        given[CONF_PASSWORD] = kept_secret(user_input, CONF_PASSWORD, before)
    elif auth == "header":
        given[CONF_TOKEN] = kept_secret(user_input, CONF_TOKEN, before)
    return {key: value for key, value in given.items() if value}


def _missing(profile: Profile, own: Mapping[str, Any]) -> dict[str, str]:
    """Field -> error key, for what is needed to reach it."""
    errors = {key: f"{key}_missing" for key in (CONF_HOST, CONF_SERIAL_PORT) if own.get(key) == ""}
    if profile.transport.auth_required:
        secret = CONF_TOKEN if profile.transport.auth == "header" else CONF_PASSWORD
        if secret not in own:
            errors[secret] = f"{secret}_missing"
    return errors


def _reaches(profile: Profile) -> list[str]:
    """The ways to reach a model, as people tell them apart."""
    kinds = list(profile.transport.kinds)
    if ASCII in kinds:
        kinds.insert(kinds.index(ASCII) + 1, ASCII_OVER_TCP)
    return kinds


def _notes(profile: Profile, words: Words) -> str:
    """What must be said of a model that nobody answers for, and what the installer must have set."""
    notes = []
    if profile.support is not Support.SUPPORTED:
        notes.append(words("support", "experimental" if profile.checked else "unchecked"))
    if required := profile.required(words.language):
        notes.append("\n".join([words("support", "requires"), "", *(f"- {line}" for line in required)]))
    return "\n\n".join(notes)


def _options(profiles: Iterable[Profile], experimental: str) -> list[SelectOptionDict]:
    """Every name of every model, the experimental ones last; the list is searched by typing."""
    named: list[tuple[bool, str, str]] = []
    for profile in profiles:
        trial = profile.support is not Support.SUPPORTED
        mark = f" ({experimental})" if trial else ""
        named.append((trial, f"{profile.name}{mark}", profile.id))
        named += [
            (trial, f"{name}{mark}", f"{profile.id}{SEPARATOR}{name}") for name in profile.names if name != profile.name
        ]
    named.sort(key=lambda each: (each[0], each[1].casefold()))
    return [SelectOptionDict(value=value, label=label) for _, label, value in named]


def _chosen(options: Iterable[SelectOptionDict], typed: str) -> tuple[str, str] | None:
    """Profile and name of what was chosen, or typed out in full; None: no such model."""
    wanted = typed.strip().casefold()
    for option in options:
        value, label = option["value"], option["label"]
        if wanted in (value.casefold(), label.casefold()):
            profile_id, _, name = value.partition(SEPARATOR)
            return profile_id, name
    return None


def _own_options(names: Mapping[str, str], own: str) -> list[SelectOptionDict]:
    """The owner's own models, those that cannot be used too: choosing one says what is wrong."""
    return [SelectOptionDict(value=profile_id, label=f"{name} ({own})") for profile_id, name in names.items()]


def _own_names(folder: Path) -> dict[str, str]:
    """The owner's own profiles by id, with their names, or the names of files that cannot be used. Reads the disk."""
    names = {}
    for profile_id in own_profiles(folder):
        try:
            names[profile_id] = load_profile(profile_id, folder).name
        except ProfileError:
            names[profile_id] = f"{profile_id.removeprefix(OWN)}.yaml"
    return names


def _profiles() -> list[Profile]:
    """Every profile that comes with evshare; reads the disk."""
    return [load_profile(profile_id) for profile_id in available_profiles()]
