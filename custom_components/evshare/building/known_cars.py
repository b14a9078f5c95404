"""The cars a building knows by the identifier they tell its wall connectors: learnt while plugged in, and forgotten.

The journal is the truth; what is kept here is its copy, read again after every change. An identifier is in the last
reading of its stall and nowhere else: what is kept of it is a keyed hash, what is told of a car its id and label.
"""

from collections.abc import Callable, Mapping
import logging

from ..access import BadEvId, CarRecord, car_fingerprint, match_car, normalise_ev_id
from ..charging import StallState
from ..journal import Journal, JournalError
from ..model import CarId, Moment, Resident, ResidentId, StallId
from .errors import NoEvId, NotInBuilding, NotTheirs
from .stall import RunningStall

_LOGGER = logging.getLogger(__name__)


class KnownCars:
    """Every car that was learnt."""

    def __init__(
        self,
        journal: Journal,
        stalls: Mapping[StallId, RunningStall],
        now: Callable[[], Moment],
        residents: Callable[[], Mapping[ResidentId, Resident]],
    ) -> None:
        """`stalls` is the building's own mapping."""
        self._journal = journal
        self._stalls = stalls
        self._now = now
        self._residents = residents
        self.learnt: list[CarRecord] = []

    async def load(self) -> None:
        """Read all from the journal. Raises `JournalError`."""
        self.learnt = await self._journal.cars()

    def of(self, resident_id: ResidentId) -> list[CarRecord]:
        """A resident's."""
        return [car for car in self.learnt if car.resident_id == resident_id]

    def at(self, state: StallState) -> CarRecord | None:
        """The car that is plugged in there, if it is known and somebody's alone."""
        told = self._told(state)
        return None if told is None else match_car(self.learnt, told)

    def seen_at(self, stall: RunningStall) -> bool:
        """Whether a car is plugged in there that told an identifier since it came."""
        return self._told(stall.state) is not None

    async def learn(self, resident_id: ResidentId, stall_id: StallId, label: str) -> CarId:
        """Make the car that is plugged in at a stall now a resident's.

        Raises `NotInBuilding`, `NoEvId`, `NotTheirs` while somebody else charges there, `CarConflict` when it is
        somebody's already, and `JournalError`.
        """
        stall = self._stalls.get(stall_id)
        if stall is None or resident_id not in self._residents():
            msg = f"{resident_id} or {stall_id} is not in this building"
            raise NotInBuilding(msg)
        told, session = self._told(stall.state), stall.state.session
        if told is None:
            raise NoEvId
        if session is not None and session.resident_id != resident_id:
            raise NotTheirs
        for car in self.learnt:
            if car.fingerprint == told and car.resident_id not in self._residents():
                await self._journal.remove_car(car.id)  # they moved out
        car_id = await self._journal.add_car(told, resident_id, self._now().at, label=label)
        await self.load()
        _LOGGER.info("a car was learnt")
        return car_id

    async def remove(self, car_id: CarId) -> None:
        """Forget a car; what it started goes on. Raises `NotInBuilding`, and `JournalError`."""
        if all(car.id != car_id for car in self.learnt):
            msg = f"car {car_id} is not known"
            raise NotInBuilding(msg)
        await self._journal.remove_car(car_id)
        await self.load()

    async def used(self, car_id: CarId) -> None:
        """A car let itself in."""
        try:
            await self._journal.car_used(car_id, self._now().at)
            await self.load()
        except JournalError as error:
            _LOGGER.error("when a car was used could not be kept: %s", error)

    def _told(self, state: StallState) -> str | None:
        """The fingerprint of what the car that is plugged in told."""
        reading = state.reading
        if not (state.online and state.plugged) or reading is None or reading.ev_id is None:
            return None
        try:
            ev_id = normalise_ev_id(reading.ev_id)
        except BadEvId:
            return None  # what a box says when it knows none
        return car_fingerprint(self._journal.card_key, ev_id)
