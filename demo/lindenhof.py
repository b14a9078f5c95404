"""Bringing the demo building to life: simulated hardware, real Home Assistant, real app, all set up as people would.

Home Assistant is onboarded and configured through its own flows, cards are enrolled by tapping them, the office is
entered with a ticket from Home Assistant, phones redeem invitations, payment cards are typed into the hosted page.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
import re
from typing import Any

import aiohttp

from . import meters, prices
from .building import RunningBuilding
from .forms import Browser, PageError
from .home_assistant import HomeAssistant, write_configuration
from .programs import Program, free_port
from .stalls import LINDENHOF, BuildingPlan, CardReader, StallPlan
from .stripe.server import KEY, StripeStandIn
from .timetable import RESIDENTS, Person


@dataclass
class Lindenhof:
    """Everything that runs, and what people know of it."""

    plan: BuildingPlan
    building: RunningBuilding
    home_assistant: HomeAssistant
    app: Program
    stripe: StripeStandIn
    folder: Path
    portal_url: str
    office_url: str
    link_port: int
    entry_id: str = ""
    stall_devices: dict[str, str] = field(default_factory=dict)
    """Home Assistant device id by stall id."""
    residents: dict[str, str] = field(default_factory=dict)
    """Subentry id by name."""
    stall_pages: dict[str, str] = field(default_factory=dict)
    """The address behind the QR code by stall name."""
    phones: dict[str, Browser] = field(default_factory=dict)
    invitations: dict[str, str] = field(default_factory=dict)
    office: Browser | None = None

    @property
    def books_file(self) -> Path:
        """The app's books."""
        return self.folder / "app" / "books.db"

    @property
    def journal_file(self) -> Path:
        """The integration's journal."""
        return self.home_assistant.folder / "evshare" / f"{self.entry_id}.db"

    async def until_app_answers(self) -> None:
        """Wait until the app's portal listens."""
        async with aiohttp.ClientSession() as session:
            while True:
                if not self.app.running:
                    raise RuntimeError(f"The app did not start:\n{self.app.tail()}")
                try:
                    async with session.get(self.portal_url, allow_redirects=False):
                        return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.2)

    async def add_building(self) -> None:
        """Add the building through Home Assistant's flow."""
        ha, plan = self.home_assistant, self.plan
        looked_at = (meters.grid_power_entity(plan), meters.pv_power_entity(plan), *meters.current_entities(plan))
        for entity in (*looked_at, *meters.energy_entities(plan).values(), prices.price_entity(plan)):
            await ha.until_state(entity)
        l1, l2, l3 = meters.current_entities(plan)
        entry = await ha.config_flow(
            "evshare",
            {
                "name": plan.name,
                "currency": plan.currency,
                "fuse_a": plan.fuse_a,
                "phases": "3",
                "grid_power": meters.grid_power_entity(plan),
                "current_l1": l1,
                "current_l2": l2,
                "current_l3": l3,
                "pv_power": meters.pv_power_entity(plan),
            },
            {
                "app_url": f"http://127.0.0.1:{self.link_port}",
                "app_token": (self.folder / "app" / "keys" / "pairing.token").read_text().strip(),
                "office_url": self.office_url,
            },
        )
        self.entry_id = entry["entry_id"]
        named = [{"name": prices.NAME, "sensor": prices.price_entity(plan)}]
        counters = {**meters.energy_entities(plan), "prices": named}
        await ha.options_flow(self.entry_id, {"next_step_id": "counters"}, counters)

    async def add_stalls(self, stalls: Sequence[StallPlan], say: Callable[[str], None]) -> None:
        """Add stalls, one after the other; each is looked at before it is kept."""
        readers = await self._readers()
        for stall in stalls:
            say(f"  {stall.name}: {stall.model.value}")
            await self._add_stall(stall, readers)

    async def add_residents(self) -> None:
        """Add everybody who lives here."""
        for person in RESIDENTS:
            subentry = await self.home_assistant.subentry_flow(self.entry_id, "resident", {"name": person.name})
            self.residents[person.name] = subentry

    async def _readers(self) -> dict[str, str]:
        """Home Assistant's device id of each wall reader."""
        devices = await self.home_assistant.websocket({"type": "config/device_registry/list"})
        return {
            identifier[1]: device["id"]
            for device in devices
            for identifier in device["identifiers"]
            if identifier[0] == "building_readers"
        }

    async def _add_stall(self, stall: StallPlan, readers: dict[str, str]) -> None:
        running = self.building.stall(stall.id)
        fields: dict[str, Any] = {
            "name": stall.name,
            "host": running.host,
            "port": running.port,
            "max_current_a": min(stall.rated_a, 32),
            "phase_map": "".join(str(phase) for phase in stall.phase_map),
        }
        if stall.unit_id is not None:
            fields["unit_id"] = stall.unit_id
        if stall.behind_contactor:
            fields["contactor"] = meters.contactor_entity(self.plan, stall)
            fields["meter"] = meters.meter_entity(self.plan, stall)
        if stall.reader is CardReader.HOME_ASSISTANT:
            fields["tag_reader"] = readers[stall.id]
        pages: dict[str, Mapping[str, object]] = {
            "user": {"next_step_id": "from_list"},
            "from_list": {"connector": stall.model.value},
            "reach": {"point": 1},
            "connection": fields,
            "confirm": {"next_step_id": "keep"},
        }
        subentry = await self.home_assistant.add_by_pages(self.entry_id, "stall", pages)
        self.stall_devices[stall.id] = await self.home_assistant.device_of(subentry)

    async def enrol_cards(self, stalls: Sequence[StallPlan]) -> None:
        """Let every resident with a card tap it at one of these stalls."""
        for number, person in enumerate(person for person in RESIDENTS if person.card_uid):
            stall = stalls[number % len(stalls)]
            await self.home_assistant.post(
                "/api/services/evshare/enrol_card",
                {"device_id": self.stall_devices[stall.id], "resident": self.residents[person.name], "timeout_s": 60},
            )
            assert person.card_uid is not None
            await self.building.stall(stall.id).tap(person.card_uid)
            # The card stays at the reader's display for a while where the connector reads it itself.
            await asyncio.sleep(75 if stall.reader is CardReader.OWN else 5)

    async def office_link(self) -> str:
        """Return a link into the office that works once, as Home Assistant makes it for its admins."""
        answer = await self.home_assistant.service("evshare", "office_link", {"config_entry_id": self.entry_id})
        link: str = answer["url"]
        return link

    async def enter_office(self) -> Browser:
        """Sign in to the office with a one-time ticket from Home Assistant."""
        address, ticket = (await self.office_link()).split("#")
        browser = Browser(self.office_url)
        page = await browser.open(address)
        page = await browser.send(page, "sign-in", {"token": ticket})
        if page.status != 200:
            raise PageError(f"the office did not let us in: {page.status}\n{page.text}")
        if self.office is not None:
            await self.office.close()
        self.office = browser
        return browser

    async def read_stall_signs(self, office: Browser) -> None:
        """Read the addresses behind the QR codes from the office's printable page."""
        page = await office.open("/office/stalls")
        for name, address in re.findall(r"<h2>([^<]+)</h2>.*?>([^<>\s]+/s/[0-9A-Z]{16})<", page.html, re.DOTALL):
            self.stall_pages[name] = f"http://{address}"

    async def invite(self, office: Browser, person: Person) -> str:
        """Make an invitation in the office; returns its address."""
        page = await office.open(f"/office/residents/{self.residents[person.name]}")
        page = await office.send(page, "/invite")
        found = re.search(r"https?://[^\s\"<]+/i#[A-Za-z0-9_-]+", page.html)
        if found is None:
            raise PageError(f"no invitation for {person.name}: {page.status}\n{page.text}")
        self.invitations[person.name] = found.group()
        return found.group()

    async def connect_phone(self, person: Person) -> Browser:
        """Redeem the invitation on the resident's phone."""
        address, token = self.invitations[person.name].split("#")
        phone = Browser(self.portal_url)
        self.phones[person.name] = phone
        page = await phone.open(address)
        page = await phone.send(page, "/i", {"token": token})
        if page.status != 200:
            raise PageError(f"{person.name}'s phone was not connected: {page.status}\n{page.text}")
        return phone

    async def save_payment_card(self, person: Person) -> None:
        """Type the resident's payment card into the hosted checkout page."""
        phone = self.phones[person.name]
        assert person.card_number is not None
        page = await phone.open("/me")
        page = await phone.send(page, "/me/card")
        page = await phone.send(page, "", {"number": person.card_number, "action": "submit"})
        if page.status != 200 or "/me" not in page.url.path:
            raise PageError(f"{person.name}'s card was not saved: {page.url} {page.status}\n{page.text}")


