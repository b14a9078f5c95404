"""Who is let in, in the running building: the policy of `access`, fed with the cards, residents and sessions of now.

Decisions are made one at a time over the whole building, from looking to the committed authorisation, so that
nobody gets two sessions by asking at two stalls at once.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
import logging
from typing import Any
from uuid import uuid4

from ..access import (
    AccessView,
    Ask,
    CardAsk,
    CardRecord,
    Denial,
    Grant,
    Ignored,
    Toggle,
    decide,
    fingerprints,
    match_card,
)
from ..charging import Authorised, Denied, Event, IllegalMove, StallState, StopAsked
from ..journal import CardConflict, Journal, JournalError
from ..model import CardAnswer, DenyReason, Moment, Resident, ResidentId, Session, SessionId, StallId, StopReason
from .errors import AccessDenied, NotInBuilding
from .reader import Tap
from .stall import RunningStall

STRANGER_PAUSE_S = 5.0
"""Unknown cards at one stall are recorded no more often: a box that makes up numbers must not fill the journal."""

_LOGGER = logging.getLogger(__name__)

type Decision = SessionId | DenyReason
type Remember = Callable[[Decision], Mapping[str, Any]]
"""What is to be remembered as the answer to an ask (by ask id), in the transaction that decides."""


def remember_nothing(_decision: Decision) -> Mapping[str, Any]:
    """Keep no answer."""
    return {}


@dataclass(frozen=True, kw_only=True)
class Enrolment:
    """The next unknown card at a stall becomes the resident's."""

    resident_id: ResidentId
    until_mono_s: float


