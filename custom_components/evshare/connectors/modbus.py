"""A profile's points over Modbus: planned reads (``reading_plan.py``), and one write at a time.

Speaks the `ModbusUnit` protocol of `modbus-connection`, so in Home Assistant one link per device or serial line is
shared and serialised there. Facts: connector reference 3.5 (block rules) and 2.1 (KEBA: one value per read, FC6).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

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

from .decode import decode_bit, decode_registers, encode_registers
from .ports import ConnectorError, ConnectorRefused, ConnectorUnreachable
from .profile_model import Profile, Step
from .profile_values import Table, Tier, Value
from .reading_plan import Cuts, ReadingPlan, Span
from .settings import ConnectorSettings

ATTEMPTS = 2
"""A lost frame is asked for once more; a second loss is an outage."""


class ModbusWire:
    """Reads and writes a profile's points on a Modbus unit."""

    def __init__(
        self,
        profile: Profile,
        settings: ConnectorSettings,
        unit: ModbusUnit,
        other_units: Mapping[int, ModbusUnit],
        cuts: Cuts | None = None,
    ) -> None:
        """Ask the link for the pauses and the patience this model wants; nothing is sent."""
        self._settings = settings
        self._cuts = cuts or Cuts()
        self._unit_id = own_unit_id(profile, settings)
        self._units = {**other_units, self._unit_id: unit}
        self.adopt(profile)
        for one in self._units.values():
            one.set_message_spacing(self._transport.gap_s)
            one.require_timeout(self._transport.timeout_s)

    def adopt(self, profile: Profile) -> None:
        """Read and write as another variant of the model says."""
        self._transport = profile.transport
        self._last: dict[Span, tuple[Sequence[int], dict[str, Value]]] = {}
        self._plan = ReadingPlan(profile, self._settings.point, self._cuts)

    async def read(self, tiers: frozenset[Tier]) -> dict[str, Value]:
        """Read all points of these tiers; what the connector does not serve is None.

        Raises:
            ConnectorUnreachable: No usable answer.
            ConnectorRefused: It serves nothing of all this, e.g. for a wrong unit id.
        """
        values: dict[str, Value] = {}
        refusal: ConnectorRefused | None = None
        waiting = [*reversed(self._plan.spans(tiers))]
        while waiting:
            span = waiting.pop()
            try:
                values |= await self._read_span(span)
            except _NotServed as error:
                if len(span.pieces) > 1:
                    waiting += reversed(self._plan.cut(span))
                    continue
                values |= _nothing(span)
                refusal = ConnectorRefused(str(error))
        if refusal is not None and all(value is None for value in values.values()):
            raise refusal
        return values

    async def write(self, step: Step, limit_a: int | None) -> None:
        """Write one step, with the function code the profile says.

        Raises:
            ConnectorUnreachable: No usable answer.
            ConnectorRefused: It refuses register or value.
        """
        unit = self._units[self._unit_id]
        transport = self._transport
        shift = 0 if step.absolute else transport.addr_base + (self._settings.point - 1) * transport.addr_step
        addr = step.addr + shift
        if step.table is Table.COIL:
            await self._request(lambda: unit.write_coil(addr, bool(step.value)), self._unit_id, f"writing coil {addr}")
            return
        registers = encode_registers(step.type, step.number(limit_a, self._settings.phases), step.word_order)
        what = f"writing register {addr}"
        if (step.write_fc or transport.write_fc) == 6:
            await self._request(lambda: unit.write_register(addr, registers[0]), self._unit_id, what)
        else:
            await self._request(lambda: unit.write_registers(addr, registers), self._unit_id, what)

    async def _read_span(self, span: Span) -> dict[str, Value]:
        unit_id = self._unit_id if span.unit_id is None else span.unit_id
        unit = self._units.get(unit_id)
        if unit is None:
            return _nothing(span)
        count = span.count
        try:
            answer = await self._request(lambda: _reading(unit, span.table)(span.start, count), unit_id, span)
        except ConnectorError:
            if all(point.optional for point in span.points):
                return _nothing(span)
            raise
        if len(answer) != count:
            raise _NotServed(f"{self._settings.place}: {span}: got {len(answer)}; accepted: {count}")
        before, values = self._last.get(span, ((), {}))
        if answer != before:  # most polls find most of a box as it was
            values = _decoded(span, answer)
            self._last[span] = answer, values
        return values

    async def _request[T](self, request: Callable[[], Awaitable[T]], unit_id: int, what: object) -> T:
        """Make a request, twice if need be; `what` says in errors which."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await request()
            except (IllegalDataAddressError, IllegalDataValueError) as error:
                raise _NotServed(f"{self._at(unit_id, what)}: {error}") from error
            except (AcknowledgeError, ServerDeviceBusyError) as error:
                if attempt == ATTEMPTS:
                    raise ConnectorRefused(f"{self._at(unit_id, what)}: busy: {error}") from error
            except (GatewayPathUnavailableError, GatewayTargetError) as error:
                raise ConnectorRefused(f"{self._at(unit_id, what)}: nobody answers to this unit id: {error}") from error
            except ModbusExceptionError as error:
                raise ConnectorRefused(f"{self._at(unit_id, what)}: {error}") from error
            except (ModbusError, OSError) as error:  # a serial line over a socket fails like a socket
                if attempt == ATTEMPTS:
                    why = f"no usable answer; is the unit id right? {error}"
                    raise ConnectorUnreachable(f"{self._at(unit_id, what)}: {why}") from error
        raise AssertionError("the last attempt returns or raises")

    def _at(self, unit_id: int, what: object) -> str:
        return f"{self._settings.place} unit {unit_id}: {what}"


class _NotServed(ConnectorRefused):
    """Exception code 2 or 3: this range or value is not served."""


def _nothing(span: Span) -> dict[str, Value]:
    return dict.fromkeys((point.name for point in span.points), None)


def _decoded(span: Span, answer: Sequence[int]) -> dict[str, Value]:
    if span.table.is_bits:
        return {point.name: decode_bit(point, bool(answer[point.addr - span.start])) for point in span.points}
    return {
        point.name: decode_registers(point, answer[(at := point.addr - span.start) : at + point.words])
        for point in span.points
    }


def _reading(unit: ModbusUnit, table: Table) -> Callable[[int, int], Awaitable[Sequence[int]]]:
    match table:
        case Table.COIL:
            return unit.read_coils
        case Table.DISCRETE:
            return unit.read_discrete_inputs
        case Table.INPUT:
            return unit.read_input_registers
        case Table.HOLDING:
            return unit.read_holding_registers


def own_unit_id(profile: Profile, settings: ConnectorSettings) -> int:
    """The unit id of this stall's point of the box."""
    transport = profile.transport
    if settings.unit_id is not None:
        return settings.unit_id
    return transport.unit_id + (settings.point - 1) * transport.unit_id_step
