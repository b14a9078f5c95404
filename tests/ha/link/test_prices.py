"""Prices that are in force are told as soon as they change, for showing (link version 3)."""

from .conftest import LinkedSite

SENSOR = "sensor.price"
OPTIONS = {"prices": [{"name": "Market", "sensor": SENSOR}]}


def says(linked: LinkedSite, price: str) -> None:
    linked.site.hass.states.async_set(SENSOR, price, {"unit_of_measurement": "ct/kWh"})


async def starts(linked: LinkedSite, version: int) -> None:
    hass = linked.site.hass
    linked.app.version = version
    hass.config_entries.async_update_entry(linked.site.entry, options=OPTIONS)
    says(linked, "28.14")
    await linked.start()


async def test_a_price_is_told_when_it_changes_although_no_stall_does(unlinked: LinkedSite) -> None:
    await starts(unlinked, 3)
    await unlinked.site.clock.passes(5)
    told = unlinked.app.of_type("live")
    assert told[-1]["prices"] == [{"name": "Market", "price": "0.2814"}]
    says(unlinked, "-1.5")
    await unlinked.site.clock.passes(2)
    (changed,) = unlinked.app.of_type("live")[len(told) :]
    assert changed["prices"] == [{"name": "Market", "price": "-0.015"}]
    says(unlinked, "unavailable")
    await unlinked.site.clock.passes(2)
    assert unlinked.app.of_type("live")[-1]["prices"] == []


async def test_an_older_app_is_told_none_and_nothing_twice(unlinked: LinkedSite) -> None:
    await starts(unlinked, 2)
    await unlinked.site.clock.passes(5)
    told = unlinked.app.of_type("live")
    assert "prices" not in told[-1]
    says(unlinked, "30")
    await unlinked.site.clock.passes(5)
    assert unlinked.app.of_type("live") == told


async def test_a_sensor_that_is_chosen_later_is_followed(unlinked: LinkedSite) -> None:
    linked = unlinked
    linked.app.version = 3
    await linked.start()
    linked.site.hass.config_entries.async_update_entry(linked.site.entry, options=OPTIONS)
    await linked.site.building.async_apply(linked.site.entry)
    says(linked, "31")
    await linked.site.clock.passes(2)
    assert linked.app.of_type("live")[-1]["prices"] == [{"name": "Market", "price": "0.31"}]