@asynccontextmanager
async def lindenhof(
    folder: Path,
    python_of_ha: str,
    now: Callable[[], datetime],
    *,
    plan: BuildingPlan = LINDENHOF,
    clock: str | None = None,
    record: bool = True,
) -> AsyncIterator[Lindenhof]:
    """Start everything in `folder`; nothing is set up yet. Ends every process on the way out.

    Args:
        folder: Where configuration, books and logs are kept.
        python_of_ha: The interpreter of Home Assistant's environment.
        now: The time the simulated building lives in.
        plan: Which stalls there are.
        clock: Address of the story's clock; None runs in real time.
        record: Let Home Assistant keep history.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ha_port, portal_port, office_port, link_port = (free_port() for _ in range(4))
    portal_url, office_url = f"http://127.0.0.1:{portal_port}", f"http://127.0.0.1:{office_port}"
    async with StripeStandIn(now) as stripe, RunningBuilding(plan, now) as building:
        app = Program(
            "app",
            "evshare_app",
            folder=folder,
            clock=clock,
            environment={
                "EVSHARE_DATA_DIR": str(folder / "app"),
                "EVSHARE_PORTAL_HOST": "127.0.0.1",
                "EVSHARE_PORTAL_PORT": str(portal_port),
                "EVSHARE_PORTAL_URL": portal_url,
                "EVSHARE_OFFICE_HOST": "127.0.0.1",
                "EVSHARE_OFFICE_PORT": str(office_port),
                "EVSHARE_OFFICE_URL": office_url,
                "EVSHARE_LINK_HOST": "127.0.0.1",
                "EVSHARE_LINK_PORT": str(link_port),
                "EVSHARE_STRIPE_KEY": KEY,
                "EVSHARE_STRIPE_API_BASE": stripe.url,
            },
        )
        configuration = folder / "home-assistant"
        write_configuration(configuration, ha_port, building.home_assistant_yaml(), record=record)
        core = Program(
            "home-assistant",
            "homeassistant",
            "-c",
            str(configuration),
            "--skip-pip",
            python=python_of_ha,
            folder=folder,
            clock=clock,
        )
        ha = HomeAssistant(core, configuration, ha_port)
        place = Lindenhof(
            plan=plan,
            building=building,
            home_assistant=ha,
            app=app,
            stripe=stripe,
            folder=folder,
            portal_url=portal_url,
            office_url=office_url,
            link_port=link_port,
        )
        building.home_assistant_url = ha.url
        ticking = asyncio.create_task(building.keep_ticking())
        try:
            async with ha:
                yield place
        finally:
            ticking.cancel()
            for browser in (*place.phones.values(), *([place.office] if place.office else [])):
                await browser.close()
            await app.stop()
            core.kill()
            app.kill()
