"""What a connector profile says, as frozen values; one profile serves every stall of its model.

How a file becomes these values is in ``profile_schema.py`` and ``profile_file.py``; how they are interpreted is the
drivers' business.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Literal

from ..model import OnLoss
from .ports import Ports
from .profile_values import (
    DUTY,
    NOMINAL_V,
    PER_AMPERE,
    PER_WATT,
    NoRegister,
    Scalar,
    Support,
    Table,
    Tier,
    WordOrder,
)


@dataclass(frozen=True, kw_only=True)
class Serial:
    """Settings of an RS485 line."""

    baudrate: int
    bytesize: Literal[7, 8]
    parity: Literal["N", "E", "O"]
    stopbits: Literal[1, 2]


@dataclass(frozen=True, kw_only=True)
class Transport:
    """How to reach the model. Times in seconds."""

    kinds: tuple[str, ...]
    """The ways it can be reached, the usual one first."""
    port: int
    timeout_s: float
    points_max: int = 1
    """How many connectors one box may have; a stall is one of them, its *point*, counted from 1."""
    # Modbus
    unit_id: int = 1
    unit_id_step: int = 0
    """What each further point adds to the unit id…"""
    port_step: int = 0
    """…and to the port."""
    serial: Serial | None = None
    write_fc: int = 16
    max_registers_per_read: int = 125
    gap_s: float = 0.0
    """Quiet time the connector wants around each request."""
    addr_base: int = 0
    """Added to every address that is not absolute…"""
    addr_step: int = 0
    """…and this for each further point."""
    # HTTP
    auth: str = "none"
    """none, basic, digest, or header: the token as the value of `auth_header`."""
    auth_required: bool = False
    auth_header: str = "Authorization"
    auth_user: str = ""
    """The user name where none is given."""
    keep_alive: bool = True
    json_fixups: tuple[str, ...] = ()
    answer: Answer | None = None
    """What a write must be answered with besides a status of 2xx."""

    @property
    def is_modbus(self) -> bool:
        """Whether it speaks Modbus (else HTTP with JSON)."""
        return self.kinds[0].startswith("modbus")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a written HTTP request shows that it was taken."""

    true_per_key: bool = False
    """Every key of the query answers true."""
    contains: str | None = None
    refused_key: str | None = None
    """A key that holds the reason of a refusal."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One value of the connector: where it is and how it decodes."""

    name: str
    tier: Tier
    scale: Decimal | None = None
    value_map: Mapping[Scalar, Scalar] | None = None
    null_value: Scalar | None = None
    """A raw value that means nothing is there."""
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    """Outside of these it is no value, in the unit of the name."""
    optional: bool = False
    """May be missing on some units of this model; then it stays None without complaint."""
    # Modbus
    table: Table = Table.HOLDING
    addr: int = 0
    absolute: bool = False
    """`addr` is the same for all points of a box."""
    addr_step: int | None = None
    """What each further point adds to `addr`, where it is not the transport's."""
    type: str = "uint16"
    words: int = 1
    word_order: WordOrder = WordOrder.BIG
    byte_swap: bool = False
    unit_id: int | None = None
    extract: Callable[[int], int] | None = None
    format: str | None = None
    pick: str | None = None
    """`last_char` or `first_char` of a text; `uid`: a card's number padded with zeros; `card`: if it is one at all."""
    # HTTP
    request: str = ""
    path: tuple[str | int, ...] = ()
    value_id: int | None = None
    """Its place in the list of `request` is where this id stands in the list of the request's `index_from`."""
    strip: str = ""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Registers that may be read in one request, holes included."""

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
    optional: bool = False
    """Some units of this model do not know it."""
    index_from: str | None = None


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
    """Apparent power of one conductor: volts, of a point or nominal, times amperes of a point."""

    volts: str | Decimal
    amperes: str

    @property
    def points(self) -> tuple[str, ...]:
        """What has to be read for it."""
        return (self.amperes,) if isinstance(self.volts, Decimal) else (self.volts, self.amperes)


@dataclass(frozen=True, kw_only=True)
class SplitPhase:
    """A supply with two live conductors of 120 V (North America)."""

    half_point: str
    half_of: str
    half_within_v: Decimal
    """`half_point` this near to half of `half_of` betrays it…"""
    product: Product
    """…and this single product is the power."""


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A value computed from points: exactly one of `products`, `total` and `first_of`."""

    name: str
    products: tuple[Product, ...] = ()
    """The sum of volts times amperes."""
    total: tuple[str, ...] = ()
    """The sum of points; None if one is."""
    first_of: tuple[str, ...] = ()
    """The first point that can be read."""
    when: str | None = None
    """0 unless this point is true."""
    split_phase: SplitPhase | None = None

    @property
    def needs(self) -> frozenset[str]:
        """All points it is computed from."""
        products = list(self.products)
        names = [*self.total, *self.first_of, *([self.when] if self.when else [])]
        if self.split_phase is not None:
            products.append(self.split_phase.product)
            names += [self.split_phase.half_point, self.split_phase.half_of]
        return frozenset([*names, *(name for one in products for name in one.points)])


