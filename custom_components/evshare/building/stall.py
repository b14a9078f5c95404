"""A running stall: the pure stall of `charging`, fed with one event at a time.

One task takes turns from one queue, so everything that happens to a stall has one order. A turn commits its records
and the snapshot to the journal first, then orders the hardware (`Hand`), then announces. A second task polls the
connector and feeds its watchdog (`Poller`), a third is the hand.

When the journal cannot be written (`Logbook`) nobody is let in and no gate is opened.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
import logging
from typing import Any

from ..access import BadUid
from ..charging import (
    Announce,
    Disable,
    Effect,
    Enable,
    EnableFailed,
    Event,
    IllegalMove,
    Persist,
    ReadingTaken,
    Record,
    SetLimit,
    StallState,
    StopAsked,
    Ticked,
    UnauthorisedEnergy,
    advance,
    reconfigured,
    snapshot,
)
from ..connectors.locks import lock_quality
from ..connectors.ports import Connector, Identity
from ..journal import JournalError
from ..model import CardAnswer, LockQuality, Moment, Pilot, Reading, SessionId, SignedValue, StallConfig, StopReason
from .errors import NotInBuilding
from .hand import Hand
from .logbook import Logbook
from .neighbourhood import Neighbourhood
from .poller import Poller
from .reader import CardReader, Tap
from .wiring import StallWiring

TURNS_WAITING = 64
TRICKLE_S = 60.0
"""What a car still takes this soon after its session is nobody's, but no theft."""
SETTLED_S = 10.0
"""How long a decrease of current is waited for before others may rise (DESIGN rule 10)."""

_LOGGER = logging.getLogger(__name__)

type Choose = Callable[[StallState, Moment], Event | None]


@dataclass
class _Turn:
    choose: Choose
    answer: Callable[[StallState], Mapping[str, Any]]
    store: bool
    """Store the snapshot whatever happens."""
    taken: asyncio.Future[None]


def _no_answer(_state: StallState) -> Mapping[str, Any]:
    return {}


