"""A profile's points over Modbus: which registers to read together, and one write at a time.

Speaks the `ModbusUnit` protocol of `modbus-connection`, so in Home Assistant one link per device is shared and
serialised there. Facts: connector reference 3.5 (block rules) and 2.1 (KEBA: one value per read, FC6).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from modbus_connection import (
    AcknowledgeError,
    GatewayPathUnavailableError,
    GatewayTargetError,
    IllegalDataAddressError,
    IllegalDataValueError,
    ModbusError,
    ModbusExceptionError,
    ModbusUnit,
    ServerDeviceBusyError,
)

from .decode import decode_registers, encode_registers
from .driver import ConnectorSettings
from .ports import ConnectorError, ConnectorRefused, ConnectorUnreachable
from .profile_model import Point, Profile, Step, Table, Tier, Value

ATTEMPTS = 2
"""A lost frame is asked for once more; a second loss is an outage."""


@dataclass(frozen=True)
class Span:
    """Registers read in one request. `pieces` are points that must never be read apart: a value, a phase triple."""

    table: Table
    unit_id: int | None
    pieces: tuple[tuple[Point, ...], ...]

    @property
    def points(self) -> tuple[Point, ...]:
        """All points in it, by address."""
        return tuple(point for piece in self.pieces for point in piece)

    @property
    def start(self) -> int:
        """First register."""
        return self.points[0].addr

    @property
    def count(self) -> int:
        """Registers to read, holes included."""
        return max(point.addr + point.words for point in self.points) - self.start

    def halves(self) -> tuple[Span, Span]:
        """Cut at the largest hole."""
        holes = [
            after[0].addr - max(point.addr + point.words for point in before)
            for before, after in zip(self.pieces, self.pieces[1:], strict=False)
        ]
        cut = holes.index(max(holes)) + 1
        return Span(self.table, self.unit_id, self.pieces[:cut]), Span(self.table, self.unit_id, self.pieces[cut:])


def plan(profile: Profile) -> dict[Tier, list[Span]]:
    """Which registers to read together: the profile's blocks, and every point outside them alone."""
    spans: dict[Tier, list[Span]] = {tier: [] for tier in Tier}
    rest = dict(profile.points)
    for block in profile.blocks:
        inside = [
            point
            for point in rest.values()
            if point.unit_id is None and point.tier is block.tier and block.holds(point.table, point.addr, point.words)
        ]
        if inside:
            spans[block.tier].append(Span(block.table, None, _pieces(inside)))
        for point in inside:
            del rest[point.name]
    for point in rest.values():
        spans[point.tier].append(Span(point.table, point.unit_id, ((point,),)))
    return spans


def _pieces(points: Sequence[Point]) -> tuple[tuple[Point, ...], ...]:
    """Points by address, with the three phases of one quantity kept together."""
    groups: dict[str, list[Point]] = {}
    for point in sorted(points, key=lambda point: point.addr):
        groups.setdefault(point.name.replace("_l2_", "_l1_").replace("_l3_", "_l1_"), []).append(point)
    return tuple(tuple(group) for group in groups.values())


class ModbusWire:
    """Reads and writes a profile's points on a Modbus unit."""

    def __init__(
        self, profile: Profile, settings: ConnectorSettings, unit: ModbusUnit, other_units: Mapping[int, ModbusUnit]
    ) -> None:
        """Ask the link for the pauses and the patience this model wants; nothing is sent."""
        self._transport = profile.transport
        self._host = settings.host
        self._unit_id = profile.transport.unit_id if settings.unit_id is None else settings.unit_id
        self._units = {**other_units, self._unit_id: unit}
        self._plan = plan(profile)
        for one in self._units.values():
            one.set_message_spacing(self._transport.gap_s)
            one.require_timeout(self._transport.timeout_s)

    async def read(self, tiers: frozenset[Tier]) -> dict[str, Value]:
        """Read all points of these tiers; what the connector does not serve is None.

        Raises:
            ConnectorUnreachable: No usable answer.
            ConnectorRefused: It serves nothing of all this, e.g. for a wrong unit id.
        """
        values: dict[str, Value] = {}
        refusal: ConnectorRefused | None = None
        for tier in sorted(tiers):
            served: list[Span] = []
            waiting = self._plan[tier][::-1]
            while waiting:
                span = waiting.pop()
                try:
                    values |= await self._read_span(span)
                except _NotServed as error:
                    if len(span.pieces) > 1:
                        waiting += reversed(span.halves())
                        continue
                    values |= dict.fromkeys((point.name for point in span.points), None)
                    refusal = ConnectorRefused(str(error))
                served.append(span)
            self._plan[tier] = served
        if refusal is not None and all(value is None for value in values.values()):
            raise refusal
        return values

    async def write(self, step: Step, limit_a: int | None) -> None:
        """Write one step, with FC6 or FC16 as the profile says.

        Raises:
            ConnectorUnreachable: No usable answer.
            ConnectorRefused: It refuses register or value.
        """
        unit = self._units[self._unit_id]
        registers = encode_registers(step.type, step.number(limit_a))
        what = f"writing register {step.addr}"
        if self._transport.write_fc == 6:
            await self._request(lambda: unit.write_register(step.addr, registers[0]), self._unit_id, what)
        else:
            await self._request(lambda: unit.write_registers(step.addr, registers), self._unit_id, what)

    async def _read_span(self, span: Span) -> dict[str, Value]:
        unit_id = self._unit_id if span.unit_id is None else span.unit_id
        unit = self._units.get(unit_id)
        nothing: dict[str, Value] = dict.fromkeys((point.name for point in span.points), None)
        if unit is None:
            return nothing
        read = unit.read_input_registers if span.table is Table.INPUT else unit.read_holding_registers
        what = f"reading registers {span.start} to {span.start + span.count - 1}"
        try:
            registers = await self._request(lambda: read(span.start, span.count), unit_id, what)
        except ConnectorError:
            if all(point.optional for point in span.points):
                return nothing
            raise
        if len(registers) != span.count:
            raise _NotServed(f"{self._host}: {what}: got {len(registers)} registers; accepted: {span.count}")
        return {
            point.name: decode_registers(point, registers[(at := point.addr - span.start) : at + point.words])
            for point in span.points
        }

    async def _request[T](self, request: Callable[[], Awaitable[T]], unit_id: int, what: str) -> T:
        where = f"{self._host} unit {unit_id}: {what}"
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await request()
            except (IllegalDataAddressError, IllegalDataValueError) as error:
                raise _NotServed(f"{where}: {error}") from error
            except (AcknowledgeError, ServerDeviceBusyError) as error:
                if attempt == ATTEMPTS:
                    raise ConnectorRefused(f"{where}: busy: {error}") from error
            except (GatewayPathUnavailableError, GatewayTargetError) as error:
                raise ConnectorRefused(f"{where}: nobody answers to this unit id: {error}") from error
            except ModbusExceptionError as error:
                raise ConnectorRefused(f"{where}: {error}") from error
            except ModbusError as error:
                if attempt == ATTEMPTS:
                    raise ConnectorUnreachable(f"{where}: no usable answer; is the unit id right? {error}") from error
        raise AssertionError("the last attempt returns or raises")


class _NotServed(ConnectorRefused):
    """Exception code 2 or 3: this range or value is not served."""
