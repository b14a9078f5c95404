"""Cards told by another integration's entity: an event entity as Peblar has it, a sensor as OCPP has it."""

from datetime import timedelta
from typing import Any

from homeassistant.components.event import EventEntity
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockEntityPlatform, mock_component

from custom_components.evshare.model import ResidentId

from ..building.conftest import ANNAS_CARD, STRANGERS_CARD
from ..building.passing_time import Clock
from .box import SLOTS, Box
from .conftest import EntitySite, OpenSite

EVENT, SENSOR = "event.peblar_session_authorization", "sensor.cp_id_tag"
READER = {"tag_reader": None, "slots": SLOTS | {"rfid": EVENT}, "card_attribute": "token"}


class SessionAuthorization(EventEntity):
    """Peblar's event: a card was shown and its session is authorised (peblar/event.py)."""

    _attr_event_types = ["session_authorized"]  # noqa: RUF012  # as HA has it
    _attr_unique_id = "23-45-A4O-MOF_session_authorization"
    _attr_translation_key = "session_authorization"
    _attr_has_entity_name = True

    def shows(self, token: str) -> None:
        """A card is shown."""
        self._trigger_event("session_authorized", {"session_number": 7, "token": token})
        self.async_write_ha_state()


@pytest.fixture
async def reader(hass: HomeAssistant, clock: Clock) -> SessionAuthorization:
    """The event entity of a charger."""
    mock_component(hass, "peblar")
    reader = SessionAuthorization()
    reader.entity_id = EVENT
    await MockEntityPlatform(hass, domain="event", platform_name="peblar").async_add_entities([reader])
    await clock.settles()
    return reader


def in_a_session(site: EntitySite) -> bool:
    return site.stall.state.session is not None


async def test_a_card_at_the_chargers_own_reader_starts_a_session(
    box: Box, clock: Clock, reader: SessionAuthorization, open_site: OpenSite
) -> None:
    site = await open_site(**READER)
    await box.plug()
    await clock.passes(5)
    reader.shows(ANNAS_CARD)
    await clock.passes(15)
    assert box.charges
    (authorised,) = site.records("session_authorised")
    assert (authorised["resident_id"], authorised["credential_kind"]) == ("anna", "card")


async def test_a_strangers_card_starts_nothing(
    box: Box, clock: Clock, reader: SessionAuthorization, open_site: OpenSite
) -> None:
    site = await open_site(**READER)
    await box.plug()
    await clock.passes(5)
    reader.shows(STRANGERS_CARD)
    await clock.passes(60)
    assert not box.charges
    assert [each["reason"] for each in site.records("denied")] == ["unknown_card"]


async def test_a_card_that_the_charger_calls_by_a_name_is_enrolled_and_known_again(
    hass: HomeAssistant,
    box: Box,
    clock: Clock,
    reader: SessionAuthorization,
    open_site: OpenSite,
    caplog: pytest.LogCaptureFixture,
) -> None:
    site = await open_site(**READER)
    await site.building.async_enrol_card(ResidentId("anna"), site.stall.config.id)
    reader.shows("Anna's blue card")
    await clock.passes(5)
    assert not in_a_session(site)
    await box.plug()
    await clock.passes(10)
    reader.shows("Ben's red card")
    await clock.passes(10)
    assert not in_a_session(site)
    reader.shows("Anna's blue card")
    await clock.passes(15)
    assert box.charges
    ours = [state for state in hass.states.async_all() if state.entity_id != EVENT]
    assert all("blue card" not in str(state.as_dict()) for state in ours)
    assert "blue card" not in "".join(record.getMessage() for record in caplog.records if "evshare" in record.name)
    assert b"blue card" not in site.journal_path.read_bytes()


@pytest.mark.parametrize("ago_s", [5, 3600])
async def test_a_card_of_before_the_restart_starts_nothing(
    hass: HomeAssistant, box: Box, clock: Clock, open_site: OpenSite, ago_s: int
) -> None:
    shown: dict[str, Any] = {"event_type": "session_authorized", "token": ANNAS_CARD}
    at = (dt_util.utcnow() - timedelta(seconds=ago_s)).isoformat(timespec="milliseconds")
    hass.states.async_set(EVENT, at, shown)
    site = await open_site(**READER)
    await box.plug()
    await clock.passes(5)
    hass.states.async_set(EVENT, "unavailable")  # its integration is loaded again
    await clock.passes(1)
    hass.states.async_set(EVENT, at, shown)
    await clock.passes(20)
    assert not in_a_session(site)
    now = dt_util.utcnow().isoformat(timespec="milliseconds")
    hass.states.async_set(EVENT, now, shown)
    await clock.passes(20)
    assert in_a_session(site)


async def test_a_tag_sensor_tells_of_cards_and_not_of_its_own_remote_starts(
    hass: HomeAssistant, box: Box, clock: Clock, open_site: OpenSite
) -> None:
    """OCPP's Id.Tag also shows the tag that a remote start makes up (lbbrhzn/ocpp, ocppv16.py)."""
    hass.states.async_set(SENSOR, ANNAS_CARD)  # the last one of before
    site = await open_site(tag_reader=None, slots=SLOTS | {"rfid": SENSOR})
    await box.plug()
    await clock.passes(20)
    assert not in_a_session(site)
    hass.states.async_set(SENSOR, "")
    hass.states.async_set(SENSOR, "Q7ZK1WXM9TB4RCDL")
    await clock.passes(20)
    assert not in_a_session(site)
    assert site.records("denied") == []
    hass.states.async_set(SENSOR, ANNAS_CARD)
    await clock.passes(20)
    assert in_a_session(site)
