"""Vestel EVC04: "cable 1004: 0 none 1 station only 2 EV connected 3 EV connected and locked; strings are UTF-16BE; when
6000 is not rewritten within the timeout the box closes the TCP socket and applies the failsafe current; failsafe
default 20 s; energy_total has 0.1 kWh resolution" (connector reference 2.8 and table).
"""

from modbus_connection import IllegalDataAddressError, IllegalDataValueError
import pytest

from custom_components.evshare.model import Pilot

from .modbus_box import FC6, Box, text, u32


def wide(value: str, words: int) -> list[int]:
    return text(value, words, encoding="utf-16-be")


@pytest.fixture
def box() -> Box:
    box = Box("vestel_evc04")
    box.input({100: wide("4013000123", 25), 190: wide("Webasto", 10), 230: wide("3.187.0-1.0.156", 50)})
    box.input({1000: 1, 1001: 0, 1004: 0, 1006: u32(0), 1516: wide("", 15), 1036: u32(12_345)})
    box.holding({2000: 0, 2002: 20, 5004: 0})
    return box


def charging(box: Box) -> None:
    box.input({1000: 2, 1001: 1, 1004: 3, 1008: 15_900, 1010: 15_800, 1012: 15_700, 1020: u32(10_902)})
    box.input({1502: u32(4_321), 1516: wide("04A2B3C4D5E680", 15)})
    box.holding({5004: 16})


async def test_it_charges(box: Box) -> None:
    charging(box)
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a, reading.power_w) == (Pilot.C, True, 16.0, 10_902.0)
    assert reading.currents_a == (15.9, 15.8, 15.7)
    assert (reading.register_wh, reading.session_wh) == (None, 4_321)  # 100 Wh steps are no billing
    assert reading.card_uid == "04A2B3C4D5E680"
    identity = await box.connector.identify()
    assert (identity.serial, identity.firmware) == ("4013000123", "3.187.0-1.0.156")


@pytest.mark.parametrize(
    ("cable", "is_charging", "pilot"),
    [(0, 0, Pilot.A), (1, 0, Pilot.A), (2, 0, Pilot.B), (3, 0, Pilot.B), (3, 1, Pilot.C), (1, 1, Pilot.A)],
)
async def test_cable_and_charging_make_its_state(box: Box, cable: int, is_charging: int, pilot: Pilot) -> None:
    box.input({1001: is_charging, 1004: cable})
    assert (await box.poll()).pilot is pilot


async def test_two_requests_without_a_car_and_one_more_with_one(box: Box) -> None:
    assert await box.asked() == [("input", 1001, 4), ("input", 1516, 15)]
    charging(box)
    assert await box.asked() == [("input", 1001, 21), ("input", 1502, 29), ("holding", 5004, 1)]


async def test_refused_blocks_are_split(box: Box) -> None:
    charging(box)
    box.unit.fail_read(1506, IllegalDataAddressError(), register_type="input")
    reading = await box.poll()
    assert (reading.session_wh, reading.card_uid) == (4_321, "04A2B3C4D5E680")
    assert (await box.asked())[1:3] == [("input", 1502, 2), ("input", 1516, 15)]


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    assert box.written() == [(FC6, 2000, [0]), (FC6, 5004, [0])]
    box.connector.set_failsafe_share(8)
    await box.connector.enable(10)
    assert box.written() == [(FC6, 2000, [8]), (FC6, 5004, [10])]
    await box.connector.set_limit(0)
    await box.connector.set_limit(6)
    assert box.written() == [(FC6, 5004, [0]), (FC6, 5004, [6])]
    await box.connector.disable()
    assert box.written() == [(FC6, 2000, [0]), (FC6, 5004, [0])]


async def test_its_alive_bit_is_set_four_times_in_its_time(box: Box) -> None:
    await box.connector.identify()
    assert box.connector.heartbeat_s == 5
    await box.connector.heartbeat()
    assert box.written() == [(FC6, 6000, [1])]


async def test_a_safe_current_of_0_that_is_not_taken_opens_on_silence(box: Box) -> None:
    assert box.losses == "closed opens holds"
    box.holding({2000: 6})
    box.unit.fail_write(2000, IllegalDataValueError())
    await box.connector.prepare()
    assert box.written() == [(FC6, 5004, [0])]
    assert box.losses == "opens opens holds"


async def test_a_failsafe_time_that_is_off_is_set(box: Box) -> None:
    box.holding({2002: 0})
    await box.connector.prepare()
    assert box.written() == [(FC6, 2000, [0]), (FC6, 2002, [20]), (FC6, 5004, [0])]
    assert box.losses == "closed opens holds"


async def test_an_error_is_shown_with_its_code(box: Box) -> None:
    box.input({1006: u32(4)})
    assert (await box.poll()).fault == "error 4"
