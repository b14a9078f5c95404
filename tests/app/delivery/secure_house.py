"""A house behind TLS with a mail server and a push service, which the app reaches as it would reach real ones."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
import json
from pathlib import Path
import re
from typing import Any

from aiohttp import ClientResponse, ClientSession, TCPConnector
from sqlalchemy import select, update

from evshare_app.books.access_tables import notice_delivery
from evshare_app.books.schema import resident
from tests.app.delivery.mailbox import SENDER, Mailbox, mail_server
from tests.app.delivery.phone import Names, Phone, PushService, base64url, push_service
from tests.app.house import Browser, Clock, Furnished, House, Page, open_house

PORTAL = "https://laden.example.org"
SERVICE = "updates.push.services.mozilla.com"


@dataclass
class SecureBrowser(Browser):
    """A browser that came through the owners' proxy: it has the public address in mind, and Secure cookies."""

    async def get(self, path: str, **headers: str) -> Page:
        return await super().get(path, **headers)

    async def post(self, path: str, fields: Mapping[str, str] | None = None, **headers: str) -> Page:
        return await super().post(path, fields, **({"Origin": PORTAL} | headers))

    async def _page(self, answer: ClientResponse) -> Page:  # type: ignore[override]
        for one in (*answer.history, answer):
            for cookie in one.headers.getall("Set-Cookie", []):
                self.headers["Cookie"] = cookie.partition(";")[0]
        return await Browser._page(answer)


@dataclass
class SecureHouse(House):
    """Browsers reach the portal under its public address."""

    def browser(self, port: int, **headers: str) -> Browser:
        plain = super().browser(port, **headers)
        if port != self.app.portal_port:
            return plain
        return SecureBrowser(http=plain.http, origin=plain.origin, headers=dict(headers))


@dataclass
class Outside:
    """What the house meets: its people's phones and mailboxes."""

    furnished: Furnished
    mailbox: Mailbox
    service: PushService

    async def subscribe(self, browser: Browser, name: str = "ada") -> Phone:
        """Have a browser take pushes, as its script does."""
        phone = Phone.new()
        fields = subscription(phone, self.service.endpoint(name))
        page = await browser.post("/me/push", fields | await csrf(browser))
        assert page.status == 204, page.text
        return phone

    async def give_address(self, resident_id: str, email: str, language: str = "en") -> None:
        books = self.furnished.house.app.books
        values = {"email": email, "language": language}
        await books.write(
            lambda conn: conn.execute(update(resident).where(resident.c.resident_id == resident_id).values(**values))
        )

    async def deliver(self) -> None:
        """Have everything tried that is due."""
        await self.furnished.house.app.courier.deliver()

    async def deliveries(self) -> list[tuple[str, str, int]]:
        """Return channel, state and tries of everything that was to be delivered."""
        rows = await self.furnished.house.app.books.read(
            lambda conn: conn.execute(select(notice_delivery).order_by(notice_delivery.c.next_ms)).all()
        )
        return [(row.channel, row.state, row.tries) for row in rows]


def subscription(phone: Phone, endpoint: str) -> dict[str, str]:
    return {"endpoint": endpoint, "p256dh": phone.p256dh, "auth": base64url(phone.auth)}


async def csrf(browser: Browser) -> dict[str, str]:
    found = re.search(r'name="csrf" value="([^"]+)"', (await browser.get("/me")).text)
    assert found
    return {"csrf": found[1]}


def said(phone: Phone, body: bytes) -> dict[str, Any]:
    """Return what a phone's worker is given to show."""
    shown: dict[str, Any] = json.loads(phone.read(body))
    return shown


@asynccontextmanager
async def open_outside(
    path: Path, clock: Clock | None = None, *, by_itself: bool = False, **settings: Any
) -> AsyncIterator[Outside]:
    """Open the house; notices go out when the test says so, or as the app does `by_itself`."""
    mailbox = Mailbox()
    path.joinpath("service").mkdir()
    async with mail_server(mailbox) as smtp, push_service(path / "service", SERVICE) as (service, trusted):
        chosen = {
            "portal_url": PORTAL,
            "smtp_host": smtp().host,
            "smtp_port": smtp().port,
            "smtp_tls": "none",
            "smtp_from": SENDER,
        }
        outside = {
            "push_http": lambda: ClientSession(connector=TCPConnector(resolver=Names(service), ssl=trusted)),
        }
        async with open_house(path / "house", clock, outside=outside, **(chosen | settings)) as house:
            if not by_itself:
                next(task for task in asyncio.all_tasks() if task.get_name() == "notices").cancel()
            secure = house
            if settings.get("portal_url", PORTAL) is not None:
                secure = SecureHouse(app=house.app, clock=house.clock, http=house.http, _open=house._open)
            yield Outside(furnished=await Furnished.of(secure), mailbox=mailbox, service=service)
