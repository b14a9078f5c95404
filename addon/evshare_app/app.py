"""Wiring: opens the books, builds the three doors and their listeners, and runs what has to be done in between.

Three listeners on three ports, with no route on two of them: the portal for residents, the office for the manager, the
link for the integration. What a listener does not have cannot be reached through it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
import logging

from aiohttp import ClientSession, web
from sqlalchemy import Connection

from .books.engine import Books
from .link.door import LinkDoor
from .office import entry as office_entry
from .office.door import INGRESS_PEER, OfficeDoor, OfficeParts
from .office.house import HousePages
from .office.month import MonthPages
from .office.people import PeoplePages
from .office.signing_in import forget_old_sessions
from .office.stalls import StallPages as OfficeStallPages
from .office.tariff import TariffPage
from .office.today import TodayPage
from .payment.rail import PaymentRefused
from .payment.stripe_client import create_client
from .payment.stripe_rail import StripeRail
from .portal import entry as portal_entry
from .portal.door import PortalDoor, PortalParts, static_route
from .portal.me import MePages
from .portal.own import OwnPages
from .portal.stall import StallPages
from .resident.devices import forget_old_invites
from .resident.intents import forget_old_intents
from .settings import Settings
from .tokens import TokenKey, key_file, pairing_token
from .web.listener import Route, build_listener

_LOGGER = logging.getLogger(__name__)

_HOUSEKEEPING_S = 3600
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
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._ingress_peer = ingress_peer
        self._runners: list[web.AppRunner] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._http: ClientSession | None = None
        self.portal_port = settings.portal_port
        """The port in use; with port 0 in the settings the system chose it."""
        self.office_port = settings.office_port
        self.link_port = settings.link_port

    async def start(self) -> None:
        """Open the books and the doors."""
        settings = self.settings
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.books = await Books.open(settings.data_dir / "books.db")
        self.pairing_token, is_new = pairing_token(settings.data_dir / "keys" / "pairing.token")
        if is_new:
            _say_how_to_pair(self.pairing_token, settings)
        key = TokenKey(key_file(settings.data_dir / "keys" / "token.key"))
        self.rail = self._stripe()
        self.link = LinkDoor(self.books, self.pairing_token, self._clock)
        portal = PortalDoor(
            PortalParts(books=self.books, link=self.link, rail=self.rail, key=key, settings=settings, clock=self._clock)
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
                ingress_peer=self._ingress_peer,
            )
        )
        self.portal_app = build_listener(portal, portal_routes(portal))
        self.office_app = build_listener(office, office_routes(office), max_body=_OFFICE_BODY)
        self.link_app = build_listener(self.link, self.link.routes())
        self.portal_port = await self._listen(self.portal_app, settings.portal_host, settings.portal_port)
        self.office_port = await self._listen(self.office_app, settings.office_host, settings.office_port)
        self.link_port = await self._listen(self.link_app, settings.link_host, settings.link_port)
        self._run(self._keep_house(), "housekeeping")
        if self.rail is not None:
            self._run(self.rail.run(), "payments")
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
        await self.link.close()
        while self._runners:
            await self._runners.pop().cleanup()
        if self._http is not None:
            await self._http.close()
        await self.books.close()

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

    async def _listen(self, app: web.Application, host: str, port: int) -> int:
        runner = web.AppRunner(
            app, access_log=None, keepalive_timeout=15, shutdown_timeout=5, max_line_size=8190, max_field_size=8190
        )
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, host, port)
        await site.start()
        return int(runner.addresses[0][1])

    def _run(self, work: Coroutine[object, object, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(_log_end)
        self._tasks.append(task)

    async def _keep_house(self) -> None:
        while True:
            await self.books.write(partial(_forget, now=self._clock()))
            await asyncio.sleep(_HOUSEKEEPING_S)


def portal_routes(door: PortalDoor) -> Sequence[Route]:
    """Return everything the portal answers."""
    rooms = (portal_entry.Entry(door), StallPages(door), OwnPages(door), MePages(door))
    return (*static_route(), *(route for room in rooms for route in room.routes()))


def office_routes(door: OfficeDoor) -> Sequence[Route]:
    """Return everything the office answers."""
    rooms = (
        office_entry.Entry(door),
        TodayPage(door),
        PeoplePages(door),
        OfficeStallPages(door),
        TariffPage(door),
        MonthPages(door),
        HousePages(door),
    )
    return tuple(route for room in rooms for route in room.routes())


def _forget(conn: Connection, now: datetime) -> None:
    forget_old_intents(conn, now)
    forget_old_invites(conn, now)
    forget_old_sessions(conn, now)


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
