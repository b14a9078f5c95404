"""Two boxes get each other's address: nobody pays for a neighbour, and no stranger is let in.

Real boxes on real sockets, real drivers, a building inside Home Assistant; only time and the network are the test's.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

from homeassistant.config_entries import SOURCE_ZEROCONF
from homeassistant.core import Context, HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.evshare.const import DOMAIN
from custom_components.evshare.model import StallId
from demo.boxes.stand import Stand
from demo.car import Car

from .building.passing_time import Clock
from .conftest import MakeEntry, device_id, resident, stall, state_of
from .lan import Lan, announces

ONE, TWO = "10.0.0.31", "10.0.0.32"
NRGKICK = {"connector": "nrgkick_gen2_http", "port": 80, "unit_id": None}
SERIALS = {"stall-1": "T1111111111111111S1D2", "stall-2": "T2222222222222222S1D2"}


@pytest.fixture
def clock(hass: HomeAssistant) -> Iterator[Clock]:
    """Time stands still unless the test lets it pass."""
    with Clock(hass.loop).rules() as clock:
        yield clock


class House:
    """Two NRGkicks, their two stalls, and the network between."""

    def __init__(self, hass: HomeAssistant, admin: MockUser, clock: Clock, lan: Lan, boxes: dict[str, Stand]) -> None:
        self.hass = hass
        self.clock = clock
        self.boxes = boxes
        self.entry: MockConfigEntry | None = None
        self._admin = admin
        self._lan = lan
        self._marks = {stall_id: box.mark() for stall_id, box in boxes.items()}

    async def comes_to_life(self, entry: MockConfigEntry) -> None:
        self.entry = entry
        assert await self.clock.during(self.hass.config_entries.async_setup(entry.entry_id))
        await self.clock.passes(30)

    async def charges(self, stall_id: str, resident_id: str) -> None:
        """A resident plugs in and is let in."""
        self.boxes[stall_id].plug(Car(name=resident_id, need_wh=60_000))
        await self.clock.passes(20)
        await self._call("authorise", stall_id, resident=resident_id)

    async def stops(self, stall_id: str) -> None:
        """The resident leaves."""
        self.boxes[stall_id].unplug()
        await self.clock.passes(30)

    async def swaps(self, outage_s: float) -> None:
        """The boxes get each other's address, after so long without any."""
        for box in self.boxes.values():
            await box.drop()
        await self.clock.passes(outage_s)
        for stall_id, address in (("stall-1", TWO), ("stall-2", ONE)):
            self._lan.put(address, self.boxes[stall_id].port)
        for box in self.boxes.values():
            await box.restore()
            box.commands.clear()

    async def is_told(self) -> None:
        """Both announce themselves at their new addresses."""
        for stall_id, address in (("stall-1", TWO), ("stall-2", ONE)):
            serial = SERIALS[stall_id]
            info = announces(address, f"NRGkick-{stall_id}", "_nrgkick._tcp.local.", serial_number=serial)
            flows = self.hass.config_entries.flow
            told = flows.async_init(DOMAIN, context={"source": SOURCE_ZEROCONF}, data=info)
            assert (await self.clock.during(told, 60))["reason"] == "stall_known"
        await self.clock.passes(30)

    def delivered_wh(self, stall_id: str) -> int:
        """What truly flowed at a box."""
        return self.boxes[stall_id].delivered_wh_since(self._marks[stall_id])

    def status(self, stall_id: str) -> str:
        return state_of(self.hass, f"sensor.{stall_id.replace('-', '_')}_status")

    def session_id(self, stall_id: str) -> str | None:
        session = self.entry.runtime_data.stalls[StallId(stall_id)].state.session
        return None if session is None else str(session.id)

    async def billed_wh(self) -> dict[str, int]:
        """Energy by resident, of sessions that are over."""
        start, end = self.clock.now.replace(year=2000), self.clock.now.replace(year=2100)
        sessions = await self.clock.during(self.entry.runtime_data.async_export_sessions(start, end))
        billed: dict[str, int] = {}
        for session in sessions:
            billed[session["resident_id"]] = billed.get(session["resident_id"], 0) + session["energy_wh"]
        return billed

    async def _call(self, service: str, stall_id: str, **data: Any) -> None:
        data |= {"device_id": device_id(self.hass, stall_id)}
        context = Context(user_id=self._admin.id)
        await self.clock.during(self.hass.services.async_call(DOMAIN, service, data, blocking=True, context=context))
        await self.clock.passes(10)


