"""Compleo: "address offset 256 + (connector-1)*16; bit0 plugged bit1 charging; power 100 W for all phases: a = w /
(230 * phases); RFID 4096 absolute, +16 per further connector" (connector reference table)."""

import pytest

from custom_components.evshare.connectors.ports import ConnectorRefused, WrongDevice
from custom_components.evshare.model import Pilot

from .modbus_box import FC6, Box, text


def load(box: Box, offset: int, card: int) -> None:
    box.input({offset + 1: 3, offset + 2: 109, offset + 3: [159, 158, 157], offset + 8: 43})
    box.input({card: text("04A2B3C4D5E680", 10), 8: 2})
    box.holding({offset: 110, 5: 60})


@pytest.mark.parametrize(("point", "offset", "card"), [(1, 256, 4096), (2, 272, 4112)])
async def test_it_charges_on_each_of_its_connectors(point: int, offset: int, card: int) -> None:
    box = Box("compleo_solo_duo", point=point)
    load(box, offset, card)
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.power_w) == (Pilot.C, True, 10_900.0)
    assert (reading.currents_a, reading.register_wh, reading.session_wh) == ((15.9, 15.8, 15.7), None, 4_300)
    assert reading.card_uid == "04A2B3C4D5E680"
    assert await box.asked() == [("holding", offset, 1), ("input", offset + 1, 8), ("input", card, 10)]
    await box.connector.disable()
    assert box.written() == [(FC6, offset, [0])]


@pytest.mark.parametrize(("bits", "pilot"), [(0, Pilot.A), (1, Pilot.B), (3, Pilot.C)])
async def test_what_its_bits_mean(bits: int, pilot: Pilot) -> None:
    box = Box("compleo_solo_duo")
    load(box, 256, 4096)
    box.input({257: bits})
    assert (await box.poll()).pilot is pilot


@pytest.mark.parametrize(("phases", "watts_100"), [(3, [69, 110]), (1, [23, 36])])
async def test_amperes_become_the_power_of_all_its_phases(phases: int, watts_100: list[int]) -> None:
    box = Box("compleo_solo_duo", phases=phases)
    load(box, 256, 4096)
    await box.connector.prepare()
    await box.connector.enable(10)  # 6900 W, or 2300 W
    await box.connector.set_limit(16)  # 11 040 W, or 3680 W: rounded down
    await box.connector.set_limit(0)
    await box.connector.disable()
    assert box.written() == [(FC6, 256, [value]) for value in (0, *watts_100, 0, 0)]
    with pytest.raises(ConnectorRefused, match="accepted: 7 to 32"):
        await box.connector.enable(6)  # 4100 W would be 5.9 A
    assert box.losses == "opens opens holds"


async def test_a_box_without_connectors_is_another_device() -> None:
    with pytest.raises(WrongDevice, match="connectors reads '0'"):
        await Box("compleo_solo_duo").poll()
