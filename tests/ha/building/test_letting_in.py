"""Who may charge, from the tap to the gate."""

import sqlite3

import pytest

from custom_components.evshare.access import PhoneAsk
from custom_components.evshare.building.errors import AccessDenied, NotInBuilding
from custom_components.evshare.journal import JournalError
from custom_components.evshare.model import DenyReason, SignedValue, StallStatus, StopReason

from .conftest import ANNA, ANNAS_CARD, BEN, BENS_CARD, STALL_1, STALL_2, STRANGERS_CARD, Site


async def test_the_authorisation_is_on_disk_before_the_gate_is_told_to_open(site: Site) -> None:
    connector = site.connectors[STALL_1]
    on_disk_at_enable: list[list[str]] = []
    connector.on_enable = lambda: on_disk_at_enable.append([record["kind"] for record in site.records()])
    connector.plug()
    await site.clock.passes(5)
    assert "enable 16" not in connector.log
    await site.tap(ANNAS_CARD)
    await site.clock.passes(1)
    assert connector.log.count("enable 16") == 1
    assert on_disk_at_enable == [["epoch", "epoch", "session_authorised", "session_started"]]
    (authorised,) = site.records("session_authorised")
    assert (authorised["resident_id"], authorised["credential_kind"]) == ("anna", "card")


async def test_a_strangers_card_opens_nothing_and_gets_nothing(site: Site) -> None:
    connector = site.connectors[STALL_1]
    connector.plug()
    await site.clock.passes(5)
    before_wh = connector.register_wh
    await site.tap(STRANGERS_CARD)
    await site.clock.passes(600)
    assert not any(entry.startswith("enable") for entry in connector.log)
    assert connector.register_wh == before_wh
    (denied,) = site.records("denied")
    assert denied == {
        "kind": "denied",
        "stall_id": "stall-1",
        "credential_kind": "card",
        "reason": "unknown_card",
        "resident_id": None,
        "credential_id": None,
    }
    assert [announce.type for announce in site.announcements] == ["denied"]


async def test_a_tag_from_another_reader_is_nobodys_business(site: Site) -> None:
    site.connectors[STALL_1].plug()
    await site.clock.passes(5)
    for device_id in ("a-phone", None):
        site.hass.bus.async_fire("tag_scanned", {"tag_id": ANNAS_CARD, "device_id": device_id})
    site.hass.bus.async_fire("tag_scanned", {"tag_id": None, "device_id": "reader-1"})
    site.hass.bus.async_fire("tag_scanned", {"tag_id": "not a card", "device_id": "reader-1"})
    await site.clock.passes(60)
    assert site.records("session_authorised", "denied") == []


async def test_a_card_read_twice_at_once_is_one_tap(site: Site) -> None:
    site.connectors[STALL_1].plug()
    await site.clock.passes(5)
    for _ in range(3):
        await site.tap(STRANGERS_CARD)
        await site.clock.passes(0.5)
    assert len(site.records("denied")) == 1


async def test_a_box_that_makes_up_numbers_does_not_fill_the_journal(site: Site) -> None:
    for number in range(100):
        await site.tap(f"04{number:012X}")
    assert len(site.records("denied")) == 1


async def test_the_same_card_stops_its_own_session(site: Site) -> None:
    connector = site.connectors[STALL_1]
    connector.plug()
    await site.clock.passes(5)
    await site.tap(ANNAS_CARD)
    await site.clock.passes(600)
    await site.tap(ANNAS_CARD)
    await site.clock.passes(30)
    assert connector.log[-1] == "disable"
    (ended,) = site.records("session_ended")
    assert ended["stop_reason"] == "person"
    assert ended["energy_wh"] == ended["register_end_wh"] - ended["register_start_wh"] > 0
    assert site.building.stalls[STALL_1].state.status is StallStatus.FINISHING


