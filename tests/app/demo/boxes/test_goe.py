"""go-e over Modbus and HTTP, beyond what the demo building shows (connectors.md 2.2; go-eCharger-API-v2 modbus-en)."""

from collections.abc import AsyncIterator
import struct

import pytest

from demo.boxes.stand import Stand
from demo.car import Car

from ..conftest import Hands
from .calls import called
from .master import ADDRESS, FUNCTION, GONE, VALUE, Master, master

ACCESS, CURRENT, STORED, PHASES, LIMIT, FORCE = 201, 299, 300, 332, 333, 337


@pytest.fixture
async def stand(clock: Hands) -> AsyncIterator[Stand]:
    async with Stand("goe_modbus", clock, serial="204711", register_start_wh=123_456) as stand:
        yield stand


@pytest.fixture
async def goe(stand: Stand) -> AsyncIterator[Master]:
    async with master(stand.port, 1) as speaker:
        yield speaker


async def number(goe: Master, address: int) -> int:
    high, low = await goe.inputs(address, 2)
    return high << 16 | low


async def test_both_read_functions_read_everything(stand: Stand, goe: Master, clock: Hands) -> None:
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    for address, count in ((100, 2), (105, 2), (107, 15), (128, 2), (132, 2), (200, 6), (299, 2), (327, 5)):
        assert await goe.inputs(address, count) == await goe.holdings(address, count)


async def test_a_charging_car_shows_what_flows(stand: Stand, goe: Master, clock: Hands) -> None:
    """Reference: "AMP 0.1 A, POWER_TOTAL 0.01 kW, ENERGY_TOTAL 0.1 kWh, ENERGY_CHARGE in deka-watt-seconds"."""
    assert await goe.inputs(100, 2) == [1, 0]
    stand.plug(Car(name="a", need_wh=20_000))
    assert await goe.inputs(100, 2) == [3, 32]
    clock.forward(60)
    assert await goe.inputs(100) == [2]
    assert await goe.input_text(105, 2) == "60.4"
    assert await goe.input_text(304, 6) == "204711"
    assert [await number(goe, address) for address in (108, 110, 112)] == [230, 230, 230]
    assert [await number(goe, address) for address in (114, 116, 118)] == [160, 160, 160]
    assert await number(goe, 120) == 1_104
    assert await goe.inputs(205) == [0b111111]
    mark = stand.mark()
    session = await number(goe, 132)
    clock.forward(3600)
    assert await number(goe, 128) == stand.true_register_wh() // 100
    assert (await number(goe, 132) - session) / 360 == pytest.approx(stand.delivered_wh_since(mark), abs=1)
    assert await number(goe, 132) > 3_974_400  # of 11 040 Wh in daWs


async def test_the_total_is_as_coarse_as_a_tenth_of_a_kilowatt_hour(goe: Master) -> None:
    assert await number(goe, 128) == 1_234


@pytest.mark.parametrize(("value", "power_w"), [(0, 11_040), (1, 0), (2, 11_040)])
async def test_the_force_state_gates(value: int, power_w: int, stand: Stand, goe: Master, clock: Hands) -> None:
    """Reference: "337 force state": 0 neutral, 1 off, 2 on."""
    await goe.write(FORCE, value)
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    assert stand.power_w == power_w
    assert await goe.holdings(FORCE) == [value]
    assert await goe.inputs(200) == [int(power_w > 0)]


async def test_the_volatile_current_is_gone_after_a_restart_the_stored_one_wears(
    stand: Stand, goe: Master, clock: Hands
) -> None:
    """Reference: "299 volatile current, 300 is EEPROM (about 100 k cycles)"."""
    await goe.write(CURRENT, 8)
    await goe.write(CURRENT, 9)
    assert await goe.inputs(299, 2) == [9, 16]
    await goe.write(STORED, 12)
    await goe.write(CURRENT, 7)
    await stand.reboot()
    clock.forward(20)
    await stand.tick()
    async with master(stand.port, 1) as again:
        assert await again.inputs(299, 2) == [12, 12]
    assert stand.first.wallbox.eeprom_writes == 1  # type: ignore[attr-defined]
    assert stand.commands == [("299", 8), ("299", 9), ("300", 12), ("299", 7)]


@pytest.mark.parametrize(
    ("address", "word"), [(CURRENT, 5), (CURRENT, 33), (STORED, 0), (PHASES, 3), (FORCE, 3), (ACCESS, 4)]
)
async def test_values_out_of_range_are_refused(address: int, word: int, stand: Stand, goe: Master) -> None:
    assert await goe.code_of_write(address, word) == VALUE
    assert stand.commands == []


async def test_access_control_outlives_a_restart_and_the_force_state_does_not(
    stand: Stand, goe: Master, clock: Hands
) -> None:
    """Reference: "frc survives loss of HA but not a reboot: combine with acs=1 so that a reboot stays closed"."""
    await goe.write(ACCESS, 1)
    await goe.write(FORCE, 1)
    await stand.reboot()
    clock.forward(20)
    await stand.tick()
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    async with master(stand.port, 1) as again:
        assert await again.holdings(FORCE) == [0]
        assert await again.inputs(ACCESS) == [1]
        assert stand.power_w == 0
        await again.write(FORCE, 2)
        clock.forward(30)
        assert stand.power_w == 0  # forced on, and still waiting for a card
        await again.write(ACCESS, 0)
        clock.forward(30)
        assert stand.power_w == 11_040


async def test_or_forcing_on_opens_access_too(clock: Hands) -> None:
    options = {"force_on_opens_access": True}
    async with Stand("goe_modbus", clock, options=options) as stand, master(stand.port, 1) as goe:
        await goe.write(ACCESS, 1)
        await goe.write(FORCE, 2)
        stand.plug(Car(name="a", need_wh=20_000))
        clock.forward(30)
        assert stand.power_w == 11_040


