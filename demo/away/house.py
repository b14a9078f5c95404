"""The building of the play: every box on its own socket, and a real Home Assistant that was set up by its flows."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from demo.boxes.stand import Stand
from demo.building import RunningBuilding
from demo.car import Car
from demo.connectors.tesla import Tesla
from demo.home_assistant import HomeAssistant, write_configuration
from demo.programs import Program, free_port

from .parking import BOARD, FUSE_A, ON_THE_BOARD, PLACES, Parking, Wire, pages

REGISTER_START_WH = 137_000


class Plug(Protocol):
    """What a place lets people do, and what a checker may know of it."""

    @property
    def host(self) -> str:
        """Where its protocol is served…"""

    @property
    def port(self) -> int:
        """…and at which port."""

    @property
    def car(self) -> Car | None:
        """Who is plugged in."""

    @property
    def power_w(self) -> float:
        """Power drawn now."""

    def plug(self, car: Car) -> None:
        """Plug a car in."""

    def unplug(self) -> Car:
        """Take the car away."""

    def true_register_wh(self) -> int:
        """What its register truly shows."""

    def mark(self) -> int:
        """A point to measure from."""

    def delivered_wh_since(self, mark: int) -> int:
        """Whole Wh that flowed since `mark`."""


@dataclass
class House:
    """Everything that runs, and what people know of it."""

    home_assistant: HomeAssistant
    plugs: Mapping[str, Plug]
    """By the place's name."""
    entry_id: str = ""
    stall_ids: dict[str, str] = field(default_factory=dict)
    """What the journal calls a place, by its name."""
    devices: dict[str, str] = field(default_factory=dict)
    """Home Assistant's device id by the place's name."""
    residents: dict[str, str] = field(default_factory=dict)
    """Who charges there: Home Assistant's id of the place's own resident, by the place's name."""

    @property
    def journal_file(self) -> Path:
        """The integration's journal."""
        return self.home_assistant.folder / "evshare" / f"{self.entry_id}.db"

    async def set_up(self, say: Callable[[str], None]) -> None:
        """Add the building without meters and without an app, its stalls, and a resident for each."""
        ha = self.home_assistant
        building = {"name": BOARD.name, "currency": BOARD.currency, "fuse_a": FUSE_A, "phases": "3"}
        self.entry_id = (await ha.config_flow("evshare", building, {}))["entry_id"]
        for place in PLACES:
            say(f"  {place.name}")
            plug = self.plugs[place.name]
            answers = pages(place, plug.host, plug.port)
            subentry = await ha.add_by_pages(self.entry_id, "stall", answers)
            self.stall_ids[place.name] = subentry
            self.devices[place.name] = await ha.device_of(subentry)
            resident = f"Resident at {place.name}"
            self.residents[place.name] = await ha.subentry_flow(self.entry_id, "resident", {"name": resident})

    async def lock_qualities(self) -> dict[str, str]:
        """What Home Assistant's diagnostic sensors say of each place's lock."""
        entities = await self.home_assistant.websocket({"type": "config/entity_registry/list"})
        by_device = {
            entity["device_id"]: entity["entity_id"]
            for entity in entities
            if entity["platform"] == "evshare" and entity.get("translation_key") == "lock_quality"
        }
        for device in self.devices.values():
            await self.home_assistant.until_state(by_device[device])
        return {name: await self.home_assistant.state(by_device[device]) for name, device in self.devices.items()}

    async def authorise(self, place: Parking) -> None:
        """Let the place's resident charge, as the building's manager may do."""
        data = {"device_id": self.devices[place.name], "resident": self.residents[place.name]}
        await self.home_assistant.post("/api/services/evshare/authorise", data)

    async def stop_session(self, place: Parking) -> None:
        """End the session at a place."""
        await self.home_assistant.post("/api/services/evshare/stop", {"device_id": self.devices[place.name]})


@asynccontextmanager
async def house(folder: Path, python_of_ha: str, now: Callable[[], datetime], clock: str) -> AsyncIterator[House]:
    """Stand everything up in `folder`; Home Assistant is not started yet. Ends every process on the way out."""
    folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        board = await stack.enter_async_context(RunningBuilding(BOARD, now))
        plugs: dict[str, Plug] = {}
        for place in PLACES:
            if place.wire is Wire.OWN:
                stand = Stand(
                    place.model,
                    now,
                    serial=place.serial,
                    register_start_wh=REGISTER_START_WH,
                    options=place.options,
                )
                plugs[place.name] = await stack.enter_async_context(stand)
            else:
                plugs[place.name] = _on_the_board(board, place)
        port = free_port()
        configuration = folder / "home-assistant"
        write_configuration(configuration, port, board.home_assistant_yaml(), record=False)
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
        stack.callback(core.kill)
        home_assistant = await stack.enter_async_context(HomeAssistant(core, configuration, port))
        yield House(home_assistant=home_assistant, plugs=plugs)


def _on_the_board(board: RunningBuilding, place: Parking) -> Plug:
    """A place of the board; what has no contactor is wired straight to the mains."""
    stall = board.stall(BOARD.stalls[ON_THE_BOARD.index(place)].id)
    if not place.contactor:
        assert isinstance(stall.wallbox, Tesla)
        stall.wallbox.switch_contactor(True, board.simulation.outlets[stall.plan.id])
    return stall
