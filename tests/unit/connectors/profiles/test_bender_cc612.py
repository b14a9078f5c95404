"""Bender CC612/613: "122 CP state 1..5 = A..E; 200-227 one block; 716/718 session energy/duration; 720-729 user id
(idTag hex text); 1000 HEMS limit (0 = pause); 131 safe current, 132 comm timeout; 0xFFFFFFFF = no value; double
chargers: second point on TCP base port + 1; legacy firmware: no 142; use phase energies 200/202/204" (reference 2.6).
"""

from modbus_connection import IllegalDataAddressError, IllegalDataValueError, ModbusTcpParams
import pytest

from custom_components.evshare.connectors.factory import load_profile, modbus_params
from custom_components.evshare.connectors.settings import ConnectorSettings
from custom_components.evshare.model import Pilot

from .modbus_box import FC16, Box, text, u32

NOTHING = [0xFFFF, 0xFFFF]


@pytest.fixture
def box() -> Box:
    box = Box("bender_cc612", max_current_a=16)
    box.holding({100: text("5.22", 2), 142: text("CC613-ELM4PR-M", 10), 122: 1, 131: 0, 132: 60, 1000: 0})
    box.holding({212: u32(0), 214: u32(0), 216: u32(0), 218: u32(1_234_567), 220: u32(0), 716: u32(0)})
    return box


def charging(box: Box) -> None:
    box.holding({122: 3, 1000: 16, 212: u32(15_900), 214: u32(15_800), 216: u32(15_700)})
    box.holding({218: u32(1_240_000), 220: u32(10_902), 716: u32(5_433), 720: text("04A2B3C4D5E680", 10)})


async def test_it_charges(box: Box) -> None:
    charging(box)
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a, reading.power_w) == (Pilot.C, True, 16.0, 10_902.0)
    assert reading.currents_a == (15.9, 15.8, 15.7)
    assert (reading.register_wh, reading.session_wh) == (1_240_000, 5_433)
    assert reading.card_uid == "04A2B3C4D5E680"
    assert (await box.connector.identify()).firmware == "5.22"


@pytest.mark.parametrize(
    ("state", "pilot", "fault"),
    [(1, Pilot.A, None), (2, Pilot.B, None), (3, Pilot.C, None), (4, Pilot.C, None), (5, Pilot.E, "error")],
)
async def test_what_its_states_mean(box: Box, state: int, pilot: Pilot, fault: str | None) -> None:
    box.holding({122: state})
    reading = await box.poll()
    assert (reading.pilot, reading.fault) == (pilot, fault)


async def test_what_it_does_not_know_at_the_moment_is_nothing(box: Box) -> None:
    charging(box)
    box.holding({218: NOTHING, 220: NOTHING, 716: NOTHING})
    reading = await box.poll()
    assert (reading.power_w, reading.register_wh, reading.session_wh) == (None, None, None)


@pytest.mark.parametrize("id_tag", ["", "free", "hausmeister", "04A2B3"])
async def test_a_user_that_is_no_card_is_none(box: Box, id_tag: str) -> None:
    charging(box)
    box.holding({720: text(id_tag, 10)})
    assert (await box.poll()).card_uid is None


async def test_two_requests_without_a_car_and_three_more_with_one(box: Box) -> None:
    assert await box.asked() == [("holding", 122, 1), ("holding", 716, 14)]
    charging(box)
    assert await box.asked() == [
        ("holding", 122, 1),
        ("holding", 212, 10),
        ("holding", 716, 14),
        ("holding", 741, 6),
        ("holding", 1000, 1),
    ]


async def test_the_cars_identifier_is_that_of_the_car_that_is_there(box: Box) -> None:
    """741-746, six registers: 6 bytes as hexadecimal digits (connectors.yaml, variant iso15118)."""
    assert box.connector.ports.ev_id
    for _ in range(20):  # it is looked for seldom without a car
        await box.poll()
    charging(box)
    box.holding({741: text("0080E1A2B3C4", 6)})
    assert (await box.poll()).ev_id == "0080E1A2B3C4"


async def test_a_box_without_iso_15118_refuses_that_and_is_read_all_the_same(box: Box) -> None:
    box.unit.fail_read(741, IllegalDataAddressError())
    charging(box)
    reading = await box.poll()
    assert (reading.register_wh, reading.ev_id) == (1_240_000, None)


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    assert box.written() == [(FC16, 131, [0]), (FC16, 1000, [0])]
    box.connector.set_failsafe_share(8)
    await box.connector.enable(10)
    assert box.written() == [(FC16, 131, [8]), (FC16, 1000, [10])]
    await box.connector.set_limit(0)
    await box.connector.set_limit(6)
    assert box.written() == [(FC16, 1000, [0]), (FC16, 1000, [6])]
    await box.connector.disable()
    assert box.written() == [(FC16, 131, [0]), (FC16, 1000, [0])]


async def test_a_timeout_that_is_off_is_set(box: Box) -> None:
    box.holding({132: 0})
    await box.connector.prepare()
    assert box.written() == [(FC16, 131, [0]), (FC16, 132, [60]), (FC16, 1000, [0])]
    assert box.losses == "closed opens holds"


async def test_a_safe_current_that_cannot_be_0_opens_on_silence(box: Box) -> None:
    assert box.losses == "closed opens holds"
    box.holding({131: 6})
    box.unit.fail_write(131, IllegalDataValueError())
    await box.connector.prepare()
    assert box.written() == [(FC16, 1000, [0])]
    assert box.losses == "opens opens holds"
    await box.connector.enable(10)
    await box.connector.disable()
    assert box.written() == [(FC16, 1000, [10]), (FC16, 1000, [0])]


async def test_firmware_without_safe_current_is_not_believed_to_close(box: Box) -> None:
    for address in (131, 132):
        box.unit.fail_read(address, IllegalDataAddressError())
        box.unit.fail_write(address, IllegalDataAddressError())
    await box.connector.prepare()
    assert box.losses == "opens opens holds"
    assert box.connector.failsafe is None


async def test_legacy_firmware_counts_by_phase(box: Box) -> None:
    box.unit.fail_read(142, IllegalDataAddressError())
    charging(box)
    box.holding({200: u32(411_523), 202: u32(400_001), 204: u32(399_999), 705: u32(4_444)})
    reading = await box.poll()
    assert reading.register_wh == 1_211_523
    assert reading.session_wh == 4_444
    assert reading.power_w == 10_902.0  # 230 V * 47.4 A
    assert reading.card_uid == "04A2B3C4D5E680"
    box.holding({202: NOTHING})
    assert (await box.poll()).register_wh is None


def test_the_second_point_is_the_next_port() -> None:
    link = modbus_params(load_profile("bender_cc612"), ConnectorSettings(host="192.0.2.5", point=2))
    assert isinstance(link, ModbusTcpParams)
    assert link.port == 503
    assert Box("bender_cc612", point=2).unit_id == 255
