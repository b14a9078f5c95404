"""The building's card readers: what is shown there goes to the door, and what came of it back to the reader.

Readers are those of Home Assistant (`tags.py`), of which one may belong to several stalls, and those inside connectors,
which their stalls listen to themselves (`reader.py`). Who is let in is the door's affair (`door.py`).
"""

from collections.abc import Callable, Sequence
import logging

from homeassistant.core import CALLBACK_TYPE, HomeAssistant

from ..access import BadUid
from ..model import CardAnswer, ResidentId, StallId
from .cards import Learnt
from .door import Door
from .errors import NotForHolder, NotInBuilding
from .garage import Garage
from .reader import Tap
from .signal import ReaderSignals, Spawn
from .stall import RunningStall
from .tags import watch_tags

OWN_S = 60.0
"""How long a reader waits at most for the card of a resident who asks for themself."""

_LOGGER = logging.getLogger(__name__)


class Readers:
    """Every card reader of the building."""

    def __init__(self, hass: HomeAssistant, garage: Garage, door: Door, spawn: Spawn) -> None:
        """`spawn` runs something in the background while the building runs."""
        self._hass = hass
        self._garage = garage
        self._door = door
        self._spawn = spawn
        self._signals = ReaderSignals(hass, spawn)
        self._unsubscribe: CALLBACK_TYPE | None = None

    def start(self) -> None:
        """Listen to the readers of Home Assistant."""
        self._unsubscribe = watch_tags(self._hass, self._garage.stalls, self._scanned)

    async def stop(self) -> None:
        """Listen no more, and leave lamps and buzzers as they were."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        await self._signals.stop()

    async def shown(self, stall_ids: Sequence[StallId], uid_text: str) -> None:
        """A card was shown at the reader of these stalls. A refused card is no error. Raises `NotInBuilding`."""
        stalls = [self._garage[stall_id] for stall_id in stall_ids]
        try:
            tap = stalls[0].reader.pushed(uid_text, stalls[0].now())
        except BadUid as error:
            _LOGGER.warning("%s: the reader says no card number: %s", stalls[0].config.name, error)
            self._show(stalls, CardAnswer.REFUSED)
            return
        if tap is not None:
            await self.tapped(stalls, tap)

    async def tapped(self, stalls: Sequence[RunningStall], tap: Tap) -> CardAnswer:
        """Let the door decide on a tap at the reader of these stalls, and show what came of it."""
        answer = await self._door.tapped(stalls, tap)
        self._show(stalls, answer)
        return answer

    def enrol(
        self,
        resident_id: ResidentId,
        stall_id: StallId,
        timeout_s: float,
        label: str,
        learnt: Callable[[Learnt], None] | None,
        *,
        by_holder: bool,
    ) -> None:
        """Make the next unknown card at a stall the resident's; `by_holder`: they ask for themself.

        Raises `NotInBuilding`, `EnrolmentWaits` and `NotForHolder`.
        """
        stall = self._garage[stall_id]
        if by_holder:
            self._door.cards.may_enrol_own(resident_id)
            rules = self._door.rules
            if resident_id in rules.blocked or not rules.may_use(resident_id, stall_id):
                msg = f"{stall.config.name} is not for this resident"
                raise NotForHolder(msg)
            timeout_s = min(timeout_s, OWN_S)
        if not stall.takes_cards:
            msg = f"{stall.config.name} has no card reader"
            raise NotInBuilding(msg)
        self._door.cards.enrol(resident_id, stall_id, timeout_s, label, learnt)

    def _scanned(self, stall_ids: Sequence[StallId], uid_text: str) -> None:
        self._spawn(self.shown(stall_ids, uid_text), "evshare card shown")

    def _show(self, stalls: Sequence[RunningStall], answer: CardAnswer) -> None:
        self._signals.show((stall.wiring.reader_signal for stall in stalls), answer)
