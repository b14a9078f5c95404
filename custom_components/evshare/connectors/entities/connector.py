"""A stall's hardware made of other integrations' entities.

A poll only reads states; what changes is pushed (`watch`). Commands go through services and are confirmed by state
where an entity shows one (``gate.py``). What an entity connector can promise ends where Home Assistant ends: it
holds at best (``slots.entity_ports``).
"""

from collections.abc import Callable
import contextlib
from enum import Enum, auto

from ...model import Pilot, Reading
from ..clock import Clock
from ..external_meter import MeterSource
from ..ports import (
    ConnectorError,
    ConnectorRefused,
    ConnectorUnreachable,
    Failsafe,
    Identity,
    NotYet,
    Ports,
    Watcher,
    WrongDevice,
)
from .cards import CardSlot
from .gate import CLOUD, LOCAL, Car, Gate
from .limit import SAME_A, Limit
from .plug import DRAWS_W, PowerWatch, pilot
from .slots import CURRENTS, VOLTAGES, EntitySettings, Slot, entity_ports
from .source import UNAVAILABLE, Entities, EntityState
from .units import AMPERES, VOLTS, WATTS, finite, leading_number, measured

RISE_AFTER_S = 30.0
"""A vendor's cloud is told of more current no sooner after the last change; less current and locks never wait."""
RISE_LOOK_S = 5.0


class _Told(Enum):
    UNTOLD = auto()
    CLOSED = auto()
    OPEN = auto()
    PAUSED = auto()


