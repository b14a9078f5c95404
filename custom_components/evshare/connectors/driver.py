"""The driver of every profile: what to read when, when to tell what, and what a reading means.

How bytes travel is the wire's business (``modbus.py``, ``http.py``), in which order a command is written that of its
orders (``orders.py``). The driver keeps what it last told the gate (closed, open, or paused: open, but 0 A on a model
that cannot be offered 0 A) and whether the connector has been there ever since. When it falls silent it may have
rebooted: then its identity is checked again, limit and failsafe of an open session are written again, and a gate that
cannot be read back counts as open, so that the stall locks it.
"""

from collections.abc import Mapping
import contextlib
from dataclasses import replace
from enum import Enum, auto

from ..model import OnLoss, Pilot, Reading
from . import rules
from .clock import Clock
from .orders import Orders, Wire
from .ports import ConnectorError, ConnectorRefused, Failsafe, Identity, Ports, Watcher, WrongDevice
from .power_plug import PowerPlugWatch
from .profile_model import Profile
from .profile_values import FAILSAFE_POINTS, Tier, Value
from .readings import CardLevel, CarLevel, reading, text
from .settings import ConnectorSettings

MIN_HEARTBEAT_S = 1.0
RECOVER_AGAIN_S = 60.0
RECOGNISE_AFTER_S = 20.0
"""Who was not heard for so long may be another by now: addresses are reused, and a link is renewed unseen."""
RECOGNISE_EVERY_S = 300.0
METER_S = 10.0
"""A register that is read seldom is read this often while energy flows: it is what a reset or a crash may cost."""


class _Gate(Enum):
    UNTOLD = auto()
    CLOSED = auto()
    OPEN = auto()
    PAUSED = auto()


