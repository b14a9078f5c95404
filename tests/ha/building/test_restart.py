"""HA restarts: sessions go on, sums stay exact, nothing rises before anything is known."""

from custom_components.evshare.model import StallStatus

from .conftest import ANNAS_CARD, BENS_CARD, STALL_1, STALL_2, Site


async def _charging(site: Site, stall_id: str, card: str) -> None:
    site.connectors[stall_id].plug()  # type: ignore[index]
    await site.clock.passes(5)
    await site.tap(card, stall_id)  # type: ignore[arg-type]
    await site.clock.passes(20)


async def test_a_session_goes_on_over_a_restart_and_its_energy_is_exact(site: Site) -> None:
    await _charging(site, STALL_1, ANNAS_CARD)
    connector = site.connectors[STALL_1]
    connector.log.clear()
    before = site.building.stalls[STALL_1].state.session
    await site.clock.passes(1000)
    await site.stop()
    await site.clock.passes(95)
    await site.start()
    await site.clock.passes(400)
    session = site.building.stalls[STALL_1].state.session
    assert session is not None
    assert before is not None
    assert session.id == before.id
    assert not {"disable", "prepare"} & set(connector.log), "it was never cut"
    connector.unplug()
    await site.clock.passes(10)
    (ended,) = site.records("session_ended")
    slices = site.records("slice")
    assert ended["energy_wh"] == connector.register_wh - ended["register_start_wh"]
    assert ended["energy_wh"] == sum(s["register_end_wh"] - s["register_start_wh"] for s in slices)
    own = [s for s in slices if s["session_id"] == session.id]
    assert [s["register_start_wh"] for s in own[1:]] == [s["register_end_wh"] for s in own[:-1]]
    assert [s["start"] for s in own[1:]] == [s["end"] for s in own[:-1]]


async def test_a_car_that_left_during_the_restart_does_not_leave_its_session_to_the_next(site: Site) -> None:
    await _charging(site, STALL_1, ANNAS_CARD)
    connector = site.connectors[STALL_1]
    await site.clock.passes(300)
    await site.stop()
    connector.unplug()
    await site.clock.passes(300)
    connector.plug()
    await site.clock.passes(30)
    await site.start()
    await site.clock.passes(30)
    assert [record["stop_reason"] for record in site.records("session_ended")] == ["gap"]
    assert not connector.enabled
    assert site.building.stalls[STALL_1].state.status is StallStatus.PREPARING


async def test_what_was_seen_last_is_kept_when_home_assistant_stops(site: Site) -> None:
    await _charging(site, STALL_1, ANNAS_CARD)
    connector = site.connectors[STALL_1]
    await site.clock.passes(30)
    session = site.building.stalls[STALL_1].state.session
    assert session is not None
    assert session.energy_wh > 0
    # Home Assistant does so before it tells anybody that it stops (homeassistant/core.py, `async_stop`, stage 2).
    for task in set(site.hass._background_tasks):
        task.cancel("Home Assistant is stopping")
    await site.stop()
    connector.unplug()
    await site.clock.passes(300)
    await site.start()
    await site.clock.passes(30)
    (ended,) = site.records("session_ended")
    assert ended["energy_wh"] == session.energy_wh


async def test_nothing_rises_in_the_first_half_minute_when_sessions_are_found(site: Site) -> None:
    site.hass.config_entries.async_update_entry(site.entry, data={**site.entry.data, "fuse_a": 20})
    await site.building.async_apply(site.entry)
    await _charging(site, STALL_1, ANNAS_CARD)
    await _charging(site, STALL_2, BENS_CARD)
    await site.clock.passes(60)
    first, second = site.connectors[STALL_1], site.connectors[STALL_2]
    assert (first.limit_a, second.limit_a) == (10, 10)
    await site.stop()
    second.unplug()
    await site.start()
    await site.clock.passes(25)
    assert first.limit_a == 10
    await site.clock.passes(30)
    assert first.limit_a == 16


