"""Plug and charge without a tap: a stall of one's own, and a car that says it was plugged in."""

from collections.abc import Sequence
from typing import Any

from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import Context, HomeAssistant
import pytest

from custom_components.evshare.model import StallId, StopReason

from ..conftest import stall
from .conftest import BEN, BENS_CARD, STALL_1, STALL_2, MakeSite, Site
from .fake_connector import FakeConnector

CAR = "binary_sensor.annas_car_plugged_in"


def two_stalls(**first: Any) -> Sequence[ConfigSubentryDataWithId]:
    return (
        stall("stall-1", "Stall 1", serial="1", tag_reader="reader-1", **first),
        stall("stall-2", "Stall 2", serial="2", tag_reader="reader-2"),
    )


async def change(site: Site, subentry_id: str, **data: Any) -> None:
    """Change a stall's or resident's settings, as its dialogue does."""
    subentry = site.entry.subentries[subentry_id]
    site.hass.config_entries.async_update_subentry(site.entry, subentry, data={**subentry.data, **data})
    await site.building.async_apply(site.entry)
    await site.clock.settles()


def says(hass: HomeAssistant, state: str, context: Context | None = None, entity_id: str = CAR) -> None:
    hass.states.async_set(entity_id, state, context=context)


def nothing_flowed(site: Site, stall_id: StallId) -> bool:
    connector = site.connectors[stall_id]
    return not any(entry.startswith("enable") for entry in connector.log) and connector.register_wh == 1_000_000


@pytest.fixture
async def own_place(make_site: MakeSite) -> Site:
    """Stall 1 is Anna's alone."""
    site = await make_site(stalls=two_stalls(belongs_to="anna"))
    await site.start()
    await site.knows_card(BEN, BENS_CARD)
    return site


@pytest.fixture
async def own_car(site: Site) -> Site:
    """Anna's car may speak for her; it is on the road."""
    says(site.hass, "off")
    await change(site, "anna", car_entity=CAR)
    await site.clock.passes(30)
    return site


# --- a stall of one's own -----------------------------------------------------------------------------------------


async def test_whoever_plugs_in_at_a_stall_of_ones_own_charges_as_its_resident(own_place: Site) -> None:
    own_place.connectors[STALL_1].plug()
    await own_place.clock.passes(5)
    (authorised,) = own_place.records("session_authorised")
    assert (authorised["stall_id"], authorised["resident_id"]) == ("stall-1", "anna")
    assert (authorised["credential_kind"], authorised["credential_id"]) == ("car", None)
    assert own_place.connectors[STALL_1].enabled


async def test_elsewhere_nobody_is_let_in_by_plugging_in(own_place: Site) -> None:
    own_place.connectors[STALL_2].plug()
    await own_place.clock.passes(600)
    assert own_place.records("session_authorised", "denied") == []
    assert nothing_flowed(own_place, STALL_2)


async def test_a_session_that_was_stopped_does_not_begin_again_by_itself(own_place: Site) -> None:
    own_place.connectors[STALL_1].plug()
    await own_place.clock.passes(60)
    await own_place.building.async_stop_session(STALL_1, StopReason.PERSON)
    await own_place.clock.passes(600)
    assert len(own_place.records("session_authorised")) == 1
    assert not own_place.connectors[STALL_1].enabled


async def test_the_stalls_resident_may_be_blocked_and_then_nothing_flows(own_place: Site) -> None:
    await own_place.building.rules.block([own_place.building.building.residents[0].id])
    own_place.connectors[STALL_1].plug()
    await own_place.clock.passes(600)
    (denied,) = own_place.records("denied")
    assert (denied["reason"], denied["credential_kind"]) == ("blocked_resident", "car")
    assert nothing_flowed(own_place, STALL_1)


async def test_a_car_that_was_there_when_home_assistant_started_lets_nobody_in(make_site: MakeSite) -> None:
    site = await make_site(stalls=two_stalls(belongs_to="anna"))
    site.make_connector = lambda _wiring: FakeConnector(lambda: site.clock.now, lambda: site.clock.mono_s, plugged=True)
    await site.start()
    await site.clock.passes(600)
    assert site.building.stalls[STALL_1].state.plugged
    assert site.records("session_authorised", "denied") == []
    assert nothing_flowed(site, STALL_1)


async def test_a_stall_that_is_given_back_to_all_lets_nobody_in_by_itself(own_place: Site) -> None:
    connector = own_place.connectors[STALL_1]
    await change(own_place, "stall-1", belongs_to=None)
    assert own_place.connectors[STALL_1] is connector, "no new connection for that"
    connector.plug()
    await own_place.clock.passes(60)
    assert own_place.records("session_authorised") == []


async def test_a_stall_of_somebody_who_moved_out_is_nobodys(own_place: Site) -> None:
    own_place.hass.config_entries.async_remove_subentry(own_place.entry, "anna")
    await own_place.building.async_apply(own_place.entry)
    own_place.connectors[STALL_1].plug()
    await own_place.clock.passes(60)
    assert own_place.records("session_authorised", "denied") == []
    assert nothing_flowed(own_place, STALL_1)


# --- a car of one's own -------------------------------------------------------------------------------------------


async def test_a_car_that_says_it_was_plugged_in_where_one_was_lets_its_resident_in(own_car: Site) -> None:
    own_car.connectors[STALL_2].plug()
    await own_car.clock.passes(5)
    says(own_car.hass, "on")
    await own_car.clock.passes(20)
    assert own_car.records("session_authorised") == [], "another plug-in may still be seen"
    await own_car.clock.passes(20)
    (authorised,) = own_car.records("session_authorised")
    assert (authorised["stall_id"], authorised["resident_id"]) == ("stall-2", "anna")
    assert authorised["credential_kind"] == "car"