async def test_nobody_gets_two_sessions_by_asking_at_two_stalls_at_once(site: Site) -> None:
    for stall_id in (STALL_1, STALL_2):
        site.connectors[stall_id].plug()
    await site.clock.passes(5)
    site.hass.bus.async_fire("tag_scanned", {"tag_id": ANNAS_CARD, "device_id": "reader-1"})
    site.hass.bus.async_fire("tag_scanned", {"tag_id": ANNAS_CARD, "device_id": "reader-2"})
    await site.clock.settles()
    assert len(site.records("session_authorised")) == 1
    (denied,) = site.records("denied")
    assert (denied["reason"], denied["resident_id"]) == ("quota", "anna")


async def test_two_people_at_one_stall_make_one_session(site: Site) -> None:
    site.connectors[STALL_1].plug()
    await site.clock.passes(5)
    site.hass.bus.async_fire("tag_scanned", {"tag_id": ANNAS_CARD, "device_id": "reader-1"})
    site.hass.bus.async_fire("tag_scanned", {"tag_id": BENS_CARD, "device_id": "reader-1"})
    await site.clock.settles()
    assert [record["resident_id"] for record in site.records("session_authorised")] == ["anna"]
    assert [record["reason"] for record in site.records("denied")] == ["stall_in_use"]


async def test_a_card_without_car_waits_and_lets_go(site: Site) -> None:
    connector = site.connectors[STALL_1]
    await site.tap(ANNAS_CARD)
    await site.clock.passes(170)
    assert site.building.stalls[STALL_1].state.session is not None
    assert not connector.enabled
    await site.clock.passes(20)
    assert site.building.stalls[STALL_1].state.session is None
    assert [record["stop_reason"] for record in site.records("session_ended")] == ["no_plug"]
    connector.plug()
    await site.clock.passes(60)
    assert not connector.enabled


async def test_unplugging_ends_the_session_and_locks_the_stall(site: Site) -> None:
    connector = site.connectors[STALL_1]
    connector.plug()
    await site.clock.passes(5)
    await site.tap(ANNAS_CARD)
    await site.clock.passes(600)
    connector.unplug()
    await site.clock.passes(5)
    assert not connector.enabled
    (ended,) = site.records("session_ended")
    assert ended["stop_reason"] == "unplugged"
    sum_wh = sum(s["register_end_wh"] - s["register_start_wh"] for s in site.records("slice"))
    assert ended["energy_wh"] == sum_wh == connector.register_wh - ended["register_start_wh"]


async def test_a_phone_is_let_in_shortly_after_the_plug_and_not_later(site: Site) -> None:
    site.connectors[STALL_1].plug()
    await site.clock.passes(305)

    def ask() -> PhoneAsk:
        epoch = site.building.stalls[STALL_1].state.plug_epoch
        return PhoneAsk(id="ask", resident_id=ANNA, plug_epoch=epoch, expires_at=site.clock.now.replace(year=2027))

    with pytest.raises(AccessDenied) as denied:
        await site.building.async_authorise(STALL_1, ask())
    assert denied.value.reason is DenyReason.PLUG_TOO_OLD
    site.connectors[STALL_1].unplug()
    await site.clock.passes(5)
    site.connectors[STALL_1].plug()
    await site.clock.passes(5)
    session = await site.building.async_authorise(STALL_1, ask())
    assert session.resident_id == ANNA
    assert site.records("session_authorised")[0]["session_id"] == session.id


async def test_a_resident_the_manager_blocked_is_refused_and_a_running_session_goes_on(site: Site) -> None:
    for stall_id in (STALL_1, STALL_2):
        site.connectors[stall_id].plug()
    await site.clock.passes(5)
    await site.tap(BENS_CARD, STALL_1)
    await site.clock.passes(60)
    await site.building.rules.block([ANNA, BEN])
    await site.tap(ANNAS_CARD, STALL_2)
    await site.clock.passes(60)
    assert [record["reason"] for record in site.records("denied")] == ["blocked_resident"]
    assert site.building.stalls[STALL_1].state.status is StallStatus.CHARGING


