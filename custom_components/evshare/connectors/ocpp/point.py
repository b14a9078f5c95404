"""One connector of a box: hears what the box says of it, asks the stall, and keeps its transaction.

Nobody begins anything here by himself. A transaction is accepted when it begins with a tag of ours or with a card that
the stall let in; any other card is put before the stall at once, if the message is fresh. What a box tells late, out of
its memory, opens nothing. What is not accepted gets an id all the same, and is ended.
"""

from collections.abc import Coroutine, Sequence
from datetime import timedelta
import logging
from typing import Any, Protocol

from ...model import CardAnswer, Pilot, SessionId
from ..clock import Clock
from ..ports import Watcher
from .cards import PREFIX, Cards
from .gate import Gate, Wanted
from .limits import Limits
from .picture import GRACE_S, Picture
from .signed import Evidence
from .transactions import Transaction, Transactions
from .words import Commands, Ended, Sample, Start, Status, Stop, Verdict

FRESH = timedelta(seconds=60)
"""A message whose time differs more from ours was kept for later by the box, or its clock is wrong."""
SILENT_S = 5.0
"""A box that was asked how a connector is, and says nothing, has nothing new to say."""
BACKLOG_S = 30.0
"""After a reconnect a box first tells what happened meanwhile."""

_LOGGER = logging.getLogger(__name__)


