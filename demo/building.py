"""The simulated building, running: every wall connector and meter on its own loopback port.

``async with RunningBuilding(plan, now) as building:`` starts everything and stops it again. No clock is read here:
`now` says what time it is, and each request first brings the building up to that time. Cars, cards, network losses and
restarts are played on `RunningStall`; its registers are the truth to check others by.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Self

from demo import meters, prices, readers
from demo.car import MWS_PER_WH, Car
from demo.connectors import alfen, goe, keba, tesla
from demo.doors import HOST, Door, HttpDoor, ModbusDoor
from demo.physics import CommandListener, Feeder, Outlet, SimulatedBuilding, Wallbox
from demo.readers import WallReader
from demo.stalls import BuildingPlan, Model, StallPlan

BOARD = "board"
"""Name of the building board among the ports."""


def _wallbox(stall: StallPlan, seed: int) -> Wallbox:
    match stall.model:
        case Model.KEBA_P30:
            return keba.Keba(stall)
        case Model.ALFEN_EVE:
            return alfen.Alfen(stall, alfen.Settings(safe_current_a=stall.safe_current_a))
        case Model.GOE_HTTP_V2:
            return goe.GoE(stall)
        case Model.TESLA_TWC3:
            return tesla.Tesla(stall, seed)


def _door(wallbox: Wallbox, outlet: Outlet, before: Callable[[], None], port: int | None) -> Door:
    match wallbox:
        case keba.Keba():
            return ModbusDoor(keba.modbus_devices(wallbox, outlet, before), port)
        case alfen.Alfen():
            return ModbusDoor(alfen.modbus_devices(wallbox, outlet, before), port)
        case goe.GoE():
            return HttpDoor(goe.http_handler(wallbox, outlet, before), port)
        case tesla.Tesla():
            return HttpDoor(tesla.http_handler(wallbox, outlet, before), port)
    raise TypeError(f"{type(wallbox).__name__} has no door")


class RunningStall:
    """One stall as people and the checker see it. All values are those of `now`."""

    def __init__(
        self, building: RunningBuilding, simulation: SimulatedBuilding, wallbox: Wallbox, outlet: Outlet, door: Door
    ) -> None:
        self.plan = building.plan.stall(outlet.plan.id)
        self.host = HOST
        self.wallbox = wallbox
        """The electronics behind the wire, for tests that look inside."""
        self.door = door
        self.dropped = False
        self._building = building
        self._simulation = simulation
        self._outlet = outlet

    @property
    def port(self) -> int:
        """Where its protocol is served on `host`; stays the same while it is dark."""
        return self.door.port

    @property
    def reader(self) -> WallReader | None:
        """The reader on the wall; None where the connector reads cards itself."""
        return self._building.readers.get(self.plan.id)

    @property
    def car(self) -> Car | None:
        """Who is plugged in."""
        self._building.advance()
        return self._outlet.car

    @property
    def pilot(self) -> str:
        """IEC 61851-1 state A, B or C."""
        self._building.advance()
        return self._outlet.pilot

    @property
    def offered_a(self) -> float:
        """Current offered to the car, per phase."""
        self._building.advance()
        return self._outlet.offered_ma / 1000

    @property
    def power_w(self) -> float:
        """Power drawn now."""
        self._building.advance()
        return self._outlet.power_mw / 1000

    def on_command(self, listener: CommandListener) -> None:
        """Have `listener` told of every command this stall accepts (its register, key or ``contactor``; the value)."""
        self.wallbox.commanded = listener

    def plug(self, car: Car) -> None:
        """Plug a car in; raises ValueError when one is there already."""
        self._building.advance()
        self._simulation.plug(self.plan.id, car)

    def unplug(self) -> Car:
        """Take the car away; raises ValueError when none is there."""
        self._building.advance()
        return self._simulation.unplug(self.plan.id)

    async def tap(self, uid: str) -> None:
        """Show a card (UID in hex) to whichever reader the stall has.

        Raises:
            ValueError: `uid` is not 4 to 10 bytes in hex, or `home_assistant_url` is not set.
            ReaderUnheard: Home Assistant did not take the card.
        """
        self._building.advance()
        if isinstance(self.wallbox, keba.Keba):
            self.wallbox.show_card(readers.checked_uid(uid))
            return
        url = self._building.home_assistant_url
        if url is None:
            raise ValueError(f"home_assistant_url: not set, so the reader of {self.plan.id} cannot reach anyone")
        await self._building.readers[self.plan.id].tap(url, uid)

    def true_register_wh(self) -> int:
        """The billing register in whole Wh: its own, or that of the meter in front."""
        self._building.advance()
        return self._outlet.register_wh

    def register_epochs(self) -> tuple[tuple[int, int], ...]:
        """Start and end in Wh of each life of the register, one more after every reset."""
        self._building.advance()
        return self._outlet.all_epochs

    def mark(self) -> int:
        """A point to measure from with `delivered_wh_since`; resets do not disturb it."""
        self._building.advance()
        return self._outlet.delivered_mws // MWS_PER_WH

    def delivered_wh_since(self, mark: int) -> int:
        """Whole Wh that flowed here since `mark`."""
        return self.mark() - mark

    def reset_register(self) -> None:
        """Let the billing register begin at 0 again."""
        self._building.advance()
        self._outlet.reset_register()

    async def reboot(self) -> None:
        """Restart the wall connector; it is unreachable meanwhile and forgets what it did not store."""
        self._building.advance()
        self.wallbox.reboot()
        await self._building.tick()


class RunningBuilding:
    """All of it. Use as an async context manager; not reusable."""

    def __init__(
        self,
        plan: BuildingPlan,
        now: Callable[[], datetime],
        *,
        ports: Mapping[str, int] | None = None,
        home_assistant_url: str | None = None,
    ) -> None:
        """Build `plan` at the moment `now()` (aware).

        `ports` of an earlier run keep the doors where they were; a missing one is any free port. Raises OSError when
        a wanted port is in use. `home_assistant_url` is where wall readers post; it may be set later.
        """
        self.plan = plan
        self.home_assistant_url = home_assistant_url
        self.readers = readers.wall_readers(plan)
        self._now = now
        wanted = ports or {}
        wallboxes = {stall.id: _wallbox(stall, plan.seed) for stall in plan.stalls}
        self.simulation = SimulatedBuilding(plan, now(), wallboxes)
        self._stalls: dict[str, RunningStall] = {}
        metered: list[tuple[Outlet, tesla.Tesla]] = []
        for stall_id, wallbox in wallboxes.items():
            outlet = self.simulation.outlets[stall_id]
            door = _door(wallbox, outlet, self.advance, wanted.get(stall_id))
            self._stalls[stall_id] = RunningStall(self, self.simulation, wallbox, outlet, door)
            if isinstance(wallbox, tesla.Tesla):
                metered.append((outlet, wallbox))
        self.board = meters.Board(self.simulation.feeder, metered, self._look_at_doors_soon)
        self._board_door = ModbusDoor(meters.modbus_devices(self.board, self.advance), wanted.get(BOARD))
        self._doors_moving = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None
        self._next_look: asyncio.TimerHandle | None = None
        self._running = False

    @property
    def ports(self) -> dict[str, int]:
        """Port on 127.0.0.1 by stall id, and the board's under `BOARD`."""
        return {BOARD: self._board_door.port, **{stall.plan.id: stall.port for stall in self.stalls}}

    @property
    def stalls(self) -> tuple[RunningStall, ...]:
        """Every stall, in the plan's order."""
        return tuple(self._stalls.values())

    @property
    def feeder(self) -> Feeder:
        """The truth about the grid connection."""
        self.advance()
        return self.simulation.feeder

    def stall(self, stall_id: str) -> RunningStall:
        """One stall; KeyError names the known ids."""
        return self._stalls[self.plan.stall(stall_id).id]

    async def __aenter__(self) -> Self:
        """Open every door whose device is up."""
        self._running = True
        await self._board_door.open()
        await self.tick()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Shut all doors and give the ports back."""
        self._running = False
        if self._looking is not None:
            await self._looking
        await self.tick()
        await self._board_door.shut()
        for door in (self._board_door, *(stall.door for stall in self.stalls)):
            door.give_up()

    def advance(self) -> None:
        """Let everything happen up to `now()`."""
        self.simulation.advance(self._now())

    async def tick(self) -> None:
        """Advance, then open the doors of devices that came up and shut those that went dark.

        Doors that will open by themselves are also looked at when their time has come on the event loop's clock; an
        owner whose `now` runs apart from that clock calls this after moving it.
        """
        async with self._doors_moving:
            self.advance()
            for stall in self.stalls:
                up = self._running and not stall.dropped and stall.wallbox.reachable_in_s == 0
                await (stall.door.open() if up else stall.door.shut())
        self._plan_next_look()

    async def keep_ticking(self, interval_s: float = 1.0) -> None:
        """Tick for ever, every `interval_s` on the event loop's clock; cancel to end."""
        while True:
            await self.tick()
            await asyncio.sleep(interval_s)

    async def drop(self, stall_id: str) -> None:
        """Cut the stall off the network; its electronics and its car go on."""
        self.stall(stall_id).dropped = True
        await self.tick()

    async def restore(self, stall_id: str) -> None:
        """Bring the stall back on the network."""
        self.stall(stall_id).dropped = False
        await self.tick()

    def home_assistant_yaml(self) -> str:
        """The parts of configuration.yaml that show this building to Home Assistant."""
        board = meters.home_assistant_yaml(self.plan, self._board_door.port)
        return board + readers.home_assistant_yaml(self.readers) + prices.home_assistant_yaml(self.plan)

    def _look_at_doors_soon(self) -> None:
        """A contactor moved while a request is being answered: shut or open once that is done."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self.tick())

    def _plan_next_look(self) -> None:
        """Come back when the next device will have booted."""
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
        booting = [s.wallbox.reachable_in_s for s in self.stalls if s.wallbox.reachable_in_s]
        if booting and self._running:
            self._next_look = asyncio.get_running_loop().call_later(min(booting), self._look_at_doors_soon)
