"""What a simulated model of wall connector is made of; `stand.py` brings it to life, one file per family fills it in.

A family writes electronics (`demo.physics.Wallbox`), what answers for them on the wire (Modbus units, or an HTTP
handler), and one `BoxModel` per id of ``connectors.yaml`` that builds both for a place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from demo.boxes.frames import Framing
from demo.doors import HttpHandler
from demo.modbus import RegisterUnit
from demo.physics import Outlet, Wallbox

type OptionValue = bool | int | float | str


class Kind(StrEnum):
    """Over which protocol a model is driven."""

    MODBUS_TCP = "modbus_tcp"
    MODBUS_RTU = "modbus_rtu"
    MODBUS_ASCII = "modbus_ascii"
    HTTP = "http"

    @property
    def framing(self) -> Framing:
        """How Modbus frames look there."""
        return {Kind.MODBUS_RTU: Framing.RTU, Kind.MODBUS_ASCII: Framing.ASCII}.get(self, Framing.MBAP)


class Stranger(StrEnum):
    """What comes back for a unit id that nobody has."""

    SILENCE = "silence"
    """Nothing: a serial line, and many TCP devices."""
    GATEWAY = "gateway"
    """Exception 0x0B, as from a gateway."""
    ANSWERED = "answered"
    """The device does not look at the unit id."""


@runtime_checkable
class CardReading(Protocol):
    """Electronics with a card reader."""

    def show_card(self, uid: str) -> None:
        """Hold a card with this UID (hex, even number of digits) before the reader."""


_FITTING: Mapping[type, tuple[type, ...]] = {bool: (bool,), int: (int,), float: (float, int), str: (str,)}


class Options:
    """What the tests may choose about a model: the model's defaults, overlaid with what was given."""

    def __init__(self, defaults: Mapping[str, OptionValue], given: Mapping[str, object]) -> None:
        """Raises ValueError for an option the model does not have, or of another type than its default."""
        self._values = dict(defaults)
        for name, value in given.items():
            if name not in defaults:
                raise ValueError(
                    f"options: {name!r} is not known; this model has {', '.join(sorted(defaults)) or 'none'}"
                )
            expected = type(defaults[name])
            if not isinstance(value, bool | int | float | str) or type(value) not in _FITTING[expected]:
                raise ValueError(f"options: {name} is {value!r}; accepted is a value of type {expected.__name__}")
            self._values[name] = value

    def flag(self, name: str) -> bool:
        """A yes or no."""
        value = self._values[name]
        assert isinstance(value, bool)
        return value

    def number(self, name: str) -> int:
        """A whole number."""
        value = self._values[name]
        assert isinstance(value, int)
        return value

    def decimal(self, name: str) -> float:
        """A number with a fraction."""
        value = self._values[name]
        assert isinstance(value, float | int)
        return float(value)

    def word(self, name: str) -> str:
        """A text."""
        value = self._values[name]
        assert isinstance(value, str)
        return value


@dataclass(frozen=True, kw_only=True)
class Site:
    """What a model is given to be built."""

    outlets: Sequence[Outlet]
    """One for each connector of the box; their `plan` says serial number and rating."""
    options: Options
    now: Callable[[], datetime]
    hang_up: Callable[[], None]
    """Ends every connection there is (a device that throws its clients out by itself)."""

    @property
    def serial(self) -> str:
        """The serial number of the box."""
        return self.outlets[0].plan.serial


class SideDoor(Protocol):
    """A further way in beside the main protocol. Opened and shut with the box, all at once."""

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1, the same through its whole life."""

    async def open(self, before: Callable[[], None]) -> None:
        """Serve; call `before` ahead of each request. Nothing happens when it already does."""

    async def shut(self) -> None:
        """Stop serving."""

    def give_up(self) -> None:
        """Release the port for good."""


@dataclass(frozen=True, kw_only=True)
class Manners:
    """How a Modbus device treats connections. HTTP devices look at none of it."""

    stranger: Stranger = Stranger.GATEWAY
    max_clients: int | None = None
    """How many connections at once; one more is closed as soon as it is there."""
    idle_close_s: int | None = None
    """Closes a connection without requests for so long, by the device's time."""
    admits: Callable[[], bool] | None = None
    """Asked for each new connection (a lockout)."""
    left: Callable[[], None] | None = None
    """Told when a connection ended, from whichever side."""


@dataclass(kw_only=True)
class Box:
    """One built wall connector: electronics, and what answers for them."""

    wallboxes: Sequence[Wallbox]
    """One for each outlet."""
    units: Mapping[int, RegisterUnit] = field(default_factory=dict)
    """Modbus units by id; empty for HTTP. A unit with coils also has `read_bits` and `write_bits`."""
    handler: HttpHandler | None = None
    """Answers HTTP; None for Modbus."""
    kind: Kind | None = None
    """Another protocol than the model's own, where an option says so."""
    manners: Manners = field(default_factory=Manners)
    side_doors: Mapping[str, SideDoor] = field(default_factory=dict)
    port: int | None = None
    """The port of the main protocol, where a side door has to be its neighbour; None for any."""
    pulse: Callable[[], None] | None = None
    """Called after time moved on: the moment to push what changed."""


@dataclass(frozen=True, kw_only=True)
class BoxModel:
    """A model that can be stood up."""

    id: str
    """As in ``connectors.yaml``."""
    name: str
    kind: Kind
    build: Callable[[Site], Box]
    serial: str
    """Serial number of a box that was given none, in the model's own form."""
    has_card: bool = False
    unit_id: int | None = None
    """The Modbus unit of its first connector."""
    max_points: int = 1
    """How many connectors it may have."""
    max_a: int = 32
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    """Every option with its default; the default is the usual box of this model."""
