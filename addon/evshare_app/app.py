"""Wiring: opens the books, builds the three doors and their listeners, and runs what has to be done in between.

Three listeners on three ports, with no route on two of them: the portal for residents, the office for the manager, the
link for the integration. What a listener does not have cannot be reached through it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
import logging
from ssl import SSLContext

from aiohttp import ClientSession, web
from sqlalchemy import Connection

from .books.backup import LIVE, Shelf
from .books.engine import Books
from .books.lock import DataLock
from .books.reach import forget_other_addresses
from .books.restore import take_up
from .closing import Closing
from .commands import commands_of
from .control import ControlDoor
from .delivery.courier import Courier
from .delivery.mail import Mailer
from .delivery.push import PushSender, push_session
from .delivery.webpush import VapidKey
from .link.card_caps import keep_card_caps
from .link.door import LinkDoor
from .link.moving import remove_cards_left_behind
from .link.waiting import WaitingList
from .office.door import INGRESS_PEER, OfficeDoor, OfficeParts
from .office.rooms import office_routes
from .office.signing_in import forget_old_sessions
from .payment.rail import PaymentRefused
from .payment.stripe_client import create_client
from .payment.stripe_rail import StripeRail
from .portal.door import PortalDoor, PortalParts
from .portal.rooms import portal_routes
from .resident.devices import forget_old_cookies, forget_old_invites
from .resident.guest_phones import forget_old_guests
from .resident.intents import forget_old_intents
from .resident.moving import move_out_those_due
from .resident.notices import forget_old_notices
from .resident.passkeys import forget_old_challenges
from .resident.pushes import forget_dead_subscriptions
from .resident.short_codes import forget_old_codes
from .resident.statement_notices import note_statements
from .resident.sun import FactoryKey
from .resident.tags import TagKeys, forget_old_taps
from .safekeeping import Safekeeping, chain_is_wrong
from .settings import Settings
from .tokens import TokenKey, key_file, pairing_token
from .web.connections import BoundedRunner
from .web.listener import build_listener
from .web.relay import without_scripts
from .web.tls import Certificate

_LOGGER = logging.getLogger(__name__)

_HOUSEKEEPING_S = 3600
_CERTIFICATE_S = 60
_RULES_S = 60
"""How soon it shows that a day, a month or a price began: dates of moving, and what the integration is told."""
_MOST_CONNECTIONS = 100
"""Of one listener at the same time (security reference 2.6)."""
_OFFICE_BODY = 128 * 1024
"""Room for a tariff written as JSON."""


class App:
    """The running app."""

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        ingress_peer: str = INGRESS_PEER,
        push_http: Callable[[], ClientSession] = push_session,
        trusted: SSLContext | None = None,
    ) -> None:
        """`push_http` opens what pushes are sent with; `trusted` is whose certificates the mail server may have.

        Both are for tests, as is `ingress_peer`.
        """
        self.settings = settings
        self._push_http = push_http
        self._trusted = trusted
        self._clock = clock
        self._ingress_peer = ingress_peer
        self._runners: list[web.AppRunner] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._http: ClientSession | None = None
        self._pushing: ClientSession | None = None
        self._portal_is_open = False
        self.portal_port = settings.portal_port
        """The port in use; with port 0 in the settings the system chose it."""
        self.office_port = settings.office_port
        self.link_port = settings.link_port

    async def start(self) -> None:
        """Open the books and the doors."""
        settings = self.settings
        await self._open_books()
        self.pairing_token, is_new = pairing_token(settings.data_dir / "keys" / "pairing.token")
        if is_new:
            _say_how_to_pair(self.pairing_token, settings)
        key = TokenKey(key_file(settings.data_dir / "keys" / "token.key"))
        self.certificate = Certificate(settings) if settings.portal_certificate is not None else None
        tags = self._tags()
        self.rail = self._stripe()
        self.link = LinkDoor(self.books, self.pairing_token, self._clock)
        self.safekeeping = Safekeeping(self.books, settings.data_dir, self._clock, rail=self.rail, live=self.link.live)
        await self.safekeeping.begin()
        self.closing = Closing(self.books, self._clock, keys=settings.data_dir / "keys", rail=self.rail)
        self.waiting = WaitingList(
            self.books,
            self.link,
            self._clock,
            hold=timedelta(minutes=settings.hold_minutes),
            tap_joins=settings.tap_joins,
        )
        vapid = self._vapid()
        self.courier = self._courier(vapid)
        self.link.on_change = self._stir
        portal = PortalDoor(
            PortalParts(
                books=self.books,
                link=self.link,
                waiting=self.waiting,
                rail=self.rail,
                key=key,
                settings=settings,
                clock=self._clock,
                relay_token=self.pairing_token if settings.portal_base else None,
                tags=tags,
                push_key="" if vapid is None else vapid.public,
            )
        )
        office = OfficeDoor(
            OfficeParts(
                books=self.books,
                link=self.link,
                rail=self.rail,
                key=key,
                pairing_token=self.pairing_token,
                settings=settings,
                clock=self._clock,
                safekeeping=self.safekeeping,
                closing=self.closing,
                ingress_peer=self._ingress_peer,
                certificate=self.certificate,
                tags=tags,
            )
        )
        base = settings.portal_base
        self.portal_app = build_listener(
            portal, portal_routes(portal), finish=partial(without_scripts, base=base) if base else None
        )
        self.office_app = build_listener(office, office_routes(office), max_body=_OFFICE_BODY)
        self.link_app = build_listener(self.link, self.link.routes())
        keys = settings.data_dir / "keys"
        self._control = ControlDoor(settings.data_dir, commands_of(self.safekeeping, self.books, keys, self._clock))
        await self._control.open()
        await self.books.write(partial(forget_other_addresses, address=settings.portal_url))
        await self.follow_certificate()
        self.office_port = await self._listen(self.office_app, settings.office_host, settings.office_port)
        self.link_port = await self._listen(self.link_app, settings.link_host, settings.link_port)
        self._run(self._keep_house(), "housekeeping")
        self._run(self._keep_rules(), "rules")
        self._run(self.waiting.run(), "waiting list")
        self._run(self.courier.run(), "notices")
        self._run(self.safekeeping.run(), "safekeeping")
        self._run(self.closing.run(), "closing")
        if self.rail is not None:
            self._run(self.rail.run(), "payments")
        if self.certificate is not None:
            self._run(self._keep_certificate(), "certificate")
        _LOGGER.info(
            "Listening: portal on port %s, office on port %s, link on port %s",
            self.portal_port,
            self.office_port,
            self.link_port,
        )

    async def stop(self) -> None:
        """Close the doors, then the books."""
        for task in self._tasks:
            task.cancel()
        while self._tasks:
            with suppress(asyncio.CancelledError):
                await self._tasks.pop()
        await self._control.close()
        await self.link.close()
        while self._runners:
            await self._runners.pop().cleanup()
        self._portal_is_open = False
        for http in (self._http, self._pushing):
            if http is not None:
                await http.close()
        await self.safekeeping.note_position()
        await self.books.close()
        await asyncio.to_thread(self.safekeeping.shelf.hand_over, self.settings.data_dir / LIVE)
        self._lock.release()

    async def _open_books(self) -> None:
        """Have the data folder to ourselves, and books in it: its own, or those of the backup it came out of."""
        data_dir = self.settings.data_dir
        data_dir.mkdir(parents=True, exist_ok=True)
        self._lock = DataLock(data_dir)
        self._lock.take()
        shelf = Shelf(data_dir)
        try:
            restored = await asyncio.to_thread(take_up, data_dir, chain_is_wrong, self._clock())
            if restored is not None:
                _LOGGER.warning("There were no books; those of the backup %s are in their place", restored.source)
            await asyncio.to_thread(shelf.take_back, data_dir / LIVE)
            self.books = await Books.open(data_dir / LIVE, keep_in=shelf.folder)
        except BaseException:
            self._lock.release()
            raise

    def _tags(self) -> TagKeys | None:
        try:
            return TagKeys(key_file(self.settings.data_dir / "keys" / "tag.key"))
        except (FactoryKey, ValueError) as problem:
            _LOGGER.error("NFC tags prove nothing: %s", problem)
            return None

    def _vapid(self) -> VapidKey | None:
        """Return the key pushes are sent under; None where phones cannot subscribe, which takes TLS and scripts."""
        if not self.settings.portal_is_https or self.settings.portal_base:
            return None
        try:
            return VapidKey.at(self.settings.data_dir / "keys" / "vapid.key")
        except ValueError as problem:
            _LOGGER.error("No notices are pushed: keys/vapid.key cannot be used (%s)", problem)
            return None

    def _courier(self, vapid: VapidKey | None) -> Courier:
        settings, push = self.settings, None
        if vapid is not None and settings.portal_url is not None:
            self._pushing = self._push_http()
            push = PushSender(
                self._pushing,
                vapid,
                contact=settings.portal_url,
                more_hosts=settings.push_hosts,
                clock=self._clock,
            )
        smtp, trusted = settings.smtp, self._trusted
        mailer = None if smtp is None else lambda house: Mailer(smtp, house, trusted)
        return Courier(self.books, self._clock, push=push, mailer=mailer, portal_url=settings.portal_url)

    def _stir(self) -> None:
        self.waiting.stir()
        self.courier.stir()

    def _stripe(self) -> StripeRail | None:
        settings = self.settings
        if settings.stripe_key is None:
            return None
        key = settings.stripe_key
        http = self._http = ClientSession()
        try:
            return StripeRail(
                self.books, lambda: create_client(key, http, settings.stripe_api_base), self._clock, pause=asyncio.sleep
            )
        except PaymentRefused as problem:
            # A mistyped key must not take the books and the doors down with it.
            _LOGGER.error("Collecting by card is off: %s", problem)
            return None

    async def _keep_certificate(self) -> None:
        while True:
            await asyncio.sleep(_CERTIFICATE_S)
            try:
                await self.follow_certificate()
            except OSError as problem:
                _LOGGER.error("The portal could not be opened: %s", problem)

    async def follow_certificate(self) -> None:
        """Open the portal as soon as it can speak as it is to speak, and take up a renewed certificate."""
        certificate, settings = self.certificate, self.settings
        if certificate is not None:
            problem = certificate.problem
            if certificate.follow():
                _LOGGER.info("The portal's certificate is for %s until %s", certificate.names, certificate.expires)
            elif certificate.problem and certificate.problem != problem:
                state = "stays shut" if certificate.context is None else "keeps the certificate it had"
                _LOGGER.error("The portal %s. %s", state, certificate.problem)
            if certificate.context is None:
                return
        if not self._portal_is_open:
            context = None if certificate is None else certificate.context
            self.portal_port = await self._listen(
                self.portal_app, settings.portal_host, settings.portal_port, context=context
            )
            self._portal_is_open = True

    async def _listen(self, app: web.Application, host: str, port: int, *, context: SSLContext | None = None) -> int:
        runner = BoundedRunner(
            app,
            most=_MOST_CONNECTIONS,
            access_log=None,
            keepalive_timeout=15,
            shutdown_timeout=5,
            max_line_size=8190,
            max_field_size=8190,
        )
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, host, port, ssl_context=context)
        await site.start()
        return int(runner.addresses[0][1])

    def _run(self, work: Coroutine[object, object, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(_log_end)
        self._tasks.append(task)

    async def _keep_rules(self) -> None:
        while True:
            try:
                await self.apply_time()
            except Exception:
                # Tomorrow somebody else moves out.
                _LOGGER.exception("What is due by the calendar was not done; it is tried again")
            await asyncio.sleep(_RULES_S)

    async def apply_time(self) -> None:
        """Do what is due by the calendar: who moved out is out, and the integration is told what changed."""
        now = self._clock()
        await self.books.write(partial(move_out_those_due, now=now))
        await self.link.tell_all()
        await keep_card_caps(self.books, self.link, now)
        await remove_cards_left_behind(self.books, self.link, now)

    async def _keep_house(self) -> None:
        while True:
            now = self._clock()
            await self.books.write(partial(_forget, now=now))
            await self.books.write(partial(note_statements, now=now))
            await asyncio.sleep(_HOUSEKEEPING_S)


def _forget(conn: Connection, now: datetime) -> None:
    forget_old_intents(conn, now)
    forget_old_invites(conn, now)
    forget_old_codes(conn, now)
    forget_old_challenges(conn, now)
    forget_old_taps(conn, now)
    forget_old_guests(conn, now)
    forget_old_cookies(conn, now)
    forget_old_sessions(conn, now)
    forget_old_notices(conn, now)
    forget_dead_subscriptions(conn, now)


def _log_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (problem := task.exception()) is not None:
        _LOGGER.error("The task %s ended", task.get_name(), exc_info=problem)


def _say_how_to_pair(token: str, settings: Settings) -> None:
    _LOGGER.warning(
        "This is a new installation. In Home Assistant add the integration evshare and give it this app's link "
        "address (port %s) and the pairing token %s - it is shown only now; keep it secret.",
        settings.link_port,
        token,
    )