class Around(Protocol):
    """What a connector needs of its box."""

    transactions: Transactions

    @property
    def identity(self) -> str:
        """The box's identity."""

    @property
    def commands(self) -> Commands:
        """What it can be told; raises `ConnectorUnreachable` while it is away."""

    @property
    def connected_mono_s(self) -> float:
        """When it connected last."""

    @property
    def met_mono_s(self) -> float | None:
        """When it was set up after that; None: not yet."""

    def after_answer(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the background when what the box says now was answered."""


class Point:
    """One connector."""

    def __init__(self, number: int, around: Around, clock: Clock) -> None:
        """Nothing is known of it."""
        self.number = number
        self.name = f"{around.identity} connector {number}"
        self.watcher: Watcher | None = None
        self.cards = Cards(clock)
        self.limits = Limits(number, clock)
        self.picture = Picture(clock)
        self.gate = Gate(self, clock)
        self._evidence = Evidence(self.name)
        self._around = around
        self._clock = clock
        self._began_mono_s = float("-inf")
        self._lost: set[str] = set()
        """Transactions whose end was never told."""
        self._unheard = False
        """Somebody ended the session here, and no stall has heard of it."""
        running = self.running
        if running is not None:
            self.picture.taken_up(running.plug_wh)

    @property
    def running(self) -> Transaction | None:
        """Its transaction."""
        return self._around.transactions.running(self._around.identity, self.number)

    @property
    def commands(self) -> Commands:
        """What its box can be told."""
        return self._around.commands

    def after_answer(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the background when what the box says now was answered."""
        self._around.after_answer(work)

    @property
    def pilot(self) -> Pilot:
        """State of the control pilot; what we took out of service ourselves says nothing."""
        if self.gate.out_of_service and self.picture.status is Status.UNAVAILABLE:
            return Pilot.X
        return self.picture.pilot

    def silent(self) -> None:
        """The box is gone, or came anew."""
        self.picture.silent()
        self.changed()

    def changed(self) -> None:
        """There is something new to read."""
        if self.watcher is not None:
            self.watcher.changed()

    # --- what the box says -------------------------------------------------------------------------------------

    def status_said(self, status: Status, error: str | None) -> None:
        """The connector says how it is."""
        self.picture.said(status, error, running=self.running is not None, awaited=self.cards.awaited)
        self.changed()

    async def card_shown(self, id_tag: str) -> Verdict:
        """Somebody shows a card: the stall decides."""
        if self.cards.just_stopped(id_tag):
            return Verdict.CONCURRENT
        self.cards.asked(id_tag)
        if self.watcher is None:
            return Verdict.INVALID
        match await self.watcher.card(id_tag):
            case CardAnswer.ACCEPTED:
                self.cards.let_in(id_tag)
                return Verdict.ACCEPTED
            case CardAnswer.STOPPED:  # accepted, it would begin another one
                self.cards.stopped(id_tag)
                return Verdict.CONCURRENT
            case _:
                return Verdict.INVALID

    async def started(self, start: Start, verdict: Verdict | None = None) -> tuple[str, Verdict]:
        """A transaction began, or is told of again; `verdict` where it is known what to think of it.

        Raises OSError when there is no id to give.
        """
        before = self._around.transactions.said_before(self._around.identity, start)
        if before is not None:
            if before.running:  # what came of it the first time may have been lost with the connection
                self._act(before)
            return before.id, Verdict.ACCEPTED if before.running and before.accepted else Verdict.INVALID
        verdict = verdict or await self._let_start(start)
        if self.running is not None:
            self._lost.add(self.running.id)
            await self._end(self.running)
        self.picture.measured(Sample(at=start.at, register_wh=start.register_wh))
        self.picture.began()
        running = await self._around.transactions.begin(
            self._around.identity,
            start,
            accepted=verdict is Verdict.ACCEPTED,
            plug_wh=self.picture.plug_wh,
            session_id=self._session_id,
        )
        if verdict is Verdict.ACCEPTED and not running.accepted:
            _LOGGER.error("%s: nobody can be let in, transactions cannot be kept on the disk", self.name)
            verdict = Verdict.INVALID
        self.cards.used(start.id_tag)
        self._began_mono_s = self._clock.monotonic()
        self._act(running)
        return running.id, verdict

    async def metered(self, transaction: str | None, samples: Sequence[Sample]) -> None:
        """The meter was read."""
        for sample in samples:
            self.picture.measured(sample)
        if transaction is not None and samples and self._fresh(samples[-1]):
            await self._revive(transaction)
        if any(sample.signed for sample in samples):
            book, identity = self._around.transactions, self._around.identity
            told = self.running if transaction is None else book.find(identity, transaction)
            await self._signed(told, samples)
        self.changed()

    async def stopped(self, transaction: Transaction, stop: Stop) -> None:
        """A transaction ended; told again it changes nothing."""
        for sample in stop.samples:
            self.picture.measured(sample)
        if stop.register_wh is not None:
            self.picture.measured(Sample(at=stop.at, register_wh=stop.register_wh))
        self._lost.discard(transaction.id)
        await self._signed(transaction, stop.samples)
        if transaction.running:
            await self._end(transaction, unplugged=stop.ended is Ended.UNPLUGGED)
            if transaction.accepted and self._by_person(stop):
                await self._person_stopped(stop)
        self.changed()

    async def left(self) -> None:
        """Who was let in here left: stopped it at the box, or went to another connector."""
        self.cards.forget()
        self._unheard = True
        await self._tell_stop()

    async def _tell_stop(self) -> None:
        """The stall may be coming up, or being changed: then it hears of it with the next look."""
        if self._unheard and self.watcher is not None:
            await self.watcher.stopped()
            self._unheard = False

    # --- what time brings --------------------------------------------------------------------------------------

    async def look(self) -> None:
        """See whether the end of a transaction, or a word on the connector, was waited for long enough."""
        met_mono_s = self._around.met_mono_s
        if met_mono_s is not None and self._clock.monotonic() - met_mono_s >= SILENT_S:
            self.picture.unchanged()
        await self._tell_stop()
        await self._evidence.tell(self.watcher)
        running = self.running
        if running is not None:
            over_s = self.picture.over_s(self._began_mono_s)
            if over_s is not None and over_s >= (BACKLOG_S if self._kept_from_before else GRACE_S):
                _LOGGER.warning("%s: the end of a transaction was never told", self.name)
                self._lost.add(running.id)
                await self._end(running)
        self.picture.look(running=self.running is not None)

    @property
    def catching_up(self) -> bool:
        """The box has not told yet how the transaction ended that ran when it went away."""
        return self.running is not None and self._kept_from_before and self.picture.over_s(float("-inf")) is not None

    # --- inside ------------------------------------------------------------------------------------------------

    @property
    def _session_id(self) -> SessionId | None:
        return None if self.watcher is None else self.watcher.session_id

    async def _signed(self, transaction: Transaction | None, samples: Sequence[Sample]) -> None:
        """What the box signed is kept before it has its answer; the stall may be coming up, then a look later."""
        session_id = None if transaction is None else transaction.session_id
        self._evidence.found(None if session_id is None else SessionId(session_id), samples)
        await self._evidence.tell(self.watcher)

    @property
    def _kept_from_before(self) -> bool:
        return self._began_mono_s < self._around.connected_mono_s

    async def _let_start(self, start: Start) -> Verdict:
        if self.cards.ours(start.id_tag) or self.cards.holds(start.id_tag):
            return Verdict.ACCEPTED
        fresh = self._fresh(start)
        if not fresh or self.cards.was_asked(start.id_tag):
            _LOGGER.info("%s: a transaction nobody was let in for%s", self.name, "" if fresh else ", told late")
            return Verdict.INVALID
        return await self.card_shown(start.id_tag)

    def _fresh(self, told: Start | Sample) -> bool:
        return abs(told.at - self._clock.utcnow()) <= FRESH

    def _act(self, running: Transaction) -> None:
        """A transaction runs: end it, let it have what the stall offers, or wait for what the stall says."""
        if not running.accepted or self.gate.wanted is Wanted.OPEN:
            self.gate.soon()
        else:
            self.gate.hold_soon(running)
        self.changed()

    async def _revive(self, transaction_id: str) -> None:
        """A box meters a transaction that is not known to run: our memory is wrong, not the box."""
        running = self.running
        if running is not None and running.id == transaction_id:
            return
        book, identity = self._around.transactions, self._around.identity
        known = book.find(identity, transaction_id)
        if known is not None and transaction_id not in self._lost:
            return  # it ended a moment ago
        self._lost.discard(transaction_id)
        # The stall is asked by what it wants: a closed gate ends it, an open one takes it over.
        accepted = known.accepted if known is not None else self.gate.wanted is not Wanted.CLOSED
        try:
            running = await book.adopt(
                identity, self.number, transaction_id, accepted=accepted, session_id=self._session_id
            )
        except OSError as error:
            _LOGGER.error("%s: a transaction could not be kept: %s", self.name, error)
            return
        self._began_mono_s = self._clock.monotonic()
        self.picture.began()
        self._act(running)

    async def _end(self, transaction: Transaction, *, unplugged: bool = False) -> None:
        try:
            await self._around.transactions.end(transaction)
        except OSError as error:  # it is over all the same
            _LOGGER.error("%s: the end of a transaction could not be kept: %s", self.name, error)
        self.picture.ended(unplugged=unplugged)

    def _by_person(self, stop: Stop) -> bool:
        """Whether somebody at the box ended it. A box that gives no reason ended a pause by itself."""
        return stop.ended is Ended.PERSON or (stop.ended is Ended.BOX_WISH and self.gate.limit_a > 0)

    async def _person_stopped(self, stop: Stop) -> None:
        """The session ends with its transaction, unless it was somebody else's card: that is the stall's to judge."""
        if self.gate.wanted is Wanted.CLOSED:
            return
        tag = stop.id_tag
        if tag is None or self.cards.holds(tag) or tag.upper().startswith(PREFIX):
            await self.left()
        else:
            await self.card_shown(tag)
