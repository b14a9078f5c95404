"""What the app asks of the building, decided here and answered once: asking again gets the same answer.

An answer is kept in the journal under the id of its ask. For a start it is written in the transaction that
authorises, so that no crash can make a second session of one ask.
"""

import asyncio
from collections.abc import Mapping
import logging
from typing import Any

from ..access import PhoneAsk
from ..building.door import Decision
from ..building.errors import AccessDenied, EnrolmentWaits, NotForHolder, NotInBuilding
from ..building.running import RunningBuilding
from ..journal import CardConflict
from ..model import DenyReason, ResidentId, SessionId, StallId, StopReason
from .frames import Frame, accepted, refused
from .messages import (
    Ask,
    AssignCardAsk,
    ChangeCardAsk,
    EnrolAsk,
    RemoveCardAsk,
    ResendAsk,
    RoleAsk,
    SetModeAsk,
    StartAsk,
    StopAsk,
)

_LOGGER = logging.getLogger(__name__)

_DENIALS: Mapping[DenyReason, str] = {
    DenyReason.UNKNOWN_RESIDENT: "This resident is not in the building.",
    DenyReason.BLOCKED_RESIDENT: "This resident is blocked.",
    DenyReason.STALL_IN_USE: "The stall is in use.",
    DenyReason.STALL_UNAVAILABLE: "The stall does not answer.",
    DenyReason.PLUG_TOO_OLD: "The car was plugged in more than 5 minutes ago.",
    DenyReason.PLUG_CHANGED: "Another car is plugged in than the page showed.",
    DenyReason.EXPIRED: "The request is too old.",
    DenyReason.QUOTA: "As many sessions are open as may be.",
    DenyReason.WRONG_STALL: "This stall is not among the allowed ones.",
    DenyReason.OUTSIDE_HOURS: "The resident may not start at this hour.",
    DenyReason.MONTH_USED_UP: "The energy of this month is used up.",
    DenyReason.NO_CREDIT: "The credit is used up.",
    DenyReason.LEFT_IN_USE: "Another session uses what is left.",
    DenyReason.HELD: "The stall is kept free for somebody else.",
    DenyReason.PASS_EXPIRED: "The pass is over or used up.",
}


class _Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Asks:
    """Answers the app's asks."""

    def __init__(self, building: RunningBuilding) -> None:
        self._building = building
        self._under_way: dict[str, asyncio.Task[Frame]] = {}

    async def answer(self, ask: Ask) -> Frame:
        """Return the body of the answer. Raises `JournalError` when it could not be decided durably."""
        if isinstance(ask, RoleAsk):
            return await self._role(ask)  # only looks; nothing to keep
        task = self._under_way.get(ask.id)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._answer_once(ask), name="evshare ask")
            self._under_way[ask.id] = task
            task.add_done_callback(lambda _done: self._under_way.pop(ask.id, None))
        # A lost connection must not end what was asked for in the middle.
        return await asyncio.shield(task)

    async def _answer_once(self, ask: Ask) -> Frame:
        journal = self._building.journal
        known: Frame | None = await journal.answered(ask.id)
        if known is not None:
            return known
        if isinstance(ask, StartAsk):
            return await self._start(ask)
        try:
            body = accepted(await self._act(ask))
        except _Refused as error:
            body = refused(error.code, str(error))
        except NotInBuilding as error:
            body = refused("not_found", str(error))
        await journal.remember_answer(ask.id, body, self._building.now().at)
        return body

    async def _start(self, ask: StartAsk) -> Frame:
        body: Frame = {}

        def remember(decision: Decision) -> Mapping[str, Any]:
            nonlocal body
            if isinstance(decision, DenyReason):
                body = refused(decision.value, _DENIALS.get(decision, "This is not allowed."))
            else:
                body = accepted({"session_id": decision})
            return {ask.id: body}

        wanted = PhoneAsk(
            id=ask.id,
            resident_id=ask.resident_id,
            plug_epoch=ask.plug_epoch,
            expires_at=ask.expires_at,
            mode=ask.mode,
            proof=ask.proof,
            guest=ask.guest,
        )
        try:
            await self._building.async_authorise(ask.stall_id, wanted, remember)
        except AccessDenied as denied:
            if not body:
                return refused(denied.reason.value, _DENIALS.get(denied.reason, "This is not allowed."))
        except NotInBuilding as error:
            return refused("not_found", str(error))
        return body

    async def _act(self, ask: Ask) -> Mapping[str, Any]:
        """Do what is asked; returns the result that is answered."""
        building = self._building
        match ask:
            case StopAsk(session_id=session_id, resident_id=resident_id):
                stall_id = self._own_stall(session_id, resident_id)
                reason = StopReason.OFFICE if resident_id is None else StopReason.PERSON
                await building.async_stop_session(stall_id, reason, session_id)
            case SetModeAsk(session_id=session_id, resident_id=resident_id, mode=mode):
                await building.async_set_mode(self._own_stall(session_id, resident_id), mode, session_id)
            case EnrolAsk(resident_id=resident_id, stall_id=stall_id, timeout_s=timeout_s, label=label):
                try:
                    await building.async_enrol_card(resident_id, stall_id, timeout_s, label, by_holder=ask.by_holder)
                except (EnrolmentWaits, NotForHolder) as error:
                    raise _Refused("not_allowed", str(error)) from error
            case ChangeCardAsk(card_id=card_id):
                try:
                    await building.cards.change(
                        card_id,
                        label=ask.label,
                        blocked=ask.blocked,
                        month_wh=ask.month_wh,
                        quiet=ask.quiet,
                        money_month_wh=ask.money_month_wh,
                        blocked_by_holder=ask.blocked_by_holder,
                        by=ask.resident_id,
                    )
                except NotForHolder as error:
                    raise _Refused("not_allowed", str(error)) from error
            case RemoveCardAsk(card_id=card_id):
                await building.cards.remove(card_id)
            case AssignCardAsk(unknown_id=unknown_id, resident_id=resident_id, label=label):
                try:
                    return {"card_id": await building.cards.assign(unknown_id, resident_id, label)}
                except CardConflict as error:
                    raise _Refused("bad_request", f"unknown_id: {error}") from error
            case ResendAsk(from_seq=from_seq):
                try:
                    await building.journal.resend_from(building.journal.outbox.incarnation, from_seq)
                except ValueError as error:
                    raise _Refused("bad_request", f"from_seq: {error}") from error
        return {}

    def _own_stall(self, session_id: SessionId, resident_id: ResidentId | None) -> StallId:
        stall = self._building.stall_with(session_id)
        session = stall.state.session
        if resident_id is not None and (session is None or session.resident_id != resident_id):
            raise _Refused("not_allowed", "resident_id: this is another resident's session")
        return stall.config.id

    async def _role(self, ask: RoleAsk) -> Frame:
        role, resident_id = await self._building.async_role(ask.user_id)
        return accepted({"role": role, "resident_id": resident_id})
