"""What the supply can still give."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from custom_components.evshare.building.load import load
from custom_components.evshare.charging import StallState, initial
from custom_components.evshare.model import (
    Building,
    BuildingReading,
    ChargeMode,
    Credential,
    CredentialKind,
    Moment,
    Reading,
    ResidentId,
    Session,
    SessionId,
    StallConfig,
    StallId,
)

NOW = datetime(2026, 6, 29, 18, 0, tzinfo=UTC)
BUILDING = Building(id="b", name="Lindenhof", currency="EUR", time_zone="Europe/Berlin", fuse_a=32)


def _stall(
    *, phases: tuple[int, ...] = (1, 2, 3), session: bool = True, online: bool = True, **reading: Any
) -> StallState:
    config = StallConfig(id=StallId("s"), name="Stall", connector="fake", max_current_a=16, phase_map=phases)
    credential = Credential(kind=CredentialKind.CARD, id="c", resident_id=ResidentId("anna"))
    opened = Session(
        id=SessionId("1"),
        stall_id=config.id,
        credential=credential,
        mode=ChargeMode.FAST,
        authorised_at=NOW,
        started_at=NOW,
        plug_epoch=1,
    )
    return replace(
        initial(config, Moment(at=NOW, mono_s=1.0)),
        online=online,
        reading=Reading(at=NOW, mono_s=1.0, **reading),
        session=opened if session else None,
        energised=session,
        offered_a=16 if session else 0,
    )


def _measured(*amps: float) -> BuildingReading:
    return BuildingReading(at=NOW, mono_s=1.0, currents_a=(amps[0], amps[1], amps[2]))


def test_without_a_meter_the_fuse_is_shared() -> None:
    found = load(BUILDING, None, [_stall(power_w=11040.0)], feeder_configured=False)
    assert (found.budget_a, found.headroom_a, found.stale) == ((32, 32, 32), None, False)


def test_the_house_is_what_the_cars_do_not_draw_and_one_ampere_stays_free() -> None:
    found = load(BUILDING, _measured(20, 21, 10.5), [_stall(power_w=6900.0)], feeder_configured=True)
    assert found.budget_a == (32 - 10 - 1, 32 - 11 - 1, 30), "10.5 A measured, 10 A of it the car's"
    assert found.headroom_a == (12, 11, 21.5)
    assert not found.overloaded


def test_a_rotated_single_phase_stall_counts_where_it_is_wired() -> None:
    car = _stall(phases=(2,), currents_a=(16.0, 0.0, 0.0))
    assert load(BUILDING, _measured(5, 20, 5), [car], feeder_configured=True).budget_a == (26, 27, 26)


def test_export_does_not_widen_the_supply() -> None:
    assert load(BUILDING, _measured(-20, -20, -20), [], feeder_configured=True).budget_a == (31, 31, 31)


def test_a_car_told_to_stop_counts_until_it_has() -> None:
    leaving = _stall(session=False, power_w=6900.0)
    assert load(BUILDING, None, [leaving], feeder_configured=False).budget_a == (22, 22, 22)
    assert load(BUILDING, _measured(10, 10, 10), [leaving], feeder_configured=True).budget_a == (21, 21, 21)


def test_a_silent_connector_counts_with_what_it_was_offered() -> None:
    assert load(BUILDING, None, [_stall(online=False)], feeder_configured=False).budget_a == (16, 16, 16)


def test_total_power_alone_may_lie_on_one_phase_more_than_on_others() -> None:
    reading = BuildingReading(at=NOW, mono_s=1.0, grid_w=6900.0)
    assert load(BUILDING, reading, [], feeder_configured=True).budget_a == (11, 11, 11), "twice the even 10 A, and 1 A"


def test_a_silent_meter_is_said() -> None:
    found = load(BUILDING, BuildingReading(at=NOW, mono_s=1.0), [], feeder_configured=True)
    assert (found.stale, found.headroom_a) == (True, None)


@pytest.mark.parametrize(("amps", "overloaded"), [(32.0, False), (32.5, True)])
def test_more_than_the_fuse_on_any_phase_is_an_overload(amps: float, overloaded: bool) -> None:
    assert load(BUILDING, _measured(5, amps, 5), [], feeder_configured=True).overloaded is overloaded


def test_a_building_with_one_phase_has_nothing_on_the_others() -> None:
    one = replace(BUILDING, phases=1)
    assert load(one, None, [], feeder_configured=False).budget_a == (32, 0, 0)
