"""What a connector profile says, as frozen values; one profile serves every stall of its model.

How a file becomes these values is in ``profile_schema.py``; how they are interpreted is the drivers' business.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from ..model import OnLoss
from .ports import Ports

type Scalar = bool | int | Decimal | str
"""A number or text a profile compares with."""
type Value = Scalar | tuple[object, ...] | None
"""What a point decodes to; a tuple is a JSON list, None means unreadable or not a value."""


WIDTHS = {
    "uint16": 1,
    "int16": 1,
    "uint32": 2,
    "int32": 2,
    "uint64": 4,
    "int64": 4,
    "float32": 2,
    "float64": 4,
}
"""Registers of each numeric type; text (`ascii`, `hex`) says its own `words`."""
PER_AMPERE = {"A": 1, "0.1A": 10, "0.01A": 100, "mA": 1000}
"""One ampere in the units a connector may want to be told in."""
PLACEHOLDERS = {"A": "{a}", "0.1A": "{da}", "0.01A": "{ca}", "mA": "{ma}"}
"""What stands in an HTTP path for the current in that unit."""


class ProfileError(ValueError):
    """A profile that cannot be used; the message names file, key, what came and what is accepted."""


class Tier(StrEnum):
    """How often a point is read."""

    FAST = "fast"  # every poll
    ACTIVE = "active"  # every poll while a car is plugged, else as slow
    SLOW = "slow"  # every `slow_s`, and after a state change
    EVENT = "event"  # after a state change only
    ONCE = "once"  # when the connector (re)appears


class Table(StrEnum):
    """Modbus tables by their read function code: holding 3, input 4."""

    HOLDING = "holding"
    INPUT = "input"


class WordOrder(StrEnum):
    """Which register of a value wider than 16 bits comes first."""

    BIG = "big"  # high word first
    LITTLE = "little"


@dataclass(frozen=True, kw_only=True)
class Transport:
    """How to reach the model. Times in seconds."""

    kind: str
    port: int
    timeout_s: float
    # Modbus
    unit_id: int = 1
    write_fc: int = 16
    max_registers_per_read: int = 125
    gap_s: float = 0.0
    """Quiet time the connector wants around each request."""
    # HTTP
    keep_alive: bool = True
    json_fixups: tuple[str, ...] = ()

    @property
    def is_modbus(self) -> bool:
        """Whether it speaks Modbus TCP (else HTTP with JSON)."""
        return self.kind == "modbus_tcp"


@dataclass(frozen=True, kw_only=True)
class Point:
    """One value of the connector: where it is and how it decodes."""

    name: str
    tier: Tier
    scale: Decimal | None = None
    value_map: Mapping[Scalar, Scalar] | None = None
    null_value: Scalar | None = None
    """A raw value that means nothing is there."""
    optional: bool = False
    """May be missing on some units of this model; then it stays None without complaint."""
    # Modbus
    table: Table = Table.HOLDING
    addr: int = 0
    type: str = "uint16"
    words: int = 1
    word_order: WordOrder = WordOrder.BIG
    unit_id: int | None = None
    extract: Callable[[int], int] | None = None
    format: str | None = None
    # HTTP
    request: str = ""
    path: tuple[str | int, ...] = ()
    strip: str = ""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Registers that may be read in one request."""

    table: Table
    start: int
    count: int
    tier: Tier

    def holds(self, table: Table, addr: int, words: int) -> bool:
        """Whether these registers lie in it."""
        return table is self.table and self.start <= addr and addr + words <= self.start + self.count


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP GET that several points are taken from."""

    id: str
    path: str
    tier: Tier


@dataclass(frozen=True, kw_only=True)
class Predicate:
    """One test on one point. An unreadable point never passes."""

    point: str
    op: str
    operand: Scalar | tuple[Scalar, ...]
    bit: int | None = None
    """Test this bit (0 is the lowest) instead of the whole value."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """If all of `conditions` pass, the answer is `then`."""

    conditions: tuple[Predicate, ...]
    then: Scalar


@dataclass(frozen=True, kw_only=True)
class Product:
    """Apparent power of one conductor: volts times amperes of two points."""

    volts: str
    amperes: str


@dataclass(frozen=True, kw_only=True)
class DerivedPower:
    """Power computed from volts and amperes, 0 unless the point `when` is true."""

    when: str
    products: tuple[Product, ...]
    half_point: str
    half_of: str
    half_within_v: Decimal
    """`half_point` this near to half of `half_of` betrays a split-phase supply (North America)…"""
    split_phase: Product
    """…where this single product is the power."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One write. Either `value` is fixed or the amperes asked for go in, in `unit`."""

    value: int | Decimal | None = None
    unit: str | None = None
    unless: Predicate | None = None
    """Skip the write while this holds (settings in wearing memory)."""
    addr: int = 0
    type: str = "uint16"
    encode: Callable[[int], int] | None = None
    path: str = ""

    def number(self, limit_a: int | None) -> int | Decimal:
        """What to write: the fixed value, or the amperes in the step's unit.

        Raises:
            ValueError: It takes amperes and got none.
        """
        if self.value is not None:
            return self.value
        if limit_a is None or self.unit is None:
            raise ValueError(f"limit_a: got {limit_a}; accepted: amperes, as this write has no fixed value")
        raw = limit_a * PER_AMPERE[self.unit]
        return raw if self.encode is None else self.encode(raw)


@dataclass(frozen=True, kw_only=True)
class Command:
    """What is written, in order."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class CurrentCommand(Command):
    """How a current is offered."""

    min_a: int
    max_a: int
    zero_pauses: bool
    """Whether 0 A may be written and pauses; else pausing closes the gate."""
    skip_if_reads: str | None = None
    """Point that reads back what was asked, where writing wears the memory: no write without change."""


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """What keeps the connector's own watchdog quiet: `command` again, every so many seconds."""

    command: str
    every_s: float


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A model of wall connector."""

    id: str
    name: str
    transport: Transport
    points: Mapping[str, Point]
    blocks: tuple[Block, ...]
    requests: tuple[Request, ...]
    expect: tuple[Predicate, ...]
    """What must hold on this model, so that another device at the address is noticed."""
    state_rules: tuple[Rule, ...]
    enabled_rules: tuple[Rule, ...]
    fault_rules: tuple[Rule, ...]
    power: DerivedPower | None
    set_current: CurrentCommand | None
    commands: Mapping[str, Command]
    """enable, disable, prepare, set_failsafe_current, set_watchdog_timeout: those it has."""
    heartbeat: Heartbeat | None
    register: str | None
    """Point that may be billed from; None: an external meter is needed."""
    poll_charging_s: float
    poll_plugged_s: float
    poll_idle_s: float
    slow_s: float
    on_silence: OnLoss
    on_reboot: OnLoss
    on_unplug: OnLoss
    requires: tuple[str, ...]
    """What the installer must have set, in plain words."""

    @property
    def ports(self) -> Ports:
        """The ports this model fills by itself."""
        card = "rfid_uid" in self.points
        return Ports(
            plug=bool(self.state_rules),
            limit=self.set_current is not None,
            gate="disable" in self.commands,
            register=self.register is not None,
            identity=card,
            polled_identity=card,
            on_silence=self.on_silence,
            on_reboot=self.on_reboot,
            on_unplug=self.on_unplug,
        )
