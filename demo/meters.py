"""The building board: feeder meter, sun meter, and meter and contactor of every Tesla stall, on one Modbus TCP socket.

Home Assistant sees it through its own YAML ``modbus:`` integration, so the product meets plain sensors and switches.
Registers (unit 1, FC3 and FC4 alike, high word first; powers and currents positive when drawn from the grid):

=========  ========  =======================================
address    type      value
=========  ========  =======================================
0          float32   grid power in W, export negative
2, 4, 6    float32   current of supply phase 1..3 in A
8          float32   sun power in W
10         uint64    imported Wh
14         uint64    exported Wh
18         uint64    sun Wh
22         uint64    Wh into the house's battery (0 where there is none)
26         uint64    Wh out of it
30         float32   what it gives in W, negative while it takes
100 + 8n   uint32    billing register of the nth metered stall in Wh
102 + 8n   float32   its power in W
=========  ========  =======================================

Coil n switches the contactor of the nth metered stall, discrete input n is its auxiliary contact.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pymodbus.constants import ExcCodes
from pymodbus.simulator import SimDevice

from demo.car import MWS_PER_WH
from demo.connectors.tesla import Tesla
from demo.modbus import READ_HOLDING, READ_INPUT, Refusal, coil_device, float32, nobody_else, unsigned32, unsigned64
from demo.physics import Feeder, Outlet
from demo.stalls import BuildingPlan, StallPlan

UNIT_ID = 1
SCAN_INTERVAL_S = 5
_STALLS_FIRST, _STALL_WORDS = 100, 8
_COILS = 16


class Board:
    """What the board's unit answers."""

    def __init__(self, feeder: Feeder, metered: Sequence[tuple[Outlet, Tesla]], switched: Callable[[], None]) -> None:
        """`metered` are the stalls behind a contactor, in order; `switched` is told when a contactor moved."""
        if len(metered) > _COILS:
            raise ValueError(f"stalls: {len(metered)} stand behind a contactor, the board has {_COILS} coils")
        self._feeder = feeder
        self._metered = metered
        self._switched = switched

    @property
    def last_register(self) -> int:
        """The highest address that is read."""
        return _STALLS_FIRST + _STALL_WORDS * max(len(self._metered), 1) - 1

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        """Holding and input registers are the same."""
        if function not in (READ_HOLDING, READ_INPUT):
            raise Refusal(ExcCodes.ILLEGAL_FUNCTION)
        return self._registers()[address : address + count]

    def write(self, function: int, address: int, values: Sequence[int]) -> None:
        """Meters take no values."""
        raise Refusal(ExcCodes.ILLEGAL_ADDRESS)

    def bits(self, function: int) -> Sequence[bool]:
        """Coils, and the auxiliary contacts that follow them."""
        closed = [tesla.contactor_closed for _outlet, tesla in self._metered]
        return [*closed, *[False] * (_COILS - len(closed))]

    def set_coil(self, address: int, closed: bool) -> None:
        """Move a contactor; raises `Refusal` (2) where there is none."""
        if address >= len(self._metered):
            raise Refusal(ExcCodes.ILLEGAL_ADDRESS)
        outlet, tesla = self._metered[address]
        tesla.switch_contactor(closed, outlet)
        self._switched()

    def _registers(self) -> list[int]:
        feeder = self._feeder
        words = float32(feeder.grid_mw / 1000)
        for current_ma in feeder.currents_ma:
            words += float32(current_ma / 1000)
        words += float32(feeder.pv_mw / 1000)
        for energy_mws in feeder.totals_mws:
            words += unsigned64(energy_mws // MWS_PER_WH)
        words += float32(feeder.battery_mw / 1000)
        words += [0] * (_STALLS_FIRST - len(words))
        for outlet, _tesla in self._metered:
            words += [*unsigned32(outlet.register_wh), *float32(outlet.power_mw / 1000), *[0] * (_STALL_WORDS - 4)]
        return words + [0] * (self.last_register + 1 - len(words))


def modbus_devices(board: Board, before: Callable[[], None]) -> list[SimDevice]:
    """What answers on the board's socket."""
    return [coil_device(UNIT_ID, board, before, last=board.last_register), nobody_else()]


def _slug(plan: BuildingPlan) -> str:
    return plan.name.lower().replace(" ", "_")


def grid_power_entity(plan: BuildingPlan) -> str:
    """HA's entity of the feeder power."""
    return f"sensor.{_slug(plan)}_grid_power"


def current_entities(plan: BuildingPlan) -> tuple[str, str, str]:
    """HA's entities of the supply phases' currents."""
    return (
        f"sensor.{_slug(plan)}_current_l1",
        f"sensor.{_slug(plan)}_current_l2",
        f"sensor.{_slug(plan)}_current_l3",
    )


def pv_power_entity(plan: BuildingPlan) -> str:
    """HA's entity of the sun power."""
    return f"sensor.{_slug(plan)}_sun_power"


def energy_entities(plan: BuildingPlan) -> dict[str, str]:
    """HA's entities of the board's registers, by what they count."""
    names = {"import_energy": "grid_import", "export_energy": "grid_export", "pv_energy": "sun_energy"}
    if plan.battery_wh:
        names |= {"battery_in_energy": "battery_charged", "battery_out_energy": "battery_discharged"}
    return {counted: f"sensor.{_slug(plan)}_{name}" for counted, name in names.items()}


def contactor_entity(plan: BuildingPlan, stall: StallPlan) -> str:
    """HA's switch of a stall's contactor."""
    return f"switch.{_slug(plan)}_{stall.id.replace('-', '_')}_contactor"


def meter_entity(plan: BuildingPlan, stall: StallPlan) -> str:
    """HA's energy sensor of a stall's billing register."""
    return f"sensor.{_slug(plan)}_{stall.id.replace('-', '_')}_energy"


@dataclass(frozen=True)
class _Point:
    """A value of the board as HA shall show it."""

    what: str
    address: int
    data_type: str
    unit: str
    device_class: str
    scan_interval_s: int = SCAN_INTERVAL_S


_FEEDER_POINTS = (
    _Point("grid power", 0, "float32", "W", "power"),
    _Point("current L1", 2, "float32", "A", "current"),
    _Point("current L2", 4, "float32", "A", "current"),
    _Point("current L3", 6, "float32", "A", "current"),
    _Point("sun power", 8, "float32", "W", "power"),
    _Point("grid import", 10, "uint64", "Wh", "energy"),
    _Point("grid export", 14, "uint64", "Wh", "energy"),
    _Point("sun energy", 18, "uint64", "Wh", "energy"),
)
_BATTERY_POINTS = (
    # Nothing is shared by these: they are only counted with.
    _Point("battery charged", 22, "uint64", "Wh", "energy", scan_interval_s=30),
    _Point("battery discharged", 26, "uint64", "Wh", "energy", scan_interval_s=30),
    _Point("battery power", 30, "float32", "W", "power", scan_interval_s=30),
)


def home_assistant_yaml(plan: BuildingPlan, port: int, *, host: str = "127.0.0.1") -> str:
    """The ``modbus:`` part of configuration.yaml for this building's board.

    Keys are those of HA 2026.10 and 2026.11 (`components/modbus/schemas.py`). A switch verifies itself on the
    auxiliary contact.
    """
    points = (*_FEEDER_POINTS, *(_BATTERY_POINTS if plan.battery_wh else ()))
    sensors = [_sensor(plan, point) for point in points]
    switches = []
    for number, stall in enumerate(stall for stall in plan.stalls if stall.behind_contactor):
        first = _STALLS_FIRST + _STALL_WORDS * number
        sensors.append(_sensor(plan, _Point(f"{stall.id} energy", first, "uint32", "Wh", "energy")))
        sensors.append(_sensor(plan, _Point(f"{stall.id} power", first + 2, "float32", "W", "power")))
        switches.append(_switch(plan, f"{stall.id} contactor", number))
    lines = ["modbus:", f"  - name: {_slug(plan)}_board", "    type: tcp", f"    host: {host}", f"    port: {port}"]
    lines += ["    sensors:", *sensors]
    if switches:
        lines += ["    switches:", *switches]
    return "\n".join(lines) + "\n"


def _common(plan: BuildingPlan, what: str, address: int, scan_interval_s: int = SCAN_INTERVAL_S) -> str:
    key = f"{_slug(plan)}_{what}".lower().replace(" ", "_").replace("-", "_")
    return f"""\
      - name: {plan.name} {what.replace("-", " ")}
        unique_id: {key}
        device_address: {UNIT_ID}
        address: {address}
        scan_interval: {scan_interval_s}"""


def _sensor(plan: BuildingPlan, point: _Point) -> str:
    is_register = point.device_class == "energy"
    return f"""\
{_common(plan, point.what, point.address, point.scan_interval_s)}
        input_type: holding
        data_type: {point.data_type}
        precision: {0 if is_register else 2}
        unit_of_measurement: {point.unit}
        device_class: {point.device_class}
        state_class: {"total_increasing" if is_register else "measurement"}"""


def _switch(plan: BuildingPlan, what: str, address: int) -> str:
    return f"""\
{_common(plan, what, address)}
        write_type: coil
        verify:
          address: {address}
          input_type: discrete_input"""