class RunningStall:
    """One stall with its hardware."""

    def __init__(self, wiring: StallWiring, connector: Connector, state: StallState, around: Neighbourhood) -> None:
        self.wiring = wiring
        self.connector = connector
        self.state = state
        self.identity: Identity | None = None
        self.reader = CardReader(around.journal.card_key)
        self.max_current_set: int | None = None
        """A limit below the stall's own, set by the manager or an automation."""
        self.cost: tuple[int, str] | None = None
        """What the running session costs so far as the app tells it: minor units, currency. For display only."""
        self.unauthorised_wh = 0
        """Energy since the start that flowed without anybody being let in."""
        self.found_open = 0
        """How often since the start it was locked when it fell silent, and open when it was back."""
        self._in_session_mono_s = float("-inf")
        self._around = around
        self._turns: asyncio.Queue[_Turn | None] = asyncio.Queue(TURNS_WAITING)
        """None ends the taking of turns."""
        self._logbook = Logbook(self.config.id, lambda: self.config.name, around, self.snapshot)
        self._was_read = asyncio.Event()
        self._card_answer = CardAnswer.REFUSED
        """What came of the card that the connector told of last."""
        self.hand = Hand(self.config.name, connector, self.apply)
        self.poller = Poller(self)
        self._taking_turns: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = False

    @property
    def config(self) -> StallConfig:
        """What set-up knows of it."""
        return self.wiring.config

    @property
    def tag_reader(self) -> str | None:
        """HA device id of the reader whose tags count here."""
        return self.wiring.tag_reader

    @property
    def takes_cards(self) -> bool:
        """Whether a card can be shown there."""
        return self.tag_reader is not None or self.connector.ports.identity

    @property
    def max_current_a(self) -> int:
        """The most it may offer now: its own maximum, or what was set below it where it can be told so."""
        own = min(self.config.max_current_a, self.connector.max_a)
        return own if self.max_current_set is None or not self.connector.ports.limit else min(own, self.max_current_set)

    @property
    def min_current_a(self) -> int:
        """The least it may offer: a connector that takes no limit gives its car everything or nothing."""
        return self.connector.min_a if self.connector.ports.limit else self.max_current_a

    @property
    def lock_quality(self) -> LockQuality:
        """How well it locks, by its hardware as that was read last; before, as planned."""
        return lock_quality(self.connector.ports)

    @property
    def problem(self) -> str | None:
        """Why the connector does not answer, in its driver's words; for diagnostics."""
        return self.poller.problem

    # --- life --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to take turns, to poll and to command."""
        name = self.config.id
        self.connector.watch(self)
        # None of Home Assistant's tasks: those are cancelled before it tells anybody that it stops, and a turn that is
        # cut off in its transaction would be written and yet not have happened.
        self._taking_turns = asyncio.create_task(self._take_turns(), name=f"evshare stall {name}")
        self._tasks = [
            self._around.spawn(self.hand.run(), f"evshare hand {name}"),
            self._around.spawn(self.poller.run(), f"evshare poller {name}"),
        ]

    async def stop(self) -> None:
        """End the tasks, store where the stall stands, and let go of the connector. A session stays as it is."""
        self._stopped = True
        self.connector.watch(None)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._taking_turns is not None:
            # Not cancelled: a turn whose transaction is under way has to see it through.
            await self._turns.put(None)
            await self._taking_turns
        try:
            await self._logbook.close(self.state)
        except JournalError as error:
            _LOGGER.error("%s: its last state could not be stored: %s", self.config.name, error)
        await self.connector.close()

    async def end_unseen(self) -> None:
        """End the session as if the car had left while nobody looked. Only before `start`."""
        now = self._around.now()
        nobody_there = ReadingTaken(Reading(at=now.at, mono_s=now.mono_s, pilot=Pilot.A))
        state, effects = advance(self.state, nobody_there, now)
        state, more = advance(state, StopAsked(StopReason.GAP), now)  # it was waiting for the plug
        await self._logbook.close(state, (*effects, *more))
        self.state = offline(state)

    def rewire(self, wiring: StallWiring) -> None:
        """Take over settings that need no new connector; a running session goes on."""
        self.wiring = wiring
        self.state = reconfigured(self.state, self.config)

    async def prepare(self) -> None:
        """Lock the connector and set its own failsafe anew, then read what came of it.

        Raises `InSession`, `ConnectorError`, and `NotInBuilding` for a stall that was stopped.
        """
        if self._stopped:
            msg = f"{self.config.name} is being taken away"
            raise NotInBuilding(msg)
        await self.poller.prepare()

    # --- turns -------------------------------------------------------------------------------------------------

    async def apply(self, event: Event) -> None:
        """Let an event happen, after those before it; returns when the journal has what came of it.

        Raises `IllegalMove` when it cannot happen in the state it meets, and `JournalError` for an authorisation
        that could not be written: then it did not happen.
        """
        await self.choose(lambda _state, _now: event)

    async def apply_to(self, session_id: SessionId | None, event: Event) -> None:
        """Let an event happen unless another session than `session_id` is open by then; None: whichever is."""

        def choose(state: StallState, _now: Moment) -> Event | None:
            session = state.session
            return event if session is not None and session_id in (None, session.id) else None

        await self.choose(choose)

    async def choose(
        self, choose: Choose, answer: Callable[[StallState], Mapping[str, Any]] = _no_answer, *, store: bool = False
    ) -> None:
        """Let `choose` look at the state when its turn has come, and the event it returns happen at once.

        What `answer` makes of the state afterwards (answers by ask id) is written in the same transaction.
        `store` has the snapshot written with it. Exceptions of `choose` come out here; a stall that was stopped
        raises `NotInBuilding`.
        """
        if self._stopped:
            msg = f"{self.config.name} is being taken away"
            raise NotInBuilding(msg)
        turn = _Turn(choose, answer, store, asyncio.get_running_loop().create_future())
        await self._turns.put(turn)
        await turn.taken

    async def settle(self, limit_a: int) -> bool:
        """Wait until the connector has carried out its commands and reads back at most `limit_a`.

        Returns False when that was not seen within 10 s.
        """
        try:
            async with asyncio.timeout(SETTLED_S):
                await self.hand.at_rest()
                while not self._reads_at_most(limit_a):
                    self._was_read.clear()
                    await self._was_read.wait()
        except TimeoutError:
            _LOGGER.warning("%s: not seen to go down to %s A within %s s", self.config.name, limit_a, SETTLED_S)
            return False
        return True

    def was_read(self) -> None:
        """A reading was taken: whoever waits for one may look again."""
        self._was_read.set()

    def excuse(self) -> None:
        """Somebody answers for what flowed until now without a session: it is nobody's, but no theft."""
        self._in_session_mono_s = self._around.now().mono_s

    async def tapped(self, tap: Tap) -> CardAnswer:
        """A card was shown at the connector's own reader."""
        return await self._around.card_tapped(self, tap)

    # --- what a connector says by itself (`connectors.ports.Watcher`) -----------------------------------------------

    def changed(self) -> None:
        """There is something new to read: it is read now."""
        self.hand.done.set()

    async def card(self, uid: str) -> CardAnswer:
        """A card was shown just now; one that is shown again within seconds is answered as before."""
        try:
            tap = self.reader.pushed(uid, self.now())
        except BadUid as error:
            _LOGGER.warning("%s: the connector's reader says no card number: %s", self.config.name, error)
            return CardAnswer.REFUSED
        if tap is not None:
            self._card_answer = CardAnswer.REFUSED
            self._card_answer = await self.tapped(tap)
        return self._card_answer

    async def stopped(self) -> None:
        """The person at the connector ended the session; without one nothing happens."""
        await self.apply_to(None, StopAsked(StopReason.PERSON))

    @property
    def session_id(self) -> SessionId | None:
        """The session that is open."""
        return None if self.state.session is None else self.state.session.id

    async def signed(self, session_id: SessionId, value: SignedValue) -> None:
        """The connector signed something about a session: it goes into the journal as it is."""
        await self._logbook.note("signed_value", session_id=session_id, **asdict(value))

    def now(self) -> Moment:
        """The building's time."""
        return self._around.now()

    def snapshot(self, state: StallState) -> dict[str, Any]:
        """Return what `restored` needs, as JSON."""
        return {"stall": snapshot(state), "max_current_set": self.max_current_set}

    def _reads_at_most(self, limit_a: int) -> bool:
        reading = self.state.reading
        if not self.state.online or reading is None or reading.limit_a is None:
            return True
        return reading.limit_a <= limit_a or reading.enabled is False

    async def _take_turns(self) -> None:
        while (turn := await self._turns.get()) is not None:
            try:
                event = turn.choose(self.state, self._around.now())
                if event is not None:
                    await self._happen(event, turn)
            except (IllegalMove, JournalError) as error:
                _refuse(turn, error)
            except Exception as error:  # a bug in one turn must not end the stall
                if turn.taken.done():
                    _LOGGER.exception("%s: a turn failed", self.config.name)
                _refuse(turn, error)
            else:
                if not turn.taken.done():
                    turn.taken.set_result(None)

    async def _happen(self, event: Event, turn: _Turn) -> None:
        before = self.state
        after, effects = advance(before, event, self._around.now())
        try:
            written = await self._logbook.write(event, after, effects, turn.answer(after), store=turn.store)
        except JournalError:
            if Disable() in effects:
                self.hand.order(Disable())  # locking needs no journal
            raise
        # Settings may have changed while it was written.
        self.state = after = reconfigured(after, self.config)
        if after.session is not None:
            self._in_session_mono_s = after.clock.mono_s
        for effect in effects:
            self._perform(effect, written=written)
        if after.session is None:
            self.cost = None
        self._around.stall_changed(self, before)

    def _perform(self, effect: Effect, *, written: bool) -> None:
        match effect:
            case Enable() if not written:
                self._around.spawn(self.apply(EnableFailed("the journal cannot be written")), "evshare not enabled")
            case Enable() | SetLimit() | Disable():
                self.hand.order(effect)
            case Announce():
                self._around.announced(self, effect)
            case UnauthorisedEnergy(energy_wh=energy_wh):
                if self.state.clock.mono_s - self._in_session_mono_s > TRICKLE_S:
                    self.unauthorised_wh += energy_wh
            case Record() | Persist():
                pass

    async def set_max_current(self, limit_a: int | None) -> None:
        """Set a limit below the stall's own; None takes it away. ValueError outside 6 A to the stall's own."""
        if limit_a is not None and not self.connector.min_a <= limit_a <= self.config.max_current_a:
            msg = f"max current: got {limit_a} A, accepted are {self.connector.min_a} to {self.config.max_current_a} A"
            raise ValueError(msg)
        self.max_current_set = limit_a
        await self.choose(lambda _state, _now: Ticked(), store=True)


def _refuse(turn: _Turn, error: Exception) -> None:
    if not turn.taken.done():
        turn.taken.set_exception(error)


def offline(state: StallState) -> StallState:
    """The stall as it is when its connector was just replaced: unknown until read."""
    return replace(state, online=False, reading=None, asserted=False)
