"""A building that runs inside HA on a clock of its own, with fake connectors and everything else real."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
import json
from pathlib import Path
import sqlite3
from typing import Any

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.evshare.access import fingerprints, normalise_uid
from custom_components.evshare.building.running import RunningBuilding
from custom_components.evshare.building.wiring import StallWiring
from custom_components.evshare.charging import Announce
from custom_components.evshare.model import ResidentId, StallId

from ..conftest import MakeEntry, resident, stall
from .fake_connector import FakeConnector
from .passing_time import Clock

ANNAS_CARD = "04A2B3C4D5E680"
BENS_CARD = "0411223344AA80"
STRANGERS_CARD = "04DEADBEEF0180"
STALL_1, STALL_2 = StallId("stall-1"), StallId("stall-2")
ANNA, BEN = ResidentId("anna"), ResidentId("ben")


@pytest.fixture
def clock(hass: HomeAssistant) -> Iterator[Clock]:
    """Time stands still unless the test lets it pass."""
    with Clock(hass.loop).rules() as clock:
        yield clock


@dataclass
class Site:
    """A building and what can be done to it from outside."""

    hass: HomeAssistant
    entry: MockConfigEntry
    clock: Clock
    connectors: dict[StallId, FakeConnector] = field(default_factory=dict)
    make_connector: Callable[[StallWiring], FakeConnector] | None = None
    announcements: list[Announce] = field(default_factory=list)
    _building: RunningBuilding | None = None

    @property
    def building(self) -> RunningBuilding:
        assert self._building is not None
        return self._building

    @property
    def journal_path(self) -> Path:
        return Path(self.hass.config.path("evshare", f"{self.entry.entry_id}.db"))

    async def open(self) -> RunningBuilding:
        """Read the entry and open the journal."""
        self._building = await RunningBuilding.async_open(self.hass, self.entry, self._connect)
        return self._building

    async def start(self) -> RunningBuilding:
        """Open and start, and let it look around."""
        building = await self.open()
        await building.async_start()
        for stall_id in building.stalls:
            building.subscribe_announcements(stall_id, self.announcements.append)
        await self.clock.passes(1)
        return building

    async def stop(self) -> None:
        if self._building is not None:
            await self._building.async_stop()

    async def knows_card(self, resident_id: ResidentId, uid: str) -> None:
        """A card that was enrolled before."""
        journal = self.building.journal
        await journal.add_card(fingerprints(journal.card_key, normalise_uid(uid)), resident_id, self.clock.now)
        await self.building._door.load()

    async def tap(self, uid: str, stall_id: StallId = STALL_1) -> None:
        """Show a card at the HA reader of a stall."""
        reader = self.building.stalls[stall_id].tag_reader
        self.hass.bus.async_fire("tag_scanned", {"tag_id": uid, "device_id": reader, "name": None})
        await self.clock.settles()

    def records(self, *kinds: str) -> list[dict[str, Any]]:
        """Read what is on disk now, as another program would."""
        db = sqlite3.connect(f"file:{self.journal_path}?mode=ro", uri=True)
        try:
            rows = db.execute("SELECT kind, body FROM record ORDER BY rowid").fetchall()
        finally:
            db.close()
        return [{"kind": kind, **json.loads(body)} for kind, body in rows if not kinds or kind in kinds]

    async def _connect(self, wiring: StallWiring) -> FakeConnector:
        old = self.connectors.get(wiring.config.id)
        if old is not None:
            old.closed = False
            return old
        make = self.make_connector or (lambda _wiring: FakeConnector(lambda: self.clock.now, lambda: self.clock.mono_s))
        return self.connectors.setdefault(wiring.config.id, make(wiring))


type MakeSite = Callable[..., Awaitable[Site]]


@pytest.fixture
async def make_site(hass: HomeAssistant, make_entry: MakeEntry, clock: Clock) -> AsyncIterator[MakeSite]:
    """Make a site with two stalls, Anna and Ben; changes are settings of the building."""
    sites: list[Site] = []

    async def make(*, stalls: list[ConfigSubentryData] | None = None, **changes: Any) -> Site:
        entry = make_entry(
            *(
                stalls
                or (
                    stall("stall-1", "Stall 1", serial="1", tag_reader="reader-1"),
                    stall("stall-2", "Stall 2", serial="2", tag_reader="reader-2"),
                )
            ),
            resident("anna", "Anna Alt"),
            resident("ben", "Ben Bach"),
            **changes,
        )
        site = Site(hass, entry, clock)
        sites.append(site)
        return site

    yield make
    for site in sites:
        await site.stop()


@pytest.fixture
async def site(make_site: MakeSite) -> Site:
    """A site that runs, with Anna's and Ben's cards enrolled."""
    site = await make_site()
    await site.start()
    await site.knows_card(ANNA, ANNAS_CARD)
    await site.knows_card(BEN, BENS_CARD)
    return site
