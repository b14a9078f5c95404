"""The gate of an entity connector: switches, locks, choices, buttons and scripts of others, opened and closed as one.

A part that shows its state is told only when it is to change, or has said nothing since Home Assistant started, and
has to show that it did; until then the command is *not yet* done, and nobody is kept waiting inside. One that does not
show anything (a button, a script) is told each time. What is unavailable swallows commands without a word, so it is not
told at all: chargers hide a button or a switch that has nothing to do just now (Zaptec's *resume*, Wallbox's *pause*).
That is no obstacle while another part opens, or while nothing flows that would have to be stopped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Protocol

from ..clock import Clock
from ..ports import ConnectorError, ConnectorUnreachable, NotYet
from .slots import BUTTONS, CHOICES, LOCKS, SCRIPTS, TWO_WAY, EntitySettings, Slot
from .source import Entities

LOOK_EVERY_S = 0.5
"""Between two looks whether it shows."""


class Car(Enum):
    """What there is to stop when a gate closes."""

    GONE = auto()
    """A button that stops a car has nothing to do."""
    RESTS = auto()
    """It is there and takes nothing."""
    MAY_DRAW = auto()
    """It does, or nobody knows."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long commands take, in seconds."""

    confirm_s: float
    """An entity must show in this time what it was told."""
    again_s: float
    """The same is not told again sooner."""