@pytest.fixture
async def house(
    hass: HomeAssistant, clock: Clock, hass_admin_user: MockUser, make_entry: MakeEntry, socket_enabled: None
) -> AsyncIterator[House]:
    """Both stalls are there and locked."""
    async with AsyncExitStack() as stack:
        lan = stack.enter_context(Lan().rules())
        boxes = {}
        for stall_id, address, start_wh in (("stall-1", ONE, 137_000), ("stall-2", TWO, 137_010)):
            box = Stand(
                "nrgkick_gen2_http", lambda: clock.now, serial=SERIALS[stall_id], rated_a=16, register_start_wh=start_wh
            )
            boxes[stall_id] = await stack.enter_async_context(box)
            lan.put(address, box.port)
        house = House(hass, hass_admin_user, clock, lan, boxes)
        entry = make_entry(
            stall("stall-1", "Stall 1", host=ONE, serial=SERIALS["stall-1"], **NRGKICK),
            stall("stall-2", "Stall 2", host=TWO, serial=SERIALS["stall-2"], **NRGKICK),
            resident("anna", "Anna Alt"),
            resident("ben", "Ben Bach"),
        )
        await house.comes_to_life(entry)
        assert [house.status(stall_id) for stall_id in SERIALS] == ["available", "available"]
        yield house
        await clock.during(hass.config_entries.async_unload(entry.entry_id), 60)


async def test_each_session_goes_on_at_its_own_box_once_both_were_found_again(house: House) -> None:
    await house.charges("stall-1", "anna")
    await house.charges("stall-2", "ben")
    await house.clock.passes(600)
    sessions = [house.session_id(stall_id) for stall_id in SERIALS]
    await house.swaps(outage_s=30)
    await house.clock.passes(400)
    # At each address another box answers: neither is read nor told anything, and both cars go on.
    assert [house.status(stall_id) for stall_id in SERIALS] == ["offline", "offline"]
    assert [box.commands for box in house.boxes.values()] == [[], []]
    assert [box.pilot for box in house.boxes.values()] == ["C", "C"]
    await house.is_told()
    assert [house.status(stall_id) for stall_id in SERIALS] == ["charging", "charging"]
    assert [house.session_id(stall_id) for stall_id in SERIALS] == sessions
    await house.clock.passes(600)
    for stall_id in SERIALS:
        await house.stops(stall_id)
    billed = await house.billed_wh()
    assert billed == {"anna": house.delivered_wh("stall-1"), "ben": house.delivered_wh("stall-2")}
    assert billed["anna"] > 3_000


async def test_a_stranger_at_the_other_box_gets_nothing(house: House) -> None:
    await house.charges("stall-1", "anna")
    await house.clock.passes(300)
    house.boxes["stall-2"].plug(Car(name="stranger", need_wh=60_000))
    await house.clock.passes(30)
    await house.swaps(outage_s=30)
    await house.clock.passes(600)
    assert house.status("stall-1") == "offline"
    await house.is_told()
    await house.clock.passes(300)
    assert house.delivered_wh("stall-2") == 0
    await house.stops("stall-1")
    assert await house.billed_wh() == {"anna": house.delivered_wh("stall-1")}


async def test_even_a_swap_between_two_polls_opens_nobody_elses_box_and_bills_no_neighbour(house: House) -> None:
    """No request ever failed: only who answers tells. The registers are 10 Wh apart, so no jump tells either."""
    await house.charges("stall-1", "anna")
    await house.clock.passes(60)
    house.boxes["stall-2"].plug(Car(name="stranger", need_wh=60_000))
    await house.clock.passes(30)
    await house.swaps(outage_s=0)
    await house.clock.passes(600)
    assert house.status("stall-1") == "offline"
    assert house.delivered_wh("stall-2") == 0
    await house.is_told()
    await house.clock.passes(300)
    assert house.delivered_wh("stall-2") == 0
    await house.stops("stall-1")
    billed = await house.billed_wh()
    assert sum(billed.values()) <= house.delivered_wh("stall-1")
