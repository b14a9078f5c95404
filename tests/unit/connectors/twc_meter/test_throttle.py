"""A Tesla with an emulated meter as a stall: what it can be told, when that is lost, and with a contactor in front."""

from custom_components.evshare.connectors.contactor import ContactorGate
from custom_components.evshare.connectors.factory import load_profile, stall_ports
from custom_components.evshare.connectors.locks import lock_quality
from custom_components.evshare.connectors.warned import Warned, warnings
from custom_components.evshare.model import LockQuality, Pilot

from .conftest import Build, Stall


def told(stall: Stall) -> frozenset[Warned]:
    return warnings(stall.gate)


# --- what it is ------------------------------------------------------------------------------------------------------


async def test_it_has_a_limit_and_no_gate(stall: Stall) -> None:
    ports = stall.connector.ports
    assert (ports.limit, ports.gate, ports.plug) == (True, False, True)
    assert (stall.connector.min_a, stall.connector.max_a) == (6, 32)


def test_a_throttle_is_no_better_lock() -> None:
    tesla = load_profile("tesla_twc3")
    for contactor, meter, quality in (
        (False, False, LockQuality.MONITOR),
        (False, True, LockQuality.DETECT_AND_BILL),
        (True, True, LockQuality.HELD),
    ):
        without = stall_ports(tesla, contactor=contactor, meter=meter)
        throttled = stall_ports(tesla, contactor=contactor, meter=meter, throttled=True)
        assert (without.limit, throttled.limit) == (False, True)
        assert lock_quality(without) is lock_quality(throttled) is quality


async def test_it_is_never_told_more_than_the_conductor_bears(build: Build) -> None:
    stall = build(limit_a=20)
    assert stall.connector.max_a == 20


# --- lost ------------------------------------------------------------------------------------------------------------


async def test_a_wall_connector_that_does_not_ask_for_ten_seconds_cannot_be_told_anything(stall: Stall) -> None:
    """Reference 1.5 (b): poll gap > 10 s = treat as lost."""
    stall.street.plug()
    await stall.connector.enable(10)
    await stall.passes(60)
    stall.street.plugged_line = False
    reading = await stall.passes(10)
    assert (reading.limit_a, stall.connector.ports.limit) == (10, True)
    reading = await stall.passes(5)
    assert (reading.limit_a, stall.connector.ports.limit) == (None, False)
    assert reading.fault is None  # charging is not forbidden for it
    assert told(stall) == {Warned.METER_SILENT}


async def test_a_wall_connector_that_asks_again_can_be_told_again(stall: Stall) -> None:
    stall.street.plug()
    await stall.connector.enable(10)
    await stall.passes(30)
    stall.street.plugged_line = False
    await stall.passes(60)
    await stall.connector.set_limit(14)
    stall.street.plugged_line = True
    reading = await stall.passes(30)
    assert (reading.limit_a, stall.connector.ports.limit, told(stall)) == (14, True, frozenset())
    assert stall.street.drawn_a == 14


async def test_one_that_never_asked_is_not_called_lost_before_it_was_told_anything(stall: Stall) -> None:
    stall.street.plugged_line = False
    await stall.passes(60)
    assert stall.connector.ports.limit
    await stall.connector.prepare()
    await stall.passes(15)
    assert told(stall) == {Warned.METER_SILENT}


# --- not followed (owners of firmware 26.2 and newer) ----------------------------------------------------------------


async def test_a_car_that_draws_all_it_can_in_spite_of_the_meter_is_noticed(build: Build) -> None:
    stall = build(counts_itself=True)
    stall.street.plug()
    await stall.street.sleep(1)
    await stall.connector.enable(10)
    await stall.passes(30)
    assert stall.street.drawn_a == 32
    assert stall.connector.ports.limit
    reading = await stall.passes(30)
    assert (reading.limit_a, stall.connector.ports.limit, told(stall)) == (None, False, {Warned.METER_IGNORED})


async def test_one_that_did_not_follow_is_believed_again_after_a_day(build: Build) -> None:
    stall = build(counts_itself=True)
    stall.street.plug(need_wh=3_000)
    await stall.street.sleep(1)
    await stall.connector.enable(10)
    await stall.passes(120)
    stall.street.outlet.unplug(stall.street.tesla)
    await stall.passes(600)
    assert told(stall) == {Warned.METER_IGNORED}
    stall.street.at = stall.street.at.replace(day=stall.street.at.day + 1)
    await stall.passes(5)
    assert (stall.connector.ports.limit, told(stall)) == (True, frozenset())