async def test_a_card_is_learnt_by_showing_it_and_opens_next_time(site: Site) -> None:
    site.connectors[STALL_1].plug()
    await site.clock.passes(5)
    await site.building.async_enrol_card(BEN, STALL_1, 60)
    assert site.building.enrolling == {STALL_1: BEN}
    await site.tap(ANNAS_CARD)  # known: not taken
    await site.building.async_stop_session(STALL_1, StopReason.PERSON)
    await site.clock.passes(10)
    await site.tap("04-01:02 03.04-05-80")
    assert site.building.enrolling == {}
    assert len(site.records("session_authorised")) == 1
    await site.clock.passes(10)
    await site.tap("04010203040580")
    assert [record["resident_id"] for record in site.records("session_authorised")] == ["anna", "ben"]


async def test_a_card_that_comes_too_late_is_not_learnt(site: Site) -> None:
    await site.building.async_enrol_card(BEN, STALL_1, 60)
    await site.clock.passes(61)
    await site.tap(STRANGERS_CARD)
    assert [record["reason"] for record in site.records("denied")] == ["unknown_card"]


async def test_what_is_not_in_the_building_is_named(site: Site) -> None:
    with pytest.raises(NotInBuilding, match="stall stall-9"):
        await site.building.async_card_shown(["stall-9"], ANNAS_CARD)  # type: ignore[list-item]
    with pytest.raises(NotInBuilding, match="resident nobody"):
        await site.building.async_enrol_card("nobody", STALL_1)  # type: ignore[arg-type]
    with pytest.raises(NotInBuilding, match="no session is open at Stall 1"):
        await site.building.async_stop_session(STALL_1, StopReason.OFFICE)


async def test_while_the_journal_cannot_be_written_nobody_is_let_in_and_sessions_go_on(site: Site) -> None:
    running, asked = site.connectors[STALL_1], site.connectors[STALL_2]
    running.plug()
    await site.clock.passes(5)
    await site.tap(ANNAS_CARD, STALL_1)
    await site.clock.passes(60)
    asked.plug()
    await site.clock.passes(5)

    lock = sqlite3.connect(site.journal_path, autocommit=True)
    journal = site.building.journal
    await journal._run(lambda: journal._store._connection.execute("PRAGMA busy_timeout = 0").fetchone())
    lock.execute("BEGIN IMMEDIATE")
    await site.tap(BENS_CARD, STALL_2)
    with pytest.raises(JournalError):
        await site.building.async_authorise(
            STALL_2,
            PhoneAsk(id="ask", resident_id=BEN, plug_epoch=1, expires_at=site.clock.now.replace(year=2027)),
        )
    await site.clock.passes(1800)
    assert site.building.journal_failed
    assert site.building.stalls[STALL_2].state.session is None
    assert not any(entry.startswith("enable") for entry in asked.log)
    assert running.enabled
    stall = site.building.stalls[STALL_1]
    assert stall.session_id is not None
    await stall.signed(stall.session_id, SignedValue(format="OCMF", text="OCMF|{}|{}", public_key=None))
    running.unplug()
    await site.clock.passes(10)
    assert not running.enabled, "locking needs no journal"

    lock.execute("ROLLBACK")
    lock.close()
    await site.clock.passes(1200)
    assert not site.building.journal_failed
    slices = [record for record in site.records("slice") if record["session_id"]]
    (ended,) = site.records("session_ended")
    assert ended["stop_reason"] == "unplugged"
    assert ended["energy_wh"] == sum(s["register_end_wh"] - s["register_start_wh"] for s in slices)
    assert ended["register_end_wh"] == running.register_wh
    (signed,) = site.records("signed_value")
    assert (signed["session_id"], signed["text"]) == (ended["session_id"], "OCMF|{}|{}")
