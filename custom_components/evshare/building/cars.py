"""Plug and charge without a tap: who is let in because of where, or with which car, they plugged in.

Three opt-ins of the owner: a stall that belongs to one resident; a resident's own car entity that reports plugged in
at the moment of a plug-in at exactly one stall (`access.cars`); and a car that tells the connector an identifier under
which it was learnt (`known_cars`). Everything else is decided at the door, as for a card. A stall of one's own comes
first: whoever plugs in there is taken for its resident, whatever the car tells. A car is asked for once per plug-in.

A car's entity is believed only for a change, from a state that said "not plugged in" to one that says it is, both said
since Home Assistant's start; and not for one that a Home Assistant user made, by a helper or a script behind it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
import logging

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import CALLBACK_TYPE, Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers.event import async_track_state_change_event

from ..access import Ask, CarAsk, CarEvidence, CarMatch, CarOptIn, CarRecord, CarWord, PlugEdge, matched
from ..access.cars import SETTLE_S, WINDOW_S
from ..charging import Denied, StallState
from ..journal import JournalError
from ..model import CredentialKind, DenyReason, Moment, ResidentId, Session, StallId
from .errors import AccessDenied, NotInBuilding
from .house_rules import HouseRules
from .known_cars import KnownCars
from .stall import RunningStall
from .wiring import CarEntity, StallWiring, Wiring

KEPT_S = 2 * (WINDOW_S + SETTLE_S)
"""A car's word or a plug-in older than this concerns nobody any more."""
_NO_WORD = frozenset({STATE_UNKNOWN, STATE_UNAVAILABLE})

_LOGGER = logging.getLogger(__name__)

type Authorise = Callable[[StallId, Ask], Awaitable[Session]]
type Spawn = Callable[..., asyncio.Task[None]]


