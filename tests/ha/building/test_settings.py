"""Changed settings: applied in place, and no running session is disturbed."""

import asyncio
from types import MappingProxyType

from homeassistant.config_entries import ConfigSubentry
import pytest

from custom_components.evshare.building.wiring import StallWiring
from custom_components.evshare.connectors.ports import Connector
from custom_components.evshare.model import StallId

from ..conftest import resident, stall_data
from .conftest import ANNA, ANNAS_CARD, STALL_1, STALL_2, MakeSite, Site


async def _charging(site: Site) -> None:
    site.connectors[STALL_1].plug()
    await site.clock.passes(5)
    await site.tap(ANNAS_CARD)
    await site.clock.passes(60)


def _change(site: Site, subentry_id: str, **changes: object) -> None:
    subentry = site.entry.subentries[subentry_id]
    site.hass.config_entries.async_update_subentry(site.entry, subentry, data={**subentry.data, **changes})


async def test_a_new_resident_disturbs_nobody(site: Site) -> None:
    await _charging(site)
    connector, running = site.connectors[STALL_1], site.building.stalls[STALL_1]
    new = resident("cleo", "Cleo Cem")
    site.hass.config_entries.async_add_subentry(
        site.entry,
        ConfigSubentry(
            data=MappingProxyType(new["data"]),
            subentry_type=new["subentry_type"],
            title=new["title"],
            unique_id=new["unique_id"],
            subentry_id="cleo",
        ),
    )
    connector.log.clear()
    await site.building.async_apply(site.entry)
    await site.clock.passes(60)
    assert set(site.building.residents) == {"anna", "ben", "cleo"}
    assert site.building.stalls[STALL_1] is running
    assert connector.log == []


async def test_a_changed_reader_needs_no_new_connector(site: Site) -> None:
    running = site.building.stalls[STALL_1]
    _change(site, "stall-1", tag_reader="reader-9")
    await site.building.async_apply(site.entry)
    assert site.building.stalls[STALL_1] is running
    assert running.tag_reader == "reader-9"


async def test_a_stall_whose_new_connector_comes_after_the_building_stopped_stays_still(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, stopped = site.building._garage._connect, asyncio.Event()

    async def slow(wiring: StallWiring) -> Connector:
        await stopped.wait()
        return await connect(wiring)

    monkeypatch.setattr(site.building._garage, "_connect", slow)
    _change(site, "stall-1", host="10.0.0.99")
    changing = asyncio.create_task(site.building.async_apply(site.entry))
    await site.clock.settles()
    await site.stop()
    stopped.set()
    await changing
    connector = site.connectors[STALL_1]
    assert connector.closed
    connector.log.clear()
    await site.clock.passes(60)
    assert connector.log == []


async def test_a_changed_address_rebuilds_that_stall_and_its_session_goes_on(site: Site) -> None:
    await _charging(site)
    connector = site.connectors[STALL_1]
    before, other = site.building.stalls[STALL_1], site.building.stalls[STALL_2]
    session = before.state.session
    connector.log.clear()
    _change(site, "stall-1", host="10.0.0.99")
    await site.building.async_apply(site.entry)
    await site.clock.passes(60)
    after = site.building.stalls[STALL_1]
    assert after is not before
    assert site.building.stalls[STALL_2] is other
    assert after.state.session is not None
    assert session is not None
    assert after.state.session.id == session.id
    assert not {"disable", "prepare"} & set(connector.log)


async def test_a_stall_taken_away_ends_its_session_and_is_locked(site: Site) -> None:
    await _charging(site)
    connector = site.connectors[STALL_1]
    site.hass.config_entries.async_remove_subentry(site.entry, "stall-1")
    await site.clock.during(site.building.async_apply(site.entry))
    assert set(site.building.stalls) == {STALL_2}
    assert not connector.enabled
    assert connector.closed
    assert [record["stop_reason"] for record in site.records("session_ended")] == ["removed"]
    assert STALL_1 not in await site.building.journal.snapshots()


async def test_a_new_stall_comes_to_life(site: Site) -> None:
    data = stall_data(serial="3", host="10.0.0.13")
    site.hass.config_entries.async_add_subentry(
        site.entry,
        ConfigSubentry(
            data=MappingProxyType(data),
            subentry_type="stall",
            title="Stall 3",
            unique_id="stall:3",
            subentry_id="stall-3",
        ),
    )
    await site.building.async_apply(site.entry)
    await site.clock.passes(5)
    new = site.building.stalls[StallId("stall-3")]
    assert new.state.online
    assert new.identity is not None
    assert new.identity.firmware == "3.10.42"


async def test_a_limit_outside_what_the_stall_can_is_named(site: Site) -> None:
    with pytest.raises(ValueError, match="got 40 A, accepted are 6 to 16 A"):
        await site.building.async_set_max_current(STALL_1, 40)
    assert site.building.stalls[STALL_1].max_current_a == 16


async def test_all_cards_of_a_resident_can_be_forgotten(site: Site) -> None:
    assert await site.building.cards.remove_all(ANNA) == 1
    await site.tap(ANNAS_CARD)
    assert [record["reason"] for record in site.records("denied")] == ["unknown_card"]


async def test_stopping_twice_is_stopping(make_site: MakeSite) -> None:
    site = await make_site()
    await site.start()
    await site.stop()
    await site.stop()


async def test_ended_sessions_are_exported_as_json(site: Site) -> None:
    await _charging(site)
    begun = site.clock.now
    site.connectors[STALL_1].unplug()
    await site.clock.passes(60)
    (session,) = await site.building.async_export_sessions(begun, site.clock.now)
    assert session["resident_id"] == "anna"
    assert session["started_at"] < session["ended_at"]
    assert session["ended_at"].endswith("Z")
    assert await site.building.async_export_sessions(site.clock.now, site.clock.now.replace(year=2027)) == []
