"""Takes notices out of the house: what the books say is waiting, to phones and mailboxes, until it arrived or is old.

Each try is in the books before it is made, so a crash repeats at most that one; phones and mailboxes know a repetition
by its name. What is sent says no more than the portal's list of notices, and nothing that lets anyone in.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
import hashlib
import json
import logging

from sqlalchemy import Connection, select, update

from ..books.access_tables import notice, notice_delivery
from ..books.building import NoBuilding, the_building
from ..books.engine import Books
from ..books.schema import resident
from ..i18n import LANGUAGES, gettext_for, mark
from ..model import from_ms, to_ms
from ..portal.notice_texts import Told, told
from ..resident.mail_trouble import WAITS, try_mails_now
from ..resident.notices import EMAIL, KINDS, PUSH, Notice, as_notice
from ..resident.pushes import Subscription, drop_subscription, find_subscription
from ..web.formats import Formats
from .mail import Mail, Mailer
from .outcome import SENT, Fate, Outcome
from .push import Push, PushSender
from .webpush import MOST_BYTES

_LOGGER = logging.getLogger(__name__)

_LOOK_EVERY_S = 15
_AT_ONCE = 20
_AT_WORK = 4
"""Mail servers let one client in only so often at a time."""
_LONGEST_TEXT = 600

_FOOT = mark(
    "You get this because you are a resident of %(building)s. Which e-mails you get you choose on the portal, under Me."
)


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A notice on one of its ways."""

    notice: Notice
    channel: str
    target: str
    tries: int
    """With the one that is made now."""
    due_ms: int
    error: str | None
    """What the try before came to."""
    told: Told
    language: str
    building: str
    to: str | None
    """The resident's e-mail address."""
    subscription: Subscription | None
    """The phone, if it still takes pushes."""

    def ends(self) -> datetime:
        """Until when it is worth sending."""
        until_ms = self.notice.body.get("until_ms")
        if until_ms is not None:
            return from_ms(int(until_ms))
        return from_ms(self.notice.created_ms) + KINDS[self.notice.kind].useful


class Courier:
    """Delivers what waits."""

    def __init__(
        self,
        books: Books,
        clock: Callable[[], datetime],
        *,
        push: PushSender | None,
        mailer: Callable[[str], Mailer] | None,
        portal_url: str | None,
    ) -> None:
        """`push` and `mailer` (of the building's name) are None where the house has no such way."""
        self._books = books
        self._clock = clock
        self._push = push
        self._mailer = mailer
        self._portal_url = portal_url
        self._stirred = asyncio.Event()
        self._round = asyncio.Lock()

    def stir(self) -> None:
        """Look soon: something may wait."""
        self._stirred.set()

    async def run(self) -> None:
        """Deliver whatever waits, for as long as the app runs."""
        await self._books.write(partial(try_mails_now, now=self._clock()))
        while True:
            self._stirred.clear()
            try:
                while await self.deliver() == _AT_ONCE:
                    pass
            except Exception:
                # What could not be delivered waits for its next try; everything else must go on.
                _LOGGER.exception("Notices were not delivered; it is tried again")
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._stirred.wait()
            except TimeoutError:
                continue

    async def deliver(self) -> int:
        """Try everything that is due, and return how many that were."""
        # One round at a time: who asks for one finds everything tried that was due.
        async with self._round:
            return await self._deliver_due()

    async def _deliver_due(self) -> int:
        parcels = await self._books.write(partial(_take_due, now=self._clock()))
        at_work = asyncio.Semaphore(_AT_WORK)

        async def in_turn(parcel: Parcel) -> None:
            async with at_work:
                await self._deliver(parcel)

        await asyncio.gather(*(in_turn(one) for one in parcels))
        return len(parcels)

    async def _deliver(self, parcel: Parcel) -> None:
        now = self._clock()
        if parcel.notice.ends <= now:
            await self._books.write(partial(_let_lie, parcel=parcel))
            return
        if parcel.channel == PUSH:
            outcome = await self._send_push(parcel, now)
        else:
            outcome = await self._send_mail(parcel)
        await self._books.write(partial(_note_outcome, parcel=parcel, outcome=outcome, now=self._clock()))
        if outcome is SENT and parcel.channel == EMAIL:
            # What waited because no e-mail went may go now.
            await self._books.write(partial(try_mails_now, now=self._clock()))
            self.stir()

    async def _send_push(self, parcel: Parcel, now: datetime) -> Outcome:
        if self._push is None:
            return Outcome(fate=Fate.REFUSED, reason="the portal has no HTTPS address")
        if parcel.subscription is None:
            return Outcome(fate=Fate.REFUSED, reason="the phone takes no pushes any more")
        push = Push(
            subscription=parcel.subscription,
            message=push_message(parcel),
            life=parcel.notice.ends - now,
            urgent=KINDS[parcel.notice.kind].urgent,
        )
        return await self._push.send(push)

    async def _send_mail(self, parcel: Parcel) -> Outcome:
        if self._mailer is None:
            return Outcome(fate=Fate.REFUSED, reason="the house has no mail server")
        if not parcel.to:
            return Outcome(fate=Fate.REFUSED, reason="no address is known")
        mail = Mail(
            to=parcel.to,
            subject=f"{parcel.building}: {parcel.told.title}",
            text=mail_text(parcel, self._portal_url),
            mail_id=_name(parcel.notice.notice_id),
            written=from_ms(parcel.notice.created_ms),
        )
        return await self._mailer(parcel.building).send(mail)


