"""Where a stall's connector is, and what it may offer."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class ConnectorSettings:
    """How this one box is reached.

    `port` and `unit_id` None: the profile's. `serial`: the one seen at set-up; another one at this address is
    refused, since addresses get reused and opening the neighbour's stall would be worse than opening none.
    """

    host: str = ""
    port: int | None = None
    unit_id: int | None = None
    transport: str | None = None
    """One of the profile's ways to be reached; None: the first."""
    serial_port: str | None = None
    """Path of the serial device, for `modbus_rtu`."""
    point: int = 1
    """Which connector of a box with several, from 1."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    max_current_a: int = 16
    phases: int = 3
    """How many phases the stall is wired with."""
    serial: str | None = None

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return self.serial_port or self.host
