"""One wall connector on a stage: a simulated box on real sockets, the real driver, and the real stall that decides.

What Home Assistant would do around them (poll at the right pace, feed the watchdog, carry out commands, try again) is
done here, as in ``building/poller.py`` and ``building/hand.py``, but in a time that moves only when a scenario says
so. Nothing of the box is faked: its registers, its clock and its car are the simulator's.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
import json
from typing import Any

import aiohttp
from modbus_connection import ModbusUnit
from modbus_connection.tmodbus import ModbusConnection

from custom_components.evshare.building.reader import CardReader
from custom_components.evshare.charging import (
    Authorised,
    ConnectorLost,
    Disable,
    Effect,
    Enable,
    Event,
    OfferDecided,
    ReadingTaken,
    Record,
    SetLimit,
    StallState,
    StopAsked,
    advance,
    initial,
    restore,
    snapshot,
)
from custom_components.evshare.connectors.equipment import Equipment, equipped
from custom_components.evshare.connectors.factory import build_connector, load_profile, modbus_params, modbus_unit_ids
from custom_components.evshare.connectors.ports import Connector, ConnectorError
from custom_components.evshare.connectors.profile_model import Profile
from custom_components.evshare.connectors.settings import ConnectorSettings
from custom_components.evshare.model import (
    ChargeMode,
    Credential,
    CredentialKind,
    GateKind,
    LimitReason,
    Moment,
    Reading,
    ResidentId,
    Session,
    SessionId,
    StallConfig,
    StallId,
    StopReason,
)
from demo.boxes.stand import Stand

from .cases import Case

NOON = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
MAX_A = 16
SHARE_A = 6
PATIENCE_S = 0.25
"""What a driver waits for an answer here: boxes answer at once or not at all."""
FAILURES_LOST = 2


@dataclass
class Time:
    """Wall and loop time of driver and box; it passes when a scenario, or somebody who waits, lets it."""

    at: datetime = NOON
    stand: Stand | None = None

    def utcnow(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        if self.stand is not None:
            await self.stand.tick()


class FrontContactor:
    """The switch of a contactor in front of a box."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._box: Any = stand.first.wallbox

    def is_on(self) -> bool | None:
        return bool(self._box.contactor_closed)

    async def turn_on(self) -> None:
        self._box.switch_contactor(True, self._stand.first.outlet)
        await self._stand.tick()

    async def turn_off(self) -> None:
        self._box.switch_contactor(False, self._stand.first.outlet)
        await self._stand.tick()


class FrontMeter:
    """An energy meter in front of a box whose own register cannot be billed from."""

    serial = "front-meter"

    def __init__(self, stand: Stand) -> None:
        self._stand = stand

    def register_wh(self) -> int | None:
        return self._stand.true_register_wh()