async def test_an_old_card_level_is_no_tap_after_a_restart(site: Site) -> None:
    connector = site.connectors[STALL_1]
    connector.card = ANNAS_CARD
    connector.plug()
    await site.stop()
    await site.start()
    await site.clock.passes(60)
    assert site.records("session_authorised") == []


async def test_the_quarter_hour_under_way_survives_a_restart(site: Site) -> None:
    site.hass.config_entries.async_update_entry(site.entry, data={**site.entry.data, "grid_power": "sensor.grid"})
    await site.building.async_apply(site.entry)

    async def report(seconds: int) -> None:
        for _ in range(seconds // 10):
            site.hass.states.async_set(
                "sensor.grid",
                "3.6",
                {"unit_of_measurement": "kW"},
                force_update=True,
                timestamp=site.clock.now.timestamp(),
            )
            await site.clock.passes(10)

    await report(1200)  # 18:00:30 to 18:20:30
    await site.stop()
    await site.clock.passes(60)
    await site.start()
    await report(600)
    quarters = site.records("building_slice")
    assert [(q["start"], q["import_wh"], q["export_wh"], q["pv_wh"]) for q in quarters] == [
        ("2026-06-29T18:15:00Z", 900, 0, None)
    ]


async def test_a_crash_leaves_enough_to_tell_that_another_car_came(site: Site) -> None:
    await _charging(site, STALL_1, ANNAS_CARD)
    connector = site.connectors[STALL_1]
    await site.clock.passes(200)
    files = {file: file.read_bytes() for file in site.journal_path.parent.iterdir()}  # as the crash leaves them
    await site.stop()
    for file in site.journal_path.parent.iterdir():
        file.unlink()
    for file, content in files.items():
        file.write_bytes(content)
    connector.unplug()
    connector.enabled = False
    connector.plug()
    await site.clock.passes(90)
    await site.start()
    await site.clock.passes(60)
    assert not site.building.journal.restored
    assert [record["stop_reason"] for record in site.records("session_ended")] == ["gap"]
    assert not connector.enabled


async def test_a_tap_in_the_moment_of_stopping_is_all_there_or_not_at_all(site: Site) -> None:
    site.connectors[STALL_1].plug()
    await site.clock.passes(5)
    site.hass.bus.async_fire("tag_scanned", {"tag_id": ANNAS_CARD, "device_id": "reader-1"})
    await site.clock.during(site.building.async_stop())
    await site.start()
    await site.clock.passes(30)
    session = site.building.stalls[STALL_1].state.session
    authorised = [record["session_id"] for record in site.records("session_authorised")]
    assert authorised == ([] if session is None else [session.id])


async def test_sessions_of_a_restored_backup_are_over_and_registers_go_on(site: Site) -> None:
    await _charging(site, STALL_1, ANNAS_CARD)
    connector = site.connectors[STALL_1]
    await site.tap(BENS_CARD, STALL_2)  # waits for the plug
    await site.clock.passes(100)
    backup = site.journal_path.with_suffix(".copy")
    await site.building.journal.copy_to(backup)
    await site.clock.passes(1000)
    await site.stop()
    for file in site.journal_path.parent.glob(f"{site.journal_path.name}*"):
        file.unlink()
    backup.rename(site.journal_path)
    await site.start()
    await site.clock.passes(1200)
    assert not connector.enabled, "nobody knows how that session went on"
    ended = site.records("session_ended")
    assert sorted(record["stop_reason"] for record in ended) == ["gap", "no_plug"]
    slices = [record for record in site.records("slice") if record["stall_id"] == "stall-1"]
    assert {record["epoch"] for record in slices} == {1}
    assert sum(s["register_end_wh"] - s["register_start_wh"] for s in slices) == connector.register_wh - 1_000_000
    (session,) = {record["session_id"] for record in slices} - {None}
    own_wh = sum(s["register_end_wh"] - s["register_start_wh"] for s in slices if s["session_id"] == session)
    assert own_wh == next(record["energy_wh"] for record in ended if record["session_id"] == session) < 500