async def test_the_last_card_stays_readable_padded_with_zeros(stand: Stand, goe: Master, clock: Hands) -> None:
    """Reference: "input 327-331 last RFID UID (10 bytes, zero padded)"; a level, whatever the session does."""
    assert await goe.inputs(327, 5) == [0, 0, 0, 0, 0]
    stand.show_card("04A1B2C3D4E5F6")
    assert await goe.inputs(327, 5) == [0x04A1, 0xB2C3, 0xD4E5, 0xF600, 0]
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(3600)
    stand.unplug()
    assert await goe.inputs(327, 5) == [0x04A1, 0xB2C3, 0xD4E5, 0xF600, 0]
    stand.show_card("11223344")
    assert await goe.inputs(327, 5) == [0x1122, 0x3344, 0, 0, 0]


async def test_a_taught_card_opens_access_control_and_names_its_slot(clock: Hands) -> None:
    """Reference: "203 card slot"."""
    options = {"cards": "AABBCCDD, 04A1B2C3D4E5F6"}
    async with Stand("goe_modbus", clock, options=options) as stand, master(stand.port, 1) as goe:
        await goe.write(ACCESS, 1)
        stand.plug(Car(name="a", need_wh=20_000))
        stand.show_card("55667788")
        clock.forward(30)
        assert (stand.power_w, await goe.inputs(203)) == (0, [0])
        stand.show_card("04a1b2c3d4e5f6")
        clock.forward(30)
        assert (stand.power_w, await goe.inputs(203)) == (11_040, [2])
        stand.unplug()
        assert await goe.inputs(203) == [0]


async def test_phases_and_energy_limit(stand: Stand, goe: Master, clock: Hands) -> None:
    """Reference: "332 phases, 333-336 energy limit float64 Wh (Inf = none)"."""
    assert struct.pack(">4H", *await goe.holdings(LIMIT, 4)) == struct.pack(">d", float("inf"))
    await goe.write(PHASES, 1)
    await goe.write(LIMIT, *struct.unpack(">4H", struct.pack(">d", 500.0)))
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    assert (stand.power_w, await goe.inputs(205)) == (3_680, [0b111001])
    clock.forward(1800)
    assert await goe.inputs(100) == [4]
    assert await number(goe, 132) == pytest.approx(180_000, abs=700)  # 500 Wh


async def test_from_332_on_the_inputs_are_the_energies_of_the_cards(goe: Master) -> None:
    """ENERGY_CARD0 is input 332-335, PHASE_SWITCH_MODE holding 332 (modbus-en)."""
    await goe.write(PHASES, 2)
    assert await goe.holdings(332) == [2]
    assert await goe.inputs(332, 4) == [0, 0, 0, 0]


async def test_only_function_16_writes_and_holes_are_refused(stand: Stand, goe: Master) -> None:
    assert await goe.code_of_write_one(CURRENT, 10) == FUNCTION
    assert await goe.code_of_inputs(100, 34) == ADDRESS
    assert await goe.code_of_inputs(120, 3) == ADDRESS
    assert await goe.code_of_write(100, 1) == ADDRESS
    async with master(stand.port, 2, timeout_s=0.2) as stranger:
        assert await stranger.code_of_inputs(100) == GONE


async def test_or_holes_are_zero(clock: Hands) -> None:
    """The block 100-133 is marked ``probe``."""
    async with Stand("goe_modbus", clock, options={"holes": "zero"}) as stand, master(stand.port, 1) as goe:
        words = await goe.inputs(100, 34)
        assert (words[0], words[22:28], words[28:30]) == (1, [0] * 6, [0, 1_370])


async def test_a_fault_is_state_0_with_an_error_code(stand: Stand, goe: Master, clock: Hands) -> None:
    """Reference: "0: Unknown, Charging station defective"."""
    stand.plug(Car(name="a", need_wh=20_000))
    stand.first.wallbox.faulty = True  # type: ignore[attr-defined]
    clock.forward(30)
    assert (await goe.inputs(100), await goe.inputs(107), stand.power_w) == ([0], [8], 0)


async def test_over_http_the_last_card_is_sent_when_that_is_switched_on(clock: Hands) -> None:
    """Reference: "`lri` last RFID id only if `rde` true"."""
    async with called("goe_http_v2", clock) as box:
        assert await box.get("/api/status?filter=lri,rde") == {"lri": None, "rde": True}
        box.stand.show_card("04A1B2C3D4E5F6")
        assert (await box.get("/api/status?filter=lri"))["lri"] == "04a1b2c3d4e5f6"
    async with called("goe_http_v2", clock, options={"rde": False}) as box:
        box.stand.show_card("04A1B2C3D4E5F6")
        assert await box.get("/api/status?filter=lri,rde") == {"rde": False}


async def test_over_http_the_current_is_stored_and_a_limit_of_energy_ends_the_session(clock: Hands) -> None:
    """Reference: "amp is a Config key; write only on change"."""
    async with called("goe_http_v2", clock) as box:
        assert await box.get("/api/set?amp=10") == {"amp": True}
        assert await box.get("/api/set?dwo=100") == {"dwo": True}
        assert box.stand.first.wallbox.eeprom_writes == 1  # type: ignore[attr-defined]
        await box.stand.reboot()
        await box.wait(30)
        assert await box.get("/api/status?filter=amp,dwo") == {"amp": 10, "dwo": 100}
        await box.charge(600)
        status = await box.get("/api/status?filter=car,wh")
        assert (status["car"], status["wh"]) == (4, pytest.approx(100, abs=3))