class Cars:
    """Watches plug-ins and car entities."""

    def __init__(
        self,
        hass: HomeAssistant,
        stalls: Mapping[StallId, RunningStall],
        rules: HouseRules,
        known: KnownCars,
        authorise: Authorise,
        *,
        now: Callable[[], Moment],
        spawn: Spawn,
    ) -> None:
        """`stalls` is the building's own mapping; `spawn` runs something in the background."""
        self._hass = hass
        self._stalls = stalls
        self._rules = rules
        self._known = known
        self._authorise = authorise
        self._now = now
        self._spawn = spawn
        self._entities: Mapping[ResidentId, CarEntity] = {}
        self._edges: list[PlugEdge] = []
        self._words: list[CarWord] = []
        self._known_by_now: dict[StallId, int] = {}
        """The plug-in whose car was recognised last."""
        self._timer: asyncio.TimerHandle | None = None
        self._unsubscribe: CALLBACK_TYPE | None = None

    def rewire(self, wiring: Wiring) -> None:
        """Take over who opted in to what; from now on their car entities are listened to."""
        self._rules.cars = frozenset(_opt_ins(wiring))
        if wiring.cars == self._entities and self._unsubscribe is not None:
            return
        self._stop_listening()
        self._entities = wiring.cars
        self._words = [word for word in self._words if word.resident_id in self._entities]
        if self._entities:
            entity_ids = {car.entity_id for car in self._entities.values()}
            self._unsubscribe = async_track_state_change_event(self._hass, entity_ids, self._said)

    def stop(self) -> None:
        """Listen no more."""
        self._stop_listening()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @callback
    def stall_changed(self, stall: RunningStall, before: StallState) -> None:
        """A turn of a stall is over: perhaps a car came, or told who it is."""
        after = stall.state
        if not after.plugged:
            return
        came = after.plug_epoch != before.plug_epoch
        if came or _ev_id(after) != _ev_id(before):
            self._recognise(stall)
        if not came:
            return
        edge = PlugEdge(
            stall_id=stall.config.id,
            plug_epoch=after.plug_epoch,
            came_mono_s=after.plugged_mono_s,
            seen_mono_s=after.clock.mono_s,
        )
        owner = next((car.resident_id for car in self._rules.cars if car.stall_id == edge.stall_id), None)
        if owner is not None and edge.came_mono_s is not None and after.session is None:
            self._ask(edge, owner, CarEvidence.RESERVED_STALL)
        if self._entities:
            self._edges.append(edge)
            self._look()

    def _recognise(self, stall: RunningStall) -> None:
        """Ask for the resident whose car has just told who it is."""
        state, stall_id = stall.state, stall.config.id
        had_its_session = state.session is not None or state.finished_on_epoch == state.plug_epoch
        was_asked = self._known_by_now.get(stall_id) == state.plug_epoch
        somebodys_own = any(car.stall_id == stall_id for car in self._rules.cars)
        if state.plugged_mono_s is None or had_its_session or was_asked or somebodys_own:
            return
        car = self._known.at(state)
        if car is None or not self._rules.believes(car.resident_id, CarEvidence.CAR_ID):
            return
        self._known_by_now[stall_id] = state.plug_epoch
        edge = PlugEdge(
            stall_id=stall_id,
            plug_epoch=state.plug_epoch,
            came_mono_s=state.plugged_mono_s,
            seen_mono_s=state.clock.mono_s,
        )
        self._ask(edge, car.resident_id, CarEvidence.CAR_ID, car)

    # --- what cars say -----------------------------------------------------------------------------------------

    @callback
    def _said(self, event: Event[EventStateChangedData]) -> None:
        old, new = event.data["old_state"], event.data["new_state"]
        if old is None or new is None or old.state in _NO_WORD:
            return
        for resident_id, car in self._entities.items():
            if (
                car.entity_id == new.entity_id
                and old.state not in car.plugged_states
                and new.state in car.plugged_states
            ):
                if new.context.user_id is not None or new.context.parent_id is not None:
                    # A helper, a script or an automation wrote it. A car has no user.
                    _LOGGER.warning("%s was set from within Home Assistant: not believed", car.entity_id)
                    continue
                self._words.append(CarWord(resident_id=resident_id, mono_s=self._now().mono_s))
        self._look()

    # --- what it comes to --------------------------------------------------------------------------------------

    @callback
    def _look(self) -> None:
        """Decide what is due, and come back for the rest."""
        now_mono_s = self._now().mono_s
        self._words = [word for word in self._words if now_mono_s - word.mono_s < KEPT_S]
        self._edges = [edge for edge in self._edges if now_mono_s - edge.seen_mono_s < KEPT_S]
        open_matches = [
            (word, match) for word in self._words if (match := matched(word, self._words, self._edges)) is not None
        ]
        due = [(word, match) for word, match in open_matches if match.due_mono_s <= now_mono_s]
        waiting = [match.due_mono_s for _, match in open_matches if match.due_mono_s > now_mono_s]
        for word, match in due:
            self._settle(word, match)
        settled = {id(word) for word, _ in due}
        self._words = [word for word in self._words if id(word) not in settled]
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._hass.loop.call_at(min(waiting), self._look) if waiting else None

    def _settle(self, word: CarWord, match: CarMatch) -> None:
        blind = any(not stall.state.online for stall in self._stalls.values())
        if match.sure and not blind:
            self._ask(match.edges[0], word.resident_id, CarEvidence.CAR_ENTITY)
            return
        for edge in match.edges:
            self._spawn(self._not_clear(edge, word.resident_id), "evshare car not clear")

    def _ask(
        self, edge: PlugEdge, resident_id: ResidentId, evidence: CarEvidence, car: CarRecord | None = None
    ) -> None:
        car_id = None if car is None else car.id
        ask = CarAsk(resident_id=resident_id, evidence=evidence, plug_epoch=edge.plug_epoch, car_id=car_id)
        self._spawn(self._let_in(edge, ask), "evshare car plugged in")

    async def _let_in(self, edge: PlugEdge, ask: CarAsk) -> None:
        if not self._free(edge):
            return  # somebody has shown a card meanwhile
        try:
            await self._authorise(edge.stall_id, ask)
            if ask.car_id is not None:
                await self._known.used(ask.car_id)
        except AccessDenied as denied:
            _LOGGER.info("a car was not let in by itself: %s", denied.reason.value)
        except JournalError as error:
            _LOGGER.error("a car was not let in, the journal cannot be written: %s", error)
        except NotInBuilding:
            pass  # it is being tested, changed or taken away

    async def _not_clear(self, edge: PlugEdge, resident_id: ResidentId) -> None:
        """A car could stand at several stalls: whoever it is has to show a card or ask by phone."""
        if self._free(edge):
            with suppress(NotInBuilding, JournalError):
                denied = Denied(CredentialKind.CAR, DenyReason.WHICH_STALL, resident_id)
                await self._stalls[edge.stall_id].apply(denied)

    def _free(self, edge: PlugEdge) -> bool:
        """Whether the car that came then still stands there without a session."""
        stall = self._stalls.get(edge.stall_id)
        return (
            stall is not None
            and stall.state.session is None
            and stall.state.plugged
            and stall.state.plug_epoch == edge.plug_epoch
        )

    def _stop_listening(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None


def _ev_id(state: StallState) -> str | None:
    return None if state.reading is None else state.reading.ev_id


def _opt_ins(wiring: Wiring) -> list[CarOptIn]:
    """What the owner set up, of residents who are in the building."""
    known = {resident.id for resident in wiring.building.residents}
    stalls: Mapping[StallId, StallWiring] = wiring.stalls
    own_stalls = [
        CarOptIn(resident_id=stall.belongs_to, evidence=CarEvidence.RESERVED_STALL, stall_id=stall_id)
        for stall_id, stall in stalls.items()
        if stall.belongs_to is not None and stall.belongs_to in known
    ]
    own_cars = [
        CarOptIn(resident_id=resident_id, evidence=CarEvidence.CAR_ENTITY)
        for resident_id in wiring.cars
        if resident_id in known
    ]
    known_cars = [
        CarOptIn(resident_id=resident_id, evidence=CarEvidence.CAR_ID)
        for resident_id in wiring.ev_ids
        if resident_id in known
    ]
    return [*own_stalls, *own_cars, *known_cars]
