"""The cards of the running building: learnt by tapping, changed, given away, and those nobody knows.

The journal is the truth; what is kept here is its copy, read again after every change. Numbers of cards never leave
the journal's folder: what is told of a card is its id, label and limits, of an unknown one the last two hex digits.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import logging
from types import EllipsisType
from typing import Any

from ..access import (
    CARD_MONTH_WH,
    CardRecord,
    Hours,
    UnknownCard,
    fingerprints,
    is_weak,
    match_card,
    span_body,
    tail,
)
from ..journal import CardConflict, Journal, JournalError, rfc3339
from ..model import CardId, Moment, Resident, ResidentId, StallId
from .errors import EnrolmentWaits, NotForHolder, NotInBuilding
from .reader import Tap

UNKNOWN_KEPT = timedelta(days=7)
MAX_LABEL = 60
"""Characters of a name for a card."""
MOST_OWN = 10
"""Cards a resident may have and still enrol another themself; the manager may enrol more."""

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """A card that was just enrolled, for whoever waits for it."""

    card_id: CardId
    tail: str
    """The last two hex digits of its number. Kept nowhere."""


@dataclass(frozen=True, kw_only=True)
class _Enrolment:
    """The next unknown card at a stall becomes this resident's."""

    resident_id: ResidentId
    label: str
    until: datetime
    until_mono_s: float
    learnt: Callable[[Learnt], None] | None
    known_shown: bool = False
    """A card that is somebody's was shown there meanwhile; it did what it always does."""