class EntityConnector:
    """A `Connector` that reads and tells entities."""

    failsafe: Failsafe | None = None
    poll_charging_s = 5.0
    poll_plugged_s = 5.0
    poll_idle_s = 15.0

    def __init__(
        self,
        entities: Entities,
        settings: EntitySettings,
        clock: Clock,
        *,
        register: MeterSource | None = None,
        session: MeterSource | None = None,
        cloud: bool = False,
    ) -> None:
        """Nothing is told yet.

        Args:
            entities: The world they live in.
            settings: Which is what.
            clock: Wall and loop time.
            register: Reads the `energy_total` slot.
            session: Reads the `energy_session` slot.
            cloud: What is told goes over a vendor's cloud.
        """
        patience = CLOUD if cloud else LOCAL
        self._entities = entities
        self._settings = settings
        self._clock = clock
        self._register = register
        self._session = session
        self._cloud = cloud
        self._gate = Gate(entities, settings, clock, patience)
        self._limit = Limit(entities, settings, clock, patience)
        self._power = PowerWatch()
        self._told = _Told.UNTOLD
        self._limit_a = 0
        self._rise_to_a: int | None = None
        """A limit that waits until the cloud may be told."""
        self._unwatch: Callable[[], None] | None = None

    @property
    def ports(self) -> Ports:
        """What its slots fill."""
        return entity_ports(self._settings)

    @property
    def min_a(self) -> int:
        """Lowest current it can be told."""
        return self._limit.min_a

    @property
    def max_a(self) -> int:
        """Highest current it can be told."""
        return self._limit.max_a if self._settings.tells_limit else self._settings.max_current_a

    @property
    def heartbeat_s(self) -> float | None:
        """How often it is looked whether a limit that waits may be told; None where nothing ever waits."""
        return RISE_LOOK_S if self._cloud and self._settings.tells_limit else None

    def set_failsafe_share(self, limit_a: int) -> None:
        """Entities have no failsafe."""

    def watch(self, watcher: Watcher | None) -> None:
        """Tell `watcher` of changes and cards; what is said at this moment is no news."""
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        if watcher is not None:
            self._unwatch = _Watch(self._entities, self._settings, self._clock, watcher).begin()

    async def identify(self) -> Identity:
        """The device its entities belong to. Raises `WrongDevice` when it is another than at set-up."""
        devices = [self._entities.device(entity_id) for entity_id in self._settings.slots.values()]
        device = next((device for device in devices if device is not None), None)
        if device is None:
            return Identity(serial=None)
        expected = self._settings.serial
        if None not in (device.serial, expected) and device.serial != expected:
            raise WrongDevice(f"{device.name}: has serial number {device.serial}; accepted: {expected}")
        return Identity(serial=device.serial, firmware=device.firmware, model=device.model or device.name)

    async def prepare(self) -> None:
        """Close the gate."""
        self._check_reach()
        await self.disable()

    async def poll(self) -> Reading:
        """Read what its entities say now. Raises `ConnectorUnreachable` when none tells what the car does."""
        self._check_reach()
        at, mono_s = self._clock.utcnow(), self._clock.monotonic()
        enabled, power_w, currents_a = self._enabled(), self._power_w(), self._currents_a()
        self._see_power(power_w, mono_s, enabled=enabled)
        state = self._pilot()
        return Reading(
            at=at,
            mono_s=mono_s,
            pilot=state,
            power_w=power_w,
            currents_a=currents_a,
            register_wh=None if self._register is None else self._register.register_wh(),
            session_wh=None if self._session is None else self._session.register_wh(),
            limit_a=self._limit.reads_a(),
            enabled=enabled,
            gate_read=enabled is not None and self._gate_reads(),
            serial=None if self._register is None else self._register.serial,
            fault=self._raw(Slot.STATUS) if state in (Pilot.E, Pilot.F) else None,
        )

    async def enable(self, limit_a: int) -> None:
        """The limit first, then the gate."""
        self._check_limit(limit_a)
        self._rise_to_a = None
        if self._settings.tells_limit:
            await self._limit.tell(limit_a)
        self._limit_a = limit_a
        await self._gate.open(limit_a)
        self._told = _Told.OPEN

    async def set_limit(self, limit_a: int) -> None:
        """Change what is offered; 0 pauses: by the limit where it takes 0, else by the gate."""
        if self._told is _Told.CLOSED and self.ports.gate:
            raise ConnectorRefused(f"limit_a: got {limit_a} for a closed gate; accepted: none, enable it instead")
        if limit_a == 0:
            await self._pause()
            return
        if self._told is _Told.PAUSED:
            await self.enable(limit_a)
            return
        self._check_limit(limit_a)
        if not self._settings.tells_limit:
            return
        rises = limit_a > (self._limit_a if (reads_a := self._limit.reads_a()) is None else reads_a) + SAME_A
        if rises and not self._may_rise:
            self._rise_to_a = limit_a
            return
        self._rise_to_a = None
        await self._limit.tell(limit_a)
        self._limit_a, self._told = limit_a, _Told.OPEN

    async def disable(self) -> None:
        """Close the gate. Without one there is nothing to close."""
        self._told, self._limit_a, self._rise_to_a = _Told.CLOSED, 0, None
        try:
            if self._settings.zero_is_gate:
                await self._limit.tell(0)
            else:
                await self._gate.close(self._car())
        except NotYet:
            raise
        except ConnectorError:
            self._told = _Told.UNTOLD
            raise

    async def heartbeat(self) -> None:
        """Tell the cloud of more current as soon as it may be told; what fails is tried again at the next one."""
        if self._rise_to_a is None or self._told is not _Told.OPEN or not self._may_rise:
            return
        with contextlib.suppress(ConnectorError):
            await self._limit.tell(self._rise_to_a)
            self._limit_a, self._rise_to_a = self._rise_to_a, None

    async def close(self) -> None:
        """Stop watching."""
        self.watch(None)

    # --- telling -----------------------------------------------------------------------------------------------

    async def _pause(self) -> None:
        self._rise_to_a = None
        if self._limit.zero_pauses:
            await self._limit.tell(0)
            self._limit_a, self._told = 0, _Told.OPEN
        elif self._settings.gate_slots:
            await self._gate.close(self._car())
            self._limit_a, self._told = 0, _Told.PAUSED
        elif self._settings.tells_limit:  # nothing stops it: as little as it takes
            await self._limit.tell(self.min_a)
            self._limit_a = self.min_a

    def _check_limit(self, limit_a: int) -> None:
        if not self.min_a <= limit_a <= self.max_a:
            raise ConnectorRefused(f"limit_a: got {limit_a}; accepted: {self.min_a} to {self.max_a}")

    @property
    def _may_rise(self) -> bool:
        return not self._cloud or self._clock.monotonic() - self._limit.told_mono_s >= RISE_AFTER_S

    def _car(self) -> Car:
        """What there is to stop."""
        power_w, state = self._power_w(), self._pilot()
        if (power_w is not None and power_w >= DRAWS_W) or state is Pilot.C:
            return Car.MAY_DRAW
        if state is Pilot.A:
            return Car.GONE
        return Car.MAY_DRAW if state is Pilot.X and power_w is None else Car.RESTS

    # --- reading -----------------------------------------------------------------------------------------------

    def _check_reach(self) -> None:
        keys = [self._settings.slots[slot] for slot in self._settings.key_slots]
        if all(self._entities.read(entity_id) is None for entity_id in keys):
            if self._told is not _Told.PAUSED:
                self._told = _Told.UNTOLD  # it may come back rebooted
            raise ConnectorUnreachable(f"no answer from {', '.join(keys) or 'any entity'}")

    def _state(self, slot: Slot) -> EntityState | None:
        entity_id = self._settings.slots.get(slot)
        return None if entity_id is None else self._entities.read(entity_id)

    def _raw(self, slot: Slot) -> str | None:
        state = self._state(slot)
        return None if state is None else state.state

    def _is_on(self, slot: Slot) -> bool | None:
        on = {"on": True, "off": False}.get(self._raw(slot) or "")
        return on if on is None or slot not in self._settings.inverted else not on

    def _pilot(self) -> Pilot:
        """The pilot state. Only what was said since Home Assistant has started ends a session.

        What it says of before may be from before the session: states are stored every 15 minutes, and a crash brings
        back old ones. Where we locked the gate there is no session, and a free stall may stay silent for days.
        """
        raw = self._raw(Slot.STATUS)
        status = None if raw is None else self._settings.states.get(raw, Pilot.X)
        tells = Slot.STATUS in self._settings.slots or Slot.CHARGING in self._settings.slots
        draws = None if tells else self._power.draws
        plugged = self._is_on(Slot.PLUGGED)
        seen = pilot(status, plugged, self._is_on(Slot.CHARGING), draws)
        if seen is Pilot.A and self._told is not _Told.CLOSED:
            free = {Slot.STATUS: status is Pilot.A, Slot.PLUGGED: plugged is False}
            if not any(is_so and self._said_since_start(slot) for slot, is_so in free.items()):
                return Pilot.X
        return seen

    def _said_since_start(self, slot: Slot) -> bool:
        return self._entities.said_since_start(self._settings.slots[slot])

    def _see_power(self, power_w: float | None, mono_s: float, *, enabled: bool | None) -> None:
        self._power.see(power_w, mono_s)
        idle = power_w is None or power_w < DRAWS_W
        if enabled is False and self._told is not _Told.PAUSED and idle:
            self._power.forget()

    def _enabled(self) -> bool | None:
        """Whether energy may flow: as the gate shows, else as it was told; open when nobody knows, to be locked."""
        if self._settings.zero_is_gate:
            reads_a = self._limit.reads_a()
            return self._told_open() if reads_a is None else reads_a > SAME_A
        if not self._settings.gate_slots:
            return None
        return self._gate.is_open() if self._settings.shows_gate else self._told_open()

    def _gate_reads(self) -> bool:
        """Whether `_enabled` is what the gate shows."""
        return self._limit.reads_a() is not None if self._settings.zero_is_gate else self._settings.shows_gate

    def _told_open(self) -> bool:
        return self._told in (_Told.UNTOLD, _Told.OPEN)

    def _power_w(self) -> float | None:
        if Slot.POWER in self._settings.slots:
            return measured(self._state(Slot.POWER), WATTS)
        currents_a = self._currents_a()
        volts = [measured(self._state(slot), VOLTS) for slot in VOLTAGES]
        if currents_a is None or volts[0] is None:
            return None
        return sum(a * (volts[0] if v is None else v) for a, v in zip(currents_a, volts, strict=True))

    def _currents_a(self) -> tuple[float, float, float] | None:
        """The current of each phase; one sensor alone stands for all phases in use."""
        used = [slot for slot in CURRENTS if slot in self._settings.slots]
        values = [measured(self._state(slot), AMPERES) for slot in used]
        known = [value for value in values if value is not None]
        if not used or len(known) < len(used):
            return None
        if len(used) == 1:
            phases = self._phases()
            return None if phases is None else (known[0], known[0] * (phases > 1), known[0] * (phases > 2))
        l1, l2, l3 = (*known, 0.0, 0.0)[:3]
        return (l1, l2, l3)

    def _phases(self) -> int | None:
        """How many phases the car is given: a number, a choice that begins with one, or a switch to one phase."""
        if Slot.PHASES not in self._settings.slots:
            return self._settings.phases
        single = self._is_on(Slot.PHASES)
        if single is not None:
            return 1 if single else self._settings.phases
        raw = self._raw(Slot.PHASES)
        if raw is None:
            return None
        number = finite(raw) or leading_number(raw)
        if number is not None:
            return int(number)
        return 1 if "single" in raw.lower() or "one" in raw.lower() or "mono" in raw.lower() else self._settings.phases