@dataclass
class Stage:
    """The stall of one box."""

    case: Case
    stand: Stand
    connector: Connector
    time: Time
    state: StallState
    connect: Callable[[], Awaitable[tuple[Connector, Callable[[], Awaitable[None]]]]]
    close: Callable[[], Awaitable[None]]
    offer_a: int = MAX_A
    """What the building would give it."""
    slices: list[Mapping[str, Any]] = field(default_factory=list)
    ended: list[Mapping[str, Any]] = field(default_factory=list)
    epochs: list[Mapping[str, Any]] = field(default_factory=list)
    taps: list[bytes] = field(default_factory=list)
    reading: Reading | None = None
    why: str = ""
    """Why the last poll failed."""
    _reader: CardReader = field(default_factory=lambda: CardReader(bytes(32)))
    _wanted: list[Effect] = field(default_factory=list)
    _prepared: bool = False
    _failures: int = 0
    _beat_s: float = float("-inf")
    _sessions: int = 0
    _kept: str = ""

    # --- what people do -----------------------------------------------------------------------------------------

    async def authorise(self) -> None:
        """A resident is let in."""
        self._sessions += 1
        credential = Credential(kind=CredentialKind.CARD, id="ca2d000000000001", resident_id=ResidentId("anna"))
        session = Session(
            id=SessionId(f"{self._sessions:032x}"),
            stall_id=self.state.config.id,
            credential=credential,
            mode=ChargeMode.FAST,
            authorised_at=self.time.at,
        )
        await self._happen(Authorised(session))

    async def stop(self) -> None:
        """The resident ends the session."""
        await self._happen(StopAsked(StopReason.PERSON))

    async def offers(self, limit_a: int) -> None:
        """The building gives it so much from now on."""
        self.offer_a = limit_a
        await self._happen(None)

    async def dies(self) -> None:
        """Home Assistant stops: the connection ends, and what it knows is what the journal kept."""
        self._kept = json.dumps(snapshot(self.state))
        await self.connector.close()
        await self.close()

    async def comes_back(self) -> None:
        """Home Assistant starts again."""
        self.connector, self.close = await self.connect()
        self.state = restore(self.state.config, json.loads(self._kept), self._now())
        self._wanted, self._prepared, self._failures, self._beat_s = [], False, 0, float("-inf")
        self._reader = CardReader(bytes(32))

    # --- time ---------------------------------------------------------------------------------------------------

    async def passes(self, seconds: float) -> None:
        """Let time pass with polls, heartbeats and commands as in a running building."""
        until = self.time.monotonic() + seconds
        while (left_s := until - self.time.monotonic()) > 0:
            await self.time.sleep(min(left_s, self._pace_s))
            await self.look()

    async def passes_alone(self, seconds: float, step_s: float = 5) -> None:
        """Let time pass while nobody talks to the box."""
        until = self.time.monotonic() + seconds
        while (left_s := until - self.time.monotonic()) > 0:
            await self.time.sleep(min(left_s, step_s))

    async def look(self) -> bool:
        """Poll once; returns whether it answered with something to believe."""
        try:
            await self._carry_out()
            if not self._prepared and self.state.session is None:
                await self.connector.prepare()
                self._prepared = True
            beat_s = self.connector.heartbeat_s
            if beat_s is not None and self.time.monotonic() >= self._beat_s + beat_s:
                self._beat_s = self.time.monotonic()
                await self.connector.heartbeat()
            self.reading = await self.connector.poll()
        except ConnectorError as error:
            self.why = f"{type(error).__name__}: {error}"
            self._failures += 1
            if self._failures >= FAILURES_LOST:
                self._prepared = False
                await self._happen(ConnectorLost(str(error)))
            return False
        self._failures = 0
        await self._happen(ReadingTaken(self.reading))
        if self.connector.ports.polled_identity:
            tap = self._reader.polled(self.reading, self._now())
            if tap is not None:
                self.taps.append(tap.uid)
        return True

    async def polls_until_it_answers(self, most: int) -> int:
        """How many polls it takes until one works; `most` + 1 if none does."""
        for number in range(1, most + 1):
            if await self.look():
                return number
            await self.time.sleep(self._pace_s)
        return most + 1

    # --- what came of it ----------------------------------------------------------------------------------------

    def sliced_wh(self) -> int:
        """All energy in slices, whoever pays for it."""
        return sum(piece["register_end_wh"] - piece["register_start_wh"] for piece in self.slices)

    def session_wh(self) -> int:
        """Energy of all sessions that ended."""
        return sum(session["energy_wh"] for session in self.ended)

    # --- inside -------------------------------------------------------------------------------------------------

    @property
    def _pace_s(self) -> float:
        if self.state.session is not None and not self.state.armed:
            pace_s = self.connector.poll_charging_s
        elif self.state.plugged or self.state.armed:
            pace_s = self.connector.poll_plugged_s
        else:
            pace_s = self.connector.poll_idle_s
        return min(pace_s, self.connector.heartbeat_s or pace_s)

    def _now(self) -> Moment:
        return Moment(at=self.time.at, mono_s=self.time.monotonic())

    async def _happen(self, event: Event | None) -> None:
        if event is not None:
            self._take(event)
        wants_a = self.offer_a if self.state.wants_current else 0
        if wants_a != self.state.offered_a or (wants_a and not self.state.asserted):
            self._take(OfferDecided(wants_a, LimitReason.CIRCUIT))
        await self._carry_out(quietly=True)

    def _take(self, event: Event) -> None:
        self.state, effects = advance(self.state, event, self._now())
        for effect in effects:
            match effect:
                case Disable():
                    self._wanted = [effect]
                case Enable() | SetLimit():
                    self._wanted = [one for one in self._wanted if isinstance(one, Disable)] + [effect]
                case Record(kind="slice", body=body):
                    self.slices.append(body)
                case Record(kind="session_ended", body=body):
                    self.ended.append(body)
                case Record(kind="epoch", body=body):
                    self.epochs.append(body)
                case _:
                    pass

    async def _carry_out(self, *, quietly: bool = False) -> None:
        """Do what is wanted; what did not work is wanted until it does."""
        while self._wanted:
            try:
                match self._wanted[0]:
                    case Enable(limit_a=limit_a):
                        self.connector.set_failsafe_share(SHARE_A)
                        await self.connector.enable(limit_a)
                    case SetLimit(limit_a=limit_a):
                        await self.connector.set_limit(limit_a)
                    case Disable():
                        await self.connector.disable()
            except ConnectorError as error:
                self.why = f"{type(error).__name__}: {error}"
                if quietly:
                    return
                raise
            self._wanted.pop(0)


