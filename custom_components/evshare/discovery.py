"""Wall connectors that show themselves on the network: which model each is, and whether a stall has it already.

A stall knows its connector again by its serial number, its network card (MAC) or the name it announces (mDNS), and
follows it to another address, unless another answers there. Nothing is written to a box that was found: it is asked
who it is, without the stall's password, no more. Whatever stands at a stall's address, the driver asks for its serial
number before it writes anything.

Serial numbers and names are anybody's to announce. So a stall whose password HTTP shows as it is (basic, a token in a
header) is followed by itself only by a network card that it was known by before; else an admin is asked (``moved.py``).
Who can pretend to be that card can also listen at the old address.

A MAC or name is learnt where the serial number proves it, or where the stall's connector answers at that very address;
so most makes are followed, also those that show themselves by nothing one could look for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from fnmatch import fnmatchcase
from ipaddress import ip_address
from typing import Final

from homeassistant.config_entries import ConfigEntry, ConfigEntryState, ConfigSubentry
from homeassistant.const import CONF_HOST, CONF_MAC, CONF_PASSWORD, CONF_PORT, CONF_TOKEN, CONF_USERNAME
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.device_registry import format_mac
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

from .building.wiring import own_profiles_folder
from .connectors.ports import ConnectorError, NotAllowed, WrongDevice
from .connectors.profile import OWN, Profile, ProfileError, available_profiles, load_profile
from .const import (
    CONF_CONNECTOR,
    CONF_CONTACTOR,
    CONF_MAX_CURRENT_A,
    CONF_MDNS,
    CONF_METER,
    CONF_PHASE_MAP,
    CONF_SERIAL,
    CONF_UNIT_ID,
    CONNECTOR_ENTITIES,
    CONNECTOR_OCPP,
    DOMAIN,
    SUBENTRY_STALL,
)
from .devices import EvshareConfigEntry
from .model import StallId
from .moved import Moved, async_follow, async_seen_elsewhere
from .sighting import CannotLook, async_identify

_SERIALS: Final = {
    "_http._tcp.local.": "sn",
    "_nrgkick._tcp.local.": "serial_number",
    "_openevse._tcp.local.": "id",
}
"""What the serial number is called in announcements: by Peblar, NRGkick (home-assistant/core, their config flows) and
OpenEVSE (its firmware, net_manager.cpp)."""
_SECRETS: Final = frozenset({CONF_PASSWORD, CONF_TOKEN})
_BARED: Final = _SECRETS | {CONF_USERNAME, CONF_SERIAL}
"""Settings of a stall without which it is asked who is there."""
_DIGEST: Final = "digest"
"""The one way to sign in that does not tell the password to whoever asks for it."""

DHCP: Final = "dhcp"
LEARN_EVERY: Final = timedelta(hours=1)
"""Home Assistant scans the network about so often."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A box that showed itself."""

    host: str
    """Its address."""
    hostname: str
    profile: Profile | None
    """The model whose facts fit; None for a network card that a stall is known by."""
    mac: str | None = None
    mdns: str | None = None
    """The name it announces, in lower case."""
    serial: str | None = None

    @property
    def id(self) -> str:
        """Names the box over restarts and addresses."""
        return f"box:{self.mac or self.mdns or self.host}"

    @property
    def seen_as(self) -> dict[str, str]:
        """What a stall keeps to know it again."""
        return {key: value for key, value in ((CONF_MAC, self.mac), (CONF_MDNS, self.mdns)) if value is not None}


class NotOurs(Exception):
    """What answers is no wall connector of the model it looked like."""


async def async_found_by_dhcp(hass: HomeAssistant, info: DhcpServiceInfo) -> Found:
    """What asked for an address."""
    hostname, mac = info.hostname.lower(), info.macaddress.lower().replace(":", "")
    profile = await hass.async_add_executor_job(_fitting, {"hostname": hostname, "macaddress": mac})
    return Found(host=info.ip, hostname=hostname, profile=profile, mac=format_mac(mac))


async def async_found_by_zeroconf(hass: HomeAssistant, info: ZeroconfServiceInfo) -> Found:
    """What announced itself."""
    # The one of them that is told first changes; an IPv4 address is what connectors are set up with.
    host = next((str(address) for address in info.ip_addresses if address.version == 4), info.host)
    name = info.name.lower()
    shown = {"zeroconf_type": info.type, "zeroconf_name": name}
    serial = info.properties.get(_SERIALS.get(info.type, ""))
    return Found(
        host=host,
        hostname=info.hostname.lower().rstrip("."),
        profile=await hass.async_add_executor_job(_fitting, shown),
        mdns=name,
        serial=str(serial) if serial else None,
    )


