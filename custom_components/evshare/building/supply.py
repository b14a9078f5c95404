"""The building's supply as its meters tell it: looked at on every tick and whenever a meter says something new.

Each look also feeds the building series, whose complete quarter hours go into the journal.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
import logging
from typing import Any

from homeassistant.core import CALLBACK_TYPE, Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.util import dt as dt_util

from ..journal import Journal, JournalError, NewRecord, rfc3339
from ..model import BuildingReading, Moment, StallId
from .price import price_text
from .series import ENERGIES, BuildingSlice
from .sources import BuildingSources
from .wiring import Wiring

SNAPSHOT = StallId("building")
"""Under this name the series' state lies among the stalls' snapshots."""

_LOGGER = logging.getLogger(__name__)

type Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]


class Supply:
    """Feeder, PV, battery and prices of the building."""

    def __init__(
        self, hass: HomeAssistant, wiring: Wiring, journal: Journal, spawn: Spawn, written: Callable[[], None]
    ) -> None:
        """`written` is called after records were written."""
        self._hass = hass
        self._journal = journal
        self._spawn = spawn
        self._written = written
        self._unwritten: list[NewRecord] = []
        self._unsubscribe: tuple[CALLBACK_TYPE, ...] = ()
        self.sources = BuildingSources(hass, wiring.meters, wiring.building)
        self.reading: BuildingReading | None = None
        self._series = self.sources.new_series(None)

    def restore(self, snapshots: Mapping[StallId, dict[str, Any]]) -> None:
        """Go on with the quarter hour that was under way."""
        self._series = self.sources.new_series(snapshots.get(SNAPSHOT))

    def rewire(self, wiring: Wiring, said_something: Callable[[], None], price_changed: Callable[[], None]) -> None:
        """Take over changed settings; other meters begin another series."""
        meters = self.sources.meters
        self.sources = BuildingSources(self._hass, wiring.meters, wiring.building)
        if wiring.meters != meters:
            self._series = self.sources.new_series(None)
            self.watch(said_something, price_changed)

    def watch(self, said_something: Callable[[], None], price_changed: Callable[[], None]) -> None:
        """Call `said_something` whenever a meter says something new, and `price_changed` when a price does."""

        @callback
        def changed(_event: Event[EventStateChangedData]) -> None:
            said_something()

        @callback
        def priced(_event: Event[EventStateChangedData]) -> None:
            price_changed()

        self.stop_watching()
        meters = self.sources.meters
        self._unsubscribe = (
            async_track_state_change_event(self._hass, meters.entity_ids, changed),
            async_track_state_change_event(self._hass, list(meters.prices.values()), priced),
        )

    def stop_watching(self) -> None:
        """End what `watch` began."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe = ()

    def look(self, now: Moment) -> BuildingReading | None:
        """Read the meters; None if there are none."""
        self.reading = self.sources.read(now)
        closed = self._series.observe(now.at, self.sources.seen(now, self.reading))
        if closed:
            self._unwritten += [_record(part) for part in closed]
            self._spawn(self.save(), "evshare building series")
        return self.reading

    async def save(self) -> None:
        """Write the quarter hours that are complete, and where the next one stands."""
        records, self._unwritten = self._unwritten, []
        try:
            await self._journal.commit(records, {SNAPSHOT: self._series.snapshot()}, now=dt_util.utcnow())
        except JournalError as error:
            _LOGGER.error("the building series could not be written: %s", error)
            self._unwritten = records + self._unwritten
        else:
            self._written()


def _record(part: BuildingSlice) -> NewRecord:
    body: dict[str, Any] = {
        "start": rfc3339(part.start),
        "end": rfc3339(part.end),
        **{f"{name}_wh": part.energies_wh[name] for name in ENERGIES},
        "prices": [
            {"name": name, "price": price_text(said.price), "estimated": said.estimated}
            for name, said in part.prices.items()
        ],
        "estimated": sorted(part.estimated),
    }
    return NewRecord(kind="building_slice", at=part.end, body=body)