async def test_a_car_that_takes_its_time_to_come_down_is_not_taken_for_one_that_does_not_follow(stall: Stall) -> None:
    stall.street.plug()
    await stall.connector.enable(32)
    await stall.passes(60)
    for limit_a in (6, 32, 0, 32, 8):
        await stall.connector.set_limit(limit_a)
        await stall.passes(25)
    assert told(stall) == frozenset()


# --- behind a contactor ----------------------------------------------------------------------------------------------


async def test_behind_a_contactor_the_wall_connector_is_told_as_soon_as_it_wakes(behind_contactor: Stall) -> None:
    stall = behind_contactor
    await stall.connector.prepare()
    stall.street.plug()
    await stall.connector.enable(10)
    assert stall.connector.ports.limit
    await stall.passes(90)
    assert stall.street.drawn_a == 10
    assert max(reading.power_w or 0 for reading in stall.readings) < 10.5 * 3 * 230.5


async def test_a_pause_throttles_to_nothing_and_leaves_the_contactor_closed(behind_contactor: Stall) -> None:
    stall = behind_contactor
    stall.street.plug()
    await stall.connector.enable(16)
    await stall.passes(90)
    await stall.connector.set_limit(0)
    await stall.passes(20)
    counted_wh = stall.street.delivered_wh
    reading = await stall.passes(300)
    assert (stall.street.delivered_wh, reading.pilot, stall.street.switched) == (counted_wh, Pilot.B, ["on"])
    await stall.connector.set_limit(7)
    await stall.passes(30)
    assert (stall.street.drawn_a, stall.street.switched) == (7, ["on"])


async def test_at_the_end_the_car_is_throttled_down_before_the_contactor_opens(behind_contactor: Stall) -> None:
    stall = behind_contactor
    stall.street.plug()
    await stall.connector.enable(32)
    await stall.passes(90)
    assert stall.street.drawn_a == 32
    asked_at = stall.street.at
    await stall.connector.disable()
    assert stall.street.switched == ["on", "off"]
    assert stall.street.tesla.openings_under_load == 0
    assert (stall.street.at - asked_at).total_seconds() <= 10
    assert stall.street.drawn_a == 0


async def test_without_the_meter_the_same_car_is_cut_off_under_load(build: Build) -> None:
    """What the throttle is for: this car never stops by itself."""
    stall = build(contactor=True, throttled=False)
    stall.street.plug()
    await stall.connector.enable(32)
    await stall.passes(90)
    await stall.connector.disable()
    assert stall.street.tesla.openings_under_load == 1


async def test_a_pause_that_the_throttle_cannot_keep_is_kept_by_the_contactor(behind_contactor: Stall) -> None:
    """Without a meter the wall connector goes on with a low current (reference 1.5 b)."""
    stall = behind_contactor
    stall.street.plug()
    await stall.connector.enable(16)
    await stall.passes(90)
    await stall.connector.set_limit(0)
    await stall.passes(20)
    await stall.meter.close()  # its adapter died
    stall.street.wire.hang_up()
    stall.meter.problem = "emulated meter: gone"
    await stall.passes(60)
    assert stall.street.switched[-1] == "off"
    assert stall.street.drawn_a == 0


async def test_a_pause_while_the_meter_is_not_heard_opens_the_contactor(behind_contactor: Stall) -> None:
    stall = behind_contactor
    stall.street.plug()
    await stall.connector.enable(16)
    await stall.passes(90)
    stall.street.plugged_line = False
    await stall.passes(30)
    assert not stall.connector.ports.limit
    await stall.connector.set_limit(0)
    assert stall.street.switched == ["on", "off"]
    stall.street.plugged_line = True
    await stall.connector.set_limit(9)
    await stall.passes(90)
    assert (stall.street.switched, stall.street.drawn_a) == (["on", "off", "on"], 9)


async def test_a_dark_wall_connector_is_not_called_lost(behind_contactor: Stall) -> None:
    stall = behind_contactor
    await stall.connector.prepare()
    await stall.passes(300)
    assert (stall.connector.ports.limit, told(stall)) == (True, frozenset())
    await stall.connector.enable(16)
    await stall.passes(60)
    assert (stall.connector.ports.limit, told(stall)) == (True, frozenset())


def test_the_warnings_of_what_is_behind_come_through(behind_contactor: Stall) -> None:
    assert isinstance(behind_contactor.gate, ContactorGate)
    assert told(behind_contactor) == frozenset()