@dataclass(frozen=True, kw_only=True)
class Step:
    """One write. Either `value` is fixed or the amperes asked for go in, in `unit`."""

    value: int | Decimal | None = None
    unit: str | None = None
    unless: Predicate | None = None
    """Skip the write while this holds (settings in wearing memory)."""
    wears: bool = False
    """It is kept in memory that wears: never written in a loop."""
    optional: bool = False
    """Some units refuse it; what is read back after `prepare` tells what that means."""
    # Modbus
    table: Table = Table.HOLDING
    addr: int = 0
    absolute: bool = False
    type: str = "uint16"
    write_fc: int | None = None
    word_order: WordOrder = WordOrder.BIG
    encode: Callable[[int], int] | None = None
    # HTTP
    method: str = "GET"
    path: str = ""
    json: Mapping[str, object] | None = None
    form: Mapping[str, object] | None = None

    def number(self, limit_a: int | None, phases: int = 3) -> int | Decimal:
        """What to write: the fixed value, or the amperes in the step's unit (`phases`: of the stall, for watts).

        Raises:
            ValueError: It takes amperes and got none.
        """
        if self.value is not None:
            return self.value
        if limit_a is None or self.unit is None:
            raise ValueError(f"limit_a: got {limit_a}; accepted: amperes, as this write has no fixed value")
        if self.unit == DUTY:
            raw = limit_a * 1000 // 60
        elif self.unit in PER_WATT:
            raw = int(limit_a * NOMINAL_V * phases * PER_WATT[self.unit])
        else:
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
    only_enabled: bool = False
    """It is taken only through an open gate, so the gate goes first."""
    skip_if_reads: str | None = None
    """Point that reads back what was asked, where writing wears the memory: no write without change."""


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """What keeps the connector's own watchdog quiet: `command` again, every so many seconds."""

    command: str | None
    """None: any request does, so that polls are enough."""
    every_s: float
    of: str | None = None
    """Point with the watchdog's time in seconds…"""
    parts: int = 2
    """…of which one part passes between heartbeats, but never more than `every_s`."""


@dataclass(frozen=True, kw_only=True)
class PowerPlug:
    """How a car shows where nothing but power is seen."""

    above_w: Decimal
    """It draws: there is a car."""
    gone_after_s: float
    """After drawing nothing for so long it counts as gone."""


@dataclass(frozen=True, kw_only=True)
class Discovery:
    """How it shows itself on the network; all in lower case, `*` stands for anything."""

    hostname: str | None = None
    macaddress: str | None = None
    zeroconf_type: str | None = None
    zeroconf_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Another profile for units of this model that show `conditions`."""

    conditions: tuple[Predicate, ...]
    profile: Profile


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A model of wall connector."""

    id: str
    name: str
    names: tuple[str, ...]
    """Other brands and models that are the same inside."""
    support: Support
    checked: bool
    """A test holds what it decodes and writes against its sources; else it is only consistent in itself."""
    sources: tuple[str, ...]
    transport: Transport
    points: Mapping[str, Point]
    blocks: tuple[Block, ...]
    requests: tuple[Request, ...]
    expect: tuple[Predicate, ...]
    """What must hold on this model, so that another device at the address is noticed."""
    state_rules: tuple[Rule, ...]
    enabled_rules: tuple[Rule, ...]
    fault_rules: tuple[Rule, ...]
    derived: tuple[Derived, ...]
    plug_by_power: PowerPlug | None
    contactor: bool
    """It is itself a contactor: while its gate is closed nobody sees a plug (DESIGN rule 4)."""
    set_current: CurrentCommand | None
    commands: Mapping[str, Command]
    """enable, disable, prepare, set_failsafe_current, set_watchdog_timeout, beat, recover: those it has."""
    recover_when: tuple[Predicate, ...]
    """While these hold and nobody charges, `recover` leads out of a fault."""
    heartbeat: Heartbeat | None
    register: str | None
    """Point that may be billed from; None: an external meter is needed."""
    no_register: NoRegister | None
    poll_charging_s: float
    poll_plugged_s: float
    poll_idle_s: float
    slow_s: float
    loss_rules: Mapping[str, tuple[Rule, ...]]
    """What happens on `silence`, `reboot`, `unplug`: the last rule has no condition and says what set-up leads to."""
    requires: tuple[Mapping[str, str], ...]
    """What the installer must have set, in plain words by language; in English always."""
    discovery: tuple[Discovery, ...]
    variants: tuple[Variant, ...] = ()

    def required(self, language: str) -> tuple[str, ...]:
        """What the installer must have set, in this language (a tag such as de-CH), else in English."""
        return tuple(line.get(language.partition("-")[0], line["en"]) for line in self.requires)

    @cached_property
    def ports(self) -> Ports:
        """The ports this model fills by itself, as it is once set-up has prepared it."""
        silence, reboot, unplug = (OnLoss(str(rules[-1].then)) for rules in self.loss_rules.values())
        return Ports(
            plug=bool(self.state_rules) or self.plug_by_power is not None,
            limit=self.set_current is not None,
            gate="disable" in self.commands,
            register=self.register is not None,
            identity="rfid_uid" in self.points,
            polled_identity="rfid_uid" in self.points,
            ev_id="ev_id" in self.points,
            session_share="set_failsafe_current" in self.commands,
            on_silence=silence,
            on_reboot=reboot,
            on_unplug=unplug,
        )
