"""NRGkick Gen2: "little word order; pause flag 195; limit 194 in 0.1 A; total 199 u64 Wh; 194-257 = 64 registers, 1 if
allowed" (connector reference 2.11, 3.5 and table)."""

from modbus_connection import IllegalDataAddressError
import pytest

from custom_components.evshare.model import Pilot

from .modbus_box import FC6, Box, low_first, u32, u64


@pytest.fixture
def box() -> Box:
    box = Box("nrgkick_gen2_modbus")
    box.holding({0: [0x524E, 0x4B47, 0x3130, 0x3332], 194: 160, 195: 0, 198: 3, 199: low_first(u64(5_000_000_123))})
    box.holding({203: low_first(u32(4_321)), 210: low_first(u32(10_902_500)), 220: [15_900, 15_800, 15_700], 251: 3})
    return box


async def test_it_charges(box: Box) -> None:
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a, reading.power_w) == (Pilot.C, True, 16.0, 10_902.5)
    assert reading.currents_a == (15.9, 15.8, 15.7)
    assert (reading.register_wh, reading.session_wh, reading.fault) == (5_000_000_123, 4_321, None)
    assert reading.serial == "NRGK0123"


@pytest.mark.parametrize(
    ("state", "pilot", "fault"),
    [
        (1, Pilot.A, None),
        (2, Pilot.B, None),
        (7, Pilot.B, None),
        (3, Pilot.C, None),
        (6, Pilot.E, "error"),
        (0, Pilot.X, None),
    ],
)
async def test_what_its_states_mean(box: Box, state: int, pilot: Pilot, fault: str | None) -> None:
    box.holding({251: state})
    reading = await box.poll()
    assert (reading.pilot, reading.fault) == (pilot, fault)


async def test_one_request(box: Box) -> None:
    assert await box.asked() == [("holding", 194, 64)]


async def test_where_its_hole_cannot_be_read_it_is_asked_twice(box: Box) -> None:
    box.unit.fail_read(240, IllegalDataAddressError())
    assert (await box.poll()).register_wh == 5_000_000_123
    assert await box.asked() == [("holding", 194, 29), ("holding", 251, 7)]


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    assert box.written() == [(FC6, 195, [1])]
    assert (await box.poll()).enabled is False
    await box.connector.enable(10)
    assert box.written() == [(FC6, 194, [100]), (FC6, 195, [0])]
    await box.connector.set_limit(0)
    await box.connector.set_limit(6)
    assert box.written() == [(FC6, 195, [1]), (FC6, 194, [60]), (FC6, 195, [0])]
    await box.connector.disable()
    assert box.written() == [(FC6, 195, [1])]
    assert box.connector.heartbeat_s is None


async def test_what_it_does_alone(box: Box) -> None:
    assert box.losses == "holds opens holds"
    await box.connector.prepare()
    assert box.losses == "holds opens holds"


@pytest.mark.parametrize(
    ("registers", "fault"), [({255: 1}, "residual current"), ({257: 12}, "error 12"), ({256: 3}, None)]
)
async def test_its_faults(box: Box, registers: dict[int, int], fault: str | None) -> None:
    box.holding(registers)
    assert (await box.poll()).fault == fault
