"""CHARX: "per point offset n*1000; two ASCII chars at 299 ("B2"); release mode must be Modbus in the web UI, otherwise
300/301 have no effect; RFID 275, 20 chars", "232-301 = 70 registers, one request if 290-298 readable", "C1/D1 = not
delivering" (connector reference 2.7, 3.5 and table).
"""

from modbus_connection import IllegalDataAddressError, IllegalDataValueError, ModbusConnectionError
import pytest

from custom_components.evshare.connectors.ports import ConnectorUnreachable
from custom_components.evshare.model import Pilot

from .modbus_box import FC16, Box, text, u32, u64


def load(box: Box, offset: int) -> None:
    box.holding(
        {
            100: text("CHARX", 10),
            110: text("1.7.3", 4),
            114: 2,
            offset + 112: 5,
            offset + 238: u32(15_900),
            offset + 240: u32(15_800),
            offset + 242: u32(15_700),
            offset + 244: u32(10_902_000),
            offset + 250: u64(5_000_000_123),
            offset + 275: text("04A2B3C4D5E680", 10),
            offset + 289: u32(4_321),
            offset + 299: 0x4332,  # "C2"
            offset + 300: 1,
            offset + 301: 16,
        }
    )


@pytest.fixture
def box() -> Box:
    box = Box("phoenix_charx", max_current_a=16)
    load(box, 1000)
    return box


@pytest.mark.parametrize("point", [1, 2, 12])
async def test_it_charges_on_each_of_its_points(point: int) -> None:
    box = Box("phoenix_charx", max_current_a=16, point=point)
    load(box, 1000 * point)
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a, reading.power_w) == (Pilot.C, True, 16.0, 10_902.0)
    assert reading.currents_a == (15.9, 15.8, 15.7)
    assert (reading.register_wh, reading.session_wh) == (5_000_000_123, 4_321)
    assert reading.card_uid == "04A2B3C4D5E680"
    assert (await box.connector.identify()).firmware == "1.7.3"
    await box.connector.set_limit(10)
    assert box.written() == [(FC16, 1000 * point + 301, [10])]


@pytest.mark.parametrize(
    ("state", "pilot", "fault"),
    [
        ("A1", Pilot.A, None),
        ("A2", Pilot.A, None),
        ("B1", Pilot.B, None),
        ("B2", Pilot.B, None),
        ("C1", Pilot.B, None),
        ("C2", Pilot.C, None),
        ("D1", Pilot.B, None),
        ("D2", Pilot.C, None),
        ("E0", Pilot.E, "error"),
        ("F0", Pilot.F, "error"),
    ],
)
async def test_what_its_states_mean(box: Box, state: str, pilot: Pilot, fault: str | None) -> None:
    box.holding({1299: text(state, 1)})
    reading = await box.poll()
    assert (reading.pilot, reading.fault) == (pilot, fault)


@pytest.mark.parametrize(
    ("release", "limit_a", "enabled"), [(1, 16, True), (1, 6, True), (1, 0, False), (0, 16, False), (0, 0, False)]
)
async def test_release_and_limit_are_its_gate_together(box: Box, release: int, limit_a: int, enabled: bool) -> None:
    box.holding({1300: release, 1301: limit_a})
    assert (await box.poll()).enabled is enabled


async def come_and_tell(box: Box, told: str) -> str | None:
    """A car comes and tells this; what is believed."""
    box.holding({1299: text("B1", 1), 1265: text(told, 10)})
    return (await box.poll()).ev_id


async def nobody_there(box: Box, told: str = "") -> None:
    box.holding({1299: text("A1", 1), 1265: text(told, 10)})
    for _ in range(2):
        assert (await box.poll()).ev_id is None


async def test_a_car_tells_its_identifier(box: Box) -> None:
    """EVID 265 (autocharge MAC), 20 chars (reference 2.7)."""
    await nobody_there(box)
    assert await come_and_tell(box, "") is None
    assert await come_and_tell(box, "00:80:e1:a2:b3:c4") == "00:80:E1:A2:B3:C4"
    assert "80:E1" not in repr(await box.poll()), "it is personal: not in a log either"


async def test_what_the_last_car_left_is_not_the_next_ones(box: Box) -> None:
    """No source says when the register is cleared."""
    await nobody_there(box)
    assert await come_and_tell(box, "0080E1A2B3C4") == "0080E1A2B3C4"
    await nobody_there(box, told="0080E1A2B3C4")
    assert await come_and_tell(box, "0080E1A2B3C4") is None
    assert await come_and_tell(box, "0080E1000001") == "0080E1000001"
    await nobody_there(box)
    assert await come_and_tell(box, "0080E1A2B3C4") == "0080E1A2B3C4", "now the box had forgotten"


async def test_one_empty_look_is_no_proof_that_the_box_forgot(box: Box) -> None:
    await nobody_there(box)
    assert await come_and_tell(box, "0080E1A2B3C4") == "0080E1A2B3C4"
    box.holding({1299: text("A1", 1), 1265: text("", 10)})
    await box.poll()
    assert await come_and_tell(box, "0080E1A2B3C4") is None


async def test_an_identifier_that_was_there_at_the_first_look_may_be_of_the_car_before(box: Box) -> None:
    assert await come_and_tell(box, "0080E1A2B3C4") is None
    assert await come_and_tell(box, "0080E1000001") is None


async def test_after_a_silence_the_car_may_be_another(box: Box) -> None:
    await nobody_there(box)
    assert await come_and_tell(box, "0080E1A2B3C4") == "0080E1A2B3C4"
    box.unit.fail_requests(ModbusConnectionError("connection lost"))
    with pytest.raises(ConnectorUnreachable):
        await box.poll()
    box.unit.fail_requests(None)
    assert await come_and_tell(box, "0080E1A2B3C4") is None


async def test_one_request(box: Box) -> None:
    assert await box.asked() == [("holding", 1238, 64)]


async def test_where_its_holes_cannot_be_read_it_is_asked_three_times(box: Box) -> None:
    box.unit.fail_read(1295, IllegalDataAddressError())
    assert (await box.poll()).register_wh == 5_000_000_123
    assert await box.asked() == [("holding", 1238, 16), ("holding", 1265, 26), ("holding", 1299, 3)]


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    assert box.written() == [(FC16, 1301, [0]), (FC16, 1300, [0])]
    await box.connector.enable(10)
    assert box.written() == [(FC16, 1301, [10]), (FC16, 1300, [1])]
    await box.connector.set_limit(0)
    await box.connector.set_limit(6)
    assert box.written() == [(FC16, 1301, [0]), (FC16, 1301, [6])]
    await box.connector.disable()
    assert box.written() == [(FC16, 1301, [0]), (FC16, 1300, [0])]


async def test_a_release_that_cannot_be_written_is_no_hindrance(box: Box) -> None:
    box.unit.fail_write(1300, IllegalDataValueError())
    await box.connector.enable(10)
    await box.connector.disable()
    assert box.written() == [(FC16, 1301, [10]), (FC16, 1301, [0])]
    assert (await box.poll()).enabled is False


@pytest.mark.parametrize("meter_type", [0, 65535])
async def test_a_point_without_meter_has_no_register(box: Box, meter_type: int) -> None:
    assert box.connector.ports.register
    box.holding({1112: meter_type})
    assert (await box.poll()).register_wh is None
    assert not box.connector.ports.register


async def test_what_it_does_alone(box: Box) -> None:
    assert box.losses == "opens opens holds"
    await box.connector.prepare()
    assert box.losses == "opens opens holds"