async def async_is_known(hass: HomeAssistant, found: Found) -> bool:
    """Whether a stall has this box. If so, its address and what it is known by are brought up to date.

    Raises:
        NotOurs: another device than its model answers.
        ConnectorError: nobody answers, so that nobody can tell.
    """
    known = [place for place in _stalls(hass) if _is(*place, found)]
    if not known:
        found = await _async_asked(hass, found)
        known = [place for place in _stalls(hass) if _is(*place, found)]
    for entry, stall in known:
        await _async_keep_up(hass, entry, stall, found)
    return bool(known) or _otherwise_known(hass, found)


@callback
def async_follow_cards(hass: HomeAssistant, entry: EvshareConfigEntry) -> CALLBACK_TYPE:
    """Learn the network cards of connectors that answer, as Home Assistant's DHCP saw them; returns what ends it."""
    building = entry.runtime_data
    answering: object = None

    @callback
    def look() -> None:
        nonlocal answering
        now = [(stall.config.id, stall.state.online, stall.identity) for stall in building.stalls.values()]
        if now != answering:
            answering = now
            _learn_cards(hass, entry)

    @callback
    def learn(_now: datetime) -> None:
        _learn_cards(hass, entry)

    stop_looking = building.subscribe(look)
    stop_learning = async_track_time_interval(hass, learn, LEARN_EVERY, cancel_on_shutdown=True)
    look()

    @callback
    def stop() -> None:
        stop_looking()
        stop_learning()

    return stop


@callback
def _learn_cards(hass: HomeAssistant, entry: EvshareConfigEntry) -> None:
    if DHCP not in hass.config.components:
        return
    # Imported late: without it what it needs may not be installed.
    from homeassistant.components.dhcp import async_discovered_service_info

    seen = [(info.ip, format_mac(info.macaddress)) for info in async_discovered_service_info(hass)]
    for stall in entry.get_subentries_of_type(SUBENTRY_STALL):
        if stall.data.get(CONF_MAC) is None and _answers(entry, stall):
            macs = {mac for ip, mac in seen if ip == stall.data.get(CONF_HOST)}
            if len(macs) == 1:  # an address that was somebody else's before tells nothing
                hass.config_entries.async_update_subentry(entry, stall, data={**stall.data, CONF_MAC: macs.pop()})


async def _async_asked(hass: HomeAssistant, found: Found) -> Found:
    """The same with the serial number that the box tells, if it tells one to everybody."""
    profile = found.profile
    if profile is None or profile.contactor or found.serial is not None or profile.transport.auth_required:
        return found
    if "serial" not in profile.points:
        return found
    settings = {
        CONF_CONNECTOR: profile.id,
        CONF_HOST: found.host,
        CONF_PORT: profile.transport.port,
        CONF_UNIT_ID: profile.transport.unit_id if profile.transport.is_modbus else None,
        CONF_MAX_CURRENT_A: 16 if profile.set_current is None else profile.set_current.min_a,
        CONF_PHASE_MAP: [1, 2, 3],
        CONF_CONTACTOR: None,
        CONF_METER: None,
    }
    try:
        identity = await async_identify(hass, settings)
    except NotAllowed:
        return found  # its owner knows the password
    except WrongDevice as error:
        raise NotOurs(str(error)) from error
    except (CannotLook, TimeoutError) as error:
        raise ConnectorError(str(error) or type(error).__name__) from error
    return replace(found, serial=identity.serial)


def _fitting(shown: Mapping[str, str]) -> Profile | None:
    """The model that shows itself like this. Reads the disk."""
    for profile_id in available_profiles():
        profile = load_profile(profile_id)
        for fact in profile.discovery:
            patterns = {
                "hostname": fact.hostname,
                "macaddress": fact.macaddress,
                "zeroconf_type": fact.zeroconf_type,
                "zeroconf_name": fact.zeroconf_name,
            }
            wanted = {key: pattern for key, pattern in patterns.items() if pattern is not None}
            if all(fnmatchcase(shown.get(key, ""), pattern) for key, pattern in wanted.items()):
                return profile
    return None


def _stalls(hass: HomeAssistant) -> Iterator[tuple[ConfigEntry, ConfigSubentry]]:
    """Every stall of every building that is reached at an address."""
    for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False):
        for stall in entry.get_subentries_of_type(SUBENTRY_STALL):
            if stall.data.get(CONF_HOST) and stall.data[CONF_CONNECTOR] not in (CONNECTOR_ENTITIES, CONNECTOR_OCPP):
                yield entry, stall


def _otherwise_known(hass: HomeAssistant, found: Found) -> bool:
    """Whether a stall has it that is not followed: by entities or OCPP, or one that is set up where it was found."""
    if found.serial is None:
        return any(_at(stall, found) for _, stall in _stalls(hass))
    return any(
        stall.data.get(CONF_SERIAL) == found.serial
        and stall.data[CONF_CONNECTOR] in (CONNECTOR_ENTITIES, CONNECTOR_OCPP)
        for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False)
        for stall in entry.get_subentries_of_type(SUBENTRY_STALL)
    )