class Cards:
    """Every card that is enrolled, and those that were refused as unknown of late."""

    def __init__(
        self,
        journal: Journal,
        now: Callable[[], Moment],
        residents: Callable[[], Mapping[ResidentId, Resident]],
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called whenever a card or an unknown one did."""
        self._journal = journal
        self._now = now
        self._residents = residents
        self._changed = changed
        self._enrolments: dict[StallId, _Enrolment] = {}
        self.enrolled: list[CardRecord] = []
        self.unknown: list[UnknownCard] = []

    async def load(self) -> None:
        """Read all from the journal. Raises `JournalError`."""
        self.enrolled = await self._journal.cards()
        self.unknown = await self._journal.unknown_cards(self._now().at)

    def told(self) -> dict[str, Any]:
        """Return the body of the `cards` tell of docs/link.md."""
        return {
            "cards": [
                {
                    "card_id": card.id,
                    "resident_id": card.resident_id,
                    "label": card.label,
                    "blocked": card.blocked,
                    "blocked_by_holder": card.blocked_by_holder,
                    "weak": card.weak,
                    "month_wh": card.month_wh,
                    "money_month_wh": card.money_month_wh,
                    "quiet": None if card.quiet is None else span_body(card.quiet),
                    "added_at": None if card.added_at is None else rfc3339(card.added_at),
                    "used_at": None if card.used_at is None else rfc3339(card.used_at),
                }
                for card in self.enrolled
            ],
            "unknown": [
                {
                    "unknown_id": card.id,
                    "stall_id": card.stall_id,
                    "at": rfc3339(card.at),
                    "times": card.times,
                    "tail": card.tail,
                }
                for card in self.unknown_now
            ],
            "enrolments": [
                {
                    "resident_id": enrolment.resident_id,
                    "stall_id": stall_id,
                    "until": rfc3339(enrolment.until),
                    "known_shown": enrolment.known_shown,
                }
                for stall_id, enrolment in self._enrolments.items()
            ],
        }

    @property
    def unknown_now(self) -> list[UnknownCard]:
        """Cards that were refused as unknown in the last seven days."""
        return [card for card in self.unknown if card.at >= self._now().at - UNKNOWN_KEPT]

    def card(self, card_id: CardId) -> CardRecord:
        """Return an enrolled card. Raises `NotInBuilding`."""
        for card in self.enrolled:
            if card.id == card_id:
                return card
        raise NotInBuilding(_not_enrolled(card_id))

    # --- what people do with them ------------------------------------------------------------------------------

    def enrol(
        self,
        resident_id: ResidentId,
        stall_id: StallId,
        timeout_s: float,
        label: str,
        learnt: Callable[[Learnt], None] | None = None,
    ) -> None:
        """Make the next unknown card at a stall the resident's, if it comes in time; `learnt` hears which.

        Nobody stands at two readers: an earlier wait of theirs elsewhere is over. Raises `NotInBuilding` for a
        stranger, and `EnrolmentWaits` while another resident's is waited for there: whose card comes next must be sure.
        """
        if resident_id not in self._residents():
            msg = f"resident {resident_id} is not in this building"
            raise NotInBuilding(msg)
        if self.enrolling().get(stall_id, resident_id) != resident_id:
            msg = "another resident's card is waited for at this stall"
            raise EnrolmentWaits(msg)
        now = self._now()
        for elsewhere in [at for at, one in self._enrolments.items() if one.resident_id == resident_id]:
            del self._enrolments[elsewhere]
        self._enrolments[stall_id] = _Enrolment(
            resident_id=resident_id,
            label=label,
            until=now.at + timedelta(seconds=timeout_s),
            until_mono_s=now.mono_s + timeout_s,
            learnt=learnt,
        )
        self._changed()

    def may_enrol_own(self, resident_id: ResidentId) -> None:
        """Raises `NotForHolder` where a resident has so many cards that another is for the manager to enrol."""
        if sum(card.resident_id == resident_id for card in self.enrolled) >= MOST_OWN:
            msg = f"a resident enrols at most {MOST_OWN} cards themself"
            raise NotForHolder(msg)

    def enrol_no_more(self, resident_id: ResidentId, stall_id: StallId) -> None:
        """Wait no longer for this resident's card there."""
        if self.enrolling().get(stall_id) == resident_id:
            del self._enrolments[stall_id]

    def enrolling(self) -> dict[StallId, ResidentId]:
        """Return who waits for a card where."""
        now_mono_s = self._now().mono_s
        return {
            stall_id: enrolment.resident_id
            for stall_id, enrolment in self._enrolments.items()
            if now_mono_s < enrolment.until_mono_s
        }

    async def change(
        self,
        card_id: CardId,
        *,
        label: str,
        blocked: bool,
        month_wh: int | None,
        quiet: Hours | None,
        money_month_wh: int | EllipsisType | None = ...,
        blocked_by_holder: bool = False,
        by: ResidentId | None = None,
    ) -> None:
        """Change a card; what it started goes on. `by` is the resident who asks, None: somebody who may everything.

        `money_month_wh` stays as it is where nothing is said of it: only the app, which knows the money, does.
        A resident changes only their own cards, unblocks only what they blocked themself, and raises no limit; who
        blocked is not theirs to say. Raises `NotInBuilding`, `NotForHolder`, and `JournalError`.
        """
        before = self._own(card_id, by)
        if by is not None:
            _only_as_holder(before, blocked, month_wh)
            blocked_by_holder, money_month_wh = not _is_managers(before), ...
        card = replace(
            before,
            label=label,
            blocked=blocked,
            blocked_by_holder=blocked and blocked_by_holder,
            month_wh=month_wh,
            money_month_wh=before.money_month_wh if isinstance(money_month_wh, EllipsisType) else money_month_wh,
            quiet=quiet,
        )
        if not await self._journal.change_card(card, self._now().at):
            raise NotInBuilding(_not_enrolled(card_id))
        await self._look_again()

    async def remove(self, card_id: CardId, by: ResidentId | None = None) -> None:
        """Forget a card; what it started goes on. Raises `NotInBuilding`, `NotForHolder`, and `JournalError`.

        A resident, `by`, forgets no card that the manager blocked, and none that may less than a new one: enrolled
        anew it would be a card like any other.
        """
        card = self._own(card_id, by)
        if by is not None:
            _only_if_new_is_no_more(card)
        await self._journal.remove_card(card_id)
        await self._look_again()

    async def remove_all(self, resident_id: ResidentId, by: ResidentId | None = None) -> int:
        """Forget all cards of a resident; returns how many. Raises `JournalError`, and `NotForHolder` as `remove`."""
        # Asked of the journal: a card that is being enrolled right now is not in our own list yet.
        own = [card for card in await self._journal.cards() if card.resident_id == resident_id]
        if by is not None:
            for card in own:
                _only_if_new_is_no_more(card)
        for card in own:
            await self._journal.remove_card(card.id)
        await self._look_again()
        return len(own)

    async def assign(self, unknown_id: str, resident_id: ResidentId, label: str) -> CardId:
        """Make a card that was refused as unknown a resident's.

        Raises `NotInBuilding`, `CardConflict` when it is enrolled by now, and `JournalError`.
        """
        if resident_id not in self._residents():
            msg = f"resident {resident_id} is not in this building"
            raise NotInBuilding(msg)
        card_id = await self._journal.assign_card(
            unknown_id, resident_id, self._now().at, label=label, month_wh=CARD_MONTH_WH
        )
        if card_id is None:
            msg = f"unknown card {unknown_id} is not kept"
            raise NotInBuilding(msg)
        await self._look_again()
        return card_id

    def _own(self, card_id: CardId, by: ResidentId | None) -> CardRecord:
        """Return a card, to a resident only one of theirs: others are as unknown as none. Raises `NotInBuilding`."""
        card = self.card(card_id)
        if by is not None and card.resident_id != by:
            raise NotInBuilding(_not_enrolled(card_id))
        return card

    # --- what happens at readers -------------------------------------------------------------------------------

    async def take(self, stall_ids: Iterable[StallId], tap: Tap) -> bool:
        """Whether this tap, at the reader of these stalls, was taken as the enrolment that is waited for."""
        waiting = self.enrolling()
        stall_id = next((stall_id for stall_id in stall_ids if stall_id in waiting), None)
        if stall_id is None:
            return False
        enrolment = self._enrolments[stall_id]
        if match_card(self.enrolled, tap.fingerprint, tap.short) is not None:
            self._known_was_shown(stall_id, enrolment)
            return False
        if enrolment.resident_id not in self._residents():
            return False
        del self._enrolments[stall_id]
        try:
            card_id = await self._journal.add_card(
                fingerprints(self._journal.card_key, tap.uid),
                enrolment.resident_id,
                self._now().at,
                label=enrolment.label,
                weak=is_weak(tap.uid),
                month_wh=CARD_MONTH_WH,
            )
            await self._look_again()
        except (CardConflict, JournalError) as error:
            _LOGGER.error("a card could not be enrolled: %s", error)
            if isinstance(error, CardConflict):
                self._known_was_shown(stall_id, enrolment)
        else:
            _LOGGER.info("a card was enrolled")
            if enrolment.learnt is not None:
                enrolment.learnt(Learnt(card_id=card_id, tail=tail(tap.uid)))
        return True

    async def refused(self, stall_id: StallId, tap: Tap) -> None:
        """Nobody knows this card: keep it for a while, so that it can be given to somebody."""
        prints = fingerprints(self._journal.card_key, tap.uid)
        try:
            await self._journal.card_refused(
                prints, stall_id, self._now().at, tail=tail(tap.uid), weak=is_weak(tap.uid)
            )
            await self._look_again()
        except JournalError as error:
            _LOGGER.error("an unknown card could not be kept: %s", error)

    async def used(self, card_id: CardId) -> None:
        """A card let somebody in."""
        try:
            await self._journal.card_used(card_id, self._now().at)
            await self._look_again()
        except JournalError as error:
            _LOGGER.error("when a card was used could not be kept: %s", error)

    def _known_was_shown(self, stall_id: StallId, enrolment: _Enrolment) -> None:
        """Whoever waits for a card is told that one which is somebody's came, and never whose."""
        self._enrolments[stall_id] = replace(enrolment, known_shown=True)
        self._changed()

    async def _look_again(self) -> None:
        await self.load()
        self._changed()


_MANAGERS = "the manager blocked this card, and only the manager unblocks it"


def _not_enrolled(card_id: CardId) -> str:
    return f"card {card_id} is not enrolled"


def _is_managers(card: CardRecord) -> bool:
    """Whether the manager blocked it."""
    return card.blocked and not card.blocked_by_holder


def _only_as_holder(card: CardRecord, blocked: bool, month_wh: int | None) -> None:
    """Raises `NotForHolder` for what a resident may not do to their own card."""
    if _is_managers(card) and not blocked:
        raise NotForHolder(_MANAGERS)
    if card.month_wh is not None and (month_wh is None or month_wh > card.month_wh):
        msg = f"month_wh: only the manager raises a card's limit, which is {card.month_wh}"
        raise NotForHolder(msg)


def _only_if_new_is_no_more(card: CardRecord) -> None:
    """Raises `NotForHolder` where its holder, by enrolling it anew, would have more of it."""
    if _is_managers(card):
        raise NotForHolder(_MANAGERS)
    if card.money_month_wh is not None or (card.month_wh is not None and card.month_wh < CARD_MONTH_WH):
        msg = "this card is limited more than a new one, and only the manager removes it"
        raise NotForHolder(msg)
