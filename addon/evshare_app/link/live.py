"""The building as it is right now, in memory only: what `live` said last. It is for showing, never for billing."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from .messages import Enrolment, Live, LiveSession, LiveStall


class LiveBuilding:
    """The last word about each stall, and whether anyone is there to say more."""

    def __init__(self) -> None:
        self._stalls: dict[str, LiveStall] = {}
        self.connected = False
        self.changed_at: datetime | None = None
        """Since when the link is up or down; None before the first connection."""
        self.waiting = 0
        """Records the integration has and the books do not."""
        self.prices: Mapping[str, Decimal] = {}
        """Of a kWh in force now, by their series; empty while nobody tells them."""
        self.enrolments: tuple[Enrolment, ...] = ()
        """Readers at which a card is, or was lately, waited for."""

    def connect(self, now: datetime) -> None:
        """The integration is there; it tells anew how its stalls are."""
        self._stalls.clear()
        self.enrolments = ()
        self.connected = True
        self.changed_at = now

    def disconnect(self, now: datetime) -> None:
        """The integration is gone; what it said of stalls stays, as the last known. Of prices nothing does."""
        self.prices = {}
        self.connected = False
        self.changed_at = now

    def update(self, said: Live) -> None:
        """Take in how it is."""
        for stall in said.stalls:
            self._stalls[stall.stall_id] = stall
        self.prices = said.prices

    def stall(self, stall_id: str) -> LiveStall | None:
        """Return the last word about a stall."""
        return self._stalls.get(stall_id)

    def stalls(self) -> list[LiveStall]:
        """Return the last word about all stalls."""
        return list(self._stalls.values())

    def session_of(self, resident_id: str) -> tuple[LiveStall, LiveSession] | None:
        """Return the running session of a resident, and where it runs."""
        for stall in self._stalls.values():
            if stall.session is not None and stall.session.resident_id == resident_id:
                return stall, stall.session
        return None

    def enrolment(self, resident_id: str, stall_id: str) -> Enrolment | None:
        """Return the last word about a card of a resident that is waited for at a reader."""
        return next(
            (one for one in self.enrolments if (one.resident_id, one.stall_id) == (resident_id, stall_id)), None
        )

    def sessions(self) -> list[LiveSession]:
        """Return all running sessions."""
        return [stall.session for stall in self._stalls.values() if stall.session is not None]