@asynccontextmanager
async def on_stage(case: Case, *, patience_s: float = PATIENCE_S, **options: object) -> AsyncIterator[Stage]:
    """Stand the box up, connect the driver, and end both."""
    time = Time()
    profile = load_profile(case.profile)
    profile = _patient(profile, patience_s)
    async with AsyncExitStack() as stack:
        stand = Stand(case.model, time.utcnow, rated_a=MAX_A * 2, options={**case.options, **options})
        await stack.enter_async_context(stand)
        time.stand = stand
        settings = ConnectorSettings(
            host=stand.host,
            port=stand.port,
            transport=case.transport,
            serial_port=stand.serial_device if case.transport == "modbus_rtu" else None,
            max_current_a=MAX_A,
            **case.settings,
        )
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def connect() -> tuple[Connector, Callable[[], Awaitable[None]]]:
            """A driver on a connection of its own, and what ends it."""
            units: dict[int, ModbusUnit] = {}
            close = _nothing_to_close
            if profile.transport.is_modbus:
                link = ModbusConnection(modbus_params(profile, settings))
                close = link.close
                units = {unit_id: link.for_unit(unit_id) for unit_id in modbus_unit_ids(profile, settings)}
            driver = build_connector(
                profile,
                settings,
                clock=time,
                unit=next(iter(units.values()), None),
                other_units=units,
                session=session,
            )
            around = Equipment(
                contactor=FrontContactor(stand) if case.contactor_in_front else None,
                meter=FrontMeter(stand) if case.front_meter else None,
            )
            return equipped(driver, around, time), close

        config = StallConfig(
            id=StallId("stall-1"),
            name="Stall 1",
            connector=case.profile,
            max_current_a=MAX_A,
            gate=GateKind.CONTACTOR if case.dark_gate else GateKind.NATIVE,
        )
        state = initial(config, Moment(at=time.at, mono_s=time.monotonic()))
        connector, close = await connect()
        stage = Stage(case=case, stand=stand, connector=connector, time=time, state=state, connect=connect, close=close)
        try:
            yield stage
        finally:
            await stage.connector.close()
            await stage.close()


async def _nothing_to_close() -> None:
    """HTTP connections are the session's."""


def _patient(profile: Profile, patience_s: float) -> Profile:
    """The profile, with less patience and without the pauses a real line needs; all its variants alike."""
    line = profile.transport.serial
    # A pty has no parity, and refuses to be opened again with one.
    line = None if line is None else replace(line, parity="N")
    transport = replace(profile.transport, gap_s=0.0, timeout_s=patience_s, serial=line)
    variants = tuple(replace(variant, profile=_patient(variant.profile, patience_s)) for variant in profile.variants)
    return replace(profile, transport=transport, variants=variants)
