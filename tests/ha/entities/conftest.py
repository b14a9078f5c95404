"""A building whose stall is a charger of another integration, on a clock of its own; everything in it is real."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
import pytest

from custom_components.evshare.building.running import RunningBuilding
from custom_components.evshare.building.stall import RunningStall
from custom_components.evshare.const import SUBENTRY_STALL

from ..building.conftest import ANNA, ANNAS_CARD, STALL_1, Site
from ..building.passing_time import Clock
from ..conftest import MakeEntry, resident
from .box import SLOTS, STATES, Box

type MakeStall = Callable[..., Any]


@pytest.fixture
def clock(hass: HomeAssistant) -> Iterator[Clock]:
    """Time stands still unless the test lets it pass."""
    with Clock(hass.loop).rules() as clock:
        yield clock


@pytest.fixture
async def box(hass: HomeAssistant) -> Box:
    """A charger that Home Assistant already has."""
    box = Box(hass)
    await box.install()
    await hass.async_block_till_done()
    return box


def entity_stall(**changes: Any) -> ConfigSubentryDataWithId:
    """The box as a stall, as HA stores it."""
    data = {
        "connector": "ha_entities",
        "name": "Stall 1",
        "slots": SLOTS,
        "states": STATES,
        "max_current_a": 16,
        "phase_map": [1, 2, 3],
        "contactor": None,
        "meter": None,
        "tag_reader": "reader-1",
        "serial": None,
    } | changes
    return ConfigSubentryDataWithId(
        data=data,
        subentry_type=SUBENTRY_STALL,
        title="Stall 1",
        unique_id="stall:ha_entities:1",
        subentry_id="stall-1",
    )


class EntitySite(Site):
    """A building that reaches its stalls as in real life."""

    async def open(self) -> RunningBuilding:
        """Read the entry and open the journal."""
        self._building = await RunningBuilding.async_open(self.hass, self.entry)
        return self._building

    @property
    def stall(self) -> RunningStall:
        """The stall of entities."""
        return self.building.stalls[STALL_1]


type OpenSite = Callable[..., Any]


@pytest.fixture
async def open_site(hass: HomeAssistant, make_entry: MakeEntry, clock: Clock) -> AsyncIterator[OpenSite]:
    """Bring a building to life whose stall has these settings; Anna's card is known."""
    sites: list[EntitySite] = []

    async def open_site(**changes: Any) -> EntitySite:
        entry = make_entry(entity_stall(**changes), resident("anna", "Anna Alt"))
        site = EntitySite(hass, entry, clock)
        sites.append(site)
        await site.start()
        await site.knows_card(ANNA, ANNAS_CARD)
        return site

    yield open_site
    for site in sites:
        await site.stop()
