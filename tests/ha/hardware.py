"""Hardware at the outermost edge of tests: registers that behave as the register guides say."""

from modbus_connection import GatewayTargetError, ModbusConnectionError, ModbusSerialParams, ModbusTcpParams
from modbus_connection.mock import MockModbusConnection, MockModbusUnit, WriteEvent


class ModbusNetwork:
    """The devices of a test by host and port, or by serial line. Nobody answers anywhere else."""

    def __init__(self) -> None:
        self._devices: dict[tuple[str, int], MockModbusConnection] = {}

    def add(self, host: str, device: MockModbusConnection, port: int = 502) -> None:
        """Put a device into the network."""
        self._devices[(host, port)] = device

    def remove(self, host: str, port: int = 502) -> None:
        """Nobody answers there any more."""
        del self._devices[(host, port)]

    def connection(self, params: ModbusTcpParams | ModbusSerialParams) -> MockModbusConnection:
        """What HA gets when it connects to an address, or opens a serial line (its port is 0 here)."""
        serial = isinstance(params, ModbusSerialParams)
        device = self._devices.get((params.device, 0) if serial else (params.host, params.port))
        return Nobody() if device is None else device


class Nobody(MockModbusConnection):
    """An address where nobody answers."""

    def for_unit(self, unit_id: int) -> MockModbusUnit:
        unit = super().for_unit(unit_id)
        unit.fail_requests(ModbusConnectionError("no route to host"))
        return unit


class Device(MockModbusConnection):
    """A device outlives the connections to it."""

    async def close(self) -> None:
        """HA hangs up; the next connection finds the same device."""


class OneUnit(Device):
    """A device that answers to one unit id only."""

    def __init__(self, unit_id: int) -> None:
        super().__init__()
        self._own_unit_id = unit_id

    def for_unit(self, unit_id: int) -> MockModbusUnit:
        unit = super().for_unit(unit_id)
        if unit_id != self._own_unit_id:
            unit.fail_requests(GatewayTargetError())
        return unit


class FakeKeba:
    """A KEBA P30 (connector reference 2.1): unit 255, 32-bit registers, high word first."""

    UNIT_ID = 255

    def __init__(self, network: ModbusNetwork, host: str, *, serial: int) -> None:
        connection = OneUnit(self.UNIT_ID)
        network.add(host, connection)
        self.unit = connection.for_unit(self.UNIT_ID)
        self.unit.on_write(self._written)
        self.enabled = True
        """Out of the box it charges whoever comes."""
        self.plugged = False
        self.writes: list[tuple[int, int]] = []
        self.failsafe_fixed = False
        """Its failsafe was set at the box, and does not follow what is written."""
        self.set_failsafe(6000, 600)
        for address in (1006, 1008, 1010, 1012, 1020, 1500, 1502):
            self._put(address, 0)
        self._put(1014, serial)
        self._put(1016, 304024)
        self._put(1018, 0x030A2A00)  # 3.10.42
        self.register_wh = 0
        self.count(1_234_567)
        self._show()

    def plug(self) -> None:
        """A car comes."""
        self.plugged = True
        self._show()

    def unplug(self) -> None:
        """The car goes."""
        self.plugged = False
        self._put(1502, 0)
        self._show()

    def count(self, energy_wh: int) -> None:
        """Energy flows through the meter."""
        self.register_wh += energy_wh
        self._put(1036, self.register_wh * 10)

    def draw(self, power_w: int) -> None:
        """The car draws so much from now on."""
        self._put(1020, power_w * 1000)
        for address in (1008, 1010, 1012):
            self._put(address, power_w * 1000 // 690)

    def show_card(self, uid: str | None) -> None:
        """A card lies on its reader, or none."""
        self._put(1500, int(uid or "0", 16))

    def set_failsafe(self, current_ma: int, timeout_s: int) -> None:
        """What it does when it hears nothing: 6 A after 600 s out of the box (connector reference 0, fact 2)."""
        self._put(1600, current_ma)
        self._put(1602, timeout_s)

    def reboot(self) -> None:
        """It comes back as it was out of the box: enabled (connector reference 2.1)."""
        self.enabled = True
        self._show()

    def silent(self, silent: bool = True) -> None:
        """It does not answer any more."""
        self.unit.fail_requests(ModbusConnectionError("connection lost") if silent else None)

    def _written(self, event: WriteEvent) -> None:
        value = int(event.values[0])
        self.writes.append((event.address, value))
        if event.address == 5014:
            self.enabled = bool(value)
            self._show()
        elif event.address in (5016, 5018) and not self.failsafe_fixed:
            self._put({5016: 1600, 5018: 1602}[event.address], value)

    def _show(self) -> None:
        """1000: 1 not ready, 3 charging, 5 disabled with a car; 1004: 7 plugged at both ends and locked."""
        self._put(1004, 7 if self.plugged else 3)
        self._put(1000, (3 if self.enabled else 5) if self.plugged else 1)

    def _put(self, address: int, value: int) -> None:
        self.unit.holding[address] = [value >> 16, value & 0xFFFF]