LOCAL = Patience(confirm_s=10.0, again_s=10.0)
CLOUD = Patience(confirm_s=15.0, again_s=30.0)
"""A vendor's cloud limits how often it is asked, and its answers come late."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """What an entity is told, and what it shows then."""

    state: str
    service: str
    data: Mapping[str, Any] = field(default_factory=dict)


class Told:
    """What a part was told last, so that it is not told the same again while that is on its way."""

    def __init__(self, clock: Clock, patience: Patience) -> None:
        """Nothing yet."""
        self._clock = clock
        self._patience = patience
        self._opened: bool | None = None
        self._mono_s = 0.0
        self._in_vain = False
        """It was seen that it did not come true in time."""

    def just(self, *, opened: bool) -> bool:
        """Whether it was told this just now."""
        return self._opened is opened and self._clock.monotonic() - self._mono_s < self._patience.again_s

    def note(self, opened: bool | None) -> None:
        """It was told this; None: nobody knows what it was told."""
        self._opened, self._mono_s, self._in_vain = opened, self._clock.monotonic(), False

    @property
    def may_come_true(self) -> bool:
        """Whether there is still time for it to show."""
        return self._clock.monotonic() - self._mono_s < self._patience.confirm_s

    def give_up(self, *, opened: bool) -> bool:
        """Whether it was told this in vain, said once for each time it was told."""
        in_vain = self._opened is opened and not self.may_come_true and not self._in_vain
        self._in_vain |= in_vain
        return in_vain


class Part(Protocol):
    """One entity of the gate."""

    @property
    def entity_id(self) -> str:
        """Which one."""

    @property
    def told(self) -> Told:
        """What it was told last."""

    def is_open(self) -> bool | None:
        """What it shows; None while it does not tell, or never does."""

    def acts(self, *, opened: bool) -> bool:
        """Whether it has a part in opening, or in closing."""

    def due(self, *, opened: bool) -> bool:
        """Whether it has still to show that it opened or closed."""

    async def tell(self, *, opened: bool, current_a: int) -> None:
        """Have it open or close. Raises `ConnectorError`."""


class Shown:
    """A switch, lock or choice: it shows what it is."""

    def __init__(self, entities: Entities, entity_id: str, told: Told, moves: tuple[Move, Move]) -> None:
        """`moves` are the one that opens and the one that closes."""
        self.entity_id = entity_id
        self.told = told
        self._entities = entities
        self._moves = moves
        self._was_told = False

    def is_open(self) -> bool | None:
        """What its state says; None for any other state (a lock that is jammed, a choice of another kind)."""
        state = self._entities.read(self.entity_id)
        opened, closed = self._moves
        if state is None or state.state not in (opened.state, closed.state):
            return None
        return state.state == opened.state

    def acts(self, *, opened: bool) -> bool:
        """It does both, when it is to change; what it showed before Home Assistant started may not be so any more."""
        known = self._was_told or self._entities.said_since_start(self.entity_id)
        return self.is_open() is not opened or not known

    def due(self, *, opened: bool) -> bool:
        """Until its state says so."""
        return self.is_open() is not opened

    async def tell(self, *, opened: bool, current_a: int) -> None:
        """Call its service."""
        move = self._moves[0 if opened else 1]
        await self._entities.call(self.entity_id, move.service, move.data)
        self._was_told = True


class Pressed:
    """A button that is pressed to open, or to close; the other way it does nothing."""

    def __init__(self, entities: Entities, entity_id: str, told: Told, *, opens: bool) -> None:
        self.entity_id = entity_id
        self.told = told
        self._entities = entities
        self._opens = opens

    def is_open(self) -> bool | None:
        """A button shows nothing."""
        return None

    def acts(self, *, opened: bool) -> bool:
        """It does one of both."""
        return opened is self._opens

    def due(self, *, opened: bool) -> bool:
        """A button shows nothing."""
        return False

    async def tell(self, *, opened: bool, current_a: int) -> None:
        """Press it."""
        await self._entities.call(self.entity_id, "press")


class Scripted:
    """A script of the owner; it is told what to do, for which stall and how much."""

    def __init__(
        self, entities: Entities, entity_id: str, told: Told, stall: str, words: tuple[str | None, str | None]
    ) -> None:
        """`words` are its `action` when it is to open and to close; None where it has no part in it."""
        self.entity_id = entity_id
        self.told = told
        self._entities = entities
        self._stall = stall
        self._words = words

    def is_open(self) -> bool | None:
        """A script shows nothing of what it did."""
        return None

    def acts(self, *, opened: bool) -> bool:
        """It has a word for what it does."""
        return self._words[0 if opened else 1] is not None

    def due(self, *, opened: bool) -> bool:
        """A script shows nothing of what it did."""
        return False

    async def tell(self, *, opened: bool, current_a: int) -> None:
        """Run it with its variables."""
        action = self._words[0 if opened else 1]
        variables = {"stall": self._stall, "action": action, "current_a": current_a}
        await self._entities.run(self.entity_id, variables)


class Gate:
    """The parts of one stall's gate."""

    def __init__(self, entities: Entities, settings: EntitySettings, clock: Clock, patience: Patience) -> None:
        """Nothing is told yet. `settings.gate_slots` are its parts; it may have none."""
        self._entities = entities
        self._clock = clock
        self._patience = patience
        self._settings = settings
        self._parts = [self._part(slot) for slot in settings.gate_slots]

    def is_open(self) -> bool | None:
        """Whether energy may flow as far as its parts show: one that is closed is enough against it."""
        shown = [part.is_open() for part in self._parts]
        if False in shown:
            return False
        return True if True in shown else None

    async def open(self, current_a: int) -> None:
        """Open every part that can be told: first what lets a car in, then what starts it.

        Raises:
            NotYet: a part has still to show that it opened.
            ConnectorError: it cannot be opened.
        """
        self._settle(opened=True)
        reached = False
        for part in self._parts:
            if not isinstance(part, Shown) and not part.acts(opened=True):
                continue
            if not self._entities.can_be_told(part.entity_id):
                continue
            reached = True
            await self._tell(part, opened=True, current_a=current_a)
            self._look(part, opened=True)
        if self._parts and not reached:
            raise ConnectorUnreachable(f"{self._parts[0].entity_id} is unavailable")
        self._settle(opened=True)

    async def close(self, car: Car) -> None:
        """Close every part, whatever becomes of the others.

        Raises:
            NotYet: a part has still to show that it closed.
            ConnectorError: the first that a part raised.
        """
        self._settle(opened=False)
        failed: ConnectorError | None = None
        closing = [part for part in reversed(self._parts) if self._closes(part, car)]
        for part in closing:
            try:
                if not self._entities.can_be_told(part.entity_id):
                    raise ConnectorUnreachable(f"{part.entity_id} is unavailable")
                await self._tell(part, opened=False, current_a=0)
            except ConnectorError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        for part in closing:
            self._look(part, opened=False)
        self._settle(opened=False)

    def _settle(self, *, opened: bool) -> None:
        """What came true is not on its way any more: what changes later is somebody else's doing, and told anew."""
        for part in self._parts:
            if isinstance(part, Shown) and not part.due(opened=opened):
                part.told.note(None)

    def _closes(self, part: Part, car: Car) -> bool:
        """Whether it has to be told to close, or at least be there to be told."""
        if not part.acts(opened=False) or (car is Car.GONE and isinstance(part, Pressed)):
            return False
        return car is Car.MAY_DRAW or self._entities.can_be_told(part.entity_id)

    async def _tell(self, part: Part, *, opened: bool, current_a: int) -> None:
        if part.due(opened=opened) and part.told.give_up(opened=opened):
            raise _too_late(part, opened=opened)
        if not part.acts(opened=opened) or part.told.just(opened=opened):
            return
        part.told.note(None)
        await part.tell(opened=opened, current_a=current_a)
        part.told.note(opened)

    def _look(self, part: Part, *, opened: bool) -> None:
        if not part.due(opened=opened):
            return
        if not part.told.may_come_true:
            raise _too_late(part, opened=opened)
        raise NotYet(f"{part.entity_id} has still to {'open' if opened else 'close'}", LOOK_EVERY_S)

    def _part(self, slot: Slot) -> Part:
        settings = self._settings
        entity_id, domain = settings.slots[slot], settings.domain(slot)
        told = Told(self._clock, self._patience)
        if domain in BUTTONS:
            return Pressed(self._entities, entity_id, told, opens=slot is not Slot.DISABLE)
        if domain in SCRIPTS:
            return Scripted(self._entities, entity_id, told, settings.name, _script_words(settings, slot))
        assert domain in TWO_WAY, "checked by the slot's domains"
        return Shown(self._entities, entity_id, told, _moves(settings, slot))


def _too_late(part: Part, *, opened: bool) -> ConnectorUnreachable:
    return ConnectorUnreachable(f"{part.entity_id} did not {'open' if opened else 'close'} in time")


def _moves(settings: EntitySettings, slot: Slot) -> tuple[Move, Move]:
    """How its entity is opened and closed."""
    domain = settings.domain(slot)
    if domain in CHOICES:
        options = settings.open_option or "", settings.closed_option or ""
        opened, closed = (Move(state=each, service="select_option", data={"option": each}) for each in options)
    elif domain in LOCKS:
        opened, closed = Move(state="unlocked", service="unlock"), Move(state="locked", service="lock")
    else:
        opened, closed = Move(state="on", service="turn_on"), Move(state="off", service="turn_off")
    return (closed, opened) if slot in settings.inverted else (opened, closed)


def _script_words(settings: EntitySettings, slot: Slot) -> tuple[str | None, str | None]:
    """A script for opening closes too, unless another entity is there for that."""
    if slot is Slot.AUTHORISE:
        return "authorise", "deauthorise"
    if slot is Slot.DISABLE:
        return None, "disable"
    return "enable", None if Slot.DISABLE in settings.slots else "disable"