class _Watch:
    """Turns changes of entities into what a watcher hears."""

    def __init__(self, entities: Entities, settings: EntitySettings, clock: Clock, watcher: Watcher) -> None:
        self._entities = entities
        self._watcher = watcher
        self._name = settings.name
        self._card_entity = settings.slots.get(Slot.RFID)
        self._cards = None if self._card_entity is None else CardSlot(self._card_entity, settings.card_attribute, clock)
        told = (*settings.key_slots, *settings.gate_slots, Slot.MAX_CURRENT, Slot.LIMIT_NOW)
        self._telling = {settings.slots[slot] for slot in told if slot in settings.slots}
        """Measurements come with the next poll: some change several times a second."""

    def begin(self) -> Callable[[], None]:
        """Watch from now on; returns what ends it."""
        watched = self._telling | ({self._card_entity} if self._card_entity is not None else set())
        unwatch = self._entities.watch(watched, self._changed)
        if self._cards is not None and self._card_entity is not None:
            self._cards.begin(self._entities.shown(self._card_entity))
        return unwatch

    def _changed(self, entity_id: str, before: EntityState | None, now: EntityState | None) -> None:
        if entity_id == self._card_entity and self._cards is not None:
            uid = self._cards.changed(before, now)
            if uid is not None:
                self._entities.spawn(self._watcher.card(uid), f"evshare card at {self._name}")
        if entity_id in self._telling and _said(before) != _said(now):
            self._watcher.changed()


def _said(state: EntityState | None) -> str:
    return UNAVAILABLE if state is None else state.state
