"""cFos: "port 4701; 8058 u64 Wh, may read 0 shortly after boot; 8092 and 8094 raw & 0xFF; 8093 0.1 A; RFID text 8096;
8057-8113 = 57 registers, 1 if allowed" (connector reference 2.11, 3.5 and table)."""

from modbus_connection import IllegalDataAddressError
import pytest

from custom_components.evshare.connectors.profile import load_profile
from custom_components.evshare.model import Pilot

from .modbus_box import FC6, Box, text, u32, u64


@pytest.fixture
def box() -> Box:
    box = Box("cfos_powerbrain", max_current_a=16)
    box.holding({8058: u64(5_000_000_123), 8062: u32(10_902), 8064: u32(159), 8066: u32(158), 8068: u32(157)})
    box.holding({8092: 0x0102, 8093: 160, 8094: 0x0101, 8096: text("04A2B3C4D5E680", 15)})
    return box


async def test_it_charges(box: Box) -> None:
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a, reading.power_w) == (Pilot.C, True, 16.0, 10_902.0)
    assert (reading.currents_a, reading.register_wh) == ((15.9, 15.8, 15.7), 5_000_000_123)
    assert reading.card_uid == "04A2B3C4D5E680"
    assert load_profile("cfos_powerbrain").transport.port == 4701


async def test_a_register_that_is_not_there_yet_is_none(box: Box) -> None:
    box.holding({8058: u64(0)})
    assert (await box.poll()).register_wh is None


@pytest.mark.parametrize(("state", "pilot"), [(0, Pilot.A), (1, Pilot.B), (2, Pilot.C), (3, Pilot.E), (4, Pilot.E)])
async def test_what_its_states_mean(box: Box, state: int, pilot: Pilot) -> None:
    box.holding({8092: state})
    assert (await box.poll()).pilot is pilot


async def test_one_request_or_two(box: Box) -> None:
    assert await box.asked() == [("holding", 8058, 53)]
    box.unit.fail_read(8075, IllegalDataAddressError())
    await box.poll()
    assert await box.asked() == [("holding", 8058, 12), ("holding", 8092, 19)]


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    assert box.written() == [(FC6, 8094, [0])]
    await box.connector.enable(10)
    assert box.written() == [(FC6, 8093, [100]), (FC6, 8094, [1])]
    await box.connector.set_limit(0)
    await box.connector.set_limit(6)
    assert box.written() == [(FC6, 8094, [0]), (FC6, 8093, [60]), (FC6, 8094, [1])]
    await box.connector.disable()
    assert box.written() == [(FC6, 8094, [0])]
    assert box.losses == "holds opens holds"
