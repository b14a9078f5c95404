"""Who is let in, in the running building: the policy of `access`, fed with the cards, residents and sessions of now.

Decisions are made one at a time over the whole building, from looking to the committed authorisation, so that
nobody gets two sessions by asking at two stalls at once.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
import logging
from typing import Any
from uuid import uuid4

from homeassistant.util import dt as dt_util

from ..access import (
    AccessView,
    Ask,
    CardAsk,
    Denial,
    Grant,
    Ignored,
    Toggle,
    decide,
    match_card,
    meant,
)
from ..charging import Authorised, Denied, Event, IllegalMove, StallState, StopAsked
from ..journal import Journal, JournalError
from ..model import (
    CardAnswer,
    CardId,
    CredentialKind,
    DenyReason,
    Moment,
    Resident,
    ResidentId,
    Session,
    SessionId,
    StallId,
    StopReason,
)
from .cards import Cards
from .errors import AccessDenied, NotInBuilding
from .house_rules import HouseRules
from .reader import Tap
from .stall import RunningStall
from .usage import Usage

STRANGER_PAUSE_S = 5.0
"""Unknown cards at one stall are recorded no more often: a box that makes up numbers must not fill the journal."""

_LOGGER = logging.getLogger(__name__)

type Decision = SessionId | DenyReason
type Remember = Callable[[Decision], Mapping[str, Any]]
"""What is to be remembered as the answer to an ask (by ask id), in the transaction that decides."""


def remember_nothing(_decision: Decision) -> Mapping[str, Any]:
    """Keep no answer."""
    return {}


@dataclass
class _Outcome:
    """What came of an ask; neither session nor reason: its own session was ended, or the tap was the last one again."""

    session: Session | None = None
    reason: DenyReason | None = None
    recorded: bool = True


class Door:
    """Lets residents in, and their guests."""

    def __init__(
        self,
        journal: Journal,
        stalls: Mapping[StallId, RunningStall],
        now: Callable[[], Moment],
        residents: Callable[[], Mapping[ResidentId, Resident]],
        cards_changed: Callable[[], None],
        *,
        app_away: Callable[[], bool],
    ) -> None:
        """`stalls` is the building's own mapping, looked at whenever somebody asks.

        `app_away` says whether the app cannot be heard where the owner lets nobody in without it.
        """
        self._journal = journal
        self._stalls = stalls
        self._residents = residents
        self._now = now
        self._app_away = app_away
        self._deciding = asyncio.Lock()
        self._strangers: dict[StallId, float] = {}
        self.usage = Usage()
        self.cards = Cards(journal, now, residents, cards_changed)
        self.rules = HouseRules(journal, stalls, now, self.usage, self.count)

    async def load(self) -> None:
        """Read what the journal knows of cards and rules. Raises `JournalError`."""
        await self.cards.load()
        await self.rules.load()

    async def count(self) -> None:
        """Read what the journal knows of energy used, when the stalls are there. Raises `JournalError`."""
        await self.usage.load(self._journal, self._open_sessions(), self._now().at, dt_util.get_default_time_zone())

    async def authorise(self, stall: RunningStall, ask: Ask, remember: Remember = remember_nothing) -> Session:
        """Let somebody charge at a stall, or raise `AccessDenied`; `JournalError` when it cannot be written."""
        outcome = await self._decide(stall, ask, remember)
        if outcome.session is None:
            raise AccessDenied(outcome.reason or DenyReason.NOT_ALLOWED)
        return outcome.session

    async def tapped(self, stalls: Sequence[RunningStall], tap: Tap) -> CardAnswer:
        """A card was shown at the reader of these stalls, of which there is at least one."""
        if await self.cards.take([stall.config.id for stall in stalls], tap):
            return CardAnswer.ENROLLED
        ask = CardAsk(fingerprint=tap.fingerprint, short=tap.short)
        state = meant(ask, self._view(), [stall.state for stall in stalls], self._now())
        stall = next((stall for stall in stalls if stall.state is state), None)
        if stall is None:
            await self._not_clear(stalls[0], ask)
            return CardAnswer.REFUSED
        try:
            outcome = await self._decide(stall, ask, remember_nothing)
        except JournalError as error:
            _LOGGER.error("%s: a card was refused, the journal cannot be written: %s", stall.config.name, error)
            return CardAnswer.REFUSED
        except NotInBuilding:  # it is being tested, changed or taken away
            return CardAnswer.REFUSED
        if outcome.session is not None:
            await self.cards.used(CardId(outcome.session.credential.id))
            return CardAnswer.ACCEPTED
        if outcome.reason is not None:
            if outcome.reason is DenyReason.UNKNOWN_CARD and outcome.recorded:
                await self.cards.refused(stall.config.id, tap)
            return CardAnswer.REFUSED
        # Neither let in nor refused: the holder of the session, who just began it or ends it.
        running = stall.state.session
        ended = running is None or running.stop_reason is not None
        return CardAnswer.STOPPED if ended else CardAnswer.ACCEPTED

    # --- decisions ---------------------------------------------------------------------------------------------

    async def _decide(self, stall: RunningStall, ask: Ask, remember: Remember) -> _Outcome:
        outcome = _Outcome()

        def choose(state: StallState, now: Moment) -> Event | None:
            match decide(ask, self._view(), state, now):
                case Grant(credential=credential, mode=mode, cap_wh=cap_wh):
                    outcome.session = Session(
                        id=SessionId(uuid4().hex),
                        stall_id=stall.config.id,
                        credential=credential,
                        mode=mode,
                        authorised_at=now.at,
                        cap_wh=cap_wh,
                    )
                    return Authorised(outcome.session)
                case Denial() as denial:
                    outcome.reason = denial.reason
                    outcome.recorded = self._worth_a_record(stall, denial.reason, now)
                    return _denied(denial) if outcome.recorded else None
                case Toggle():
                    return StopAsked(StopReason.PERSON)
                case Ignored():
                    return None

        def answer(_state: StallState) -> Mapping[str, Any]:
            session = outcome.session
            return remember(session.id if session is not None else outcome.reason or DenyReason.NOT_ALLOWED)

        async with self._deciding:
            try:
                await stall.choose(choose, answer)
            except IllegalMove as error:
                _LOGGER.error("%s: %s", stall.config.name, error)
                return _Outcome(reason=DenyReason.STALL_IN_USE)
        return outcome

    async def _not_clear(self, stall: RunningStall, ask: CardAsk) -> None:
        """A card came to a reader of several stalls, and more than one could be meant."""
        card = match_card(self.cards.enrolled, ask.fingerprint, ask.short)
        assert card is not None  # an unknown one means the first
        denied = Denied(CredentialKind.CARD, DenyReason.WHICH_STALL, card.resident_id, card.id)
        with suppress(NotInBuilding, JournalError):
            await stall.apply(denied)

    def _view(self) -> AccessView:
        open_sessions, zone = self._open_sessions(), dt_util.get_default_time_zone()
        return AccessView(
            residents=self._residents(),
            cards=self.cards.enrolled,
            blocked=self.rules.blocked,
            open_sessions=open_sessions,
            rules=self.rules.residents,
            holds=self.rules.holds,
            cars=self.rules.cars,
            used=self.usage.used(open_sessions, self._now().at, zone),
            zone=zone,
            app_away=self._app_away(),
        )

    def _open_sessions(self) -> list[Session]:
        return [stall.state.session for stall in self._stalls.values() if stall.state.session is not None]

    def _worth_a_record(self, stall: RunningStall, reason: DenyReason, now: Moment) -> bool:
        if reason is not DenyReason.UNKNOWN_CARD:
            return True
        last_mono_s = self._strangers.get(stall.config.id)
        if last_mono_s is not None and now.mono_s - last_mono_s < STRANGER_PAUSE_S:
            return False
        self._strangers[stall.config.id] = now.mono_s
        return True


def _denied(denial: Denial) -> Denied:
    return Denied(
        denial.credential_kind, denial.reason, denial.resident_id, denial.credential_id, elsewhere=denial.elsewhere
    )