def _is(entry: ConfigEntry, stall: ConfigSubentry, found: Found) -> bool:
    """Whether the connector of a stall is the box that was found."""
    data = stall.data
    if found.mac is not None and found.mac == data.get(CONF_MAC):
        return True
    if found.mdns is not None and found.mdns == data.get(CONF_MDNS):
        return True
    if not _same_make(stall, found):
        return False
    if found.serial is not None and data.get(CONF_SERIAL) is not None:
        return found.serial == str(data[CONF_SERIAL])
    if str(data[CONF_HOST]).lower() in (found.hostname, found.hostname.partition(".")[0]):
        return True
    return _at(stall, found) and _answers(entry, stall)


def _same_make(stall: ConfigSubentry, found: Found) -> bool:
    """Whether the numbers of both are of one maker; of a model of the owner's own nobody knows."""
    connector: str = stall.data[CONF_CONNECTOR]
    if found.profile is None:
        return False
    return connector.startswith(OWN) or connector.partition("_")[0] == found.profile.id.partition("_")[0]


def _at(stall: ConfigSubentry, found: Found) -> bool:
    """Whether the stall is set up at the address where the box was found."""
    return found.host == str(stall.data[CONF_HOST]) and _same_make(stall, found)


@callback
def _answers(entry: ConfigEntry, stall: ConfigSubentry) -> bool:
    """Whether the stall's connector answers at the moment, so that nobody else is at its address."""
    if entry.state is not ConfigEntryState.LOADED:
        return False
    running = entry.runtime_data.stalls.get(StallId(stall.subentry_id))
    return running is not None and running.state.online and not running.state.dark and running.identity is not None


async def _async_keep_up(hass: HomeAssistant, entry: ConfigEntry, stall: ConfigSubentry, found: Found) -> None:
    """Take over what the box is known by and its address, unless the owner named that by a name."""
    secret = await _async_secret(hass, stall)
    seen_as = dict(found.seen_as)
    if secret is not _Secret.NONE:
        seen_as.pop(CONF_MAC, None)  # by that it is followed: learnt only where it answers (`_learn_cards`)
    before: str = stall.data[CONF_HOST]
    if before == found.host or not _is_address(before) or await _async_still_there(hass, stall):
        hass.config_entries.async_update_subentry(entry, stall, data={**stall.data, **seen_as})
        return
    there = await _async_asked_there(hass, stall, found.host)
    if there is _There.ANOTHER:
        return
    known_card = found.mac is not None and found.mac == stall.data.get(CONF_MAC)
    if known_card or secret is _Secret.NONE or (secret is _Secret.KEPT and there is _There.IT_IS):
        async_follow(hass, entry, stall, found.host, seen_as)
        return
    moved = Moved(before=before, host=found.host, seen_as=found.seen_as)
    async_seen_elsewhere(hass, StallId(stall.subentry_id), moved)
    if entry.state is ConfigEntryState.LOADED:
        entry.runtime_data.look_again()


class _Secret(Enum):
    """What becomes of a stall's password at whoever is asked with it."""

    NONE = auto()
    """It has none."""
    KEPT = auto()
    SHOWN = auto()


async def _async_secret(hass: HomeAssistant, stall: ConfigSubentry) -> _Secret:
    if not any(stall.data.get(key) for key in _SECRETS):
        return _Secret.NONE
    try:
        profile = await hass.async_add_executor_job(load_profile, stall.data[CONF_CONNECTOR], own_profiles_folder(hass))
    except ProfileError:
        return _Secret.SHOWN
    return _Secret.KEPT if profile.transport.auth == _DIGEST else _Secret.SHOWN


class _There(Enum):
    """Who answers where a stall's connector was found, as far as he says without its password."""

    IT_IS = auto()
    ANOTHER = auto()
    """By his serial number."""
    UNTOLD = auto()
    """Nobody yet, or he does not say, as a box that has just started may not."""


async def _async_asked_there(hass: HomeAssistant, stall: ConfigSubentry, host: str) -> _There:
    known = stall.data.get(CONF_SERIAL)
    bare = {key: value for key, value in stall.data.items() if key not in _BARED} | {CONF_HOST: host}
    try:
        identity = await async_identify(hass, bare)
    except ConnectorError, CannotLook, TimeoutError:
        return _There.UNTOLD
    if known is None or identity.serial is None:
        return _There.UNTOLD
    return _There.IT_IS if identity.serial == str(known) else _There.ANOTHER


async def _async_still_there(hass: HomeAssistant, stall: ConfigSubentry) -> bool:
    """Whether the connector answers at its old address as well: a box with two addresses stays where it is."""
    if stall.data.get(CONF_SERIAL) is None:
        return False  # who answers there may be another of the same model
    try:
        identity = await async_identify(hass, stall.data)
    except ConnectorError, CannotLook, TimeoutError:
        return False
    return identity.serial == str(stall.data[CONF_SERIAL])


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
