"""A building with an app at the other end of a real WebSocket."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from homeassistant.helpers.aiohttp_client import async_get_clientsession
import pytest

from custom_components.evshare.building.running import RunningBuilding
from custom_components.evshare.link.client import LinkClient

from ..building.conftest import ANNA, ANNAS_CARD, BEN, BENS_CARD, MakeSite, Site, clock, make_site
from .fake_app import TOKEN, FakeApp

__all__ = ["clock", "make_site"]


@dataclass
class LinkedSite:
    """A site and the app it is linked with."""

    site: Site
    app: FakeApp
    token: str = TOKEN

    @property
    def building(self) -> RunningBuilding:
        return self.site.building

    async def start(self) -> None:
        """Start the building, linked."""
        building = await self.site.open()
        session = async_get_clientsession(self.site.hass)
        building.attach_link(LinkClient(building, session, self.app.url, self.token))
        await building.async_start()
        await self.site.clock.passes(1)

    async def knows_cards(self) -> None:
        await self.site.knows_card(ANNA, ANNAS_CARD)
        await self.site.knows_card(BEN, BENS_CARD)

    def ask(self, ask_id: str, what: str, **body: object) -> dict[str, object]:
        """An ask, ready to be said."""
        return {"type": "ask", "id": ask_id, "what": what, "body": body}


@pytest.fixture
def expected_lingering_timers() -> bool:
    """aiohttp sets one more heartbeat timer when data comes while a client's socket is closing; it does nothing."""
    return True


@pytest.fixture
async def app(socket_enabled: None) -> AsyncIterator[FakeApp]:
    app = FakeApp()
    await app.start()
    yield app
    await app.stop()


@pytest.fixture
async def unlinked(make_site: MakeSite, app: FakeApp) -> LinkedSite:
    """Not started yet."""
    return LinkedSite(await make_site(app_url=app.url, app_token=TOKEN), app)


@pytest.fixture
async def linked(unlinked: LinkedSite) -> LinkedSite:
    await unlinked.start()
    await unlinked.knows_cards()
    return unlinked