def push_message(parcel: Parcel) -> bytes:
    """Return what a phone's worker shows, as JSON."""
    said = {
        "title": parcel.told.title,
        "body": parcel.told.text[:_LONGEST_TEXT],
        "address": parcel.told.address,
        "tag": _name(parcel.notice.notice_id),
        "lang": parcel.language,
    }
    message = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    if len(message) > MOST_BYTES:
        message = json.dumps(said | {"body": ""}, ensure_ascii=False, separators=(",", ":")).encode()
    return message


def mail_text(parcel: Parcel, portal_url: str | None) -> str:
    """Return the text of an e-mail. Its address only opens a page for those who are let in anyway."""
    lines = [parcel.told.title, "", parcel.told.text]
    if portal_url is not None:
        lines += ["", portal_url + parcel.told.address]
    foot = gettext_for(parcel.language)(_FOOT) % {"building": parcel.building}
    return "\n".join((*lines, "", "-- ", foot, ""))


def _take_due(conn: Connection, now: datetime) -> list[Parcel]:
    """Return what is due, each counted as tried and due again later."""
    try:
        building = the_building(conn)
    except NoBuilding:
        return []
    rows = conn.execute(
        select(notice_delivery, notice, resident.c.email, resident.c.language)
        .join(notice, notice.c.notice_id == notice_delivery.c.notice_id)
        .join(resident, resident.c.resident_id == notice.c.resident_id)
        .where(notice_delivery.c.state == "waiting", notice_delivery.c.next_ms <= to_ms(now))
        .order_by(notice_delivery.c.next_ms, notice_delivery.c.notice_id)
        .limit(_AT_ONCE)
    ).all()
    parcels = []
    for row in rows:
        this = as_notice(row)
        _change(
            conn,
            (this.notice_id, row.channel, row.target),
            tries=row.tries + 1,
            next_ms=to_ms(now + WAITS[min(row.tries, len(WAITS) - 1)]),
        )
        language = row.language if row.language in LANGUAGES else building.language
        try:
            words = told(this, gettext_for(language), Formats(language, building.zone))
        except KeyError, ValueError:
            # One that cannot be said must not keep all others from going out.
            _LOGGER.exception("A notice of the kind %s cannot be said", this.kind)
            _change(conn, (this.notice_id, row.channel, row.target), state="failed", error="cannot be said")
            continue
        is_push = row.channel == PUSH
        parcels.append(
            Parcel(
                notice=this,
                channel=row.channel,
                target=row.target,
                tries=row.tries + 1,
                due_ms=row.next_ms,
                error=row.error,
                told=words,
                language=language,
                building=building.name,
                to=row.email,
                subscription=find_subscription(conn, row.target, this.resident_id, now) if is_push else None,
            )
        )
    return parcels


def _let_lie(conn: Connection, parcel: Parcel) -> None:
    """Give up what is no news any more; it was not tried, and what kept it from going so far stays to be seen."""
    which = (parcel.notice.notice_id, parcel.channel, parcel.target)
    reason = parcel.error or "no news any more"
    _LOGGER.info("A notice (%s) was not delivered by %s in time: %s", parcel.notice.kind, parcel.channel, reason)
    _change(conn, which, state="failed", tries=parcel.tries - 1, next_ms=parcel.due_ms, error=reason)


def _note_outcome(conn: Connection, parcel: Parcel, outcome: Outcome, now: datetime) -> None:
    which = (parcel.notice.notice_id, parcel.channel, parcel.target)
    reason = outcome.reason or None
    if outcome.fate is Fate.SENT:
        _change(conn, which, state="sent", sent_ms=to_ms(now), error=None)
        return
    if outcome.fate is Fate.GONE and parcel.channel == PUSH:
        drop_subscription(conn, parcel.target)
    if outcome.fate is not Fate.LATER or parcel.tries > len(WAITS):
        _LOGGER.info("A notice (%s) was not delivered by %s: %s", parcel.notice.kind, parcel.channel, reason)
        _change(conn, which, state="failed", error=reason)
        return
    wait = WAITS[parcel.tries - 1]
    if outcome.not_before is not None:
        wait = max(wait, outcome.not_before)
    _change(conn, which, next_ms=to_ms(now + wait), error=reason)


def _change(conn: Connection, which: tuple[str, str, str], **values: object) -> None:
    notice_id, channel, target = which
    conn.execute(
        update(notice_delivery)
        .where(
            notice_delivery.c.notice_id == notice_id,
            notice_delivery.c.channel == channel,
            notice_delivery.c.target == target,
        )
        .values(**values)
    )


def _name(notice_id: str) -> str:
    """Return a name for the outside: ids of sessions and phones stay in the house."""
    return hashlib.sha256(notice_id.encode()).hexdigest()[:24]