class Door:
    """Lets residents in, and learns their cards."""

    def __init__(self, journal: Journal, stalls: Mapping[StallId, RunningStall], now: Callable[[], Moment]) -> None:
        """`stalls` is the building's own mapping, looked at whenever somebody asks."""
        self._journal = journal
        self._stalls = stalls
        self._now = now
        self._deciding = asyncio.Lock()
        self._cards: list[CardRecord] = []
        self._strangers: dict[StallId, float] = {}
        self._enrolments: dict[StallId, Enrolment] = {}
        self.residents: Mapping[ResidentId, Resident] = {}
        self.blocked: frozenset[ResidentId] = frozenset()

    async def load(self) -> None:
        """Read cards and blocks from the journal."""
        self._cards = await self._journal.cards()
        self.blocked = await self._journal.blocked()

    async def authorise(self, stall: RunningStall, ask: Ask, remember: Remember = remember_nothing) -> Session:
        """Let somebody charge at a stall, or raise `AccessDenied`; `JournalError` when it cannot be written."""
        session, reason = await self._decide(stall, ask, remember)
        if session is None:
            raise AccessDenied(reason or DenyReason.NOT_ALLOWED)
        return session

    async def tapped(self, stall: RunningStall, tap: Tap) -> CardAnswer:
        """A card was shown at a stall's reader."""
        if await self._enrolled(stall, tap):
            return CardAnswer.ENROLLED
        ask = CardAsk(fingerprint=tap.fingerprint, short=tap.short)
        try:
            session, reason = await self._decide(stall, ask, remember_nothing)
        except JournalError as error:
            _LOGGER.error("%s: a card was refused, the journal cannot be written: %s", stall.config.name, error)
            return CardAnswer.REFUSED
        except NotInBuilding:  # it is being tested, changed or taken away
            return CardAnswer.REFUSED
        if session is not None:
            return CardAnswer.ACCEPTED
        if reason is not None:
            return CardAnswer.REFUSED
        # Neither let in nor refused: the holder of the session, who just began it or ends it.
        running = stall.state.session
        ended = running is None or running.stop_reason is not None
        return CardAnswer.STOPPED if ended else CardAnswer.ACCEPTED

    # --- cards -------------------------------------------------------------------------------------------------

    def enrol(self, resident_id: ResidentId, stall_id: StallId, timeout_s: float) -> None:
        """Make the next unknown card at a stall the resident's, if it comes in time."""
        self._enrolments[stall_id] = Enrolment(resident_id=resident_id, until_mono_s=self._now().mono_s + timeout_s)

    def enrolling(self) -> dict[StallId, ResidentId]:
        """Return who waits for a card where."""
        now_mono_s = self._now().mono_s
        return {
            stall_id: enrolment.resident_id
            for stall_id, enrolment in self._enrolments.items()
            if now_mono_s < enrolment.until_mono_s
        }

    async def remove_cards(self, resident_id: ResidentId) -> int:
        """Forget all cards of a resident; returns how many."""
        # Asked of the journal: a card that is being enrolled right now is not in our own list yet.
        own = [card for card in await self._journal.cards() if card.resident_id == resident_id]
        for card in own:
            await self._journal.remove_card(card.id)
        self._cards = await self._journal.cards()
        return len(own)

    async def block(self, resident_ids: list[ResidentId]) -> None:
        """Replace the list of residents the manager blocked; what they started goes on."""
        await self._journal.set_blocked(resident_ids)
        self.blocked = await self._journal.blocked()

    async def _enrolled(self, stall: RunningStall, tap: Tap) -> bool:
        """Whether this tap was taken as the enrolment that is waited for."""
        resident_id = self.enrolling().get(stall.config.id)
        if resident_id is None or match_card(self._cards, tap.fingerprint, tap.short) is not None:
            return False
        if resident_id not in self.residents:
            return False
        del self._enrolments[stall.config.id]
        try:
            await self._journal.add_card(fingerprints(self._journal.card_key, tap.uid), resident_id, self._now().at)
            self._cards = await self._journal.cards()
        except (CardConflict, JournalError) as error:
            _LOGGER.error("%s: a card could not be enrolled: %s", stall.config.name, error)
        else:
            _LOGGER.info("%s: a card was enrolled", stall.config.name)
        return True

    # --- decisions ---------------------------------------------------------------------------------------------

    async def _decide(
        self, stall: RunningStall, ask: Ask, remember: Remember
    ) -> tuple[Session | None, DenyReason | None]:
        session: Session | None = None
        reason: DenyReason | None = None

        def choose(state: StallState, now: Moment) -> Event | None:
            nonlocal session, reason
            match decide(ask, self._view(), state, now):
                case Grant(credential=credential, mode=mode):
                    session = Session(
                        id=SessionId(uuid4().hex),
                        stall_id=stall.config.id,
                        credential=credential,
                        mode=mode,
                        authorised_at=now.at,
                    )
                    return Authorised(session)
                case Denial(reason=denied, credential_kind=kind, resident_id=resident_id):
                    reason = denied
                    return Denied(kind, denied, resident_id) if self._worth_a_record(stall, denied, now) else None
                case Toggle():
                    return StopAsked(StopReason.PERSON)
                case Ignored():
                    return None

        def answer(_state: StallState) -> Mapping[str, Any]:
            return remember(session.id if session is not None else reason or DenyReason.NOT_ALLOWED)

        async with self._deciding:
            try:
                await stall.choose(choose, answer)
            except IllegalMove as error:
                _LOGGER.error("%s: %s", stall.config.name, error)
                return None, DenyReason.STALL_IN_USE
        return session, reason

    def _view(self) -> AccessView:
        return AccessView(
            residents=self.residents,
            cards=self._cards,
            blocked=self.blocked,
            open_sessions=[stall.state.session for stall in self._stalls.values() if stall.state.session is not None],
        )

    def _worth_a_record(self, stall: RunningStall, reason: DenyReason, now: Moment) -> bool:
        if reason is not DenyReason.UNKNOWN_CARD:
            return True
        last_mono_s = self._strangers.get(stall.config.id)
        if last_mono_s is not None and now.mono_s - last_mono_s < STRANGER_PAUSE_S:
            return False
        self._strangers[stall.config.id] = now.mono_s
        return True