async def test_the_car_may_say_it_before_the_stall_sees_it(own_car: Site) -> None:
    says(own_car.hass, "on")
    await own_car.clock.passes(20)
    own_car.connectors[STALL_1].plug()
    await own_car.clock.passes(40)
    assert [record["stall_id"] for record in own_car.records("session_authorised")] == ["stall-1"]


async def test_the_entity_alone_gives_no_energy_however_often_it_is_switched(own_car: Site) -> None:
    """A user who can write the entity and does not plug in gets nothing, at no stall."""
    for _ in range(10):
        says(own_car.hass, "on")
        await own_car.clock.passes(20)
        says(own_car.hass, "off")
        await own_car.clock.passes(20)
    assert own_car.records("session_authorised", "denied") == []
    assert nothing_flowed(own_car, STALL_1)
    assert nothing_flowed(own_car, STALL_2)


@pytest.mark.parametrize(
    "context",
    [Context(user_id="a-neighbour"), Context(parent_id="what-a-neighbour-did")],
    ids=["by a user", "by an automation that a user set off"],
)
async def test_a_word_that_somebody_in_home_assistant_put_into_its_mouth_is_not_believed(
    own_car: Site, context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    own_car.connectors[STALL_1].plug()
    await own_car.clock.passes(5)
    says(own_car.hass, "on", context)
    await own_car.clock.passes(300)
    assert own_car.records("session_authorised") == []
    assert nothing_flowed(own_car, STALL_1)
    assert f"{CAR} was set from within Home Assistant" in caplog.text


@pytest.mark.parametrize("before", ["unavailable", "unknown", "on"])
async def test_only_a_change_from_not_plugged_in_counts(own_car: Site, before: str) -> None:
    says(own_car.hass, before)
    await own_car.clock.passes(200)
    own_car.connectors[STALL_1].plug()
    await own_car.clock.passes(5)
    says(own_car.hass, "on")
    await own_car.clock.passes(300)
    assert own_car.records("session_authorised") == []
    assert nothing_flowed(own_car, STALL_1)


async def test_the_first_word_after_a_start_is_old_news(site: Site) -> None:
    await change(site, "anna", car_entity="binary_sensor.not_there_yet")
    site.connectors[STALL_1].plug()
    await site.clock.passes(5)
    says(site.hass, "on", entity_id="binary_sensor.not_there_yet")
    await site.clock.passes(300)
    assert site.records("session_authorised") == []


async def test_two_cars_that_come_within_a_minute_have_to_be_told_apart_by_card(own_car: Site) -> None:
    own_car.connectors[STALL_1].plug()
    await own_car.clock.passes(5)
    says(own_car.hass, "on")
    await own_car.clock.passes(10)
    own_car.connectors[STALL_2].plug()
    await own_car.clock.passes(300)
    assert own_car.records("session_authorised") == []
    assert [(record["stall_id"], record["reason"]) for record in own_car.records("denied")] == [
        ("stall-1", "which_stall"),
        ("stall-2", "which_stall"),
    ]
    assert nothing_flowed(own_car, STALL_1)
    assert nothing_flowed(own_car, STALL_2)
    await own_car.tap(BENS_CARD, STALL_2)
    assert [record["resident_id"] for record in own_car.records("session_authorised")] == ["ben"]


async def test_a_stall_that_cannot_be_seen_might_be_the_one(own_car: Site) -> None:
    own_car.connectors[STALL_2].silent = True
    await own_car.clock.passes(120)
    own_car.connectors[STALL_1].plug()
    await own_car.clock.passes(5)
    says(own_car.hass, "on")
    await own_car.clock.passes(300)
    assert own_car.records("session_authorised") == []
    assert nothing_flowed(own_car, STALL_1)


async def test_a_card_shown_meanwhile_decides(own_car: Site) -> None:
    own_car.connectors[STALL_1].plug()
    await own_car.clock.passes(5)
    says(own_car.hass, "on")
    await own_car.clock.passes(5)
    await own_car.tap(BENS_CARD, STALL_1)
    await own_car.clock.passes(300)
    assert [record["resident_id"] for record in own_car.records("session_authorised")] == ["ben"]
    assert own_car.records("denied") == []


async def test_a_sensor_means_it_by_the_states_the_owner_chose(site: Site) -> None:
    sensor = "sensor.annas_car_charging"
    says(site.hass, "disconnected", entity_id=sensor)
    await change(site, "anna", car_entity=sensor, car_states=["connected", "charging"])
    site.connectors[STALL_1].plug()
    await site.clock.passes(5)
    says(site.hass, "connected", entity_id=sensor)
    await site.clock.passes(60)
    assert [record["resident_id"] for record in site.records("session_authorised")] == ["anna"]


async def test_a_car_that_goes_from_plugged_in_to_charging_did_not_just_come(site: Site) -> None:
    """It may have stood at the office all day, and begin to charge when a neighbour plugs in here."""
    sensor = "sensor.annas_car_charging"
    says(site.hass, "connected", entity_id=sensor)
    await change(site, "anna", car_entity=sensor, car_states=["connected", "charging"])
    site.connectors[STALL_1].plug()
    await site.clock.passes(5)
    says(site.hass, "charging", entity_id=sensor)
    await site.clock.passes(300)
    assert site.records("session_authorised", "denied") == []
    assert nothing_flowed(site, STALL_1)


async def test_a_car_that_may_speak_no_longer_is_not_heard(own_car: Site) -> None:
    await change(own_car, "anna", car_entity=None)
    own_car.connectors[STALL_1].plug()
    await own_car.clock.passes(5)
    says(own_car.hass, "on")
    await own_car.clock.passes(300)
    assert own_car.records("session_authorised", "denied") == []
