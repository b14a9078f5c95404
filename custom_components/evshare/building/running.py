"""The running building: its stalls, journal, meters and link, held together.

What it decides is elsewhere: who is let in (`door.py`), who gets how much current (`controller.py`), what becomes of
a stall (`charging`). All durations are the event loop's time, all times of day `homeassistant.util.dt.utcnow`.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
import logging
from pathlib import Path
from typing import Any, Self

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from ..access import Ask
from ..charging import Announce, ModeAsked, PauseAsked, StallState, StopAsked
from ..journal import Journal, JournalError, NewRecord, rfc3339
from ..journal.apart import KeptApart
from ..model import (
    Building,
    BuildingReading,
    CardAnswer,
    ChargeMode,
    Moment,
    Resident,
    ResidentId,
    Session,
    SessionId,
    StallId,
    StopReason,
)
from ..sharing import Allocation
from .announcements import Listeners, Unsubscribe, flickering, notable, shares
from .cards import Learnt
from .care import Care
from .cars import Cars
from .connect import async_connect
from .contactors import Contactors
from .controller import Controller
from .door import Door, Remember, remember_nothing
from .garage import Connect, Garage
from .known_cars import KnownCars
from .people import async_role
from .reader import Tap
from .readers import Readers
from .remembered import Remembered
from .stall import RunningStall
from .supply import Supply
from .trial import Trials
from .upkeep import prune_daily
from .uplink import Uplink
from .wire import Link, LinkState
from .wiring import Wiring, async_read_wiring

_LOGGER = logging.getLogger(__name__)


class RunningBuilding:
    """One building. `async_open`, then `attach_link` if there is an app, then `async_start`."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        wiring: Wiring,
        journal: Journal,
        *,
        remembered: Remembered,
        connect: Connect,
    ) -> None:
        """Use `async_open`."""
        self.journal = journal
        self.journal_failed = False
        """The last transaction failed: nobody new is let in."""
        self.cards_unreadable = 0
        """Cards enrolled under a key that is lost; they have to be enrolled again."""
        self._hass = hass
        self._entry = entry
        self._wiring = wiring
        self._uplink = Uplink()
        self._listeners = Listeners()
        self._garage = Garage(connect, self)
        missed = partial(self._uplink.is_missed, entry)
        self._door = Door(journal, self.stalls, self.now, lambda: self.residents, self._cards_changed, app_away=missed)
        self.cards, self.rules = self._door.cards, self._door.rules
        self.known_cars = KnownCars(journal, self.stalls, self.now, lambda: self.residents)
        self._cars = Cars(
            hass, self.stalls, self.rules, self.known_cars, self.async_authorise, now=self.now, spawn=self.spawn
        )
        self._readers = Readers(hass, self._garage, self._door, self.spawn)
        self._supply = Supply(hass, wiring, journal, self.spawn, self._written)
        self._controller = Controller(wiring.building, self._supply, self.stalls, self.now, self.look_again)
        self._tasks: list[asyncio.Task[None]] = []
        self._applying = asyncio.Lock()
        self.trials = Trials(self._garage, self._controller, self._applying, self.look_again)
        self.care = Care(self._garage, remembered, self.look_again)
        self._running = False

    @classmethod
    async def async_open(cls, hass: HomeAssistant, entry: ConfigEntry, connect: Connect | None = None) -> Self:
        """Open a building's journal and read its settings. Nothing is commanded yet.

        `connect` builds the connector of a stall; the real one unless a test brings its own. Raises `JournalError`.
        """
        wiring = await async_read_wiring(hass, entry)
        apart = KeptApart(Path(hass.config.path(".cache", "evshare")), entry.entry_id)
        journal = await Journal.open(Path(hass.config.path("evshare", f"{entry.entry_id}.db")), apart)
        contactors = await Contactors.async_load(hass, entry.entry_id)
        remembered = await Remembered.async_load(hass, entry)
        connect = connect or partial(async_connect, hass, entry, contactors, remembered)
        return cls(hass, entry, wiring, journal, remembered=remembered, connect=connect)

    def attach_link(self, link: Link) -> None:
        """Give it a wire to the app, before it is started."""
        self._uplink.link = link

    async def async_start(self) -> None:
        """Take up the sessions that run, begin to poll, to share current and to talk to the app.

        Raises `JournalError`, and is closed then.
        """
        try:
            await self._take_up()
        except BaseException:
            await self.journal.close()
            raise
        self._running = True
        self._garage.start()
        self._tasks = [
            self.spawn(self._controller.run(), "evshare sharing"),
            self.spawn(prune_daily(self.journal), "evshare pruning"),
        ]
        self._readers.start()
        self._cars.rewire(self._wiring)
        self._supply.watch(self._meter_changed, self._uplink.look_again)
        self._uplink.start()

    async def _take_up(self) -> None:
        """Read everything the journal knows."""
        await self._door.load()
        await self.known_cars.load()
        self.cards_unreadable = await self.journal.cards_unreadable()
        snapshots = await self.journal.snapshots()
        self._supply.restore(snapshots)
        await self._garage.open(self.building, self._wiring.stalls, snapshots)
        await self._door.count()
        if self.journal.restored:
            await self._garage.end_all()
            await self.journal.settle_restored()
        if self._garage.any_session:
            self._controller.hold()

    async def async_stop(self) -> None:
        """Stop everything; sessions stay open in the journal and at the connectors. Safe to call twice."""
        if self._running:
            self._running = False
            self._supply.stop_watching()
            self._cars.stop()
            self._listeners.close()
            await self._readers.stop()
            await self._uplink.stop()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._garage.stop()
            await self._supply.save()
        try:
            await self.journal.close()
        except JournalError as error:
            _LOGGER.error("the journal could not be closed cleanly: %s", error)

    async def async_apply(self, entry: ConfigEntry) -> None:
        """Take over changed settings; running sessions go on, also where a connection changed."""
        async with self._applying:
            await self._apply(entry)

    async def _apply(self, entry: ConfigEntry) -> None:
        self._wiring = await async_read_wiring(self._hass, entry)
        self._entry = entry
        self._supply.rewire(self._wiring, self._meter_changed, self._uplink.look_again)
        self._controller.building = self.building
        await self._garage.rewire(self.building, self._wiring.stalls)
        self._cars.rewire(self._wiring)
        self._controller.wake()
        self._changed(at_once=True)
        self._uplink.look_again(building=True)

    # --- what it is --------------------------------------------------------------------------------------------

    @property
    def stalls(self) -> dict[StallId, RunningStall]:
        """Its stalls by id."""
        return self._garage.stalls

    @property
    def prices(self) -> dict[str, Decimal]:
        """Prices of a kWh that are in force, by their series' names."""
        return self._supply.sources.prices()

    @property
    def building(self) -> Building:
        """The building as set up."""
        return self._wiring.building

    @property
    def residents(self) -> Mapping[ResidentId, Resident]:
        """Its residents by id."""
        return {resident.id: resident for resident in self._wiring.building.residents}

    @property
    def reading(self) -> BuildingReading | None:
        """What the building's meters said last; None if there are none."""
        return self._supply.reading

    @property
    def allocation(self) -> Allocation | None:
        """How current was shared last."""
        return self._controller.allocation

    @property
    def surplus_w(self) -> float | None:
        """Sun that sessions may share; None when no meter tells."""
        return self._controller.surplus_w

    @property
    def headroom_a(self) -> tuple[float, ...] | None:
        """Fuse less measured current per phase; None when no meter tells."""
        return None if self._controller.load is None else self._controller.load.headroom_a

    @property
    def link_state(self) -> LinkState:
        """Whether the app hears us."""
        return self._uplink.state

    @property
    def link_problem(self) -> str | None:
        """`unreachable`, `pairing_refused`, `unsupported_version` or `records_gone`; None when all is well."""
        return self._uplink.problem

    @property
    def records_waiting(self) -> int:
        """Records the app has not acknowledged."""
        return self.journal.records_waiting

    @property
    def unattributed_wh(self) -> int:
        """Energy nobody could be billed for, since the journal began."""
        return self.journal.unattributed_wh

    @property
    def enrolling(self) -> Mapping[StallId, ResidentId]:
        """Who waits for a card to be shown where."""
        return self.cards.enrolling()

    def now(self) -> Moment:
        """The building's time."""
        return Moment(at=dt_util.utcnow(), mono_s=self._hass.loop.time())

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        """Have `listener` called when anything changed; returns what ends it."""
        return self._listeners.subscribe(listener)

    def subscribe_announcements(self, stall_id: StallId, listener: Callable[[Announce], None]) -> Unsubscribe:
        """Have `listener` called for each announcement of a stall; returns what ends it."""
        return self._listeners.subscribe_announcements(stall_id, listener)

    # --- what people want --------------------------------------------------------------------------------------

    async def async_authorise(self, stall_id: StallId, ask: Ask, remember: Remember = remember_nothing) -> Session:
        """Let somebody charge.

        `remember` names answers by ask id that are kept in the same transaction. Raises `AccessDenied`,
        `NotInBuilding`, and `JournalError` when it cannot be written (then nobody was let in).
        """
        return await self._door.authorise(self._garage[stall_id], ask, remember)

    async def async_card_shown(self, stall_ids: Sequence[StallId], uid_text: str) -> None:
        """A card was shown at the reader of these stalls. A refused card is no error. Raises `NotInBuilding`."""
        await self._readers.shown(stall_ids, uid_text)

    async def async_stop_session(
        self, stall_id: StallId, reason: StopReason, session_id: SessionId | None = None
    ) -> None:
        """End the session at a stall, or only `session_id`. Raises `NotInBuilding` when none is open."""
        await self._garage.in_session(stall_id).apply_to(session_id, StopAsked(reason))

    async def async_set_mode(self, stall_id: StallId, mode: ChargeMode, session_id: SessionId | None = None) -> None:
        """Change the mode of the session at a stall, or only of `session_id`. Raises `NotInBuilding`."""
        await self._garage.in_session(stall_id).apply_to(session_id, ModeAsked(mode))

    async def async_set_paused(self, stall_id: StallId, paused: bool) -> None:
        """Pause or resume a stall. Raises `NotInBuilding`."""
        await self._garage[stall_id].apply(PauseAsked(paused))

    async def async_set_max_current(self, stall_id: StallId, limit_a: int | None) -> None:
        """Offer at most so much at a stall, None: what it can. Raises `NotInBuilding`, and ValueError."""
        await self._garage[stall_id].set_max_current(limit_a)
        self._controller.wake()
        self._changed(at_once=True)

    async def async_enrol_card(
        self,
        resident_id: ResidentId,
        stall_id: StallId,
        timeout_s: float = 60,
        label: str = "",
        learnt: Callable[[Learnt], None] | None = None,
        *,
        by_holder: bool = False,
    ) -> None:
        """Make the next unknown card at a stall the resident's; returns at once, `learnt` hears of the card.

        Raises `NotInBuilding`, `EnrolmentWaits` while another resident's card is waited for there, and `NotForHolder`.
        """
        self._readers.enrol(resident_id, stall_id, timeout_s, label, learnt, by_holder=by_holder)
        self._changed(at_once=True)

    async def async_export_sessions(self, start: datetime, end: datetime) -> list[dict[str, Any]]:
        """Return the sessions that ended in [start, end), as JSON."""
        return [
            {key: rfc3339(value) if isinstance(value, datetime) else value for key, value in session.items()}
            for session in await self.journal.sessions(start, end)
        ]

    async def async_office_ticket(self, user_id: str, name: str) -> str:
        """Make a one-time ticket for the app's office; only its hash goes over the link. Raises `LinkDown`."""
        return await self._uplink.office_ticket(user_id, name)

    async def async_role(self, user_id: str) -> tuple[str, ResidentId | None]:
        """Return what an HA user is here (`admin`, `resident` or `none`) and which resident."""
        return await async_role(self._hass, self.residents.values(), user_id)

    def cost_told(self, session_id: SessionId, amount_minor: int, currency: str) -> None:
        """Keep what a running session costs so far, for display. Raises `NotInBuilding`."""
        self._garage.with_session(session_id).cost = (amount_minor, currency)
        self._changed(at_once=False)

    def stall_with(self, session_id: SessionId) -> RunningStall:
        """Return the stall where a session is open. Raises `NotInBuilding`."""
        return self._garage.with_session(session_id)

    # --- what stalls say (`stall.Neighbourhood`) -----------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run something in the background while the building runs."""
        return self._entry.async_create_background_task(self._hass, work, name)

    def stall_changed(self, stall: RunningStall, before: StallState) -> None:
        """A turn of a stall is over."""
        after = stall.state
        if shares(after) != shares(before):
            self._controller.wake()
        self._cars.stall_changed(stall, before)
        better_or_worse = self.care.is_news(stall)
        at_once = better_or_worse or notable(after) != notable(before)
        if at_once or flickering(after) != flickering(before):
            self._changed(at_once=at_once)
            self._written()
        if better_or_worse:
            self._uplink.look_again(building=True)

    def announced(self, stall: RunningStall, announce: Announce) -> None:
        """A stall announces something."""
        self._listeners.announced(stall.config.id, announce)

    def recorded(self, records: Sequence[NewRecord], head_seq: int) -> None:
        """Records are in the journal now."""
        self._door.usage.recorded(records, self.journal.position(self.journal.incarnation, head_seq))

    def journal_answered(self, *, failed: bool) -> None:
        """A transaction worked, or did not."""
        if not failed:
            self._written()
        if failed != self.journal_failed:
            self.journal_failed = failed
            self._changed(at_once=True)

    async def card_tapped(self, stall: RunningStall, tap: Tap) -> CardAnswer:
        """A card was shown at a stall."""
        return await self._readers.tapped((stall,), tap)

    def look_again(self) -> None:
        """The link came, went or delivered, or a meter said something."""
        self._changed(at_once=False)

    # --- inside ------------------------------------------------------------------------------------------------

    def _changed(self, *, at_once: bool) -> None:
        self._listeners.changed(at_once=at_once)

    def _written(self) -> None:
        self._uplink.look_again()

    def _meter_changed(self) -> None:
        if self._controller.look().overloaded:
            self._controller.wake()

    def _cards_changed(self) -> None:
        self._changed(at_once=True)
        self._uplink.look_again(cards=True)
