"""One wall connector stood up alone on loopback, with a car to plug, cards to show and faults to switch.

``async with Stand("keba_p30", now) as stand:`` serves it and ends it again. No clock is read here: `now` says what time
it is, and each request first brings the box up to that time. What the outlet counted is the truth to check others by.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from demo.boxes import MODELS
from demo.boxes.faults import Faults
from demo.boxes.http_wire import HttpWire
from demo.boxes.model import BoxModel, CardReading, Kind, Options, Site
from demo.boxes.wires import ModbusLine, ModbusWire, SerialWire
from demo.car import MWS_PER_WH, Car
from demo.doors import HOST
from demo.physics import MAX_JUMP_S, Outlet, Wallbox, whole_second
from demo.stalls import Place

MAX_CARD_BYTES = 10


class Point:
    """One connector of a stand: what people and the checker see of it, as of now."""

    def __init__(self, stand: Stand, outlet: Outlet, wallbox: Wallbox) -> None:
        self.outlet = outlet
        self.wallbox = wallbox
        """The electronics behind the wire, for tests that look inside."""
        self._stand = stand

    @property
    def car(self) -> Car | None:
        """Who is plugged in."""
        return self._now().car

    @property
    def pilot(self) -> str:
        """IEC 61851-1 state A, B or C."""
        return self._now().pilot

    @property
    def offered_a(self) -> float:
        """Current offered to the car, per phase."""
        return self._now().offered_ma / 1000

    @property
    def power_w(self) -> float:
        """Power drawn now."""
        return self._now().power_mw / 1000

    def plug(self, car: Car) -> None:
        """Plug a car in; raises ValueError when one is there already."""
        self._now().plug(car, self.wallbox)

    def unplug(self) -> Car:
        """Take the car away; raises ValueError when none is there."""
        return self._now().unplug(self.wallbox)

    def show_card(self, uid: str) -> None:
        """Hold a card before the reader; raises ValueError where the model has none, or for a UID that is not one."""
        if not self._stand.box_model.has_card or not isinstance(self.wallbox, CardReading):
            raise ValueError(f"{self._stand.model} has no card reader")
        try:
            length = len(bytes.fromhex(uid))
        except ValueError:
            length = 0
        if not 4 <= length <= MAX_CARD_BYTES:
            raise ValueError(f"uid: {uid!r} is not 4 to {MAX_CARD_BYTES} bytes in hex")
        self._now()
        self.wallbox.show_card(uid)

    def true_register_wh(self) -> int:
        """What its cumulative register truly counted, in whole Wh; the wire may show less of it, or wrap."""
        return self._now().register_wh

    def mark(self) -> int:
        """A point to measure from with `delivered_wh_since`; resets do not disturb it."""
        return self._now().delivered_mws // MWS_PER_WH

    def delivered_wh_since(self, mark: int) -> int:
        """Whole Wh that flowed here since `mark`."""
        return self.mark() - mark

    def reset_register(self) -> None:
        """Let the register begin at 0 again."""
        self._now().reset_register()

    def set_register_wh(self, wh: int) -> None:
        """Let the register begin again at `wh`, to bring it near its rollover."""
        self._now().reset_register(wh)

    def _now(self) -> Outlet:
        self._stand.advance()
        return self.outlet


class Stand:
    """A box on its wire. Use as an async context manager, once. What a `Point` has is here that of the first."""

    def __init__(
        self,
        model: str,
        now: Callable[[], datetime],
        *,
        serial: str | None = None,
        register_start_wh: int = 137_000,
        rated_a: int = 32,
        points: int = 1,
        options: Mapping[str, object] | None = None,
    ) -> None:
        """Stand `model` up at the moment `now()` (aware), with `points` connectors.

        Raises:
            ValueError: unknown model or option, or more points than the model may have.
        """
        if model not in MODELS:
            raise ValueError(f"model: {model!r} is not known; known are {', '.join(sorted(MODELS))}")
        self.model = model
        self.box_model: BoxModel = MODELS[model]
        if not 1 <= points <= self.box_model.max_points:
            raise ValueError(f"points: {points}; {model} has 1 to {self.box_model.max_points}")
        self.serial = serial or self.box_model.serial
        self.host = HOST
        self.unit_id = self.box_model.unit_id
        self.faults = Faults()
        self.commands: list[tuple[str, Any]] = []
        """Every accepted write, in order: register or key, and value."""
        self.dropped = False
        self._now = now
        self._second = whole_second(now())
        self._running = False
        self._next_look: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        outlets = [
            Outlet(
                plan=Place(
                    id=model if points == 1 else f"{model}/{number}",
                    name=self.box_model.name,
                    serial=self.serial,
                    rated_a=min(rated_a, self.box_model.max_a),
                    register_start_wh=register_start_wh,
                )
            )
            for number in range(1, points + 1)
        ]
        chosen = Options(self.box_model.options, options or {})
        self._box = self.box_model.build(Site(outlets=outlets, options=chosen, now=now, hang_up=self._hang_up))
        self._points = [
            Point(self, outlet, wallbox) for outlet, wallbox in zip(outlets, self._box.wallboxes, strict=True)
        ]
        for wallbox in self._box.wallboxes:
            wallbox.commanded = lambda what, value: self.commands.append((what, value))
        self._wire: ModbusWire | HttpWire | None = None
        self._serial_wire: SerialWire | None = None
        self.faults.on_refusal(self._set_wires)

    @property
    def kind(self) -> Kind:
        """Over which protocol it is driven, as its options have it."""
        return self._box.kind or self.box_model.kind

    @property
    def port(self) -> int:
        """Where its protocol is served on `host` (a serial protocol: in its own framing over TCP, as by a gateway)."""
        return self._running_wire.port

    @property
    def ports(self) -> dict[str, int]:
        """Ports of its further ways in, by name."""
        return {name: door.port for name, door in self._box.side_doors.items()}

    @property
    def serial_device(self) -> str | None:
        """Path of the serial line (a pty) of a model on RS485; None for others."""
        return None if self._serial_wire is None else self._serial_wire.device

    @property
    def requests(self) -> int:
        """How many requests reached the device so far."""
        return self._running_wire.requests

    @property
    def first(self) -> Point:
        """The first connector."""
        return self._points[0]

    @property
    def car(self) -> Car | None:
        """Who is plugged in."""
        return self.first.car

    @property
    def pilot(self) -> str:
        """IEC 61851-1 state A, B or C."""
        return self.first.pilot

    @property
    def offered_a(self) -> float:
        """Current offered to the car, per phase."""
        return self.first.offered_a

    @property
    def power_w(self) -> float:
        """Power drawn now."""
        return self.first.power_w

    def at(self, point: int) -> Point:
        """The connector with this number, from 1."""
        if not 1 <= point <= len(self._points):
            raise ValueError(f"point: {point}; this stand has 1 to {len(self._points)}")
        return self._points[point - 1]

    def plug(self, car: Car) -> None:
        """Plug a car in; raises ValueError when one is there already."""
        self.first.plug(car)

    def unplug(self) -> Car:
        """Take the car away; raises ValueError when none is there."""
        return self.first.unplug()

    def show_card(self, uid: str) -> None:
        """Hold a card (UID in hex) before the reader; raises ValueError where the model has none."""
        self.first.show_card(uid)

    def true_register_wh(self) -> int:
        """What its cumulative register truly counted, in whole Wh."""
        return self.first.true_register_wh()

    def mark(self) -> int:
        """A point to measure from with `delivered_wh_since`."""
        return self.first.mark()

    def delivered_wh_since(self, mark: int) -> int:
        """Whole Wh that flowed since `mark`."""
        return self.first.delivered_wh_since(mark)

    def reset_register(self) -> None:
        """Let the register begin at 0 again."""
        self.first.reset_register()

    def set_register_wh(self, wh: int) -> None:
        """Let the register begin again at `wh`."""
        self.first.set_register_wh(wh)

    async def reboot(self) -> None:
        """Restart the box; it is dark while it boots and forgets what it did not store."""
        self.advance()
        for wallbox in self._box.wallboxes:
            wallbox.reboot()
        await self.tick()

    async def drop(self) -> None:
        """Cut it off the network; electronics and car go on."""
        self.dropped = True
        await self.tick()

    async def restore(self) -> None:
        """Bring it back on the network."""
        self.dropped = False
        await self.tick()

    async def tick(self) -> None:
        """Advance, then open or shut the wire as the box came up or went dark. Call it after moving `now`."""
        self.advance()
        self._set_wires()
        for door in self._box.side_doors.values():
            await (door.open(self.advance) if self._up else door.shut())

    def advance(self) -> None:
        """Let everything happen up to `now()`; a moment already past changes nothing.

        Raises:
            ValueError: `now()` is further away than `MAX_JUMP_S`.
        """
        until = whole_second(self._now())
        if until - self._second > MAX_JUMP_S:
            raise ValueError(f"now: {until - self._second} s ahead; at most {MAX_JUMP_S} s at once")
        while self._second < until:
            self._second += 1
            for point in self._points:
                point.outlet.second(point.wallbox)
        if self._wire is not None:
            self._wire.look()
        if self._box.pulse is not None:
            self._box.pulse()
        if self._running and self._booting_s() and self._next_look is None:
            self._plan_next_look()

    async def __aenter__(self) -> Self:
        """Open its wire."""
        self._running = True
        if self._box.handler is not None:
            self._wire = HttpWire(handler=self._box.handler, faults=self.faults, before=self.advance)
        else:
            line = ModbusLine(
                framing=self.kind.framing,
                units=dict(self._box.units),
                manners=self._box.manners,
                faults=self.faults,
                before=self.advance,
                second=lambda: self._second,
            )
            self._wire = ModbusWire(line, self._box.port)
            if self.kind in (Kind.MODBUS_RTU, Kind.MODBUS_ASCII):
                self._serial_wire = SerialWire(line)
        await self.tick()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Shut everything and give the ports back."""
        self._running = False
        if self._next_look is not None:
            self._next_look.cancel()
        if self._looking is not None:
            await self._looking
        await self.tick()
        self._running_wire.give_up()
        if self._serial_wire is not None:
            self._serial_wire.give_up()
        for door in self._box.side_doors.values():
            door.give_up()

    @property
    def _running_wire(self) -> ModbusWire | HttpWire:
        if self._wire is None:
            raise RuntimeError("the stand has no wire yet; use it inside `async with`")
        return self._wire

    @property
    def _up(self) -> bool:
        return self._running and not self.dropped and all(box.reachable_in_s == 0 for box in self._box.wallboxes)

    def _set_wires(self) -> None:
        up = self._up and not self.faults.refuse
        for wire in (self._wire, self._serial_wire):
            if wire is not None:
                (wire.open if up else wire.shut)()

    def _hang_up(self) -> None:
        if self._wire is not None:
            self._wire.hang_up()

    def _booting_s(self) -> int:
        return max((box.reachable_in_s or 0 for box in self._box.wallboxes), default=0)

    def _plan_next_look(self) -> None:
        """A box that restarts by itself goes dark once the request is answered, and comes back when it has booted.

        For owners whose `now` is the event loop's clock; others call `tick`.
        """
        loop = asyncio.get_running_loop()
        loop.call_soon(self._set_wires)
        self._next_look = loop.call_later(self._booting_s(), self._look)

    def _look(self) -> None:
        self._next_look = None
        self._looking = asyncio.get_running_loop().create_task(self.tick())