class ProfileConnector:
    """A `Connector` that does what its profile says."""

    def __init__(self, profile: Profile, settings: ConnectorSettings, wire: Wire, clock: Clock) -> None:
        """Nothing is sent yet.

        Raises:
            ValueError: `max_current_a` below what the model can offer at all.
        """
        self._model = profile
        self._profile = profile
        """The variant of the model that answers here."""
        self._settings = settings
        self._wire = wire
        self._clock = clock
        self._plug = None if profile.plug_by_power is None else PowerPlugWatch(profile.plug_by_power)
        self._losses: tuple[OnLoss, OnLoss, OnLoss] | None = None
        """What it does on silence, reboot and unplug, as read after it was prepared."""
        self._ports = profile.ports
        self._values: dict[str, Value] = {}
        self._orders = Orders(profile, settings, wire, self._values, self._forget)
        self._met = False
        """Its identity was checked since it was last away."""
        self._heard_mono_s = self._recognised_mono_s = float("-inf")
        self._gate = _Gate.UNTOLD
        self._told = False
        """Gate and limit were written since it was last away."""
        self._limit_a = 0
        self._pilot: Pilot | None = None
        self._slow_mono_s: float | None = None
        self._recovered_mono_s = float("-inf")
        self._card = CardLevel()
        self._car = CarLevel()

    @property
    def ports(self) -> Ports:
        """What the model can do by itself; once it was prepared, with what its own failsafe says."""
        return self._ports

    @property
    def failsafe(self) -> Failsafe | None:
        """What its points say of the failsafe, as last read."""
        current_a, timeout_s = (rules.number(self._values, name) for name in FAILSAFE_POINTS)
        if current_a is None and timeout_s is None:
            return None
        return Failsafe(
            current_a=None if current_a is None else float(current_a),
            timeout_s=None if timeout_s is None else float(timeout_s),
        )

    @property
    def poll_charging_s(self) -> float:
        """Seconds between polls while energy flows in a session."""
        return self._profile.poll_charging_s

    @property
    def poll_plugged_s(self) -> float:
        """Seconds between polls while a car is there that does not charge, or somebody is waited for."""
        return self._profile.poll_plugged_s

    @property
    def poll_idle_s(self) -> float:
        """Seconds between polls while nobody is there."""
        return self._profile.poll_idle_s

    @property
    def min_a(self) -> int:
        """Lowest current it can be told."""
        return self._orders.min_a

    @property
    def max_a(self) -> int:
        """Highest current it can be told: the model's or the stall's, whichever is lower."""
        return self._orders.max_a

    @property
    def heartbeat_s(self) -> float | None:
        """Seconds between heartbeats, None without watchdog."""
        heartbeat = self._profile.heartbeat
        if heartbeat is None or heartbeat.command is None:
            return None  # where any request feeds it, polls do
        timeout_s = None if heartbeat.of is None else rules.number(self._values, heartbeat.of)
        if not timeout_s:
            return heartbeat.every_s
        return min(heartbeat.every_s, max(MIN_HEARTBEAT_S, float(timeout_s) / heartbeat.parts))

    def watch(self, watcher: Watcher | None) -> None:
        """It speaks only when asked."""

    def set_failsafe_share(self, limit_a: int) -> None:
        """Remember what it may offer by itself while a session runs and we are silent; below 6 A means 0."""
        self._orders.set_failsafe_share(limit_a)

    async def identify(self) -> Identity:
        """Read serial, firmware and model, and look whether it is this profile's model at all."""
        self._met = False
        await self._meet()
        return Identity(
            serial=text(self._values, "serial"), firmware=text(self._values, "firmware"), model=self._profile.name
        )

    async def prepare(self) -> None:
        """Lock it, and set its own failsafe and watchdog."""
        await self._meet()
        self._close()
        await self._orders.run("prepare" if "prepare" in self._profile.commands else "disable")
        self._told = True
        self._slow_mono_s = None
        # What set-up wrote is believed only when it is read back: a failsafe that was refused would open the stall.
        await self._read(frozenset({Tier.ONCE, Tier.FAST, Tier.SLOW}))
        silence, reboot, unplug = (rules.loss(one, self._values) for one in self._profile.loss_rules.values())
        self._losses = (silence, reboot, unplug)
        self._ports = self._known_ports()

    async def poll(self) -> Reading:
        """Read what is due: the fast points always, the others by time or after a change."""
        await self._meet()
        mono_s = self._clock.monotonic()
        slow = self._slow_mono_s is None or mono_s - self._slow_mono_s >= self._slow_s
        # What a car takes until it lets go of a closed gate is counted to its end.
        slow |= self._gate is _Gate.CLOSED and self._pilot is Pilot.C
        tiers = {Tier.FAST}
        if slow:
            tiers |= {Tier.ACTIVE, Tier.SLOW}
        if self._pilot is not None and self._pilot.plugged is not False:
            tiers.add(Tier.ACTIVE)  # as before: then one round of requests is enough
        values = await self._read(frozenset(tiers))
        if all(value is None for value in values.values()):
            self._forget()
            raise WrongDevice(f"{self._settings.place} answers nothing that a {self._profile.name} says")
        at, mono_s = self._clock.utcnow(), self._clock.monotonic()
        pilot = self._seen_pilot(values, mono_s)
        changed = pilot is not self._pilot
        wanted = {Tier.ACTIVE, Tier.SLOW, Tier.EVENT} if changed else {Tier.ACTIVE}
        if pilot.plugged is False and not changed:
            wanted = set()
        if wanted - tiers:
            values = {**values, **await self._read(frozenset(wanted - tiers))}
        if slow or changed:
            self._slow_mono_s = mono_s
        self._pilot = pilot
        await self._restore()
        await self._recover(pilot)
        return reading(
            self._profile,
            values,
            self._values,
            pilot=pilot,
            at=at,
            mono_s=mono_s,
            enabled=self._enabled(read_back := rules.enabled(self._profile, self._values)),
            gate_read=read_back is not None,
            card=self._card.seen(self._profile, values),
            ev_id=self._car.seen(pilot, values),
        )

    async def enable(self, limit_a: int) -> None:
        """Safe share into the failsafe, then the limit, then the gate; a limit that needs an open gate comes last."""
        self._orders.check(limit_a)
        await self._meet(surely=True)  # opening the neighbour's would be worse than opening none
        self._told = False
        await self._orders.tell_failsafe()
        command = self._profile.set_current
        if command is not None and command.only_enabled:
            await self._orders.run("enable")
            await self._orders.tell_limit(limit_a)
        else:
            await self._orders.tell_limit(limit_a)
            await self._orders.run("enable")
        self._gate, self._limit_a, self._told = _Gate.OPEN, limit_a, True
        self._slow_mono_s = None  # what came of it is read with the next poll

    async def set_limit(self, limit_a: int) -> None:
        """Change what is offered; 0 pauses. A closed gate refuses it, since on some models a limit opens."""
        if self._gate is _Gate.CLOSED:
            raise ConnectorRefused(f"limit_a: got {limit_a} for a closed gate; accepted: none, enable it instead")
        if limit_a and self._gate is _Gate.PAUSED:
            await self.enable(limit_a)
            return
        if limit_a:
            self._orders.check(limit_a)
        self._gate = _Gate.OPEN if limit_a or self._orders.zero_pauses else _Gate.PAUSED
        self._limit_a, self._told = limit_a, False
        await self._meet()
        await self._tell_session()
        self._slow_mono_s = None

    async def disable(self) -> None:
        """Failsafe to 0 first, then the gate; a refused failsafe does not keep the gate open."""
        self._close()
        await self._meet()
        refused: ConnectorRefused | None = None
        try:
            await self._orders.run("set_failsafe_current", 0)
        except ConnectorRefused as error:
            refused = error
        await self._orders.run("disable")
        self._told = True
        self._slow_mono_s = None
        if refused is not None:
            raise refused

    async def heartbeat(self) -> None:
        """Repeat what feeds the watchdog; a changed safe share goes along."""
        heartbeat = self._profile.heartbeat
        if heartbeat is None or heartbeat.command is None:
            return
        await self._meet()
        if self._gate in (_Gate.OPEN, _Gate.PAUSED):
            await self._orders.tell_failsafe()
        if heartbeat.command == "enable":
            if self._gate is _Gate.OPEN:
                await self._orders.run("enable")
        elif heartbeat.command != "set_current":
            await self._orders.run(heartbeat.command)
        elif self._gate is _Gate.OPEN:
            await self._orders.tell_limit(self._limit_a)
        elif self._gate is _Gate.CLOSED:
            await self._orders.run("disable")

    async def close(self) -> None:
        """Nothing is held open here: link and session belong to whoever gave them."""
        self._forget()

    @property
    def _slow_s(self) -> float:
        """Seconds between reads of the slow points."""
        profile = self._profile
        register = profile.points.get(profile.register or "")
        seldom = register is not None and register.tier is Tier.SLOW
        return min(METER_S, profile.slow_s) if seldom and self._pilot is Pilot.C else profile.slow_s

    def _close(self) -> None:
        """From here on it is to be closed, even if telling it fails."""
        self._gate, self._limit_a, self._told = _Gate.CLOSED, 0, False
        self._orders.forget()

    def _forget(self) -> None:
        """It is away, and may come back rebooted or as another."""
        self._values.clear()
        self._car.forget()
        self._met = False
        self._told = False
        self._orders.forget()
        self._slow_mono_s = None

    async def _meet(self, *, surely: bool = False) -> None:
        """Check who answers: after each silence before anything is written, now and then, and before it is opened."""
        if self._met and await self._recognised(surely):
            return
        self._adopt(self._model)
        values = await self._read(frozenset({Tier.ONCE, Tier.FAST}))
        for variant in self._model.variants:
            if all(rules.passes(test, values) for test in variant.conditions):
                self._adopt(variant.profile)
                values = await self._read(frozenset({Tier.ONCE, Tier.FAST}))
                break
        for test in self._profile.expect:
            if not rules.passes(test, values):
                raise WrongDevice(
                    f"{self._settings.place} does not answer like a {self._profile.name}: "
                    f"{test.point} reads {str(values.get(test.point))[:40]!r}"
                )
        serial, expected = text(self._values, "serial"), self._settings.serial
        if None not in (serial, expected) and serial != expected:
            raise WrongDevice(f"{self._settings.place} has serial number {serial}; accepted: {expected}")
        self._met = True
        self._recognised_mono_s = self._clock.monotonic()

    async def _recognised(self, surely: bool) -> bool:
        """Whether it is still the one that was met; one that was heard a moment ago is not asked each time."""
        now_s = self._clock.monotonic()
        silent_s, since_s = now_s - self._heard_mono_s, now_s - self._recognised_mono_s
        if not surely and silent_s < RECOGNISE_AFTER_S and since_s < RECOGNISE_EVERY_S:
            return True
        try:
            values = await self._wire.read(frozenset({Tier.ONCE}))
        except ConnectorRefused:
            values = {}  # it does not say
        except ConnectorError:
            self._forget()
            raise
        if values.get("serial") not in (None, self._values.get("serial")):
            self._forget()
            return False
        self._values |= {name: value for name, value in values.items() if value is not None}
        self._heard_mono_s = self._recognised_mono_s = now_s
        return True

    async def _read(self, tiers: frozenset[Tier]) -> Mapping[str, Value]:
        try:
            values: Mapping[str, Value] = await self._wire.read(tiers)
        except ConnectorError:
            self._forget()
            raise
        self._heard_mono_s = self._clock.monotonic()
        if derived := self._profile.derived:
            values = {**values, **rules.derive(derived, values)}
        self._values |= values
        return values

    def _adopt(self, profile: Profile) -> None:
        if profile is not self._profile:
            self._profile = profile
            self._ports = self._known_ports()
            self._values.clear()
            self._wire.adopt(profile)
            self._orders.profile = profile

    def _known_ports(self) -> Ports:
        ports = self._profile.ports
        if self._losses is None:
            return ports
        silence, reboot, unplug = self._losses
        return replace(ports, on_silence=silence, on_reboot=reboot, on_unplug=unplug)

    async def _tell_session(self) -> None:
        """Failsafe and limit of an open session, or its pause."""
        await self._orders.tell_failsafe()
        if self._gate is _Gate.PAUSED:
            await self._orders.run("disable")
        else:
            await self._orders.tell_limit(self._limit_a)
        self._told = True

    async def _restore(self) -> None:
        """After a silence in mid-session: a rebooted connector forgot its limit and failsafe (KEBA 5004, 5016).

        The gate is not opened here: whether it may be is the stall's decision, from the reading. A refusal waits for
        the next poll, so that the reading itself is not lost.
        """
        if self._gate in (_Gate.OPEN, _Gate.PAUSED) and not self._told:
            with contextlib.suppress(ConnectorRefused):
                await self._tell_session()

    async def _recover(self, pilot: Pilot) -> None:
        """Lead it out of a fault that it does not leave by itself; only while nobody charges."""
        tests = self._profile.recover_when
        if not tests or self._gate is not _Gate.CLOSED or not all(rules.passes(test, self._values) for test in tests):
            return
        now_s = self._clock.monotonic()
        if now_s - self._recovered_mono_s >= RECOVER_AGAIN_S:
            self._recovered_mono_s = now_s
            with contextlib.suppress(ConnectorRefused):
                await self._orders.run("recover")

    def _seen_pilot(self, values: Mapping[str, Value], mono_s: float) -> Pilot:
        if self._plug is None:
            return rules.pilot(self._profile, values)
        power = rules.number(values, "power_w")
        return self._plug.seen(power, mono_s, closed=rules.enabled(self._profile, values) is not True)

    def _enabled(self, read_back: bool | None) -> bool | None:
        if not self._ports.gate:
            return None
        if read_back is not None:
            return read_back
        return self._gate is _Gate.OPEN or not self._told
